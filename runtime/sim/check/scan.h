/* runtime/sim/check/scan.h - walking over the text of one event: what JSON and EDN have in common.
 *
 * One token at a time; never a tree, never a recursion. Strings are decoded in place: a decoded
 * string is never longer than its source, so the text's own memory holds it. Not thread-safe. */
#ifndef DE_RUNTIME_SIM_CHECK_SCAN_H
#define DE_RUNTIME_SIM_CHECK_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/history.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where it is; may be kept, and put back to point at the beginning of something. */
struct de_scan_place {
    size_t position;
    uint64_t line;
    int64_t line_start; /* the position where the line starts; negative if before the text */
};

struct de_scan {
    uint8_t *data; /* borrowed; strings are decoded into it */
    size_t size;
    struct de_scan_place at;
    const char *whole;              /* what the text is, for "the ... ends" */
    struct de_history_error *error; /* borrowed */
};

/* A text that begins in this line and column, both from 1. The caller sets whole. */
void de_scan_init(struct de_scan *scan, void *data, size_t size, uint64_t line, uint64_t column,
                  struct de_history_error *error);

/* The byte at the position, white space included; -1 at the end. */
static inline int de_scan_at(const struct de_scan *scan)
{
    return scan->at.position < scan->size ? scan->data[scan->at.position] : -1;
}

/* Past that byte. */
void de_scan_advance(struct de_scan *scan);

/* As de_history_fail, with the line and the column of the place. */
__attribute__((format(printf, 2, 3))) int de_scan_fail(struct de_scan *scan, const char *format,
                                                       ...);

/* "unexpected X; expected Y", with the byte at the position made visible. */
int de_scan_unexpected(struct de_scan *scan, const char *expected);

/* The string whose opening quote is at the position, decoded, borrowed from the text. Escapes as in
 * JSON; \u escapes must pair surrogates; must be UTF-8. With controls it may hold control
 * characters as they are. */
int de_scan_string(struct de_scan *scan, bool controls, struct dengine_slice *string);

/* An integer that fits 64 bits; a fraction or an exponent is an error. */
int de_scan_integer(struct de_scan *scan, const char *expected, int64_t *integer);

#ifdef __cplusplus
}
#endif

#endif
