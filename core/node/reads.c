/* Linearizable reads (thesis 6.4): a round confirms that we still lead, then the applier has to
 * reach the commit index of the time the round began. A follower asks its leader for that index,
 * and asks the next one when that one is gone. */
#include "core/base/assert.h"
#include "core/node/node_state.h"

/* All reads that wait share one ticket: they arrived before the round began. */
void de_node_ask_reads(struct de_node *node, uint64_t now_ns)
{
    struct de_raft_event event = {.now_ns = now_ns, .type = DE_RAFT_EV_READ};
    struct de_request *request;
    int rc;

    DE_ASSERT(node->inside);
    if (!de_node_running(node) || node->waiting_reads.first == NULL) {
        return;
    }
    if (node->view.role != DE_RAFT_LEADER && !de_node_can_forward(node)) {
        de_node_end_list(node, &node->waiting_reads, de_node_not_leader(node));
        return;
    }
    if (!de_node_reserve(node, 0)) {
        de_node_end_list(node, &node->waiting_reads, DENGINE_E_NO_MEMORY);
        return;
    }
    rc = de_node_step(node, &event);
    if (rc != 0) {
        de_node_end_list(node, &node->waiting_reads, rc);
    }
    while ((request = de_request_list_pop(&node->waiting_reads)) != NULL) {
        DE_ASSERT(node->update.read_ticket > 0);
        request->ticket = node->update.read_ticket;
        de_request_list_push(&node->asked_reads, request);
    }
    de_node_execute(node, false, now_ns);
}

void de_node_update_reads(struct de_node *node)
{
    const struct de_raft_update *update = &node->update;
    struct de_request_list *asked = &node->asked_reads;

    while (asked->first != NULL && asked->first->ticket <= update->reads_released) {
        struct de_request *request = de_request_list_pop(asked);

        /* It may lie ahead of what may be applied here: a follower learns of commits later, and a
         * leader may commit before its own log is durable. The read waits for it. */
        DE_ASSERT(update->read_index <= node->view.commit || node->view.role != DE_RAFT_LEADER);
        request->ticket = update->read_index;
        de_request_list_push(&node->confirmed_reads, request);
    }
    while (asked->first != NULL && asked->first->ticket <= update->reads_lost) {
        /* Also where one is known: it may be the one that has just said that it does not lead. */
        de_node_end_request(node, de_request_list_pop(asked),
                            node->forwarding.off && node->view.role != DE_RAFT_LEADER
                                ? de_node_not_leader(node)
                                : DENGINE_E_NO_LEADER);
    }
    DE_ASSERT_IMPLIES(asked->first != NULL, asked->first->ticket > update->reads_released);
}

/* Also those whose leadership ended after the round: the index was good, and stays good. */
void de_node_finish_reads(struct de_node *node)
{
    struct de_request_list *confirmed = &node->confirmed_reads;

    DE_ASSERT(node->inside);
    while (confirmed->first != NULL && confirmed->first->ticket <= node->applied) {
        de_node_end_request(node, de_request_list_pop(confirmed), 0);
    }
    DE_ASSERT((confirmed->first == NULL) == (confirmed->last == NULL));
}
