#include "runtime/libev/peer_inbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "proto/peer_codec.h"

/* One stream. Its lists are gRPC's thread's, but for the time between the post and its run. */
struct de_peer_inbound {
    struct de_peer_inbox *inbox;
    struct de_rpc_stream *stream;
    struct de_post post;
    struct de_peer_inbound *next; /* among those that are open, as the following guarded by mutex */
    struct de_peer_inbound **previous;
    uint64_t known_as; /* whose it is, for other threads; 0: not known yet */
    bool greeted;
    bool news; /* the loop has not seen hello yet */
    struct de_peer_hello hello;
    char address[DE_ADDRESS_BYTES];    /* hello's */
    struct de_peer_decoded **messages; /* of the frame that the loop is to see */
    uint32_t count;
    uint32_t capacity;
    char refusal[DE_PEER_REFUSAL_BYTES]; /* why the stream is to end */
};

static void drop_messages(struct de_peer_inbound *in)
{
    uint32_t i;

    for (i = 0; i < in->count; i++) {
        de_peer_decoded_free(in->messages[i]);
    }
    in->count = 0;
}

/* On the loop. */
static void deliver(struct de_post *post)
{
    struct de_peer_inbound *in = DE_CONTAINER_OF(post, struct de_peer_inbound, post);
    uint32_t i;

    if (in->news) {
        in->news = false;
        in->inbox->greeted(in->inbox->context, &in->hello);
    }
    for (i = 0; i < in->count; i++) {
        in->inbox->receive(in->inbox->context, &in->messages[i]->message);
    }
    drop_messages(in);
    de_rpc_stream_read(in->stream);
}

static void *inbound_opened(void *context, struct de_rpc_stream *stream)
{
    struct de_peer_inbound *in = calloc(1, sizeof(*in));

    if (in != NULL) {
        in->inbox = context;
        in->stream = stream;
        in->post.run = deliver;
        (void)pthread_mutex_lock(&in->inbox->mutex);
        in->next = in->inbox->open;
        in->previous = &in->inbox->open;
        if (in->next != NULL) {
            in->next->previous = &in->next;
        }
        in->inbox->open = in;
        (void)pthread_mutex_unlock(&in->inbox->mutex);
    }
    return in;
}

static int check_removed(struct de_peer_inbound *in)
{
    const struct de_peer_inbox *inbox = in->inbox;

    DE_ASSERT(in->greeted);
    if (!inbox->is_removed(inbox->context, in->hello.from)) {
        return 0;
    }
    (void)snprintf(in->refusal, sizeof(in->refusal),
                   "node %" PRIu64 " was removed from the cluster", in->hello.from);
    return DENGINE_E_REMOVED;
}

static int on_hello(void *context, const struct de_peer_hello *hello)
{
    struct de_peer_inbound *in = context;
    const struct de_peer_hello *self = &in->inbox->self;

    if (in->greeted) {
        return DENGINE_E_PROTOCOL;
    }
    if (hello->version != self->version) {
        (void)snprintf(in->refusal, sizeof(in->refusal),
                       "peer protocol version %" PRIu32 " is not supported, only %" PRIu32,
                       hello->version, self->version);
        return DENGINE_E_VERSION;
    }
    if (hello->cluster_id != self->cluster_id) {
        (void)snprintf(in->refusal, sizeof(in->refusal),
                       "node %" PRIu64 " belongs to cluster %016" PRIx64 ", not %016" PRIx64
                       ": one of the two was started with other initial members or another "
                       "cluster name",
                       self->to, self->cluster_id, hello->cluster_id);
        return DENGINE_E_FOREIGN;
    }
    if (hello->to != self->to || hello->from == self->to || hello->from == 0) {
        (void)snprintf(in->refusal, sizeof(in->refusal),
                       "this is node %" PRIu64 ", called by %" PRIu64 " as %" PRIu64
                       ": addresses of the members are mixed up",
                       self->to, hello->from, hello->to);
        return DENGINE_E_FOREIGN;
    }
    if (hello->address.size >= sizeof(in->address)) {
        return DENGINE_E_PROTOCOL;
    }
    in->greeted = true;
    in->news = true;
    in->hello = *hello;
    if (hello->address.size > 0) {
        memcpy(in->address, hello->address.data, hello->address.size);
    }
    in->hello.address = dengine_bytes(in->address, hello->address.size);
    (void)pthread_mutex_lock(&in->inbox->mutex);
    in->known_as = hello->from; /* before the check: who is removed after it, is turned away */
    (void)pthread_mutex_unlock(&in->inbox->mutex);
    return check_removed(in);
}

