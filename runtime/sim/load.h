/* runtime/sim/load.h - when which clients may begin an operation.
 *
 * All of them, all the time, unless a schedule file says less (plan_text.c): that is how a failure
 * that many operations have shown becomes one of few (shrink.h). From the healing on it is as if
 * nothing had been said: what has to happen then needs clients who ask for it. */
#ifndef DE_RUNTIME_SIM_LOAD_H
#define DE_RUNTIME_SIM_LOAD_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_LOAD_SLOTS 64u
#define DE_LOAD_ALL   UINT64_MAX
/* A run is shorter than that. */
#define DE_LOAD_UNTIL_MAX_NS UINT64_C(3600000000000)

struct de_load {
    uint64_t from_ns;
    uint64_t until_ns;
    uint64_t slots;   /* bit i: operations begin in the i-th of 64 equal parts of that time */
    uint64_t clients; /* bit i: those of endpoint i */
    uint64_t heal_ns; /* the end of it */
    uint64_t begun;   /* operations so far, of all clients */
};

void de_load_init(struct de_load *load);

/* When the client at this endpoint, which has thought for think_ns until at_ns, begins its next
 * operation: at_ns, or later by its thinking than when it may. */
uint64_t de_load_next_ns(const struct de_load *load, uint32_t endpoint, uint64_t at_ns,
                         uint64_t think_ns);

#ifdef __cplusplus
}
#endif

#endif
