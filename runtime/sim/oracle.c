#include "runtime/sim/oracle.h"

#include "core/base/assert.h"
#include "runtime/sim/memory.h"

#define ULL(x) ((unsigned long long)(x))

uint64_t *de_oracle_cell(uint64_t **array, size_t *capacity, uint64_t number)
{
    size_t old = *capacity;

    DE_ASSERT(number < UINT32_MAX);
    while (number >= *capacity) {
        *array = de_sim_grow(*array, *capacity, capacity, sizeof(**array));
    }
    for (size_t i = old; i < *capacity; i++) {
        (*array)[i] = 0;
    }
    return &(*array)[number];
}

void de_oracle_init(struct de_oracle *oracle, struct de_verdict *verdict, uint32_t node_count)
{
    DE_ASSERT(node_count >= 1 && node_count <= DE_ORACLE_NODES_MAX);
    memset(oracle, 0, sizeof(*oracle));
    oracle->verdict = verdict;
    oracle->node_count = node_count;
    de_oracle_set_initial(oracle, node_count);
}

void de_oracle_deinit(struct de_oracle *oracle)
{
    for (uint32_t id = 1; id <= oracle->node_count; id++) {
        struct de_oracle_node *node = &oracle->nodes[id];

        for (size_t i = 0; i < node->write_count; i++) {
            de_mirror_write_deinit(&node->writes[i]);
        }
        de_sim_free(node->writes);
        de_sim_free(node->votes);
        de_sim_free(node->configs);
        de_log_mirror_deinit(&node->memory);
        de_log_mirror_deinit(&node->durable);
        de_log_mirror_deinit(&node->forgotten);
    }
    for (size_t i = 0; i < oracle->known_count; i++) {
        de_sim_free(oracle->known[i].data);
    }
    de_sim_free(oracle->known);
    de_sim_free(oracle->known_first);
    de_sim_free(oracle->leaders);
    de_sim_free(oracle->committed);
    de_sim_free(oracle->digests);
    de_sim_free(oracle->events);
    de_sim_free(oracle->configs);
    memset(oracle, 0, sizeof(*oracle));
}

/* Raft 5.2: a server votes for at most one candidate in a term, first come first served; and it
 * must still know after a crash. */
static void check_vote(struct de_oracle *oracle, uint64_t now_ns, uint64_t voter, uint64_t term,
                       uint64_t candidate)
{
    struct de_oracle_node *node = &oracle->nodes[voter];
    uint64_t *seen = de_oracle_cell(&node->votes, &node->votes_capacity, term);

    if (*seen != 0 && *seen != candidate) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "single-vote",
                        "node %llu gives its vote in term %llu to node %llu after it gave it to "
                        "node %llu",
                        ULL(voter), ULL(term), ULL(candidate), ULL(*seen));
    }
    *seen = candidate;
    if (node->durable.term < term ||
        (node->durable.term == term && node->durable.vote != candidate)) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "vote-durable",
                        "node %llu sends its vote in term %llu for node %llu while its disk says "
                        "term %llu, vote %llu",
                        ULL(voter), ULL(term), ULL(candidate), ULL(node->durable.term),
                        ULL(node->durable.vote));
    }
}

/* An acknowledgement promises that the follower's durable log equals the leader's up to match. The
 * leader's log only grows within its term, so its present log in memory is what to compare with. */
static void check_acknowledgement(struct de_oracle *oracle, uint64_t now_ns,
                                  const struct de_raft_message *message)
{
    const struct de_oracle_node *follower = &oracle->nodes[message->from];
    const struct de_oracle_node *leader = &oracle->nodes[message->to];
    uint64_t mine = de_log_mirror_term(&follower->durable, message->match);
    uint64_t theirs = de_log_mirror_term(&leader->memory, message->match);

    if (message->match > follower->durable.last) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "ack-prefix",
                        "node %llu acknowledges index %llu to node %llu while only %llu entries "
                        "are durable",
                        ULL(message->from), ULL(message->match), ULL(message->to),
                        ULL(follower->durable.last));
    } else if (leader->up && leader->role == DE_RAFT_LEADER && leader->term == message->term &&
               mine != theirs) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "ack-prefix",
                        "node %llu acknowledges index %llu to leader %llu; it has term %llu there, "
                        "the leader %llu",
                        ULL(message->from), ULL(message->match), ULL(message->to), ULL(mine),
                        ULL(theirs));
    }
}

