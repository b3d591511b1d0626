/* core/raft/settle.c - what follows from an event, the same for all of them.
 *
 * An answer, a completion and a deadline can each be the last thing that an election, a commit, a
 * read or a withheld message was waiting for. So none of the handlers decides about those: they
 * change what is known, and here it is looked at once, in a fixed order. */
#include "core/raft/raft_internal.h"

static void settle_as_leader(struct de_raft *raft)
{
    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    de_commit_settle(raft);
    de_change_settle(raft);
    de_read_settle(raft);
    de_replicate_settle(raft);
    de_transfer_settle(raft);
    if (de_change_is_removed(raft)) {
        /* Thesis 4.2.2. The others know that it is committed from the appends just sent. */
        de_transfer_step_aside(raft);
    }
}

void de_settle(struct de_raft *raft)
{
    DE_ASSERT(raft->update != NULL);
    DE_ASSERT(raft->halt_reason == NULL);
    de_election_settle(raft); /* may make us leader */
    if (raft->role == DE_RAFT_LEADER) {
        settle_as_leader(raft);
    } else {
        de_vote_settle(raft);
        de_append_settle(raft);
        de_recovery_settle(raft);
        de_read_settle(raft);
    }
}
