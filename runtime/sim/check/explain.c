#include "runtime/sim/check/explain.h"

#include <inttypes.h>

#include "core/base/assert.h"

/* A person wants the end of the prefix, and not every one of hundreds of operations. */
#define SHOWN_MAX 10

/* The key in a sentence; nothing if the history has one register only. */
static void add_key(struct de_text *text, const struct de_history_value *key)
{
    if (key->kind != DE_HISTORY_NULL) {
        de_text_add(text, "key ");
        de_text_add_value(text, key);
        de_text_add(text, ": ");
    }
}

static void add_seconds(struct de_text *text, int64_t time_ns)
{
    uint64_t magnitude = time_ns < 0 ? 0 - (uint64_t)time_ns : (uint64_t)time_ns;
    de_text_add(text, "%s%" PRIu64 ".%09" PRIu64 " s", time_ns < 0 ? "-" : "",
                magnitude / UINT64_C(1000000000), magnitude % UINT64_C(1000000000));
}

/* What it did: "read 1", "write 2", "cas [1,2]", "delete", with a word on how it ended. */
static void add_action(struct de_text *text, const struct de_history_operation *operation)
{
    bool info = operation->outcome == DE_HISTORY_INFO;
    de_text_add(text, "%s", de_history_function_text(operation->function));
    switch (operation->function) {
    case DE_HISTORY_READ:
        if (operation->outcome != DE_HISTORY_OK) {
            break;
        }
        if (operation->value.kind == DE_HISTORY_NULL) {
            de_text_add(text, " null (absent)");
            break;
        }
        /* fall through */
    case DE_HISTORY_WRITE:
        de_text_add(text, " ");
        de_text_add_value(text, &operation->value);
        break;
    case DE_HISTORY_CAS:
        de_text_add(text, " [");
        de_text_add_value(text, &operation->expected);
        de_text_add(text, ",");
        de_text_add_value(text, &operation->value);
        de_text_add(text, "]");
        break;
    case DE_HISTORY_DELETE:
        break;
    }
    if (info) {
        de_text_add(text, ", outcome unknown");
    } else if (operation->outcome == DE_HISTORY_FAIL) {
        de_text_add(text, operation->function == DE_HISTORY_CAS ? ", comparison false"
                                                                : ", did not happen");
    }
}

void de_explain_operation(const struct de_history_operation *operation, struct de_text *text)
{
    de_text_add(text, "process %" PRId64 " ", operation->process);
    add_action(text, operation);
    de_text_add(text, " (");
    add_seconds(text, operation->call_ns);
    if (operation->outcome == DE_HISTORY_INFO) {
        de_text_add(text, " to any time)");
    } else {
        de_text_add(text, " to ");
        add_seconds(text, operation->return_ns);
        de_text_add(text, ")");
    }
}

/* "1", "1 or 2", "1, 2 or 3", "..., or others". */
static void add_states(struct de_text *text, const struct de_check_failure *failure)
{
    for (uint32_t i = 0; i < failure->states_count; i++) {
        bool last = i + 1 == failure->states_count && !failure->states_more;
        de_text_add(text, "%s", i == 0 ? "" : last ? " or " : ", ");
        de_text_add_value(text, &failure->states[i]);
        if (failure->states[i].kind == DE_HISTORY_NULL) {
            de_text_add(text, " (absent)");
        }
    }
    if (failure->states_more) {
        de_text_add(text, ", or others");
    }
}

static void add_list(struct de_text *text, const struct de_history_operation *operations,
                     const uint32_t *chosen, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        de_text_add(text, "    ");
        de_explain_operation(&operations[chosen[i]], text);
        de_text_add(text, "\n");
    }
}

static void add_failure(struct de_text *text, const struct de_history_operation *operations,
                        const struct de_check_result *result)
{
    const struct de_check_failure *failure = &result->failure;
    uint32_t hidden = 0;
    de_text_add(text, "not linearizable: ");
    add_key(text, &failure->key);
    de_explain_operation(&operations[failure->operation], text);
    de_text_add(text, " cannot be placed: the value there is ");
    add_states(text, failure);
    de_text_add(text, "\n");
    if (result->keys_failed > 1) {
        de_text_add(text, "  %zu of %zu keys are not linearizable; this is the earliest\n",
                    result->keys_failed, result->keys);
    }
    hidden = failure->overlapping_count > SHOWN_MAX ? failure->overlapping_count - SHOWN_MAX : 0;
    de_text_add(text, "  overlapping it: %" PRIu32 " operation%s\n", failure->overlapping_count,
                failure->overlapping_count == 1 ? "" : "s");
    add_list(text, operations, failure->overlapping, failure->overlapping_count - hidden);
    if (hidden > 0) {
        de_text_add(text, "    and %" PRIu32 " more\n", hidden);
    }
    hidden = failure->prefix_count > SHOWN_MAX ? failure->prefix_count - SHOWN_MAX : 0;
    de_text_add(text, "  longest prefix that can be placed: %" PRIu32 " operation%s%s\n",
                failure->prefix_count, failure->prefix_count == 1 ? "" : "s",
                hidden > 0                  ? ", ending in"
                : failure->prefix_count > 0 ? ", in this order"
                                            : "");
    add_list(text, operations, failure->prefix + hidden, failure->prefix_count - hidden);
}

