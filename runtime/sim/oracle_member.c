/* Configurations: how they follow one another, who counts in them, who was removed.
 *
 * All of it is worked out by hand from the bytes in the logs, not by the modules under test: which
 * configuration a node goes by is the newest CONFIG entry that it gave to its store. */
#include "core/base/assert.h"
#include "core/base/random.h"
#include "core/node/config_codec.h"
#include "runtime/sim/memory.h"
#include "runtime/sim/oracle.h"

#define ULL(x)    ((unsigned long long)(x))
#define ANY_VOTER ((uint32_t)DE_RAFT_VOTER | (uint32_t)DE_RAFT_VOTER_OLD)

static void fail(struct de_oracle *oracle, uint64_t now_ns, const char *name, uint64_t index,
                 const char *sentence)
{
    de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, name,
                    "the configuration at index %llu: %s", ULL(index), sentence);
}

/* ---- one configuration ---- */

static uint32_t flags_of(const struct de_raft_configuration *configuration, uint64_t id)
{
    for (uint32_t i = 0; i < configuration->count; i++) {
        if (configuration->members[i].id == id) {
            return configuration->members[i].flags;
        }
    }
    return 0;
}

/* Members with the flag, as a bit mask. */
static uint64_t mask_of(const struct de_raft_configuration *configuration, uint32_t flag)
{
    uint64_t mask = 0;

    for (uint32_t i = 0; i < configuration->count; i++) {
        if ((configuration->members[i].flags & flag) != 0) {
            DE_ASSERT(configuration->members[i].id < 64);
            mask |= UINT64_C(1) << configuration->members[i].id;
        }
    }
    return mask;
}

static uint32_t bits(uint64_t mask)
{
    uint32_t count = 0;

    for (; mask != 0; mask &= mask - 1) {
        count++;
    }
    return count;
}

static bool is_joint(const struct de_raft_configuration *configuration)
{
    return mask_of(configuration, DE_RAFT_VOTER_OLD) != 0;
}

/* A majority of the voters, and of the outgoing ones when there are any (thesis 4.3). */
bool de_oracle_is_quorum(const struct de_raft_configuration *configuration, uint64_t nodes)
{
    uint64_t voters = mask_of(configuration, DE_RAFT_VOTER);
    uint64_t outgoing = mask_of(configuration, DE_RAFT_VOTER_OLD);

    return bits(voters & nodes) * 2 > bits(voters) &&
           (outgoing == 0 || bits(outgoing & nodes) * 2 > bits(outgoing));
}

/* No two disjoint sets are a quorum of one each. */
static bool quorums_overlap(const struct de_raft_configuration *a,
                            const struct de_raft_configuration *b)
{
    uint64_t voters = mask_of(a, ANY_VOTER);

    /* All subsets of a's voters; all other nodes are against. */
    for (uint64_t subset = voters;; subset = (subset - 1) & voters) {
        if (de_oracle_is_quorum(a, subset) && de_oracle_is_quorum(b, ~subset)) {
            return false;
        }
        if (subset == 0) {
            return true;
        }
    }
}

/* ---- what stands in logs ---- */

static const struct de_known_entry *entry_of(const struct de_oracle *oracle, uint32_t id,
                                             uint64_t index)
{
    return de_oracle_known(oracle, index, de_log_mirror_term(&oracle->nodes[id].memory, index));
}

/* The configuration that node went by when its newest was the one at position. */
static void config_at(const struct de_oracle *oracle, uint32_t id, size_t position,
                      struct de_raft_configuration *configuration)
{
    const struct de_oracle_node *node = &oracle->nodes[id];
    const struct de_known_entry *entry;
    int err;

    if (position == 0) {
        *configuration = oracle->initial;
        return;
    }
    entry = entry_of(oracle, id, node->configs[position - 1]);
    DE_ASSERT(entry != NULL && entry->type == DENGINE_ENTRY_CONFIG);
    err = de_config_decode_members(dengine_bytes(entry->data, entry->data_size), configuration);
    DE_ASSERT(err == 0);
}

void de_oracle_config_of(const struct de_oracle *oracle, uint32_t id,
                         struct de_raft_configuration *configuration)
{
    config_at(oracle, id, oracle->nodes[id].config_count, configuration);
}

