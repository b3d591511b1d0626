/* core/node/lease.h - when a leader may answer a read from its own state, asking nobody.
 *
 * The loop works the lease out after every step; readers are other threads. How a lease read goes,
 * and why each part of the order matters:
 *
 *   1. open a view of the state machine, which says up to which entry it has applied
 *   2. read the published lease, then the clock (the same one that the loop uses)
 *   3. answer from the view if de_node_lease_covers(); else take a quorum round
 *
 * The view comes first. A thread may be paused anywhere; if it checked the lease and then opened
 * the view, this node could be deposed in between, and follow the new leader. What that one commits
 * its followers may apply before it does so itself: the view would show an entry that the next read
 * by lease, at the new leader, does not show yet.
 *
 * Claim: the view holds every write that was acknowledged, and all that another linearizable read
 * has shown, before this read began. At the time of step 2 nobody else was leader, for a quorum had
 * promised so (core/raft/lease.c). So what was acknowledged before then was
 *   - committed in our term: then by us. Either it was acknowledged by our applier after the state
 *     machine had committed it, so a view opened later has it. Or a follower had forwarded it, and
 *     acknowledged it when it had applied it: then `index` was raised to it, or to what we say is
 *     committed, whichever is less, before we said so;
 *   - committed in an earlier term, or by us but proposed in an earlier one, and acknowledged by
 *     whoever applied it: then it stands before the first entry of our term, and `index` is not
 *     below that one;
 *   - shown by a follower that asked us how far it must have applied: then `index` is not below
 *     what we told it.
 * To make the first and last one true a raised index, and the end of a lease, are published before
 * the messages of that step leave (de_node_env.lease). */
#ifndef DE_CORE_NODE_LEASE_H
#define DE_CORE_NODE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_node_lease {
    uint64_t until_ns; /* on the clock of the loop; 0 = no lease, UINT64_MAX = without end */
    uint64_t index;    /* a view must have applied this far */
    uint64_t term;
};

/* Whether a view that has applied up to `applied` may answer; now_ns was read after the view was
 * opened. */
static inline bool de_node_lease_covers(const struct de_node_lease *lease, uint64_t applied,
                                        uint64_t now_ns)
{
    return now_ns < lease->until_ns && applied >= lease->index;
}

#ifdef __cplusplus
}
#endif

#endif
