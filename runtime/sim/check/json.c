#include "runtime/sim/check/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "runtime/sim/check/text.h"

void de_json_init(struct de_json *json, void *data, size_t size, uint64_t line,
                  struct de_history_error *error)
{
    DE_ASSERT(data != NULL || size == 0);
    json->data = data;
    json->size = size;
    json->position = 0;
    json->line = line;
    json->error = error;
}

/* The byte at the position, white space included; -1 at the end. */
static int at(const struct de_json *json)
{
    return json->position < json->size ? json->data[json->position] : -1;
}

int de_json_peek(struct de_json *json)
{
    int c = at(json);
    while (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        json->position++;
        c = at(json);
    }
    return c;
}

int de_json_fail(struct de_json *json, const char *format, ...)
{
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return de_history_fail(json->error, json->line, "column %zu: %s", json->position + 1, text);
}

/* "unexpected X; expected Y", with X made visible. */
static int fail_expected(struct de_json *json, const char *expected)
{
    int c = at(json);
    if (c < 0) {
        return de_json_fail(json, "the line ends; expected %s", expected);
    }
    if (c < 0x20 || c >= 0x7f) {
        return de_json_fail(json, "unexpected byte 0x%02x; expected %s", (unsigned)c, expected);
    }
    return de_json_fail(json, "unexpected '%c'; expected %s", c, expected);
}

int de_json_take(struct de_json *json, char wanted, const char *expected)
{
    if (de_json_peek(json) != wanted) {
        return fail_expected(json, expected);
    }
    json->position++;
    return 0;
}

/* Four hexadecimal digits. */
static int take_hex4(struct de_json *json, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        int c = at(json);
        uint32_t digit;
        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (uint32_t)(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = (uint32_t)(c - 'A') + 10;
        } else {
            return fail_expected(json, "four hexadecimal digits after \\u");
        }
        *unit = *unit << 4 | digit;
        json->position++;
    }
    return 0;
}

/* What follows \u: one UTF-16 unit, or a surrogate pair with its second \u. */
static int take_code_point(struct de_json *json, uint32_t *point)
{
    int err = take_hex4(json, point);
    if (err != 0 || *point < 0xd800 || *point > 0xdfff) {
        return err;
    }
    if (*point >= 0xdc00 || json->size - json->position < 2 || json->data[json->position] != '\\' ||
        json->data[json->position + 1] != 'u') {
        return de_json_fail(json, "lone surrogate \\u%04x; expected a pair", (unsigned)*point);
    }
    json->position += 2;
    uint32_t low;
    err = take_hex4(json, &low);
    if (err != 0) {
        return err;
    }
    if (low < 0xdc00 || low > 0xdfff) {
        return de_json_fail(json, "\\u%04x after a high surrogate; expected a low one",
                            (unsigned)low);
    }
    *point = 0x10000 + ((*point - 0xd800) << 10) + (low - 0xdc00);
    return 0;
}

static size_t encode_utf8(uint32_t point, uint8_t *out)
{
    DE_ASSERT(point <= 0x10ffff);
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (uint8_t)(0xc0 | point >> 6);
        out[1] = (uint8_t)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (uint8_t)(0xe0 | point >> 12);
        out[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | point >> 18);
    out[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (point & 0x3f));
    return 4;
}

