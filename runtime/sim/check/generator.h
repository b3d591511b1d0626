/* runtime/sim/check/generator.h - tests only: random histories of one register.
 *
 * Same seed, same history. */
#ifndef DE_RUNTIME_SIM_CHECK_GENERATOR_H
#define DE_RUNTIME_SIM_CHECK_GENERATOR_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/random.h"
#include "runtime/sim/check/history.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_generator {
    struct de_random random;
    uint32_t clients;        /* at most so many operations are open at once, info apart */
    uint32_t values;         /* written values are 0 up to values - 1; 0: each is unique */
    uint32_t info_percent;   /* share of operations whose end nobody learns */
    uint32_t info_max;       /* after so many there are no more */
    uint32_t delete_percent; /* of the writing operations */
};

void de_generator_init(struct de_generator *generator, uint64_t seed);

/* Linearizable by construction: a register is really operated on, at a moment between call and
 * return (for info: after the call, or never). Fills count operations, in the order of calls. */
void de_generator_linearizable(struct de_generator *generator,
                               struct de_history_operation *operations, size_t count);

/* Changes one thing about one operation: what it saw, wrote or compared with, how it ended, or when
 * it was called or returned. It may be linearizable afterwards or not. */
void de_generator_perturb(struct de_generator *generator, struct de_history_operation *operations,
                          size_t count);

/* Anything at all: intervals, functions, values and outcomes at random. */
void de_generator_arbitrary(struct de_generator *generator, struct de_history_operation *operations,
                            size_t count);

#ifdef __cplusplus
}
#endif

#endif
