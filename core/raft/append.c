/* core/raft/append.c - a follower takes entries from its leader (Raft 5.3). */
#include "core/raft/raft_internal.h"

/* A leader of our term has spoken. False when there cannot be such a leader. */
bool de_append_heard(struct de_raft *raft, uint64_t leader)
{
    DE_ASSERT(leader != 0);
    if (raft->role == DE_RAFT_LEADER || (raft->leader != 0 && raft->leader != leader)) {
        de_drop(raft); /* at most one leader per term (Raft 5.2): that is none of our cluster */
        return false;
    }
    if (raft->leader != leader) {
        de_become_follower(raft, raft->term, leader);
    }
    de_election_arm(raft);
    de_lease_promise(raft);
    DE_ASSERT(raft->role == DE_RAFT_FOLLOWER && raft->leader == leader);
    return true;
}

/* Raft 5.1: an old leader learns that its term is over. Without this a server whose term ran ahead
 * could never come back: with pre-vote and stickiness nobody listens to it. */
void de_append_refuse_old_term(struct de_raft *raft, uint64_t to)
{
    DE_ASSERT(to != raft->options.id);
    DE_ASSERT(raft->term > 0);
    if (de_term_is_durable(raft)) {
        struct de_raft_message *reply = de_update_message(raft, DE_RAFT_MSG_APPEND_REPLY, to);
        reply->rejected = true;
    }
}

static void owe_answer(struct de_raft *raft, bool rejects, uint64_t hint_index, uint64_t hint_term)
{
    struct de_following *following = &raft->following;

    DE_ASSERT(raft->role == DE_RAFT_FOLLOWER);
    DE_ASSERT_IMPLIES(!rejects, hint_index == 0 && hint_term == 0);
    following->answer_due = true;
    following->answer_rejects = rejects;
    following->hint_index = hint_index;
    following->hint_term = hint_term;
}

/* Raft 5.3, "the protocol can be optimized": skip back over all entries of a conflicting term at
 * once. Entries of terms above the leader's at prev cannot match it. The committed prefix does. */
static void refuse(struct de_raft *raft, const struct de_raft_message *append)
{
    uint64_t hint = append->prev_index - 1;

    DE_ASSERT(append->prev_index > raft->commit);
    if (!de_site(raft->options.sites, DE_SITE_PLAIN_REFUSAL)) {
        hint = de_term_runs_not_above(&raft->log, hint, append->prev_term);
    }
    DE_SOMETIMES(hint + 1 < append->prev_index && hint < raft->log.last_index,
                 "a refusal skips the entries of a whole term");
    if (hint < raft->commit) {
        hint = raft->commit;
    }
    DE_ASSERT(hint < append->prev_index);
    owe_answer(raft, true, hint, de_term_runs_at(&raft->log, hint));
}

/* How many of the entries are in our log already, with the same terms. */
static uint32_t count_known(const struct de_raft *raft, const struct de_raft_message *append)
{
    uint32_t known = 0;

    DE_ASSERT(append->type == DE_RAFT_MSG_APPEND);
    for (; known < append->entry_count; known++) {
        uint64_t index = append->prev_index + 1 + known;
        if (index > raft->log.last_index) {
            break;
        }
        /* What lies before our base is committed, and so is the same with every leader. */
        if (index >= raft->log.base_index &&
            de_term_runs_at(&raft->log, index) != append->entries[known].term) {
            break;
        }
    }
    DE_ASSERT(known <= append->entry_count);
    return known;
}

/* Our leader's log differs from ours at an index that is committed here. If it says that it has
 * committed that index too, one of the two cannot be true (R7). If it does not, it may be deposed,
 * and we know of the commit from elsewhere: from a snapshot, or from another voter. */
static void contradict(struct de_raft *raft, uint64_t index)
{
    DE_ASSERT(index <= raft->commit);
    DE_ASSERT(raft->role == DE_RAFT_FOLLOWER && raft->leader != 0);
    if (raft->following.leader_commit >= index) {
        de_halt(raft, "the leader's log contradicts an entry that is committed here");
    } else {
        de_drop(raft);
    }
}

/* Raft 5.3, figure 2, step 3: only a real conflict truncates, never a message that is merely
 * shorter than our log: it may be an old one. False when that cannot be. */
static bool remove_conflict(struct de_raft *raft, uint64_t from)
{
    if (from > raft->log.last_index) {
        return true;
    }
    if (from <= raft->commit) {
        contradict(raft, from);
        return false;
    }
    if (from <= raft->configurations.previous_index) {
        de_halt(raft, "the leader's log contradicts a configuration that a later one proves "
                      "committed");
        return false;
    }
    if (from <= raft->following.verified) {
        de_drop(raft); /* Leader Append-Only (Raft 5.3): no leader contradicts itself */
        return false;
    }
    DE_SOMETIMES(from <= raft->tickets.durable_index, "entries that are durable are truncated");
    DE_SOMETIMES(raft->tickets.count > 0, "entries are truncated while a write is in flight");
    DE_SOMETIMES(from <= raft->configurations.current_index,
                 "a configuration is truncated, and the one before is in use again");
    de_term_runs_truncate(&raft->log, from);
    de_sizes_truncate(&raft->sizes, from);
    de_tickets_truncate(&raft->tickets, from);
    de_configurations_truncate(&raft->configurations, from);
    raft->update->persist.truncate_from = from;
    DE_ASSERT(raft->log.last_index == from - 1);
    DE_ASSERT(raft->following.verified < from);
    return true;
}

