/* core/node/lease.h - when a leader may answer a read from its own state, asking nobody.
 *
 * The loop works the lease out after every step; readers are other threads. How a lease read goes:
 *
 *   1. read the published lease
 *   2. then look at how far the state machine has applied, and at the clock (the loop's own)
 *   3. if de_node_lease_covers(), open a view and answer from it; else take a quorum round
 *
 * The clock of step 2 may also be looked at later, as late as when the view has been read, but
 * before anything of it is shown: more of the lease has passed then, never less.
 *
 * Claim: the view holds every write that was acknowledged, and all that any linearizable read has
 * shown, before this read began. At the moment of step 1 nobody else was leader, for a quorum had
 * promised so until after the clock of step 2 (core/raft/lease.c); and whoever knew then that an
 * entry is committed had it from us, or it stands before the first entry of our term. We know of
 * that commit ourselves, and publish `index`, what we know to be committed, before a message or a
 * job for the applier leaves that tells anybody (de_node_env.lease). So `index` was no less than
 * any of it, and the view has applied that far.
 *
 * Less than all that is committed would not do: others may have applied, and show, what we have
 * only committed yet. A follower that was told how far a read must have applied may have applied
 * more; so may a leader of before, which was confirmed in time and then waited for its applier,
 * while it followed us.
 *
 * Between the steps a thread may be held up for as long as it likes. The view that it opens has
 * never less than was applied in step 2, and what it may have more is committed: the read is in
 * order just before the first entry that the view lacks. But the look has to come after the read
 * has: a lease that was looked at for one read says nothing about one that comes later. */
#ifndef DE_CORE_NODE_LEASE_H
#define DE_CORE_NODE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_node_lease {
    uint64_t until_ns; /* on the clock of the loop; 0 = no lease, UINT64_MAX = without end */
    uint64_t index;    /* what is known to be committed; a view must have applied this far */
    uint64_t term;
};

/* Whether a view that is opened from now on may answer; applied and now_ns were read after lease.
 */
static inline bool de_node_lease_covers(const struct de_node_lease *lease, uint64_t applied,
                                        uint64_t now_ns)
{
    return now_ns < lease->until_ns && applied >= lease->index;
}

#ifdef __cplusplus
}
#endif

#endif
