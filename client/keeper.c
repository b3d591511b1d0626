/* A lease kept alive by a task of the helper, by the rules of client/policy/keep.h. */
#include <dengine/keeper.h>

#include <stdlib.h>

#include "client/calling_back.h"
#include "client/client_ops.h"
#include "client/helper.h"
#include "client/monotonic.h"
#include "client/policy/keep.h"
#include "client/waiter.h"
#include "core/base/assert.h"

struct dengine_keeper {
    struct de_task task;
    uint64_t lease;
    uint64_t ttl_ms;
    void (*lost)(void *context);
    void *context;
    dengine_keeper_callback *opened;
    void *opened_context;
    /* Of the helper: what to do with the answer of the call under way; NULL: none is. */
    void (*then)(struct dengine_keeper *keeper, const struct dengine_reply *reply);
    uint64_t begin_ns; /* of that call */
    pthread_mutex_t mutex;
    /* Guarded by mutex: */
    struct de_keep keep;
    dengine_callback *closed; /* NULL: it is to go on */
    void *closed_context;
};

static void destroy(struct dengine_keeper *keeper)
{
    DE_ASSERT(keeper->then == NULL);
    de_task_deinit(&keeper->task);
    (void)pthread_mutex_destroy(&keeper->mutex);
    free(keeper);
}

/* ---- the end ---- */

static void revoked(struct dengine_keeper *keeper, const struct dengine_reply *reply)
{
    struct dengine_reply result = {.status = reply->status};
    dengine_callback *closed = keeper->closed;
    void *context = keeper->closed_context;

    if (result.status == DENGINE_E_NO_LEASE) { /* which is what was wanted */
        de_client_clear_last_error();
        result.status = 0;
    }
    DE_ASSERT(closed != NULL);
    destroy(keeper);
    closed(context, &result);
}

static void revoke(struct dengine_keeper *keeper)
{
    if (keeper->keep.ended) {
        revoked(keeper, &(struct dengine_reply){0});
        return;
    }
    keeper->then = revoked;
    de_task_ask(&keeper->task);
    de_task_asked(&keeper->task,
                  dengine_lease_revoke_async(de_task_client(&keeper->task), keeper->lease, NULL,
                                             de_task_answer, &keeper->task));
}

/* ---- keeping ---- */

static void tell(struct dengine_keeper *keeper)
{
    (void)pthread_mutex_lock(&keeper->mutex);
    de_keep_told(&keeper->keep);
    (void)pthread_mutex_unlock(&keeper->mutex);
    if (keeper->lost != NULL) {
        keeper->lost(keeper->context);
    }
}

static void renewed(struct dengine_keeper *keeper, const struct dengine_reply *reply)
{
    (void)pthread_mutex_lock(&keeper->mutex);
    de_keep_renewed(&keeper->keep, reply->status, keeper->begin_ns, de_monotonic_ns());
    (void)pthread_mutex_unlock(&keeper->mutex);
}

static void renew(struct dengine_keeper *keeper)
{
    struct dengine_call_options call;

    keeper->begin_ns = de_monotonic_ns();
    call.timeout_ms = de_keep_patience_ms(&keeper->keep, keeper->begin_ns);
    keeper->then = renewed;
    de_task_ask(&keeper->task);
    de_task_asked(&keeper->task,
                  dengine_lease_keep_alive_async(de_task_client(&keeper->task), keeper->lease,
                                                 &call, de_task_answer, &keeper->task));
}

/* Does what is due until there is nothing to do, or a call is under way. The helper is the only one
 * that changes keep, so it reads it without the lock. */
static void keep(struct dengine_keeper *keeper)
{
    enum de_keep_step step;
    uint64_t until_ns;

    do {
        step = de_keep_next(&keeper->keep, de_monotonic_ns(), &until_ns);
        switch (step) {
        case DE_KEEP_WAIT:
            de_task_at(&keeper->task, until_ns);
            break;
        case DE_KEEP_TELL:
            tell(keeper);
            break;
        case DE_KEEP_RENEW:
            renew(keeper);
            break;
        case DE_KEEP_OVER:
            de_task_at(&keeper->task, UINT64_MAX);
            break;
        }
    } while (step == DE_KEEP_TELL);
}

static bool is_closing(struct dengine_keeper *keeper)
{
    bool closing;

    (void)pthread_mutex_lock(&keeper->mutex);
    closing = keeper->closed != NULL;
    (void)pthread_mutex_unlock(&keeper->mutex);
    return closing;
}

/* From the helper. May free keeper. */
static void run(struct de_task *task)
{
    struct dengine_keeper *keeper = DE_CONTAINER_OF(task, struct dengine_keeper, task);
    void (*then)(struct dengine_keeper *, const struct dengine_reply *) = keeper->then;
    struct dengine_reply reply;

    if (then != NULL) {
        if (!de_task_take(task, &reply)) {
            return;
        }
        keeper->then = NULL;
        then(keeper, &reply);
        if (then != renewed) { /* then it may be no more; granted() lets it run again */
            return;
        }
    }
    if (is_closing(keeper)) {
        revoke(keeper);
    } else if (!de_task_orphaned(task)) {
        keep(keeper);
    } else if (!keeper->keep.told) { /* nobody renews it any more */
        tell(keeper);
    }
}

/* ---- the beginning ---- */

