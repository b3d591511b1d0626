/* A session (thesis 6.3): a client on top of another one. Its writes are numbered, and sent again
 * under the same number as long as it is open what became of them: see client/policy/repeat.h and
 * numbers.h, which also simulated clients decide by. */
#include <dengine/session.h>

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/call_copy.h"
#include "client/monotonic.h"
#include "client/policy/numbers.h"
#include "client/policy/repeat.h"
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
    struct dengine_keeper *keeper;
    uint64_t id;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex: */
    struct call *outstanding;
    struct de_numbers numbers;
    uint32_t count;
    bool closing;
};

static struct dengine_session *session_of(struct dengine_client *client)
{
    return DE_CONTAINER_OF(client, struct dengine_session, base);
}

/* ---- the end of a call ---- */

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
    (void)pthread_cond_broadcast(&session->changed);
}

/* Hands reply to the user. The number counts as acknowledged from now on: whatever is still under
 * way of it will be refused as STALE, so it is done at most once. */
static void finish(struct call *call, struct dengine_reply *reply)
{
    struct dengine_session *session = call->session;

    call->wanted.callback(call->wanted.context, reply);
    (void)pthread_mutex_lock(&session->mutex);
    remove_call(session, call);
    (void)pthread_mutex_unlock(&session->mutex);
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
    if (again) {
        (void)pthread_cond_broadcast(&session->changed);
    }
    (void)pthread_mutex_unlock(&session->mutex);
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

static void *repeat(void *argument)
{
    struct dengine_session *session = argument;

    (void)pthread_mutex_lock(&session->mutex);
    while (!session->closing || session->count > 0) {
        struct call *call = first_due(session);

        if (call == NULL) {
            (void)pthread_cond_wait(&session->changed, &session->mutex);
        } else if (session->closing) {
            (void)pthread_mutex_unlock(&session->mutex);
            fail(call, DENGINE_E_SHUTDOWN);
            (void)pthread_mutex_lock(&session->mutex);
        } else if (call->repeat.again_ns <= de_monotonic_ns()) {
            attempt(call);
        } else {
            de_monotonic_wait(&session->changed, &session->mutex, call->repeat.again_ns);
        }
    }
    (void)pthread_mutex_unlock(&session->mutex);
    return NULL;
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
        attempt(call);
    }
    (void)pthread_mutex_unlock(&session->mutex);
    if (err == DENGINE_E_BUSY) {
        de_client_set_last_error("%d writes of the session are under way",
                                 DENGINE_SESSION_CALLS_MAX);
    }
    if (err != 0) {
        free(call);
    }
    return err;
}

static int session_get_here(struct dengine_client *client, const struct de_client_call *call,
                            dengine_value_visitor *visit, void *context)
{
    struct dengine_client *below = session_of(client)->below;

    return below->ops->get_here(below, call, visit, context);
}

static int session_cluster_status(struct dengine_client *client, uint32_t timeout_ms,
                                  struct dengine_cluster_status *status)
{
    struct dengine_client *below = session_of(client)->below;

    return below->ops->cluster_status(below, timeout_ms, status);
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
    .cluster_status = session_cluster_status,
    .watch = session_watch,
    .disconnect = session_disconnect,
};

/* The client below has the state at hand. */
static const struct de_client_ops session_ops_here = {
    .start = session_start,
    .get_here = session_get_here,
    .cluster_status = session_cluster_status,
    .watch = session_watch,
    .disconnect = session_disconnect,
};

/* ---- beginning and end ---- */

static void destroy(struct dengine_session *session)
{
    DE_ASSERT(session->outstanding == NULL && session->count == 0);
    (void)pthread_cond_destroy(&session->changed);
    (void)pthread_mutex_destroy(&session->mutex);
    free(session);
}

int dengine_session_open(struct dengine_client *client, uint64_t ttl_ms,
                         const struct dengine_keeper_options *options,
                         const struct dengine_call_options *call, struct dengine_session **result)
{
    struct dengine_session *session;
    int err;

    DE_ASSERT(client != NULL && result != NULL);
    *result = NULL;
    session = calloc(1, sizeof *session);
    if (session == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    session->base.ops = client->ops->get_here != NULL ? &session_ops_here : &session_ops;
    session->base.timeout_ms = client->timeout_ms;
    session->below = client;
    de_numbers_init(&session->numbers);
    err = pthread_mutex_init(&session->mutex, NULL);
    DE_ASSERT(err == 0);
    de_monotonic_condition_init(&session->changed);
    err = de_client_keeper_open(client, ttl_ms, true, options, call, &session->keeper);
    if (err == 0 && pthread_create(&session->thread, NULL, repeat, session) != 0) {
        (void)dengine_keeper_close(session->keeper);
        err = DENGINE_E_NO_MEMORY;
    }
    if (err != 0) {
        destroy(session);
        return err;
    }
    session->id = dengine_keeper_lease(session->keeper);
    *result = session;
    return 0;
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

int dengine_session_close(struct dengine_session *session)
{
    int err;

    if (session == NULL) {
        return 0;
    }
    (void)pthread_mutex_lock(&session->mutex);
    session->closing = true;
    (void)pthread_cond_broadcast(&session->changed);
    (void)pthread_mutex_unlock(&session->mutex);
    err = pthread_join(session->thread, NULL);
    DE_ASSERT(err == 0);
    err = dengine_keeper_close(session->keeper);
    destroy(session);
    return err;
}
