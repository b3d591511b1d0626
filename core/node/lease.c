#include "core/node/lease.h"

#include "core/base/assert.h"
#include "core/node/node_state.h"

static void publish(struct de_node *node, const struct de_node_lease *lease)
{
    DE_ASSERT(node->inside);
    DE_ASSERT_IMPLIES(lease->until_ns > 0, lease->term > 0 && lease->index > 0);
    if (lease->until_ns == node->lease.until_ns && lease->index == node->lease.index &&
        lease->term == node->lease.term) {
        return;
    }
    node->lease = *lease;
    node->env.lease(node->env.context, lease);
}

void de_node_update_lease(struct de_node *node)
{
    const struct de_raft_view *view = &node->view;
    struct de_node_lease lease = {.term = view->term};

    DE_ASSERT(de_node_running(node));
    if (view->ready) { /* so an entry of our term is committed, and all before it */
        lease.index = view->commit;
        lease.until_ns = view->lease_until_ns;
    }
    DE_ASSERT_IMPLIES(lease.until_ns > 0, view->role == DE_RAFT_LEADER);
    publish(node, &lease);
}

void de_node_end_lease(struct de_node *node)
{
    const struct de_node_lease none = {0};

    DE_ASSERT(!de_node_running(node));
    publish(node, &none);
    DE_ASSERT(node->lease.until_ns == 0);
}
