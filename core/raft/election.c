/* core/raft/election.c - to stand for election (Raft 5.2, thesis 9.6). */
#include "core/raft/raft_internal.h"

/* Raft 5.2: randomized, so that split votes are rare. */
void de_election_arm(struct de_raft *raft)
{
    uint64_t timeout_ns = de_random_between(&raft->random, raft->options.election_timeout_min_ns,
                                            raft->options.election_timeout_max_ns);

    DE_ASSERT(timeout_ns >= raft->options.election_timeout_min_ns);
    DE_ASSERT(timeout_ns <= raft->options.election_timeout_max_ns);
    if (de_site(raft->options.sites, DE_SITE_SHORT_TIMEOUT)) {
        timeout_ns = raft->options.election_timeout_min_ns;
    }
    raft->election_due_ns = raft->now_ns + timeout_ns;
}

/* Voters of either half may lead (thesis 4.3). So may a server that is on its way out, until that
 * is committed (thesis 4.2.2): it may be the only one whose log is long enough. And so may a
 * learner on its way in, of which it does not know: somebody whose configuration counts its vote,
 * and who has a shorter log, has asked for that. It cannot grant it, and should others not be
 * electable, its log is the one to go on with. The quorum it needs is one of voters all the same,
 * by the newest configuration in its log. A new term also needs room in the log, and to be one that
 * others, and our own disk, would be believed with. */
bool de_election_may_stand(const struct de_raft *raft)
{
    const struct de_configurations *configurations = &raft->configurations;
    uint64_t id = raft->options.id;

    DE_ASSERT(configurations->previous_index <= configurations->current_index);
    DE_ASSERT(id != 0);
    bool is_voter = de_configuration_is_voter(&configurations->current, id);
    bool was_voter = configurations->current_index > raft->commit &&
                     de_configuration_is_voter(&configurations->previous, id);
    bool has_room = de_term_runs_free(&raft->log) > 0 && raft->term < DE_INDEX_MAX - 1;
    return (is_voter || was_voter || raft->elections.needed) && has_room;
}

/* Our own ballot; it counts if the configuration says so. */
static void grant_to_self(struct de_raft *raft)
{
    const struct de_configurations *configurations = &raft->configurations;
    uint8_t grant = raft->recovering ? DE_BALLOT_CONDITIONAL : DE_BALLOT_GRANTED;
    int at = de_configuration_find(&configurations->current, raft->options.id);
    int before = de_configuration_find(&configurations->previous, raft->options.id);

    DE_ASSERT(raft->role == DE_RAFT_PRE_CANDIDATE || raft->role == DE_RAFT_CANDIDATE);
    if (at >= 0) {
        DE_ASSERT(raft->elections.ballots[at] != DE_BALLOT_REFUSED);
        raft->elections.ballots[at] = grant;
    }
    if (before >= 0) {
        raft->elections.previous_ballots[before] = grant;
        raft->elections.has_config[before] = true;
    }
}

void de_election_start(struct de_raft *raft)
{
    DE_ASSERT(de_election_may_stand(raft));
    de_election_arm(raft);
    if (de_quorum_is_alone(&raft->configurations.current, raft->options.id)) {
        de_become_candidate(raft, false); /* nobody to ask */
    } else {
        de_become_pre_candidate(raft);
    }
    DE_ASSERT(raft->leader == 0);
}

void de_election_timeout(struct de_raft *raft)
{
    DE_ASSERT(raft->role != DE_RAFT_LEADER);
    DE_ASSERT(raft->now_ns >= raft->election_due_ns);
    if (raft->role == DE_RAFT_CANDIDATE && !de_term_is_durable(raft)) {
        /* Nobody has been asked yet. To leave the term for the next would never end on a disk that
         * is slower than our time-outs. */
        DE_SOMETIMES(true,
                     "a candidate still waits for its own vote to be durable when its time is up");
        de_election_arm(raft);
    } else if (de_election_may_stand(raft)) {
        de_election_start(raft);
    } else {
        de_become_follower(raft, raft->term, 0);
        de_election_arm(raft);
    }
}

