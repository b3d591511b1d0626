/* runtime/sim/check/failure.h - finds out what a person needs to understand a failed key.
 *
 * The verdict is known when this runs; it repeats the search, which takes the same path, and looks
 * at what it passes. */
#ifndef DE_RUNTIME_SIM_CHECK_FAILURE_H
#define DE_RUNTIME_SIM_CHECK_FAILURE_H

#include <stdint.h>

#include "runtime/sim/check/check.h"

#ifdef __cplusplus
extern "C" {
#endif

/* At most so many states are listed. */
#define DE_CHECK_STATES_MAX 16

/* The search for states keeps apart what the one for the verdict does not, so it can take far
 * longer. After so many steps it is left at that: there may be others. */
#define DE_CHECK_STATES_STEPS_MAX UINT64_C(2000000)

/* Fills failure for the key whose operations chosen[0..count) are not linearizable, and operation
 * the one that the search could not include. On an error (of de_check_run) failure is empty. */
int de_check_failure_init(struct de_check_failure *failure,
                          const struct de_history_operation *operations, const uint32_t *chosen,
                          uint32_t count, const struct de_check_options *options,
                          uint32_t operation);
void de_check_failure_deinit(struct de_check_failure *failure);

#ifdef __cplusplus
}
#endif

#endif
