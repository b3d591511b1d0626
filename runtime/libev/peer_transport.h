/* runtime/libev/peer_transport.h - everything of an engine that talks gRPC: one completion queue,
 * one server for peers and public services, one link to each peer. Peers come and go while it runs.
 *
 * Life: new, (services are added to the server), start, close, stop, free.
 *
 * Threads: send, close and what says so on the loop; look any; the rest by the thread that owns the
 * loop. */
#ifndef DE_RUNTIME_LIBEV_PEER_TRANSPORT_H
#define DE_RUNTIME_LIBEV_PEER_TRANSPORT_H

#include "core/node/node.h"
#include "runtime/libev/loop.h"
#include "runtime/libev/peer_directory.h"
#include "runtime/libev/peer_link.h"
#include "runtime/libev/rpc_server.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_peer_transport;

struct de_peer_transport_options {
    struct de_loop *loop;
    uint64_t node_id;
    uint64_t cluster_id;
    uint32_t message_bytes_max; /* longest message that the server takes */
    uint64_t seed;
    void *context;
    /* On the loop. greeted: a peer has opened a stream; borrows hello for the call. lost: messages
     * to a peer were lost. removed: a peer says that this node was removed from the cluster. */
    void (*receive)(void *context, const struct de_peer_message *message);
    void (*greeted)(void *context, const struct de_peer_hello *hello);
    void (*lost)(void *context, uint64_t peer);
    void (*removed)(void *context, uint64_t peer);
};

/* Starts gRPC; opens no port yet. NO_MEMORY. */
int de_peer_transport_new(const struct de_peer_transport_options *options,
                          struct de_peer_transport **transport);

/* The server, to add services to. */
struct de_rpc_server *de_peer_transport_server(struct de_peer_transport *transport);

/* Binds address and begins to dial the peers. While the loop runs. As de_rpc_server_start. */
int de_peer_transport_start(struct de_peer_transport *transport, const char *address, char *message,
                            size_t message_size);

/* The port that is bound. */
uint16_t de_peer_transport_port(const struct de_peer_transport *transport);

/* Sends to message->raft.to, or drops it when that is nobody we know. Chunks of snapshots go by a
 * connection of their own, which is dialled for the first. */
void de_peer_transport_send(struct de_peer_transport *transport,
                            const struct de_peer_message *message);

/* From now on these are the peers: links to others, and to other addresses of these, are closed,
 * and missing ones dialled (once the transport has started). Borrows peers for the call. False: for
 * want of memory some are missing; call it again. On the loop. */
bool de_peer_transport_set_peers(struct de_peer_transport *transport,
                                 const struct de_peer_address *peers, uint32_t count);

/* What the node says of itself when it opens a stream; to be written on the loop. */
struct de_peer_self *de_peer_transport_self(struct de_peer_transport *transport);

/* A committed membership: who was a member earlier and is none in it, is refused from now on. On
 * the loop. */
void de_peer_transport_committed(struct de_peer_transport *transport,
                                 const struct de_membership *membership);

/* One peer, and what keeps messages from it. */
struct de_peer_look {
    uint64_t id;
    char address[DE_ADDRESS_BYTES];
    struct de_peer_trouble trouble;
};

/* Writes all peers that have been dialled, room at most; how many they are. Any thread. */
uint32_t de_peer_transport_look(struct de_peer_transport *transport, struct de_peer_look *looks,
                                uint32_t room);

/* Closes the port for new calls and ends the streams to the peers. On the loop, once, after a
 * successful start. */
void de_peer_transport_close(struct de_peer_transport *transport);

/* Waits until calls under way have been answered (cancels them after grace_ms) and all streams have
 * ended, then stops gRPC's thread. After close, while the loop still runs; or without close when
 * start failed or was not called. */
void de_peer_transport_stop(struct de_peer_transport *transport, uint32_t grace_ms);

/* Frees a stopped transport. The loop must have stopped. NULL is allowed. */
void de_peer_transport_free(struct de_peer_transport *transport);

#ifdef __cplusplus
}
#endif

#endif
