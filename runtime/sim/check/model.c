#include "runtime/sim/check/model.h"

#include <string.h>

static const struct de_model *const models[] = {&de_model_cas_register};

const struct de_model *de_model_find(const char *name)
{
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        if (strcmp(models[i]->name, name) == 0) {
            return models[i];
        }
    }
    return NULL;
}

const char *de_model_names(void)
{
    return "cas-register";
}

void de_model_context_init(struct de_model_context *context, bool exact)
{
    de_value_table_init(&context->values);
    context->exact = exact;
}

void de_model_context_deinit(struct de_model_context *context)
{
    de_value_table_deinit(&context->values);
}
