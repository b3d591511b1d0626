/* client/json_text.h - strings of any bytes as JSON, for logs and for the command line's output.
 *
 * Threads: pure functions. */
#ifndef DE_CLIENT_JSON_TEXT_H
#define DE_CLIENT_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <dengine/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether bytes are UTF-8 (no surrogates, nothing overlong, nothing above U+10FFFF). */
bool de_utf8_check(struct dengine_slice bytes);

/* Writes a JSON string with its quotes; bytes must be UTF-8. Control characters, quotes and
 * backslashes are escaped. */
void de_json_put_string(FILE *file, struct dengine_slice bytes);

/* Writes base64 (RFC 4648, with padding) as a JSON string with its quotes. */
void de_json_put_base64(FILE *file, struct dengine_slice bytes);

/* Writes "name":"text" when bytes are UTF-8, else "name_base64":"...", so that every byte string
 * comes through. name needs no escaping. */
void de_json_put_bytes(FILE *file, const char *name, struct dengine_slice bytes);

#ifdef __cplusplus
}
#endif

#endif
