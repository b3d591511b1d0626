#include "runtime/sim/check/explain.h"

#include <inttypes.h>

#include "core/base/assert.h"

/* A person wants the end of the prefix, and not every one of hundreds of operations; all together
 * fits on a screen of 24 lines. */
#define STATES_SHOWN_MAX      2
#define MAKERS_SHOWN_MAX      2
#define OVERLAPPING_SHOWN_MAX 4
#define PREFIX_SHOWN_MAX      6

/* Of a longer string people see so many bytes of its beginning, and of its end. */
#define BEGINNING_BYTES 16
#define END_BYTES       24

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

static size_t character_start(struct dengine_slice string, size_t at)
{
    const uint8_t *bytes = string.data;
    while (at > 0 && at < string.size && (bytes[at] & 0xc0) == 0x80) {
        at--;
    }
    return at;
}

static bool is_long(const struct de_history_value *value)
{
    return value->kind == DE_HISTORY_STRING && value->string.size > BEGINNING_BYTES + END_BYTES + 8;
}

/* A value that takes at most part of a line. */
static void add_short_value(struct de_text *text, const struct de_history_value *value)
{
    if (!is_long(value)) {
        de_text_add_value(text, value);
        return;
    }
    struct dengine_slice string = value->string;
    size_t beginning = character_start(string, BEGINNING_BYTES);
    size_t end = character_start(string, string.size - END_BYTES);
    de_text_add_string(text, dengine_bytes(string.data, beginning));
    de_text_add(text, "...");
    de_text_add_string(text, dengine_bytes((const uint8_t *)string.data + end, string.size - end));
    de_text_add(text, " (%zu bytes)", string.size);
}

static void add_seen(struct de_text *text, const struct de_history_operation *operation)
{
    bool empty = operation->value.kind == DE_HISTORY_STRING && operation->value.string.size == 0 &&
                 operation->function == DE_HISTORY_GET;
    de_text_add(text, " ");
    add_short_value(text, &operation->value);
    if (operation->value.kind == DE_HISTORY_NULL || empty) {
        de_text_add(text, " (absent)");
    }
}

static void add_argument(struct de_text *text, const struct de_history_operation *operation)
{
    switch (operation->function) {
    case DE_HISTORY_READ:
    case DE_HISTORY_GET:
        if (operation->outcome == DE_HISTORY_OK) {
            add_seen(text, operation);
        }
        break;
    case DE_HISTORY_CAS:
        de_text_add(text, " [");
        add_short_value(text, &operation->expected);
        de_text_add(text, ",");
        add_short_value(text, &operation->value);
        de_text_add(text, "]");
        break;
    case DE_HISTORY_WRITE:
    case DE_HISTORY_PUT:
    case DE_HISTORY_APPEND:
    case DE_HISTORY_ACQUIRE:
    case DE_HISTORY_RELEASE:
    case DE_HISTORY_EXPIRE:
        if (operation->value.kind != DE_HISTORY_NULL) {
            de_text_add(text, " ");
            add_short_value(text, &operation->value);
        }
        break;
    case DE_HISTORY_DELETE:
        break;
    }
}

