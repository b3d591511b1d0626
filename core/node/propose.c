/* Writes become entries, and entries that lost their leader find their end.
 *
 * Group commit: while as many writes of ours are in flight to the log as the limit allows, what
 * arrives waits, and then forms the next entry together. */
#include "core/base/assert.h"
#include "core/node/batch.h"
#include "core/node/node_state.h"

/* How many of the waiting writes the next entry takes, at least one, and their bytes. */
static uint32_t measure_batch(const struct de_node *node, uint64_t *bytes)
{
    const struct de_request *request = node->waiting_writes.first;
    uint32_t most = node->limits.batch_commands_max;
    uint32_t count = 0;

    DE_ASSERT(request != NULL);
    if (DE_NODE_SITE(node, SHORT_BATCH)) {
        most = 1;
    }
    *bytes = 0;
    while (request != NULL && count < most &&
           *bytes + request->command.size <= node->limits.batch_bytes_max) {
        *bytes += request->command.size;
        count++;
        request = request->next;
    }
    DE_ASSERT(count > 0);
    return count;
}

/* Moves the requests into the proposal and their commands into the buffer. */
static void fill_batch(struct de_node *node, struct de_proposal *proposal,
                       struct de_entry_buffer *buffer, uint64_t stamp_ns)
{
    struct de_writer writer;

    DE_ASSERT(proposal->requests.first == NULL);
    de_writer_init(&writer, de_entry_buffer_data(buffer), buffer->capacity);
    de_batch_start(&writer, proposal->count, stamp_ns);
    for (uint32_t i = 0; i < proposal->count; i++) {
        struct de_request *request = de_request_list_pop(&node->waiting_writes);

        proposal->bytes += request->command.size;
        de_batch_add(&writer, request->command);
        de_request_list_push(&proposal->requests, request);
    }
    DE_ASSERT(!writer.failed && writer.size == buffer->size);
    buffer->type = DENGINE_ENTRY_COMMAND;
}

int de_node_propose_staged(struct de_node *node, struct de_proposal *proposal, uint64_t now_ns)
{
    struct de_raft_event event = {
        .now_ns = now_ns,
        .type = DE_RAFT_EV_PROPOSE,
        .entries = node->metas,
        .entry_count = 1,
    };
    int rc;

    DE_ASSERT(node->staged_count == 1);
    node->metas[0] = (struct de_raft_entry){
        .type = DENGINE_ENTRY_COMMAND,
        .bytes = node->staged[0]->size,
    };
    rc = de_node_step(node, &event);
    DE_ASSERT_IMPLIES(rc == 0, node->update.proposed_index > 0 && node->update.proposed_term > 0);
    if (proposal != NULL && rc == 0) {
        proposal->index = node->update.proposed_index;
        proposal->term = node->update.proposed_term;
        de_proposal_list_push(&node->proposals, proposal);
    } else if (proposal != NULL) {
        de_node_end_proposal(node, proposal, rc);
    }
    de_node_execute(node, rc == 0, now_ns);
    return rc;
}

struct de_proposal *de_node_make_batch(struct de_node *node, uint64_t stamp_ns,
                                       struct de_entry_buffer **made)
{
    uint64_t bytes = 0;
    const uint32_t count = measure_batch(node, &bytes);
    struct de_proposal *proposal = de_proposal_new(&node->allocator, count);
    struct de_entry_buffer *buffer =
        de_entry_buffer_new(&node->allocator, (uint32_t)de_batch_size(count, bytes));

    DE_ASSERT(bytes <= node->limits.batch_bytes_max);
    DE_ASSERT(node->staged_count == 0);
    *made = NULL;
    if (proposal == NULL || buffer == NULL || !de_node_reserve(node, 1)) {
        de_release(&node->allocator, proposal);
        de_entry_buffer_unref(&node->allocator, buffer);
        for (uint32_t i = 0; i < count; i++) {
            de_node_end_request(node, de_request_list_pop(&node->waiting_writes),
                                DENGINE_E_NO_MEMORY);
        }
        return NULL;
    }
    fill_batch(node, proposal, buffer, stamp_ns);
    *made = buffer;
    return proposal;
}

