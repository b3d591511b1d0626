/* runtime/sim/check/problem.h - the operations of one key, laid out for the search.
 *
 * *Settled* operations (ok, and fail where that tells something) have a call and a return. Both are
 * entries of a doubly linked list in the order of the history; entry 0 is its sentinel. The
 * operations that can be next in a linear order are those whose call stands before the first return
 * in the list.
 *
 * *Indeterminate* operations (info) have a call only. Interchangeable ones form a class, in the
 * order of their calls; only the earliest that is unused is ever worth trying, because whatever a
 * later one can do, it can do too, and it has no return that could come too late.
 *
 * Every operation has a slot, a bit in the mask that tells configurations apart (config_set.h). A
 * slot of a settled operation serves again after its return, so the mask is as wide as the
 * concurrency, not as long as the history. Indeterminate operations keep theirs, and have words of
 * the mask to themselves. */
#ifndef DE_RUNTIME_SIM_CHECK_PROBLEM_H
#define DE_RUNTIME_SIM_CHECK_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/history.h"
#include "runtime/sim/check/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Operations of one key; keeps all indexes within 32 bits. */
#define DE_PROBLEM_OPERATIONS_MAX (UINT32_MAX / 8)

struct de_problem_op {
    struct de_model_op model;
    uint32_t source;       /* index in the caller's operations */
    uint32_t call_entry;   /* indeterminate: the first entry after the call, may be past the last */
    uint32_t return_entry; /* settled */
    uint32_t slot;
};

struct de_problem_entry {
    uint32_t op;
    uint32_t previous;
    uint32_t next;
    bool is_return;
};

/* Classes are in the order of the states they lead to. */
struct de_problem_class {
    uint32_t first; /* in members */
    uint32_t count;
};

struct de_problem {
    struct de_problem_op *ops; /* settled and indeterminate, without the ignored */
    uint32_t ops_count;
    uint32_t settled_count;
    struct de_problem_entry *entries; /* 0: sentinel; then 2 * settled_count in order */
    struct de_problem_class *classes;
    uint32_t classes_count;
    uint32_t *members; /* ops of the classes, one class after the other */
    bool linked;       /* all that changes states has a known `to`: classes can be found by it */
    uint32_t settled_words; /* of the mask */
    uint32_t indeterminate_words;
};

/* Lays out the count operations of one key that the indexes in chosen pick, as model translates
 * them. The operations must outlive the problem's context only. 0, DENGINE_E_NO_MEMORY,
 * DENGINE_E_TOO_LARGE, or DENGINE_E_INVALID if an operation returns before its call; on an error
 * nothing is left to deinit. */
int de_problem_init(struct de_problem *problem, const struct de_model *model,
                    struct de_model_context *context, const struct de_history_operation *operations,
                    const uint32_t *chosen, uint32_t count);
void de_problem_deinit(struct de_problem *problem);

#ifdef __cplusplus
}
#endif

#endif
