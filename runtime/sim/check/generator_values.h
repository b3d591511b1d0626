/* runtime/sim/check/generator_values.h - what the generator's operations are about: values and
 * functions at random, as a model wants them, and the object that they work on. Tests only. */
#ifndef DE_RUNTIME_SIM_CHECK_GENERATOR_VALUES_H
#define DE_RUNTIME_SIM_CHECK_GENERATOR_VALUES_H

#include "runtime/sim/check/generator.h"

#ifdef __cplusplus
extern "C" {
#endif

static inline uint64_t de_generator_below(struct de_generator *generator, uint64_t bound)
{
    return de_random_below(&generator->random, bound);
}

static inline bool de_generator_chance(struct de_generator *generator, uint32_t percent)
{
    return de_random_below(&generator->random, 100) < percent;
}

/* A value that an operation of the model may write, see or name, out of few. */
struct de_history_value de_generator_value(struct de_generator *generator);

/* Function and arguments of an operation on an object in state: mostly one that is possible there,
 * or hardly any would ever succeed. */
void de_generator_choose(struct de_generator *generator, const struct de_history_value *state,
                         struct de_history_operation *operation);

/* The operation happens now, in state, if it can: true. A lost one does not tell how it went.
 * False, and nothing done: it cannot, and has to wait or fail. */
bool de_generator_effect(struct de_generator *generator, struct de_history_value *state,
                         struct de_history_operation *operation);

#ifdef __cplusplus
}
#endif

#endif
