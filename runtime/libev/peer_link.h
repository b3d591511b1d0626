/* runtime/libev/peer_link.h - the way out to one peer: a gRPC stream that is opened again whenever
 * it breaks.
 *
 * Messages wait in a bounded queue while one frame is under way and leave together in the next.
 * When the queue is full the oldest append goes first: Raft sends it again, and a newer one is
 * worth more. Losing anything is reported, so that the core stops counting on what it has sent.
 *
 * Threads: send, start and close on the loop; new and free by the thread that owns the loop;
 * trouble any. */
#ifndef DE_RUNTIME_LIBEV_PEER_LINK_H
#define DE_RUNTIME_LIBEV_PEER_LINK_H

#include "core/node/node.h"
#include "runtime/libev/loop.h"
#include "runtime/libev/peer_frame.h"
#include "runtime/libev/rpc_queue.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_peer_link;

/* What keeps messages from a peer. */
struct de_peer_trouble {
    uint64_t since_ns;                   /* as de_clock_now_ns; 0: nothing does */
    char refusal[DE_PEER_REFUSAL_BYTES]; /* what it answers this node; "": nothing */
};

/* What a node says of itself when it opens a stream. Its owner changes it, on the loop. */
struct de_peer_self {
    uint64_t config_index;
    char address[DE_ADDRESS_BYTES]; /* "host:port", or "" */
};

struct de_peer_link_options {
    struct de_loop *loop;
    struct de_rpc_queue *queue;
    struct de_peer_hello hello;      /* but for what self says */
    const struct de_peer_self *self; /* must outlive the link */
    const char *address;             /* "host:port"; copied */
    const char *method;              /* DE_PEER_STREAM_METHOD or DE_PEER_SNAPSHOT_METHOD */
    uint64_t seed;                   /* of the back-off's jitter */
    void *context;
    /* On the loop: messages to hello.to were lost. */
    void (*lost)(void *context, uint64_t peer);
    /* On the loop: the peer refuses this node as one that was removed from the cluster. */
    void (*removed)(void *context, uint64_t peer);
    /* On the loop, once, after close: the link does nothing any more. */
    void (*closed)(void *context);
};

/* Nothing happens before start. NO_MEMORY. */
int de_peer_link_new(const struct de_peer_link_options *options, struct de_peer_link **link);

/* Begins to connect. */
void de_peer_link_start(struct de_peer_link *link);

/* Encodes message and sends it or drops it. Borrows it for the call. */
void de_peer_link_send(struct de_peer_link *link, const struct de_peer_message *message);

/* How it stands with the peer since the link was started. */
void de_peer_link_trouble(struct de_peer_link *link, struct de_peer_trouble *trouble);

/* Ends the stream, or the waiting for one; closed() follows, maybe before this returns. */
void de_peer_link_close(struct de_peer_link *link);

/* Frees a link that is closed or was never started. NULL is allowed. */
void de_peer_link_free(struct de_peer_link *link);

#ifdef __cplusplus
}
#endif

#endif
