/* core/raft/commit.c - when an entry is committed (Raft 5.3, 5.4.2). */
#include "core/raft/raft_internal.h"

bool de_leader_is_ready(const struct de_raft *raft)
{
    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    DE_ASSERT(raft->leading.noop_index > 0);
    return raft->commit >= raft->leading.noop_index;
}

void de_commit_settle(struct de_raft *raft)
{
    const struct de_raft_configuration *configuration = &raft->configurations.current;
    uint64_t matches[DE_RAFT_MEMBERS_MAX];

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    for (uint32_t i = 0; i < configuration->count; i++) {
        /* R4: our own match is what our own disk has acknowledged (thesis 10.2.1: it may well be
         * the last of a quorum to get there). */
        matches[i] = configuration->members[i].id == raft->options.id ? raft->tickets.durable_index
                                                                      : raft->peers[i].match;
    }
    uint64_t reached = de_quorum_reached(configuration, matches);
    DE_ASSERT(reached <= raft->log.last_index);
    /* Raft 5.4.2 and figure 8: an entry of an older term on a majority can still be overwritten.
     * Only one of our own term commits by counting, and takes all before it along. */
    DE_SOMETIMES(
        reached > raft->commit && de_term_runs_at(&raft->log, reached) != raft->term,
        "a quorum has an entry of an older term, which is not committed by that (figure 8)");
    if (reached > raft->commit && de_term_runs_at(&raft->log, reached) == raft->term) {
        DE_SOMETIMES(reached > raft->tickets.durable_index,
                     "an entry is committed that is not yet durable at its leader");
        raft->commit = reached;
    }
    DE_ASSERT_IMPLIES(raft->commit < raft->leading.noop_index,
                      de_term_runs_at(&raft->log, raft->commit) != raft->term);
}

/* An index and a term name one entry, and all before it (Log Matching, Raft 5.3); and what is
 * committed is so whoever says it. */
void de_commit_learned(struct de_raft *raft, uint64_t index, uint64_t term)
{
    if (raft->role == DE_RAFT_LEADER || index <= raft->commit || term == 0 ||
        de_term_runs_at(&raft->log, index) != term) {
        return;
    }
    DE_SOMETIMES(true, "a candidate learns from a voter what is committed");
    raft->commit = index;
    if (raft->following.verified < index) {
        raft->following.verified = index;
    }
    DE_ASSERT(raft->commit <= raft->log.last_index);
    DE_ASSERT(raft->following.verified >= raft->commit);
}
