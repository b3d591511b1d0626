#include "runtime/libev/peer_transport.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "proto/peer_codec.h"
#include "runtime/libev/peer_inbox.h"
#include "runtime/libev/peer_link.h"

/* One peer at one address. The loop's; whoever else looks has the transport's mutex, and so has the
 * loop when it writes what is looked at. */
struct peer {
    struct de_peer_transport *transport;
    struct peer *next;
    uint64_t id;
    char address[DE_ADDRESS_BYTES];
    struct de_peer_link *link;
    struct de_peer_link *chunk_link; /* for snapshots; dialled when needed */
    bool dialled;
    bool chunks_dialled;
    bool retired;  /* no peer any more, or not at this address: freed when its links are closed */
    uint32_t open; /* links dialled and not closed */
    bool settled;  /* a reap has seen it retired with no link open */
};

/* Who was removed, for good; guarded by the transport's mutex. */
struct removed {
    uint64_t highest_id;
    uint64_t members[DE_RAFT_MEMBERS_MAX];
    uint32_t member_count;
};

struct de_peer_transport {
    void *context;
    void (*receive)(void *context, const struct de_peer_message *message);
    void (*greeted)(void *context, const struct de_peer_hello *hello);
    void (*lost)(void *context, uint64_t peer);
    void (*removed_by)(void *context, uint64_t peer);
    struct de_rpc_queue *queue;
    struct de_rpc_server *server;
    struct de_peer_inbox inbox;
    struct de_loop *loop;
    struct de_post dial_post;
    struct de_post reap_post;
    uint64_t node_id;
    uint64_t cluster_id;
    uint64_t seed;
    bool started;
    /* The loop's: */
    struct de_peer_self self;
    struct peer *peers;
    bool dialling; /* peers are dialled when they are made */
    bool closed;
    bool reap_posted;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex: */
    uint32_t links_open;
    struct removed removed;
};

/* ---- what comes in ---- */

static void on_receive(void *context, const struct de_peer_message *message)
{
    struct de_peer_transport *transport = context;

    transport->receive(transport->context, message);
}

static void on_greeted(void *context, const struct de_peer_hello *hello)
{
    struct de_peer_transport *transport = context;

    transport->greeted(transport->context, hello);
}

static bool is_removed(void *context, uint64_t id)
{
    struct de_peer_transport *transport = context;
    const struct removed *removed = &transport->removed;
    bool found = false;

    (void)pthread_mutex_lock(&transport->mutex);
    if (id <= removed->highest_id) {
        found = true;
        for (uint32_t i = 0; i < removed->member_count; i++) {
            found = found && removed->members[i] != id;
        }
    }
    (void)pthread_mutex_unlock(&transport->mutex);
    return found;
}

void de_peer_transport_committed(struct de_peer_transport *transport,
                                 const struct de_membership *membership)
{
    struct removed *removed = &transport->removed;
    const uint32_t count = membership->configuration.count;

    (void)pthread_mutex_lock(&transport->mutex);
    removed->member_count = count;
    for (uint32_t i = 0; i < count; i++) {
        removed->members[i] = membership->configuration.members[i].id;
    }
    /* A server that waits to be told who the members are knows of nobody that was removed. */
    removed->highest_id = count > 0 ? membership->highest_id : 0;
    (void)pthread_mutex_unlock(&transport->mutex);
    de_peer_inbox_turn_away(&transport->inbox);
}

/* ---- links ---- */

static void on_lost(void *context, uint64_t id)
{
    const struct peer *peer = context;

    if (!peer->retired) {
        peer->transport->lost(peer->transport->context, id);
    }
}

static void on_removed(void *context, uint64_t id)
{
    const struct peer *peer = context;

    peer->transport->removed_by(peer->transport->context, id);
}

/* The sender finds out by itself that chunks are not acknowledged. */
static void on_chunks_lost(void *context, uint64_t id)
{
    (void)context;
    DE_ASSERT(id != 0);
}

static void free_peer(struct peer *peer)
{
    if (peer != NULL) {
        DE_ASSERT(peer->open == 0);
        de_peer_link_free(peer->link);
        de_peer_link_free(peer->chunk_link);
        free(peer);
    }
}

static void post_reap(struct de_peer_transport *transport)
{
    if (!transport->reap_posted && !transport->closed) {
        transport->reap_posted = true;
        de_loop_post(transport->loop, &transport->reap_post);
    }
}

/* Frees the peers that have retired and whose links do nothing any more. Posted, so that what the
 * links had posted before has run. This post may be older than a peer's end, and a post of the
 * peer's links come after it: so one reap looks who is closed, and the next one frees them. */