void de_oracle_message(struct de_oracle *oracle, uint64_t now_ns,
                       const struct de_raft_message *message)
{
    DE_ASSERT(message->from >= 1 && message->from <= oracle->node_count);
    DE_ASSERT(message->to >= 1 && message->to <= oracle->node_count);
    oracle->nodes[message->from].sent_to |= UINT64_C(1) << message->to;
    if (message->type == DE_RAFT_MSG_VOTE_REQUEST && !message->pre_vote) {
        check_vote(oracle, now_ns, message->from, message->term, message->from);
    } else if (message->type == DE_RAFT_MSG_VOTE_REPLY && !message->pre_vote && message->granted) {
        check_vote(oracle, now_ns, message->from, message->term, message->to);
    } else if (message->type == DE_RAFT_MSG_APPEND_REPLY && !message->rejected) {
        check_acknowledgement(oracle, now_ns, message);
    }
}

/* Leader Completeness (Raft figure 3): an entry committed in a term is in the logs of the leaders
 * of all higher terms. By log matching the last such entry stands for those before it. */
static void check_completeness(struct de_oracle *oracle, uint64_t now_ns, uint32_t id,
                               uint64_t term)
{
    size_t last = oracle->committed_count;
    const struct de_committed_entry *entry;

    while (last > 0 && oracle->committed[last - 1].commit_term >= term) {
        last--;
    }
    if (last == 0) {
        return;
    }
    entry = &oracle->committed[last - 1];
    if (de_log_mirror_term(&oracle->nodes[id].memory, last) != entry->entry.term) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "leader-completeness",
                        "node %u leads term %llu without the entry at index %llu (term %llu) that "
                        "was committed in term %llu",
                        id, ULL(term), ULL(last), ULL(entry->entry.term), ULL(entry->commit_term));
    }
}

static void check_leader(struct de_oracle *oracle, uint64_t now_ns, uint32_t id,
                         const struct de_raft_view *view)
{
    uint64_t *leader = de_oracle_cell(&oracle->leaders, &oracle->leaders_capacity, view->term);

    if (*leader == 0) {
        *leader = id;
        oracle->elections++;
        de_oracle_check_votes(oracle, now_ns, id, view->term);
        check_completeness(oracle, now_ns, id, view->term);
    } else if (*leader != id) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "election-safety",
                        "nodes %llu and %u both lead term %llu", ULL(*leader), id, ULL(view->term));
    }
}

/* What the core says of its log against what it wrote. */
static void check_view(struct de_oracle *oracle, uint64_t now_ns, uint32_t id,
                       const struct de_raft_view *view)
{
    const struct de_oracle_node *node = &oracle->nodes[id];
    const char *wrong = NULL;

    if (view->last_index != node->memory.last ||
        view->last_term != de_log_mirror_term(&node->memory, node->memory.last)) {
        wrong = "the end of its log is not what it wrote";
    } else if (view->durable_index > node->durable.last) {
        wrong = "it takes entries for durable that are not";
    } else if (view->durable_term > node->durable.term ||
               (view->durable_term == node->durable.term && view->durable_vote != 0 &&
                view->durable_vote != node->durable.vote)) {
        wrong = "it takes a term or vote for durable that is not";
    } else if (view->commit > view->last_index || view->applied > view->commit) {
        wrong = "applied, commit and last index are out of order";
    }
    if (wrong != NULL) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "durable-view",
                        "node %u: %s (last %llu, durable %llu, commit %llu, applied %llu; written "
                        "%llu, durable %llu)",
                        id, wrong, ULL(view->last_index), ULL(view->durable_index),
                        ULL(view->commit), ULL(view->applied), ULL(node->memory.last),
                        ULL(node->durable.last));
    }
}

void de_oracle_stepped(struct de_oracle *oracle, uint64_t now_ns, uint32_t id,
                       const struct de_raft_view *view)
{
    struct de_oracle_node *node = &oracle->nodes[id];

    DE_ASSERT(id >= 1 && id <= oracle->node_count);
    if (view->halted) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "halted",
                        "node %u halted: %s", id, view->halt_reason);
        return;
    }
    if (view->term < node->term) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "term-monotonic",
                        "node %u goes from term %llu back to term %llu", id, ULL(node->term),
                        ULL(view->term));
    }
    check_view(oracle, now_ns, id, view);
    if (view->role == DE_RAFT_LEADER &&
        (node->role != DE_RAFT_LEADER || node->term != view->term)) {
        check_leader(oracle, now_ns, id, view);
    }
    node->role = view->role;
    node->term = view->term;
    if (view->commit != node->commit) {
        de_oracle_committed(oracle, now_ns, id, view);
    }
    de_oracle_config_stepped(oracle, now_ns, id);
}
