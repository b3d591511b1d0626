/* runtime/sim/check/text.h - a growing piece of text.
 *
 * Remembers failure: after the first allocation that fails, everything later is ignored, and one
 * look at `failed` at the end decides. Not thread-safe. */
#ifndef DE_RUNTIME_SIM_CHECK_TEXT_H
#define DE_RUNTIME_SIM_CHECK_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/sim/check/value.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_text {
    char *data;  /* owned; always ends in a NUL once something was added, NULL before */
    size_t size; /* bytes without the NUL */
    size_t capacity;
    bool failed; /* out of memory: something is missing */
};

void de_text_init(struct de_text *text);
void de_text_deinit(struct de_text *text);

/* Forgets the content and the failure, keeps the memory. */
void de_text_clear(struct de_text *text);

/* As printf. */
__attribute__((format(printf, 2, 3))) void de_text_add(struct de_text *text, const char *format,
                                                       ...);
void de_text_add_bytes(struct de_text *text, const void *data, size_t size);

/* A JSON string with its quotes. Bytes from 0x80 up are copied as they are, so the result is JSON
 * if the string is UTF-8 (de_text_is_utf8). */
void de_text_add_string(struct de_text *text, struct dengine_slice string);

/* null, an integer, or a JSON string. */
void de_text_add_value(struct de_text *text, const struct de_history_value *value);

/* Whether the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool de_text_is_utf8(struct dengine_slice bytes);

#ifdef __cplusplus
}
#endif

#endif