/* Figure 2, step 4. Appends entries[skip..]; fewer when the log has no room for their terms: what
 * we acknowledge is what we took. Returns how many entries of the message we have now. */
static uint32_t take_entries(struct de_raft *raft, const struct de_raft_message *append,
                             uint32_t skip)
{
    struct de_raft_persist *persist = &raft->update->persist;
    uint32_t end = skip;

    DE_ASSERT(append->prev_index + skip == raft->log.last_index);
    for (; end < append->entry_count; end++) {
        const struct de_raft_entry *entry = &append->entries[end];
        if (!de_term_runs_append(&raft->log, entry->term, 1)) {
            break;
        }
        de_sizes_append(&raft->sizes, entry->bytes);
        if (entry->type == DENGINE_ENTRY_CONFIG) {
            de_configurations_append(&raft->configurations, raft->log.last_index,
                                     entry->configuration);
        }
    }
    if (end > skip) {
        persist->source = DE_RAFT_FROM_EVENT;
        persist->skip = skip;
        persist->count = end - skip;
        persist->first_index = append->prev_index + 1 + skip;
    }
    DE_ASSERT(append->prev_index + end == raft->log.last_index);
    return end;
}

/* Figure 2, step 5, and the acknowledgement. Both reach to prev + n and not further: beyond it our
 * log may differ from the leader's. */
static void agree(struct de_raft *raft, const struct de_raft_message *append, uint64_t agreed)
{
    struct de_following *following = &raft->following;
    uint64_t commit = append->commit < agreed ? append->commit : agreed;
    DE_SOMETIMES(append->commit > agreed && agreed < raft->log.last_index,
                 "the leader has committed more than what of our log is known to be right");

    DE_ASSERT(agreed <= raft->log.last_index || agreed <= raft->commit);
    if (following->verified < agreed) {
        following->verified = agreed;
    }
    if (raft->commit < commit) {
        raft->commit = commit;
    }
    DE_ASSERT(following->verified >= raft->commit);
    DE_ASSERT(raft->commit <= raft->log.last_index);
}

/* Heartbeats and repetitions are answered at once; new entries when they are durable. */
static bool is_answered_at_once(const struct de_raft *raft, const struct de_raft_message *append,
                                bool round_is_new, uint64_t agreed)
{
    DE_ASSERT(append->type == DE_RAFT_MSG_APPEND);
    DE_ASSERT(raft->role == DE_RAFT_FOLLOWER);
    return append->entry_count == 0 || round_is_new || agreed <= raft->tickets.durable_index;
}

void de_append_on_request(struct de_raft *raft, const struct de_raft_message *append)
{
    struct de_following *following = &raft->following;
    uint64_t prev = append->prev_index;
    bool round_is_new = append->round > following->echo_round;
    uint32_t known = 0;

    if (!de_append_heard(raft, append->from)) {
        return;
    }
    if (round_is_new) {
        following->echo_round = append->round;
    }
    if (following->echo_ns < append->sent_ns) {
        following->echo_ns = append->sent_ns;
    }
    if (following->leader_commit < append->commit) {
        following->leader_commit = append->commit;
    }
    /* Figure 2, step 2; the base and all before it are committed. */
    if (prev > raft->log.last_index ||
        (prev >= raft->log.base_index && de_term_runs_at(&raft->log, prev) != append->prev_term)) {
        if (prev <= raft->commit) {
            contradict(raft, prev);
        } else {
            refuse(raft, append);
        }
        return;
    }
    known = count_known(raft, append);
    DE_SOMETIMES(append->entry_count > 0 && prev + known < raft->log.last_index &&
                     known == append->entry_count,
                 "an append comes again after more entries, and truncates nothing");
    DE_SOMETIMES(known > 0 && known < append->entry_count,
                 "an append brings entries that are known and others that are new");
    if (known < append->entry_count) {
        if (!remove_conflict(raft, prev + 1 + known)) {
            return;
        }
        known = take_entries(raft, append, known);
    }
    agree(raft, append, prev + known);
    if (is_answered_at_once(raft, append, round_is_new, prev + known)) {
        owe_answer(raft, false, 0, 0);
    }
}

/* R4: an acknowledgement says what is both durable and verified, and goes again when a completion
 * raises that. */
void de_append_settle(struct de_raft *raft)
{
    struct de_following *following = &raft->following;
    uint64_t durable = raft->tickets.durable_index;
    uint64_t match = following->verified < durable ? following->verified : durable;

    if (raft->role != DE_RAFT_FOLLOWER || raft->leader == 0 || !de_term_is_durable(raft) ||
        (!following->answer_due && match <= following->acknowledged)) {
        return;
    }
    DE_ASSERT(raft->leader != raft->options.id);
    DE_ASSERT(match <= raft->log.last_index);
    struct de_raft_message *reply = de_update_message(raft, DE_RAFT_MSG_APPEND_REPLY, raft->leader);
    reply->round = following->echo_round;
    reply->sent_ns = following->echo_ns;
    reply->promise_ns = raft->options.election_timeout_min_ns;
    if (following->answer_due && following->answer_rejects) {
        reply->rejected = true;
        reply->hint_index = following->hint_index;
        reply->hint_term = following->hint_term;
    } else {
        reply->match = match;
        following->acknowledged = match;
    }
    following->answer_due = false;
}
