/* core/raft/snapshot.c - the log's beginning gives way to a snapshot (Raft 7, thesis 5).
 *
 * Taking, sending, staging and restoring are the owner's work; the core says when. A snapshot holds
 * committed entries only, so installing one is right whoever sent it, and in whatever term. */
#include "core/raft/raft_internal.h"

/* What a member still needs of our log. While it is being sent a snapshot we do not know which one
 * that is, but it covers what has been compacted by now. */
static uint64_t needed_after(const struct de_raft *raft, const struct de_progress *peer)
{
    DE_ASSERT(peer->match <= raft->log.last_index);
    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    if (peer->state == DE_PROGRESS_SNAPSHOT || peer->match < raft->log.base_index) {
        return raft->log.base_index;
    }
    return peer->match;
}

/* How far the log may be compacted, of what its owner asks for. Who is being fed, and does answer,
 * goes on from our log, after a snapshot too. That is old by the time it has been sent; if the log
 * began after it, the next snapshot would be due, and so on for ever. A log that runs out of room
 * for terms matters more. */
static uint64_t hold_back(const struct de_raft *raft, uint64_t index)
{
    uint64_t last = raft->log.last_index;

    DE_ASSERT(index <= last);
    if (raft->role != DE_RAFT_LEADER || de_term_runs_free(&raft->log) < raft->log.capacity / 4) {
        return index;
    }
    for (uint32_t i = 0; i < raft->configurations.current.count; i++) {
        const struct de_progress *peer = &raft->peers[i];
        if (peer->id == raft->options.id ||
            raft->now_ns - peer->heard_ns >= raft->options.election_timeout_max_ns) {
            continue;
        }
        uint64_t needed = needed_after(raft, peer);
        if (needed < index && last - needed <= raft->options.hold_entries_max) {
            DE_SOMETIMES(true, "a log is not compacted since a member that is fed needs it");
            index = needed;
        }
    }
    DE_ASSERT(index >= raft->log.base_index);
    return index;
}

/* Our own state machine has been saved: the log before it is not needed any more. */
int de_snapshot_taken(struct de_raft *raft, const struct de_raft_event *event)
{
    uint64_t index = event->index;

    DE_ASSERT(raft->log.base_index <= raft->commit);
    if (index <= raft->log.base_index) {
        return 0; /* an older one than we have installed meanwhile */
    }
    if (index > raft->applied || de_term_runs_at(&raft->log, index) != event->term) {
        return DENGINE_E_INVALID;
    }
    /* A new server that has not come to its first CONFIG entry knows no members: its snapshot would
     * leave whoever installs it without any, and nobody would ever be elected. */
    if (event->configuration == NULL || !de_configuration_is_valid(event->configuration)) {
        return DENGINE_E_INVALID;
    }
    index = hold_back(raft, index);
    if (index > raft->log.base_index) {
        de_term_runs_compact(&raft->log, index);
        raft->update->compact_to = index;
    }
    DE_ASSERT(raft->log.base_index == index);
    return 0;
}

/* Raft 7, figure 13, steps 7 and 8: the log is discarded, the configuration is the snapshot's. */
static void install(struct de_raft *raft, uint64_t index, uint64_t term,
                    const struct de_raft_configuration *configuration)
{
    struct de_raft_persist *persist = &raft->update->persist;

    DE_ASSERT(raft->role != DE_RAFT_LEADER);
    DE_ASSERT(index > raft->commit && term <= raft->term);
    DE_SOMETIMES(raft->role != DE_RAFT_FOLLOWER, "a candidate installs a snapshot");
    if (raft->role != DE_RAFT_FOLLOWER) {
        de_become_follower(raft, raft->term, 0); /* ballots belong to the old configuration */
    }
    DE_SOMETIMES(raft->log.last_index > raft->commit,
                 "a snapshot takes the place of entries that are not committed");
    de_tickets_truncate(&raft->tickets, raft->commit + 1);
    de_term_runs_init(&raft->log, raft->log.runs, raft->log.capacity, index, term);
    de_sizes_init(&raft->sizes, raft->sizes.totals, raft->sizes.capacity, index);
    de_configurations_init(&raft->configurations, index, configuration);
    raft->commit = index;
    raft->following.verified = index;
    persist->install_index = index;
    persist->install_term = term;
    DE_ASSERT(raft->log.last_index == index);
    DE_ASSERT(raft->tickets.durable_index < index);
}

