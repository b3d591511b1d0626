#include "server/service_watch.h"

#include <stdlib.h>
#include <time.h>

#include "core/base/assert.h"
#include "runtime/libev/clock.h"
#include "server/service_internal.h"
#include "server/service_watch_message.h"

/* A message is sent when it has so many bytes: a few hundred small events, well below what a client
 * takes in one message. */
#define MESSAGE_BYTES 65536

/* How often it is looked which watches are due for a progress, and whether there is a leader. */
#define TICK_MS 100

/* A node that has known no leader for so long sends its watchers elsewhere: longer than an election
 * takes. */
#define CUT_OFF_NS UINT64_C(3000000000)

/* d-engine's clients cannot ask for a progress. */
#define DENGINE_PROGRESS_MS 5000

#define NS_PER_MS UINT64_C(1000000)

struct de_service_watch {
    struct de_service *service;
    struct de_rpc_stream *stream;
    enum de_watch_protocol protocol;
    bool previous;
    /* Guarded by the pusher's mutex: */
    struct de_service_watch *next;
    struct de_service_watch **link;
    struct de_service_watch *next_due;
    struct de_watch_feed *feed; /* NULL: the request has not come, or was refused */
    bool due;
    bool closed;   /* the client has gone */
    bool sending;  /* a message is on its way */
    bool finished; /* the stream has its status: nothing more is sent */
    bool greets;   /* the first reply is yet to be sent: where it begins */
    uint64_t begins_after;
    bool wants_progress;
    uint64_t progress_ns; /* between two of them; 0 = none */
    uint64_t progress_at_ns;
};

static struct de_service_pusher *pusher_of(const struct de_service_watch *watch)
{
    return &watch->service->pusher;
}

/* Under the lock. */
static void mark(struct de_service_watch *watch)
{
    struct de_service_pusher *pusher = pusher_of(watch);

    if (!watch->due) {
        DE_ASSERT(watch->next_due == NULL);
        watch->due = true;
        *pusher->due_last = watch;
        pusher->due_last = &watch->next_due;
        (void)pthread_cond_signal(&pusher->worker.changed);
    }
}

/* The feed has something: on the applier, under the lock of the watches. */
static void feed_ready(void *context)
{
    struct de_service_watch *watch = context;
    struct de_service_pusher *pusher = pusher_of(watch);

    (void)pthread_mutex_lock(&pusher->worker.mutex);
    mark(watch);
    (void)pthread_mutex_unlock(&pusher->worker.mutex);
}

/* ---- the callbacks of a stream ---- */

static void *opened(struct de_service *service, struct de_rpc_stream *stream,
                    enum de_watch_protocol protocol)
{
    struct de_service_watch *watch = calloc(1, sizeof *watch);
    struct de_service_pusher *pusher = &service->pusher;

    if (watch == NULL) {
        return NULL;
    }
    de_rpc_stream_hold(stream);
    watch->service = service;
    watch->stream = stream;
    watch->protocol = protocol;
    (void)pthread_mutex_lock(&pusher->worker.mutex);
    watch->next = pusher->first;
    watch->link = &pusher->first;
    if (watch->next != NULL) {
        watch->next->link = &watch->next;
    }
    pusher->first = watch;
    (void)pthread_mutex_unlock(&pusher->worker.mutex);
    return watch;
}

static void *opened_ours(void *context, struct de_rpc_stream *stream)
{
    return opened(context, stream, DE_WATCH_OURS);
}

static void *opened_dengine(void *context, struct de_rpc_stream *stream)
{
    return opened(context, stream, DE_WATCH_DENGINE);
}

static void refuse(struct de_service_watch *watch, grpc_status_code code, const char *message)
{
    struct de_service_pusher *pusher = pusher_of(watch);

    (void)pthread_mutex_lock(&pusher->worker.mutex);
    watch->finished = true;
    (void)pthread_mutex_unlock(&pusher->worker.mutex);
    de_rpc_stream_finish(watch->stream, code, message);
}

