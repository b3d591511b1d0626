/* core/raft/role.c - from one role to the next (Raft, figure 4). */
#include <string.h>

#include "core/raft/raft_internal.h"

bool de_term_is_durable(const struct de_raft *raft)
{
    DE_ASSERT(raft->tickets.durable_term <= raft->term);
    return raft->tickets.durable_term == raft->term;
}

void de_become_follower(struct de_raft *raft, uint64_t term, uint64_t leader)
{
    bool was_leader = raft->role == DE_RAFT_LEADER;

    DE_ASSERT(term >= raft->term);
    DE_ASSERT(leader != raft->options.id);
    if (was_leader || leader != raft->leader || term != raft->term) {
        de_read_lose(raft);
    }
    if (term > raft->term) {
        raft->term = term;
        raft->vote = 0;
        raft->elections.grant_due = 0;
        memset(&raft->following, 0, sizeof(raft->following));
        /* Leader Completeness (Raft 5.4): what is committed is in every later leader's log. */
        raft->following.verified = raft->commit;
    }
    raft->role = DE_RAFT_FOLLOWER;
    raft->leader = leader;
    raft->elections.needed = raft->elections.needed && leader == 0;
    raft->elections.request_due = false;
    memset(&raft->leading, 0, sizeof(raft->leading));
    if (was_leader) {
        raft->update->snapshot_to = 0; /* asked for in this very step */
        de_election_arm(raft);
    }
    DE_ASSERT(raft->following.verified <= raft->log.last_index);
}

static void begin_ballot(struct de_raft *raft, bool by_transfer)
{
    struct de_elections *elections = &raft->elections;

    DE_ASSERT(raft->role == DE_RAFT_PRE_CANDIDATE || raft->role == DE_RAFT_CANDIDATE);
    DE_ASSERT_IMPLIES(by_transfer, raft->role == DE_RAFT_CANDIDATE);
    memset(elections->ballots, 0, sizeof(elections->ballots));
    memset(elections->previous_ballots, 0, sizeof(elections->previous_ballots));
    memset(elections->has_config, 0, sizeof(elections->has_config));
    elections->previous_asked = false;
    elections->request_due = true;
    elections->by_transfer = by_transfer;
}

/* Thesis 9.6: ask first whether an election could be won; no term is spent on it. */
void de_become_pre_candidate(struct de_raft *raft)
{
    DE_ASSERT(raft->role != DE_RAFT_LEADER);
    DE_ASSERT(de_election_may_stand(raft));
    de_become_follower(raft, raft->term, 0);
    raft->role = DE_RAFT_PRE_CANDIDATE;
    begin_ballot(raft, false);
}

/* Raft 5.2: enter the next term and vote for ourselves. That vote counts once it is durable, and
 * only then may others hear of it (R4). */
void de_become_candidate(struct de_raft *raft, bool by_transfer)
{
    DE_ASSERT(raft->role != DE_RAFT_LEADER);
    DE_ASSERT(de_election_may_stand(raft));
    de_become_follower(raft, raft->term + 1, 0);
    raft->role = DE_RAFT_CANDIDATE;
    raft->vote = raft->options.id;
    begin_ballot(raft, by_transfer);
}

/* Raft 5.2 and 8: an entry of its own at once, because only that can be committed by counting, and
 * commits everything before it. */
void de_become_leader(struct de_raft *raft)
{
    DE_ASSERT(raft->role == DE_RAFT_CANDIDATE);
    DE_ASSERT(raft->vote == raft->options.id && de_term_is_durable(raft));
    raft->role = DE_RAFT_LEADER;
    raft->leader = raft->options.id;
    raft->elections.needed = false;
    raft->recovering = false; /* nothing committed is missing from a leader's log, see recovery.c */
    raft->reads.round_open = false;
    raft->reads.waiting = false;
    for (uint32_t i = 0; i < DE_RAFT_MEMBERS_MAX; i++) {
        raft->peers[i].id = 0; /* nothing is known of anybody */
    }
    de_update_members(raft);
    memset(&raft->leading, 0, sizeof(raft->leading));
    de_update_append_own(raft, DENGINE_ENTRY_NOOP, NULL);
    raft->leading.noop_index = raft->log.last_index;
    de_replicate_heartbeat(raft);
}
