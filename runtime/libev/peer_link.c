#include "runtime/libev/peer_link.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/grpc_security.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "runtime/libev/clock.h"
#include "runtime/libev/peer_outbox.h"

#define MS_NS 1000000u

/* Back-off after a stream that ended: doubled from the first to the last, and a random part of
 * itself less, so that nodes do not dial each other in step. */
#define BACKOFF_MIN_NS (100u * MS_NS)
#define BACKOFF_MAX_NS (2000u * MS_NS)

/* A stream that has been open for so long is not going to be refused. */
#define SETTLED_NS (1000u * MS_NS)

/* Messages kept for a peer that is not connected: what an election needs, nothing stale. */
#define UNCONNECTED_ITEMS_MAX 16

/* Payload of one frame, save that one message of any size may go alone. */
#define FRAME_BYTES_MAX (1024u * 1024)

enum link_state {
    LINK_IDLE = 1, /* no stream: before start, between two, after close */
    LINK_OPENING,  /* waits for the peer's greeting */
    LINK_UP,
};

struct de_peer_link {
    struct de_peer_link_options options;
    grpc_channel *channel;
    struct de_rpc_tag greeted;
    struct de_rpc_tag sent;
    struct de_rpc_tag ended;
    struct de_post ended_post; /* all batches of a stream are over */
    struct de_post lost_post;
    /* The loop's: */
    struct de_timer redial;
    struct de_random random;
    uint64_t backoff_ns;
    bool closing;
    bool is_closed;
    /* gRPC's while the batches run: */
    grpc_metadata_array initial;
    grpc_metadata_array trailing;
    grpc_status_code code;
    grpc_slice details;
    pthread_mutex_t mutex;
    /* Guarded by mutex: */
    enum link_state state;
    grpc_call *call;
    uint32_t pending; /* batches under way */
    bool sending;
    bool broken; /* the stream's status has come: no more batches */
    bool was_up; /* this stream */
    uint64_t up_ns;                 /* since when it is */
    struct de_peer_trouble trouble; /* as it was before this stream */
    bool lost_posted;
    grpc_byte_buffer *frame; /* being sent */
    struct de_peer_outbox outbox;
};

/* Reports a loss, once until it has been told. Under the lock. */
static void lost_locked(struct de_peer_link *link)
{
    if (!link->lost_posted) {
        link->lost_posted = true;
        de_loop_post(link->options.loop, &link->lost_post);
    }
}

static void tell_lost(struct de_post *post)
{
    struct de_peer_link *link = DE_CONTAINER_OF(post, struct de_peer_link, lost_post);

    (void)pthread_mutex_lock(&link->mutex);
    link->lost_posted = false;
    (void)pthread_mutex_unlock(&link->mutex);
    link->options.lost(link->options.context, link->options.hello.to);
}

static void start_send_locked(struct de_peer_link *link, grpc_slice *slices, size_t count)
{
    grpc_op op = {0};
    size_t i;

    DE_ASSERT(!link->sending && !link->broken && link->call != NULL);
    link->frame = grpc_raw_byte_buffer_create(slices, count);
    for (i = 0; i < count; i++) {
        grpc_slice_unref(slices[i]);
    }
    link->sending = true;
    link->pending++;
    op.op = GRPC_OP_SEND_MESSAGE;
    op.data.send_message.send_message = link->frame;
    de_rpc_start_batch(link->call, &op, 1, &link->sent);
}

/* Sends what waits, unless a frame is under way. Under the lock. */
static void send_locked(struct de_peer_link *link)
{
    grpc_slice slices[DE_OUTBOX_ITEMS_MAX];
    uint32_t count;

    if (link->state != LINK_UP || link->sending || link->broken || link->outbox.count == 0) {
        return;
    }
    count = de_peer_outbox_take(&link->outbox, slices, DE_OUTBOX_ITEMS_MAX, FRAME_BYTES_MAX);
    start_send_locked(link, slices, count);
}

/* A batch is over; the last one of a stream hands it to the loop. Unlocks. */
static void batch_over_locked(struct de_peer_link *link)
{
    bool last;

    DE_ASSERT(link->pending > 0);
    link->pending--;
    last = link->pending == 0;
    DE_ASSERT_IMPLIES(last, link->broken);
    (void)pthread_mutex_unlock(&link->mutex);
    if (last) {
        de_loop_post(link->options.loop, &link->ended_post);
    }
}

static void on_greeted(struct de_rpc_tag *tag, bool ok)
{
    struct de_peer_link *link = DE_CONTAINER_OF(tag, struct de_peer_link, greeted);

    (void)pthread_mutex_lock(&link->mutex);
    if (ok && !link->broken) {
        link->state = LINK_UP;
        link->was_up = true;
        link->up_ns = de_clock_now_ns();
        send_locked(link);
    }
    batch_over_locked(link);
}