static void reap(struct de_post *post)
{
    struct de_peer_transport *transport =
        DE_CONTAINER_OF(post, struct de_peer_transport, reap_post);
    struct peer **at = &transport->peers;
    bool again = false;

    transport->reap_posted = false;
    while (*at != NULL) {
        struct peer *peer = *at;

        if (peer->settled) {
            (void)pthread_mutex_lock(&transport->mutex);
            *at = peer->next;
            (void)pthread_mutex_unlock(&transport->mutex);
            free_peer(peer);
            continue;
        }
        peer->settled = peer->retired && peer->open == 0;
        again = again || peer->settled;
        at = &peer->next;
    }
    if (again) {
        post_reap(transport);
    }
}

static void on_closed(void *context)
{
    struct peer *peer = context;
    struct de_peer_transport *transport = peer->transport;

    DE_ASSERT(peer->open > 0);
    peer->open--;
    if (peer->retired && peer->open == 0) {
        post_reap(transport);
    }
    (void)pthread_mutex_lock(&transport->mutex);
    DE_ASSERT(transport->links_open > 0);
    transport->links_open--;
    (void)pthread_cond_signal(&transport->changed);
    (void)pthread_mutex_unlock(&transport->mutex);
}

static void dial(struct peer *peer, struct de_peer_link *link, bool *dialled)
{
    struct de_peer_transport *transport = peer->transport;

    DE_ASSERT(!*dialled && !peer->retired);
    peer->open++;
    (void)pthread_mutex_lock(&transport->mutex);
    *dialled = true;
    transport->links_open++;
    (void)pthread_mutex_unlock(&transport->mutex);
    de_peer_link_start(link);
}

static void close_links(struct peer *peer)
{
    if (peer->dialled) {
        de_peer_link_close(peer->link);
    }
    if (peer->chunks_dialled) {
        de_peer_link_close(peer->chunk_link);
    }
}

static void retire(struct peer *peer)
{
    DE_ASSERT(!peer->retired);
    (void)pthread_mutex_lock(&peer->transport->mutex);
    peer->retired = true;
    (void)pthread_mutex_unlock(&peer->transport->mutex);
    close_links(peer);
    if (peer->open == 0) {
        post_reap(peer->transport);
    }
}

static int make_links(struct peer *peer)
{
    struct de_peer_transport *transport = peer->transport;
    struct de_peer_link_options link = {0};
    int err;

    link.loop = transport->loop;
    link.queue = transport->queue;
    link.hello.version = DE_PEER_PROTOCOL_VERSION;
    link.hello.cluster_id = transport->cluster_id;
    link.hello.from = transport->node_id;
    link.hello.to = peer->id;
    link.self = &transport->self;
    link.address = peer->address;
    link.method = DE_PEER_STREAM_METHOD;
    link.seed = de_mix64(transport->seed ^ peer->id);
    link.context = peer;
    link.lost = on_lost;
    link.removed = on_removed;
    link.closed = on_closed;
    err = de_peer_link_new(&link, &peer->link);
    if (err == 0) {
        link.method = DE_PEER_SNAPSHOT_METHOD;
        link.seed = de_mix64(link.seed);
        link.lost = on_chunks_lost;
        err = de_peer_link_new(&link, &peer->chunk_link);
    }
    return err;
}

static bool add_peer(struct de_peer_transport *transport, const struct de_peer_address *address)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    DE_ASSERT(address->id != transport->node_id);
    DE_ASSERT(strlen(address->address) < sizeof(peer->address));
    if (peer == NULL) {
        return false;
    }
    peer->transport = transport;
    peer->id = address->id;
    memcpy(peer->address, address->address, strlen(address->address) + 1);
    if (make_links(peer) != 0) {
        free_peer(peer);
        return false;
    }
    peer->next = transport->peers;
    (void)pthread_mutex_lock(&transport->mutex);
    transport->peers = peer;
    (void)pthread_mutex_unlock(&transport->mutex);
    if (transport->dialling) {
        dial(peer, peer->link, &peer->dialled);
    }
    return true;
}

static struct peer *find_peer(const struct de_peer_transport *transport, uint64_t id)
{
    struct peer *peer = transport->peers;

    while (peer != NULL && (peer->id != id || peer->retired)) {
        peer = peer->next;
    }
    return peer;
}

static bool is_listed(const struct peer *peer, const struct de_peer_address *peers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (peers[i].id == peer->id && strcmp(peers[i].address, peer->address) == 0) {
            return true;
        }
    }
    return false;
}

