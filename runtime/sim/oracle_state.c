/* What becomes of entries: committed, applied, acknowledged. */
#include "core/base/assert.h"
#include "core/node/batch.h"
#include "runtime/sim/memory.h"
#include "runtime/sim/oracle.h"

#define ULL(x) ((unsigned long long)(x))

static void commit_one(struct de_oracle *oracle, uint64_t now_ns, uint32_t id, uint64_t index,
                       uint64_t term)
{
    const struct de_mirror_entry *mine = de_log_mirror_at(&oracle->nodes[id].memory, index);

    DE_ASSERT(mine != NULL); /* commit <= last index has been checked */
    if (index <= oracle->committed_count) {
        const struct de_committed_entry *known = &oracle->committed[index - 1];

        if (known->entry.term != mine->term || known->entry.hash != mine->hash) {
            de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "committed",
                            "node %u commits an entry of term %llu at index %llu; an entry of term "
                            "%llu was committed there before (in term %llu)",
                            id, ULL(mine->term), ULL(index), ULL(known->entry.term),
                            ULL(known->commit_term));
        }
    } else {
        struct de_committed_entry entry = {*mine, term};

        DE_ASSERT(index == oracle->committed_count + 1);
        oracle->committed = de_sim_grow(oracle->committed, oracle->committed_count,
                                        &oracle->committed_capacity, sizeof(entry));
        oracle->committed[oracle->committed_count++] = entry;
        de_oracle_config_committed(oracle, now_ns, index);
    }
}

void de_oracle_committed(struct de_oracle *oracle, uint64_t now_ns, uint32_t id,
                         const struct de_raft_view *view)
{
    struct de_oracle_node *node = &oracle->nodes[id];
    size_t before = oracle->committed_count;

    if (view->commit < node->commit) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "commit-monotonic",
                        "node %u goes from commit index %llu back to %llu", id, ULL(node->commit),
                        ULL(view->commit));
        return;
    }
    for (uint64_t index = node->commit + 1;
         index <= view->commit && !de_verdict_failed(oracle->verdict); index++) {
        commit_one(oracle, now_ns, id, index, view->term);
    }
    node->commit = view->commit;
    if (oracle->committed_count > before && !de_verdict_failed(oracle->verdict)) {
        de_oracle_check_quorum(oracle, now_ns, id, oracle->committed_count);
    }
}

void de_oracle_applying(struct de_oracle *oracle, uint64_t now_ns, uint32_t id, uint64_t index,
                        uint64_t term, struct dengine_slice command)
{
    (void)command;
    if (index > oracle->committed_count || index <= oracle->nodes[id].applied ||
        oracle->committed[index - 1].entry.term != term) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "apply-committed",
                        "node %u applies index %llu of term %llu; it has applied %llu, and %llu "
                        "entries are committed",
                        id, ULL(index), ULL(term), ULL(oracle->nodes[id].applied),
                        ULL(oracle->committed_count));
    }
}

void de_oracle_applied(struct de_oracle *oracle, uint64_t now_ns, uint32_t id, uint64_t index,
                       uint64_t digest)
{
    uint64_t *known = de_oracle_cell(&oracle->digests, &oracle->digests_capacity, index);
    uint64_t mine = digest == 0 ? 1 : digest; /* 0 means none yet */

    if (index < oracle->nodes[id].applied || index > oracle->committed_count) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "apply-committed",
                        "the state machine of node %u goes from index %llu to %llu; %llu entries "
                        "are committed",
                        id, ULL(oracle->nodes[id].applied), ULL(index),
                        ULL(oracle->committed_count));
    }
    oracle->nodes[id].applied = index;
    if (*known != 0 && *known != mine) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "state-digest",
                        "the state of node %u after index %llu differs from what another node had "
                        "after the same entries",
                        id, ULL(index));
    }
    *known = mine;
}

void de_oracle_events(struct de_oracle *oracle, uint64_t now_ns, uint32_t id, uint64_t index,
                      uint64_t digest)
{
    uint64_t *known = de_oracle_cell(&oracle->events, &oracle->events_capacity, index);

    DE_ASSERT(index > 0);
    DE_ASSERT(digest != 0);
    if (*known != 0 && *known != digest) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "event-digest",
                        "the events of revision %llu on node %u differ from what was told of that "
                        "revision before",
                        ULL(index), id);
    }
    *known = digest;
}

void de_oracle_machine_opened(struct de_oracle *oracle, uint64_t now_ns, uint32_t id,
                              uint64_t index, uint64_t digest)
{
    oracle->nodes[id].applied = index;
    if (index > oracle->committed_count) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "apply-committed",
                        "node %u has applied up to index %llu; only %llu entries are committed", id,
                        ULL(index), ULL(oracle->committed_count));
    } else if (index > 0) {
        de_oracle_applied(oracle, now_ns, id, index, digest);
    }
}

struct search {
    struct dengine_slice wanted;
    bool found;
};

static int search_visit(void *context, uint32_t number, struct dengine_slice command)
{
    struct search *search = context;

    (void)number;
    if (command.size == search->wanted.size &&
        memcmp(command.data, search->wanted.data, command.size) == 0) {
        search->found = true;
    }
    return 0;
}

void de_oracle_acknowledged(struct de_oracle *oracle, uint64_t now_ns, uint32_t id, uint64_t client,
                            uint64_t revision, struct dengine_slice command)
{
    struct search search = {command, false};
    const struct de_known_entry *known = NULL;

    if (revision >= 1 && revision <= oracle->committed_count) {
        known = de_oracle_known(oracle, revision, oracle->committed[revision - 1].entry.term);
    }
    if (known != NULL && known->type == DENGINE_ENTRY_COMMAND) {
        (void)de_batch_visit(dengine_bytes(known->data, known->data_size), search_visit, &search);
    }
    if (!search.found) {
        de_verdict_fail(oracle->verdict, DE_VERDICT_CORRECTNESS, now_ns, "acknowledged",
                        "node %u tells client %llu that its write is done at revision %llu; the "
                        "committed log has no such command there",
                        id, ULL(client), ULL(revision));
    }
}