static void on_sent(struct de_rpc_tag *tag, bool ok)
{
    struct de_peer_link *link = DE_CONTAINER_OF(tag, struct de_peer_link, sent);

    (void)pthread_mutex_lock(&link->mutex);
    grpc_byte_buffer_destroy(link->frame);
    link->frame = NULL;
    link->sending = false;
    if (ok) {
        send_locked(link);
    }
    batch_over_locked(link);
}

static void on_ended(struct de_rpc_tag *tag, bool ok)
{
    struct de_peer_link *link = DE_CONTAINER_OF(tag, struct de_peer_link, ended);

    (void)ok;
    (void)pthread_mutex_lock(&link->mutex);
    link->broken = true;
    batch_over_locked(link);
}

static void start_status_locked(struct de_peer_link *link)
{
    grpc_op op = {0};

    op.op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    op.data.recv_status_on_client.trailing_metadata = &link->trailing;
    op.data.recv_status_on_client.status = &link->code;
    op.data.recv_status_on_client.status_details = &link->details;
    link->pending++;
    de_rpc_start_batch(link->call, &op, 1, &link->ended);
}

static void start_greeting_locked(struct de_peer_link *link)
{
    grpc_op ops[2] = {0};

    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    /* The stream waits until the peer can be reached; the channel dials with its own back-off. */
    ops[0].flags =
        GRPC_INITIAL_METADATA_WAIT_FOR_READY | GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET;
    ops[1].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[1].data.recv_initial_metadata.recv_initial_metadata = &link->initial;
    link->pending++;
    de_rpc_start_batch(link->call, ops, 2, &link->greeted);
}