/* What follows a backslash, decoded to out (at most 4 bytes, never more than its source). */
static int take_escape(struct de_json *json, uint8_t *out, size_t *length)
{
    static const char names[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    int c = at(json);
    *length = 1;
    if (c == 'u') {
        uint32_t point;
        json->position++;
        int err = take_code_point(json, &point);
        if (err == 0) {
            *length = encode_utf8(point, out);
        }
        return err;
    }
    const char *name = c > 0 ? strchr(names, c) : NULL;
    if (name == NULL) {
        return fail_expected(json, "one of \"\\/bfnrtu after a backslash");
    }
    *out = (uint8_t)meanings[name - names];
    json->position++;
    return 0;
}

int de_json_string(struct de_json *json, const char *expected, struct dengine_slice *string)
{
    int err = de_json_take(json, '"', expected);
    if (err != 0) {
        return err;
    }
    size_t start = json->position;
    size_t end = start; /* of what is decoded; never ahead of the position */
    for (;;) {
        int c = at(json);
        if (c == '"') {
            break;
        }
        if (c < 0x20) {
            return fail_expected(json, "the string to be closed, control characters escaped");
        }
        json->position++;
        if (c != '\\') {
            json->data[end++] = (uint8_t)c;
            continue;
        }
        uint8_t decoded[4];
        size_t length;
        err = take_escape(json, decoded, &length);
        if (err != 0) {
            return err;
        }
        DE_ASSERT(end + length <= json->position);
        memcpy(json->data + end, decoded, length);
        end += length;
    }
    *string = dengine_bytes(json->data + start, end - start);
    if (!de_text_is_utf8(*string)) {
        return de_json_fail(json, "a string that is not UTF-8");
    }
    json->position++;
    return 0;
}

int de_json_integer(struct de_json *json, const char *expected, int64_t *integer)
{
    bool negative = de_json_peek(json) == '-';
    json->position += negative ? 1 : 0;
    int c = at(json);
    if (c < '0' || c > '9') {
        return fail_expected(json, expected);
    }
    bool leading_zero = c == '0';
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    uint64_t magnitude = 0;
    size_t digits = 0;
    for (; c >= '0' && c <= '9'; c = at(json)) {
        uint64_t digit = (uint64_t)(c - '0');
        if (magnitude > (limit - digit) / 10) {
            return de_json_fail(json, "number out of range; expected 64 bits");
        }
        magnitude = magnitude * 10 + digit;
        digits++;
        json->position++;
    }
    if (leading_zero && digits > 1) {
        return de_json_fail(json, "number with a leading zero");
    }
    if (c == '.' || c == 'e' || c == 'E') {
        return fail_expected(json, "an integer");
    }
    /* 0 - magnitude in unsigned arithmetic is right for -2^63 too. */
    *integer = (int64_t)(negative ? 0 - magnitude : magnitude);
    return 0;
}

/* Takes a word such as null. */
static int take_word(struct de_json *json, const char *word, const char *expected)
{
    size_t length = strlen(word);
    if (json->size - json->position < length ||
        memcmp(json->data + json->position, word, length) != 0) {
        return fail_expected(json, expected);
    }
    json->position += length;
    return 0;
}

int de_json_value(struct de_json *json, const char *expected, struct de_history_value *value)
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
static int skip_scalar(struct de_json *json)
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
        return fail_expected(json, "a value");
    }
    while (c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E' || (c >= '0' && c <= '9')) {
        json->position++;
        c = at(json);
    }
    return 0;
}

/* Before a value inside an object: its name and colon. */
static int skip_name(struct de_json *json)
{
    struct dengine_slice name;
    int err = de_json_string(json, "a member's name", &name);
    return err != 0 ? err : de_json_take(json, ':', "':' after a member's name");
}

/* After a value: closes what ends here; else takes the comma. Bit d of objects says whether level
 * d is an object. */
static int skip_close(struct de_json *json, uint64_t objects, unsigned *depth)
{
    while (*depth > 0) {
        bool object = (objects >> (*depth - 1) & 1) != 0;
        int c = de_json_peek(json);
        if (c != (object ? '}' : ']')) {
            int err = de_json_take(json, ',', object ? "',' or '}'" : "',' or ']'");
            return err != 0 || !object ? err : skip_name(json);
        }
        json->position++;
        *depth -= 1;
    }
    return 0;
}

int de_json_skip(struct de_json *json)
{
    uint64_t objects = 0;
    unsigned depth = 0;
    do {
        int err = 0;
        int c = de_json_peek(json);
        if (c != '[' && c != '{') {
            err = skip_scalar(json);
        } else if (depth == DE_JSON_DEPTH_MAX) {
            return de_json_fail(json, "nested deeper than %d", DE_JSON_DEPTH_MAX);
        } else {
            bool object = c == '{';
            json->position++;
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
