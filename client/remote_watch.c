#include "client/remote_watch.h"

#include <stdlib.h>
#include <string.h>

#include "client/policy/verdict.h"
#include "core/base/assert.h"

DE_STATIC_ASSERT(DE_ENDPOINTS_MAX <= 64, "compacted_at has a bit for each");

static void notify(struct de_remote_watch *watch)
{
    if (watch->options.ready != NULL && !watch->closed) {
        watch->options.ready(watch->options.context);
    }
}

static void end(struct de_remote_watch *watch, int err, uint64_t revision)
{
    DE_ASSERT(err != 0);
    if (watch->result == 0) {
        watch->result = err;
        watch->result_revision = revision;
        notify(watch);
    }
}

void de_remote_watch_free(struct de_remote_watch *watch)
{
    DE_ASSERT(watch->call == NULL && watch->pending == 0);
    if (watch->reply != NULL) {
        dengine__watch__watch_reply__free_unpacked(watch->reply, NULL);
    }
    free(watch);
}

/* ---- where to watch ---- */

/* Every endpoint has said that it does not remember, or cannot be reached. */
static bool compacted_everywhere(const struct de_remote_watch *watch)
{
    const struct de_remote *remote = watch->remote;
    size_t i;

    if (watch->compacted_at == 0) {
        return false;
    }
    for (i = 0; i < remote->endpoint_count; i++) {
        const struct de_remote_endpoint *endpoint = remote->endpoints[i];

        if ((watch->compacted_at >> i & 1) == 0 &&
            (de_remote_ready(endpoint) || remote->route.peers[endpoint->peer].failures == 0)) {
            return false;
        }
    }
    return true;
}

/* Another one than last time, if there is one. */
static struct de_remote_endpoint *choose(struct de_remote_watch *watch)
{
    struct de_remote *remote = watch->remote;
    struct de_remote_endpoint *found = NULL;
    size_t i;

    for (i = 0; i < remote->endpoint_count; i++) {
        const size_t at = (remote->route.turn + i) % remote->endpoint_count;

        if ((watch->compacted_at >> at & 1) == 0 && de_remote_ready(remote->endpoints[at]) &&
            (found == NULL || found == watch->avoid)) {
            found = remote->endpoints[at];
        }
    }
    remote->route.turn++;
    return found;
}

bool de_remote_watches_settle(struct de_remote *remote, uint64_t now_ns, uint64_t *due_ns)
{
    struct de_remote_watch *watch;
    bool waits = false;

    for (watch = remote->watches; watch != NULL; watch = watch->next) {
        struct de_remote_endpoint *endpoint = NULL;

        if (watch->call != NULL || watch->result != 0 || watch->reply != NULL) {
            continue; /* it has a stream, or needs none: what has come is to be read first */
        }
        if (remote->closing) {
            end(watch, DENGINE_E_SHUTDOWN, 0);
        } else if (watch->not_before_ns > now_ns) {
            *due_ns = watch->not_before_ns < *due_ns ? watch->not_before_ns : *due_ns;
        } else if (compacted_everywhere(watch)) {
            end(watch, DENGINE_E_COMPACTED, watch->result_revision);
        } else {
            endpoint = choose(watch);
            if (endpoint != NULL) {
                de_remote_stream_begin(watch, endpoint);
            } else {
                waits = true;
            }
        }
    }
    return waits;
}

void de_remote_watches_cancel(struct de_remote *remote)
{
    struct de_remote_watch *watch;

    DE_ASSERT(remote->closing);
    for (watch = remote->watches; watch != NULL; watch = watch->next) {
        de_remote_stream_cancel(watch);
    }
}

/* ---- what a stream tells ---- */

void de_remote_watch_arrived(struct de_remote_watch *watch)
{
    DE_ASSERT(watch->reply != NULL && watch->at == 0);
    watch->failures = 0;
    notify(watch);
}

/* 0: watch elsewhere. */
static int final_error(grpc_status_code status)
{
    switch ((int)status) {
    case GRPC_STATUS_INVALID_ARGUMENT:
        return DENGINE_E_INVALID;
    case GRPC_STATUS_UNIMPLEMENTED:
        return DENGINE_E_VERSION;
    case GRPC_STATUS_RESOURCE_EXHAUSTED:
        return DENGINE_E_BUSY;
    case GRPC_STATUS_PERMISSION_DENIED:
    case GRPC_STATUS_UNAUTHENTICATED:
        return DENGINE_E_PERMISSION;
    default:
        return 0;
    }
}

void de_remote_watch_broken(struct de_remote_watch *watch, grpc_status_code status)
{
    struct de_remote *remote = watch->remote;
    const int err = final_error(status);
    const uint32_t wait_ms = de_backoff_ms(watch->failures, de_random_next(&remote->route.random));

    DE_ASSERT(watch->call == NULL);
    if (err != 0) {
        end(watch, err, 0);
    }
    watch->avoid = watch->endpoint;
    watch->failures++;
    watch->not_before_ns = de_exchange_now_ns() + wait_ms * UINT64_C(1000000);
    remote->unsettled = true;
}

/* ---- the feed ---- */