/* Opens the feed that was asked for. */
static void begin(struct de_service_watch *watch, struct de_watch_request *request)
{
    struct de_service_pusher *pusher = pusher_of(watch);
    struct de_watch_feed *feed;
    int err;

    request->options.ready = feed_ready;
    request->options.context = watch;
    err = de_watches_open(watch->service->watches, &request->options, &feed);
    if (err == DENGINE_E_BUSY) {
        refuse(watch, GRPC_STATUS_RESOURCE_EXHAUSTED,
               "as many watchers as raft.watch.max_watchers allows");
    } else if (err == DENGINE_E_NO_MEMORY) {
        refuse(watch, GRPC_STATUS_UNAVAILABLE, "out of memory");
    } else if (err != 0) {
        refuse(watch, GRPC_STATUS_INVALID_ARGUMENT,
               "a key that is too long, or a range that makes no sense");
    } else {
        (void)pthread_mutex_lock(&pusher->worker.mutex);
        watch->feed = feed;
        watch->previous = request->previous;
        watch->greets = watch->protocol == DE_WATCH_OURS;
        watch->begins_after = feed->ops->revision(feed);
        if (request->options.from_revision != 0) {
            watch->begins_after = request->options.from_revision - 1;
        }
        watch->progress_ns = request->progress_ms * NS_PER_MS;
        if (watch->protocol == DE_WATCH_DENGINE) {
            watch->progress_ns = DENGINE_PROGRESS_MS * NS_PER_MS;
        }
        watch->progress_at_ns = de_clock_now_ns() + watch->progress_ns;
        mark(watch);
        (void)pthread_mutex_unlock(&pusher->worker.mutex);
    }
}

static bool message(void *stream_object, struct dengine_slice bytes)
{
    struct de_service_watch *watch = stream_object;
    struct de_service_pusher *pusher = pusher_of(watch);
    struct de_watch_request request;
    bool first;

    (void)pthread_mutex_lock(&pusher->worker.mutex);
    first = watch->feed == NULL && !watch->finished && !watch->closed;
    if (!first && watch->feed != NULL && !watch->closed && watch->protocol == DE_WATCH_OURS) {
        watch->wants_progress = true;
        mark(watch);
    }
    (void)pthread_mutex_unlock(&pusher->worker.mutex);
    if (!first) {
        return true;
    }
    if (!de_service_attached(watch->service)) {
        refuse(watch, GRPC_STATUS_UNAVAILABLE, "the node is starting");
    } else if (de_watch_request_read(&request, watch->protocol, bytes) != 0) {
        refuse(watch, GRPC_STATUS_INVALID_ARGUMENT, "not a WatchRequest");
    } else {
        begin(watch, &request);
        de_watch_request_free(&request, watch->protocol);
    }
    return true;
}

static void sent(void *stream_object)
{
    struct de_service_watch *watch = stream_object;
    struct de_service_pusher *pusher = pusher_of(watch);

    (void)pthread_mutex_lock(&pusher->worker.mutex);
    watch->sending = false;
    mark(watch);
    (void)pthread_mutex_unlock(&pusher->worker.mutex);
}

static void closed(void *stream_object)
{
    struct de_service_watch *watch = stream_object;
    struct de_service_pusher *pusher = pusher_of(watch);

    (void)pthread_mutex_lock(&pusher->worker.mutex);
    watch->closed = true;
    mark(watch);
    (void)pthread_mutex_unlock(&pusher->worker.mutex);
}

static void ended(void *stream_object)
{
    struct de_service_watch *watch = stream_object;

    DE_ASSERT(watch->closed && watch->feed == NULL);
    free(watch);
}

int de_service_add_watch_methods(struct de_service *service, struct de_rpc_server *server)
{
    static const struct de_rpc_stream_ops ours = {opened_ours, message, sent, closed, ended};
    static const struct de_rpc_stream_ops dengine = {opened_dengine, message, sent, closed, ended};
    int err = de_rpc_server_add_stream(server, "/dengine.watch.WatchService/Watch", &ours, service);

    return err != 0 ? err
                    : de_rpc_server_add_stream(server, "/d_engine.client.RaftClientService/Watch",
                                               &dengine, service);
}

/* ---- the pusher: one watch ---- */