static void granted(struct dengine_keeper *keeper, const struct dengine_reply *reply)
{
    dengine_keeper_callback *opened = keeper->opened;
    void *context = keeper->opened_context;

    if (reply->status != 0) {
        destroy(keeper);
        opened(context, reply->status, NULL);
        return;
    }
    keeper->lease = reply->lease;
    de_keep_init(&keeper->keep, keeper->ttl_ms * DE_NS_PER_MS, keeper->begin_ns, de_monotonic_ns());
    de_task_poke(&keeper->task);
    opened(context, 0, keeper);
}

int de_client_keeper_open_async(struct dengine_client *client, uint64_t ttl_ms, bool with_session,
                                const struct dengine_keeper_options *options,
                                const struct dengine_call_options *call,
                                dengine_keeper_callback *callback, void *context)
{
    struct dengine_keeper *keeper;
    int err;

    if (client == NULL || callback == NULL) {
        de_client_set_last_error("there is no %s", client == NULL ? "client" : "callback");
        return DENGINE_E_INVALID;
    }
    if (ttl_ms < DENGINE_KEEPER_TTL_MS_MIN || ttl_ms > UINT32_MAX) {
        de_client_set_last_error("a lease that is kept alive lasts %d to %llu ms",
                                 DENGINE_KEEPER_TTL_MS_MIN, (unsigned long long)UINT32_MAX);
        return DENGINE_E_INVALID;
    }
    keeper = calloc(1, sizeof *keeper);
    if (keeper == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    keeper->ttl_ms = ttl_ms;
    keeper->lost = options != NULL ? options->lost : NULL;
    keeper->context = options != NULL ? options->context : NULL;
    keeper->opened = callback;
    keeper->opened_context = context;
    keeper->begin_ns = de_monotonic_ns();
    keeper->then = granted;
    err = pthread_mutex_init(&keeper->mutex, NULL);
    DE_ASSERT(err == 0);
    err = de_task_init(&keeper->task, client, run);
    if (err != 0) {
        (void)pthread_mutex_destroy(&keeper->mutex);
        free(keeper);
        return err;
    }
    de_task_ask(&keeper->task);
    de_task_asked(&keeper->task, de_client_grant_async(client, ttl_ms, with_session,
                                                       call != NULL ? call->timeout_ms : 0,
                                                       de_task_answer, &keeper->task));
    return 0;
}

int dengine_keeper_open_async(struct dengine_client *client, uint64_t ttl_ms,
                              const struct dengine_keeper_options *options,
                              const struct dengine_call_options *call,
                              dengine_keeper_callback *callback, void *context)
{
    return de_client_keeper_open_async(client, ttl_ms, false, options, call, callback, context);
}

/* ---- blocking ---- */

struct opening {
    struct de_waiter waiter;
    struct dengine_keeper *keeper;
};

static void wake_opened(void *context, int status, struct dengine_keeper *keeper)
{
    struct opening *opening = context;

    opening->keeper = keeper;
    de_waiter_wake(&opening->waiter, &(struct dengine_reply){.status = status});
}

int dengine_keeper_open(struct dengine_client *client, uint64_t ttl_ms,
                        const struct dengine_keeper_options *options,
                        const struct dengine_call_options *call, struct dengine_keeper **result)
{
    struct opening opening = {.keeper = NULL};
    struct dengine_reply reply;
    int err;

    DE_ASSERT(result != NULL);
    *result = NULL;
    err = de_may_wait();
    if (err != 0) {
        return err;
    }
    de_waiter_init(&opening.waiter);
    err = dengine_keeper_open_async(client, ttl_ms, options, call, wake_opened, &opening);
    err = de_waiter_end(&opening.waiter, err, &reply);
    *result = opening.keeper;
    return err;
}

uint64_t dengine_keeper_lease(const struct dengine_keeper *keeper)
{
    DE_ASSERT(keeper != NULL && keeper->lease != 0);
    return keeper->lease;
}

uint64_t dengine_keeper_left_ms(struct dengine_keeper *keeper)
{
    const uint64_t now_ns = de_monotonic_ns();
    uint64_t left_ns;

    DE_ASSERT(keeper != NULL);
    (void)pthread_mutex_lock(&keeper->mutex);
    left_ns = de_keep_left_ns(&keeper->keep, now_ns);
    (void)pthread_mutex_unlock(&keeper->mutex);
    return left_ns / DE_NS_PER_MS;
}

void dengine_keeper_close_async(struct dengine_keeper *keeper, dengine_callback *callback,
                                void *context)
{
    struct de_helper *helper;

    DE_ASSERT(keeper != NULL && callback != NULL);
    (void)pthread_mutex_lock(&keeper->mutex);
    DE_ASSERT(keeper->closed == NULL);
    keeper->closed = callback;
    keeper->closed_context = context;
    helper = de_task_due(&keeper->task);
    (void)pthread_mutex_unlock(&keeper->mutex);
    de_helper_go(helper);
}

int dengine_keeper_close(struct dengine_keeper *keeper)
{
    struct de_waiter waiter;
    struct dengine_reply reply;
    int err;

    if (keeper == NULL) {
        return 0;
    }
    err = de_may_wait();
    if (err != 0) {
        return err;
    }
    de_waiter_init(&waiter);
    dengine_keeper_close_async(keeper, de_waiter_wake, &waiter);
    return de_waiter_end(&waiter, 0, &reply);
}
