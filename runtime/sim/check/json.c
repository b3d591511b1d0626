#include "runtime/sim/check/json.h"

#include <string.h>

#include "core/base/assert.h"

void de_json_init(struct de_scan *json, void *data, size_t size, uint64_t line,
                  struct de_history_error *error)
{
    de_scan_init(json, data, size, line, 1, error);
    json->whole = "line";
}

int de_json_peek(struct de_scan *json)
{
    int c = de_scan_at(json);
    while (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        json->at.position++;
        c = de_scan_at(json);
    }
    return c;
}

int de_json_take(struct de_scan *json, char wanted, const char *expected)
{
    if (de_json_peek(json) != wanted) {
        return de_scan_unexpected(json, expected);
    }
    json->at.position++;
    return 0;
}

int de_json_string(struct de_scan *json, const char *expected, struct dengine_slice *string)
{
    return de_json_peek(json) == '"' ? de_scan_string(json, false, string)
                                     : de_scan_unexpected(json, expected);
}

int de_json_integer(struct de_scan *json, const char *expected, int64_t *integer)
{
    (void)de_json_peek(json);
    return de_scan_integer(json, expected, integer);
}

/* Takes a word such as null. */
static int take_word(struct de_scan *json, const char *word, const char *expected)
{
    size_t length = strlen(word);
    if (json->size - json->at.position < length ||
        memcmp(json->data + json->at.position, word, length) != 0) {
        return de_scan_unexpected(json, expected);
    }
    json->at.position += length;
    return 0;
}

int de_json_value(struct de_scan *json, const char *expected, struct de_history_value *value)
{
    int c = de_json_peek(json);
    if (c == '"') {
        value->kind = DE_HISTORY_STRING;
        value->integer = 0;
        return de_json_string(json, expected, &value->string);
    }
    *value = de_history_null();
    if (c == 'n') {
        return take_word(json, "null", expected);
    }
    value->kind = DE_HISTORY_INTEGER;
    return de_json_integer(json, expected, &value->integer);
}

/* A value without parts: here also true, false and numbers with a fraction or exponent. */
static int skip_scalar(struct de_scan *json)
{
    struct dengine_slice string;
    int c = de_json_peek(json);
    switch (c) {
    case '"':
        return de_json_string(json, "a string", &string);
    case 'n':
        return take_word(json, "null", "a value");
    case 't':
        return take_word(json, "true", "a value");
    case 'f':
        return take_word(json, "false", "a value");
    default:
        break;
    }
    if (c != '-' && (c < '0' || c > '9')) {
        return de_scan_unexpected(json, "a value");
    }
    while (c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E' || (c >= '0' && c <= '9')) {
        json->at.position++;
        c = de_scan_at(json);
    }
    return 0;
}

/* Before a value inside an object: its name and colon. */
static int skip_name(struct de_scan *json)
{
    struct dengine_slice name;
    int err = de_json_string(json, "a member's name", &name);
    return err != 0 ? err : de_json_take(json, ':', "':' after a member's name");
}

/* After a value: closes what ends here; else takes the comma. Bit d of objects says whether level
 * d is an object. */
static int skip_close(struct de_scan *json, uint64_t objects, unsigned *depth)
{
    while (*depth > 0) {
        bool object = (objects >> (*depth - 1) & 1) != 0;
        int c = de_json_peek(json);
        if (c != (object ? '}' : ']')) {
            int err = de_json_take(json, ',', object ? "',' or '}'" : "',' or ']'");
            return err != 0 || !object ? err : skip_name(json);
        }
        json->at.position++;
        *depth -= 1;
    }
    return 0;
}

int de_json_skip(struct de_scan *json)
{
    uint64_t objects = 0;
    unsigned depth = 0;
    do {
        int err = 0;
        int c = de_json_peek(json);
        if (c != '[' && c != '{') {
            err = skip_scalar(json);
        } else if (depth == DE_JSON_DEPTH_MAX) {
            return de_scan_fail(json, "nested deeper than %d", DE_JSON_DEPTH_MAX);
        } else {
            bool object = c == '{';
            json->at.position++;
            objects = (objects & ~(UINT64_C(1) << depth)) | (uint64_t)object << depth;
            depth++;
            if (de_json_peek(json) != (object ? '}' : ']')) {
                err = object ? skip_name(json) : 0;
                if (err != 0) {
                    return err;
                }
                continue; /* to the first value inside */
            }
        }
        if (err == 0) {
            err = skip_close(json, objects, &depth);
        }
        if (err != 0) {
            return err;
        }
    } while (depth > 0);
    return 0;
}
