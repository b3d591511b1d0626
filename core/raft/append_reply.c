/* core/raft/append_reply.c - the leader hears how far a member's log goes (Raft 5.3). */
#include "core/raft/raft_internal.h"

/* Every answer of our term, even a refusal, says that the member still follows us: that is what
 * check-quorum (thesis 6.2), read rounds and lease (thesis 6.4) count. Only what it echoed matters,
 * never when the answer came: it may have been long on its way. */
static bool note_echoes(struct de_raft *raft, struct de_progress *peer,
                        const struct de_raft_message *reply)
{
    if (reply->round > raft->reads.round || reply->sent_ns > raft->now_ns ||
        reply->match > raft->log.last_index || reply->promise_ns >= DE_INDEX_MAX) {
        de_drop(raft); /* answers nothing that we have sent */
        return false;
    }
    peer->heard_ns = raft->now_ns;
    if (peer->echo_round < reply->round) {
        peer->echo_round = reply->round;
    }
    if (peer->echo_ns < reply->sent_ns) {
        peer->echo_ns = reply->sent_ns;
        peer->promise_ns = reply->promise_ns;
    }
    DE_ASSERT(peer->echo_round <= raft->reads.round);
    DE_ASSERT(peer->echo_ns <= raft->now_ns);
    return true;
}

/* Raft 5.3: step back to where the logs can agree. A refusal says nothing about what the member
 * has, so it never raises match. What a member echoes only grows in its life: a refusal below match
 * that echoes nothing newer than the acknowledgement of match was overtaken by it. One that does
 * comes from a member that has lost what it acknowledged. */
static void on_refusal(struct de_raft *raft, struct de_progress *peer,
                       const struct de_raft_message *reply)
{
    uint64_t match = peer->match;

    DE_ASSERT(reply->rejected);
    /* Our entries of terms above the member's at the hint cannot be in its log. And if both have an
     * entry of one term at one index, they have the same log up to there (Raft 5.3, Log Matching).
     */
    uint64_t agree = reply->hint_index;
    bool agreed = de_term_runs_at(&raft->log, agree) == reply->hint_term;
    if (agree >= raft->log.base_index) {
        agree = de_term_runs_not_above(&raft->log, agree, reply->hint_term);
    }
    if (agree < match && reply->sent_ns <= peer->match_echo_ns) {
        DE_SOMETIMES(true, "a refusal was overtaken by an acknowledgement");
        return;
    }
    DE_SOMETIMES(agree < match, "a member denies what it has acknowledged: it has lost it");
    de_progress_refused(peer, agree, agreed);
    DE_ASSERT(peer->match == match);
}

void de_append_on_reply(struct de_raft *raft, const struct de_raft_message *reply)
{
    DE_ASSERT(reply->term == raft->term);
    if (raft->role != DE_RAFT_LEADER) {
        return;
    }
    struct de_progress *peer = de_peer(raft, reply->from);
    DE_ASSERT(peer != NULL); /* answers come from members only, see message.c */
    if (!note_echoes(raft, peer, reply)) {
        return;
    }
    if (reply->rejected) {
        on_refusal(raft, peer, reply);
        return;
    }
    if (reply->match >= peer->match && peer->match_echo_ns < reply->sent_ns) {
        peer->match_echo_ns = reply->sent_ns;
    }
    de_progress_acknowledged(peer, reply->match);
    /* Whatever became of the snapshot: the member has what it was for. */
    if (peer->state == DE_PROGRESS_SNAPSHOT && reply->match >= raft->log.base_index) {
        DE_SOMETIMES(true, "a member has installed a snapshot and is fed from the log again");
        peer->next = reply->match + 1;
        de_progress_become(peer, DE_PROGRESS_PROBE);
    }
    if (peer->state == DE_PROGRESS_REPLICATE && peer->match + 1 < peer->next &&
        de_site(raft->options.sites, DE_SITE_RESEND)) {
        peer->next = peer->match + 1;
        de_progress_become(peer, DE_PROGRESS_PROBE);
    }
    DE_ASSERT(peer->next <= raft->log.last_index + 1);
    DE_ASSERT(peer->match <= raft->log.last_index);
}
