/* core/raft/vote.c - to vote in the election of others (Raft 5.2, 5.4.1, 6; thesis 9.6). */
#include "core/raft/raft_internal.h"

/* Raft 5.4.1: the later last term wins; with equal terms, the longer log. */
static bool is_up_to_date(const struct de_raft *raft, const struct de_raft_message *request)
{
    uint64_t last_term = de_term_runs_last_term(&raft->log);

    DE_ASSERT(request->type == DE_RAFT_MSG_VOTE_REQUEST);
    DE_ASSERT(last_term <= raft->term);
    DE_SOMETIMES(request->prev_term < last_term && request->prev_index > raft->log.last_index,
                 "a longer log is not up to date, as its last term is an older one");
    if (request->prev_term != last_term) {
        return request->prev_term > last_term;
    }
    return request->prev_index >= raft->log.last_index;
}

/* Raft 6: whoever believes in a leader does not vote. A leader's lease counts on it, so the belief
 * outlasts a change of our term, and a restart. Only an election that the leader itself asked for
 * is let through: it has given up its lease before. */
static bool has_promised(const struct de_raft *raft)
{
    DE_ASSERT_IMPLIES(raft->role == DE_RAFT_LEADER, raft->leader == raft->options.id);
    DE_ASSERT_IMPLIES(raft->leader == raft->options.id, raft->role == DE_RAFT_LEADER);
    return raft->role == DE_RAFT_LEADER || raft->now_ns < raft->elections.promised_until_ns;
}

/* Whether the entry of the candidate's configuration is in our log. */
static bool has_config(const struct de_raft *raft, const struct de_raft_message *request)
{
    DE_ASSERT(request->type == DE_RAFT_MSG_VOTE_REQUEST);
    DE_ASSERT(raft->commit <= raft->log.last_index);
    return request->config_term != 0 &&
           de_term_runs_at(&raft->log, request->config_index) == request->config_term;
}

/* The candidate may have what is committed, and not know that it is: it learns from each reply. */
static struct de_raft_message *begin_reply(struct de_raft *raft, uint64_t candidate)
{
    struct de_raft_message *reply = de_update_message(raft, DE_RAFT_MSG_VOTE_REPLY, candidate);

    DE_ASSERT(raft->commit <= raft->log.last_index);
    DE_ASSERT(candidate != raft->options.id);
    reply->recovering = raft->recovering;
    reply->commit = raft->commit;
    reply->last_term = de_term_runs_at(&raft->log, raft->commit);
    return reply;
}

static void answer(struct de_raft *raft, const struct de_raft_message *request, bool granted)
{
    if (!de_term_is_durable(raft)) {
        DE_SOMETIMES(true, "a vote is not answered since our term is not durable yet");
        return; /* R4; the candidate asks again in its next campaign */
    }
    struct de_raft_message *reply = begin_reply(raft, request->from);
    reply->pre_vote = request->pre_vote;
    reply->granted = granted;
    reply->has_config = granted && has_config(raft, request);
    /* A promise names the term that was asked about; everything else, ours. */
    reply->term = granted ? request->term : raft->term;
    DE_ASSERT(granted || reply->term >= raft->before.term);
    DE_ASSERT_IMPLIES(granted && !reply->pre_vote, reply->term == raft->term);
}

/* Whether our log is too long for the candidate's; then a learner takes note, see election.c. */
static bool refuses(struct de_raft *raft, const struct de_raft_message *request)
{
    const struct de_raft_configuration *configuration = &raft->configurations.current;

    DE_ASSERT(!raft->elections.needed || raft->leader == 0);
    if (is_up_to_date(raft, request)) {
        return false;
    }
    if (raft->leader == 0 && de_configuration_find(configuration, raft->options.id) >= 0 &&
        !de_configuration_is_voter(configuration, raft->options.id)) {
        raft->elections.needed = true;
    }
    return true;
}

static void on_vote(struct de_raft *raft, const struct de_raft_message *request)
{
    bool has_voted_for_it = raft->vote == request->from;
    bool is_free = raft->vote == 0 && raft->leader == 0;

    DE_ASSERT(request->term == raft->term);
    DE_SOMETIMES(raft->vote != 0 && !has_voted_for_it,
                 "two candidates of one term ask for the same vote");
    DE_SOMETIMES(has_voted_for_it, "a candidate asks again for the vote that it has");
    if (!has_voted_for_it && !(is_free && !refuses(raft, request))) {
        answer(raft, request, false);
        return;
    }
    if (raft->role != DE_RAFT_FOLLOWER) {
        de_become_follower(raft, raft->term, 0); /* our own pre-vote came too late */
    }
    /* Raft 5.2: one vote per term; R4: it is told only when it is durable. */
    raft->vote = request->from;
    raft->elections.grant_due = request->from;
    raft->elections.grant_has_config = has_config(raft, request);
    if (!has_voted_for_it) {
        de_election_arm(raft);
    }
    DE_ASSERT(raft->role == DE_RAFT_FOLLOWER);
}

void de_vote_on_request(struct de_raft *raft, const struct de_raft_message *request)
{
    DE_ASSERT(request->type == DE_RAFT_MSG_VOTE_REQUEST);
    DE_ASSERT(request->from != raft->options.id);
    if (request->term < raft->term || (request->pre_vote && request->term == raft->term)) {
        answer(raft, request, false); /* it learns our term, Raft 5.1 */
    } else if (has_promised(raft) && !request->transfer) {
        DE_SOMETIMES(request->term > raft->term, "a later term is ignored while a leader is heard");
        return; /* not even its term counts: it may be a server that was removed */
    } else if (request->pre_vote) {
        answer(raft, request, !refuses(raft, request));
    } else {
        if (request->term > raft->term) {
            de_become_follower(raft, request->term, 0);
        }
        on_vote(raft, request);
    }
}

void de_vote_settle(struct de_raft *raft)
{
    uint64_t candidate = raft->elections.grant_due;

    DE_ASSERT_IMPLIES(candidate != 0, raft->vote == candidate);
    if (candidate == 0 || !de_term_is_durable(raft) || raft->tickets.durable_vote != candidate) {
        return;
    }
    struct de_raft_message *reply = begin_reply(raft, candidate);
    reply->granted = true;
    reply->has_config = raft->elections.grant_has_config;
    raft->elections.grant_due = 0;
}
