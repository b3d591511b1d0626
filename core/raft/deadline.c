/* core/raft/deadline.c - time as one published deadline.
 *
 * Timers are looked at only when DEADLINE is given. A server that was stopped for a while first
 * handles the messages that have piled up, and then finds that its timer has moved on. */
#include "core/raft/raft_internal.h"

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A snapshot of which nothing is heard any more: find out where the peer is. */
static void end_patience(struct de_raft *raft)
{
    for (uint32_t i = 0; i < raft->configurations.current.count; i++) {
        struct de_progress *peer = &raft->peers[i];
        if (peer->id != raft->options.id && peer->state == DE_PROGRESS_SNAPSHOT &&
            raft->now_ns >= peer->snapshot_until_ns) {
            DE_SOMETIMES(true,
                         "nothing is heard of a snapshot for so long that its member is probed");
            peer->next = raft->log.last_index + 1;
            de_progress_become(peer, DE_PROGRESS_PROBE);
        }
    }
    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    DE_ASSERT(raft->configurations.current.count <= DE_RAFT_MEMBERS_MAX);
}

/* A leader that can write nothing can apply nothing, and so serve nobody, while the others may well
 * go on committing, and have no reason to elect another one. It has as long as they would give it
 * if it were silent. Who is alone has nobody to hand over to. */
static uint64_t disk_due(const struct de_raft *raft)
{
    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    DE_ASSERT(raft->disk_since_ns <= raft->now_ns);
    if (raft->tickets.count == 0 ||
        de_quorum_is_alone(&raft->configurations.current, raft->options.id)) {
        return UINT64_MAX;
    }
    return raft->disk_since_ns + raft->options.election_timeout_max_ns;
}

static void passed_as_leader(struct de_raft *raft)
{
    struct de_leadership *leading = &raft->leading;

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    if (raft->now_ns >= de_check_quorum_due(raft)) {
        /* Thesis 6.2: cut off from a quorum it can serve nobody, and clients should look
         * elsewhere. */
        DE_SOMETIMES(true, "a leader that hears no quorum steps down");
        de_become_follower(raft, raft->term, 0);
        return;
    }
    if (raft->now_ns >= disk_due(raft)) {
        DE_SOMETIMES(true, "a leader steps down since its disk is stuck");
        de_transfer_step_aside(raft);
        return;
    }
    if (leading->transfer_to != 0 && raft->now_ns >= leading->transfer_until_ns) {
        de_transfer_abort(raft);
    }
    end_patience(raft);
    if (raft->now_ns >= leading->heartbeat_due_ns) {
        de_replicate_heartbeat(raft);
        leading->transfer_due = leading->transfer_to != 0;
    }
    DE_ASSERT(leading->heartbeat_due_ns > raft->now_ns);
}

void de_deadline_passed(struct de_raft *raft)
{
    DE_ASSERT(raft->halt_reason == NULL);
    if (raft->role == DE_RAFT_LEADER) {
        passed_as_leader(raft);
    } else if (raft->now_ns >= raft->election_due_ns) {
        de_election_timeout(raft);
    }
    DE_ASSERT_IMPLIES(raft->role != DE_RAFT_LEADER, raft->election_due_ns > raft->now_ns);
}

static uint64_t next_as_leader(const struct de_raft *raft)
{
    uint64_t next_ns = earlier(de_check_quorum_due(raft), disk_due(raft));

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    if (raft->configurations.current.count > 1 || next_ns != UINT64_MAX) {
        next_ns = earlier(next_ns, raft->leading.heartbeat_due_ns);
    }
    if (raft->leading.transfer_to != 0) {
        next_ns = earlier(next_ns, raft->leading.transfer_until_ns);
    }
    for (uint32_t i = 0; i < raft->configurations.current.count; i++) {
        if (raft->peers[i].state == DE_PROGRESS_SNAPSHOT) {
            next_ns = earlier(next_ns, raft->peers[i].snapshot_until_ns);
        }
    }
    DE_ASSERT(next_ns > 0);
    return next_ns;
}

uint64_t de_deadline_next(const struct de_raft *raft)
{
    const struct de_reads *reads = &raft->reads;

    DE_ASSERT(raft->halt_reason == NULL);
    if (raft->role == DE_RAFT_LEADER) {
        return next_as_leader(raft);
    }
    /* Who can neither stand for election nor lose a leader has nothing to wait for. */
    uint64_t next_ns = raft->election_due_ns;
    if (raft->leader == 0 && !de_election_may_stand(raft)) {
        next_ns = UINT64_MAX;
    }
    if (reads->asked > reads->done) {
        next_ns = earlier(next_ns, reads->ask_again_ns);
    }
    next_ns = earlier(next_ns, de_recovery_deadline(raft));
    DE_ASSERT(raft->election_due_ns > 0);
    return next_ns;
}
