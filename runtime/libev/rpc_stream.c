/* Calls that stream. The batches are independent of one another (a RECV and a SEND in one batch
 * would end together): RECV_CLOSE for the whole life, SEND_INITIAL_METADATA, one RECV_MESSAGE and
 * one SEND_MESSAGE at a time, SEND_STATUS last. The struct lives until all of them have ended and
 * the owner holds it no more. */
#include <stdlib.h>

#include <grpc/byte_buffer.h>
#include <grpc/slice.h>

#include "core/base/assert.h"
#include "runtime/libev/rpc_internal.h"

struct de_rpc_stream {
    struct de_rpc_tag accepted;
    struct de_rpc_tag closed;
    struct de_rpc_tag greeted;
    struct de_rpc_tag received;
    struct de_rpc_tag sent;
    struct de_rpc_tag released;
    struct de_rpc_tag finished;
    struct de_rpc_method *method;
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *buffer;
    grpc_byte_buffer *message; /* on its way out */
    grpc_status_code status;
    grpc_slice status_message;
    int cancelled;
    void *object; /* the owner's */
    pthread_mutex_t mutex;
    /* Guarded by mutex: */
    uint32_t pending; /* batches under way, and one while the owner holds the stream */
    bool finishing;   /* there is a status: on its way, out, or to follow the message */
    bool held;        /* de_rpc_stream_hold */
    bool closing;     /* the client has gone: reading is pointless */
    /* There was no memory for the one that should wait in its place: try again at the end. */
    bool post_again;
};

static void stream_free(struct de_rpc_stream *stream)
{
    struct de_rpc_server *server = stream->method->server;
    int err;

    if (stream->post_again) {
        (void)de_rpc_stream_post(stream->method);
    }
    DE_ASSERT(stream->buffer == NULL && stream->message == NULL);
    grpc_metadata_array_destroy(&stream->metadata);
    if (stream->finishing) {
        grpc_slice_unref(stream->status_message);
    }
    if (stream->call != NULL) {
        grpc_call_unref(stream->call);
    }
    err = pthread_mutex_destroy(&stream->mutex);
    DE_ASSERT(err == 0);
    free(stream);
    de_rpc_server_unhold(server);
}

/* Gives up one pending part, under the lock; the last one ends the stream. */
static void release_locked(struct de_rpc_stream *stream)
{
    bool last;

    DE_ASSERT(stream->pending > 0);
    stream->pending--;
    last = stream->pending == 0;
    (void)pthread_mutex_unlock(&stream->mutex);
    if (last) {
        DE_ASSERT(stream->finishing);
        if (stream->object != NULL) {
            stream->method->stream_ops->ended(stream->object);
        }
        stream_free(stream);
    }
}

static void send_status_locked(struct de_rpc_stream *stream)
{
    grpc_op op = {0};

    DE_ASSERT(stream->finishing && stream->message == NULL);
    stream->pending++;
    op.op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    op.data.send_status_from_server.status = stream->status;
    op.data.send_status_from_server.status_details = &stream->status_message;
    de_rpc_start_batch(stream->call, &op, 1, &stream->finished);
}

static void finish_locked(struct de_rpc_stream *stream, grpc_status_code code, const char *message)
{
    if (stream->finishing) {
        return;
    }
    stream->finishing = true;
    stream->status = code;
    stream->status_message = grpc_slice_from_copied_string(message == NULL ? "" : message);
    if (stream->message == NULL) {
        send_status_locked(stream);
    }
}

static void read_locked(struct de_rpc_stream *stream)
{
    grpc_op op = {0};

    if (stream->finishing || stream->closing) {
        return;
    }
    stream->pending++;
    op.op = GRPC_OP_RECV_MESSAGE;
    op.data.recv_message.recv_message = &stream->buffer;
    de_rpc_start_batch(stream->call, &op, 1, &stream->received);
}

void de_rpc_stream_finish(struct de_rpc_stream *stream, grpc_status_code code, const char *message)
{
    (void)pthread_mutex_lock(&stream->mutex);
    DE_ASSERT(stream->pending > 0 || stream->finishing);
    finish_locked(stream, code, message);
    (void)pthread_mutex_unlock(&stream->mutex);
}

