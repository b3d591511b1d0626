/* Taking requests and ending them: each exactly once. */
#include "core/base/assert.h"
#include "core/node/node_state.h"

static uint64_t command_bytes(const struct de_request *request)
{
    DE_ASSERT(request != NULL);
    DE_ASSERT(request->command.data != NULL || request->command.size == 0);
    return request->type == DE_REQUEST_WRITE ? request->command.size : 0;
}

void de_node_end_request(struct de_node *node, struct de_request *request, int status)
{
    const uint64_t bytes = command_bytes(request);

    DE_ASSERT(node->pending_requests > 0);
    DE_ASSERT(node->pending_bytes >= bytes);
    node->pending_requests--;
    node->pending_bytes -= bytes;
    request->done(request, status, NULL);
}

void de_node_end_list(struct de_node *node, struct de_request_list *list, int status)
{
    struct de_request *request;

    DE_ASSERT(node->inside);
    while ((request = de_request_list_pop(list)) != NULL) {
        de_node_end_request(node, request, status);
    }
    DE_ASSERT(list->first == NULL);
}

void de_node_end_proposal(struct de_node *node, struct de_proposal *proposal, int status)
{
    DE_ASSERT(status != 0);
    DE_ASSERT(proposal->requests.first != NULL);
    de_node_end_list(node, &proposal->requests, status);
    de_release(&node->allocator, proposal);
}

static void end_proposals(struct de_node *node, struct de_proposal_list *list)
{
    DE_ASSERT(node->inside);
    while (list->first != NULL) {
        struct de_proposal *proposal = list->first;

        DE_ASSERT(proposal->index > 0 && proposal->term > 0);
        list->first = proposal->next;
        de_node_end_proposal(node, proposal, DENGINE_E_UNKNOWN);
    }
    list->last = NULL;
    DE_ASSERT(list->first == NULL);
}

void de_node_end_all(struct de_node *node, int status)
{
    DE_ASSERT(!de_node_running(node));
    de_node_end_list(node, &node->waiting_writes, status);
    end_proposals(node, &node->proposals);
    end_proposals(node, &node->orphans);
    de_node_forward_end(node);
    de_node_end_list(node, &node->waiting_admin, status);
    de_node_end_change(node, DENGINE_E_UNKNOWN, "this node stopped meanwhile");
    de_node_end_transfer(node, DENGINE_E_UNKNOWN, "this node stopped meanwhile");
    de_node_end_list(node, &node->waiting_reads, status);
    de_node_end_list(node, &node->asked_reads, status);
    de_node_end_list(node, &node->confirmed_reads, status);
    de_node_snapshots_end(node, status);
    de_node_backlog_clear(node);
    DE_ASSERT_IMPLIES(!node->applying, node->pending_requests == 0);
}

static struct de_request_list *list_of(struct de_node *node, const struct de_request *request)
{
    DE_ASSERT(node != NULL);
    switch ((enum de_request_type)request->type) {
    case DE_REQUEST_WRITE:
        return &node->waiting_writes;
    case DE_REQUEST_READ:
        return &node->waiting_reads;
    case DE_REQUEST_CHANGE:
    case DE_REQUEST_TRANSFER:
        break;
    case DE_REQUEST_SNAPSHOT:
        return &node->snapshots.asked;
    }
    DE_ASSERT(request->type == DE_REQUEST_CHANGE || request->type == DE_REQUEST_TRANSFER);
    return &node->waiting_admin;
}

/* 0, or why the request cannot be taken. */
static int check_request(const struct de_node *node, const struct de_request *request)
{
    const uint64_t bytes = command_bytes(request);

    DE_ASSERT(request->done != NULL);
    DE_ASSERT(request->type >= DE_REQUEST_WRITE && request->type <= DE_REQUEST_SNAPSHOT);
    DE_ASSERT_IMPLIES(request->type == DE_REQUEST_CHANGE, request->change != NULL);
    if (node->halt_err != 0) {
        return DENGINE_E_HALTED;
    }
    if (node->stopped) {
        return DENGINE_E_SHUTDOWN;
    }
    if (request->type == DE_REQUEST_SNAPSHOT && node->snapshots.store.ops == NULL) {
        return DENGINE_E_INVALID;
    }
    if (bytes > node->limits.batch_bytes_max) {
        return DENGINE_E_TOO_LARGE;
    }
    if (node->pending_requests >= node->limits.pending_requests_max ||
        node->pending_bytes + bytes > node->limits.pending_bytes_max ||
        DE_NODE_SITE(node, BUSY_NODE)) {
        return DENGINE_E_BUSY;
    }
    return 0;
}

void de_node_submit(struct de_node *node, struct de_request *request, uint64_t now_ns)
{
    int rc;

    (void)now_ns;
    de_node_enter(node);
    request->next = NULL;
    request->ticket = 0;
    request->reason = "";
    rc = check_request(node, request);
    if (rc != 0) {
        request->done(request, rc, NULL);
    } else {
        node->pending_requests++;
        node->pending_bytes += command_bytes(request);
        de_request_list_push(list_of(node, request), request);
    }
    DE_ASSERT(node->pending_requests <= node->limits.pending_requests_max);
    de_node_leave(node);
}

void de_node_flush(struct de_node *node, uint64_t now_ns)
{
    de_node_enter(node);
    de_node_turn(node, now_ns);
    /* The turn gave every read a ticket or an end; writes may wait for the one in flight. */
    DE_ASSERT(node->waiting_reads.first == NULL && node->waiting_admin.first == NULL);
    DE_ASSERT_IMPLIES(node->waiting_writes.first != NULL,
                      node->own_persist_jobs >= node->limits.persist_jobs_max ||
                          de_node_forward_is_held(node));
    de_node_leave(node);
}
