/* runtime/sim/mix.h - de_mix64 of core/base/random.h, inline: the simulator draws and hashes
 * several times per event. A test holds the two together. */
#ifndef DE_RUNTIME_SIM_MIX_H
#define DE_RUNTIME_SIM_MIX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A well-mixed one-to-one function of x. */
static inline uint64_t de_sim_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

#ifdef __cplusplus
}
#endif

#endif
