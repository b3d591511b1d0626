/* The lock that answers acquire, release and expire.
 *
 * State 0 is free; every other one is a holder. acquire leads from free to its holder; release and
 * expire lead from their holder to free. What failed did not happen, and tells nothing: a lock may
 * be refused for many reasons.
 *
 * Nothing is pure: each operation changes every state in which it is possible. So reduction 2 never
 * applies, and needs no proof here. `from` and `to` are single states throughout, so reduction 4
 * works by chains; and it finds every lost acquire useless whose holder never releases or expires,
 * since then no operation waits for that state. */
#include "runtime/sim/check/model.h"

#include <dengine/error.h>

#include "core/base/assert.h"

enum kind {
    KIND_ACQUIRES, /* free becomes held by a */
    KIND_RELEASES, /* held by a becomes free; expire is the same */
};

enum { STATE_FREE = 0 };

/* Who acquires or releases: the process, unless the operation names somebody else. */
static struct de_history_value holder_of(const struct de_history_operation *operation)
{
    return operation->value.kind != DE_HISTORY_NULL ? operation->value
                                                    : de_history_integer(operation->process);
}

static int translate_one(struct de_model_context *context,
                         const struct de_history_operation *operation, struct de_model_op *op)
{
    struct de_history_value holder = holder_of(operation);
    bool acquires = operation->function == DE_HISTORY_ACQUIRE;
    uint32_t number;
    if (operation->function == DE_HISTORY_EXPIRE && operation->value.kind == DE_HISTORY_NULL) {
        return DENGINE_E_INVALID; /* it happens to a holder, not to a process of its own */
    }
    int err = de_value_table_intern(&context->values, &holder, &number);
    if (err != 0) {
        return err;
    }
    DE_ASSERT(number != STATE_FREE);
    *op = (struct de_model_op){
        .kind = acquires ? KIND_ACQUIRES : KIND_RELEASES,
        .a = number,
        .from = acquires ? STATE_FREE : number,
        .to = acquires ? number : STATE_FREE,
        .ignored = operation->outcome == DE_HISTORY_FAIL,
    };
    return 0;
}

static int translate(struct de_model_context *context,
                     const struct de_history_operation *operations, const uint32_t *chosen,
                     uint32_t count, struct de_model_op *ops)
{
    struct de_history_value free_state = de_history_null();
    uint32_t number;
    int err = de_value_table_intern(&context->values, &free_state, &number);
    DE_ASSERT(err != 0 || number == STATE_FREE);
    for (uint32_t i = 0; i < count && err == 0; i++) {
        err = translate_one(context, &operations[chosen[i]], &ops[i]);
    }
    return err;
}

static bool step(struct de_model_context *context, uint32_t state, const struct de_model_op *op,
                 uint32_t *after)
{
    (void)context;
    DE_ASSERT(op->from != DE_MODEL_ANY && op->to != DE_MODEL_ANY);
    *after = op->to;
    return state == op->from;
}

static bool state_value(const struct de_model_context *context, uint32_t state,
                        struct de_history_value *value)
{
    DE_ASSERT(state < context->values.count);
    *value = context->values.values[state];
    return true;
}

const struct de_model de_model_lock = {
    .name = "lock",
    .functions = DE_HISTORY_BIT(ACQUIRE) | DE_HISTORY_BIT(RELEASE) | DE_HISTORY_BIT(EXPIRE),
    .translate = translate,
    .step = step,
    .state_value = state_value,
    .subject = "the lock is",
    .absent_text = "free",
    .other_text = "held by ",
};
