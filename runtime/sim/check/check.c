#include "runtime/sim/check/check.h"

#include <stdlib.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "runtime/sim/check/failure.h"
#include "runtime/sim/check/problem.h"
#include "runtime/sim/check/search.h"

/* The operations by key: those of key k are order[starts[k]] up to order[starts[k + 1]]. */
struct groups {
    struct de_value_table keys;
    uint32_t *order;
    uint32_t *starts;
};

static void groups_deinit(struct groups *groups)
{
    de_value_table_deinit(&groups->keys);
    free(groups->order);
    free(groups->starts);
}

/* A counting sort by key number, stable, so that the result does not depend on the sort. */
static int groups_init(struct groups *groups, const struct de_history_operation *operations,
                       uint32_t count)
{
    int err = DENGINE_E_NO_MEMORY;
    uint32_t *numbers = malloc(((size_t)count + 1) * sizeof(*numbers));
    de_value_table_init(&groups->keys);
    groups->starts = NULL;
    groups->order = malloc(((size_t)count + 1) * sizeof(*groups->order));
    if (numbers == NULL || groups->order == NULL) {
        goto out;
    }
    err = 0;
    for (uint32_t i = 0; i < count && err == 0; i++) {
        err = de_value_table_intern(&groups->keys, &operations[i].key, &numbers[i]);
    }
    if (err != 0) {
        goto out;
    }
    groups->starts = calloc((size_t)groups->keys.count + 1, sizeof(*groups->starts));
    if (groups->starts == NULL) {
        err = DENGINE_E_NO_MEMORY;
        goto out;
    }
    /* Count, add up to where each key ends, then fill from the ends: starts[k] moves down to where
     * key k starts. */
    for (uint32_t i = 0; i < count; i++) {
        groups->starts[numbers[i]]++;
    }
    for (uint32_t k = 1; k <= groups->keys.count; k++) {
        groups->starts[k] += groups->starts[k - 1];
    }
    for (uint32_t i = count; i-- > 0;) {
        groups->order[--groups->starts[numbers[i]]] = i;
    }
    DE_ASSERT(groups->starts[groups->keys.count] == count);
out:
    free(numbers);
    if (err != 0) {
        groups_deinit(groups);
    }
    return err;
}

/* Searches one key; furthest is the operation that no order includes, if there is none. */
static int check_key(const struct de_history_operation *operations, const uint32_t *chosen,
                     uint32_t count, const struct de_check_options *options,
                     struct de_check_result *result, enum de_search_end *end, uint32_t *furthest)
{
    struct de_model_context context;
    struct de_problem problem;
    struct de_search search;
    de_model_context_init(&context, false);
    int err = de_problem_init(&problem, options->model, &context, operations, chosen, count);
    if (err != 0) {
        goto out_context;
    }
    err = de_search_init(&search, &problem, options->model, &context, options->steps_max);
    if (err != 0) {
        goto out_problem;
    }
    err = de_search_run(&search, end);
    if (err == 0) {
        result->steps += search.steps;
        if (*end == DE_SEARCH_NONE) {
            *furthest = problem.ops[problem.entries[search.furthest_return].op].source;
        }
    }
    de_search_deinit(&search);
out_problem:
    de_problem_deinit(&problem);
out_context:
    de_model_context_deinit(&context);
    return err;
}

static int check_keys(const struct de_history_operation *operations, const struct groups *groups,
                      const struct de_check_options *options, struct de_check_result *result)
{
    uint32_t failed_key = 0;
    uint32_t failed_operation = 0;
    for (uint32_t k = 0; k < groups->keys.count; k++) {
        enum de_search_end end;
        uint32_t operation = 0;
        int err =
            check_key(operations, groups->order + groups->starts[k],
                      groups->starts[k + 1] - groups->starts[k], options, result, &end, &operation);
        if (err != 0) {
            return err;
        }
        DE_ASSERT(end != DE_SEARCH_STOPPED);
        if (end == DE_SEARCH_EXHAUSTED && result->keys_unknown++ == 0) {
            result->key_unknown = groups->keys.values[k];
        }
        if (end == DE_SEARCH_NONE &&
            (result->keys_failed++ == 0 ||
             operations[operation].return_at < operations[failed_operation].return_at)) {
            failed_key = k;
            failed_operation = operation;
        }
    }
    if (result->keys_failed == 0) {
        return 0;
    }
    return de_check_failure_init(
        &result->failure, operations, groups->order + groups->starts[failed_key],
        groups->starts[failed_key + 1] - groups->starts[failed_key], options, failed_operation);
}

int de_check_run(const struct de_history_operation *operations, size_t count,
                 const struct de_check_options *options, struct de_check_result *result)
{
    struct groups groups;
    DE_ASSERT(options->model != NULL);
    memset(result, 0, sizeof(*result));
    if (count > DE_PROBLEM_OPERATIONS_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    for (size_t i = 0; i < count; i++) {
        if ((options->model->functions & UINT32_C(1) << operations[i].function) == 0) {
            return DENGINE_E_INVALID;
        }
    }
    int err = groups_init(&groups, operations, (uint32_t)count);
    if (err != 0) {
        return err;
    }
    result->model = options->model;
    result->operations = count;
    result->keys = groups.keys.count;
    err = check_keys(operations, &groups, options, result);
    groups_deinit(&groups);
    if (err != 0) {
        de_check_result_deinit(result);
        return err;
    }
    result->verdict = result->keys_failed > 0    ? DE_CHECK_NOT_LINEARIZABLE
                      : result->keys_unknown > 0 ? DE_CHECK_UNKNOWN
                                                 : DE_CHECK_LINEARIZABLE;
    return 0;
}

void de_check_result_deinit(struct de_check_result *result)
{
    de_check_failure_deinit(&result->failure);
    memset(result, 0, sizeof(*result));
}

const char *de_check_verdict_text(enum de_check_verdict verdict)
{
    switch (verdict) {
    case DE_CHECK_LINEARIZABLE:
        return "linearizable";
    case DE_CHECK_NOT_LINEARIZABLE:
        return "not linearizable";
    case DE_CHECK_UNKNOWN:
        return "unknown";
    }
    DE_ASSERT(false && "a verdict of no kind");
}