void de_election_on_reply(struct de_raft *raft, const struct de_raft_message *message)
{
    bool is_pre = raft->role == DE_RAFT_PRE_CANDIDATE;

    de_commit_learned(raft, message->commit, message->last_term);
    if (!is_pre && raft->role != DE_RAFT_CANDIDATE) {
        return;
    }
    /* A late reply to another question is no answer to this one: a pre-vote is not a vote. */
    uint64_t term = is_pre && message->granted ? raft->term + 1 : raft->term;
    if (message->pre_vote != is_pre || message->term != term) {
        DE_SOMETIMES(message->pre_vote != is_pre,
                     "a pre-vote is answered when real votes are counted, or the other way");
        return;
    }
    DE_ASSERT(message->from != raft->options.id);
    /* In the configuration before, all that matters is who has granted. */
    int before = de_configuration_find(&raft->configurations.previous, message->from);
    if (before >= 0 && message->granted) {
        raft->elections.previous_ballots[before] = DE_BALLOT_CONDITIONAL;
        raft->elections.has_config[before] = message->has_config;
    }
    int at = de_configuration_find(&raft->configurations.current, message->from);
    if (at < 0) {
        return;
    }
    /* One ballot per member, however often the reply is delivered; the first one stands. */
    DE_SOMETIMES(raft->elections.ballots[at] != DE_BALLOT_NONE,
                 "a member answers the same candidate twice");
    if (raft->elections.ballots[at] == DE_BALLOT_NONE) {
        raft->elections.ballots[at] = message->granted ? DE_BALLOT_GRANTED : DE_BALLOT_REFUSED;
    }
    if (raft->elections.ballots[at] == DE_BALLOT_GRANTED && message->recovering) {
        raft->elections.ballots[at] = DE_BALLOT_CONDITIONAL;
    }
    DE_ASSERT(raft->elections.ballots[at] != DE_BALLOT_NONE);
}

/* To the voters of a configuration, save those of `besides`. R4: a request leaves when our own vote
 * is durable. A candidate that asked earlier could win, lose its own vote in a crash, and vote for
 * somebody else in the same term. */
static void send_requests(struct de_raft *raft, const struct de_raft_configuration *configuration,
                          const struct de_raft_configuration *besides)
{
    bool is_pre = raft->role == DE_RAFT_PRE_CANDIDATE;

    DE_ASSERT(is_pre || raft->role == DE_RAFT_CANDIDATE);
    DE_ASSERT(is_pre || raft->tickets.durable_vote == raft->options.id);
    for (uint32_t i = 0; i < configuration->count; i++) {
        uint64_t id = configuration->members[i].id;
        if (id == raft->options.id || !de_configuration_is_voter(configuration, id) ||
            (besides != NULL && de_configuration_is_voter(besides, id))) {
            continue;
        }
        struct de_raft_message *request = de_update_message(raft, DE_RAFT_MSG_VOTE_REQUEST, id);
        request->pre_vote = is_pre;
        request->term = is_pre ? raft->term + 1 : raft->term;
        request->transfer = raft->elections.by_transfer;
        request->prev_index = raft->log.last_index;
        request->prev_term = de_term_runs_last_term(&raft->log);
        request->config_index = raft->configurations.current_index;
        request->config_term = de_term_runs_at(&raft->log, raft->configurations.current_index);
    }
}

static bool has_conditional_grant(const struct de_raft *raft)
{
    bool found = false;

    DE_ASSERT(raft->configurations.current.count <= DE_RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < raft->configurations.current.count; i++) {
        DE_ASSERT(raft->elections.ballots[i] <= DE_BALLOT_CONDITIONAL);
        found |= raft->elections.ballots[i] == DE_BALLOT_CONDITIONAL;
    }
    return found;
}

/* Whether those of the configuration before who do not have the one in use, or have not granted,
 * are enough to have committed something without it. */
