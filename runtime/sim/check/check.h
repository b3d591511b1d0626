/* runtime/sim/check/check.h - the black-box checker: is what clients saw linearizable?
 *
 * Takes operations from wherever they come (a history file, a simulated run), opens no file, keeps
 * no state. Operations are checked per key: a history is linearizable if and only if each object's
 * part is (Herlihy and Wing 1990, locality). Any thread, as long as the operations stay put. */
#ifndef DE_RUNTIME_SIM_CHECK_CHECK_H
#define DE_RUNTIME_SIM_CHECK_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/history.h"
#include "runtime/sim/check/model.h"
#include "runtime/sim/check/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A default for steps_max: about a second per key, and at most some hundred megabytes. */
#define DE_CHECK_STEPS_DEFAULT UINT64_C(20000000)

enum de_check_verdict {
    DE_CHECK_LINEARIZABLE,
    DE_CHECK_NOT_LINEARIZABLE,
    DE_CHECK_UNKNOWN /* the budget was too small; never to be taken for linearizable */
};

struct de_check_options {
    const struct de_model *model;
    uint64_t steps_max; /* per key; one step = the model asked once, or as much work. No wall time:
                           the same operations give the same verdict on every machine */
};

/* Instead of an operation: none. */
#define DE_CHECK_NOBODY UINT32_MAX

/* Why a key is not linearizable. All indexes are into the operations given to de_check_run. */
struct de_check_failure {
    struct de_history_value key;
    /* Everything that returned before this one can be put in an order; together with it, no more.
     */
    uint32_t operation;
    /* Such an order, the longest that the search found: all that returned before, and some that
     * were under way. */
    uint32_t *prefix;
    uint32_t prefix_count;
    struct de_history_value prefix_state; /* that it leads to, if known: else too long to tell */
    bool prefix_state_known;
    /* What was under way while `operation` was: any time in common with it. */
    uint32_t *overlapping;
    uint32_t overlapping_count;
    /* States the object can be in with everything in place that returned before `operation`, and
     * for each the operation that left it, in one such order (DE_CHECK_NOBODY: it is the initial
     * one). None of them lets `operation` happen. */
    struct de_history_value *states;
    uint32_t *states_left_by;
    uint32_t states_count;
    bool states_more; /* there are, or may be, others */
    /* If there is one state only in which `operation` could happen: that one, and the operations
     * that can lead there, whenever they were called. */
    bool needs_state;
    struct de_history_value needed;
    uint32_t *makers;
    uint32_t makers_count;
    struct de_model_context context; /* owned; what the states borrow from */
};

struct de_check_result {
    enum de_check_verdict verdict;
    const struct de_model *model;
    size_t operations;
    size_t keys;
    size_t keys_failed;
    size_t keys_unknown;
    uint64_t steps;                      /* for the verdict, over all keys */
    struct de_history_value key_unknown; /* the first, if keys_unknown > 0 */
    struct de_check_failure failure;     /* of the failed key whose operation returned first */
};

/* Checks count operations, any order, any mixture of keys. One key that fails makes the verdict
 * NOT_LINEARIZABLE, else one that is unknown makes it UNKNOWN. 0, and result must be deinitialised;
 * or nothing to deinitialise and DENGINE_E_NO_MEMORY, DENGINE_E_TOO_LARGE, or DENGINE_E_INVALID for
 * an operation that returns before its call, or that the model does not know. result borrows the
 * operations' strings. */
int de_check_run(const struct de_history_operation *operations, size_t count,
                 const struct de_check_options *options, struct de_check_result *result);
void de_check_result_deinit(struct de_check_result *result);

/* "linearizable", "not linearizable" or "unknown". Static. */
const char *de_check_verdict_text(enum de_check_verdict verdict);

#ifdef __cplusplus
}
#endif

#endif