/* "Verified" is more than we know when the leader that we follow has been deposed by the one whose
 * snapshot this is: its log may differ. To tell it so would not matter: it needs a quorum for what
 * it commits, and in any quorum there is a server that has elected, or heard of, the later leader,
 * and does not follow this one any more. */
static void stage(struct de_raft *raft, uint64_t index, uint64_t term,
                  const struct de_raft_configuration *configuration)
{
    if (index <= raft->commit || raft->role == DE_RAFT_LEADER) {
        return; /* overtaken by appends or by a newer snapshot */
    }
    if (de_term_runs_at(&raft->log, index) == term) {
        /* Figure 13, step 6: we have all of it, and maybe more, in our log: keep that. */
        DE_SOMETIMES(true, "a snapshot ends within the log, and the log is kept");
        raft->commit = index;
        if (raft->following.verified < index) {
            raft->following.verified = index;
        }
    } else {
        install(raft, index, term, configuration);
    }
    DE_ASSERT(raft->commit == index);
    DE_ASSERT(raft->following.verified >= index);
}

int de_snapshot_staged(struct de_raft *raft, const struct de_raft_event *event)
{
    DE_ASSERT(event->type == DE_RAFT_EV_SNAPSHOT_STAGED);
    if (event->index == 0 || event->index >= DE_INDEX_MAX || event->term == 0 ||
        event->term >= DE_INDEX_MAX || event->configuration == NULL ||
        !de_configuration_is_valid(event->configuration)) {
        return DENGINE_E_INVALID;
    }
    DE_SOMETIMES(event->term > raft->term, "a snapshot is the first that is heard of a later term");
    if (event->term > raft->term) {
        de_become_follower(raft, event->term, 0); /* whoever committed it was in that term */
    }
    stage(raft, event->index, event->term, event->configuration);
    DE_ASSERT(raft->log.last_index >= raft->commit);
    return 0;
}

/* The leader's word that the stream is complete; with a configuration when the owner has staged
 * what came. */
void de_snapshot_on_message(struct de_raft *raft, const struct de_raft_message *message)
{
    DE_ASSERT(message->term == raft->term);
    if (!de_append_heard(raft, message->from)) {
        return;
    }
    if (message->configuration != NULL) {
        stage(raft, message->last_index, message->last_term, message->configuration);
    }
    raft->following.answer_due = true;
    raft->following.answer_rejects = false;
    DE_ASSERT(raft->role == DE_RAFT_FOLLOWER);
}

/* Leader: what the peer needs next is not in our log any more. When another peer's snapshot
 * is asked for in this very step, its turn comes later; when it cannot be reached, once it answers.
 */
void de_snapshot_start(struct de_raft *raft, struct de_progress *peer)
{
    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    DE_ASSERT(raft->log.base_index > 0); /* so there is one */
    if (peer->state == DE_PROGRESS_SNAPSHOT || peer->lost || raft->update->snapshot_to != 0) {
        return;
    }
    raft->update->snapshot_to = peer->id;
    de_progress_become(peer, DE_PROGRESS_SNAPSHOT);
    peer->snapshot_until_ns =
        raft->now_ns + DE_SNAPSHOT_PATIENCE * raft->options.election_timeout_max_ns;
}

/* The stream has ended. The peer has yet to install it: its next answers show that, and if they do
 * not within an election timeout, we look again. */
int de_snapshot_sent(struct de_raft *raft, const struct de_raft_event *event)
{
    struct de_progress *peer = NULL;

    DE_ASSERT(event->type == DE_RAFT_EV_SNAPSHOT_SENT);
    if (raft->role == DE_RAFT_LEADER) {
        peer = de_peer(raft, event->peer);
    }
    if (peer == NULL || peer->state != DE_PROGRESS_SNAPSHOT) {
        return 0;
    }
    uint64_t wait_ns =
        event->ok ? raft->options.election_timeout_max_ns : raft->options.heartbeat_interval_ns;
    peer->snapshot_until_ns = raft->now_ns + wait_ns;
    if (event->ok && event->index > 0) {
        struct de_raft_message *message = de_update_message(raft, DE_RAFT_MSG_SNAPSHOT, peer->id);
        message->last_index = event->index;
        message->last_term = event->term;
    }
    DE_ASSERT(peer->state == DE_PROGRESS_SNAPSHOT);
    return 0;
}
