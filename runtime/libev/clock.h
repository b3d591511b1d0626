/* runtime/libev/clock.h - the production clock: monotonic, counting neither suspend nor steps. */
#ifndef DE_RUNTIME_LIBEV_CLOCK_H
#define DE_RUNTIME_LIBEV_CLOCK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Nanoseconds since some point in the past, never going back. Any thread. */
uint64_t de_clock_now_ns(void);

#ifdef __cplusplus
}
#endif

#endif
