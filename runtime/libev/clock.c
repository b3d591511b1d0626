#include "runtime/libev/clock.h"

#include <time.h>

#include "core/base/assert.h"

uint64_t de_clock_now_ns(void)
{
    struct timespec now;
    int err = clock_gettime(CLOCK_MONOTONIC, &now);

    DE_ASSERT(err == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
