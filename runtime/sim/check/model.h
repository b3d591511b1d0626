/* runtime/sim/check/model.h - what an object does when one client at a time uses it.
 *
 * The search for a linear order knows nothing of registers: it asks a model which operations are
 * possible in a state and what state follows. States are numbers below
 * DE_MODEL_ANY; 0 is the initial one.
 *
 * A model is stateless; what it needs to number states is in the context, one per key and search.
 * Thread rules: a context belongs to one thread, a model to all. */
#ifndef DE_RUNTIME_SIM_CHECK_MODEL_H
#define DE_RUNTIME_SIM_CHECK_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/history.h"
#include "runtime/sim/check/value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Instead of a state: there is no such single state. */
#define DE_MODEL_ANY UINT32_MAX

struct de_kv_states;

/* An operation in the model's own terms. Two with the same kind, a and b are interchangeable: they
 * are possible in the same states and lead to the same. */
struct de_model_op {
    uint32_t kind;
    uint32_t a;
    uint32_t b;
    /* The only state in which it is possible, and the state it leads to whenever it is: what allows
     * the search to look backwards for useful operations. ANY is always right, and slower. */
    uint32_t from;
    uint32_t to;
    /* It tells nothing and changes nothing: it surely did not happen, or it is pure and nobody
     * knows whether it happened. The search leaves it out. */
    bool ignored;
    /* It changes *no* state, whichever it meets (a read, a false comparison, cas from a to a). "It
     * does not change the state at hand" is not enough: write 1 changes nothing where the value is
     * 1, and may yet be needed later, to bring the 1 back. */
    bool pure;
};

struct de_model_context {
    struct de_value_table values; /* numbered as the model likes */
    struct de_kv_states *kv;      /* owned; of the model kv, else NULL */
    bool exact; /* keep states apart even if no operation of the history can tell them apart */
    /* A state such that whatever sequence of operations is possible from it is possible from every
     * other. What need not happen is of no use if it leads there. ANY: there is none. */
    uint32_t sink;
    int err; /* what a step could not say: DENGINE_E_NO_MEMORY; 0 as long as all is well */
};

struct de_model {
    const char *name;   /* as in --model */
    uint32_t functions; /* those that it knows, as DE_HISTORY_BIT */

    /* Translates the operations of one key, count of them, picked by the indexes in chosen, to ops
     * (count of them); all of known functions. 0, DENGINE_E_NO_MEMORY, DENGINE_E_TOO_LARGE, or
     * DENGINE_E_INVALID for a value of a kind that the model has not. */
    int (*translate)(struct de_model_context *context,
                     const struct de_history_operation *operations, const uint32_t *chosen,
                     uint32_t count, struct de_model_op *ops);

    /* Whether op, with the result it had, is possible in state; if so, the state after it. */
    bool (*step)(struct de_model_context *context, uint32_t state, const struct de_model_op *op,
                 uint32_t *after);

    /* For people, and only where the context is exact: the state as a value, borrowed from the
     * context and the operations. False: this state stands for several. */
    bool (*state_value)(const struct de_model_context *context, uint32_t state,
                        struct de_history_value *value);

    /* For people: whether op, whose `to` is ANY, may lead to state. NULL: where `to` is ANY, to
     * any.
     */
    bool (*may_lead)(const struct de_model_context *context, const struct de_model_op *op,
                     uint32_t state);

    const char *subject;     /* of a sentence that goes on with a state: "the value there is" */
    const char *absent_text; /* what is said of the state null or "" in place of it */
    const char *other_text;  /* what is put before any other state */
};

/* One register: read, write, cas, delete, expire. Absent at first. */
extern const struct de_model de_model_cas_register;

/* One string that grows: get, put, append, delete, expire. Empty at first. */
extern const struct de_model de_model_kv;

/* One lock: acquire, release, expire. Free at first. */
extern const struct de_model de_model_lock;

/* The models; ends with NULL. Static. */
const struct de_model *const *de_models(void);

/* The model of that name, or NULL. */
const struct de_model *de_model_find(const char *name);

/* The names of all models, separated by ", ". Static. */
const char *de_model_names(void);

void de_model_context_init(struct de_model_context *context, bool exact);
void de_model_context_deinit(struct de_model_context *context);

static inline bool de_model_op_same(const struct de_model_op *x, const struct de_model_op *y)
{
    return x->kind == y->kind && x->a == y->a && x->b == y->b;
}

#ifdef __cplusplus
}
#endif

#endif
