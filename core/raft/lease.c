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

/* The quorum-th newest of the times in peers; our own is now. */
static uint64_t newest_of_quorum(const struct de_raft *raft, bool echoed)
{
    const struct de_raft_configuration *configuration = &raft->configurations.current;
    uint64_t times_ns[DE_RAFT_MEMBERS_MAX];

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    for (uint32_t i = 0; i < configuration->count; i++) {
        if (configuration->members[i].id == raft->options.id) {
            times_ns[i] = raft->now_ns;
        } else {
            times_ns[i] = echoed ? raft->peers[i].echo_ns : raft->peers[i].heard_ns;
        }
        DE_ASSERT(times_ns[i] <= raft->now_ns);
    }
    return de_quorum_reached(configuration, times_ns);
}

/* Leader: a quorum has promised to vote for nobody for one minimum election timeout after they got
 * what we sent, so surely for that long after we sent it. When the answer came is irrelevant. The
 * lease ends with a transfer: once TIMEOUT_NOW has left, an election that ignores all promises may
 * begin at any time in this term. */
uint64_t de_lease_until(const struct de_raft *raft)
{
    const struct de_raft_options *options = &raft->options;

    if (raft->halt_reason != NULL || raft->role != DE_RAFT_LEADER || !de_leader_is_ready(raft) ||
        raft->leading.transfer_to != 0 || raft->leading.timeout_sent) {
        return 0;
    }
    if (de_quorum_is_alone(&raft->configurations.current, options->id)) {
        return UINT64_MAX; /* there is nobody who could be elected */
    }
    uint64_t sent_ns = newest_of_quorum(raft, true);
    uint64_t drift_ns =
        options->election_timeout_min_ns / 1000000 * 2 * options->drift_ppm +
        options->election_timeout_min_ns % 1000000 * 2 * options->drift_ppm / 1000000 + 1;
    if (sent_ns == 0 || drift_ns >= options->election_timeout_min_ns) {
        return 0;
    }
    DE_ASSERT(sent_ns <= raft->now_ns);
    DE_ASSERT(drift_ns > 0);
    return sent_ns + options->election_timeout_min_ns - drift_ns;
}

uint64_t de_check_quorum_due(const struct de_raft *raft)
{
    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    if (de_quorum_is_alone(&raft->configurations.current, raft->options.id)) {
        return UINT64_MAX;
    }
    uint64_t heard_ns = newest_of_quorum(raft, false);
    DE_ASSERT(heard_ns <= raft->now_ns);
    return heard_ns + raft->options.election_timeout_max_ns;
}
