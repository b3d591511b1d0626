/* A request to hand leadership over (thesis 3.10): the core does it, here it is watched and ended
 * once. One at a time. */
#include "core/base/assert.h"
#include "core/node/node_state.h"

void de_node_start_transfer(struct de_node *node, struct de_request *request, uint64_t now_ns)
{
    const struct de_raft_event event = {
        .now_ns = now_ns,
        .type = DE_RAFT_EV_TRANSFER,
        .peer = request->target,
    };
    int rc;

    DE_ASSERT(node->inside);
    DE_ASSERT(request->type == DE_REQUEST_TRANSFER);
    if (!de_node_running(node)) {
        rc = node->halt_err != 0 ? DENGINE_E_HALTED : DENGINE_E_SHUTDOWN;
    } else if (node->transfer.request != NULL) {
        request->reason = "leadership is being handed over already";
        rc = DENGINE_E_BUSY;
    } else {
        rc = de_node_reserve(node, 0) ? 0 : DENGINE_E_NO_MEMORY;
    }
    if (rc != 0) {
        de_node_end_request(node, request, rc);
        return;
    }
    rc = de_node_step(node, &event);
    if (rc == 0) {
        node->transfer.request = request;
        node->transfer.target = request->target;
        node->transfer.term = node->view.term;
        node->transfer.deadline_ns = DE_NODE_NEVER;
    } else {
        request->reason = rc == DENGINE_E_INVALID
                              ? "leadership can only go to another voter of the configuration"
                              : "";
        de_node_end_request(node, request, rc);
    }
    de_node_execute(node, false, now_ns);
}

void de_node_end_transfer(struct de_node *node, int status, const char *reason)
{
    struct de_request *request = node->transfer.request;

    DE_ASSERT(reason != NULL);
    if (request == NULL) {
        return;
    }
    DE_ASSERT(request->type == DE_REQUEST_TRANSFER);
    node->transfer.request = NULL;
    node->transfer.deadline_ns = DE_NODE_NEVER;
    request->reason = reason;
    de_node_end_request(node, request, status);
}

void de_node_settle_transfer(struct de_node *node, uint64_t now_ns)
{
    struct de_transfer_under_way *transfer = &node->transfer;
    const struct de_raft_view *view = &node->view;

    DE_ASSERT(node->inside);
    if (transfer->request == NULL) {
        return;
    }
    DE_ASSERT(view->term >= transfer->term);
    if (view->role == DE_RAFT_LEADER && view->term == transfer->term) {
        if (view->transfer_to == 0) {
            de_node_end_transfer(node, DENGINE_E_TIMEOUT,
                                 "the target did not take over within one election time-out");
        }
    } else if (view->leader == 0 || view->term == transfer->term) {
        if (transfer->deadline_ns == DE_NODE_NEVER) {
            transfer->deadline_ns = now_ns + 2 * node->raft_options.election_timeout_max_ns;
        }
    } else if (view->leader == transfer->target ||
               (transfer->target == 0 && view->leader != node->raft_options.id)) {
        de_node_end_transfer(node, 0, "");
    } else {
        de_node_end_transfer(node, DENGINE_E_SUPERSEDED, "another node was elected");
    }
}

void de_node_expire_transfer(struct de_node *node, uint64_t now_ns)
{
    DE_ASSERT(node->inside);
    DE_ASSERT_IMPLIES(node->transfer.request == NULL, node->transfer.deadline_ns == DE_NODE_NEVER);
    if (node->transfer.deadline_ns <= now_ns) {
        de_node_end_transfer(node, DENGINE_E_UNKNOWN,
                             "this node leads no more and has not heard who does");
    }
}
