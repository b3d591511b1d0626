#include "client/monotonic.h"

#include <errno.h>
#include <time.h>

#include "core/base/assert.h"

#define NS_PER_S UINT64_C(1000000000)

uint64_t de_monotonic_ns(void)
{
    struct timespec now;
    const int err = clock_gettime(CLOCK_MONOTONIC, &now);

    DE_ASSERT(err == 0);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void de_monotonic_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int err = pthread_condattr_init(&attributes);

    DE_ASSERT(err == 0);
    err = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    DE_ASSERT(err == 0);
    err = pthread_cond_init(condition, &attributes);
    DE_ASSERT(err == 0);
    (void)pthread_condattr_destroy(&attributes);
}

void de_monotonic_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t until_ns)
{
    struct timespec until;
    int err;

    until.tv_sec = (time_t)(until_ns / NS_PER_S);
    until.tv_nsec = (long)(until_ns % NS_PER_S);
    err = pthread_cond_timedwait(condition, mutex, &until);
    DE_ASSERT(err == 0 || err == ETIMEDOUT);
}
