/* runtime/sim/check/generator.h - tests only: random histories of one object of any model.
 *
 * Same seed, same history. */
#ifndef DE_RUNTIME_SIM_CHECK_GENERATOR_H
#define DE_RUNTIME_SIM_CHECK_GENERATOR_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/random.h"
#include "runtime/sim/check/history.h"
#include "runtime/sim/check/model.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_generator_block;

struct de_generator {
    const struct de_model *model;
    struct de_random random;
    uint32_t clients;        /* at most so many operations are open at once, info apart */
    uint32_t values;         /* written values are 0 up to values - 1; 0: each is unique */
    uint32_t info_percent;   /* share of operations whose end nobody learns */
    uint32_t info_max;       /* after so many there are no more */
    uint32_t delete_percent; /* of the writing operations */
    uint32_t append_percent; /* of the writing operations of kv */
    uint32_t expire_percent; /* of the operations */
    int64_t next_value;
    struct de_generator_block *blocks; /* of strings */
};

void de_generator_init(struct de_generator *generator, const struct de_model *model, uint64_t seed);

/* Frees the strings of all histories that it made. */
void de_generator_deinit(struct de_generator *generator);

/* Linearizable by construction: an object is really operated on, at a moment between call and
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

/* A small history for comparison with brute force: the odd seeds' linearizable by construction,
 * four in five of these then changed in one to four places; the even seeds' arbitrary. Sizes,
 * concurrency, values and losses vary with the seed. Room for DE_GENERATOR_SMALL_MAX operations;
 * gives how many. Sets up the generator, which must be deinitialised. */
#define DE_GENERATOR_SMALL_MAX 8
size_t de_generator_small(struct de_generator *generator, const struct de_model *model,
                          uint64_t seed, struct de_history_operation *operations);

/* The same with seven to eight operations of which half are lost. */
size_t de_generator_lossy(struct de_generator *generator, const struct de_model *model,
                          uint64_t seed, struct de_history_operation *operations);

#ifdef __cplusplus
}
#endif

#endif