/* The client has gone: nothing of the watch is used after this. */
static void let_go(struct de_service_watch *watch)
{
    struct de_service_pusher *pusher = pusher_of(watch);
    struct de_watch_feed *feed = watch->feed;

    if (feed != NULL) {
        feed->ops->close(feed);
    }
    (void)pthread_mutex_lock(&pusher->worker.mutex);
    watch->feed = NULL;
    if (watch->due) { /* once more, by the feed or by time */
        struct de_service_watch **at = &pusher->due;

        while (*at != watch) {
            at = &(*at)->next_due;
        }
        *at = watch->next_due;
        if (pusher->due_last == &watch->next_due) {
            pusher->due_last = at;
        }
    }
    *watch->link = watch->next;
    if (watch->next != NULL) {
        watch->next->link = watch->link;
    }
    (void)pthread_mutex_unlock(&pusher->worker.mutex);
    de_rpc_stream_release(watch->stream);
}

/* What one pass over a feed has found. */
struct pass {
    struct de_watch_message *message;
    bool something; /* there is a message */
    bool caught_up;
    int end; /* what the feed ended with; 0 = it goes on */
    int err; /* NO_MEMORY */
};

static void take_events(struct de_service_watch *watch, struct pass *pass)
{
    const bool one = watch->protocol == DE_WATCH_DENGINE;

    DE_ASSERT(pass->err == 0 && !pass->caught_up);
    while (pass->err == 0 && pass->end == 0 && !pass->caught_up &&
           pass->message->size < MESSAGE_BYTES && !(one && pass->something)) {
        struct dengine_event event;
        const int err = watch->feed->ops->next(watch->feed, &event);
        const uint64_t revision = watch->feed->ops->revision(watch->feed);

        if (err == 0) {
            pass->err =
                de_watch_message_event(pass->message, watch->protocol, &event, watch->previous);
            pass->something = true;
        } else if (err == DENGINE_E_TIMEOUT) {
            pass->caught_up = true;
        } else if (err == DENGINE_E_SHUTDOWN) {
            pass->end = err;
        } else {
            pass->end = err;
            pass->err = de_watch_message_end(pass->message, watch->protocol, err, revision);
            pass->something = true;
        }
    }
}

static void fill(struct de_service_watch *watch, bool wants_progress, struct pass *pass)
{
    const bool one = watch->protocol == DE_WATCH_DENGINE;

    if (watch->greets) {
        pass->err = de_watch_message_progress(pass->message, watch->protocol, watch->begins_after);
        pass->something = true;
    }
    if (pass->err == 0) {
        take_events(watch, pass);
    }
    if (pass->err == 0 && pass->caught_up && wants_progress && !(one && pass->something)) {
        pass->err = de_watch_message_progress(pass->message, watch->protocol,
                                              watch->feed->ops->revision(watch->feed));
        pass->something = true;
    }
}

static void finish(struct de_service_watch *watch, grpc_status_code code, const char *text)
{
    struct de_service_pusher *pusher = pusher_of(watch);

    (void)pthread_mutex_lock(&pusher->worker.mutex);
    watch->finished = true;
    (void)pthread_mutex_unlock(&pusher->worker.mutex);
    de_rpc_stream_finish(watch->stream, code, text);
}

/* Sends what there is, if the last message has gone out. */
static void push(struct de_service_watch *watch, bool wants_progress,
                 struct de_watch_message *message)
{
    struct de_service_pusher *pusher = pusher_of(watch);
    struct pass pass = {.message = message};

    message->size = 0;
    fill(watch, wants_progress, &pass);
    if (pass.err != 0) {
        /* What was taken from the feed is lost here; the client goes on from what it has got. */
        finish(watch, GRPC_STATUS_UNAVAILABLE, "out of memory");
        return;
    }
    (void)pthread_mutex_lock(&pusher->worker.mutex);
    watch->greets = false;
    watch->sending = pass.something;
    if (wants_progress && !pass.caught_up) {
        watch->wants_progress = true; /* not yet */
    }
    if (pass.something && pass.caught_up) {
        watch->progress_at_ns = de_clock_now_ns() + watch->progress_ns;
    }
    (void)pthread_mutex_unlock(&pusher->worker.mutex);
    if (pass.something) {
        (void)de_rpc_stream_send(watch->stream, dengine_bytes(message->bytes, message->size));
    }
    if (pass.end == DENGINE_E_SHUTDOWN) {
        finish(watch, GRPC_STATUS_UNAVAILABLE, "the node is shutting down");
    } else if (pass.end != 0) {
        finish(watch, watch->protocol == DE_WATCH_OURS ? GRPC_STATUS_OK : GRPC_STATUS_UNAVAILABLE,
               "the watch has fallen behind: watch again");
    }
}

