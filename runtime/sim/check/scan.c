#include "runtime/sim/check/scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "runtime/sim/check/text.h"

void de_scan_init(struct de_scan *scan, void *data, size_t size, uint64_t line, uint64_t column,
                  struct de_history_error *error)
{
    DE_ASSERT(data != NULL || size == 0);
    DE_ASSERT(column >= 1);
    scan->data = data;
    scan->size = size;
    scan->at = (struct de_scan_place){0, line, 1 - (int64_t)column};
    scan->error = error;
}

void de_scan_advance(struct de_scan *scan)
{
    DE_ASSERT(scan->at.position < scan->size);
    bool newline = scan->data[scan->at.position] == '\n';
    scan->at.position++;
    if (newline) {
        scan->at.line++;
        scan->at.line_start = (int64_t)scan->at.position;
    }
}

int de_scan_fail(struct de_scan *scan, const char *format, ...)
{
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return de_history_fail(scan->error, scan->at.line, "column %lld: %s",
                           (long long)((int64_t)scan->at.position - scan->at.line_start + 1), text);
}

int de_scan_unexpected(struct de_scan *scan, const char *expected)
{
    int c = de_scan_at(scan);
    if (c < 0) {
        return de_scan_fail(scan, "the %s ends; expected %s", scan->whole, expected);
    }
    if (c < 0x20 || c >= 0x7f) {
        return de_scan_fail(scan, "unexpected byte 0x%02x; expected %s", (unsigned)c, expected);
    }
    return de_scan_fail(scan, "unexpected '%c'; expected %s", c, expected);
}

/* Four hexadecimal digits. */
static int take_hex4(struct de_scan *scan, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        int c = de_scan_at(scan);
        uint32_t digit;
        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (uint32_t)(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = (uint32_t)(c - 'A') + 10;
        } else {
            return de_scan_unexpected(scan, "four hexadecimal digits after \\u");
        }
        *unit = *unit << 4 | digit;
        scan->at.position++;
    }
    return 0;
}

/* What follows \u: one UTF-16 unit, or a surrogate pair with its second \u. */
static int take_code_point(struct de_scan *scan, uint32_t *point)
{
    int err = take_hex4(scan, point);
    if (err != 0 || *point < 0xd800 || *point > 0xdfff) {
        return err;
    }
    if (*point >= 0xdc00 || scan->size - scan->at.position < 2 ||
        scan->data[scan->at.position] != '\\' || scan->data[scan->at.position + 1] != 'u') {
        return de_scan_fail(scan, "lone surrogate \\u%04x; expected a pair", (unsigned)*point);
    }
    scan->at.position += 2;
    uint32_t low;
    err = take_hex4(scan, &low);
    if (err != 0) {
        return err;
    }
    if (low < 0xdc00 || low > 0xdfff) {
        return de_scan_fail(scan, "\\u%04x after a high surrogate; expected a low one",
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
static int take_escape(struct de_scan *scan, uint8_t *out, size_t *length)
{
    static const char names[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    int c = de_scan_at(scan);
    *length = 1;
    if (c == 'u') {
        uint32_t point;
        scan->at.position++;
        int err = take_code_point(scan, &point);
        if (err == 0) {
            *length = encode_utf8(point, out);
        }
        return err;
    }
    const char *name = c > 0 ? strchr(names, c) : NULL;
    if (name == NULL) {
        return de_scan_unexpected(scan, "one of \"\\/bfnrtu after a backslash");
    }
    *out = (uint8_t)meanings[name - names];
    scan->at.position++;
    return 0;
}

int de_scan_string(struct de_scan *scan, bool controls, struct dengine_slice *string)
{
    DE_ASSERT(de_scan_at(scan) == '"');
    de_scan_advance(scan);
    size_t start = scan->at.position;
    size_t end = start; /* of what is decoded; never ahead of the position */
    for (;;) {
        int c = de_scan_at(scan);
        if (c == '"') {
            break;
        }
        if (c < 0 || (c < 0x20 && !controls)) {
            return de_scan_unexpected(scan, "the string to be closed, control characters escaped");
        }
        de_scan_advance(scan);
        if (c != '\\') {
            scan->data[end++] = (uint8_t)c;
            continue;
        }
        uint8_t decoded[4];
        size_t length;
        int err = take_escape(scan, decoded, &length);
        if (err != 0) {
            return err;
        }
        DE_ASSERT(end + length <= scan->at.position);
        memcpy(scan->data + end, decoded, length);
        end += length;
    }
    *string = dengine_bytes(scan->data + start, end - start);
    if (!de_text_is_utf8(*string)) {
        return de_scan_fail(scan, "a string that is not UTF-8");
    }
    scan->at.position++;
    return 0;
}

int de_scan_integer(struct de_scan *scan, const char *expected, int64_t *integer)
{
    bool negative = de_scan_at(scan) == '-';
    scan->at.position += negative ? 1 : 0;
    int c = de_scan_at(scan);
    if (c < '0' || c > '9') {
        return de_scan_unexpected(scan, expected);
    }
    bool leading_zero = c == '0';
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    uint64_t magnitude = 0;
    size_t digits = 0;
    for (; c >= '0' && c <= '9'; c = de_scan_at(scan)) {
        uint64_t digit = (uint64_t)(c - '0');
        if (magnitude > (limit - digit) / 10) {
            return de_scan_fail(scan, "number out of range; expected 64 bits");
        }
        magnitude = magnitude * 10 + digit;
        digits++;
        scan->at.position++;
    }
    if (leading_zero && digits > 1) {
        return de_scan_fail(scan, "number with a leading zero");
    }
    if (c == '.' || c == 'e' || c == 'E') {
        return de_scan_unexpected(scan, "an integer");
    }
    /* 0 - magnitude in unsigned arithmetic is right for -2^63 too. */
    *integer = (int64_t)(negative ? 0 - magnitude : magnitude);
    return 0;
}
