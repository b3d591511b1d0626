/* runtime/libev/rpc_queue.h - one gRPC completion queue with one thread.
 *
 * Everything gRPC in an engine (the server's calls and the streams to the peers) completes on this
 * thread; a second thread was measured to be slower. A completion finds its way by its tag, which
 * is a struct de_rpc_tag inside the object that waits for it.
 *
 * Threads: functions may be called from any thread; tags run on the queue's thread. */
#ifndef DE_RUNTIME_LIBEV_RPC_QUEUE_H
#define DE_RUNTIME_LIBEV_RPC_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include <grpc/grpc.h>

#include <dengine/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the queue calls when an operation has ended; lives until then. */
struct de_rpc_tag {
    void (*run)(struct de_rpc_tag *tag, bool ok);
};

struct de_rpc_queue;

/* Initialises gRPC and starts the thread with all signals blocked, so that signals stay the
 * application's. NO_MEMORY. */
int de_rpc_queue_new(struct de_rpc_queue **queue);

/* Shuts the queue down, runs what is left in it and joins the thread. No operation may be started
 * any more. What was registered with the queue (a server) can be destroyed after this. */
void de_rpc_queue_stop(struct de_rpc_queue *queue);

/* Frees a stopped queue and ends gRPC. NULL is allowed. */
void de_rpc_queue_free(struct de_rpc_queue *queue);

grpc_completion_queue *de_rpc_queue_handle(struct de_rpc_queue *queue);

/* Starts a batch on call that ends with tag->run. The arguments are as for grpc_call_start_batch; a
 * refusal is a bug in this program and stops it. */
void de_rpc_start_batch(grpc_call *call, const grpc_op *ops, size_t count, struct de_rpc_tag *tag);

/* To be called before a tag is handed to gRPC in any other way: tells ThreadSanitizer, which does
 * not see into libgrpc, that what happened before will be seen by tag->run. */
void de_rpc_tag_release(struct de_rpc_tag *tag);

/* The bytes of a received message as one slice, without a copy when they already are one. The
 * caller unrefs the result and destroys the buffer. */
grpc_slice de_rpc_read_all(grpc_byte_buffer *buffer);

/* Borrows the bytes of slice, which must not move. */
struct dengine_slice de_rpc_slice_bytes(const grpc_slice *slice);

#ifdef __cplusplus
}
#endif

#endif
