#include "runtime/sim/check/history_json.h"

#include <inttypes.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "runtime/sim/check/history_replay.h"
#include "runtime/sim/check/json.h"

/* The members we know, as bits, to see what is missing and what comes twice. */
#define MEMBER_MAP(X)                                                                              \
    X(PROCESS, "process", 1)                                                                       \
    X(TYPE, "type", 2)                                                                             \
    X(F, "f", 4)                                                                                   \
    X(TIME, "time", 8)                                                                             \
    X(VALUE, "value", 16)                                                                          \
    X(KEY, "key", 32)

enum member {
    MEMBER_OTHER = 0,
#define MEMBER_ENUM(name, text, bit) MEMBER_##name = bit,
    MEMBER_MAP(MEMBER_ENUM)
#undef MEMBER_ENUM
};

#define MEMBERS_REQUIRED (MEMBER_PROCESS | MEMBER_TYPE | MEMBER_F | MEMBER_TIME)

static bool is_text(struct dengine_slice slice, const char *text)
{
    return slice.size == strlen(text) && memcmp(slice.data, text, slice.size) == 0;
}

static enum member member_of(struct dengine_slice name)
{
#define MEMBER_TEST(member, text, bit)                                                             \
    if (is_text(name, text)) {                                                                     \
        return MEMBER_##member;                                                                    \
    }
    MEMBER_MAP(MEMBER_TEST)
#undef MEMBER_TEST
    return MEMBER_OTHER;
}

static const char *member_text(enum member member)
{
    switch (member) {
#define MEMBER_TEXT(name, text, bit)                                                               \
    case MEMBER_##name:                                                                            \
        return text;
        MEMBER_MAP(MEMBER_TEXT)
#undef MEMBER_TEXT
    case MEMBER_OTHER:
        break;
    }
    DE_ASSERT(false && "a member of no name");
}

/* A message shows at most so many bytes of a word it does not know. */
static int shown(struct dengine_slice word)
{
    return word.size < 40 ? (int)word.size : 40;
}

/* Where the next token starts: what a message about it points at. */
static struct de_scan_place word_start(struct de_scan *json)
{
    (void)de_json_peek(json);
    return json->at;
}

static int take_type(struct de_scan *json, enum de_history_type *type)
{
    struct dengine_slice word;
    struct de_scan_place start = word_start(json);
    int err = de_json_string(json, "a string for type", &word);
    if (err != 0) {
        return err;
    }
#define TYPE_TEST(name, text)                                                                      \
    if (is_text(word, text)) {                                                                     \
        *type = DE_HISTORY_##name;                                                                 \
        return 0;                                                                                  \
    }
    DE_HISTORY_TYPE_MAP(TYPE_TEST)
#undef TYPE_TEST
    json->at = start;
    return de_scan_fail(json, "unknown type \"%.*s\"; expected invoke, ok, fail or info",
                        shown(word), (const char *)word.data);
}

static int take_function(struct de_scan *json, enum de_history_function *function)
{
    struct dengine_slice word;
    struct de_scan_place start = word_start(json);
    int err = de_json_string(json, "a string for f", &word);
    if (err != 0) {
        return err;
    }
#define FUNCTION_TEST(name, text)                                                                  \
    if (is_text(word, text)) {                                                                     \
        *function = DE_HISTORY_##name;                                                             \
        return 0;                                                                                  \
    }
    DE_HISTORY_FUNCTION_MAP(FUNCTION_TEST)
#undef FUNCTION_TEST
    json->at = start;
    char expected[128];
    de_history_functions_text(DE_HISTORY_ALL_FUNCTIONS, expected, sizeof(expected));
    return de_scan_fail(json, "unknown f \"%.*s\"; expected %s", shown(word),
                        (const char *)word.data, expected);
}

static int take_value(struct de_scan *json, struct de_history_event *event)
{
    static const char expected[] = "null, an integer, a string or [old, new]";
    if (de_json_peek(json) != '[') {
        event->shape = DE_HISTORY_SINGLE;
        return de_json_value(json, expected, &event->value);
    }
    event->shape = DE_HISTORY_PAIR;
    json->at.position++;
    int err = de_json_value(json, "old: null, an integer or a string", &event->expected);
    if (err == 0) {
        err = de_json_take(json, ',', "',' between old and new");
    }
    if (err == 0) {
        err = de_json_value(json, "new: an integer or a string", &event->value);
    }
    return err != 0 ? err : de_json_take(json, ']', "']' after [old, new");
}

