/* core/raft/transfer.c - hand leadership to a chosen server (thesis 3.10).
 *
 * The target is brought up to date, then told to campaign at once. Proposals are refused meanwhile,
 * else it might never catch up. After one election timeout the leader gives up and goes on. */
#include "core/raft/raft_internal.h"

/* The voter whose log is the longest, of those that are not us; 0 = none. */
static uint64_t best_heir(const struct de_raft *raft)
{
    const struct de_raft_configuration *configuration = &raft->configurations.current;
    const struct de_progress *best = NULL;

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    for (uint32_t i = 0; i < configuration->count; i++) {
        const struct de_raft_member *member = &configuration->members[i];
        if (member->id == raft->options.id || (member->flags & DE_RAFT_VOTER) == 0) {
            continue;
        }
        if (best == NULL || best->match < raft->peers[i].match) {
            best = &raft->peers[i];
        }
    }
    DE_ASSERT(best == NULL || best->id != 0);
    return best == NULL ? 0 : best->id;
}

int de_transfer(struct de_raft *raft, const struct de_raft_event *event)
{
    const struct de_raft_configuration *configuration = &raft->configurations.current;
    struct de_leadership *leading = &raft->leading;

    DE_ASSERT(event->type == DE_RAFT_EV_TRANSFER);
    if (raft->role != DE_RAFT_LEADER) {
        return de_not_leader(raft);
    }
    uint64_t target = event->peer != 0 ? event->peer : best_heir(raft);
    int at = target != 0 ? de_configuration_find(configuration, target) : -1;
    if (at < 0 || target == raft->options.id ||
        (configuration->members[at].flags & DE_RAFT_VOTER) == 0) {
        return DENGINE_E_INVALID; /* a stranger, a learner, ourselves, or nobody is there */
    }
    if (leading->transfer_to != 0) {
        return leading->transfer_to == target ? 0 : DENGINE_E_BUSY;
    }
    leading->transfer_to = target;
    leading->transfer_until_ns = raft->now_ns + raft->options.election_timeout_max_ns;
    leading->transfer_due = true;
    DE_ASSERT(de_lease_until(raft) == 0);
    return 0;
}

void de_transfer_abort(struct de_raft *raft)
{
    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    DE_ASSERT(raft->leading.transfer_to != 0);
    DE_SOMETIMES(true, "a transfer of leadership is given up");
    raft->leading.transfer_to = 0;
    raft->leading.transfer_until_ns = 0;
    raft->leading.transfer_due = false;
}

/* We lead no longer, from this step on. The voter with the longest log need not wait for its timer.
 */
void de_transfer_step_aside(struct de_raft *raft)
{
    uint64_t heir = best_heir(raft);

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    DE_SOMETIMES(true, "a leader steps aside in favour of another");
    if (heir != 0) {
        (void)de_update_message(raft, DE_RAFT_MSG_TIMEOUT_NOW, heir);
    }
    de_become_follower(raft, raft->term, 0);
    DE_ASSERT(de_lease_until(raft) == 0);
}

void de_transfer_settle(struct de_raft *raft)
{
    struct de_leadership *leading = &raft->leading;

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    if (leading->transfer_to == 0) {
        return;
    }
    /* No change is taken while a transfer is under way, and a voter of the new half stays when a
     * joint configuration ends: the target is still there. */
    const struct de_progress *target = de_peer(raft, leading->transfer_to);
    DE_ASSERT(target != NULL);
    if (leading->transfer_due && target->match == raft->log.last_index) {
        (void)de_update_message(raft, DE_RAFT_MSG_TIMEOUT_NOW, target->id);
        leading->transfer_due = false; /* the next heartbeat repeats it */
        leading->timeout_sent = true;
    }
    DE_ASSERT(target->id == leading->transfer_to);
}

/* We are the target. No pre-vote: the others are told that their leader wants it. A recovering
 * server would need all of them. */
void de_transfer_on_timeout_now(struct de_raft *raft, const struct de_raft_message *message)
{
    DE_ASSERT(message->term == raft->term);
    if (raft->role != DE_RAFT_FOLLOWER || message->from != raft->leader ||
        !de_election_may_stand(raft) || raft->recovering) {
        de_drop(raft);
        return;
    }
    de_election_arm(raft);
    de_become_candidate(raft, true);
    DE_ASSERT(raft->role == DE_RAFT_CANDIDATE);
}
