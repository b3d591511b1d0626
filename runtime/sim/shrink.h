/* runtime/sim/shrink.h - from a plan that fails to a smaller one that fails in the same way.
 *
 * Leaves out faults, sites and what of the operations can go, by halves and then one by one, as
 * long as the failure stays: delta debugging (Zeller and Hildebrandt, IEEE TSE 2002). Chance is
 * addressed (dice.h), so what stays in the plan happens much as it did. One thread. */
#ifndef DE_RUNTIME_SIM_SHRINK_H
#define DE_RUNTIME_SIM_SHRINK_H

#include "runtime/sim/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_shrink_options {
    /* Runs the plan. true: it fails in the way that is looked for. */
    bool (*fails)(void *context, const struct de_plan *plan);
    /* Called after each step with what it was about, such as "faults"; NULL = nobody asks. */
    void (*progress)(void *context, const char *step, const struct de_plan *plan, uint32_t runs);
    /* Whether what there is has to do; asked before each run. NULL = it never has. */
    bool (*over)(void *context);
    void *context;
    uint32_t runs_max;  /* the same after so many */
    uint64_t failed_ns; /* virtual time at which the plan fails; 0: that is not known */
};

/* Makes *plan, which fails, as small as it gets, and returns how many runs that took. What it
 * becomes has failed: it is the last plan for which fails returned true, or unchanged. */
uint32_t de_shrink(struct de_plan *plan, const struct de_shrink_options *options);

/* How many sites do rare things in this plan. */
uint32_t de_shrink_sites(const struct de_plan *plan);

#ifdef __cplusplus
}
#endif

#endif
