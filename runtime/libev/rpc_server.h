/* runtime/libev/rpc_server.h - a gRPC server on the C core: registered methods, answered later from
 * any thread.
 *
 * Life: new, add methods, start (binds and begins to accept), stop_accepting, stop, free. One
 * server carries everything that listens on one address: the peers' streams and the public
 * services.
 *
 * A unary method's handler gets the request bytes and a call, and somebody answers the call exactly
 * once, then or later:
 *
 *     static void handle(void *context, struct de_rpc_call *call, struct dengine_slice request)
 *     {
 *         ...                                    // must not block: it runs on the queue's thread
 *         de_rpc_reply(call, GRPC_STATUS_OK, NULL, response);
 *     }
 *
 * A call of a method nobody added is answered UNIMPLEMENTED.
 *
 * Threads: new .. start, stop and free from one thread; handlers and stream callbacks run on the
 * queue's thread, one at a time; de_rpc_reply and de_rpc_stream_* from any thread. */
#ifndef DE_RUNTIME_LIBEV_RPC_SERVER_H
#define DE_RUNTIME_LIBEV_RPC_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grpc/status.h>

#include <dengine/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_rpc_queue;
struct de_rpc_server;
struct de_rpc_call;
struct de_rpc_stream;

struct de_rpc_server_options {
    uint32_t message_bytes_max; /* longest request taken; longer ones end RESOURCE_EXHAUSTED */
};

/* Makes a server on queue, which must outlive it. NO_MEMORY. */
int de_rpc_server_new(struct de_rpc_queue *queue, const struct de_rpc_server_options *options,
                      struct de_rpc_server **server);

/* ---- unary methods ---- */

/* Takes a call. request is good until the call is answered. Must not block. */
typedef void de_rpc_unary_handler(void *context, struct de_rpc_call *call,
                                  struct dengine_slice request);

/* Adds a method by its full path, such as "/package.Service/Method", which must outlive the server.
 * Before start. NO_MEMORY, INVALID (added already). */
int de_rpc_server_add_unary(struct de_rpc_server *server, const char *path,
                            de_rpc_unary_handler *handler, void *context);

/* Milliseconds until the client gives up, as known when the call came in; UINT32_MAX when it set no
 * deadline, 0 when it has passed. The client's deadline and its cancellation free nothing here: a
 * call has to be answered all the same, and the answer is then thrown away. */
uint32_t de_rpc_call_timeout_ms(const struct de_rpc_call *call);

/* Answers and gives up call. With GRPC_STATUS_OK the response is sent (copied), else only code and
 * message (copied; NULL = ""). */
void de_rpc_reply(struct de_rpc_call *call, grpc_status_code code, const char *message,
                  struct dengine_slice response);

/* Refuses and gives up call, with one pair of trailing metadata beside code and message. name and
 * value are copied; name in lower case, value in printable ASCII. */
void de_rpc_refuse_with(struct de_rpc_call *call, grpc_status_code code, const char *message,
                        const char *name, const char *value);

/* ---- methods that stream ---- */

/* The callbacks of a stream, in this order: opened, any number of message and sent, closed, ended.
 */
struct de_rpc_stream_ops {
    /* A client has opened stream. Returns the owner's object for it, or NULL to refuse for want of
     * memory (then neither message nor ended follows). */
    void *(*opened)(void *context, struct de_rpc_stream *stream);
    /* A message; bytes are good until this returns. True: go on reading. False: the owner holds the
     * stream; it reads on, or ends, only when de_rpc_stream_read() has been called, which must
     * happen exactly once. This is how a slow owner pushes back. */
    bool (*message)(void *stream_object, struct dengine_slice bytes);
    /* What de_rpc_stream_send took has been sent: the next may follow. NULL: nothing is ever sent,
     * and the stream ends OK with the client's last message; else it goes on until finish. */
    void (*sent)(void *stream_object);
    /* The client has gone, or the server ends: whoever holds the stream has to release it. Comes
     * once for each stream that was opened. May be NULL. */
    void (*closed)(void *stream_object);
    /* Nothing follows; stream is gone when this returns. Never while the owner holds it. */
    void (*ended)(void *stream_object);
};

/* Adds a method with a stream of requests. As de_rpc_server_add_unary. ops must outlive the server.
 */
int de_rpc_server_add_stream(struct de_rpc_server *server, const char *path,
                             const struct de_rpc_stream_ops *ops, void *context);

/* Gives back a stream that `message` held. */
void de_rpc_stream_read(struct de_rpc_stream *stream);

/* Ends the stream with a status, which follows a message that is being sent; at any time before
 * `ended` has returned (a held stream has to be given back besides). The first one counts. message
 * is copied, NULL = "". */
void de_rpc_stream_finish(struct de_rpc_stream *stream, grpc_status_code code, const char *message);

/* Keeps the stream from ending until release, which is called once, from any thread; the owner may
 * call the functions here until then. From inside `opened`. */
void de_rpc_stream_hold(struct de_rpc_stream *stream);
void de_rpc_stream_release(struct de_rpc_stream *stream);

/* Sends a message (copied); `sent` must have been called for the one before. From a callback or
 * while holding the stream. False: the stream is ending, and no `sent` follows. */
bool de_rpc_stream_send(struct de_rpc_stream *stream, struct dengine_slice bytes);

/* ---- running ---- */

/* Binds address ("host:port", "[v6]:port"; port 0 lets the system choose) and accepts calls.
 * ADDRESS_IN_USE, PERMISSION, CONFIG (no such address here), IO; message says which. */
int de_rpc_server_start(struct de_rpc_server *server, const char *address, char *message,
                        size_t message_size);

/* The port that start() bound; 0 before. */
uint16_t de_rpc_server_port(const struct de_rpc_server *server);

/* Begins to shut down: closes the port and takes no more calls; those under way go on. Once,
 * before stop. Must come when start() succeeded. */
void de_rpc_server_stop_accepting(struct de_rpc_server *server);

/* Waits up to grace_ms for the calls under way, then cancels them and waits until every call has
 * been answered and every held stream given back: whoever owes an answer must still be able to give
 * it. When start() was not called or failed, does nothing. */
void de_rpc_server_stop(struct de_rpc_server *server, uint32_t grace_ms);

/* Frees a stopped server. Its queue must have been stopped before (de_rpc_queue_stop), when start()
 * was called. NULL is allowed. */
void de_rpc_server_free(struct de_rpc_server *server);

#ifdef __cplusplus
}
#endif

#endif
