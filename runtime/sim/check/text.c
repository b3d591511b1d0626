#include "runtime/sim/check/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"

void de_text_init(struct de_text *text)
{
    memset(text, 0, sizeof(*text));
}

void de_text_deinit(struct de_text *text)
{
    free(text->data);
    memset(text, 0, sizeof(*text));
}

void de_text_clear(struct de_text *text)
{
    text->size = 0;
    text->failed = false;
    if (text->data != NULL) {
        text->data[0] = '\0';
    }
}

/* Room for size more bytes and the NUL. */
static bool reserve(struct de_text *text, size_t size)
{
    if (text->failed || size > SIZE_MAX / 4 || text->size > SIZE_MAX / 4) {
        text->failed = true;
        return false;
    }
    size_t needed = text->size + size + 1;
    if (needed <= text->capacity) {
        return true;
    }
    size_t capacity = needed < 128 ? 128 : needed * 2;
    char *data = realloc(text->data, capacity);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void de_text_add_bytes(struct de_text *text, const void *data, size_t size)
{
    if (!reserve(text, size)) {
        return;
    }
    if (size > 0) {
        memcpy(text->data + text->size, data, size);
    }
    text->size += size;
    text->data[text->size] = '\0';
}

void de_text_add(struct de_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    DE_ASSERT(length >= 0);
    if (!reserve(text, (size_t)length)) {
        return;
    }
    va_start(arguments, format);
    int written = vsnprintf(text->data + text->size, (size_t)length + 1, format, arguments);
    va_end(arguments);
    DE_ASSERT(written == length);
    text->size += (size_t)length;
}

void de_text_add_string(struct de_text *text, struct dengine_slice string)
{
    const uint8_t *bytes = string.data;
    de_text_add_bytes(text, "\"", 1);
    for (size_t i = 0; i < string.size; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\') {
            de_text_add(text, "\\%c", bytes[i]);
        } else if (bytes[i] == '\n') {
            de_text_add_bytes(text, "\\n", 2);
        } else if (bytes[i] < 0x20 || bytes[i] == 0x7f) {
            de_text_add(text, "\\u%04x", bytes[i]);
        } else {
            de_text_add_bytes(text, &bytes[i], 1);
        }
    }
    de_text_add_bytes(text, "\"", 1);
}

void de_text_add_value(struct de_text *text, const struct de_history_value *value)
{
    switch (value->kind) {
    case DE_HISTORY_NULL:
        de_text_add_bytes(text, "null", 4);
        break;
    case DE_HISTORY_INTEGER:
        de_text_add(text, "%" PRId64, value->integer);
        break;
    case DE_HISTORY_STRING:
        de_text_add_string(text, value->string);
        break;
    }
}

/* The length of the sequence that starts with lead, and the range of its second byte, which is
 * where RFC 3629 excludes overlong forms, surrogates and what lies above U+10FFFF. */
static size_t sequence_of(uint8_t lead, uint8_t *second_min, uint8_t *second_max)
{
    *second_min = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *second_max = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        return 2;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        return 3;
    }
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

bool de_text_is_utf8(struct dengine_slice bytes)
{
    const uint8_t *data = bytes.data;
    size_t i = 0;
    while (i < bytes.size) {
        uint8_t second_min;
        uint8_t second_max;
        size_t length = sequence_of(data[i], &second_min, &second_max);
        if (length == 0 || length > bytes.size - i) {
            return false;
        }
        if (length > 1 && (data[i + 1] < second_min || data[i + 1] > second_max)) {
            return false;
        }
        for (size_t k = 2; k < length; k++) {
            if ((data[i + k] & 0xc0) != 0x80) {
                return false;
            }
        }
        i += length;
    }
    return true;
}
