/* runtime/sim/check/plain.h - tests and benchmarks only: the search without its reductions.
 *
 * Wing and Gong's search with Lowe's memoised configurations and nothing else, as other checkers
 * have it (porcupine): lost operations return at the end of the history, and each is tried wherever
 * it can be. On histories that are too large for brute force it is what the search is compared
 * with, for its verdicts and for its speed. It shares with the search the models and the set of
 * configurations. */
#ifndef DE_RUNTIME_SIM_CHECK_PLAIN_H
#define DE_RUNTIME_SIM_CHECK_PLAIN_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/check.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Checks count operations of one key, as de_check_run does. Gives the verdict, UNKNOWN after
 * steps_max steps; 0 or an error of de_check_run. */
int de_plain_check(const struct de_model *model, const struct de_history_operation *operations,
                   size_t count, uint64_t steps_max, enum de_check_verdict *verdict);

#ifdef __cplusplus
}
#endif

#endif