void de_oracle_config_truncate(struct de_oracle *oracle, uint32_t id, uint64_t from)
{
    struct de_oracle_node *node = &oracle->nodes[id];

    while (node->config_count > 0 && node->configs[node->config_count - 1] >= from) {
        node->config_count--;
    }
}

void de_oracle_config_append(struct de_oracle *oracle, uint32_t id, uint64_t index)
{
    struct de_oracle_node *node = &oracle->nodes[id];

    DE_ASSERT(node->config_count == 0 || node->configs[node->config_count - 1] < index);
    node->configs = de_sim_grow(node->configs, node->config_count, &node->config_capacity,
                                sizeof(node->configs[0]));
    node->configs[node->config_count++] = index;
    node->config_unchecked = true;
}

void de_oracle_config_booted(struct de_oracle *oracle, uint32_t id)
{
    struct de_oracle_node *node = &oracle->nodes[id];

    node->config_count = 0;
    for (uint64_t index = 1; index <= node->memory.last; index++) {
        const struct de_known_entry *entry = entry_of(oracle, id, index);

        if (entry != NULL && entry->type == DENGINE_ENTRY_CONFIG) {
            de_oracle_config_append(oracle, id, index);
        }
    }
    node->config_unchecked = false;
}

static bool is_committed(const struct de_oracle *oracle, uint32_t id, uint64_t index)
{
    return index <= oracle->committed_count &&
           oracle->committed[index - 1].entry.term ==
               de_log_mirror_term(&oracle->nodes[id].memory, index);
}

/* Ids are never used twice. One that was in no committed configuration can be given again, to
 * another server: so nobody may have heard anything under it. */
static void check_addressees(struct de_oracle *oracle, uint64_t now_ns, uint32_t id)
{
    uint64_t unused = oracle->nodes[id].sent_to & ~oracle->used;

    oracle->nodes[id].sent_to = 0;
    if (unused != 0) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "unused-id",
                        "node %u sends to nodes %llx (bit mask), which no committed configuration "
                        "has ever had",
                        id, ULL(unused));
    }
}

/* Thesis 4.1: the next change may begin only when the one before is committed; and a leader may
 * begin one only when it has committed an entry of its own term (Ongaro, raft-dev, July 2015). */
void de_oracle_config_stepped(struct de_oracle *oracle, uint64_t now_ns, uint32_t id)
{
    struct de_oracle_node *node = &oracle->nodes[id];
    size_t count = node->config_count;
    uint64_t index;
    uint64_t term;
    size_t last = oracle->committed_count;

    check_addressees(oracle, now_ns, id);
    if (!node->config_unchecked || count == 0) {
        return;
    }
    node->config_unchecked = false;
    index = node->configs[count - 1];
    term = de_log_mirror_term(&node->memory, index);
    if (count > 1 && !is_committed(oracle, id, node->configs[count - 2])) {
        fail(oracle, now_ns, "one-change", index, "the one before it is not committed");
    }
    while (last > 0 && oracle->committed[last - 1].entry.term > term) {
        last--;
    }
    if (last == 0 || oracle->committed[last - 1].entry.term != term) {
        fail(oracle, now_ns, "own-term-first", index,
             "its leader had not committed an entry of its own term");
    }
}

/* ---- what counts ---- */

static uint64_t copies_of(const struct de_oracle *oracle, uint64_t index, uint64_t term)
{
    uint64_t copies = 0;

    for (uint32_t id = 1; id <= oracle->node_count; id++) {
        const struct de_oracle_node *node = &oracle->nodes[id];
        bool has = de_log_mirror_term(&node->durable, index) == term;
        bool had = de_log_mirror_term(&node->forgotten, index) == term;

        copies |= has || had ? UINT64_C(1) << id : 0;
    }
    return copies;
}

/* Raft 5.3, 5.4: committed means stored on a quorum, on disks. A configuration that was appended in
 * the same step, after the commit, does not count for it. */
