/* A session (thesis 6.3): a client on top of another one. Its writes are numbered, and sent again
 * under the same number as long as it is open what became of them: see client/policy/repeat.h and
 * numbers.h, which also simulated clients decide by. */
#include <dengine/session.h>

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/call_copy.h"
#include "client/calling_back.h"
#include "client/helper.h"
#include "client/monotonic.h"
#include "client/policy/numbers.h"
#include "client/policy/repeat.h"
#include "client/waiter.h"
#include "core/base/assert.h"

DE_STATIC_ASSERT(DE_NUMBERS_WINDOW == DENGINE_SESSION_CALLS_MAX, "what the manual says");

struct call {
    struct dengine_session *session;
    struct call *next; /* of the outstanding ones, ascending by number */
    struct de_client_call wanted;
    struct de_client_call attempt;
    struct de_repeat repeat;
    char text[256]; /* of the last attempt, for dengine_last_error */
    alignas(max_align_t) uint8_t room[];
};

struct dengine_session {
    struct dengine_client base;
    struct dengine_client *below;
    struct de_task task; /* sends again what is due, and closes */
    struct dengine_keeper *keeper;
    uint64_t id;
    dengine_session_callback *opened;
    void *opened_context;
    dengine_callback *closed;
    void *closed_context;
    bool keeper_closing; /* of the helper */
    pthread_mutex_t mutex;
    /* Guarded by mutex: */
    struct call *outstanding;
    struct de_numbers numbers;
    uint32_t count;
    uint32_t starting; /* callers that are still here, though their calls may have ended */
    bool closing;
};

static struct dengine_session *session_of(struct dengine_client *client)
{
    return DE_CONTAINER_OF(client, struct dengine_session, base);
}

/* ---- the end of a call ---- */

