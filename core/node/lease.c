#include "core/node/lease.h"

#include "core/base/assert.h"
#include "core/node/node_state.h"

/* The greatest index that this step tells a follower to read at. A leader that was removed may tell
 * it in the step in which it learns that this is committed, and leads no more at the end of it. */
static uint64_t index_told(const struct de_node *node)
{
    uint64_t index = 0;

    for (uint32_t i = 0; i < node->update.message_count; i++) {
        const struct de_raft_message *message = &node->update.messages[i];

        if (message->type == DE_RAFT_MSG_READ_REPLY && !message->rejected &&
            message->commit > index) {
            DE_ASSERT(message->term == node->view.term);
            index = message->commit;
        }
    }
    DE_ASSERT(index <= node->view.commit);
    return index;
}

/* The greatest index that a follower may acknowledge, to those whose writes it has forwarded, on
 * the ground of what this step tells it. It may well do so before we have applied that entry. */
static uint64_t index_acknowledged(const struct de_node *node)
{
    const struct de_forwarding *forwarding = &node->forwarding;

    DE_ASSERT(node->inside);
    if (forwarding->term != node->view.term) {
        return 0;
    }
    DE_ASSERT(forwarding->last_index <= node->view.last_index);
    return forwarding->last_index < node->view.commit ? forwarding->last_index : node->view.commit;
}

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
    const uint64_t read = index_told(node);
    const uint64_t acknowledged = index_acknowledged(node);
    const uint64_t told = read > acknowledged ? read : acknowledged;

    DE_ASSERT(de_node_running(node));
    if (view->ready) {
        /* When an entry of our term is committed for the first time, that entry and all before it
         * are. */
        lease.index = node->lease_index_term == view->term ? node->lease_index : view->commit;
        lease.index = lease.index > told ? lease.index : told;
        lease.until_ns = view->lease_until_ns;
        node->lease_index = lease.index;
        node->lease_index_term = view->term;
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
