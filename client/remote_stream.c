#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>

#include "client/remote_watch.h"
#include "core/base/assert.h"

/* A reply when nothing changes, so that it is known up to where all has been seen. */
#define PROGRESS_MS 2000

static const char path[] = "/dengine.watch.WatchService/Watch";

/* protobuf-c has no const; packing changes nothing. */
static ProtobufCBinaryData data_of(struct dengine_slice slice)
{
    ProtobufCBinaryData data = {.len = slice.size};

    memcpy(&data.data, &slice.data, sizeof data.data);
    return data;
}

/* What the stream begins with; gRPC's slices stop the program when there is no memory. */
static grpc_byte_buffer *pack_request(const struct de_remote_watch *watch)
{
    Dengine__Watch__WatchRequest request = DENGINE__WATCH__WATCH_REQUEST__INIT;
    grpc_byte_buffer *buffer;
    grpc_slice slice;

    request.from = data_of(watch->options.from);
    request.end = data_of(watch->options.end);
    request.one_key = watch->options.one_key;
    request.no_puts = watch->options.no_puts;
    request.no_deletes = watch->options.no_deletes;
    request.from_revision = watch->from;
    request.progress_ms = PROGRESS_MS;
    slice = grpc_slice_malloc(dengine__watch__watch_request__get_packed_size(&request));
    (void)dengine__watch__watch_request__pack(&request, GRPC_SLICE_START_PTR(slice));
    buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

static void start(struct de_remote_watch *watch, const grpc_op *ops, size_t count,
                  struct de_tag *tag)
{
    grpc_call_error err;

    watch->pending++;
    de_tag_release(tag);
    err = grpc_call_start_batch(watch->call, ops, count, tag, NULL);
    DE_ASSERT(err == GRPC_CALL_OK);
}

/* One batch is over, under the lock; the last one ends the stream. Leaves. */
static void over(struct de_remote_watch *watch)
{
    struct de_remote *remote = watch->remote;

    DE_ASSERT(watch->pending > 0);
    watch->pending--;
    if (watch->pending > 0) {
        de_remote_leave(remote);
        return;
    }
    DE_ASSERT(watch->incoming == NULL && !watch->sending && !watch->receiving);
    grpc_metadata_array_destroy(&watch->initial);
    grpc_metadata_array_destroy(&watch->trailing);
    grpc_slice_unref(watch->details);
    grpc_call_unref(watch->call);
    watch->call = NULL;
    remote->live--;
    if (watch->closed) {
        de_remote_watch_free(watch);
        de_remote_leave_and_drop(remote);
        return;
    }
    de_remote_watch_broken(watch, watch->status);
    de_remote_leave(remote);
}

/* What was sent has gone, or never will. */
static void sent(struct de_remote_watch *watch, bool ok)
{
    watch->sending = false;
    grpc_byte_buffer_destroy(watch->outgoing);
    watch->outgoing = NULL;
    if (ok && watch->ask) {
        de_remote_stream_ask(watch);
    }
    over(watch);
}

static void begun(struct de_tag *tag, bool ok)
{
    struct de_remote_watch *watch = DE_CONTAINER_OF(tag, struct de_remote_watch, begun);

    de_remote_enter(watch->remote);
    sent(watch, ok);
}

static void asked(struct de_tag *tag, bool ok)
{
    struct de_remote_watch *watch = DE_CONTAINER_OF(tag, struct de_remote_watch, asked);

    de_remote_enter(watch->remote);
    sent(watch, ok);
}

static Dengine__Watch__WatchReply *unpack(grpc_byte_buffer *buffer)
{
    Dengine__Watch__WatchReply *reply = NULL;
    grpc_byte_buffer_reader reader;

    if (grpc_byte_buffer_reader_init(&reader, buffer)) {
        grpc_slice slice = grpc_byte_buffer_reader_readall(&reader);

        reply = dengine__watch__watch_reply__unpack(NULL, GRPC_SLICE_LENGTH(slice),
                                                    GRPC_SLICE_START_PTR(slice));
        grpc_slice_unref(slice);
        grpc_byte_buffer_reader_destroy(&reader);
    }
    return reply;
}

static void received(struct de_tag *tag, bool ok)
{
    struct de_remote_watch *watch = DE_CONTAINER_OF(tag, struct de_remote_watch, received);

    (void)ok;
    de_remote_enter(watch->remote);
    watch->receiving = false;
    if (watch->incoming != NULL) {
        DE_ASSERT(watch->reply == NULL);
        watch->reply = unpack(watch->incoming);
        watch->at = 0;
        grpc_byte_buffer_destroy(watch->incoming);
        watch->incoming = NULL;
        if (watch->reply != NULL && !watch->closed) {
            de_remote_watch_arrived(watch);
        } else {
            de_remote_stream_cancel(watch); /* nonsense, or no memory: begin anew */
        }
    }
    over(watch);
}

static void ended(struct de_tag *tag, bool ok)
{
    struct de_remote_watch *watch = DE_CONTAINER_OF(tag, struct de_remote_watch, ended);

    (void)ok;
    de_remote_enter(watch->remote);
    over(watch);
}

void de_remote_stream_begin(struct de_remote_watch *watch, struct de_remote_endpoint *endpoint)
{
    grpc_op ops[3] = {0};
    grpc_op status = {0};

    DE_ASSERT(watch->call == NULL && watch->pending == 0 && watch->reply == NULL);
    watch->endpoint = endpoint;
    watch->to_skip = watch->given;
    watch->begun.run = begun;
    watch->asked.run = asked;
    watch->received.run = received;
    watch->ended.run = ended;
    grpc_metadata_array_init(&watch->initial);
    grpc_metadata_array_init(&watch->trailing);
    watch->details = grpc_empty_slice();
    watch->status = GRPC_STATUS_UNAVAILABLE;
    watch->ask = false;
    watch->call = grpc_channel_create_call(
        endpoint->channel, NULL, GRPC_PROPAGATE_DEFAULTS, watch->remote->queue,
        grpc_slice_from_static_string(path), NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    watch->remote->live++;
    watch->outgoing = pack_request(watch);
    watch->sending = true;
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = watch->outgoing;
    ops[2].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[2].data.recv_initial_metadata.recv_initial_metadata = &watch->initial;
    status.op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    status.data.recv_status_on_client.trailing_metadata = &watch->trailing;
    status.data.recv_status_on_client.status = &watch->status;
    status.data.recv_status_on_client.status_details = &watch->details;
    start(watch, &status, 1, &watch->ended);
    start(watch, ops, 3, &watch->begun);
    de_remote_stream_receive(watch);
}

void de_remote_stream_receive(struct de_remote_watch *watch)
{
    grpc_op op = {0};

    DE_ASSERT(watch->reply == NULL);
    if (watch->call != NULL && watch->pending > 0 && !watch->receiving) {
        watch->receiving = true;
        op.op = GRPC_OP_RECV_MESSAGE;
        op.data.recv_message.recv_message = &watch->incoming;
        start(watch, &op, 1, &watch->received);
    }
}

void de_remote_stream_ask(struct de_remote_watch *watch)
{
    grpc_op op = {0};
    grpc_slice empty = grpc_empty_slice();

    watch->ask = watch->sending;
    if (watch->call == NULL || watch->sending) {
        return;
    }
    watch->sending = true;
    watch->outgoing = grpc_raw_byte_buffer_create(&empty, 1);
    op.op = GRPC_OP_SEND_MESSAGE;
    op.data.send_message.send_message = watch->outgoing;
    start(watch, &op, 1, &watch->asked);
}

void de_remote_stream_cancel(struct de_remote_watch *watch)
{
    if (watch->call != NULL) {
        (void)grpc_call_cancel(watch->call, NULL);
    }
}
