#include "client/json_text.h"

#include <stdint.h>

#include "core/base/assert.h"

/* Bytes of the UTF-8 sequence at the front of at, or 0 when it is none. RFC 3629. */
static size_t sequence(const uint8_t *at, size_t size)
{
    uint32_t least;
    uint32_t code;
    size_t length;
    size_t i;

    if (at[0] < 0x80) {
        return 1;
    }
    if (at[0] >= 0xc2 && at[0] < 0xe0) {
        length = 2;
        code = at[0] & 0x1fu;
        least = 0x80;
    } else if (at[0] >= 0xe0 && at[0] < 0xf0) {
        length = 3;
        code = at[0] & 0x0fu;
        least = 0x800;
    } else if (at[0] >= 0xf0 && at[0] < 0xf5) {
        length = 4;
        code = at[0] & 0x07u;
        least = 0x10000;
    } else {
        return 0;
    }
    if (length > size) {
        return 0;
    }
    for (i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (at[i] & 0x3fu);
    }
    return code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : length;
}

bool de_utf8_check(struct dengine_slice bytes)
{
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;

    while (left > 0) {
        const size_t length = sequence(at, left);

        if (length == 0) {
            return false;
        }
        at += length;
        left -= length;
    }
    return true;
}

void de_json_put_string(FILE *file, struct dengine_slice bytes)
{
    const uint8_t *at = bytes.data;
    size_t i;

    DE_ASSERT(de_utf8_check(bytes));
    (void)fputc('"', file);
    for (i = 0; i < bytes.size; i++) {
        if (at[i] == '"' || at[i] == '\\') {
            (void)fprintf(file, "\\%c", at[i]);
        } else if (at[i] == '\n') {
            (void)fputs("\\n", file);
        } else if (at[i] == '\r') {
            (void)fputs("\\r", file);
        } else if (at[i] == '\t') {
            (void)fputs("\\t", file);
        } else if (at[i] < 0x20 || at[i] == 0x7f) {
            (void)fprintf(file, "\\u%04x", at[i]);
        } else {
            (void)fputc(at[i], file);
        }
    }
    (void)fputc('"', file);
}

void de_json_put_base64(FILE *file, struct dengine_slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *at = bytes.data;
    size_t i;

    (void)fputc('"', file);
    for (i = 0; i < bytes.size; i += 3) {
        const size_t left = bytes.size - i;
        const uint32_t group = (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0) |
                               (left > 2 ? (uint32_t)at[i + 2] : 0);

        (void)fputc(digits[group >> 18], file);
        (void)fputc(digits[group >> 12 & 63], file);
        (void)fputc(left > 1 ? digits[group >> 6 & 63] : '=', file);
        (void)fputc(left > 2 ? digits[group & 63] : '=', file);
    }
    (void)fputc('"', file);
}

void de_json_put_bytes(FILE *file, const char *name, struct dengine_slice bytes)
{
    const bool text = de_utf8_check(bytes);

    (void)fprintf(file, "\"%s%s\":", name, text ? "" : "_base64");
    if (text) {
        de_json_put_string(file, bytes);
    } else {
        de_json_put_base64(file, bytes);
    }
}