bool de_peer_transport_set_peers(struct de_peer_transport *transport,
                                 const struct de_peer_address *peers, uint32_t count)
{
    bool all = true;

    if (transport->closed) {
        return true;
    }
    for (struct peer *peer = transport->peers; peer != NULL; peer = peer->next) {
        if (!peer->retired && !is_listed(peer, peers, count)) {
            retire(peer);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (find_peer(transport, peers[i].id) == NULL) {
            all = add_peer(transport, &peers[i]) && all;
        }
    }
    return all;
}

uint32_t de_peer_transport_look(struct de_peer_transport *transport, struct de_peer_look *looks,
                                uint32_t room)
{
    uint32_t count = 0;

    DE_ASSERT(looks != NULL || room == 0);
    (void)pthread_mutex_lock(&transport->mutex);
    for (struct peer *peer = transport->peers; peer != NULL && count < room; peer = peer->next) {
        if (peer->dialled && !peer->retired) {
            looks[count].id = peer->id;
            memcpy(looks[count].address, peer->address, sizeof peer->address);
            de_peer_link_trouble(peer->link, &looks[count].trouble);
            count++;
        }
    }
    (void)pthread_mutex_unlock(&transport->mutex);
    return count;
}

struct de_peer_self *de_peer_transport_self(struct de_peer_transport *transport)
{
    return &transport->self;
}

/* On the loop. */
static void dial_peers(struct de_post *post)
{
    struct de_peer_transport *transport =
        DE_CONTAINER_OF(post, struct de_peer_transport, dial_post);

    transport->dialling = true;
    for (struct peer *peer = transport->peers; peer != NULL; peer = peer->next) {
        if (!peer->retired) {
            dial(peer, peer->link, &peer->dialled);
        }
    }
}

/* ---- life ---- */

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
    transport->inbox.is_removed = is_removed;
    transport->inbox.greeted = on_greeted;
    transport->inbox.receive = on_receive;
    return de_peer_inbox_add(&transport->inbox, transport->server);
}

int de_peer_transport_new(const struct de_peer_transport_options *options,
                          struct de_peer_transport **result)
{
    struct de_peer_transport *transport = calloc(1, sizeof(*transport));
    int err;

    *result = NULL;
    if (transport == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    err = pthread_mutex_init(&transport->mutex, NULL);
    DE_ASSERT(err == 0);
    err = pthread_cond_init(&transport->changed, NULL);
    DE_ASSERT(err == 0);
    de_peer_inbox_init(&transport->inbox);
    transport->loop = options->loop;
    transport->node_id = options->node_id;
    transport->cluster_id = options->cluster_id;
    transport->seed = options->seed;
    transport->dial_post.run = dial_peers;
    transport->reap_post.run = reap;
    transport->context = options->context;
    transport->receive = options->receive;
    transport->greeted = options->greeted;
    transport->lost = options->lost;
    transport->removed_by = options->removed;
    err = de_rpc_queue_new(&transport->queue);
    if (err == 0) {
        err = make_server(transport, options);
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
    de_loop_post(transport->loop, &transport->dial_post);
    return 0;
}

uint16_t de_peer_transport_port(const struct de_peer_transport *transport)
{
    return de_rpc_server_port(transport->server);
}

void de_peer_transport_send(struct de_peer_transport *transport,
                            const struct de_peer_message *message)
{
    struct peer *peer = find_peer(transport, message->raft.to);

    if (peer == NULL) {
        return;
    }
    if (message->raft.type != DE_NODE_MSG_CHUNK) {
        de_peer_link_send(peer->link, message);
    } else if (transport->dialling && !transport->closed) {
        if (!peer->chunks_dialled) {
            dial(peer, peer->chunk_link, &peer->chunks_dialled);
        }
        de_peer_link_send(peer->chunk_link, message);
    }
}

void de_peer_transport_close(struct de_peer_transport *transport)
{
    DE_ASSERT(transport->started && !transport->closed);
    transport->closed = true;
    de_rpc_server_stop_accepting(transport->server);
    for (struct peer *peer = transport->peers; peer != NULL; peer = peer->next) {
        if (!peer->retired) {
            close_links(peer);
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
    int err;

    if (transport == NULL) {
        return;
    }
    DE_ASSERT(!transport->started);
    while (transport->peers != NULL) {
        struct peer *peer = transport->peers;

        transport->peers = peer->next;
        free_peer(peer);
    }
    de_rpc_server_free(transport->server);
    de_rpc_queue_free(transport->queue);
    de_peer_inbox_deinit(&transport->inbox);
    err = pthread_cond_destroy(&transport->changed);
    DE_ASSERT(err == 0);
    err = pthread_mutex_destroy(&transport->mutex);
    DE_ASSERT(err == 0);
    free(transport);
}
