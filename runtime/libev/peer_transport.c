#include "runtime/libev/peer_transport.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "proto/peer_codec.h"
#include "runtime/libev/peer_inbox.h"
#include "runtime/libev/peer_link.h"

struct de_peer_transport {
    void *context;
    void (*receive)(void *context, const struct de_peer_message *message);
    void (*lost)(void *context, uint64_t peer);
    struct de_rpc_queue *queue;
    struct de_rpc_server *server;
    struct de_peer_inbox inbox;
    uint64_t ids[DE_RAFT_MEMBERS_MAX];
    struct de_peer_link *links[DE_RAFT_MEMBERS_MAX];
    struct de_peer_link *chunk_links[DE_RAFT_MEMBERS_MAX]; /* for snapshots; dialled when needed */
    bool chunks_dialled[DE_RAFT_MEMBERS_MAX];              /* the loop's */
    uint32_t link_count;
    bool closed; /* the loop's */
    struct de_loop *loop;
    struct de_post dial_post;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t links_open; /* guarded by mutex */
};

static void on_receive(void *context, const struct de_peer_message *message)
{
    struct de_peer_transport *transport = context;

    transport->receive(transport->context, message);
}

static void on_lost(void *context, uint64_t peer)
{
    struct de_peer_transport *transport = context;

    transport->lost(transport->context, peer);
}

/* The sender finds out by itself that chunks are not acknowledged. */
static void on_chunks_lost(void *context, uint64_t peer)
{
    (void)context;
    DE_ASSERT(peer != 0);
}

static void on_closed(void *context)
{
    struct de_peer_transport *transport = context;

    (void)pthread_mutex_lock(&transport->mutex);
    DE_ASSERT(transport->links_open > 0);
    transport->links_open--;
    (void)pthread_cond_signal(&transport->changed);
    (void)pthread_mutex_unlock(&transport->mutex);
}

static int make_links(struct de_peer_transport *transport,
                      const struct de_peer_transport_options *options)
{
    uint32_t i;
    int err = 0;

    for (i = 0; i < options->peer_count && err == 0; i++) {
        struct de_peer_link_options link = {0};

        link.loop = options->loop;
        link.queue = transport->queue;
        link.hello.version = DE_PEER_PROTOCOL_VERSION;
        link.hello.cluster_id = options->cluster_id;
        link.hello.from = options->node_id;
        link.hello.to = options->peers[i].id;
        link.address = options->peers[i].address;
        link.method = DE_PEER_STREAM_METHOD;
        link.seed = de_mix64(options->seed ^ options->peers[i].id);
        link.context = transport;
        link.lost = on_lost;
        link.closed = on_closed;
        DE_ASSERT(link.hello.to != options->node_id);
        transport->ids[i] = options->peers[i].id;
        err = de_peer_link_new(&link, &transport->links[i]);
        if (err != 0) {
            break;
        }
        transport->link_count++;
        link.method = DE_PEER_SNAPSHOT_METHOD;
        link.seed = de_mix64(link.seed);
        link.lost = on_chunks_lost;
        err = de_peer_link_new(&link, &transport->chunk_links[i]);
    }
    return err;
}

static int make_server(struct de_peer_transport *transport,
                       const struct de_peer_transport_options *options)
{
    struct de_rpc_server_options server = {options->message_bytes_max};
    int err = de_rpc_server_new(transport->queue, &server, &transport->server);

    if (err != 0) {
        return err;
    }
    transport->inbox.loop = options->loop;
    transport->inbox.self.version = DE_PEER_PROTOCOL_VERSION;
    transport->inbox.self.cluster_id = options->cluster_id;
    transport->inbox.self.to = options->node_id;
    transport->inbox.context = transport;
    transport->inbox.receive = on_receive;
    return de_peer_inbox_add(&transport->inbox, transport->server);
}

/* On the loop. */
static void dial_peers(struct de_post *post)
{
    struct de_peer_transport *transport =
        DE_CONTAINER_OF(post, struct de_peer_transport, dial_post);
    uint32_t i;

    for (i = 0; i < transport->link_count; i++) {
        de_peer_link_start(transport->links[i]);
    }
}

int de_peer_transport_new(const struct de_peer_transport_options *options,
                          struct de_peer_transport **result)
{
    struct de_peer_transport *transport = calloc(1, sizeof(*transport));
    int err;