/* What stands in the reply besides events, which have all been given. Frees it. */
static void conclude(struct de_remote_watch *watch)
{
    Dengine__Watch__WatchReply *reply = watch->reply;
    const struct de_remote *remote = watch->remote;
    size_t i;

    DE_ASSERT(watch->at == reply->n_events);
    if (reply->has_progress && reply->end == DENGINE__WATCH__WATCH_END__WATCH_END_NONE &&
        (watch->from == 0 || reply->progress >= watch->from)) {
        watch->from = reply->progress + 1;
        watch->given = 0;
        watch->to_skip = 0;
    }
    if (reply->end == DENGINE__WATCH__WATCH_END__WATCH_END_CANCELED) {
        end(watch, DENGINE_E_CANCELED, reply->revision);
    } else if (reply->end == DENGINE__WATCH__WATCH_END__WATCH_END_COMPACTED) {
        for (i = 0; i < remote->endpoint_count; i++) {
            watch->compacted_at |= (uint64_t)(remote->endpoints[i] == watch->endpoint) << i;
        }
        watch->result_revision = reply->revision;
    } else {
        watch->compacted_at = 0;
    }
    dengine__watch__watch_reply__free_unpacked(reply, NULL);
    watch->reply = NULL;
}

static struct dengine_slice slice_of(const ProtobufCBinaryData *data)
{
    return dengine_bytes(data->data, data->len);
}

/* Whether the user gets it: not what it got from an earlier stream. */
static bool take(struct de_remote_watch *watch, const Dengine__Watch__WatchEvent *from,
                 struct dengine_event *event)
{
    if (from->revision < watch->from) {
        return false;
    }
    if (from->revision == watch->from && watch->to_skip > 0) {
        watch->to_skip--;
        return false;
    }
    if (from->revision != watch->from) {
        watch->from = from->revision;
        watch->given = 0;
        watch->to_skip = 0;
    }
    watch->given++;
    *event =
        (struct dengine_event){.type = from->is_delete ? DENGINE_EVENT_DELETE : DENGINE_EVENT_PUT,
                               .expired = from->expired != 0,
                               .had_previous = from->had_previous != 0,
                               .revision = from->revision,
                               .create_revision = from->create_revision,
                               .version = from->version,
                               .lease = from->lease,
                               .key = slice_of(&from->key),
                               .value = slice_of(&from->value),
                               .previous = slice_of(&from->previous)};
    return true;
}

static int feed_next(struct de_watch_feed *base, struct dengine_event *event)
{
    struct de_remote_watch *watch = DE_CONTAINER_OF(base, struct de_remote_watch, feed);
    struct de_remote *remote = watch->remote;
    bool found = false;
    int err;

    de_remote_enter(remote);
    while (!found && watch->reply != NULL && watch->at < watch->reply->n_events) {
        found = take(watch, watch->reply->events[watch->at++], event);
    }
    if (!found && watch->reply != NULL) {
        conclude(watch);
        if (watch->result == 0) {
            de_remote_stream_receive(watch);
        }
        remote->unsettled = true;
    }
    err = found ? 0 : watch->result != 0 ? watch->result : DENGINE_E_TIMEOUT;
    de_remote_leave(remote);
    return err;
}

static uint64_t feed_revision(const struct de_watch_feed *base)
{
    const struct de_remote_watch *watch = DE_CONTAINER_OF(base, const struct de_remote_watch, feed);
    struct de_remote *remote = watch->remote;
    uint64_t revision;

    (void)pthread_mutex_lock(&remote->mutex);
    revision = watch->result == DENGINE_E_CANCELED || watch->result == DENGINE_E_COMPACTED
                   ? watch->result_revision
               : watch->from > 0 ? watch->from - 1
                                 : 0;
    (void)pthread_mutex_unlock(&remote->mutex);
    return revision;
}

static void feed_progress(struct de_watch_feed *base)
{
    struct de_remote_watch *watch = DE_CONTAINER_OF(base, struct de_remote_watch, feed);

    de_remote_enter(watch->remote);
    de_remote_stream_ask(watch);
    de_remote_leave(watch->remote);
}

static void feed_close(struct de_watch_feed *base)
{
    struct de_remote_watch *watch = DE_CONTAINER_OF(base, struct de_remote_watch, feed);
    struct de_remote *remote = watch->remote;

    de_remote_enter(remote);
    watch->closed = true;
    *watch->previous = watch->next;
    if (watch->next != NULL) {
        watch->next->previous = watch->previous;
    }
    if (watch->call != NULL) {
        de_remote_stream_cancel(watch);
        de_remote_leave(remote); /* the end of the stream frees it */
    } else {
        de_remote_watch_free(watch);
        de_remote_leave_and_drop(remote);
    }
}

static const struct de_watch_feed_ops feed_ops = {feed_next, feed_revision, feed_progress,
                                                  feed_close};

/* ---- beginning ---- */

int de_remote_watch(struct dengine_client *client, const struct dengine_watch_options *options,
                    struct de_watch_feed **feed)
{
    struct de_remote *remote = DE_CONTAINER_OF(client, struct de_remote, base);
    struct de_remote_watch *watch =
        calloc(1, sizeof *watch + options->from.size + options->end.size);

    if (watch == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    watch->feed.ops = &feed_ops;
    watch->remote = remote;
    watch->options = *options;
    if (options->from.size > 0) {
        memcpy(watch->bytes, options->from.data, options->from.size);
    }
    if (options->end.size > 0) {
        memcpy(watch->bytes + options->from.size, options->end.data, options->end.size);
    }
    watch->options.from = dengine_bytes(watch->bytes, options->from.size);
    watch->options.end = dengine_bytes(watch->bytes + options->from.size, options->end.size);
    watch->from = options->from_revision;
    *feed = &watch->feed;
    de_remote_enter(remote);
    remote->users++;
    watch->next = remote->watches;
    watch->previous = &remote->watches;
    if (watch->next != NULL) {
        watch->next->previous = &watch->next;
    }
    remote->watches = watch;
    remote->unsettled = true;
    de_remote_leave(remote);
    return 0;
}
