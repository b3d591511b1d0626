/* Carrying out what a step asks for.
 *
 * The order is for efficiency and for our own books only: rule R4 says that nothing inside an
 * update is ordered against anything else in it. The cache comes first, because messages are ranges
 * of the log as it is after the step; proposals change hands before commit is looked at. */
#include "core/base/assert.h"
#include "core/node/node_state.h"

void de_node_execute(struct de_node *node, bool own, uint64_t now_ns)
{
    const struct de_raft_update *update = &node->update;

    DE_ASSERT(de_node_running(node));
    node->raft_deadline_ns = update->deadline_ns;
    if (update->halted || node->view.halted) {
        de_node_drop_staged(node);
        de_node_halt(node, DENGINE_E_CORRUPT, "consensus halted", node->view.halt_reason);
        return;
    }
    if (update->persist.ticket != 0) {
        de_node_persist(node, own);
    }
    de_node_drop_staged(node);
    de_node_orphan_proposals(node, now_ns);
    de_node_update_lease(node); /* before anything leaves, see lease.h */
    de_node_send_messages(node);
    if (update->commit > node->commit) {
        DE_ASSERT(update->commit <= node->view.last_index);
        node->commit = update->commit;
        de_node_resolve_orphans(node);
    }
    if (update->snapshot_to != 0) {
        de_node_send_snapshot(node, update->snapshot_to);
    }
    de_node_update_reads(node);
    de_node_settle_change(node, now_ns);
    de_node_settle_transfer(node, now_ns);
    node->config_changed = node->config_changed || update->config_changed;
    DE_ASSERT(node->staged_count == 0);
}
