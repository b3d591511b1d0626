/* Unary calls, and calls of methods that do not exist. One struct de_rpc_call is asked for in
 * advance, filled by gRPC when a client calls, answered by de_rpc_reply, and freed when the answer
 * has gone out. */
#include <stdlib.h>

#include <grpc/byte_buffer.h>
#include <grpc/slice.h>

#include "core/base/assert.h"
#include "runtime/libev/rpc_internal.h"

struct de_rpc_call {
    struct de_rpc_tag accepted;
    struct de_rpc_tag replied;
    struct de_rpc_method *method;
    grpc_call *call;
    gpr_timespec deadline;
    grpc_call_details details; /* of an unknown method */
    grpc_metadata_array metadata;
    grpc_byte_buffer *payload;
    grpc_slice request;
    bool has_request;
    /* There was no memory for the one that should wait in its place: takes that place again. */
    bool post_again;
    /* Of the answer: alive until it has gone out. */
    int cancelled;
    grpc_slice message;
    grpc_byte_buffer *response;
    grpc_metadata hint;
    bool has_hint;
};

static void request_call(struct de_rpc_call *call);

uint32_t de_rpc_timeout_ms(gpr_timespec deadline)
{
    gpr_timespec left;
    int64_t left_ms;

    if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) {
        return UINT32_MAX;
    }
    left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
    left_ms = left.tv_sec * 1000 + left.tv_nsec / 1000000;
    if (left_ms <= 0) {
        return 0;
    }
    return left_ms < UINT32_MAX ? (uint32_t)left_ms : UINT32_MAX - 1;
}

uint32_t de_rpc_call_timeout_ms(const struct de_rpc_call *call)
{
    return de_rpc_timeout_ms(call->deadline);
}

static bool is_unknown(const struct de_rpc_call *call)
{
    return call->method->path == NULL;
}

/* Frees what belongs to one call of a client; the struct can then be asked for again. */
static void call_clear(struct de_rpc_call *call)
{
    if (call->has_request) {
        grpc_slice_unref(call->request);
        call->has_request = false;
    }
    if (call->payload != NULL) {
        grpc_byte_buffer_destroy(call->payload);
        call->payload = NULL;
    }
    if (call->response != NULL) {
        grpc_byte_buffer_destroy(call->response);
        call->response = NULL;
    }
    if (is_unknown(call)) {
        grpc_call_details_destroy(&call->details);
    }
    grpc_metadata_array_destroy(&call->metadata);
    if (call->call != NULL) {
        grpc_call_unref(call->call);
        call->call = NULL;
    }
}

static void call_replied(struct de_rpc_tag *tag, bool ok)
{
    struct de_rpc_call *call = DE_CONTAINER_OF(tag, struct de_rpc_call, replied);
    struct de_rpc_server *server = call->method->server;
    bool unary = !is_unknown(call);

    (void)ok; /* Failed when the client has gone: there is nobody left to tell. */
    grpc_slice_unref(call->message);
    if (call->has_hint) {
        grpc_slice_unref(call->hint.key);
        grpc_slice_unref(call->hint.value);
        call->has_hint = false;
    }
    call_clear(call);
    if (call->post_again) {
        call->post_again = false;
        request_call(call);
    } else {
        free(call);
        de_rpc_server_unhold(server);
    }
    if (unary) {
        de_rpc_server_unary_ends(server);
    }
}

void de_rpc_reply(struct de_rpc_call *call, grpc_status_code code, const char *message,
                  struct dengine_slice response)
{
    grpc_op ops[4] = {0};
    size_t count = 0;

    DE_ASSERT(call->call != NULL);
    DE_ASSERT(call->response == NULL);
    ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
    if (code == GRPC_STATUS_OK) {
        grpc_slice slice = grpc_slice_from_copied_buffer(response.data, response.size);

        call->response = grpc_raw_byte_buffer_create(&slice, 1);
        grpc_slice_unref(slice);
        ops[count].op = GRPC_OP_SEND_MESSAGE;
        ops[count++].data.send_message.send_message = call->response;
    }
    call->message = grpc_slice_from_copied_string(message == NULL ? "" : message);
    ops[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[count].data.send_status_from_server.status = code;
    ops[count].data.send_status_from_server.trailing_metadata = &call->hint;
    ops[count].data.send_status_from_server.trailing_metadata_count = call->has_hint ? 1 : 0;
    ops[count++].data.send_status_from_server.status_details = &call->message;
    ops[count].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    ops[count++].data.recv_close_on_server.cancelled = &call->cancelled;
    de_rpc_start_batch(call->call, ops, count, &call->replied);
}

void de_rpc_refuse_with(struct de_rpc_call *call, grpc_status_code code, const char *message,
                        const char *name, const char *value)
{
    const struct dengine_slice none = {NULL, 0};

    DE_ASSERT(code != GRPC_STATUS_OK);
    DE_ASSERT(!call->has_hint);
    call->hint.key = grpc_slice_from_copied_string(name);
    call->hint.value = grpc_slice_from_copied_string(value);
    call->has_hint = true;
    de_rpc_reply(call, code, message, none);
}

static void call_handle(struct de_rpc_call *call)
{
    struct dengine_slice none = {NULL, 0};

    if (is_unknown(call)) {
        de_rpc_reply(call, GRPC_STATUS_UNIMPLEMENTED, "no such method", none);
        return;
    }
    de_rpc_server_unary_begins(call->method->server);
    if (call->post_again) {
        de_rpc_reply(call, GRPC_STATUS_RESOURCE_EXHAUSTED, "out of memory", none);
    } else if (call->payload == NULL) {
        /* The client broke off before its request was there, or the request was too long. */
        de_rpc_reply(call, GRPC_STATUS_INVALID_ARGUMENT, "no request", none);
    } else {
        call->request = de_rpc_read_all(call->payload);
        call->has_request = true;
        call->method->handler(call->method->context, call, de_rpc_slice_bytes(&call->request));
    }
}

static void call_accepted(struct de_rpc_tag *tag, bool ok)
{
    struct de_rpc_call *call = DE_CONTAINER_OF(tag, struct de_rpc_call, accepted);
    struct de_rpc_server *server = call->method->server;

    if (!ok) {
        call_clear(call);
        free(call);
        de_rpc_server_unhold(server);
        return;
    }
    call->post_again = de_rpc_call_post(call->method) != 0;
    call_handle(call);
}

static void request_call(struct de_rpc_call *call)
{
    struct de_rpc_server *server = call->method->server;
    grpc_completion_queue *queue = de_rpc_queue_handle(server->queue);
    grpc_call_error err;

    grpc_metadata_array_init(&call->metadata);
    de_rpc_tag_release(&call->accepted);
    if (is_unknown(call)) {
        grpc_call_details_init(&call->details);
        err = grpc_server_request_call(server->handle, &call->call, &call->details, &call->metadata,
                                       queue, queue, &call->accepted);
    } else {
        err = grpc_server_request_registered_call(server->handle, call->method->registered,
                                                  &call->call, &call->deadline, &call->metadata,
                                                  &call->payload, queue, queue, &call->accepted);
    }
    DE_ASSERT(err == GRPC_CALL_OK);
}

int de_rpc_call_post(struct de_rpc_method *method)
{
    struct de_rpc_call *call = calloc(1, sizeof(*call));

    if (call == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    call->accepted.run = call_accepted;
    call->replied.run = call_replied;
    call->method = method;
    de_rpc_server_hold(method->server);
    request_call(call);
    return 0;
}