/* ---- the pusher: all of them ---- */

/* Marks those whose progress is due. Under the lock. */
static void tick(struct de_service_pusher *pusher)
{
    const uint64_t now_ns = de_clock_now_ns();
    struct de_service_watch *watch;
    struct dengine_status status = {.ready = true};
    bool cut_off;

    if (pusher->first == NULL) {
        return;
    }
    if (de_service_attached(pusher->service)) {
        de_replica_status(pusher->service->replica, &status);
    }
    if (status.leader != 0 || status.ready) {
        pusher->cut_off_ns = 0;
    } else if (pusher->cut_off_ns == 0) {
        pusher->cut_off_ns = now_ns;
    }
    cut_off = pusher->cut_off_ns != 0 && now_ns - pusher->cut_off_ns > CUT_OFF_NS;
    for (watch = pusher->first; watch != NULL; watch = watch->next) {
        const bool wants =
            watch->progress_ns != 0 && now_ns >= watch->progress_at_ns && watch->feed != NULL;

        if (wants && !watch->sending) {
            watch->wants_progress = true;
            mark(watch);
        }
        if (pusher->draining || (cut_off && watch->protocol == DE_WATCH_OURS)) {
            mark(watch);
        }
    }
}

/* Whatever there is to do for one watch; takes the lock again at its end. */
static void serve(struct de_service_pusher *pusher, struct de_service_watch *watch,
                  struct de_watch_message *message)
{
    const bool gone = watch->closed;
    const bool wants_progress = watch->wants_progress;
    const bool elsewhere =
        pusher->draining || (watch->protocol == DE_WATCH_OURS && pusher->cut_off_ns != 0 &&
                             de_clock_now_ns() - pusher->cut_off_ns > CUT_OFF_NS);
    const bool idle = watch->feed == NULL || watch->sending || watch->finished;

    watch->wants_progress = wants_progress && idle;
    (void)pthread_mutex_unlock(&pusher->worker.mutex);
    if (gone) {
        let_go(watch);
    } else if (elsewhere) {
        finish(watch, GRPC_STATUS_UNAVAILABLE,
               pusher->draining ? "the node is shutting down" : "the node knows no leader");
    } else if (!idle) {
        push(watch, wants_progress, message);
    }
    (void)pthread_mutex_lock(&pusher->worker.mutex);
}

static void *pusher_main(void *argument)
{
    struct de_service_pusher *pusher = argument;
    struct de_watch_message message = {0};
    uint64_t tick_ns = de_clock_now_ns();

    (void)pthread_mutex_lock(&pusher->worker.mutex);
    while (!pusher->worker.stopping) {
        struct de_service_watch *watch = pusher->due;

        if (de_clock_now_ns() >= tick_ns) {
            tick(pusher);
            tick_ns = de_clock_now_ns() + TICK_MS * NS_PER_MS;
        } else if (watch != NULL) {
            pusher->due = watch->next_due;
            if (pusher->due == NULL) {
                pusher->due_last = &pusher->due;
            }
            watch->next_due = NULL;
            watch->due = false;
            serve(pusher, watch, &message);
        } else {
            const struct timespec until = de_clock_wait_until(tick_ns);

            (void)pthread_cond_timedwait(&pusher->worker.changed, &pusher->worker.mutex, &until);
        }
    }
    (void)pthread_mutex_unlock(&pusher->worker.mutex);
    free(message.bytes);
    return NULL;
}

int de_service_pusher_start(struct de_service_pusher *pusher, struct de_service *service)
{
    pusher->service = service;
    pusher->due_last = &pusher->due;
    return de_worker_start(&pusher->worker, pusher_main, pusher) ? 0 : DENGINE_E_NO_MEMORY;
}

void de_service_pusher_stop(struct de_service_pusher *pusher)
{
    de_worker_stop(&pusher->worker);
    DE_ASSERT(pusher->first == NULL && pusher->due == NULL);
}

void de_service_pusher_drain(struct de_service_pusher *pusher)
{
    (void)pthread_mutex_lock(&pusher->worker.mutex);
    pusher->draining = true;
    tick(pusher);
    (void)pthread_mutex_unlock(&pusher->worker.mutex);
}