/* `ended` belongs to the queue's thread, but the hold may be given back on any: so the hold ends in
 * a batch. A stream that has not finished reads on; one that has gets its turn through an empty
 * batch, which gRPC completes at once. */
void de_rpc_stream_read(struct de_rpc_stream *stream)
{
    (void)pthread_mutex_lock(&stream->mutex);
    DE_ASSERT(stream->pending > 0);
    if (stream->finishing || stream->closing) {
        de_rpc_start_batch(stream->call, NULL, 0, &stream->received);
    } else {
        stream->pending--;
        read_locked(stream);
    }
    (void)pthread_mutex_unlock(&stream->mutex);
}

void de_rpc_stream_hold(struct de_rpc_stream *stream)
{
    (void)pthread_mutex_lock(&stream->mutex);
    DE_ASSERT(stream->pending > 0 && !stream->held);
    stream->held = true;
    stream->pending++;
    (void)pthread_mutex_unlock(&stream->mutex);
}

void de_rpc_stream_release(struct de_rpc_stream *stream)
{
    (void)pthread_mutex_lock(&stream->mutex);
    DE_ASSERT(stream->held && stream->pending > 0);
    stream->held = false;
    de_rpc_start_batch(stream->call, NULL, 0, &stream->released);
    (void)pthread_mutex_unlock(&stream->mutex);
}

bool de_rpc_stream_send(struct de_rpc_stream *stream, struct dengine_slice bytes)
{
    grpc_op op = {0};
    grpc_slice slice;
    bool open;

    (void)pthread_mutex_lock(&stream->mutex);
    DE_ASSERT(stream->pending > 0 && stream->message == NULL);
    open = !stream->finishing && !stream->closing;
    if (open) {
        slice = grpc_slice_from_copied_buffer(bytes.data, bytes.size);
        stream->message = grpc_raw_byte_buffer_create(&slice, 1);
        grpc_slice_unref(slice);
        stream->pending++;
        op.op = GRPC_OP_SEND_MESSAGE;
        op.data.send_message.send_message = stream->message;
        de_rpc_start_batch(stream->call, &op, 1, &stream->sent);
    }
    (void)pthread_mutex_unlock(&stream->mutex);
    return open;
}

static void stream_received(struct de_rpc_tag *tag, bool ok)
{
    struct de_rpc_stream *stream = DE_CONTAINER_OF(tag, struct de_rpc_stream, received);
    grpc_byte_buffer *buffer = stream->buffer;
    bool go_on = true;

    (void)ok;
    stream->buffer = NULL;
    if (buffer != NULL) {
        grpc_slice bytes = de_rpc_read_all(buffer);

        go_on = stream->method->stream_ops->message(stream->object, de_rpc_slice_bytes(&bytes));
        grpc_slice_unref(bytes);
        grpc_byte_buffer_destroy(buffer);
    }
    if (!go_on) {
        return; /* This batch's share of `pending` is the owner's hold now. */
    }
    (void)pthread_mutex_lock(&stream->mutex);
    if (buffer != NULL) {
        read_locked(stream);
    } else if (!stream->closing && stream->method->stream_ops->sent == NULL) {
        /* The client has sent its last message, and nothing is sent back. */
        finish_locked(stream, GRPC_STATUS_OK, NULL);
    }
    release_locked(stream);
}

static void stream_closed(struct de_rpc_tag *tag, bool ok)
{
    struct de_rpc_stream *stream = DE_CONTAINER_OF(tag, struct de_rpc_stream, closed);

    (void)ok;
    (void)pthread_mutex_lock(&stream->mutex);
    stream->closing = true;
    finish_locked(stream, GRPC_STATUS_CANCELLED, NULL);
    (void)pthread_mutex_unlock(&stream->mutex);
    if (stream->object != NULL && stream->method->stream_ops->closed != NULL) {
        stream->method->stream_ops->closed(stream->object);
    }
    (void)pthread_mutex_lock(&stream->mutex);
    release_locked(stream);
}

