#include "runtime/libev/rpc_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <grpc/grpc_security.h>

#include "core/base/assert.h"
#include "runtime/libev/rpc_address.h"
#include "runtime/libev/rpc_internal.h"

void de_rpc_server_hold(struct de_rpc_server *server)
{
    (void)atomic_fetch_add(&server->live, 1);
}

void de_rpc_server_unhold(struct de_rpc_server *server)
{
    unsigned before = atomic_fetch_sub(&server->live, 1);

    DE_ASSERT(before > 0);
    if (before == 1) {
        (void)pthread_mutex_lock(&server->mutex);
        server->ended = true;
        (void)pthread_cond_signal(&server->changed);
        (void)pthread_mutex_unlock(&server->mutex);
    }
}

void de_rpc_server_unary_begins(struct de_rpc_server *server)
{
    (void)pthread_mutex_lock(&server->mutex);
    server->unary_pending++;
    (void)pthread_mutex_unlock(&server->mutex);
}

void de_rpc_server_unary_ends(struct de_rpc_server *server)
{
    (void)pthread_mutex_lock(&server->mutex);
    DE_ASSERT(server->unary_pending > 0);
    server->unary_pending--;
    if (server->unary_pending == 0) {
        (void)pthread_cond_signal(&server->changed);
    }
    (void)pthread_mutex_unlock(&server->mutex);
}

static void server_shut_down(struct de_rpc_tag *tag, bool ok)
{
    DE_ASSERT(ok);
    de_rpc_server_unhold(DE_CONTAINER_OF(tag, struct de_rpc_server, shutdown));
}

static grpc_arg integer_arg(const char *name, int value)
{
    grpc_arg arg = {0};

    arg.type = GRPC_ARG_INTEGER;
    /* gRPC's struct is not const-correct; it copies the name. */
    memcpy(&arg.key, &name, sizeof(name));
    arg.value.integer = value;
    return arg;
}

static grpc_server *make_server(const struct de_rpc_server_options *options)
{
    grpc_arg args[] = {
        /* Else two servers share a port without a word. */
        integer_arg(GRPC_ARG_ALLOW_REUSEPORT, 0),
        integer_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (int)options->message_bytes_max),
        /* Peers ping once a second, also on an idle connection. */
        integer_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 500),
        integer_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        /* Finds clients whose machine has gone. */
        integer_arg(GRPC_ARG_KEEPALIVE_TIME_MS, 20000),
        integer_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000),
    };
    grpc_channel_args list = {DE_ARRAY_SIZE(args), args};

    return grpc_server_create(&list, NULL);
}

int de_rpc_server_new(struct de_rpc_queue *queue, const struct de_rpc_server_options *options,
                      struct de_rpc_server **result)
{
    struct de_rpc_server *server = calloc(1, sizeof(*server));
    pthread_condattr_t attributes;
    int err;

