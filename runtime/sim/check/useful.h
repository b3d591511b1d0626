/* runtime/sim/check/useful.h - which indeterminate operations are worth trying in a configuration.
 *
 * They need not happen, so it is enough to look for orders in which each of them is of use. Among
 * the orders that win from a configuration take one with the fewest indeterminate operations, each
 * as late as possible. Let i be one of them and o what comes right after it (something does: the
 * last operation is a settled one). Then
 *
 *   i changes the state, or it could be left out; nor does it lead to a sink (model.h), for what
 *     can follow there could follow without i too;
 *   o without i would be impossible, or would lead to another state, or i could be left out;
 *   o changes the state with i or without it, or the two could change places.
 *
 * That is the local rule, good for every model. Where all operations that change the state lead to
 * a fixed one (problem.h, linked), more follows. Possible both with i and without, o would lead to
 * the same state; so o is impossible without i. If o is possible in one state only (`from`), i
 * leads there. So a run of indeterminate operations before a settled o is a chain, found backwards
 * from the states that settled operations wait for, and it begins with one that is possible now. If
 * o has no single `from` (a failed cas waits for *any other* state), the local rule decides.
 *
 * On a history with hundreds of lost operations this is the difference between looking at a handful
 * in each configuration and trying subsets of them all. */
#ifndef DE_RUNTIME_SIM_CHECK_USEFUL_H
#define DE_RUNTIME_SIM_CHECK_USEFUL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/problem.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_search;

/* Working memory of one search. */
struct de_useful {
    uint64_t epoch;   /* grows with each look; marks of earlier ones are void */
    uint64_t *marks;  /* per class: the epoch in which it was found to lead where it should */
    uint32_t *wanted; /* states to look backwards from */
};

/* DENGINE_E_NO_MEMORY; deinit is allowed then too. */
int de_useful_init(struct de_useful *useful, const struct de_problem *problem);
void de_useful_deinit(struct de_useful *useful);

/* In the search's present configuration: the first class from *class_index on whose next operation
 * is worth placing, that operation, and the state after it. False if there is none. */
bool de_useful_next(struct de_search *search, uint32_t first_return, uint32_t *class_index,
                    uint32_t *op, uint32_t *after);

#ifdef __cplusplus
}
#endif

#endif