void de_oracle_check_quorum(struct de_oracle *oracle, uint64_t now_ns, uint32_t id, uint64_t index)
{
    const struct de_oracle_node *node = &oracle->nodes[id];
    uint64_t term = oracle->committed[index - 1].entry.term;
    uint64_t copies = copies_of(oracle, index, term);
    struct de_raft_configuration configuration;
    size_t count = node->config_count;
    bool quorum;

    config_at(oracle, id, count, &configuration);
    quorum = de_oracle_is_quorum(&configuration, copies);
    if (!quorum && count > 0 && node->configs[count - 1] > index) {
        config_at(oracle, id, count - 1, &configuration);
        quorum = de_oracle_is_quorum(&configuration, copies);
    }
    if (!quorum) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "commit-quorum",
                        "node %u calls index %llu (term %llu) committed; it is durable on nodes "
                        "%llx (bit mask), of the voters %llx and outgoing voters %llx",
                        id, ULL(index), ULL(term), ULL(copies),
                        ULL(mask_of(&configuration, DE_RAFT_VOTER)),
                        ULL(mask_of(&configuration, DE_RAFT_VOTER_OLD)));
    }
}

/* Whether by the newest configuration in somebody's log this node is a voter. */
static bool is_voter_for_somebody(const struct de_oracle *oracle, uint32_t id)
{
    for (uint32_t other = 1; other <= oracle->node_count; other++) {
        struct de_raft_configuration configuration;

        config_at(oracle, other, oracle->nodes[other].config_count, &configuration);
        if ((flags_of(&configuration, id) & ANY_VOTER) != 0) {
            return true;
        }
    }
    return false;
}

/* Thesis 4.2.2: who was removed, and knows that it is committed, does not stand for election. Nor
 * does a learner, unless it is on its way in (core/raft/election.c). */
static void check_leader_votes(struct de_oracle *oracle, uint64_t now_ns, uint32_t id,
                               uint64_t term)
{
    const struct de_oracle_node *node = &oracle->nodes[id];
    struct de_raft_configuration configuration;
    size_t count = node->config_count;

    config_at(oracle, id, count, &configuration);
    if ((flags_of(&configuration, id) & DE_RAFT_LEARNER) != 0 &&
        is_voter_for_somebody(oracle, id)) {
        return;
    }
    if ((flags_of(&configuration, id) & ANY_VOTER) == 0 &&
        (count == 0 || node->configs[count - 1] <= node->commit)) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "leader-votes",
                        "node %u leads term %llu; by the committed configuration at index %llu it "
                        "is no voter",
                        id, ULL(term), ULL(count == 0 ? 0 : node->configs[count - 1]));
    }
}

/* Raft 5.2: a leader has the votes of a quorum. Its own is on its disk, the others' were seen on
 * the wire. */
void de_oracle_check_votes(struct de_oracle *oracle, uint64_t now_ns, uint32_t id, uint64_t term)
{
    struct de_raft_configuration configuration;
    uint64_t votes = 0;

    check_leader_votes(oracle, now_ns, id, term);
    de_oracle_config_of(oracle, id, &configuration);
    for (uint32_t voter = 1; voter <= oracle->node_count; voter++) {
        const struct de_oracle_node *node = &oracle->nodes[voter];
        bool given = voter == id ? node->durable.term == term && node->durable.vote == id
                                 : term < node->votes_capacity && node->votes[term] == id;

        votes |= given ? UINT64_C(1) << voter : 0;
    }
    if (!de_oracle_is_quorum(&configuration, votes)) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "election-quorum",
                        "node %u leads term %llu with the votes of nodes %llx (bit mask), of the "
                        "voters %llx and outgoing voters %llx",
                        id, ULL(term), ULL(votes), ULL(mask_of(&configuration, DE_RAFT_VOTER)),
                        ULL(mask_of(&configuration, DE_RAFT_VOTER_OLD)));
    }
}

/* ---- the sequence of committed configurations ---- */

