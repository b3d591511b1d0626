#include "runtime/sim/check/history_shape.h"

#include "core/base/assert.h"

/* What a value can be: one bit each. */
enum form {
    FORM_MISSING = 1,
    FORM_NULL = 2,
    FORM_INTEGER = 4,
    FORM_STRING = 8,
    FORM_PAIR = 16, /* [old, new], new not null */
    FORM_BAD_PAIR = 32,

    FORM_NOTHING = FORM_MISSING | FORM_NULL,
    FORM_SCALAR = FORM_INTEGER | FORM_STRING,
};

/* What an invoke may have, and an ok; fail and info may have what the invoke may, or no value. */
struct rule {
    unsigned invoke;
    unsigned ok;
    const char *expected;    /* of an invoke, and of all but an ok that observes */
    const char *expected_ok; /* NULL: the same */
};

#define NOTHING_EXPECTED "null or none"
#define HOLDER_EXPECTED  "the holder, an integer or a string, or null or none for the process"

static const struct rule rules[] = {
    [DE_HISTORY_READ] = {FORM_NOTHING, FORM_NULL | FORM_SCALAR, NOTHING_EXPECTED,
                         "what it saw: null (absent), an integer or a string"},
    [DE_HISTORY_WRITE] = {FORM_SCALAR, FORM_SCALAR | FORM_MISSING, "an integer or a string", NULL},
    [DE_HISTORY_CAS] = {FORM_PAIR, FORM_PAIR | FORM_MISSING,
                        "[old, new], old null for absent, new an integer or a string", NULL},
    [DE_HISTORY_DELETE] = {FORM_NOTHING, FORM_NOTHING, NOTHING_EXPECTED, NULL},
    [DE_HISTORY_GET] = {FORM_NOTHING, FORM_NULL | FORM_STRING, NOTHING_EXPECTED,
                        "what it saw: a string, \"\" or null for absent"},
    [DE_HISTORY_PUT] = {FORM_STRING, FORM_STRING | FORM_MISSING, "a string", NULL},
    [DE_HISTORY_APPEND] = {FORM_STRING, FORM_STRING | FORM_MISSING, "a string", NULL},
    [DE_HISTORY_ACQUIRE] = {FORM_NOTHING | FORM_SCALAR, FORM_NOTHING | FORM_SCALAR, HOLDER_EXPECTED,
                            NULL},
    [DE_HISTORY_RELEASE] = {FORM_NOTHING | FORM_SCALAR, FORM_NOTHING | FORM_SCALAR, HOLDER_EXPECTED,
                            NULL},
    [DE_HISTORY_EXPIRE] = {FORM_SCALAR, FORM_SCALAR | FORM_MISSING,
                           "what vanishes, an integer or a string", NULL},
};

static enum form form_of(const struct de_history_event *event)
{
    if (event->shape == DE_HISTORY_MISSING) {
        return FORM_MISSING;
    }
    if (event->shape == DE_HISTORY_PAIR) {
        return event->value.kind != DE_HISTORY_NULL ? FORM_PAIR : FORM_BAD_PAIR;
    }
    switch (event->value.kind) {
    case DE_HISTORY_NULL:
        return FORM_NULL;
    case DE_HISTORY_INTEGER:
        return FORM_INTEGER;
    case DE_HISTORY_STRING:
        return FORM_STRING;
    }
    DE_ASSERT(false && "a value of no kind");
}

static const char *article(const char *word)
{
    return strchr("aeiou", word[0]) != NULL ? "an" : "a";
}

int de_history_check_shape(const struct de_history_event *event, uint64_t line,
                           struct de_history_error *error)
{
    DE_ASSERT((size_t)event->function < DE_ARRAY_SIZE(rules));
    const struct rule *rule = &rules[event->function];
    const char *function = de_history_function_text(event->function);
    bool ok = event->type == DE_HISTORY_OK;
    unsigned allowed = ok                                 ? rule->ok
                       : event->type == DE_HISTORY_INVOKE ? rule->invoke
                                                          : rule->invoke | FORM_MISSING;
    DE_ASSERT(rule->expected != NULL);
    if ((allowed & (unsigned)form_of(event)) != 0) {
        return 0;
    }
    if (ok && rule->expected_ok != NULL) {
        return de_history_fail(error, line, "value of an ok %s; expected %s", function,
                               rule->expected_ok);
    }
    return de_history_fail(error, line, "value in the %s of %s %s; expected %s",
                           de_history_type_text(event->type), article(function), function,
                           rule->expected);
}
