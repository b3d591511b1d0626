/* What follows every input: whatever has become possible is done now. */
#include "core/base/assert.h"
#include "core/node/node_state.h"

void de_node_enter(struct de_node *node)
{
    DE_ASSERT(node != NULL);
    DE_ASSERT(!node->inside); /* a callback came back in */
    DE_ASSERT(node->staged_count == 0);
    node->inside = true;
}

void de_node_leave(struct de_node *node)
{
    DE_ASSERT(node->inside);
    DE_ASSERT(node->staged_count == 0);
    node->inside = false;
}

void de_node_retry(struct de_node *node, uint64_t now_ns)
{
    const uint64_t at = now_ns + node->raft_options.heartbeat_interval_ns;

    DE_ASSERT(node->inside);
    DE_ASSERT(at > now_ns);
    de_node_wake_at(node, at);
}

void de_node_wake_at(struct de_node *node, uint64_t at_ns)
{
    DE_ASSERT(node->inside);
    DE_ASSERT(at_ns > 0);
    if (at_ns < node->retry_ns) {
        node->retry_ns = at_ns;
    }
}

/* Completions are told by level, not by edge: what cannot be told for lack of memory is told by a
 * later turn. */
static void tell_persisted(struct de_node *node, uint64_t now_ns)
{
    struct de_raft_event event = {
        .now_ns = now_ns,
        .type = DE_RAFT_EV_PERSISTED,
        .ticket = node->persisted,
    };

    DE_ASSERT(node->persisted_told <= node->persisted);
    if (!de_node_running(node) || node->persisted_told == node->persisted) {
        return;
    }
    if (!de_node_step_simple(node, &event)) {
        de_node_retry(node, now_ns);
        return;
    }
    node->persisted_told = event.ticket;
    DE_ASSERT(node->persisted_told == node->persisted);
}

static void tell_applied(struct de_node *node, uint64_t now_ns)
{
    struct de_raft_event event = {
        .now_ns = now_ns,
        .type = DE_RAFT_EV_APPLIED,
        .index = node->applied,
    };

    DE_ASSERT(node->applied_told <= node->applied);
    if (!de_node_running(node) || node->applied_told == node->applied) {
        return;
    }
    if (!de_node_step_simple(node, &event)) {
        de_node_retry(node, now_ns);
        return;
    }
    node->applied_told = event.index;
    DE_ASSERT(node->applied_told == node->applied);
}

static void take_admin(struct de_node *node, uint64_t now_ns)
{
    struct de_request *request;

    DE_ASSERT(node->inside);
    while ((request = de_request_list_pop(&node->waiting_admin)) != NULL) {
        if (request->type == DE_REQUEST_CHANGE) {
            de_node_start_change(node, request, now_ns);
        } else {
            de_node_start_transfer(node, request, now_ns);
        }
    }
    DE_ASSERT(node->waiting_admin.first == NULL);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void arm(struct de_node *node)
{
    uint64_t deadline_ns = node->retry_ns;

    DE_ASSERT(node->inside);
    DE_ASSERT(de_node_running(node));
    if (de_node_heeds_deadline(node)) {
        deadline_ns = min_u64(deadline_ns, node->raft_deadline_ns);
    }
    deadline_ns = min_u64(deadline_ns, node->change.deadline_ns);
    deadline_ns = min_u64(deadline_ns, node->transfer.deadline_ns);
    deadline_ns = min_u64(deadline_ns, de_node_wake_deadline(node));
    if (node->orphans.first != NULL) {
        deadline_ns = min_u64(deadline_ns, node->orphans.first->deadline_ns);
    }
    if (deadline_ns != node->armed_ns) {
        node->armed_ns = deadline_ns;
        node->env.arm(node->env.context, deadline_ns);
    }
}

void de_node_turn(struct de_node *node, uint64_t now_ns)
{
    DE_ASSERT(node->inside);
    DE_ASSERT(node->staged_count == 0);
    if (!de_node_running(node)) {
        return;
    }
    node->retry_ns = DE_NODE_NEVER;
    tell_persisted(node, now_ns);
    tell_applied(node, now_ns);
    de_node_forward_turn(node, now_ns);
    de_node_expire_orphans(node, now_ns);
    de_node_expire_change(node, now_ns);
    de_node_expire_transfer(node, now_ns);
    de_node_take_office(node, now_ns);
    de_node_wake(node, now_ns);
    de_node_propose(node, now_ns);
    de_node_ask_reads(node, now_ns);
    take_admin(node, now_ns);
    de_node_finish_reads(node);
    de_node_whole_turn(node);
    de_node_snapshots_turn(node, now_ns);
    de_node_start_apply(node, now_ns);
    de_node_backlog_turn(node, now_ns);
    if (!de_node_running(node)) {
        return;
    }
    DE_ASSERT(node->applied <= node->commit);
    de_entry_cache_drop(&node->cache, min_u64(node->applied, node->view.base_index));
    de_entry_cache_evict(&node->cache,
                         DE_NODE_SITE(node, COLD_CACHE) ? 0 : node->limits.cache_bytes_max,
                         min_u64(node->applied, node->view.durable_index));
    de_node_notify(node);
    arm(node);
}
