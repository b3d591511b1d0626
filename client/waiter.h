/* client/waiter.h - a blocking call is its asynchronous twin and a wait for the callback.
 *
 *     struct de_waiter waiter;
 *
 *     de_waiter_init(&waiter);
 *     return de_waiter_end(&waiter, dengine_x_async(..., de_waiter_wake, &waiter), &reply);
 *
 * Threads: on the stack of the thread that waits; wake from any. */
#ifndef DE_CLIENT_WAITER_H
#define DE_CLIENT_WAITER_H

#include <pthread.h>

#include <dengine/client.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_waiter {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    bool done;
    struct dengine_reply reply;
    struct dengine_cluster_status *cluster; /* where to copy reply.cluster to; may be NULL */
    char last_error[512];
};

void de_waiter_init(struct de_waiter *waiter);

/* The callback of the twin, and in its place what such a one ends with. */
void de_waiter_wake(void *waiter, struct dengine_reply *reply);

/* Of a call that has begun: waits for its callback until that point of de_monotonic_ns at the
 * latest; whether it has come. */
bool de_waiter_until(struct de_waiter *waiter, uint64_t until_ns);

/* err: what the twin returned. If it was 0 waits for the callback, and takes over its reply and
 * what dengine_last_error has there. The status. *waiter is done with. */
int de_waiter_end(struct de_waiter *waiter, int err, struct dengine_reply *reply);

#ifdef __cplusplus
}
#endif

#endif
