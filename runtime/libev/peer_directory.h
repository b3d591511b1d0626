/* runtime/libev/peer_directory.h - where each peer can be reached.
 *
 * The membership says it, and travels with the log; so a node that was away knows what was true
 * when it went. Then others have to tell it: whoever opens a stream says where it lives, and how
 * new the membership is that it goes by (struct de_peer_hello). What comes from a newer membership
 * than ours counts until ours is as new. So a member that slept through changes can answer a leader
 * it has never heard of, and a server that joins can answer anybody.
 *
 * Threads: one at a time (the loop's). */
#ifndef DE_RUNTIME_LIBEV_PEER_DIRECTORY_H
#define DE_RUNTIME_LIBEV_PEER_DIRECTORY_H

#include "core/node/membership.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Addresses that were heard and are remembered; the one heard longest ago makes room. */
#define DE_PEERS_HEARD_MAX 16

/* What de_peer_directory_list gives at most: of two memberships, and heard. */
#define DE_PEERS_MAX (2 * DE_RAFT_MEMBERS_MAX + DE_PEERS_HEARD_MAX)

/* Another member. */
struct de_peer_address {
    uint64_t id;
    const char *address; /* "host:port" */
};

struct de_peer_heard {
    uint64_t id; /* 0: none */
    uint64_t config_index;
    char address[DE_ADDRESS_BYTES];
};

/* Starts as zeros. */
struct de_peer_directory {
    struct de_peer_heard heard[DE_PEERS_HEARD_MAX];
    uint32_t next; /* to be overwritten */
};

/* What the node knows by itself. */
struct de_peer_view {
    uint64_t self;
    const struct de_membership *current;
    const struct de_membership *before; /* NULL: current is committed */
    uint64_t config_index;              /* of current */
};

/* id says that it lives at address ("" says nothing), and that it goes by the membership at
 * config_index. True when that is news. */
bool de_peer_directory_hear(struct de_peer_directory *directory, uint64_t id, uint64_t config_index,
                            struct dengine_slice address);

/* Everybody who may have to be sent something, but for self: the members; those of the membership
 * before, as long as it may come back, and since a leader that removes itself waits for our
 * acknowledgement; and those heard, unless they were removed. peers has room for DE_PEERS_MAX; the
 * addresses live as long as the directory and the view. Returns how many. */
uint32_t de_peer_directory_list(const struct de_peer_directory *directory,
                                const struct de_peer_view *view, struct de_peer_address *peers);

#ifdef __cplusplus
}
#endif

#endif