static void propose_batch(struct de_node *node, uint64_t now_ns)
{
    struct de_entry_buffer *buffer;
    struct de_proposal *proposal = de_node_make_batch(node, de_node_stamp(node, now_ns), &buffer);

    DE_ASSERT((proposal == NULL) == (buffer == NULL));
    if (proposal == NULL) {
        return;
    }
    node->staged[0] = buffer;
    node->staged_count = 1;
    (void)de_node_propose_staged(node, proposal, now_ns); /* proposal and requests know how */
}

/* Its own writes and those of others by turns. */
static void propose_next(struct de_node *node, uint64_t now_ns)
{
    const bool others = node->forwarding.first != NULL &&
                        (node->waiting_writes.first == NULL || !node->forwarding.had_turn);

    DE_ASSERT(node->own_persist_jobs < node->limits.persist_jobs_max);
    node->forwarding.had_turn = others;
    if (others) {
        de_node_propose_forwarded(node, now_ns);
    } else {
        propose_batch(node, now_ns);
    }
}

void de_node_propose(struct de_node *node, uint64_t now_ns)
{
    DE_ASSERT(node->inside);
    while (de_node_running(node) &&
           (node->waiting_writes.first != NULL || node->forwarding.first != NULL)) {
        if (node->view.role != DE_RAFT_LEADER) {
            de_node_refuse_forwarded(node, DENGINE_E_NO_LEADER);
            if (de_node_can_forward(node)) {
                de_node_forward(node, now_ns);
                break;
            }
            de_node_end_list(node, &node->waiting_writes, de_node_not_leader(node));
        } else if (de_node_short_of_space(node)) {
            de_node_refuse_forwarded(node, DENGINE_E_NO_SPACE);
            de_node_end_list(node, &node->waiting_writes, DENGINE_E_NO_SPACE);
        } else if (node->own_persist_jobs >= node->limits.persist_jobs_max) {
            break;
        } else {
            propose_next(node, now_ns);
        }
    }
    DE_ASSERT_IMPLIES(!de_node_running(node), node->waiting_writes.first == NULL);
    DE_ASSERT(node->staged_count == 0);
}

void de_node_orphan_proposals(struct de_node *node, uint64_t now_ns)
{
    const struct de_proposal *newest = node->proposals.last;

    if (newest == NULL || (node->view.role == DE_RAFT_LEADER && node->view.term == newest->term)) {
        return;
    }
    DE_ASSERT(newest->term <= node->view.term);
    while (node->proposals.first != NULL) {
        struct de_proposal *proposal = node->proposals.first;

        node->proposals.first = proposal->next;
        proposal->deadline_ns = now_ns + node->raft_options.election_timeout_max_ns;
        de_proposal_list_push(&node->orphans, proposal);
    }
    node->proposals.last = NULL;
    DE_ASSERT(node->orphans.first != NULL);
}

/* Only a commit decides. That the entry was cut from our own log says little: it may live in
 * others, and one of them may be elected and commit it after all (Raft 5.4.2, figure 8). */
static void resolve(struct de_node *node, struct de_proposal_list *list)
{
    struct de_proposal *proposal = list->first;

    DE_ASSERT((list->first == NULL) == (list->last == NULL));
    while (proposal != NULL) {
        struct de_proposal *next = proposal->next;

        DE_ASSERT(proposal->index > 0);
        if (proposal->index <= node->commit) {
            const uint64_t term = de_raft_term_at(node->raft, proposal->index);
            int status = 0;

            if (term != 0 && term != proposal->term) {
                status = DENGINE_E_SUPERSEDED;
            } else if (proposal->index <= node->view.base_index) {
                status = DENGINE_E_UNKNOWN; /* the snapshot that was installed has it, or not */
            }
            if (status != 0) {
                de_proposal_list_remove(list, proposal);
                de_node_end_proposal(node, proposal, status);
            }
        }
        proposal = next;
    }
}

void de_node_resolve_orphans(struct de_node *node)
{
    DE_ASSERT(node->inside);
    resolve(node, &node->orphans);
    resolve(node, &node->forwarding.accepted);
}

void de_node_expire_orphans(struct de_node *node, uint64_t now_ns)
{
    while (node->orphans.first != NULL && node->orphans.first->deadline_ns <= now_ns) {
        struct de_proposal *proposal = node->orphans.first;

        (void)de_proposal_list_take(&node->orphans, proposal->index, proposal->term);
        de_node_end_proposal(node, proposal, DENGINE_E_UNKNOWN);
    }
    DE_ASSERT((node->orphans.first == NULL) == (node->orphans.last == NULL));
}