/* On the loop: opens a stream. */
static void dial(struct de_peer_link *link)
{
    const struct de_peer_link_options *options = &link->options;
    struct de_peer_hello greeting = options->hello;
    uint8_t bytes[DE_PEER_HELLO_BYTES_MAX];
    grpc_slice hello;
    size_t size;

    greeting.config_index = options->self->config_index;
    greeting.address = dengine_str(options->self->address);
    size = de_peer_hello_encode(&greeting, bytes);
    hello = grpc_slice_from_copied_buffer((const char *)bytes, size);
    (void)pthread_mutex_lock(&link->mutex);
    DE_ASSERT(link->state == LINK_IDLE && link->pending == 0 && link->call == NULL);
    link->state = LINK_OPENING;
    link->broken = false;
    link->was_up = false;
    grpc_metadata_array_init(&link->initial);
    grpc_metadata_array_init(&link->trailing);
    link->details = grpc_empty_slice();
    link->call = grpc_channel_create_call(link->channel, NULL, GRPC_PROPAGATE_DEFAULTS,
                                          de_rpc_queue_handle(options->queue),
                                          grpc_slice_from_static_string(options->method), NULL,
                                          gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    DE_ASSERT(link->call != NULL);
    start_status_locked(link);
    start_greeting_locked(link);
    start_send_locked(link, &hello, 1);
    (void)pthread_mutex_unlock(&link->mutex);
}

static void finish_close(struct de_peer_link *link)
{
    DE_ASSERT(link->closing && !link->is_closed);
    link->is_closed = true;
    link->options.closed(link->options.context);
}

/* A peer takes a stream before it knows whose it is, so that one which it refuses was open, too.
 * Under the lock. */
static void note_trouble_locked(struct de_peer_link *link)
{
    struct de_peer_trouble *trouble = &link->trouble;
    const bool refused = link->code == GRPC_STATUS_FAILED_PRECONDITION;
    const bool was_refused = trouble->refusal[0] != '\0';
    size_t size = GRPC_SLICE_LENGTH(link->details);

    if (trouble->since_ns == 0 || refused != was_refused || (link->was_up && !refused)) {
        trouble->since_ns = de_clock_now_ns();
    }
    size = size < sizeof trouble->refusal ? size : sizeof trouble->refusal - 1;
    size = refused ? size : 0;
    memcpy(trouble->refusal, GRPC_SLICE_START_PTR(link->details), size);
    trouble->refusal[size] = '\0';
}

void de_peer_link_trouble(struct de_peer_link *link, struct de_peer_trouble *trouble)
{
    (void)pthread_mutex_lock(&link->mutex);
    if (link->state == LINK_UP && (link->trouble.refusal[0] == '\0' ||
                                   de_clock_now_ns() - link->up_ns >= SETTLED_NS)) {
        link->trouble = (struct de_peer_trouble){0};
    }
    *trouble = link->trouble;
    (void)pthread_mutex_unlock(&link->mutex);
}

/* On the loop: a stream is over; opens the next after a while. */
static void stream_over(struct de_post *post)
{
    struct de_peer_link *link = DE_CONTAINER_OF(post, struct de_peer_link, ended_post);
    bool was_up;

    (void)pthread_mutex_lock(&link->mutex);
    DE_ASSERT(link->pending == 0 && link->frame == NULL);
    was_up = link->was_up;
    note_trouble_locked(link);
    link->state = LINK_IDLE;
    /* What waited is stale by the time the next stream is open. */
    de_peer_outbox_clear(&link->outbox);
    lost_locked(link);
    grpc_slice_unref(link->details);
    grpc_metadata_array_destroy(&link->initial);
    grpc_metadata_array_destroy(&link->trailing);
    grpc_call_unref(link->call);
    link->call = NULL;
    (void)pthread_mutex_unlock(&link->mutex);

    if (link->closing) {
        finish_close(link);
        return;
    }
    if (link->code == DE_PEER_REMOVED_STATUS) {
        link->options.removed(link->options.context, link->options.hello.to);
    }
    if (was_up && link->code != GRPC_STATUS_FAILED_PRECONDITION &&
        link->code != DE_PEER_REMOVED_STATUS) {
        link->backoff_ns = BACKOFF_MIN_NS;
    }
    de_loop_arm(link->options.loop, &link->redial,
                de_clock_now_ns() + link->backoff_ns -
                    de_random_below(&link->random, link->backoff_ns / 4));
    link->backoff_ns =
        link->backoff_ns * 2 < BACKOFF_MAX_NS ? link->backoff_ns * 2 : BACKOFF_MAX_NS;
}

static void on_redial(struct de_timer *timer)
{
    dial(DE_CONTAINER_OF(timer, struct de_peer_link, redial));
}

void de_peer_link_send(struct de_peer_link *link, const struct de_peer_message *message)
{
    bool append = message->raft.type == DE_RAFT_MSG_APPEND;
    grpc_slice slice = de_peer_frame_part(message);
    uint32_t items_max;

    (void)pthread_mutex_lock(&link->mutex);
    items_max = link->state == LINK_UP ? DE_OUTBOX_ITEMS_MAX : UNCONNECTED_ITEMS_MAX;
    if (!de_peer_outbox_push(&link->outbox, slice, append, items_max)) {
        lost_locked(link);
    }
    send_locked(link);
    (void)pthread_mutex_unlock(&link->mutex);
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

static grpc_channel *make_channel(const char *address)
{
    grpc_arg args[] = {
        /* Each link has a connection of its own, also beside a client of this process. */
        integer_arg(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
        integer_arg(GRPC_ARG_MINIMAL_STACK, 1),
        integer_arg(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, -1),
        integer_arg(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100),
        /* Also the time that a connection attempt gets. */
        integer_arg(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000),
        integer_arg(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000),
        integer_arg(GRPC_ARG_KEEPALIVE_TIME_MS, 1000),
        integer_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 3000),
        integer_arg(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
    };
    grpc_channel_args list = {DE_ARRAY_SIZE(args), args};
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    grpc_channel *channel = grpc_channel_create(address, credentials, &list);

    grpc_channel_credentials_release(credentials);
    return channel;
}

int de_peer_link_new(const struct de_peer_link_options *options, struct de_peer_link **result)
{
    struct de_peer_link *link = calloc(1, sizeof(*link));
    int err;

    *result = NULL;
    if (link == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    err = pthread_mutex_init(&link->mutex, NULL);
    DE_ASSERT(err == 0);
    link->options = *options;
    link->options.address = NULL; /* the channel has its copy */
    link->channel = make_channel(options->address);
    link->greeted.run = on_greeted;
    link->sent.run = on_sent;
    link->ended.run = on_ended;
    link->ended_post.run = stream_over;
    link->lost_post.run = tell_lost;
    link->redial.run = on_redial;
    link->state = LINK_IDLE;
    link->backoff_ns = BACKOFF_MIN_NS;
    de_random_init(&link->random, options->seed);
    *result = link;
    return 0;
}

void de_peer_link_start(struct de_peer_link *link)
{
    (void)pthread_mutex_lock(&link->mutex);
    link->trouble.since_ns = de_clock_now_ns();
    (void)pthread_mutex_unlock(&link->mutex);
    dial(link);
}

void de_peer_link_close(struct de_peer_link *link)
{
    bool idle;

    DE_ASSERT(!link->closing);
    link->closing = true;
    de_loop_disarm(link->options.loop, &link->redial);
    (void)pthread_mutex_lock(&link->mutex);
    idle = link->call == NULL;
    if (!idle) {
        grpc_call_error err = grpc_call_cancel(link->call, NULL);

        DE_ASSERT(err == GRPC_CALL_OK);
    }
    (void)pthread_mutex_unlock(&link->mutex);
    if (idle) {
        finish_close(link);
    }
}

void de_peer_link_free(struct de_peer_link *link)
{
    int err;

    if (link == NULL) {
        return;
    }
    DE_ASSERT(link->call == NULL);
    de_peer_outbox_clear(&link->outbox);
    grpc_channel_destroy(link->channel);
    err = pthread_mutex_destroy(&link->mutex);
    DE_ASSERT(err == 0);
    free(link);
}
