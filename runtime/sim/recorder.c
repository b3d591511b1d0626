#include "runtime/sim/recorder.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/base/assert.h"
#include "runtime/sim/check/check.h"
#include "runtime/sim/memory.h"

void de_recorder_init(struct de_recorder *recorder)
{
    memset(recorder, 0, sizeof(*recorder));
}

void de_recorder_deinit(struct de_recorder *recorder)
{
    de_sim_free(recorder->operations);
    de_sim_free(recorder->withdrawn);
    de_sim_free(recorder->by_lease);
    de_recorder_init(recorder);
}

size_t de_recorder_invoke(struct de_recorder *recorder, int64_t process,
                          enum de_history_function function, struct de_history_value key,
                          struct de_history_value expected, struct de_history_value value,
                          uint64_t now_ns)
{
    struct de_history_operation *operation;

    recorder->operations = de_sim_grow(recorder->operations, recorder->count, &recorder->capacity,
                                       sizeof(recorder->operations[0]));
    recorder->withdrawn = de_sim_grow(recorder->withdrawn, recorder->count,
                                      &recorder->withdrawn_capacity, sizeof(bool));
    recorder->by_lease = de_sim_grow(recorder->by_lease, recorder->count,
                                     &recorder->by_lease_capacity, sizeof(bool));
    recorder->by_lease[recorder->count] = false;
    operation = &recorder->operations[recorder->count];
    memset(operation, 0, sizeof(*operation));
    operation->process = process;
    operation->function = function;
    operation->outcome = DE_HISTORY_INFO;
    operation->key = key;
    operation->expected = expected;
    operation->value = value;
    operation->call_at = recorder->position++;
    operation->call_ns = (int64_t)now_ns;
    recorder->withdrawn[recorder->count] = false;
    return recorder->count++;
}

void de_recorder_mark(struct de_recorder *recorder, size_t number, bool by_lease)
{
    DE_ASSERT(number < recorder->count);
    DE_ASSERT(!by_lease || recorder->operations[number].function == DE_HISTORY_READ);
    recorder->by_lease[number] = by_lease;
}

void de_recorder_end(struct de_recorder *recorder, size_t number, enum de_history_type outcome,
                     struct de_history_value value, uint64_t now_ns)
{
    struct de_history_operation *operation = &recorder->operations[number];

    DE_ASSERT(number < recorder->count);
    DE_ASSERT(operation->outcome == DE_HISTORY_INFO && operation->return_at == 0);
    DE_ASSERT(outcome != DE_HISTORY_INVOKE);
    operation->outcome = outcome;
    operation->return_at = recorder->position++;
    operation->return_ns = (int64_t)now_ns;
    if (operation->function == DE_HISTORY_READ || operation->function == DE_HISTORY_GET) {
        operation->value = value;
    }
}

void de_recorder_withdraw(struct de_recorder *recorder, size_t number)
{
    DE_ASSERT(number < recorder->count);
    recorder->withdrawn[number] = true;
}

static struct de_history_operation *select_operations(const struct de_recorder *recorder,
                                                      bool with_leases, size_t *count)
{
    struct de_history_operation *operations =
        de_sim_allocate((recorder->count + 1) * sizeof(*operations));

    *count = 0;
    for (size_t i = 0; i < recorder->count; i++) {
        if (!recorder->withdrawn[i] && (with_leases || !recorder->by_lease[i])) {
            operations[(*count)++] = recorder->operations[i];
        }
    }
    return operations;
}

struct de_history_operation *de_recorder_operations(const struct de_recorder *recorder,
                                                    size_t *count)
{
    return select_operations(recorder, true, count);
}

static void describe_value(const struct de_history_value *value, char *text, size_t size)
{
    if (value->kind == DE_HISTORY_INTEGER) {
        (void)snprintf(text, size, "%" PRId64, value->integer);
    } else if (value->kind == DE_HISTORY_STRING) {
        (void)snprintf(text, size, "%.*s", (int)value->string.size,
                       (const char *)value->string.data);
    } else {
        (void)snprintf(text, size, "nothing");
    }
}