    DE_ASSERT(options->message_bytes_max > 0 && options->message_bytes_max <= INT32_MAX);
    *result = NULL;
    if (server == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    err = pthread_mutex_init(&server->mutex, NULL);
    DE_ASSERT(err == 0);
    err = pthread_condattr_init(&attributes);
    DE_ASSERT(err == 0);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    err = pthread_cond_init(&server->changed, &attributes);
    DE_ASSERT(err == 0);
    (void)pthread_condattr_destroy(&attributes);
    server->queue = queue;
    server->unknown.server = server;
    server->shutdown.run = server_shut_down;
    server->handle = make_server(options);
    grpc_server_register_completion_queue(server->handle, de_rpc_queue_handle(queue), NULL);
    *result = server;
    return 0;
}

static int add_method(struct de_rpc_server *server, const struct de_rpc_method *what)
{
    struct de_rpc_method *method = calloc(1, sizeof(*method));

    DE_ASSERT(!server->started);
    if (method == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    *method = *what;
    method->server = server;
    method->registered = grpc_server_register_method(server->handle, method->path, NULL,
                                                     method->stream_ops == NULL
                                                         ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER
                                                         : GRPC_SRM_PAYLOAD_NONE,
                                                     0);
    if (method->registered == NULL) {
        free(method);
        return DENGINE_E_INVALID;
    }
    method->next = server->methods;
    server->methods = method;
    return 0;
}

int de_rpc_server_add_unary(struct de_rpc_server *server, const char *path,
                            de_rpc_unary_handler *handler, void *context)
{
    struct de_rpc_method method = {.path = path, .handler = handler, .context = context};

    DE_ASSERT(path != NULL && handler != NULL);
    return add_method(server, &method);
}

int de_rpc_server_add_stream(struct de_rpc_server *server, const char *path,
                             const struct de_rpc_stream_ops *ops, void *context)
{
    struct de_rpc_method method = {.path = path, .stream_ops = ops, .context = context};

    DE_ASSERT(path != NULL && ops != NULL);
    return add_method(server, &method);
}

static int post_calls(struct de_rpc_server *server)
{
    struct de_rpc_method *method;
    uint32_t i;
    int err = 0;

    for (i = 0; i < DE_RPC_UNKNOWN_POSTED && err == 0; i++) {
        err = de_rpc_call_post(&server->unknown);
    }
    for (method = server->methods; method != NULL; method = method->next) {
        uint32_t count = method->stream_ops != NULL ? DE_RPC_STREAM_POSTED : DE_RPC_UNARY_POSTED;

        for (i = 0; i < count && err == 0; i++) {
            err =
                method->stream_ops != NULL ? de_rpc_stream_post(method) : de_rpc_call_post(method);
        }
    }
    return err;
}

int de_rpc_server_start(struct de_rpc_server *server, const char *address, char *message,
                        size_t message_size)
{
    grpc_server_credentials *credentials;
    int port;
    int err;

    DE_ASSERT(!server->started);
    err = de_address_probe(address, message, message_size);
    if (err != 0) {
        return err;
    }
    credentials = grpc_insecure_server_credentials_create();
    port = grpc_server_add_http2_port(server->handle, address, credentials);
    grpc_server_credentials_release(credentials);
    if (port == 0) {
        (void)snprintf(message, message_size, "cannot listen on %s", address);
        return DENGINE_E_IO;
    }
    server->port = (uint16_t)port;
    server->started = true;
    de_rpc_server_hold(server);
    grpc_server_start(server->handle);
    err = post_calls(server);
    if (err != 0) {
        (void)snprintf(message, message_size, "out of memory");
        de_rpc_server_stop_accepting(server);
        de_rpc_server_stop(server, 0);
    }
    return err;
}

uint16_t de_rpc_server_port(const struct de_rpc_server *server)
{
    return server->port;
}

void de_rpc_server_stop_accepting(struct de_rpc_server *server)
{
    DE_ASSERT(server->started);
    de_rpc_server_hold(server);
    de_rpc_tag_release(&server->shutdown);
    grpc_server_shutdown_and_notify(server->handle, de_rpc_queue_handle(server->queue),
                                    &server->shutdown);
    de_rpc_server_unhold(server);
}

static void wait_for_unary(struct de_rpc_server *server, uint32_t grace_ms)
{
    struct timespec until;
    int err = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(grace_ms / 1000);
    until.tv_nsec += (long)(grace_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (server->unary_pending > 0 && err != ETIMEDOUT) {
        err = pthread_cond_timedwait(&server->changed, &server->mutex, &until);
    }
}

void de_rpc_server_stop(struct de_rpc_server *server, uint32_t grace_ms)
{
    if (!server->started) {
        return;
    }
    (void)pthread_mutex_lock(&server->mutex);
    wait_for_unary(server, grace_ms);
    (void)pthread_mutex_unlock(&server->mutex);

    grpc_server_cancel_all_calls(server->handle);

    (void)pthread_mutex_lock(&server->mutex);
    while (!server->ended) {
        (void)pthread_cond_wait(&server->changed, &server->mutex);
    }
    (void)pthread_mutex_unlock(&server->mutex);
    server->started = false;
}

void de_rpc_server_free(struct de_rpc_server *server)
{
    int err;

    if (server == NULL) {
        return;
    }
    DE_ASSERT(!server->started);
    grpc_server_destroy(server->handle);
    while (server->methods != NULL) {
        struct de_rpc_method *method = server->methods;

        server->methods = method->next;
        free(method);
    }
    err = pthread_cond_destroy(&server->changed);
    DE_ASSERT(err == 0);
    err = pthread_mutex_destroy(&server->mutex);
    DE_ASSERT(err == 0);
    free(server);
}