void de_explain_text(const struct de_history_operation *operations,
                     const struct de_check_result *result, struct de_text *text)
{
    switch (result->verdict) {
    case DE_CHECK_LINEARIZABLE:
        de_text_add(text, "linearizable\n");
        return;
    case DE_CHECK_NOT_LINEARIZABLE:
        add_failure(text, operations, result);
        return;
    case DE_CHECK_UNKNOWN:
        de_text_add(text, "unknown: ");
        add_key(text, &result->key_unknown);
        de_text_add(text, "the budget of steps is used up (%zu of %zu keys)\n",
                    result->keys_unknown, result->keys);
        return;
    }
    DE_ASSERT(false && "a verdict of no kind");
}

static void add_json_operation(struct de_text *text, const struct de_history_operation *operation)
{
    de_text_add(text, "{\"process\":%" PRId64 ",\"f\":\"%s\",\"outcome\":\"%s\",\"value\":",
                operation->process, de_history_function_text(operation->function),
                de_history_type_text(operation->outcome));
    if (operation->function == DE_HISTORY_CAS) {
        de_text_add(text, "[");
        de_text_add_value(text, &operation->expected);
        de_text_add(text, ",");
        de_text_add_value(text, &operation->value);
        de_text_add(text, "]");
    } else {
        de_text_add_value(text, &operation->value);
    }
    de_text_add(text, ",\"invoke\":%" PRIu64 ",\"invoke_time\":%" PRId64, operation->call_at,
                operation->call_ns);
    if (operation->outcome == DE_HISTORY_INFO) {
        de_text_add(text, ",\"complete\":null,\"complete_time\":null}");
    } else {
        de_text_add(text, ",\"complete\":%" PRIu64 ",\"complete_time\":%" PRId64 "}",
                    operation->return_at, operation->return_ns);
    }
}

static void add_json_list(struct de_text *text, const char *name,
                          const struct de_history_operation *operations, const uint32_t *chosen,
                          uint32_t count)
{
    de_text_add(text, ",\"%s\":[", name);
    for (uint32_t i = 0; i < count; i++) {
        de_text_add(text, "%s", i == 0 ? "" : ",");
        add_json_operation(text, &operations[chosen[i]]);
    }
    de_text_add(text, "]");
}

static void add_json_failure(struct de_text *text, const struct de_history_operation *operations,
                             const struct de_check_failure *failure)
{
    de_text_add(text, ",\"failure\":{\"key\":");
    de_text_add_value(text, &failure->key);
    de_text_add(text, ",\"operation\":");
    add_json_operation(text, &operations[failure->operation]);
    de_text_add(text, ",\"states\":[");
    for (uint32_t i = 0; i < failure->states_count; i++) {
        de_text_add(text, "%s", i == 0 ? "" : ",");
        de_text_add_value(text, &failure->states[i]);
    }
    de_text_add(text, "],\"states_complete\":%s", failure->states_more ? "false" : "true");
    add_json_list(text, "overlapping", operations, failure->overlapping,
                  failure->overlapping_count);
    add_json_list(text, "prefix", operations, failure->prefix, failure->prefix_count);
    de_text_add(text, "}");
}

void de_explain_json(const struct de_history_operation *operations,
                     const struct de_check_result *result, struct de_text *text)
{
    de_text_add(text,
                "{\"verdict\":\"%s\",\"operations\":%zu,\"keys\":%zu,\"keys_failed\":%zu,"
                "\"keys_unknown\":%zu,\"steps\":%" PRIu64,
                de_check_verdict_text(result->verdict), result->operations, result->keys,
                result->keys_failed, result->keys_unknown, result->steps);
    if (result->keys_unknown > 0) {
        de_text_add(text, ",\"key_unknown\":");
        de_text_add_value(text, &result->key_unknown);
    }
    if (result->keys_failed > 0) {
        add_json_failure(text, operations, &result->failure);
    }
    de_text_add(text, "}\n");
}
