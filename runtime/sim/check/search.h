/* runtime/sim/check/search.h - is there a linear order of the operations of one key?
 *
 * Wing and Gong's search ("Testing and verifying concurrent objects", 1993) with Lowe's memoised
 * configurations: depth first, place an operation that can be next, and take it back when nothing
 * fits. A configuration is *winning* if the rest can be placed. These reductions never lose that:
 *
 * 1  Stop when every settled operation is placed: the indeterminate ones need not happen.
 * 2  A pure operation (it changes no state in *any* state, model.h) that is possible now is placed
 *    now, with no alternative: whoever places it later may as well place it first.
 * 3  Of interchangeable indeterminate operations only the earliest unused one is tried.
 * 4  An indeterminate operation is tried only where it is of use to what can be placed right after
 *    it (useful.h says why).
 *
 * Iterative; memory is one frame per placed operation and one row per configuration. */
#ifndef DE_RUNTIME_SIM_CHECK_SEARCH_H
#define DE_RUNTIME_SIM_CHECK_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/config_set.h"
#include "runtime/sim/check/model.h"
#include "runtime/sim/check/problem.h"
#include "runtime/sim/check/useful.h"

#ifdef __cplusplus
extern "C" {
#endif

enum de_search_end {
    DE_SEARCH_FOUND,     /* there is an order */
    DE_SEARCH_NONE,      /* there is none */
    DE_SEARCH_EXHAUSTED, /* the budget is used up: nobody knows */
    DE_SEARCH_STOPPED    /* the visitor asked to stop */
};

/* A placed operation, and how to go on after taking it back. */
struct de_search_frame {
    uint32_t op;
    uint32_t state;  /* before it */
    uint32_t cursor; /* entry or class to try next */
    uint8_t kind;
};

struct de_search {
    const struct de_problem *problem; /* borrowed; its entries are relinked during a run */
    const struct de_model *model;
    struct de_model_context *context;
    uint64_t steps_max;
    uint64_t steps; /* one step = the model asked once, or as much work */

    uint32_t state;
    uint32_t settled_left;
    uint32_t *used; /* per class, how many are placed */
    uint64_t *mask;
    struct de_useful useful;
    struct de_search_frame *frames; /* the order so far */
    uint32_t depth;
    struct de_config_set seen;

    /* The furthest return that the search got up to: everything that returned before it can be
     * placed. When the end is NONE no order includes it too. An entry. */
    uint32_t furthest_return;

    /* Called, if set, in each configuration the search has not been in; true stops the search. */
    bool (*visit)(struct de_search *search, uint32_t first_return, void *visitor);
    void *visitor;
};

/* Prepares a run over problem, whose context is given too; all borrowed. steps_max bounds the
 * work, within one configuration's worth. DENGINE_E_NO_MEMORY (nothing to deinit then). */
int de_search_init(struct de_search *search, struct de_problem *problem,
                   const struct de_model *model, struct de_model_context *context,
                   uint64_t steps_max);
void de_search_deinit(struct de_search *search);

/* Runs once. With FOUND, frames[0..depth) is an order. DENGINE_E_NO_MEMORY,
 * DENGINE_E_TOO_LARGE. */
int de_search_run(struct de_search *search, enum de_search_end *end);

/* For useful.c: asks the model about an op of the problem, and counts the step. */
bool de_search_step(struct de_search *search, uint32_t state, uint32_t op, uint32_t *after);

#ifdef __cplusplus
}
#endif

#endif