static void stream_batch_done(struct de_rpc_stream *stream)
{
    (void)pthread_mutex_lock(&stream->mutex);
    release_locked(stream);
}

static void stream_sent(struct de_rpc_tag *tag, bool ok)
{
    struct de_rpc_stream *stream = DE_CONTAINER_OF(tag, struct de_rpc_stream, sent);
    bool go_on;

    (void)ok; /* Failed when the client has gone: then it is closed, too. */
    (void)pthread_mutex_lock(&stream->mutex);
    grpc_byte_buffer_destroy(stream->message);
    stream->message = NULL;
    go_on = !stream->finishing && !stream->closing;
    if (stream->finishing) {
        send_status_locked(stream);
    }
    (void)pthread_mutex_unlock(&stream->mutex);
    if (go_on) {
        stream->method->stream_ops->sent(stream->object);
    }
    stream_batch_done(stream);
}

static void stream_greeted(struct de_rpc_tag *tag, bool ok)
{
    (void)ok;
    stream_batch_done(DE_CONTAINER_OF(tag, struct de_rpc_stream, greeted));
}

static void stream_released(struct de_rpc_tag *tag, bool ok)
{
    (void)ok;
    stream_batch_done(DE_CONTAINER_OF(tag, struct de_rpc_stream, released));
}

static void stream_finished(struct de_rpc_tag *tag, bool ok)
{
    (void)ok;
    stream_batch_done(DE_CONTAINER_OF(tag, struct de_rpc_stream, finished));
}

static void stream_accepted(struct de_rpc_tag *tag, bool ok)
{
    struct de_rpc_stream *stream = DE_CONTAINER_OF(tag, struct de_rpc_stream, accepted);
    struct de_rpc_method *method = stream->method;
    grpc_op op = {0};

    if (!ok) {
        stream_free(stream);
        return;
    }
    stream->post_again = de_rpc_stream_post(method) != 0;
    (void)pthread_mutex_lock(&stream->mutex);
    stream->pending = 2;
    op.op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    op.data.recv_close_on_server.cancelled = &stream->cancelled;
    de_rpc_start_batch(stream->call, &op, 1, &stream->closed);
    op = (grpc_op){0};
    op.op = GRPC_OP_SEND_INITIAL_METADATA;
    de_rpc_start_batch(stream->call, &op, 1, &stream->greeted);
    (void)pthread_mutex_unlock(&stream->mutex);

    /* The two batches complete on this thread, so the stream cannot end in between. */
    stream->object = method->stream_ops->opened(method->context, stream);
    (void)pthread_mutex_lock(&stream->mutex);
    if (stream->object == NULL || stream->post_again) {
        finish_locked(stream, GRPC_STATUS_RESOURCE_EXHAUSTED, "out of memory");
    }
    read_locked(stream);
    (void)pthread_mutex_unlock(&stream->mutex);
}

int de_rpc_stream_post(struct de_rpc_method *method)
{
    struct de_rpc_stream *stream = calloc(1, sizeof(*stream));
    struct de_rpc_server *server = method->server;
    grpc_completion_queue *queue = de_rpc_queue_handle(server->queue);
    grpc_call_error err;

    if (stream == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    stream->accepted.run = stream_accepted;
    stream->closed.run = stream_closed;
    stream->greeted.run = stream_greeted;
    stream->received.run = stream_received;
    stream->sent.run = stream_sent;
    stream->released.run = stream_released;
    stream->finished.run = stream_finished;
    stream->method = method;
    if (pthread_mutex_init(&stream->mutex, NULL) != 0) {
        free(stream);
        return DENGINE_E_NO_MEMORY;
    }
    grpc_metadata_array_init(&stream->metadata);
    de_rpc_server_hold(server);
    de_rpc_tag_release(&stream->accepted);
    err = grpc_server_request_registered_call(server->handle, method->registered, &stream->call,
                                              &stream->deadline, &stream->metadata, NULL, queue,
                                              queue, &stream->accepted);
    DE_ASSERT(err == GRPC_CALL_OK);
    return 0;
}
