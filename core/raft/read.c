/* core/raft/read.c - linearizable reads without a log entry (thesis 6.4).
 *
 * A leader's state is current if the leader still was leader after the read came in. So reads wait
 * for a round: every append carries its number, every answer echoes it, and when a quorum has
 * echoed it nobody else can have been elected before the round began. Reads that come while a round
 * is under way are served by the next one, together. */
#include "core/raft/raft_internal.h"

/* All tickets that wait are lost: whoever asked must ask again, elsewhere. */
void de_read_lose(struct de_raft *raft)
{
    struct de_reads *reads = &raft->reads;

    DE_ASSERT(raft->update != NULL);
    DE_ASSERT(reads->done <= reads->ticket);
    DE_SOMETIMES(reads->done < reads->ticket && raft->role == DE_RAFT_LEADER,
                 "a leader loses its leadership, and with it reads that wait");
    if (reads->done < reads->ticket) {
        reads->done = reads->ticket;
        raft->update->reads_lost = reads->ticket;
    }
    reads->round_open = false;
    reads->waiting = false;
    reads->asked = reads->done;
}

int de_read(struct de_raft *raft, const struct de_raft_event *event)
{
    DE_ASSERT(event->type == DE_RAFT_EV_READ);
    if (raft->role != DE_RAFT_LEADER && raft->leader == 0) {
        return DENGINE_E_NO_LEADER;
    }
    raft->update->read_ticket = ++raft->reads.ticket;
    raft->reads.waiting |= raft->role == DE_RAFT_LEADER;
    DE_ASSERT(raft->reads.done < raft->reads.ticket);
    return 0;
}

static void release(struct de_raft *raft, uint64_t ticket, uint64_t read_index)
{
    DE_ASSERT(ticket <= raft->reads.ticket);
    DE_ASSERT(read_index >= raft->log.base_index || raft->role == DE_RAFT_FOLLOWER);
    if (raft->reads.done < ticket) {
        raft->reads.done = ticket;
        raft->update->reads_released = ticket;
        raft->update->read_index = read_index;
    }
}

static void answer(struct de_raft *raft, uint64_t to, uint64_t ticket, bool served)
{
    if (!de_term_is_durable(raft)) {
        DE_SOMETIMES(true, "a read is not answered since the leader's term is not durable yet");
        return; /* R4; it asks again */
    }
    struct de_raft_message *reply = de_update_message(raft, DE_RAFT_MSG_READ_REPLY, to);
    reply->round = ticket;
    reply->rejected = !served;
    reply->commit = served ? raft->commit : 0;
    reply->last_index = served ? raft->log.last_index : 0;
    DE_ASSERT(to != raft->options.id);
    DE_ASSERT_IMPLIES(served, raft->role == DE_RAFT_LEADER);
}

void de_read_refuse(struct de_raft *raft, const struct de_raft_message *request)
{
    DE_ASSERT(request->type == DE_RAFT_MSG_READ_REQUEST);
    DE_ASSERT(raft->role != DE_RAFT_LEADER || request->term < raft->term);
    answer(raft, request->from, request->round, false);
}

/* A follower wants a read index, to serve the read from its own state. */
void de_read_on_request(struct de_raft *raft, const struct de_raft_message *request)
{
    if (raft->role != DE_RAFT_LEADER) {
        de_read_refuse(raft, request);
        return;
    }
    struct de_progress *peer = de_peer(raft, request->from);
    DE_ASSERT(peer != NULL); /* only members may ask, see message.c */
    if (request->round == 0) {
        de_drop(raft);
        return;
    }
    if (peer->read_ticket == request->round) {
        DE_SOMETIMES(true, "a follower asks again for the read that is under way");
        return; /* it asks again, and we are at it */
    }
    peer->read_ticket = request->round;
    peer->read_round = raft->reads.round + 1;
    raft->reads.waiting = true;
    DE_ASSERT(raft->reads.waiting && peer->read_ticket != 0);
    DE_ASSERT(peer->read_round > raft->reads.round);
}