/* Under the lock. */
static void remove_call(struct dengine_session *session, struct call *call)
{
    struct call **at = &session->outstanding;

    while (*at != call) {
        DE_ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    *at = call->next;
    DE_ASSERT(session->count > 0);
    session->count--;
    de_numbers_end(&session->numbers, call->repeat.number);
}

/* Under the lock, which it gives up. What was done may be all that a close has waited for. */
static void leave(struct dengine_session *session, bool due)
{
    struct de_helper *helper = due || session->closing ? de_task_due(&session->task) : NULL;

    (void)pthread_mutex_unlock(&session->mutex);
    if (helper != NULL) {
        de_helper_go(helper);
    }
}

/* Hands reply to the user. The number counts as acknowledged from now on: whatever is still under
 * way of it will be refused as STALE, so it is done at most once. */
static void finish(struct call *call, struct dengine_reply *reply)
{
    struct dengine_session *session = call->session;

    call->wanted.callback(call->wanted.context, reply);
    (void)pthread_mutex_lock(&session->mutex);
    remove_call(session, call);
    leave(session, false);
    free(call);
}

static void answered(void *context, struct dengine_reply *reply)
{
    struct call *call = context;
    struct dengine_session *session = call->session;
    bool again;

    (void)snprintf(call->text, sizeof call->text, "%.255s",
                   reply->status == 0 ? "" : de_client_get_last_error());
    (void)pthread_mutex_lock(&session->mutex);
    again = de_repeat_answered(&call->repeat, reply->status, session->closing, de_monotonic_ns(),
                               &reply->status);
    leave(session, again);
    if (!again) {
        finish(call, reply);
    }
}

static void fail(struct call *call, int err)
{
    struct dengine_reply reply = {.status = de_repeat_verdict(&call->repeat, err)};

    de_client_set_last_error("%s", call->text);
    finish(call, &reply);
}

/* ---- attempts ---- */

/* Under the lock, which is given up meanwhile: the answer may come before this returns. */
static void attempt(struct call *call)
{
    struct dengine_session *session = call->session;
    struct de_repeat_attempt next;
    int err;

    de_repeat_send(&call->repeat, &session->numbers, de_monotonic_ns(), &next);
    call->attempt = call->wanted;
    call->attempt.timeout_ms = next.timeout_ms;
    call->attempt.callback = answered;
    call->attempt.context = call;
    call->attempt.session = (struct de_client_session){
        .id = session->id, .sequence = next.number, .acknowledged = next.acknowledged};
    (void)pthread_mutex_unlock(&session->mutex);
    err = session->below->ops->start(session->below, &call->attempt);
    if (err != 0) {
        (void)snprintf(call->text, sizeof call->text, "%.255s", de_client_get_last_error());
        fail(call, err);
    }
    (void)pthread_mutex_lock(&session->mutex);
}

/* The call that is to be sent again first; NULL = none is. Under the lock. */
static struct call *first_due(const struct dengine_session *session)
{
    struct call *found = NULL;
    struct call *call;

    for (call = session->outstanding; call != NULL; call = call->next) {
        if (call->repeat.again_ns != 0 &&
            (found == NULL || call->repeat.again_ns < found->repeat.again_ns)) {
            found = call;
        }
    }
    return found;
}

/* Sends again, or ends, what is due. Under the lock, which is given up meanwhile. */
static void repeat(struct dengine_session *session, bool over)
{
    struct call *call;

    while ((call = first_due(session)) != NULL &&
           (over || call->repeat.again_ns <= de_monotonic_ns())) {
        if (over) {
            (void)pthread_mutex_unlock(&session->mutex);
            fail(call, DENGINE_E_SHUTDOWN);
            (void)pthread_mutex_lock(&session->mutex);
        } else {
            attempt(call);
        }
    }
    de_task_at(&session->task, call != NULL ? call->repeat.again_ns : UINT64_MAX);
}

static void close_keeper(struct dengine_session *session);

/* From the helper. May free the session. */
static void run(struct de_task *task)
{
    struct dengine_session *session = DE_CONTAINER_OF(task, struct dengine_session, task);
    bool over;

    (void)pthread_mutex_lock(&session->mutex);
    repeat(session, session->closing || de_task_orphaned(task));
    over = session->closing && session->count == 0 && session->starting == 0;
    (void)pthread_mutex_unlock(&session->mutex);
    if (over && !session->keeper_closing) {
        session->keeper_closing = true;
        close_keeper(session);
    }
}

/* ---- the client ---- */

/* Puts call at the end of the outstanding ones, with the next number. Under the lock. */
static void admit(struct dengine_session *session, struct call *call, uint64_t deadline_ns)
{
    struct call **at = &session->outstanding;

    while (*at != NULL) {
        at = &(*at)->next;
    }
    de_repeat_init(&call->repeat, de_numbers_take(&session->numbers), deadline_ns);
    *at = call;
    session->count++;
    DE_ASSERT(session->count <= DENGINE_SESSION_CALLS_MAX);
}

static int session_start(struct dengine_client *client, const struct de_client_call *wanted)
{
    struct dengine_session *session = session_of(client);
    const uint64_t deadline_ns = de_monotonic_ns() + wanted->timeout_ms * DE_NS_PER_MS;
    struct call *call;
    int err = 0;

    if (de_client_reads(wanted->type) || wanted->type == DE_CLIENT_CHANGE ||
        wanted->type == DE_CLIENT_TRANSFER) {
        return session->below->ops->start(session->below, wanted);
    }
    call = calloc(1, sizeof *call + de_call_copy_bytes(wanted));
    if (call == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    de_call_copy(wanted, &call->wanted, call->room);
    call->session = session;
    (void)pthread_mutex_lock(&session->mutex);
    if (session->closing) {
        err = DENGINE_E_SHUTDOWN;
    } else if (!de_numbers_room(&session->numbers)) {
        err = DENGINE_E_BUSY;
    } else {
        admit(session, call, deadline_ns);
        session->starting++;
        attempt(call);
        session->starting--;
    }
    leave(session, false);
    if (err == DENGINE_E_BUSY) {
        de_client_set_last_error("%d writes of the session are under way",
                                 DENGINE_SESSION_CALLS_MAX);
    }
    if (err != 0) {
        free(call);
    }
    return err;
}

static int session_get_here(struct dengine_client *client, const struct de_client_look *look,
                            dengine_value_visitor *visit, void *context)
{
    struct dengine_client *below = session_of(client)->below;

    return below->ops->get_here(below, look, visit, context);
}

static int session_scan_here(struct dengine_client *client, const struct de_client_call *call,
                             dengine_pair_visitor *visit, void *context)
{
    struct dengine_client *below = session_of(client)->below;

    return below->ops->scan_here(below, call, visit, context);
}

static int session_watch(struct dengine_client *client, const struct dengine_watch_options *options,
                         struct de_watch_feed **feed)
{
    struct dengine_client *below = session_of(client)->below;

    return below->ops->watch(below, options, feed);
}

/* It ends with its session. */
static void session_disconnect(struct dengine_client *client)
{
    (void)client;
}

static const struct de_client_ops session_ops = {
    .start = session_start,
    .watch = session_watch,
    .disconnect = session_disconnect,
};

/* The client below has the state at hand. */
static const struct de_client_ops session_ops_here = {
    .start = session_start,
    .get_here = session_get_here,
    .scan_here = session_scan_here,
    .watch = session_watch,
    .disconnect = session_disconnect,
};

/* ---- beginning and end ---- */

static void free_session(struct dengine_session *session)
{
    DE_ASSERT(session->outstanding == NULL && session->count == 0);
    (void)pthread_mutex_destroy(&session->mutex);
    free(session);
}

static void keeper_opened(void *context, int status, struct dengine_keeper *keeper)
{
    struct dengine_session *session = context;
    dengine_session_callback *opened = session->opened;
    void *opened_context = session->opened_context;

    if (status != 0) {
        de_task_deinit(&session->task);
        free_session(session);
        session = NULL;
    } else {
        session->keeper = keeper;
        session->id = dengine_keeper_lease(keeper);
    }
    opened(opened_context, status, session);
}

int dengine_session_open_async(struct dengine_client *client, uint64_t ttl_ms,
                               const struct dengine_keeper_options *options,
                               const struct dengine_call_options *call,
                               dengine_session_callback *callback, void *context)
{
    struct dengine_session *session;
    int err;

    if (client == NULL || callback == NULL) {
        de_client_set_last_error("there is no %s", client == NULL ? "client" : "callback");
        return DENGINE_E_INVALID;
    }
    session = calloc(1, sizeof *session);
    if (session == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    session->base.ops = client->ops->get_here != NULL ? &session_ops_here : &session_ops;
    session->base.timeout_ms = client->timeout_ms;
    session->base.helper = client->helper;
    session->below = client;
    session->opened = callback;
    session->opened_context = context;
    de_numbers_init(&session->numbers);
    err = pthread_mutex_init(&session->mutex, NULL);
    DE_ASSERT(err == 0);
    err = de_task_init(&session->task, client, run);
    if (err == 0) {
        err = de_client_keeper_open_async(client, ttl_ms, true, options, call, keeper_opened,
                                          session);
        if (err != 0) {
            de_task_deinit(&session->task);
        }
    }
    if (err != 0) {
        free_session(session);
    }
    return err;
}

struct opening {
    struct de_waiter waiter;
    struct dengine_session *session;
};

static void wake_opened(void *context, int status, struct dengine_session *session)
{
    struct opening *opening = context;

    opening->session = session;
    de_waiter_wake(&opening->waiter, &(struct dengine_reply){.status = status});
}

int dengine_session_open(struct dengine_client *client, uint64_t ttl_ms,
                         const struct dengine_keeper_options *options,
                         const struct dengine_call_options *call, struct dengine_session **result)
{
    struct opening opening = {.session = NULL};
    struct dengine_reply reply;
    int err;

    DE_ASSERT(result != NULL);
    *result = NULL;
    err = de_may_wait();
    if (err != 0) {
        return err;
    }
    de_waiter_init(&opening.waiter);
    err = dengine_session_open_async(client, ttl_ms, options, call, wake_opened, &opening);
    err = de_waiter_end(&opening.waiter, err, &reply);
    *result = opening.session;
    return err;
}

struct dengine_client *dengine_session_client(struct dengine_session *session)
{
    DE_ASSERT(session != NULL);
    return &session->base;
}

uint64_t dengine_session_lease(const struct dengine_session *session)
{
    DE_ASSERT(session != NULL);
    return session->id;
}

uint64_t dengine_session_left_ms(struct dengine_session *session)
{
    DE_ASSERT(session != NULL);
    return dengine_keeper_left_ms(session->keeper);
}

static void keeper_closed(void *context, struct dengine_reply *reply)
{
    struct dengine_session *session = context;
    struct dengine_reply result = {.status = reply->status};
    dengine_callback *closed = session->closed;
    void *closed_context = session->closed_context;

    de_task_deinit(&session->task);
    free_session(session);
    closed(closed_context, &result);
}

static void close_keeper(struct dengine_session *session)
{
    DE_ASSERT(session->closed != NULL);
    dengine_keeper_close_async(session->keeper, keeper_closed, session);
}

void dengine_session_close_async(struct dengine_session *session, dengine_callback *callback,
                                 void *context)
{
    DE_ASSERT(session != NULL && callback != NULL);
    (void)pthread_mutex_lock(&session->mutex);
    DE_ASSERT(!session->closing);
    session->closing = true;
    session->closed = callback;
    session->closed_context = context;
    leave(session, true);
}

int dengine_session_close(struct dengine_session *session)
{
    struct de_waiter waiter;
    struct dengine_reply reply;
    int err;

    if (session == NULL) {
        return 0;
    }
    err = de_may_wait();
    if (err != 0) {
        return err;
    }
    de_waiter_init(&waiter);
    dengine_session_close_async(session, de_waiter_wake, &waiter);
    return de_waiter_end(&waiter, 0, &reply);
}
