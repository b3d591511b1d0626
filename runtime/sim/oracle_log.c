/* What happens to logs: log matching, durability, atomicity. */
#include "core/base/assert.h"
#include "runtime/sim/memory.h"
#include "runtime/sim/oracle.h"

static void fail(struct de_oracle *oracle, uint64_t now_ns, const char *name, const char *sentence)
{
    de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, name, "%s", sentence);
}

static size_t *known_head(struct de_oracle *oracle, uint64_t index)
{
    size_t old = oracle->known_first_capacity;

    while (index >= oracle->known_first_capacity) {
        oracle->known_first = de_sim_grow(oracle->known_first, oracle->known_first_capacity,
                                          &oracle->known_first_capacity, sizeof(size_t));
    }
    for (size_t i = old; i < oracle->known_first_capacity; i++) {
        oracle->known_first[i] = 0;
    }
    return &oracle->known_first[index];
}

const struct de_known_entry *de_oracle_known(const struct de_oracle *oracle, uint64_t index,
                                             uint64_t term)
{
    size_t at = index < oracle->known_first_capacity ? oracle->known_first[index] : 0;

    while (at != 0 && oracle->known[at - 1].term != term) {
        at = oracle->known[at - 1].next;
    }
    return at == 0 ? NULL : &oracle->known[at - 1];
}

static void known_add(struct de_oracle *oracle, uint64_t index, uint64_t hash, uint64_t prev_term,
                      const struct dengine_entry *entry)
{
    size_t *head = known_head(oracle, index);
    struct de_known_entry *known;

    oracle->known = de_sim_grow(oracle->known, oracle->known_count, &oracle->known_capacity,
                                sizeof(oracle->known[0]));
    known = &oracle->known[oracle->known_count++];
    known->term = entry->term;
    known->hash = hash;
    known->prev_term = prev_term;
    known->type = entry->type;
    known->data_size = entry->data.size;
    known->data = NULL;
    if (entry->data.size > 0) {
        known->data = de_sim_allocate(entry->data.size);
        memcpy(known->data, entry->data.data, entry->data.size);
    }
    known->next = *head;
    *head = oracle->known_count;
}

/* Log Matching (Raft figure 3): same index and term, same entry and, by induction over the
 * predecessors, same log before it. */
static void match_entry(struct de_oracle *oracle, uint64_t now_ns, uint32_t node, uint64_t index,
                        uint64_t prev_term, const struct dengine_entry *entry)
{
    struct de_mirror_entry mirrored = de_mirror_entry_of(entry);
    const struct de_known_entry *known = de_oracle_known(oracle, index, entry->term);

    if (known == NULL) {
        known_add(oracle, index, mirrored.hash, prev_term, entry);
    } else if (known->hash != mirrored.hash || known->prev_term != prev_term) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "log-matching",
                        "node %u writes an entry at index %llu of term %llu that differs from what "
                        "another node has there: %s",
                        node, (unsigned long long)index, (unsigned long long)entry->term,
                        known->hash != mirrored.hash ? "other content" : "other predecessor");
    }
}

static bool is_committed(const struct de_oracle *oracle, uint64_t index, uint64_t term)
{
    return index > 0 && index <= oracle->committed_count &&
           oracle->committed[index - 1].entry.term == term;
}

void de_oracle_snapshot(struct de_oracle *oracle, uint64_t now_ns, uint32_t node, uint64_t index,
                        uint64_t term)
{
    if (!is_committed(oracle, index, term)) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "installed",
                        "node %u has a snapshot at index %llu of term %llu, which is not committed",
                        node, (unsigned long long)index, (unsigned long long)term);
    }
}

void de_oracle_compacting(struct de_oracle *oracle, uint64_t now_ns, uint32_t node, uint64_t index,
                          uint64_t term, uint64_t snapshot_index)
{
    if (!is_committed(oracle, index, term) || index > snapshot_index) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "covered",
                        "node %u lets its log forget entries up to index %llu of term %llu; its "
                        "newest durable snapshot is at index %llu",
                        node, (unsigned long long)index, (unsigned long long)term,
                        (unsigned long long)snapshot_index);
    }
}