void de_read_on_reply(struct de_raft *raft, const struct de_raft_message *reply)
{
    struct de_reads *reads = &raft->reads;

    if (raft->role != DE_RAFT_FOLLOWER || reply->from != raft->leader ||
        reads->asked <= reads->done || reply->round != reads->asked) {
        return; /* not to the question that is open */
    }
    DE_ASSERT(reply->term == raft->term);
    if (reply->rejected) {
        de_read_lose(raft);
    } else {
        release(raft, reads->asked, reply->commit);
        de_recovery_announced(raft, reply->last_index);
    }
    DE_ASSERT(reads->done >= reads->asked);
}

/* Follower: one question at a time, for all tickets so far; repeated, as messages may be lost. */
static void settle_as_follower(struct de_raft *raft)
{
    struct de_reads *reads = &raft->reads;
    bool is_open = reads->asked > reads->done;

    DE_ASSERT(raft->role != DE_RAFT_LEADER);
    if (reads->done == reads->ticket || raft->leader == 0 || !de_term_is_durable(raft) ||
        (is_open && raft->now_ns < reads->ask_again_ns)) {
        return;
    }
    if (!is_open) {
        reads->asked = reads->ticket;
    }
    reads->ask_again_ns = raft->now_ns + raft->options.heartbeat_interval_ns;
    struct de_raft_message *request =
        de_update_message(raft, DE_RAFT_MSG_READ_REQUEST, raft->leader);
    request->round = reads->asked;
    DE_ASSERT(request->to != raft->options.id);
}

/* The newest round that a quorum has echoed. */
static uint64_t confirmed_round(const struct de_raft *raft)
{
    const struct de_raft_configuration *configuration = &raft->configurations.current;
    uint64_t rounds[DE_RAFT_MEMBERS_MAX];

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    for (uint32_t i = 0; i < configuration->count; i++) {
        bool is_self = configuration->members[i].id == raft->options.id;
        rounds[i] = is_self ? raft->reads.round : raft->peers[i].echo_round;
        DE_ASSERT(rounds[i] <= raft->reads.round);
    }
    uint64_t round = de_quorum_reached(configuration, rounds);
    DE_ASSERT(round <= raft->reads.round);
    return round;
}

static void close_round(struct de_raft *raft)
{
    const struct de_raft_configuration *configuration = &raft->configurations.current;
    struct de_reads *reads = &raft->reads;

    DE_ASSERT(reads->round_open && de_leader_is_ready(raft));
    reads->round_open = false;
    release(raft, reads->round_ticket, raft->commit);
    for (uint32_t i = 0; i < configuration->count; i++) {
        struct de_progress *peer = &raft->peers[i];
        if (peer->read_ticket != 0 && peer->read_round <= reads->round) {
            answer(raft, peer->id, peer->read_ticket, true);
            peer->read_ticket = 0;
        }
    }
    DE_ASSERT(reads->done >= reads->round_ticket);
}

void de_read_settle(struct de_raft *raft)
{
    struct de_reads *reads = &raft->reads;

    if (raft->role != DE_RAFT_LEADER) {
        settle_as_follower(raft);
        return;
    }
    /* At most twice: a server alone confirms the round that it has just begun. */
    for (;;) {
        /* Thesis 6.4, step 1: until an entry of this term is committed, the leader does not know
         * how far its predecessors committed. */
        if (reads->round_open && de_leader_is_ready(raft) &&
            confirmed_round(raft) >= reads->round) {
            close_round(raft);
        }
        if (reads->round_open || !reads->waiting) {
            break;
        }
        reads->waiting = false;
        reads->round_open = true;
        reads->round++;
        reads->round_ticket = reads->ticket;
        de_replicate_heartbeat(raft);
    }
    DE_ASSERT(reads->round_ticket <= reads->ticket);
}
