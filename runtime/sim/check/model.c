#include "runtime/sim/check/model.h"

#include <string.h>

#include "runtime/sim/check/kv_states.h"

static const struct de_model *const models[] = {&de_model_cas_register, &de_model_kv,
                                                &de_model_lock, NULL};

const struct de_model *const *de_models(void)
{
    return models;
}

const struct de_model *de_model_find(const char *name)
{
    for (size_t i = 0; models[i] != NULL; i++) {
        if (strcmp(models[i]->name, name) == 0) {
            return models[i];
        }
    }
    return NULL;
}

const char *de_model_names(void)
{
    return "cas-register, kv, lock";
}

void de_model_context_init(struct de_model_context *context, bool exact)
{
    memset(context, 0, sizeof(*context));
    de_value_table_init(&context->values);
    context->exact = exact;
    context->sink = DE_MODEL_ANY;
}

void de_model_context_deinit(struct de_model_context *context)
{
    de_value_table_deinit(&context->values);
    de_kv_states_free(context->kv);
    memset(context, 0, sizeof(*context));
}
