/* runtime/sim/check/json.h - a strict scanner for the JSON that histories are made of.
 *
 * On top of scan.h, over one line. Not thread-safe. */
#ifndef DE_RUNTIME_SIM_CHECK_JSON_H
#define DE_RUNTIME_SIM_CHECK_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/scan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How deep values of unknown members may nest. */
#define DE_JSON_DEPTH_MAX 64

/* The text is a whole line. */
void de_json_init(struct de_scan *json, void *data, size_t size, uint64_t line,
                  struct de_history_error *error);

/* The next byte that is no white space, without taking it; -1 at the end. */
int de_json_peek(struct de_scan *json);

/* Takes the byte wanted if it is next; otherwise says "expected ..." of expected and fails. */
int de_json_take(struct de_scan *json, char wanted, const char *expected);

/* A string, decoded, borrowed from the line. Must be UTF-8; \u escapes must pair surrogates. */
int de_json_string(struct de_scan *json, const char *expected, struct dengine_slice *string);

/* An integer that fits 64 bits; a fraction or an exponent is an error. */
int de_json_integer(struct de_scan *json, const char *expected, int64_t *integer);

/* null, an integer or a string. */
int de_json_value(struct de_scan *json, const char *expected, struct de_history_value *value);

/* Any value whatever, checked only as far as needed to find its end. */
int de_json_skip(struct de_scan *json);

#ifdef __cplusplus
}
#endif

#endif
