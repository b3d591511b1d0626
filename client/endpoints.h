/* client/endpoints.h - "host:port,host:port" taken apart.
 *
 * Threads: pure functions. */
#ifndef DE_CLIENT_ENDPOINTS_H
#define DE_CLIENT_ENDPOINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dengine/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longest "host:port" with its terminator, as in struct dengine_member. */
#define DE_ENDPOINT_BYTES 256

/* Endpoints that one client knows, given and learnt. */
#define DE_ENDPOINTS_MAX 64

/* True for "host:port" and "[v6]:port" with a port of 1..65535, short enough for
 * DE_ENDPOINT_BYTES. */
bool de_endpoint_check(const char *address);

/* Takes a list apart into at most DE_ENDPOINTS_MAX addresses; blanks around commas are allowed.
 * INVALID (message, of message_size bytes, says what is wrong); *count is then 0. */
int de_endpoints_parse(const char *list, char addresses[][DE_ENDPOINT_BYTES], size_t *count,
                       char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