/* What is wrong with one after the other; NULL: nothing. */
static const char *wrong_step(const struct de_oracle_config *from,
                              const struct de_oracle_config *to)
{
    const struct de_raft_configuration *a = &from->configuration;
    const struct de_raft_configuration *b = &to->configuration;
    uint64_t was = mask_of(a, DE_RAFT_VOTER);
    uint64_t is = mask_of(b, DE_RAFT_VOTER);

    if (is == 0) {
        return "nobody votes in it";
    }
    if (is_joint(a) && (is_joint(b) || is != was)) {
        return "it follows a joint one and is not what that one led to";
    }
    if (is_joint(b) && mask_of(b, DE_RAFT_VOTER_OLD) != was) {
        return "it is joint, and its outgoing voters are not the voters there were";
    }
    if (!is_joint(a) && !is_joint(b) && bits(was ^ is) > 1) {
        return "more than one voter differs, and it is not joint";
    }
    if (!quorums_overlap(a, b)) {
        return "a quorum of it and one of the configuration before have nobody in common";
    }
    if (to->highest_id < from->highest_id) {
        return "it forgets ids that were used";
    }
    for (uint32_t i = 0; i < b->count; i++) {
        uint64_t id = b->members[i].id;
        uint32_t before = flags_of(a, id);

        if (id > to->highest_id || (before == 0 && id <= from->highest_id)) {
            return "an id that was used before has returned";
        }
        if ((b->members[i].flags & DE_RAFT_VOTER) != 0 &&
            (before == 0 || (before & DE_RAFT_READ_ONLY) != 0)) {
            return "one votes in it that was no learner that may be promoted";
        }
    }
    return NULL;
}

static uint64_t hash_of(const struct de_member_addresses *addresses)
{
    uint64_t hash = 1;

    for (size_t i = 0; addresses->client[i] != '\0'; i++) {
        hash = de_mix64(hash ^ (uint8_t)addresses->client[i]);
    }
    return hash;
}

/* index is committed for the first time. */
void de_oracle_config_committed(struct de_oracle *oracle, uint64_t now_ns, uint64_t index)
{
    const struct de_known_entry *entry =
        de_oracle_known(oracle, index, oracle->committed[index - 1].entry.term);
    struct de_membership *decoded;
    struct de_oracle_config *config;
    const char *wrong;

    if (entry == NULL || entry->type != DENGINE_ENTRY_CONFIG) {
        return;
    }
    decoded = de_sim_allocate_zeroed(sizeof(*decoded));
    oracle->configs = de_sim_grow(oracle->configs, oracle->config_count, &oracle->config_capacity,
                                  sizeof(oracle->configs[0]));
    config = &oracle->configs[oracle->config_count];
    config->index = index;
    if (de_config_decode(dengine_bytes(entry->data, entry->data_size), decoded) != 0) {
        fail(oracle, now_ns, "configuration", index, "it cannot be decoded");
        config->configuration = oracle->initial;
    } else {
        config->configuration = decoded->configuration;
        for (uint32_t i = 0; i < decoded->configuration.count; i++) {
            config->addresses[i] = hash_of(&decoded->addresses[i]);
        }
    }
    config->highest_id = decoded->highest_id;
    oracle->used |= mask_of(&config->configuration, UINT32_MAX);
    de_sim_free(decoded);
    wrong = wrong_step(de_oracle_last_config(oracle), config);
    oracle->config_count++;
    if (wrong != NULL) {
        fail(oracle, now_ns, "configuration", index, wrong);
    }
}

const struct de_oracle_config *de_oracle_last_config(const struct de_oracle *oracle)
{
    return oracle->config_count > 0 ? &oracle->configs[oracle->config_count - 1]
                                    : &oracle->first_config;
}

void de_oracle_set_initial(struct de_oracle *oracle, uint32_t members)
{
    memset(&oracle->initial, 0, sizeof(oracle->initial));
    for (uint32_t id = 1; id <= members; id++) {
        oracle->initial.members[id - 1].id = id;
        oracle->initial.members[id - 1].flags = DE_RAFT_VOTER;
    }
    oracle->initial.count = members;
    oracle->first_config.index = 0;
    oracle->first_config.configuration = oracle->initial;
    oracle->first_config.highest_id = members;
    oracle->used = mask_of(&oracle->initial, UINT32_MAX);
}

/* ---- what nodes and answers say ---- */

void de_oracle_removed(struct de_oracle *oracle, uint64_t now_ns, uint32_t id)
{
    const struct de_oracle_config *last = de_oracle_last_config(oracle);

    if (flags_of(&last->configuration, id) != 0 || id > last->highest_id) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "removed",
                        "node %u says that it was removed; the committed configuration at index "
                        "%llu does not say so",
                        id, ULL(last->index));
    }
}

