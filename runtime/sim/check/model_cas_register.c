/* The register that answers read, write, cas, delete and expire.
 *
 * State 0 is absent. A value that some operation compares with - a read that saw it, a cas that
 * expects it - has a state of its own. All other values share one state, UNSEEN: whichever of them
 * the register holds, every operation of the history goes the same way. So the many writes whose
 * value nobody looked at are one and the same to the search (unless context->exact). */
#include "runtime/sim/check/model.h"

#include "core/base/assert.h"

enum kind {
    KIND_SEES,       /* ok read: the state is a */
    KIND_DIFFERS,    /* failed cas: the state is not a */
    KIND_WRITES,     /* write, delete: the state becomes a */
    KIND_SWAPS_FROM, /* cas, expire: the state is a and becomes b */
};

enum { STATE_ABSENT = 0 };

/* Interned values are states 0, 1, 2...; null comes first. UNSEEN is out of their way. */
#define UNSEEN (DE_MODEL_ANY - 1)

/* What op compares the register with; NULL if nothing. */
static const struct de_history_value *looks_for(const struct de_history_operation *operation)
{
    if (operation->function == DE_HISTORY_CAS) {
        return &operation->expected;
    }
    if (operation->function == DE_HISTORY_EXPIRE ||
        (operation->function == DE_HISTORY_READ && operation->outcome == DE_HISTORY_OK)) {
        return &operation->value;
    }
    return NULL;
}

static int number_values(struct de_model_context *context,
                         const struct de_history_operation *operations, const uint32_t *chosen,
                         uint32_t count)
{
    struct de_history_value null = de_history_null();
    uint32_t number;
    int err = de_value_table_intern(&context->values, &null, &number);
    DE_ASSERT(err != 0 || number == STATE_ABSENT);
    for (uint32_t i = 0; i < count && err == 0; i++) {
        const struct de_history_operation *operation = &operations[chosen[i]];
        const struct de_history_value *value = looks_for(operation);
        if (value != NULL) {
            err = de_value_table_intern(&context->values, value, &number);
        }
        if (context->exact && err == 0) {
            err = de_value_table_intern(&context->values, &operation->value, &number);
        }
    }
    return err;
}

static uint32_t state_of(const struct de_model_context *context,
                         const struct de_history_value *value)
{
    uint32_t state;
    return de_value_table_find(&context->values, value, &state) ? state : UNSEEN;
}

static struct de_model_op translate_cas(const struct de_model_context *context,
                                        const struct de_history_operation *operation)
{
    struct de_model_op op = {.kind = KIND_SWAPS_FROM};
    op.a = state_of(context, &operation->expected);
    op.b = state_of(context, &operation->value);
    DE_ASSERT(op.a != UNSEEN);
    if (operation->outcome == DE_HISTORY_FAIL) {
        op.kind = KIND_DIFFERS;
        op.b = 0;
        op.pure = true;
    } else {
        op.pure = op.a == op.b;
    }
    return op;
}

/* Whether it tells nothing and changes nothing. A failed cas did compare; any other failure did
 * nothing at all. */
static bool is_ignored(const struct de_history_operation *operation, const struct de_model_op *op)
{
    bool compared = operation->function == DE_HISTORY_CAS && !operation->untold;
    return (operation->outcome == DE_HISTORY_FAIL && !compared) ||
           (operation->outcome == DE_HISTORY_INFO && op->pure);
}

static struct de_model_op translate_one(const struct de_model_context *context,
                                        const struct de_history_operation *operation)
{
    struct de_model_op op = {.kind = KIND_WRITES};
    switch (operation->function) {
    case DE_HISTORY_READ:
        op.kind = KIND_SEES;
        op.a = state_of(context, &operation->value);
        op.pure = true;
        break;
    case DE_HISTORY_WRITE:
        op.a = state_of(context, &operation->value);
        break;
    case DE_HISTORY_DELETE:
        op.a = STATE_ABSENT;
        break;
    case DE_HISTORY_CAS:
        op = translate_cas(context, operation);
        break;
    case DE_HISTORY_EXPIRE:
        op.kind = KIND_SWAPS_FROM;
        op.a = state_of(context, &operation->value);
        op.b = STATE_ABSENT;
        break;
    case DE_HISTORY_GET:
    case DE_HISTORY_PUT:
    case DE_HISTORY_APPEND:
    case DE_HISTORY_ACQUIRE:
    case DE_HISTORY_RELEASE:
        DE_UNREACHABLE("not a function of this model");
    }
    op.ignored = is_ignored(operation, &op);
    return op;
}

/* What the search may know of the states around op. */
static void link(struct de_model_op *op)
{
    op->from = DE_MODEL_ANY;
    op->to = DE_MODEL_ANY;
    switch ((enum kind)op->kind) {
    case KIND_SEES:
        op->from = op->a;
        op->to = op->a;
        break;
    case KIND_DIFFERS:
        break;
    case KIND_WRITES:
        op->to = op->a;
        break;
    case KIND_SWAPS_FROM:
        op->from = op->a;
        op->to = op->b;
        break;
    }
}

static int translate(struct de_model_context *context,
                     const struct de_history_operation *operations, const uint32_t *chosen,
                     uint32_t count, struct de_model_op *ops)
{
    int err = number_values(context, operations, chosen, count);
    for (uint32_t i = 0; i < count && err == 0; i++) {
        ops[i] = translate_one(context, &operations[chosen[i]]);
        link(&ops[i]);
    }
    return err;
}

static bool step(struct de_model_context *context, uint32_t state, const struct de_model_op *op,
                 uint32_t *after)
{
    (void)context;
    *after = state;
    switch ((enum kind)op->kind) {
    case KIND_SEES:
        return state == op->a;
    case KIND_DIFFERS:
        return state != op->a;
    case KIND_WRITES:
        *after = op->a;
        return true;
    case KIND_SWAPS_FROM:
        *after = op->b;
        return state == op->a;
    }
    DE_ASSERT(false && "an operation of no kind");
}

static bool state_value(const struct de_model_context *context, uint32_t state,
                        struct de_history_value *value)
{
    DE_ASSERT(context->exact && state < context->values.count);
    *value = context->values.values[state];
    return true;
}

const struct de_model de_model_cas_register = {
    .name = "cas-register",
    .functions = DE_HISTORY_BIT(READ) | DE_HISTORY_BIT(WRITE) | DE_HISTORY_BIT(CAS) |
                 DE_HISTORY_BIT(DELETE) | DE_HISTORY_BIT(EXPIRE),
    .translate = translate,
    .step = step,
    .state_value = state_value,
    .subject = "the value there is",
    .absent_text = "null (absent)",
    .other_text = "",
};
