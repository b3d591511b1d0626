/* client/exchange.h - one unary gRPC call on the C core, from send to answer.
 *
 * Threads: start and cancel under the lock of whoever owns the object; the rest on the thread that
 * got the tag back. */
#ifndef DE_CLIENT_EXCHANGE_H
#define DE_CLIENT_EXCHANGE_H

#include <stdbool.h>

#include <grpc/grpc.h>

#include <dengine/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a completion queue gives back: run is called on the thread that takes from it. */
struct de_tag {
    void (*run)(struct de_tag *tag, bool ok);
};

/* To be called before a tag goes to gRPC and after it has come back: tells ThreadSanitizer, which
 * does not see into libgrpc, that the one happens before the other. */
void de_tag_release(struct de_tag *tag);
void de_tag_acquire(struct de_tag *tag);

struct de_exchange {
    struct de_tag tag; /* the owner sets run */
    grpc_call *call;
    grpc_byte_buffer *request;
    grpc_byte_buffer *response;
    grpc_metadata_array initial;
    grpc_metadata_array trailing;
    grpc_slice details;
    grpc_status_code status;
};

/* Sends request (one more reference is taken) to path (static) on channel; tag.run follows exactly
 * once, by the deadline. */
void de_exchange_start(struct de_exchange *exchange, grpc_channel *channel,
                       grpc_completion_queue *queue, const char *path, grpc_slice request,
                       uint64_t deadline_ns);

/* Makes the answer come soon; harmless when it has come. */
void de_exchange_cancel(struct de_exchange *exchange);

/* The bytes of the answer as one slice, which the caller unrefs; empty when there is none. */
grpc_slice de_exchange_response(const struct de_exchange *exchange);

/* Copies what the other side said about a failure (text of size bytes). */
void de_exchange_details(const struct de_exchange *exchange, char *text, size_t size);

/* Frees what the exchange holds, after the answer has come; it can be started again. */
void de_exchange_clear(struct de_exchange *exchange);

/* Monotonic nanoseconds, and back to what gRPC takes; UINT64_MAX = never. */
uint64_t de_exchange_now_ns(void);
gpr_timespec de_exchange_time(uint64_t time_ns);

#ifdef __cplusplus
}
#endif

#endif