static int on_message(void *context, struct dengine_slice bytes)
{
    struct de_peer_inbound *in = context;
    int err;

    if (!in->greeted) {
        return DENGINE_E_PROTOCOL;
    }
    if (in->count == in->capacity) {
        uint32_t capacity = in->capacity == 0 ? 16 : in->capacity * 2;
        struct de_peer_decoded **grown = realloc(in->messages, capacity * sizeof(in->messages[0]));

        if (grown == NULL) {
            return DENGINE_E_NO_MEMORY;
        }
        in->messages = grown;
        in->capacity = capacity;
    }
    err = de_peer_decode(bytes, &in->messages[in->count]);
    if (err != 0) {
        return err;
    }
    in->count++;
    /* Whoever opened the stream speaks for itself only. */
    return in->messages[in->count - 1]->message.raft.from == in->hello.from ? 0
                                                                            : DENGINE_E_PROTOCOL;
}

static grpc_status_code status_of(int err)
{
    switch (err) {
    case DENGINE_E_VERSION:
    case DENGINE_E_FOREIGN:
        return GRPC_STATUS_FAILED_PRECONDITION;
    case DENGINE_E_REMOVED:
        return DE_PEER_REMOVED_STATUS;
    case DENGINE_E_NO_MEMORY:
        return GRPC_STATUS_RESOURCE_EXHAUSTED;
    default:
        return GRPC_STATUS_INVALID_ARGUMENT;
    }
}

static bool inbound_message(void *object, struct dengine_slice frame)
{
    struct de_peer_inbound *in = object;
    struct de_peer_frame_visitor visitor = {in, on_hello, on_message};
    int err = in->greeted ? check_removed(in) : 0;

    if (err == 0) {
        err = de_peer_frame_visit(frame, &visitor);
    }
    if (err != 0) {
        drop_messages(in);
        in->news = false;
        de_rpc_stream_finish(in->stream, status_of(err),
                             in->refusal[0] != '\0' ? in->refusal : dengine_strerror(err));
        return true;
    }
    if (in->count == 0 && !in->news) {
        return true;
    }
    de_loop_post(in->inbox->loop, &in->post);
    return false;
}

static void inbound_ended(void *object)
{
    struct de_peer_inbound *in = object;

    DE_ASSERT(in->count == 0);
    (void)pthread_mutex_lock(&in->inbox->mutex);
    *in->previous = in->next;
    if (in->next != NULL) {
        in->next->previous = in->previous;
    }
    (void)pthread_mutex_unlock(&in->inbox->mutex);
    free(in->messages);
    free(in);
}

void de_peer_inbox_turn_away(struct de_peer_inbox *inbox)
{
    (void)pthread_mutex_lock(&inbox->mutex);
    for (struct de_peer_inbound *in = inbox->open; in != NULL; in = in->next) {
        if (in->known_as != 0 && inbox->is_removed(inbox->context, in->known_as)) {
            de_rpc_stream_finish(in->stream, DE_PEER_REMOVED_STATUS,
                                 "this node was removed from the cluster");
        }
    }
    (void)pthread_mutex_unlock(&inbox->mutex);
}

void de_peer_inbox_init(struct de_peer_inbox *inbox)
{
    int err = pthread_mutex_init(&inbox->mutex, NULL);

    DE_ASSERT(err == 0);
    inbox->open = NULL;
}

void de_peer_inbox_deinit(struct de_peer_inbox *inbox)
{
    int err;

    DE_ASSERT(inbox->open == NULL);
    err = pthread_mutex_destroy(&inbox->mutex);
    DE_ASSERT(err == 0);
}

int de_peer_inbox_add(struct de_peer_inbox *inbox, struct de_rpc_server *server)
{
    static const struct de_rpc_stream_ops ops = {
        .opened = inbound_opened, .message = inbound_message, .ended = inbound_ended};
    int err;

    DE_ASSERT(inbox->receive != NULL && inbox->loop != NULL);
    err = de_rpc_server_add_stream(server, DE_PEER_STREAM_METHOD, &ops, inbox);
    return err != 0 ? err : de_rpc_server_add_stream(server, DE_PEER_SNAPSHOT_METHOD, &ops, inbox);
}
