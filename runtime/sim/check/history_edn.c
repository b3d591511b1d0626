#include "runtime/sim/check/history_edn.h"

#include <inttypes.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "runtime/sim/check/edn.h"
#include "runtime/sim/check/history_replay.h"
#include "runtime/sim/check/history_shape.h"

#define WORD_SHOWN_MAX 40

/* The keys we know. */
#define MEMBER_MAP(X)                                                                              \
    X(PROCESS, "process")                                                                          \
    X(TYPE, "type")                                                                                \
    X(F, "f")                                                                                      \
    X(VALUE, "value")                                                                              \
    X(TIME, "time")                                                                                \
    X(ERROR, "error")

enum member {
#define MEMBER_ENUM(name, text) MEMBER_##name,
    MEMBER_MAP(MEMBER_ENUM)
#undef MEMBER_ENUM
        MEMBERS
};

static const char *const member_texts[] = {
#define MEMBER_TEXT(name, text) text,
    MEMBER_MAP(MEMBER_TEXT)
#undef MEMBER_TEXT
};

/* Where the values of the members are. They are looked at when all have been found: of an event
 * that is none of a client nothing need make sense. */
struct members {
    uint64_t line; /* of the event */
    bool there[MEMBERS];
    struct de_scan_place at[MEMBERS];
};

static bool is_text(struct dengine_slice slice, const char *text)
{
    return slice.size == strlen(text) && memcmp(slice.data, text, slice.size) == 0;
}

/* One key with its value. */
static int find_member(struct de_scan *edn, int first, struct members *members)
{
    struct dengine_slice name;
    struct de_scan_place start = edn->at;
    if (first != ':') { /* a string, a symbol: a key of nothing that we know */
        int err = de_edn_skip(edn);
        return err != 0 ? err : de_edn_skip(edn);
    }
    int err = de_edn_keyword(edn, "a keyword", &name);
    if (err == 0) {
        err = de_edn_peek(edn, &first);
    }
    for (size_t i = 0; i < MEMBERS && err == 0; i++) {
        if (!is_text(name, member_texts[i])) {
            continue;
        }
        if (members->there[i]) {
            edn->at = start;
            return de_scan_fail(edn, ":%s twice in one event", member_texts[i]);
        }
        members->there[i] = true;
        members->at[i] = edn->at;
    }
    return err != 0 ? err : de_edn_skip(edn);
}

static int find_members(struct de_scan *edn, struct members *members)
{
    int first;
    int err = de_edn_take(edn, '{', "'{', the start of an event");
    while (err == 0 && (err = de_edn_peek(edn, &first)) == 0 && first != '}') {
        err = find_member(edn, first, members);
    }
    if (err == 0) {
        de_scan_advance(edn);
        err = de_edn_peek(edn, &first);
        if (err == 0 && first >= 0) {
            return de_scan_unexpected(edn, "the end of the event");
        }
    }
    return err;
}

static int require(struct de_scan *edn, const struct members *members, enum member member)
{
    if (!members->there[member]) {
        return de_history_fail(edn->error, members->line,
                               "no :%s in this event; expected :process, :type and :f",
                               member_texts[member]);
    }
    edn->at = members->at[member];
    return 0;
}

/* So many bytes of a word stand in a message: the beginning of a long one. */
static int shown(struct dengine_slice word)
{
    DE_ASSERT(word.data != NULL);
    return word.size < WORD_SHOWN_MAX ? (int)word.size : WORD_SHOWN_MAX;
}

static int take_type(struct de_scan *edn, struct de_history_event *event)
{
    struct dengine_slice word;
    struct de_scan_place start = edn->at;
    int err = de_edn_keyword(edn, "a keyword for :type", &word);
    if (err != 0) {
        return err;
    }
#define TYPE_TEST(name, text)                                                                      \
    if (is_text(word, text)) {                                                                     \
        event->type = DE_HISTORY_##name;                                                           \
        return 0;                                                                                  \
    }
    DE_HISTORY_TYPE_MAP(TYPE_TEST)
#undef TYPE_TEST
    edn->at = start;
    return de_scan_fail(edn, "unknown :type :%.*s; expected :invoke, :ok, :fail or :info",
                        shown(word), (const char *)word.data);
}

