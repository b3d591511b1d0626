/* client/monotonic.h - time and waiting for the recipes, which run in threads of the user's
 * process. */
#ifndef DE_CLIENT_MONOTONIC_H
#define DE_CLIENT_MONOTONIC_H

#include <pthread.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_NS_PER_MS UINT64_C(1000000)

/* Nanoseconds of the monotonic clock. */
uint64_t de_monotonic_ns(void);

/* A condition for de_monotonic_wait. */
void de_monotonic_condition_init(pthread_cond_t *condition);

/* pthread_cond_wait until a point of de_monotonic_ns at the latest; may return early for no reason,
 * as that one does. */
void de_monotonic_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t until_ns);

#ifdef __cplusplus
}
#endif

#endif
