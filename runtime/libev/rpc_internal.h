/* runtime/libev/rpc_internal.h - what the files of the gRPC server share. */
#ifndef DE_RUNTIME_LIBEV_RPC_INTERNAL_H
#define DE_RUNTIME_LIBEV_RPC_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/libev/rpc_queue.h"
#include "runtime/libev/rpc_server.h"

/* Calls asked for in advance; each is replaced first thing when it comes. */
#define DE_RPC_UNARY_POSTED   64
#define DE_RPC_STREAM_POSTED  8
#define DE_RPC_UNKNOWN_POSTED 4

/* A method; for the calls of methods nobody added, one without a path. */
struct de_rpc_method {
    struct de_rpc_server *server;
    const char *path;
    void *registered; /* gRPC's */
    de_rpc_unary_handler *handler;
    const struct de_rpc_stream_ops *stream_ops;
    void *context;
    struct de_rpc_method *next;
};

struct de_rpc_server {
    struct de_rpc_queue *queue;
    grpc_server *handle;
    struct de_rpc_method *methods;
    struct de_rpc_method unknown;
    uint16_t port;
    bool started;
    struct de_rpc_tag shutdown;
    /* One for the server from start to stop_accepting, one for the shutdown, and one for each call
     * asked for or under way. */
    atomic_uint live;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex. */
    uint32_t unary_pending; /* given to a handler and not over */
    bool ended;             /* live has reached 0 */
};

/* Counting what has to end before the server may be destroyed. */
void de_rpc_server_hold(struct de_rpc_server *server);
void de_rpc_server_unhold(struct de_rpc_server *server);
void de_rpc_server_unary_begins(struct de_rpc_server *server);
void de_rpc_server_unary_ends(struct de_rpc_server *server);

/* Asks for one more call of method. Takes a hold on the server. NO_MEMORY. */
int de_rpc_call_post(struct de_rpc_method *method);
int de_rpc_stream_post(struct de_rpc_method *method);

/* Milliseconds from now to deadline, as de_rpc_call_timeout_ms. */
uint32_t de_rpc_timeout_ms(gpr_timespec deadline);

#endif