static int take_function(struct de_scan *edn, struct de_history_event *event)
{
    struct dengine_slice word;
    struct de_scan_place start = edn->at;
    int err = de_edn_keyword(edn, "a keyword for :f", &word);
    if (err != 0) {
        return err;
    }
#define FUNCTION_TEST(name, text)                                                                  \
    if (is_text(word, text)) {                                                                     \
        event->function = DE_HISTORY_##name;                                                       \
        return 0;                                                                                  \
    }
    DE_HISTORY_FUNCTION_MAP(FUNCTION_TEST)
#undef FUNCTION_TEST
    char expected[128];
    de_history_functions_text(DE_HISTORY_ALL_FUNCTIONS, expected, sizeof(expected));
    edn->at = start;
    return de_scan_fail(edn, "unknown :f :%.*s; expected %s", shown(word), (const char *)word.data,
                        expected);
}

/* What :value holds: a, [a b] or [a [b c]]. */
struct operand {
    unsigned count;
    struct de_history_value a;
    struct de_history_value b;
    struct de_history_value c;
};

#define VALUE_EXPECTED "nil, an integer, a string or a pair"

/* [b c], or b alone. */
static int take_second(struct de_scan *edn, struct operand *operand)
{
    int first;
    int err = de_edn_peek(edn, &first);
    if (err != 0 || first != '[') {
        operand->count = 2;
        return err != 0 ? err : de_edn_value(edn, VALUE_EXPECTED, &operand->b);
    }
    operand->count = 3;
    de_scan_advance(edn);
    err = de_edn_value(edn, "old: nil, an integer or a string", &operand->b);
    if (err == 0) {
        err = de_edn_value(edn, "new: an integer or a string", &operand->c);
    }
    return err != 0 ? err : de_edn_take(edn, ']', "']' after [old new");
}

static int take_operand(struct de_scan *edn, struct operand *operand)
{
    int first;
    int err = de_edn_peek(edn, &first);
    if (err != 0 || first != '[') {
        operand->count = 1;
        return err != 0 ? err : de_edn_value(edn, VALUE_EXPECTED, &operand->a);
    }
    de_scan_advance(edn);
    err = de_edn_value(edn, "a key or a value", &operand->a);
    if (err == 0) {
        err = take_second(edn, operand);
    }
    return err != 0 ? err : de_edn_take(edn, ']', "']' after a pair");
}

/* Sorts the parts of :value into key, expected and value. False if there are too many. */
static bool sort_operand(const struct operand *operand, struct de_history_event *event)
{
    bool cas = event->function == DE_HISTORY_CAS;
    unsigned parts = cas ? 2 : 1;
    bool keyed = operand->count > parts;
    event->shape = DE_HISTORY_SINGLE;
    event->value = operand->count == 1 ? operand->a : operand->count == 2 ? operand->b : operand->c;
    if (keyed) {
        event->key = operand->a;
    }
    if (cas && operand->count >= 2) {
        event->shape = DE_HISTORY_PAIR;
        event->expected = keyed ? operand->b : operand->a;
    }
    return operand->count <= parts + 1;
}

static int take_value(struct de_scan *edn, struct de_history_event *event)
{
    struct operand operand = {0, de_history_null(), de_history_null(), de_history_null()};
    bool says_why = event->type == DE_HISTORY_INFO || event->type == DE_HISTORY_FAIL;
    struct de_scan_place start = edn->at;
    int err = take_operand(edn, &operand);
    bool fits = err == 0 && sort_operand(&operand, event);
    if (says_why) {
        unsigned parts = event->function == DE_HISTORY_CAS ? 2 : 1;
        event->key_left_out = !fits || operand.count <= parts;
        event->key = event->key_left_out ? de_history_null() : event->key;
        event->shape = DE_HISTORY_MISSING;
        return err == DENGINE_E_INVALID ? 0 : err;
    }
    if (err == 0 && !fits) {
        edn->at = start;
        return de_scan_fail(edn, "too many values for %s; expected one, or [key value]",
                            de_history_function_text(event->function));
    }
    if (event->type == DE_HISTORY_INVOKE && de_history_observes(event->function)) {
        event->value = de_history_null();
    }
    return err;
}