static void describe(const struct de_history_operation *operation, char *text, size_t size)
{
    char value[32];
    char expected[32];

    describe_value(&operation->value, value, sizeof(value));
    describe_value(&operation->expected, expected, sizeof(expected));
    switch (operation->function) {
    case DE_HISTORY_READ:
        (void)snprintf(text, size, "reads %s", value);
        break;
    case DE_HISTORY_WRITE:
        (void)snprintf(text, size, "writes %s", value);
        break;
    case DE_HISTORY_CAS:
        (void)snprintf(text, size, "compares with %s and sets %s (%s)", expected, value,
                       operation->outcome == DE_HISTORY_FAIL ? "told: not equal" : "told: done");
        break;
    case DE_HISTORY_DELETE:
        (void)snprintf(text, size, "deletes");
        break;
    case DE_HISTORY_GET:
        (void)snprintf(text, size, "gets %s", value);
        break;
    case DE_HISTORY_PUT:
        (void)snprintf(text, size, "puts %s", value);
        break;
    case DE_HISTORY_APPEND:
        (void)snprintf(text, size, "appends %s", value);
        break;
    case DE_HISTORY_ACQUIRE:
        (void)snprintf(text, size, "acquires for %s", value);
        break;
    case DE_HISTORY_RELEASE:
        (void)snprintf(text, size, "releases for %s", value);
        break;
    case DE_HISTORY_EXPIRE:
        (void)snprintf(text, size, "lets %s expire", value);
        break;
    }
}

static void explain(const struct de_history_operation *operations,
                    const struct de_check_failure *failure, const char *oracle, uint64_t now_ns,
                    struct de_verdict *verdict)
{
    const struct de_history_operation *operation = &operations[failure->operation];
    char key[32];
    char what[128];
    char states[96] = "";
    size_t used = 0;

    describe_value(&failure->key, key, sizeof(key));
    describe(operation, what, sizeof(what));
    for (uint32_t i = 0; i < failure->states_count && used + 24 < sizeof(states); i++) {
        char value[24];

        describe_value(&failure->states[i], value, sizeof(value));
        used += (size_t)snprintf(states + used, sizeof(states) - used, "%s%s", i > 0 ? " or " : "",
                                 value);
    }
    de_verdict_fail(verdict, DE_VERDICT_CORRECTNESS, now_ns, oracle,
                    "key %s: client process %" PRId64 " %s between %" PRId64 ".%06" PRId64
                    " s and %" PRId64 ".%06" PRId64 " s; by then the key can only hold %s%s",
                    key, operation->process, what, operation->call_ns / 1000000000,
                    operation->call_ns % 1000000000 / 1000, operation->return_ns / 1000000000,
                    operation->return_ns % 1000000000 / 1000,
                    states[0] != '\0' ? states : "other values",
                    failure->states_more ? " or more" : "");
}

/* Whether the history is linearizable when nobody reads by lease. */
static bool clean_without_leases(const struct de_recorder *recorder, uint64_t steps_max)
{
    struct de_check_options options = {&de_model_cas_register, steps_max};
    struct de_check_result result;
    size_t count;
    struct de_history_operation *operations = select_operations(recorder, false, &count);
    int err = de_check_run(operations, count, &options, &result);
    bool clean = result.verdict == DE_CHECK_LINEARIZABLE;

    DE_ASSERT(err == 0);
    de_check_result_deinit(&result);
    de_sim_free(operations);
    return clean;
}

void de_recorder_check(const struct de_recorder *recorder, uint64_t steps_max, uint64_t now_ns,
                       struct de_verdict *verdict, struct de_recorder_keys *keys)
{
    struct de_check_options options = {&de_model_cas_register, steps_max};
    struct de_check_result result;
    size_t count;
    struct de_history_operation *operations = de_recorder_operations(recorder, &count);
    int err = de_check_run(operations, count, &options, &result);

    DE_ASSERT(err == 0);
    keys->checked = result.keys;
    keys->unknown = result.keys_unknown;
    if (result.verdict == DE_CHECK_NOT_LINEARIZABLE) {
        explain(operations, &result.failure,
                clean_without_leases(recorder, steps_max) ? "lease-read" : "linearizability",
                now_ns, verdict);
    } else if (result.verdict == DE_CHECK_UNKNOWN) {
        de_verdict_fail(verdict, DE_VERDICT_UNKNOWN, now_ns, "linearizability",
                        "the search gave up on %zu of %zu keys after %" PRIu64 " steps",
                        result.keys_unknown, result.keys, steps_max);
    }
    de_check_result_deinit(&result);
    de_sim_free(operations);
}
