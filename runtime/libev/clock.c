#include "runtime/libev/clock.h"

#include "core/base/assert.h"

#define NS_PER_S UINT64_C(1000000000)

static uint64_t read_ns(clockid_t clock)
{
    struct timespec now;
    int err = clock_gettime(clock, &now);

    DE_ASSERT(err == 0);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t de_clock_now_ns(void)
{
    return read_ns(CLOCK_BOOTTIME);
}

struct timespec de_clock_wait_until(uint64_t deadline_ns)
{
    const uint64_t now_ns = de_clock_now_ns();
    const uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    const uint64_t until_ns = read_ns(CLOCK_MONOTONIC) + left_ns;

    DE_ASSERT(until_ns >= left_ns);
    return (struct timespec){.tv_sec = (time_t)(until_ns / NS_PER_S),
                             .tv_nsec = (long)(until_ns % NS_PER_S)};
}
