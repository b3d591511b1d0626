/* tests/server/raw_call.h - the public protocol without our client: requests and replies as they
 * are on the wire.
 *
 * Threads: one at a time. */
#ifndef DE_TESTS_SERVER_RAW_CALL_H
#define DE_TESTS_SERVER_RAW_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include <dengine/error.h>

#include "client/exchange.h"
#include "d_engine/client.pb-c.h"
#include "d_engine/cluster.pb-c.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_raw_channel {
    grpc_completion_queue *queue;
    grpc_channel *channel;
    char leader_hint[300]; /* x-raft-leader behind the last reply; "" when there was none */
};

/* Dials address ("host:port"). gzip: requests are compressed. */
void de_raw_open(struct de_raw_channel *raw, const char *address, bool gzip);
void de_raw_close(struct de_raw_channel *raw);

/* Sends bytes to method and waits for the answer; the gRPC status. *response, of *size bytes, is
 * from malloc and the caller's; NULL when there is none. */
grpc_status_code de_raw_call(struct de_raw_channel *raw, const char *method,
                             struct dengine_slice bytes, uint32_t timeout_ms, uint8_t **response,
                             size_t *size);

/* The same with messages; the reply is NULL unless the status is OK, and the caller frees it. */
grpc_status_code de_raw_write(struct de_raw_channel *raw, DEngine__Client__WriteCommand *command,
                              DEngine__Client__ClientResponse **reply);

/* Reads count keys; policy -1 = none is named. */
grpc_status_code de_raw_read(struct de_raw_channel *raw, const char *const *keys, size_t count,
                             int policy, DEngine__Client__ClientResponse **reply);

/* All keys with a prefix. */
grpc_status_code de_raw_scan(struct de_raw_channel *raw, const char *prefix,
                             DEngine__Client__ScanResponse **reply);

grpc_status_code de_raw_metadata(struct de_raw_channel *raw,
                                 DEngine__Server__Cluster__ClusterMembership **reply);

/* A put; the ErrorCode of its reply. */
int de_raw_put(struct de_raw_channel *raw, const char *key, struct dengine_slice value);

/* A watch of d-engine's protocol under way; one at a time on a channel, and no other call beside
 * it.
 */
struct de_raw_watch {
    struct de_raw_channel *raw;
    grpc_call *call;
    grpc_metadata_array initial;
};

/* Any method whose replies stream (static); returns when the headers have come. */
void de_raw_stream_open(struct de_raw_channel *raw, struct de_raw_watch *watch, const char *method,
                        struct dengine_slice request);
/* The next message, which the caller unrefs; false: the stream has ended. */
bool de_raw_stream_next(struct de_raw_watch *watch, grpc_slice *bytes);

/* Returns when the headers have come. */
void de_raw_watch_open(struct de_raw_channel *raw, struct de_raw_watch *watch,
                       DEngine__Client__WatchRequest *request);
/* The next message, which the caller frees; NULL: the stream has ended. */
DEngine__Client__WatchResponse *de_raw_watch_next(struct de_raw_watch *watch);
/* Ends it (cancels it first, if it goes on); the status. */
grpc_status_code de_raw_watch_close(struct de_raw_watch *watch, bool cancel);

#ifdef __cplusplus
}
#endif

#endif
