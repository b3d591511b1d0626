/* The string that answers get, put, append, delete and expire. Absent and "" are the same.
 *
 * States are those of kv_states.h. Only a get is pure. An append is not, though in the state DEAD
 * it changes nothing: in others it does. Appending "" is left out: always possible, it tells
 * nothing and changes nothing.
 *
 * DEAD is a sink (model.h): up to the next put or delete nothing is possible there but appends,
 * which are possible everywhere; and after a put or delete it is forgotten what was before. So no
 * lost operation is of use that leads there, which is what becomes of nearly all lost appends. */
#include "runtime/sim/check/model.h"

#include <stdlib.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "runtime/sim/check/kv_states.h"

enum kind {
    KIND_SEES,    /* ok get: the state is a */
    KIND_SETS,    /* put, delete: the state becomes a */
    KIND_APPENDS, /* append of the string numbered a */
    KIND_EXPIRES, /* expire: the state is a and becomes empty */
};

/* Of null and of an integer: the empty one. */
static struct dengine_slice string_of(const struct de_history_value *value)
{
    return value->kind == DE_HISTORY_STRING ? value->string : dengine_bytes(NULL, 0);
}

/* Whether the operation names a whole string: it is possible with that only. */
static bool is_naming(const struct de_history_operation *operation)
{
    return operation->function == DE_HISTORY_EXPIRE ||
           (operation->function == DE_HISTORY_GET && operation->outcome == DE_HISTORY_OK);
}

static int make_states(struct de_model_context *context,
                       const struct de_history_operation *operations, const uint32_t *chosen,
                       uint32_t count)
{
    size_t named_count = 0;
    struct dengine_slice *named = malloc(((size_t)count + 1) * sizeof(*named));
    if (named == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct de_history_operation *operation = &operations[chosen[i]];
        if (is_naming(operation)) {
            named[named_count++] = string_of(&operation->value);
        }
    }
    DE_ASSERT(context->kv == NULL);
    context->kv = de_kv_states_new(named, named_count, context->exact);
    free(named);
    return context->kv == NULL ? DENGINE_E_NO_MEMORY : 0;
}

static int translate_one(struct de_model_context *context,
                         const struct de_history_operation *operation, struct de_model_op *op)
{
    bool happened = operation->outcome == DE_HISTORY_OK;
    struct dengine_slice string = string_of(&operation->value);
    *op = (struct de_model_op){.kind = KIND_SETS, .from = DE_MODEL_ANY, .to = DE_MODEL_ANY};
    op->ignored = operation->outcome == DE_HISTORY_FAIL;
    if (operation->value.kind == DE_HISTORY_INTEGER) {
        /* An integer is never there, so it can never vanish; and nobody can have written one. */
        op->kind = KIND_EXPIRES;
        op->a = DE_MODEL_ANY;
        op->to = DE_KV_STATE_EMPTY;
        return operation->function == DE_HISTORY_EXPIRE ? 0 : DENGINE_E_INVALID;
    }
    if (operation->function == DE_HISTORY_APPEND) {
        op->kind = KIND_APPENDS;
        op->ignored = op->ignored || string.size == 0;
        return de_value_table_intern(&context->values, &operation->value, &op->a);
    }
    int err = de_kv_states_find(context->kv, string, &op->a);
    if (err != 0) {
        return err;
    }
    op->to = op->a;
    if (operation->function == DE_HISTORY_GET) {
        op->kind = KIND_SEES;
        op->from = op->a;
        op->pure = true;
        op->ignored = !happened;
    } else if (operation->function == DE_HISTORY_EXPIRE) {
        op->kind = KIND_EXPIRES;
        op->from = op->a;
        op->to = DE_KV_STATE_EMPTY;
        op->pure = op->from == op->to;
        op->ignored = op->ignored || (op->pure && !happened);
    }
    return 0;
}

static int translate(struct de_model_context *context,
                     const struct de_history_operation *operations, const uint32_t *chosen,
                     uint32_t count, struct de_model_op *ops)
{
    int err = make_states(context, operations, chosen, count);
    context->sink = context->exact ? DE_MODEL_ANY : DE_KV_STATE_DEAD;
    for (uint32_t i = 0; i < count && err == 0; i++) {
        err = translate_one(context, &operations[chosen[i]], &ops[i]);
    }
    return err;
}

static bool step(struct de_model_context *context, uint32_t state, const struct de_model_op *op,
                 uint32_t *after)
{
    *after = state;
    switch ((enum kind)op->kind) {
    case KIND_SEES:
        return state == op->a;
    case KIND_SETS:
        *after = op->a;
        return true;
    case KIND_APPENDS: {
        int err = de_kv_states_append(context->kv, state, op->a,
                                      context->values.values[op->a].string, after);
        context->err = context->err != 0 ? context->err : err;
        return true;
    }
    case KIND_EXPIRES:
        *after = DE_KV_STATE_EMPTY;
        return state == op->a;
    }
    DE_ASSERT(false && "an operation of no kind");
}

static bool state_value(const struct de_model_context *context, uint32_t state,
                        struct de_history_value *value)
{
    DE_ASSERT(context->exact);
    if (state == DE_KV_STATE_DEAD) {
        return false;
    }
    *value = de_history_string(de_kv_states_string(context->kv, state));
    return true;
}

/* Whether state is something with the appended string at its end. */
static bool may_lead(const struct de_model_context *context, const struct de_model_op *op,
                     uint32_t state)
{
    DE_ASSERT(op->kind == KIND_APPENDS && state != DE_KV_STATE_DEAD);
    struct dengine_slice string = de_kv_states_string(context->kv, state);
    struct dengine_slice added = context->values.values[op->a].string;
    return added.size <= string.size &&
           memcmp((const uint8_t *)string.data + (string.size - added.size), added.data,
                  added.size) == 0;
}

const struct de_model de_model_kv = {
    .name = "kv",
    .functions = DE_HISTORY_BIT(GET) | DE_HISTORY_BIT(PUT) | DE_HISTORY_BIT(APPEND) |
                 DE_HISTORY_BIT(DELETE) | DE_HISTORY_BIT(EXPIRE),
    .translate = translate,
    .step = step,
    .state_value = state_value,
    .may_lead = may_lead,
    .subject = "the value there is",
    .absent_text = "\"\" (absent)",
    .other_text = "",
};