static bool may_be_passed_over(const struct de_raft *raft)
{
    const struct de_raft_configuration *previous = &raft->configurations.previous;
    uint8_t ballots[DE_RAFT_MEMBERS_MAX];

    DE_ASSERT(raft->configurations.previous_index <= raft->configurations.current_index);
    DE_ASSERT(previous->count <= DE_RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < previous->count; i++) {
        ballots[i] = raft->elections.has_config[i] ? DE_BALLOT_REFUSED : DE_BALLOT_NONE;
    }
    /* A server that does not know the one before was let in by the newest: that leaves out nobody.
     */
    return raft->configurations.current_index > raft->commit && previous->count > 0 &&
           de_quorum_vote(previous, ballots) != DE_VOTE_LOST;
}

/* Every single voter; also of the configuration before, while the newest may come to nothing. */
static enum de_vote_result count_every_voter(struct de_raft *raft)
{
    const struct de_configurations *configurations = &raft->configurations;
    struct de_elections *elections = &raft->elections;
    enum de_vote_result all = de_quorum_unanimous(&configurations->current, elections->ballots);

    DE_ASSERT(raft->role == DE_RAFT_PRE_CANDIDATE || raft->role == DE_RAFT_CANDIDATE);
    if (all == DE_VOTE_WON && may_be_passed_over(raft)) {
        if (!elections->previous_asked) {
            elections->previous_asked = true;
            DE_SOMETIMES(true, "the voters of the configuration before are asked for grants too");
            send_requests(raft, &configurations->previous, &configurations->current);
        }
        all = de_quorum_unanimous(&configurations->previous, elections->previous_ballots);
    }
    DE_SOMETIMES(all == DE_VOTE_WON,
                 "every single voter grants, and some of them have forgotten entries");
    DE_SOMETIMES(all == DE_VOTE_WON && configurations->current_index > raft->commit &&
                     !elections->previous_asked,
                 "a removed voter is not asked, since too many have the entry that removes it");
    DE_ASSERT_IMPLIES(all == DE_VOTE_WON && elections->previous_asked,
                      configurations->previous.count > 0);
    return all;
}

/* A quorum whose memory is whole decides. Failing that, all voters together do (recovery.c). */
static enum de_vote_result count_ballots(struct de_raft *raft)
{
    DE_ASSERT(raft->role == DE_RAFT_PRE_CANDIDATE || raft->role == DE_RAFT_CANDIDATE);
    enum de_vote_result vote =
        de_quorum_vote(&raft->configurations.current, raft->elections.ballots);
    if (vote == DE_VOTE_WON || !has_conditional_grant(raft)) {
        return vote;
    }
    enum de_vote_result all = count_every_voter(raft);
    DE_ASSERT(vote == DE_VOTE_PENDING || vote == DE_VOTE_LOST);
    return all == DE_VOTE_LOST ? vote : all;
}

void de_election_settle(struct de_raft *raft)
{
    if (raft->role != DE_RAFT_PRE_CANDIDATE && raft->role != DE_RAFT_CANDIDATE) {
        return;
    }
    DE_ASSERT(raft->leader == 0);
    if (!de_term_is_durable(raft)) {
        return;
    }
    /* Also ours counts only now that it is durable. */
    DE_ASSERT_IMPLIES(raft->role == DE_RAFT_CANDIDATE,
                      raft->vote == raft->options.id && raft->tickets.durable_vote == raft->vote);
    grant_to_self(raft);
    if (raft->elections.request_due) {
        raft->elections.request_due = false;
        send_requests(raft, &raft->configurations.current, NULL);
    }
    switch (count_ballots(raft)) {
    case DE_VOTE_PENDING:
        break;
    case DE_VOTE_LOST:
        de_become_follower(raft, raft->term, 0); /* tries again when its time has come */
        break;
    case DE_VOTE_WON:
        if (!de_election_may_stand(raft)) {
            /* A snapshot has told us meanwhile that what demotes us is committed. */
            de_become_follower(raft, raft->term, 0);
        } else if (raft->role == DE_RAFT_PRE_CANDIDATE) {
            de_election_arm(raft);
            de_become_candidate(raft, false);
        } else {
            DE_SOMETIMES(raft->configurations.current_index > raft->commit,
                         "a leader is elected while a configuration is not known to be committed");
            DE_SOMETIMES(raft->elections.by_transfer,
                         "a leader is elected because its predecessor wanted it");
            de_become_leader(raft);
        }
        break;
    }
}