static bool shows(const struct de_oracle_config *config, const struct de_change *change)
{
    const struct de_raft_configuration *configuration = &config->configuration;
    uint32_t flags = flags_of(configuration, change->id);
    uint64_t wanted = 0;

    switch ((enum de_change_kind)change->kind) {
    case DE_CHANGE_ADD_LEARNER:
        return flags != 0;
    case DE_CHANGE_PROMOTE:
        return (flags & DE_RAFT_VOTER) != 0;
    case DE_CHANGE_REMOVE:
        return flags == 0;
    case DE_CHANGE_REPLACE:
        return flags == 0 && (flags_of(configuration, change->by) & DE_RAFT_VOTER) != 0;
    case DE_CHANGE_SET_VOTERS:
        for (uint32_t i = 0; i < change->voter_count; i++) {
            wanted |= UINT64_C(1) << change->voters[i];
        }
        return mask_of(configuration, DE_RAFT_VOTER) == wanted;
    case DE_CHANGE_ADDRESSES:
        for (uint32_t i = 0; i < configuration->count; i++) {
            if (configuration->members[i].id == change->id) {
                return config->addresses[i] == hash_of(&change->addresses);
            }
        }
        return false;
    }
    return false;
}

void de_oracle_changed(struct de_oracle *oracle, uint64_t now_ns, uint32_t id,
                       const struct de_change *change)
{
    for (size_t i = oracle->config_count; i > 0; i--) {
        const struct de_oracle_config *config = &oracle->configs[i - 1];

        if (!is_joint(&config->configuration) && shows(config, change)) {
            return;
        }
    }
    de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "changed",
                    "node %u says that a change of the membership (kind %u, node %llu) is done; no "
                    "committed configuration shows it",
                    id, change->kind, ULL(change->id));
}

/* ---- which nodes must be well for the cluster to be ---- */

/* Calls visit with each configuration by which somebody may come to lead: the newest committed one,
 * and the newest in each log that holds all that is committed. Ends with the first false. */
static bool visit_leading(const struct de_oracle *oracle, uint64_t nodes,
                          bool (*visit)(const struct de_raft_configuration *configuration,
                                        uint64_t nodes))
{
    struct de_raft_configuration configuration;
    size_t last = oracle->committed_count;

    if (!visit(&de_oracle_last_config(oracle)->configuration, nodes)) {
        return false;
    }
    for (uint32_t id = 1; id <= oracle->node_count; id++) {
        if (last > 0 && !is_committed(oracle, id, last)) {
            continue;
        }
        if (last == 0 && oracle->nodes[id].memory.last == 0) {
            continue;
        }
        de_oracle_config_of(oracle, id, &configuration);
        if (!visit(&configuration, nodes)) {
            return false;
        }
    }
    return true;
}

bool de_oracle_may_recover(const struct de_oracle *oracle, uint64_t nodes)
{
    return visit_leading(oracle, nodes, de_oracle_is_quorum);
}

/* Raft 5.4.1: whether a's log is up to date for b. */
static bool is_up_to_date(const struct de_oracle *oracle, uint32_t a, uint32_t b)
{
    const struct de_log_mirror *mine = &oracle->nodes[a].memory;
    const struct de_log_mirror *other = &oracle->nodes[b].memory;
    const uint64_t my_term = de_log_mirror_term(mine, mine->last);
    const uint64_t other_term = de_log_mirror_term(other, other->last);

    return my_term != other_term ? my_term > other_term : mine->last >= other->last;
}

bool de_oracle_may_elect(const struct de_oracle *oracle, uint64_t nodes)
{
    struct de_raft_configuration configuration;

    for (uint32_t id = 1; id <= oracle->node_count; id++) {
        uint64_t voters = 0;

        if ((nodes >> id & 1) == 0) {
            continue;
        }
        for (uint32_t other = 1; other <= oracle->node_count; other++) {
            const bool grants = (nodes >> other & 1) != 0 && is_up_to_date(oracle, id, other);

            voters |= grants ? UINT64_C(1) << other : 0;
        }
        de_oracle_config_of(oracle, id, &configuration);
        if ((mask_of(&configuration, DE_RAFT_VOTER | DE_RAFT_VOTER_OLD) >> id & 1) != 0 &&
            de_oracle_is_quorum(&configuration, voters)) {
            return true;
        }
    }
    return false;
}

static bool is_no_quorum(const struct de_raft_configuration *configuration, uint64_t nodes)
{
    return !de_oracle_is_quorum(configuration, nodes);
}

bool de_oracle_may_forget(const struct de_oracle *oracle, uint64_t nodes)
{
    return visit_leading(oracle, nodes, is_no_quorum);
}
