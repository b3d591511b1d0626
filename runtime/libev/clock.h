/* runtime/libev/clock.h - the production clock: no step of the wall clock moves it, and it goes on
 * while the machine is suspended.
 *
 * The latter is for the leader's lease: a machine that wakes up has to see that it has slept, or it
 * would answer reads from a lease that has long run out for all others. */
#ifndef DE_RUNTIME_LIBEV_CLOCK_H
#define DE_RUNTIME_LIBEV_CLOCK_H

#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Nanoseconds since some point in the past, never going back. Any thread. */
uint64_t de_clock_now_ns(void);

/* That moment of this clock by CLOCK_MONOTONIC, which is what condition variables wait by; should
 * the machine sleep meanwhile, as much later. Any thread. */
struct timespec de_clock_wait_until(uint64_t deadline_ns);

#ifdef __cplusplus
}
#endif

#endif
