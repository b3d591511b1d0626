#include "client/waiter.h"

#include <stdio.h>

#include "client/client_ops.h"
#include "client/monotonic.h"
#include "core/base/assert.h"

void de_waiter_init(struct de_waiter *waiter)
{
    int err;

    waiter->done = false;
    waiter->cluster = NULL;
    err = pthread_mutex_init(&waiter->mutex, NULL);
    DE_ASSERT(err == 0);
    de_monotonic_condition_init(&waiter->condition);
}

void de_waiter_wake(void *context, struct dengine_reply *reply)
{
    struct de_waiter *waiter = context;

    (void)pthread_mutex_lock(&waiter->mutex);
    DE_ASSERT(!waiter->done);
    waiter->reply = *reply;
    if (reply->cluster != NULL && waiter->cluster != NULL) {
        *waiter->cluster = *reply->cluster;
    }
    waiter->reply.cluster = NULL; /* it lives for this call only */
    (void)snprintf(waiter->last_error, sizeof waiter->last_error, "%s", de_client_get_last_error());
    waiter->done = true;
    /* Inside the lock: the waiter is gone as soon as its thread has seen done. */
    (void)pthread_cond_signal(&waiter->condition);
    (void)pthread_mutex_unlock(&waiter->mutex);
}

bool de_waiter_until(struct de_waiter *waiter, uint64_t until_ns)
{
    bool done;

    (void)pthread_mutex_lock(&waiter->mutex);
    while (!waiter->done && de_monotonic_ns() < until_ns) {
        de_monotonic_wait(&waiter->condition, &waiter->mutex, until_ns);
    }
    done = waiter->done;
    (void)pthread_mutex_unlock(&waiter->mutex);
    return done;
}

int de_waiter_end(struct de_waiter *waiter, int err, struct dengine_reply *reply)
{
    *reply = (struct dengine_reply){.status = err};
    if (err == 0) {
        (void)pthread_mutex_lock(&waiter->mutex);
        while (!waiter->done) {
            (void)pthread_cond_wait(&waiter->condition, &waiter->mutex);
        }
        (void)pthread_mutex_unlock(&waiter->mutex);
        *reply = waiter->reply;
        de_client_set_last_error("%s", waiter->last_error);
    }
    DE_ASSERT_IMPLIES(err == 0, waiter->done);
    (void)pthread_cond_destroy(&waiter->condition);
    (void)pthread_mutex_destroy(&waiter->mutex);
    return reply->status;
}