void de_oracle_prefix(struct de_oracle *oracle, uint64_t now_ns, uint32_t node, uint64_t index,
                      uint64_t term, struct de_log_mirror *mirror)
{
    DE_ASSERT(mirror->last == 0);
    if (!is_committed(oracle, index, term)) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "installed",
                        "the log of node %u goes on after index %llu of term %llu, which is not "
                        "committed",
                        node, (unsigned long long)index, (unsigned long long)term);
    }
    for (uint64_t i = 1; i <= index; i++) {
        const struct de_mirror_entry nothing = {0, 0};

        de_log_mirror_add(mirror,
                          i <= oracle->committed_count ? oracle->committed[i - 1].entry : nothing);
    }
}

/* A write that puts the committed entries in the place of all there is. */
void de_oracle_installing(struct de_oracle *oracle, uint64_t now_ns, uint32_t node,
                          const struct dengine_hard_state *hard_state, uint64_t index,
                          uint64_t term)
{
    struct de_oracle_node *state = &oracle->nodes[node];
    struct de_mirror_write *mirrored;
    struct de_log_mirror prefix;

    de_log_mirror_init(&prefix);
    de_oracle_prefix(oracle, now_ns, node, index, term, &prefix);
    state->writes = de_sim_grow(state->writes, state->write_count, &state->write_capacity,
                                sizeof(state->writes[0]));
    mirrored = &state->writes[state->write_count++];
    memset(mirrored, 0, sizeof(*mirrored));
    mirrored->set_hard_state = true;
    mirrored->term = hard_state->term;
    mirrored->vote = hard_state->vote;
    mirrored->truncate_from = 1;
    mirrored->lasting = true;
    mirrored->first_index = 1;
    mirrored->entries = prefix.entries; /* taken over */
    mirrored->entry_count = prefix.last;
    if (mirrored->term < state->memory.term) {
        fail(oracle, now_ns, "term-monotonic", "a node resets its log to a term it has left");
    }
    DE_ASSERT(de_log_mirror_write(&state->memory, mirrored));
    de_oracle_config_booted(oracle, node);
}

void de_oracle_submitted(struct de_oracle *oracle, uint64_t now_ns, uint32_t node,
                         const struct dengine_log_write *write)
{
    struct de_oracle_node *state = &oracle->nodes[node];
    struct de_mirror_write *mirrored;
    uint64_t prev_term;
    uint64_t index = write->first_index;

    state->writes = de_sim_grow(state->writes, state->write_count, &state->write_capacity,
                                sizeof(state->writes[0]));
    mirrored = &state->writes[state->write_count++];
    de_mirror_write_init(mirrored, write);
    if (mirrored->set_hard_state && mirrored->term < state->memory.term) {
        fail(oracle, now_ns, "term-monotonic",
             "a node writes a term below the one it wrote before");
    }
    if (write->truncate_from != 0) {
        de_log_mirror_truncate(&state->memory, write->truncate_from);
        de_oracle_config_truncate(oracle, node, write->truncate_from);
    }
    if (write->entry_count > 0 && index != state->memory.last + 1) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "durable-view",
                        "node %u writes entries from index %llu while its log ends at %llu", node,
                        (unsigned long long)index, (unsigned long long)state->memory.last);
        return;
    }
    prev_term = de_log_mirror_term(&state->memory, state->memory.last);
    for (size_t i = 0; i < write->entry_count; i++) {
        match_entry(oracle, now_ns, node, index + i, prev_term, &write->entries[i]);
        prev_term = write->entries[i].term;
        if (write->entries[i].type == DENGINE_ENTRY_CONFIG) {
            de_oracle_config_append(oracle, node, index + i);
        }
    }
    DE_ASSERT(de_log_mirror_write(&state->memory, mirrored));
}

static void writes_forget(struct de_oracle_node *state, size_t count)
{
    DE_ASSERT(count <= state->write_count);
    for (size_t i = 0; i < count; i++) {
        de_mirror_write_deinit(&state->writes[i]);
    }
    state->write_count -= count;
    if (state->write_count > 0) {
        memmove(state->writes, state->writes + count,
                state->write_count * sizeof(state->writes[0]));
    }
}

