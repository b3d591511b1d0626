/* A host's own clock: monotonic nanoseconds from an offset of its own, at a rate of its own. Faults
 * make it run fast or slow, jump forward, or stand still. */
#include "core/base/assert.h"
#include "runtime/sim/host.h"

#define PPM 1000000u

void de_host_clock_init(struct de_host *host, uint64_t start_ns, uint32_t rate_ppm)
{
    host->clock.base_ns = start_ns;
    host->clock.since_ns = 0;
    host->clock.rate_ppm = rate_ppm;
    host->clock.natural_ppm = rate_ppm;
}

uint64_t de_host_clock(const struct de_host *host)
{
    uint64_t elapsed_ns = host->shared->kernel->now_ns - host->clock.since_ns;

    return host->clock.base_ns + elapsed_ns / PPM * host->clock.rate_ppm +
           elapsed_ns % PPM * host->clock.rate_ppm / PPM;
}

uint64_t de_host_kernel_time(const struct de_host *host, uint64_t clock_ns)
{
    uint64_t now_ns = host->shared->kernel->now_ns;
    uint64_t mine_ns = de_host_clock(host);
    uint64_t rate = host->clock.rate_ppm;
    uint64_t left_ns;

    if (clock_ns <= mine_ns) {
        return now_ns;
    }
    if (rate == 0) {
        return UINT64_MAX;
    }
    left_ns = clock_ns - mine_ns;
    /* Rounded up; the clock rounds down twice, so it may still be short of it then. */
    return now_ns + left_ns / rate * PPM + (left_ns % rate * PPM + rate - 1) / rate;
}

void de_host_clock_rate(struct de_host *host, uint32_t rate_ppm)
{
    DE_ASSERT(rate_ppm <= 2 * PPM);
    host->clock.base_ns = de_host_clock(host);
    host->clock.since_ns = host->shared->kernel->now_ns;
    host->clock.rate_ppm = rate_ppm;
    de_host_rearm(host);
}

void de_host_clock_step(struct de_host *host, uint64_t forward_ns)
{
    host->clock.base_ns += forward_ns;
    de_host_rearm(host);
}

void de_host_suspend(struct de_host *host, uint64_t until_ns)
{
    de_host_clock_rate(host, 0);
    de_host_pause(host, until_ns);
}
