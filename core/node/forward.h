/* core/node/forward.h - writes that come to a follower go to the leader.
 *
 * A follower makes a batch of what waits, as a leader would, and sends it to the leader (FORWARD).
 * The leader makes an entry of it, alone, and says which one (FORWARD_REPLY): the index and the
 * term, or why not. From then on the follower has a proposal like any other; it answers when it
 * applies that entry, with the results that every replica gets, so who wrote through a node reads
 * its own writes there.
 *
 * At most once, though messages may be lost, late, repeated or out of order:
 *   - a batch has a number, counted up by a run of the follower that calls itself by a random
 *     nonce, and the term of the leader that it is for. No other leader takes it.
 *   - a leader remembers, for its whole term and after it, the highest number of each run of each
 *     follower, and takes only higher ones, silently dropping the rest. A run for which it has no
 *     room any more it refuses, and also, when it leads no more, what it has not taken; then the
 *     follower turns to the next leader. So it decides on a number once, and says so once.
 *   - a batch without an answer is not sent again: its requests end UNKNOWN after a while.
 *
 * Threads: the loop's. */
#ifndef DE_CORE_NODE_FORWARD_H
#define DE_CORE_NODE_FORWARD_H

#include "core/node/entry_cache.h"
#include "core/node/requests.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Batches that a follower has sent and has no answer to. */
#define DE_FORWARDS_MAX 4
/* Runs of one follower in one term of a leader. */
#define DE_FORWARD_RUNS_MAX 8

/* What a leader knows of one follower. */
struct de_forward_peer {
    uint64_t id; /* 0 = free */
    uint32_t runs;
    uint64_t nonces[DE_FORWARD_RUNS_MAX];
    uint64_t numbers[DE_FORWARD_RUNS_MAX]; /* the highest that was decided on */
};

/* A batch that was sent to this leader and waits to be proposed. */
struct de_forwarded {
    struct de_forwarded *next;
    uint64_t from;
    uint64_t nonce;
    uint64_t number;
    struct de_entry_buffer *buffer;
};

struct de_forwarding {
    bool off;
    /* As a follower: */
    uint64_t nonce;
    uint64_t number;              /* of the last batch */
    struct de_proposal_list sent; /* no answer yet, ascending by deadline; index 0 */
    uint32_t sent_count;
    struct de_proposal_list accepted; /* in the log of the leader of that term */
    /* As a leader: */
    uint64_t term; /* that the following are of */
    struct de_forward_peer peers[DE_RAFT_MEMBERS_MAX];
    struct de_forwarded *first;
    struct de_forwarded **last;
    uint64_t bytes;      /* of what waits to be proposed */
    uint64_t last_index; /* of the newest entry made of one of these, in the term above */
    bool had_turn;       /* one of these was proposed last, and none of the leader's own */
};

#ifdef __cplusplus
}
#endif

#endif