void de_oracle_durable(struct de_oracle *oracle, uint64_t now_ns, uint32_t node, size_t count)
{
    struct de_oracle_node *state = &oracle->nodes[node];
    bool lasting = false;

    for (size_t i = 0; i < count; i++) {
        const struct de_mirror_write *write = &state->writes[i];

        lasting = lasting || write->lasting ||
                  (write->set_hard_state &&
                   (write->term != state->durable.term || write->vote != state->durable.vote));
        if (!de_log_mirror_write(&state->durable, &state->writes[i])) {
            fail(oracle, now_ns, "durable-view", "writes reach the log store out of order");
        }
    }
    writes_forget(state, count);
    if (lasting) {
        state->floor = state->durable.last;
    }
}

void de_oracle_flushed(struct de_oracle *oracle, uint32_t node)
{
    oracle->nodes[node].floor = oracle->nodes[node].durable.last;
}

void de_oracle_forgetful(struct de_oracle *oracle, uint32_t node)
{
    oracle->nodes[node].forgetful = true;
}

void de_oracle_crashed(struct de_oracle *oracle, uint32_t node)
{
    oracle->nodes[node].up = false;
}

/* A store that reports early, and says so, may have lost plain entries since its last flush. */
static bool lacks_its_end(const struct de_oracle_node *state, const struct de_log_mirror *found)
{
    if (!state->forgetful || found->last < state->floor || found->last > state->durable.last ||
        found->term != state->durable.term || found->vote != state->durable.vote) {
        return false;
    }
    for (size_t i = 0; i < found->last; i++) {
        if (found->entries[i].term != state->durable.entries[i].term ||
            found->entries[i].hash != state->durable.entries[i].hash) {
            return false;
        }
    }
    return true;
}

/* What was acknowledged and is gone may still be counted: an acknowledgement may be on its way. Of
 * two lives that forgot before the node was whole, the one that had more. */
static void note_forgotten(struct de_oracle_node *state)
{
    const struct de_log_mirror *durable = &state->durable;
    const struct de_log_mirror *forgotten = &state->forgotten;
    const uint64_t mine = de_log_mirror_term(durable, durable->last);
    const uint64_t theirs = de_log_mirror_term(forgotten, forgotten->last);

    if (mine > theirs || (mine == theirs && durable->last > forgotten->last)) {
        de_log_mirror_copy(&state->forgotten, durable);
    }
}

/* What a crash may leave: the durable log, then the first so many of the writes that were under
 * way, each of them whole or not at all. */
static bool found_is_legal(struct de_oracle_node *state, const struct de_log_mirror *found)
{
    bool legal = de_log_mirror_equal(&state->durable, found) || lacks_its_end(state, found);

    for (size_t i = 0; !legal && i < state->write_count; i++) {
        if (!de_log_mirror_write(&state->durable, &state->writes[i])) {
            break;
        }
        legal = de_log_mirror_equal(&state->durable, found);
    }
    return legal;
}

void de_oracle_booted(struct de_oracle *oracle, uint64_t now_ns, uint32_t node,
                      const struct de_log_mirror *found)
{
    struct de_oracle_node *state = &oracle->nodes[node];
    unsigned long long durable_last = state->durable.last;
    unsigned long long durable_term = state->durable.term;
    unsigned long long durable_vote = state->durable.vote;

    if (state->forgetful) {
        note_forgotten(state);
    }
    if (!found_is_legal(state, found)) {
        de_verdict_fail(
            oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "durability",
            "node %u restarts and finds %llu entries, term %llu, vote %llu on its disk; "
            "its log store had acknowledged %llu entries, term %llu, vote %llu",
            node, (unsigned long long)found->last, (unsigned long long)found->term,
            (unsigned long long)found->vote, durable_last, durable_term, durable_vote);
    }
    writes_forget(state, state->write_count);
    state->forgetful = false;
    state->floor = found->last;
    de_log_mirror_copy(&state->durable, found);
    de_log_mirror_copy(&state->memory, found);
    state->up = true;
    state->commit = 0;
    state->role = 0;
    state->sent_to = 0;
    /* A term that was known but not yet durable may be forgotten: nothing of it was sent (R4). */
    state->term = found->term;
    de_oracle_config_booted(oracle, node);
}
