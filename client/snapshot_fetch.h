/* client/snapshot_fetch.h - gets a snapshot from a running node, piece by piece (its service is in
 * proto/dengine_snapshot.proto).
 *
 * Threads: blocks; no shared state. */
#ifndef DE_CLIENT_SNAPSHOT_FETCH_H
#define DE_CLIENT_SNAPSHOT_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include <dengine/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the bytes go. A non-zero return ends the fetch and is returned. */
struct de_snapshot_sink {
    void *context;
    /* A snapshot begins; what came before is of no use. */
    int (*begin)(void *context);
    int (*piece)(void *context, struct dengine_slice bytes);
};

/* Has the node at address ("host:port") take a snapshot and gives all of it to sink. timeout_ms:
 * without any progress. Errors of the node and of the way there with a sentence in message. */
int de_snapshot_fetch(const char *address, uint32_t timeout_ms, const struct de_snapshot_sink *sink,
                      char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
