/* What can be seen from outside, and the end by failure. */
#include "core/base/assert.h"
#include "core/node/node_state.h"
#include "core/node/text.h"

void de_node_get_status(const struct de_node *node, struct de_node_status *status)
{
    DE_ASSERT(node != NULL);
    DE_ASSERT(status != NULL);
    memset(status, 0, sizeof *status);
    status->raft = node->view;
    status->applied = node->applied;
    status->pending_requests = node->pending_requests;
    status->pending_bytes = node->pending_bytes;
    status->dropped_messages = node->dropped_messages;
    status->membership = &node->book.current;
    if (node->view.config_index > node->view.commit) {
        status->membership_before = &node->book.previous;
    }
    status->removed = de_node_is_removed(node);
    status->no_space = de_node_short_of_space(node);
    status->stopped = node->stopped;
    status->halt_err = node->halt_err;
    de_node_snapshots_status(node, &status->snapshot);
}

const struct de_raft *de_node_raft(const struct de_node *node)
{
    DE_ASSERT(node != NULL);
    DE_ASSERT(node->raft != NULL);
    return node->raft;
}

int de_node_peek_entry(const struct de_node *node, uint64_t index, struct dengine_entry *entry)
{
    struct de_entry_buffer *buffer = de_entry_cache_get(&node->cache, index);

    DE_ASSERT(entry != NULL);
    if (buffer == NULL) {
        return DENGINE_E_NOT_FOUND;
    }
    DE_ASSERT(buffer->term == de_raft_term_at(node->raft, index));
    *entry = de_entry_buffer_entry(buffer);
    return 0;
}

void de_node_notify(struct de_node *node)
{
    const struct de_raft_view *now = &node->view;
    const struct de_raft_view *told = &node->told.raft;

    DE_ASSERT(node->inside);
    DE_ASSERT(now->term >= told->term);
    if (now->role == told->role && now->term == told->term && now->leader == told->leader &&
        now->ready == told->ready && !node->config_changed &&
        de_node_is_removed(node) == node->told.removed &&
        de_node_short_of_space(node) == node->told.no_space) {
        return;
    }
    node->config_changed = false;
    de_node_get_status(node, &node->told);
    node->env.changed(node->env.context, &node->told);
}

void de_node_halt(struct de_node *node, int err, const char *what, const char *detail)
{
    struct de_sentence text;

    DE_ASSERT(err != 0);
    DE_ASSERT(node->inside);
    if (node->halt_err != 0) {
        return;
    }
    node->halt_err = err;
    de_node_end_lease(node);
    de_sentence_init(&text, node->halt_reason, sizeof node->halt_reason);
    de_sentence_add(&text, what);
    if (detail != NULL && detail[0] != '\0') {
        de_sentence_add(&text, ": ");
        de_sentence_add(&text, detail);
    }
    de_node_end_all(node, DENGINE_E_HALTED);
    node->env.halted(node->env.context, err, node->halt_reason);
}
