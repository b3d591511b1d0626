/* Stepping the core, with the memory for what the step may ask for in hand. */
#include "core/base/assert.h"
#include "core/node/config_codec.h"
#include "core/node/node_state.h"

static bool reserve_staged(struct de_node *node, uint32_t entries)
{
    struct de_entry_buffer **staged;
    struct de_raft_entry *metas;

    DE_ASSERT(node->staged_count == 0);
    if (entries <= node->staged_capacity) {
        return true;
    }
    staged = de_reallocate(&node->allocator, node->staged, entries * sizeof *staged);
    if (staged == NULL) {
        return false;
    }
    node->staged = staged;
    metas = de_reallocate(&node->allocator, node->metas, entries * sizeof *metas);
    if (metas == NULL) {
        return false;
    }
    node->metas = metas;
    node->staged_capacity = entries;
    DE_ASSERT(entries <= node->staged_capacity);
    return true;
}

bool de_node_reserve(struct de_node *node, uint32_t entries)
{
    const uint32_t needed = entries > 0 ? entries : 1;
    /* The core may write a configuration of the members there are and those that are to come. */
    const size_t config_bytes =
        node->book.current_bytes + (node->target_in_use ? de_config_size(&node->target) : 0);

    DE_ASSERT(de_node_running(node));
    if (node->spare_work != NULL && node->spare_work->capacity < needed) {
        de_release(&node->allocator, node->spare_work);
        node->spare_work = NULL;
    }
    if (node->spare_work == NULL) {
        node->spare_work = de_persist_work_new(&node->allocator, needed);
    }
    if (node->spare_core != NULL && node->spare_core->capacity < config_bytes) {
        de_entry_buffer_unref(&node->allocator, node->spare_core);
        node->spare_core = NULL;
    }
    if (node->spare_core == NULL) {
        node->spare_core = de_entry_buffer_new(&node->allocator, (uint32_t)config_bytes);
    }
    DE_ASSERT_IMPLIES(node->spare_work != NULL, node->spare_work->capacity >= needed);
    return node->spare_work != NULL && node->spare_core != NULL &&
           de_entry_cache_reserve(&node->cache, needed) && reserve_staged(node, needed);
}

int de_node_step(struct de_node *node, const struct de_raft_event *event)
{
    int rc;

    DE_ASSERT(de_node_running(node));
    DE_ASSERT(node->spare_work != NULL && node->spare_core != NULL);
    rc = de_raft_step(node->raft, event, &node->update);
    de_raft_get_view(node->raft, &node->view);
    return rc;
}

bool de_node_step_simple(struct de_node *node, const struct de_raft_event *event)
{
    DE_ASSERT(event->type != DE_RAFT_EV_PROPOSE);
    DE_ASSERT(event->type != DE_RAFT_EV_READ);
    if (!de_node_reserve(node, 0)) {
        return false;
    }
    (void)de_node_step(node, event); /* nobody asked, so nobody is to be answered */
    de_node_execute(node, false, event->now_ns);
    return true;
}

void de_node_drop_staged(struct de_node *node)
{
    DE_ASSERT(node->staged_count <= node->staged_capacity);
    while (node->staged_count > 0) {
        node->staged_count--;
        de_entry_buffer_unref(&node->allocator, node->staged[node->staged_count]);
    }
    DE_ASSERT(node->staged_count == 0);
}

int de_node_not_leader(const struct de_node *node)
{
    DE_ASSERT(node->view.role != DE_RAFT_LEADER);
    DE_ASSERT(node->view.leader != node->raft_options.id);
    return node->view.leader != 0 ? DENGINE_E_NOT_LEADER : DENGINE_E_NO_LEADER;
}
