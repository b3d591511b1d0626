/* runtime/libev/peer_inbox.h - the way in: streams that peers have opened to this node.
 *
 * Frames are taken apart and decoded on gRPC's thread and handed to the loop whole; the next frame
 * of a stream is read when the loop is done with the one before, so a peer that sends faster than
 * this node works is slowed down by HTTP/2 and nothing piles up here.
 *
 * Strangers are turned away: another cluster's nodes, and members that were removed, who are told
 * so (a removed server would ask for votes for ever).
 *
 * Threads: add before the server starts; everything else happens by itself. */
#ifndef DE_RUNTIME_LIBEV_PEER_INBOX_H
#define DE_RUNTIME_LIBEV_PEER_INBOX_H

#include <pthread.h>

#include "core/node/node.h"
#include "runtime/libev/loop.h"
#include "runtime/libev/peer_frame.h"
#include "runtime/libev/rpc_server.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_peer_inbound;

/* In its owner's memory; good until the server has stopped. */
struct de_peer_inbox {
    struct de_loop *loop;
    struct de_peer_hello self; /* version, cluster_id, to: what a hello must say */
    void *context;
    /* On gRPC's thread, for each frame: whether id was a member and is none any more, for good. */
    bool (*is_removed)(void *context, uint64_t id);
    /* On the loop: a peer has opened a stream. Borrows hello for the call. */
    void (*greeted)(void *context, const struct de_peer_hello *hello);
    /* On the loop. Borrows message for the call. */
    void (*receive)(void *context, const struct de_peer_message *message);
    /* The inbox's: the streams that are open. */
    pthread_mutex_t mutex;
    struct de_peer_inbound *open;
};

/* Around the life of an inbox. */
void de_peer_inbox_init(struct de_peer_inbox *inbox);
void de_peer_inbox_deinit(struct de_peer_inbox *inbox);

/* Somebody was removed: ends the streams of all who were. Any thread. */
void de_peer_inbox_turn_away(struct de_peer_inbox *inbox);

/* Adds the peers' method to server. As de_rpc_server_add_stream. */
int de_peer_inbox_add(struct de_peer_inbox *inbox, struct de_rpc_server *server);

#ifdef __cplusplus
}
#endif

#endif
