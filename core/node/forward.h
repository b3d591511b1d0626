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
 *     follower, and takes only higher ones, silently dropping the rest. What it has not taken when
 *     it leads no more it refuses; then the follower turns to the next leader. So it decides on a
 *     number once, and says so once.
 *   - a run says in each batch what it knew to be committed when it sent its first. When there are
 *     more runs than a leader remembers, it forgets the one that knew least for one that knew more.
 *     So none that it has forgotten knew more than any that it remembers, and it is silent to all
 *     others of that kind.
 *   - it forgets a member once its removal is committed: that id is silently dropped for good.
 *   - a batch without an answer is not sent again: its requests end UNKNOWN after a while, and a
 *     new run begins when more is committed than the last one knew.
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
/* Runs of one follower that a leader remembers: the present one, and one that is over. */
#define DE_FORWARD_RUNS_MAX 2

/* What a leader knows of one follower. */
struct de_forward_peer {
    uint64_t id; /* 0 = free */
    uint32_t runs;
    uint64_t nonces[DE_FORWARD_RUNS_MAX];
    uint64_t numbers[DE_FORWARD_RUNS_MAX]; /* the highest that was decided on */
    uint64_t knew[DE_FORWARD_RUNS_MAX];    /* to be committed, when they began */
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
    uint64_t number;              /* of the last batch of this run */
    uint64_t knew;                /* to be committed, at the first batch of this run */
    bool doubtful;                /* the leader may not know this run */
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
