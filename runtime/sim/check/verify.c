#include "runtime/sim/check/verify.h"

#include <inttypes.h>

#include "core/base/assert.h"
#include "runtime/sim/check/check.h"
#include "runtime/sim/check/generator.h"
#include "runtime/sim/check/history_json.h"
#include "runtime/sim/check/oracle.h"

DE_STATIC_ASSERT(DE_GENERATOR_SMALL_MAX <= DE_ORACLE_OPERATIONS_MAX, "brute force takes them all");

/* A model that tells nothing about the states around an operation: the search must do without. */
static int unlink_ops(int err, struct de_model_op *ops, uint32_t count)
{
    for (uint32_t i = 0; i < count && err == 0; i++) {
        ops[i].from = DE_MODEL_ANY;
        ops[i].to = DE_MODEL_ANY;
    }
    return err;
}

#define UNLINKED(name, model)                                                                      \
    static int translate_##name(struct de_model_context *context,                                  \
                                const struct de_history_operation *operations,                     \
                                const uint32_t *chosen, uint32_t count, struct de_model_op *ops)   \
    {                                                                                              \
        int err = (model).translate(context, operations, chosen, count, ops);                      \
        return unlink_ops(err, ops, count);                                                        \
    }

UNLINKED(register, de_model_cas_register)
UNLINKED(kv, de_model_kv)

/* The lock's steps go by from and to, so it has no such form. */
static bool unlinked_model(const struct de_model *model, struct de_model *unlinked)
{
    *unlinked = *model;
    unlinked->translate = model == &de_model_kv ? translate_kv : translate_register;
    return model != &de_model_lock;
}

static enum de_check_verdict verdict_of(const struct de_history_operation *operations, size_t count,
                                        const struct de_model *model)
{
    struct de_check_options options = {model, UINT64_MAX};
    struct de_check_result result;
    int err = de_check_run(operations, count, &options, &result);
    DE_ASSERT(err == 0);
    enum de_check_verdict verdict = result.verdict;
    de_check_result_deinit(&result);
    return verdict;
}

static void tell(const struct de_model *model, uint64_t seed,
                 const struct de_history_operation *operations, size_t count, bool expected,
                 enum de_check_verdict verdict, struct de_text *text)
{
    de_text_add(text, "model %s, seed %" PRIu64 ": brute force says %s, the search says %s\n",
                model->name, seed, expected ? "linearizable" : "not linearizable",
                de_check_verdict_text(verdict));
    (void)de_history_json_write_operations(operations, count, text);
}

bool de_verify(const struct de_model *model, uint64_t first_seed, uint64_t count,
               struct de_verify_counts *counts, struct de_text *text)
{
    struct de_history_operation operations[DE_GENERATOR_SMALL_MAX];
    struct de_generator generator;
    struct de_model unlinked;
    bool has_unlinked = unlinked_model(model, &unlinked);
    bool agree = true;
    for (uint64_t seed = first_seed; seed < first_seed + count && agree; seed++) {
        bool lossy = seed % 8 >= 6;
        bool without_links = has_unlinked && seed % 8 >= 4 && seed % 8 < 6;
        size_t size = lossy ? de_generator_lossy(&generator, model, seed, operations)
                            : de_generator_small(&generator, model, seed, operations);
        bool expected = de_oracle_linearizable(model, operations, size);
        enum de_check_verdict verdict =
            verdict_of(operations, size, without_links ? &unlinked : model);
        agree = verdict == (expected ? DE_CHECK_LINEARIZABLE : DE_CHECK_NOT_LINEARIZABLE);
        counts->histories++;
        counts->linearizable += expected ? 1 : 0;
        counts->lossy += lossy ? 1 : 0;
        counts->unlinked += without_links ? 1 : 0;
        if (!agree) {
            tell(model, seed, operations, size, expected, verdict, text);
        }
        de_generator_deinit(&generator);
    }
    return agree;
}