/* What it did: "read 1", "write 2", "cas [1,2]", "delete", with a word on how it ended. */
static void add_action(struct de_text *text, const struct de_history_operation *operation)
{
    de_text_add(text, "%s", de_history_function_text(operation->function));
    add_argument(text, operation);
    if (operation->outcome == DE_HISTORY_INFO) {
        de_text_add(text, ", outcome unknown");
    } else if (operation->outcome == DE_HISTORY_FAIL) {
        bool compared = operation->function == DE_HISTORY_CAS && !operation->untold;
        de_text_add(text, compared ? ", comparison false" : ", did not happen");
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

static void add_state(struct de_text *text, const struct de_model *model,
                      const struct de_history_value *state)
{
    if (state->kind == DE_HISTORY_NULL ||
        (state->kind == DE_HISTORY_STRING && state->string.size == 0)) {
        de_text_add(text, "%s", model->absent_text);
    } else {
        de_text_add(text, "%s", model->other_text);
        add_short_value(text, state);
    }
}

static uint32_t states_shown(const struct de_check_failure *failure)
{
    return failure->states_count < STATES_SHOWN_MAX ? failure->states_count : STATES_SHOWN_MAX;
}

/* "1", "1 or 2", "1, 2 or 3", "..., or others". */
static void add_states(struct de_text *text, const struct de_model *model,
                       const struct de_check_failure *failure)
{
    uint32_t shown = states_shown(failure);
    bool more = failure->states_more || shown < failure->states_count;
    for (uint32_t i = 0; i < shown; i++) {
        bool last = i + 1 == shown && !more;
        de_text_add(text, "%s", i == 0 ? "" : last ? " or " : ", ");
        add_state(text, model, &failure->states[i]);
    }
    if (more) {
        de_text_add(text, shown == 0 ? "too long to tell" : ", or others");
    }
}

/* For each state the operation that left it. */
static void add_states_left_by(struct de_text *text, const struct de_model *model,
                               const struct de_history_operation *operations,
                               const struct de_check_failure *failure)
{
    for (uint32_t i = 0; i < states_shown(failure); i++) {
        uint32_t by = failure->states_left_by[i];
        de_text_add(text, "  ");
        add_state(text, model, &failure->states[i]);
        if (by == DE_CHECK_NOBODY) {
            de_text_add(text, ": as at first, nothing has changed it\n");
            continue;
        }
        de_text_add(text, ": left by ");
        de_explain_operation(&operations[by], text);
        de_text_add(text, "\n");
    }
}

/* A few bytes from a position on. */
static void add_piece(struct de_text *text, struct dengine_slice string, size_t at)
{
    size_t start = character_start(string, at);
    size_t end =
        string.size - start <= END_BYTES ? string.size : character_start(string, start + END_BYTES);
    if (start == string.size) {
        de_text_add(text, "its end");
        return;
    }
    de_text_add_string(text, dengine_bytes((const uint8_t *)string.data + start, end - start));
}

/* Of strings of which people see the ends only: where the one that is there and the one that is
 * needed part. */
static void add_difference(struct de_text *text, const struct de_check_failure *failure)
{
    bool strings = failure->needs_state && failure->states_count > 0 &&
                   failure->needed.kind == DE_HISTORY_STRING &&
                   failure->states[0].kind == DE_HISTORY_STRING;
    if (!strings || !(is_long(&failure->needed) || is_long(&failure->states[0]))) {
        return;
    }
    struct dengine_slice needed = failure->needed.string;
    struct dengine_slice there = failure->states[0].string;
    size_t at = 0;
    while (at < needed.size && at < there.size &&
           ((const uint8_t *)needed.data)[at] == ((const uint8_t *)there.data)[at]) {
        at++;
    }
    de_text_add(text, "  from byte %zu on it needs ", at);
    add_piece(text, needed, at);
    de_text_add(text, " where there is ");
    add_piece(text, there, at);
    de_text_add(text, "\n");
}

/* Where the state that the operation needs could have come from. */
static void add_makers(struct de_text *text, const struct de_model *model,
                       const struct de_history_operation *operations,
                       const struct de_check_failure *failure)
{
    if (!failure->needs_state) {
        return;
    }
    uint32_t shown =
        failure->makers_count < MAKERS_SHOWN_MAX ? failure->makers_count : MAKERS_SHOWN_MAX;
    de_text_add(text, "  ");
    add_state(text, model, &failure->needed);
    if (failure->makers_count == 0) {
        de_text_add(text, " is needed, and nothing else in this history leads there\n");
        return;
    }
    de_text_add(text, " is needed, and could only come from");
    for (uint32_t i = failure->makers_count - shown; i < failure->makers_count; i++) {
        de_text_add(text, "%s ", i == failure->makers_count - shown ? "" : "\n    or");
        de_explain_operation(&operations[failure->makers[i]], text);
    }
    if (shown < failure->makers_count) {
        de_text_add(text, "\n    or %" PRIu32 " more", failure->makers_count - shown);
    }
    de_text_add(text, "\n");
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

static void add_overlapping(struct de_text *text, const struct de_history_operation *operations,
                            const struct de_check_failure *failure)
{
    uint32_t count = failure->overlapping_count;
    uint32_t hidden = count > OVERLAPPING_SHOWN_MAX ? count - OVERLAPPING_SHOWN_MAX : 0;
    de_text_add(text, "  overlapping it: %" PRIu32 " operation%s\n", count, count == 1 ? "" : "s");
    add_list(text, operations, failure->overlapping, count - hidden);
    if (hidden > 0) {
        de_text_add(text, "    and %" PRIu32 " more\n", hidden);
    }
}

static void add_prefix(struct de_text *text, const struct de_model *model,
                       const struct de_history_operation *operations,
                       const struct de_check_failure *failure)
{
    uint32_t count = failure->prefix_count;
    uint32_t hidden = count > PREFIX_SHOWN_MAX ? count - PREFIX_SHOWN_MAX : 0;
    de_text_add(text, "  longest prefix that can be placed: %" PRIu32 " operation%s%s", count,
                count == 1 ? "" : "s", count > 1 ? ", in this order" : "");
    if (failure->prefix_state_known) {
        de_text_add(text, "; then %s ", model->subject);
        add_state(text, model, &failure->prefix_state);
    }
    de_text_add(text, "\n");
    if (hidden > 0) {
        de_text_add(text, "    %" PRIu32 " more, then\n", hidden);
    }
    add_list(text, operations, failure->prefix + hidden, count - hidden);
}

static void add_failure(struct de_text *text, const struct de_history_operation *operations,
                        const struct de_check_result *result)
{
    const struct de_check_failure *failure = &result->failure;
    const struct de_model *model = result->model;
    de_text_add(text, "not linearizable: ");
    add_key(text, &failure->key);
    de_explain_operation(&operations[failure->operation], text);
    de_text_add(text, " cannot be placed: %s ", model->subject);
    add_states(text, model, failure);
    de_text_add(text, "\n");
    if (result->keys_failed > 1) {
        de_text_add(text, "  %zu of %zu keys are not linearizable; this is the earliest\n",
                    result->keys_failed, result->keys);
    }
    add_states_left_by(text, model, operations, failure);
    add_difference(text, failure);
    add_makers(text, model, operations, failure);
    add_overlapping(text, operations, failure);
    add_prefix(text, model, operations, failure);
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
    de_text_add(text, "],\"states_left_by\":[");
    for (uint32_t i = 0; i < failure->states_count; i++) {
        de_text_add(text, "%s", i == 0 ? "" : ",");
        if (failure->states_left_by[i] == DE_CHECK_NOBODY) {
            de_text_add(text, "null");
        } else {
            add_json_operation(text, &operations[failure->states_left_by[i]]);
        }
    }
    de_text_add(text, "],\"states_complete\":%s", failure->states_more ? "false" : "true");
    if (failure->needs_state) {
        de_text_add(text, ",\"needed\":");
        de_text_add_value(text, &failure->needed);
        add_json_list(text, "makers", operations, failure->makers, failure->makers_count);
    }
    if (failure->prefix_state_known) {
        de_text_add(text, ",\"prefix_state\":");
        de_text_add_value(text, &failure->prefix_state);
    }
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