static int take_member(struct de_scan *json, enum member member, struct de_history_event *event)
{
    switch (member) {
    case MEMBER_PROCESS:
        return de_json_integer(json, "an integer for process", &event->process);
    case MEMBER_TYPE:
        return take_type(json, &event->type);
    case MEMBER_F:
        return take_function(json, &event->function);
    case MEMBER_TIME:
        return de_json_integer(json, "an integer for time", &event->time_ns);
    case MEMBER_VALUE:
        return take_value(json, event);
    case MEMBER_KEY:
        return de_json_value(json, "an integer or a string for key", &event->key);
    case MEMBER_OTHER:
        return de_json_skip(json);
    }
    DE_ASSERT(false && "a member of no kind");
}

/* Name, colon, value. */
static int take_pair(struct de_scan *json, unsigned *seen, struct de_history_event *event)
{
    struct dengine_slice name;
    struct de_scan_place start = word_start(json);
    int err = de_json_string(json, "a member's name", &name);
    if (err != 0) {
        return err;
    }
    enum member member = member_of(name);
    if ((*seen & (unsigned)member) != 0) {
        json->at = start;
        return de_scan_fail(json, "\"%s\" twice in one event", member_text(member));
    }
    *seen |= (unsigned)member;
    err = de_json_take(json, ':', "':' after a member's name");
    return err != 0 ? err : take_member(json, member, event);
}

/* The lowest missing member has a name in the message. */
static int check_members(const struct de_scan *json, unsigned seen)
{
    unsigned missing = MEMBERS_REQUIRED & ~seen;
    if (missing == 0) {
        return 0;
    }
    return de_history_fail(json->error, json->at.line,
                           "no \"%s\" in this event; expected process, type, f and time",
                           member_text((enum member)(missing & (~missing + 1))));
}

int de_history_json_parse(void *line_data, size_t line_size, uint64_t line,
                          struct de_history_event *event, struct de_history_error *error)
{
    struct de_scan json;
    unsigned seen = 0;
    memset(event, 0, sizeof(*event));
    de_json_init(&json, line_data, line_size, line, error);
    int err = de_json_take(&json, '{', "'{', the start of an event");
    if (err != 0) {
        return err;
    }
    if (de_json_peek(&json) == '}') {
        return check_members(&json, seen);
    }
    for (;;) {
        err = take_pair(&json, &seen, event);
        if (err != 0) {
            return err;
        }
        if (de_json_peek(&json) != ',') {
            break;
        }
        json.at.position++;
    }
    err = de_json_take(&json, '}', "',' or '}' after a member");
    if (err != 0) {
        return err;
    }
    if (de_json_peek(&json) >= 0) {
        return de_scan_fail(&json, "something after the event; expected one event per line");
    }
    return check_members(&json, seen);
}

static bool is_writable(const struct de_history_value *value)
{
    return value->kind != DE_HISTORY_STRING || de_text_is_utf8(value->string);
}

int de_history_json_write(const struct de_history_event *event, struct de_text *text)
{
    DE_ASSERT(!event->untold && !event->key_left_out);
    if (!is_writable(&event->key) || !is_writable(&event->expected) ||
        !is_writable(&event->value)) {
        return DENGINE_E_INVALID;
    }
    de_text_add(text, "{\"process\":%" PRId64 ",\"type\":\"%s\",\"f\":\"%s\"", event->process,
                de_history_type_text(event->type), de_history_function_text(event->function));
    if (event->key.kind != DE_HISTORY_NULL) {
        de_text_add(text, ",\"key\":");
        de_text_add_value(text, &event->key);
    }
    if (event->shape == DE_HISTORY_SINGLE) {
        de_text_add(text, ",\"value\":");
        de_text_add_value(text, &event->value);
    } else if (event->shape == DE_HISTORY_PAIR) {
        de_text_add(text, ",\"value\":[");
        de_text_add_value(text, &event->expected);
        de_text_add(text, ",");
        de_text_add_value(text, &event->value);
        de_text_add(text, "]");
    }
    de_text_add(text, ",\"time\":%" PRId64 "}\n", event->time_ns);
    return text->failed ? DENGINE_E_NO_MEMORY : 0;
}

/* An event on its way to the text. */
static int write_event(void *text, const struct de_history_event *event)
{
    return de_history_json_write(event, text);
}

int de_history_json_write_operations(const struct de_history_operation *operations, size_t count,
                                     struct de_text *text)
{
    return de_history_replay(operations, count, write_event, text);
}
