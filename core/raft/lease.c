/* core/raft/lease.c - what clocks are good for (thesis 6.2, 6.4.1).
 *
 * Only durations on one clock are compared. The promised bound on the drift between two clocks,
 * rho, enters once for each of them. */
#include "core/raft/raft_internal.h"

/* Follower: having heard a leader, we vote for nobody during one minimum election timeout. */
void de_lease_promise(struct de_raft *raft)
{
    uint64_t until_ns = raft->now_ns + raft->options.election_timeout_min_ns;

    DE_ASSERT(raft->role == DE_RAFT_FOLLOWER && raft->leader != 0);
    if (raft->elections.promised_until_ns < until_ns) {
        raft->elections.promised_until_ns = until_ns;
    }
    DE_ASSERT(raft->elections.promised_until_ns >= until_ns);
}

/* How long a promise surely lasts on our clock, whichever way the two clocks drift. */
static uint64_t without_drift(const struct de_raft *raft, uint64_t promise_ns)
{
    uint64_t ppm = 2 * (uint64_t)raft->options.drift_ppm;
    uint64_t drift_ns = promise_ns / 1000000 * ppm + promise_ns % 1000000 * ppm / 1000000 + 1;

    DE_ASSERT(ppm < 1000000);
    DE_ASSERT(promise_ns < DE_INDEX_MAX);
    return drift_ns < promise_ns ? promise_ns - drift_ns : 0;
}

/* Leader: a quorum has promised to vote for nobody for so long after they got what we sent, so
 * surely for that long after we sent it. When the answer came is irrelevant. How long each of them
 * keeps still is what it says, not what our own options are; one that says nothing gives no lease.
 * The lease ends with a transfer: once TIMEOUT_NOW has left, an election that ignores all promises
 * may begin at any time in this term. */
uint64_t de_lease_until(const struct de_raft *raft)
{
    const struct de_raft_configuration *configuration = &raft->configurations.current;
    uint64_t until_ns[DE_RAFT_MEMBERS_MAX];

    if (raft->halt_reason != NULL || raft->role != DE_RAFT_LEADER || !de_leader_is_ready(raft) ||
        raft->leading.transfer_to != 0 || raft->leading.timeout_sent) {
        return 0;
    }
    for (uint32_t i = 0; i < configuration->count; i++) {
        const struct de_progress *peer = &raft->peers[i];
        uint64_t promise_ns = without_drift(raft, peer->promise_ns);
        DE_ASSERT(peer->echo_ns <= raft->now_ns);
        until_ns[i] = promise_ns > 0 ? peer->echo_ns + promise_ns : 0;
        if (configuration->members[i].id == raft->options.id) {
            until_ns[i] = UINT64_MAX; /* nobody is elected by us while we lead */
        }
    }
    return de_quorum_reached(configuration, until_ns);
}

/* Thesis 6.2: a leader that a quorum does not answer any more has to step down. Nobody has to hear
 * whoever is alone. */
uint64_t de_check_quorum_due(const struct de_raft *raft)
{
    const struct de_raft_configuration *configuration = &raft->configurations.current;
    uint64_t heard_ns[DE_RAFT_MEMBERS_MAX];

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    if (de_quorum_is_alone(&raft->configurations.current, raft->options.id)) {
        return UINT64_MAX;
    }
    for (uint32_t i = 0; i < configuration->count; i++) {
        bool is_self = configuration->members[i].id == raft->options.id;
        heard_ns[i] = is_self ? raft->now_ns : raft->peers[i].heard_ns;
        DE_ASSERT(heard_ns[i] <= raft->now_ns);
    }
    return de_quorum_reached(configuration, heard_ns) + raft->options.election_timeout_max_ns;
}