/* Whether :error is :not-equal. */
static bool says_not_equal(struct de_scan *edn, const struct members *members)
{
    struct dengine_slice word;
    if (!members->there[MEMBER_ERROR]) {
        return false;
    }
    edn->at = members->at[MEMBER_ERROR];
    return de_edn_keyword(edn, "a keyword", &word) == 0 && is_text(word, "not-equal");
}

static int take_members(struct de_scan *edn, const struct members *members,
                        struct de_history_event *event)
{
    int err = require(edn, members, MEMBER_TYPE);
    err = err != 0 ? err : take_type(edn, event);
    err = err != 0 ? err : require(edn, members, MEMBER_F);
    err = err != 0 ? err : take_function(edn, event);
    if (err != 0) {
        return err;
    }
    event->untold = event->type == DE_HISTORY_FAIL && event->function == DE_HISTORY_CAS &&
                    !says_not_equal(edn, members);
    event->shape = DE_HISTORY_MISSING;
    event->key_left_out = event->type == DE_HISTORY_INFO || event->type == DE_HISTORY_FAIL;
    if (members->there[MEMBER_VALUE]) {
        edn->at = members->at[MEMBER_VALUE];
        err = take_value(edn, event);
    }
    if (err == 0 && members->there[MEMBER_TIME]) {
        edn->at = members->at[MEMBER_TIME];
        err = de_edn_integer(edn, "an integer for :time", &event->time_ns);
    }
    return err;
}

int de_history_edn_parse(void *form, size_t size, uint64_t line, uint64_t column,
                         struct de_history_event *event, bool *client,
                         struct de_history_error *error)
{
    struct de_scan edn;
    struct members members;
    int first;
    memset(event, 0, sizeof(*event));
    memset(&members, 0, sizeof(members));
    members.line = line;
    event->time_ns = INT64_MIN;
    de_scan_init(&edn, form, size, line, column, error);
    edn.whole = "event";
    int err = find_members(&edn, &members);
    err = err != 0 ? err : require(&edn, &members, MEMBER_PROCESS);
    err = err != 0 ? err : de_edn_peek(&edn, &first);
    if (err != 0) {
        return err;
    }
    *client = (first >= '0' && first <= '9') || first == '-' || first == '+';
    if (!*client) {
        return 0;
    }
    err = de_edn_integer(&edn, "an integer for :process", &event->process);
    return err != 0 ? err : take_members(&edn, &members, event);
}

/* What the writer is at. */
struct writer {
    struct de_text *text;
    uint64_t index;
};

static bool is_writable(const struct de_history_value *value)
{
    return value->kind != DE_HISTORY_STRING || de_text_is_utf8(value->string);
}

static void add_value(struct de_text *text, const struct de_history_value *value)
{
    if (value->kind == DE_HISTORY_NULL) {
        de_text_add(text, "nil");
    } else {
        de_text_add_value(text, value); /* integers and strings are as in JSON */
    }
}

static int write_event(void *context, const struct de_history_event *event)
{
    struct writer *writer = context;
    struct de_text *text = writer->text;
    bool keyed = event->key.kind != DE_HISTORY_NULL;
    if (!is_writable(&event->key) || !is_writable(&event->expected) ||
        !is_writable(&event->value)) {
        return DENGINE_E_INVALID;
    }
    de_text_add(text, "{:type :%s, :f :%s, :value ", de_history_type_text(event->type),
                de_history_function_text(event->function));
    if (keyed) {
        de_text_add(text, "[");
        add_value(text, &event->key);
        de_text_add(text, " ");
    }
    if (event->shape == DE_HISTORY_PAIR) {
        de_text_add(text, "[");
        add_value(text, &event->expected);
        de_text_add(text, " ");
        add_value(text, &event->value);
        de_text_add(text, "]");
    } else {
        add_value(text, &event->value);
    }
    bool told = event->type == DE_HISTORY_FAIL && event->function == DE_HISTORY_CAS;
    de_text_add(text, "%s, :process %" PRId64 ", :time %" PRId64 ", :index %" PRIu64 "%s}\n",
                keyed ? "]" : "", event->process, event->time_ns, writer->index++,
                told ? ", :error :not-equal" : "");
    return text->failed ? DENGINE_E_NO_MEMORY : 0;
}

int de_history_edn_write_operations(const struct de_history_operation *operations, size_t count,
                                    struct de_text *text)
{
    struct writer writer = {text, 0};
    return de_history_replay(operations, count, write_event, &writer);
}