    DE_ASSERT(options->peer_count <= DE_RAFT_MEMBERS_MAX);
    *result = NULL;
    if (transport == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    err = pthread_mutex_init(&transport->mutex, NULL);
    DE_ASSERT(err == 0);
    err = pthread_cond_init(&transport->changed, NULL);
    DE_ASSERT(err == 0);
    transport->loop = options->loop;
    transport->dial_post.run = dial_peers;
    transport->context = options->context;
    transport->receive = options->receive;
    transport->lost = options->lost;
    err = de_rpc_queue_new(&transport->queue);
    if (err == 0) {
        err = make_server(transport, options);
    }
    if (err == 0) {
        err = make_links(transport, options);
    }
    if (err != 0) {
        if (transport->queue != NULL) {
            de_peer_transport_stop(transport, 0);
        }
        de_peer_transport_free(transport);
        return err;
    }
    *result = transport;
    return 0;
}

struct de_rpc_server *de_peer_transport_server(struct de_peer_transport *transport)
{
    return transport->server;
}

int de_peer_transport_start(struct de_peer_transport *transport, const char *address, char *message,
                            size_t message_size)
{
    int err = de_rpc_server_start(transport->server, address, message, message_size);

    if (err != 0) {
        return err;
    }
    transport->started = true;
    transport->links_open = transport->link_count;
    de_loop_post(transport->loop, &transport->dial_post);
    return 0;
}

uint16_t de_peer_transport_port(const struct de_peer_transport *transport)
{
    return de_rpc_server_port(transport->server);
}

/* Sends by the connection for snapshots, and dials it first when this is the first chunk. */
static void send_chunk(struct de_peer_transport *transport, uint32_t i,
                       const struct de_peer_message *message)
{
    if (!transport->started || transport->closed) {
        return;
    }
    if (!transport->chunks_dialled[i]) {
        transport->chunks_dialled[i] = true;
        (void)pthread_mutex_lock(&transport->mutex);
        transport->links_open++;
        (void)pthread_mutex_unlock(&transport->mutex);
        de_peer_link_start(transport->chunk_links[i]);
    }
    de_peer_link_send(transport->chunk_links[i], message);
}

void de_peer_transport_send(struct de_peer_transport *transport,
                            const struct de_peer_message *message)
{
    uint32_t i = 0;

    while (i < transport->link_count && transport->ids[i] != message->raft.to) {
        i++;
    }
    if (i == transport->link_count) {
        return;
    }
    if (message->raft.type == DE_NODE_MSG_CHUNK) {
        send_chunk(transport, i, message);
    } else {
        de_peer_link_send(transport->links[i], message);
    }
}

void de_peer_transport_close(struct de_peer_transport *transport)
{
    uint32_t i;

    DE_ASSERT(transport->started && !transport->closed);
    transport->closed = true;
    de_rpc_server_stop_accepting(transport->server);
    for (i = 0; i < transport->link_count; i++) {
        de_peer_link_close(transport->links[i]);
        if (transport->chunks_dialled[i]) {
            de_peer_link_close(transport->chunk_links[i]);
        }
    }
}

void de_peer_transport_stop(struct de_peer_transport *transport, uint32_t grace_ms)
{
    if (transport->started) {
        de_rpc_server_stop(transport->server, grace_ms);
        (void)pthread_mutex_lock(&transport->mutex);
        while (transport->links_open > 0) {
            (void)pthread_cond_wait(&transport->changed, &transport->mutex);
        }
        (void)pthread_mutex_unlock(&transport->mutex);
        transport->started = false;
    }
    de_rpc_queue_stop(transport->queue);
}

void de_peer_transport_free(struct de_peer_transport *transport)
{
    uint32_t i;
    int err;

    if (transport == NULL) {
        return;
    }
    DE_ASSERT(!transport->started);
    for (i = 0; i < transport->link_count; i++) {
        de_peer_link_free(transport->links[i]);
        de_peer_link_free(transport->chunk_links[i]);
    }
    de_rpc_server_free(transport->server);
    de_rpc_queue_free(transport->queue);
    err = pthread_cond_destroy(&transport->changed);
    DE_ASSERT(err == 0);
    err = pthread_mutex_destroy(&transport->mutex);
    DE_ASSERT(err == 0);
    free(transport);
}
