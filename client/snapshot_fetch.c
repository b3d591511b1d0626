#include "client/snapshot_fetch.h"

#include <stdio.h>
#include <string.h>

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include "client/exchange.h"
#include "core/base/assert.h"
#include "dengine_snapshot.pb-c.h"

#define TAKE_METHOD "/dengine.admin.SnapshotService/Take"
#define READ_METHOD "/dengine.admin.SnapshotService/Read"

/* How often reading begins again because the node has taken newer snapshots meanwhile. */
#define ATTEMPTS_MAX 3

/* One node, and one call to it at a time. */
struct node {
    grpc_channel *channel;
    grpc_completion_queue *queue;
    uint32_t timeout_ms;
    struct de_exchange exchange;
    bool answered;
    char *message;
    size_t message_size;
};

static void on_answer(struct de_tag *tag, bool ok)
{
    struct de_exchange *exchange = DE_CONTAINER_OF(tag, struct de_exchange, tag);

    (void)ok;
    DE_CONTAINER_OF(exchange, struct node, exchange)->answered = true;
}

static int error_of(int code)
{
    switch (code) {
    case GRPC_STATUS_NOT_FOUND:
        return DENGINE_E_NOT_FOUND;
    case GRPC_STATUS_RESOURCE_EXHAUSTED:
        return DENGINE_E_NO_SPACE;
    case GRPC_STATUS_DATA_LOSS:
        return DENGINE_E_CORRUPT;
    case GRPC_STATUS_DEADLINE_EXCEEDED:
        return DENGINE_E_TIMEOUT;
    default:
        return DENGINE_E_UNAVAILABLE;
    }
}

/* Calls and waits. 0: *response is to be unrefed. */
static int call(struct node *node, const char *method, const uint8_t *bytes, size_t size,
                grpc_slice *response)
{
    const uint64_t deadline_ns =
        de_exchange_now_ns() + (uint64_t)node->timeout_ms * UINT64_C(1000000);
    grpc_slice request = grpc_slice_from_copied_buffer((const char *)bytes, size);
    int err = 0;

    node->answered = false;
    de_exchange_start(&node->exchange, node->channel, node->queue, method, request, deadline_ns);
    grpc_slice_unref(request);
    while (!node->answered) {
        const grpc_event event =
            grpc_completion_queue_next(node->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        struct de_tag *tag = event.tag;

        DE_ASSERT(event.type == GRPC_OP_COMPLETE);
        de_tag_acquire(tag);
        tag->run(tag, event.success != 0);
    }
    if (node->exchange.status != GRPC_STATUS_OK) {
        err = error_of(node->exchange.status);
        de_exchange_details(&node->exchange, node->message, node->message_size);
    } else {
        *response = de_exchange_response(&node->exchange);
    }
    de_exchange_clear(&node->exchange);
    return err;
}

static int bad_answer(struct node *node)
{
    (void)snprintf(node->message, node->message_size, "the node answers with something else");
    return DENGINE_E_PROTOCOL;
}

static int take(struct node *node, uint64_t *index, uint64_t *image_bytes)
{
    Dengine__Admin__TakeSnapshotReply *reply;
    const uint8_t nothing = 0;
    grpc_slice response;
    int err = call(node, TAKE_METHOD, &nothing, 0, &response);

    if (err != 0) {
        return err;
    }
    reply = dengine__admin__take_snapshot_reply__unpack(NULL, GRPC_SLICE_LENGTH(response),
                                                        GRPC_SLICE_START_PTR(response));
    grpc_slice_unref(response);
    if (reply == NULL || reply->index == 0 || reply->image_bytes == 0) {
        err = bad_answer(node);
    } else {
        *index = reply->index;
        *image_bytes = reply->image_bytes;
    }
    if (reply != NULL) {
        dengine__admin__take_snapshot_reply__free_unpacked(reply, NULL);
    }
    return err;
}

/* The piece at *offset goes to the sink; moves *offset behind it. */
static int copy_piece(struct node *node, uint64_t index, uint64_t *offset,
                      const struct de_snapshot_sink *sink)
{
    Dengine__Admin__ReadSnapshotRequest request = DENGINE__ADMIN__READ_SNAPSHOT_REQUEST__INIT;
    Dengine__Admin__ReadSnapshotReply *reply;
    uint8_t bytes[64];
    grpc_slice response;
    int err;

    request.index = index;
    request.offset = *offset;
    DE_ASSERT(dengine__admin__read_snapshot_request__get_packed_size(&request) <= sizeof bytes);
    err = call(node, READ_METHOD, bytes,
               dengine__admin__read_snapshot_request__pack(&request, bytes), &response);
    if (err != 0) {
        return err;
    }
    reply = dengine__admin__read_snapshot_reply__unpack(NULL, GRPC_SLICE_LENGTH(response),
                                                        GRPC_SLICE_START_PTR(response));
    grpc_slice_unref(response);
    if (reply == NULL || reply->data.len == 0) {
        err = bad_answer(node);
    } else {
        err = sink->piece(sink->context, dengine_bytes(reply->data.data, reply->data.len));
        *offset += reply->data.len;
    }
    if (reply != NULL) {
        dengine__admin__read_snapshot_reply__free_unpacked(reply, NULL);
    }
    return err;
}

static int copy(struct node *node, const struct de_snapshot_sink *sink)
{
    uint64_t image_bytes = 0;
    uint64_t offset = 0;
    uint64_t index = 0;
    int err = take(node, &index, &image_bytes);

    if (err == 0) {
        err = sink->begin(sink->context);
    }
    while (err == 0 && offset < image_bytes) {
        err = copy_piece(node, index, &offset, sink);
    }
    return err;
}

int de_snapshot_fetch(const char *address, uint32_t timeout_ms, const struct de_snapshot_sink *sink,
                      char *message, size_t message_size)
{
    grpc_channel_credentials *credentials;
    struct node node = {.timeout_ms = timeout_ms, .message = message, .message_size = message_size};
    int err = DENGINE_E_NOT_FOUND;

    message[0] = '\0';
    grpc_init();
    credentials = grpc_insecure_credentials_create();
    node.channel = grpc_channel_create(address, credentials, NULL);
    grpc_channel_credentials_release(credentials);
    node.queue = grpc_completion_queue_create_for_next(NULL);
    node.exchange.tag.run = on_answer;
    for (int attempt = 0; attempt < ATTEMPTS_MAX && err == DENGINE_E_NOT_FOUND; attempt++) {
        err = copy(&node, sink);
    }
    if (err == DENGINE_E_UNAVAILABLE && grpc_channel_check_connectivity_state(node.channel, 0) ==
                                            GRPC_CHANNEL_TRANSIENT_FAILURE) {
        (void)snprintf(message, message_size, "cannot connect");
    }
    grpc_completion_queue_shutdown(node.queue);
    while (grpc_completion_queue_next(node.queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type !=
           GRPC_QUEUE_SHUTDOWN) {
    }
    grpc_completion_queue_destroy(node.queue);
    grpc_channel_destroy(node.channel);
    grpc_shutdown();
    return err;
}
