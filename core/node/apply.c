/* Committed entries go to the state machine, in order, one job at a time.
 *
 * The core gives out only what is durable here, though more may be committed: the state machine
 * commits by itself, and after a crash it must never be ahead of the log it was made from. */
#include "core/base/assert.h"
#include "core/node/batch.h"
#include "core/node/node_state.h"
#include "core/node/text.h"

static struct de_apply_job *new_job(struct de_node *node, uint32_t count)
{
    struct de_apply_job *job;
    const size_t size = sizeof *job + count * sizeof *job->entries;

    DE_ASSERT(count > 0);
    job = de_allocate(&node->allocator, size);
    if (job == NULL) {
        return NULL;
    }
    memset(job, 0, size);
    job->machine = node->machine;
    job->entries = (struct de_apply_entry *)(void *)(job + 1);
    DE_ASSERT(job->count == 0);
    return job;
}

/* Adds an entry with the proposal that waits for it, if there is one here. */
static struct de_apply_entry *add_entry(struct de_node *node, struct de_apply_job *job,
                                        uint64_t index, struct dengine_entry entry)
{
    struct de_apply_entry *added = &job->entries[job->count++];

    DE_ASSERT(index == node->applied + job->count);
    DE_ASSERT(entry.term == de_raft_term_at(node->raft, index));
    added->index = index;
    added->entry = entry;
    added->proposal = de_proposal_list_take(&node->proposals, index, entry.term);
    if (added->proposal == NULL) {
        added->proposal = de_proposal_list_take(&node->orphans, index, entry.term);
    }
    return added;
}

static void start_job(struct de_node *node, struct de_apply_job *job)
{
    DE_ASSERT(!node->applying);
    DE_ASSERT(job->count > 0);
    node->applying = true;
    node->env.apply(node->env.context, job);
}

void de_node_start_apply(struct de_node *node, uint64_t now_ns)
{
    const uint64_t target = node->commit;
    uint64_t count;
    struct de_apply_job *job;

    DE_ASSERT(node->inside);
    DE_ASSERT(target <= node->view.durable_index);
    if (!de_node_running(node) || node->applying || node->reading_for_apply ||
        node->applied >= target) {
        return;
    }
    count = target - node->applied;
    if (count > node->limits.apply_entries_max) {
        count = node->limits.apply_entries_max;
    }
    if (node->applied + 1 < node->cache.first) {
        uint64_t last = node->applied + count;

        last = last < node->cache.first ? last : node->cache.first - 1;
        if (!de_node_read_log(node, DE_LOG_READ_FOR_APPLY, node->applied + 1, last)) {
            de_node_retry(node, now_ns);
        }
        return;
    }
    job = new_job(node, (uint32_t)count);
    if (job == NULL) {
        de_node_retry(node, now_ns);
        return;
    }
    for (uint64_t i = 1; i <= count; i++) {
        struct de_entry_buffer *buffer = de_entry_cache_get(&node->cache, node->applied + i);

        DE_ASSERT(buffer != NULL);
        add_entry(node, job, node->applied + i, de_entry_buffer_entry(buffer))->buffer =
            de_entry_buffer_ref(buffer);
    }
    start_job(node, job);
}

bool de_node_apply_read(struct de_node *node, struct de_log_read_job *read)
{
    struct de_apply_job *job;

    DE_ASSERT(read->count > 0);
    DE_ASSERT(read->first == node->applied + 1);
    for (uint32_t i = 0; i < read->count; i++) {
        if (read->entries[i].term != de_raft_term_at(node->raft, read->first + i)) {
            de_node_halt(node, DENGINE_E_CORRUPT, "the log changed below us", "a term differs");
            return false;
        }
    }
    job = new_job(node, read->count);
    if (job == NULL) {
        return false; /* this turn will try again */
    }
    for (uint32_t i = 0; i < read->count; i++) {
        (void)add_entry(node, job, read->first + i, read->entries[i]);
    }
    job->source = read;
    start_job(node, job);
    return true;
}

/* ---- on the applier ---- */

struct run {
    struct de_apply_job *job;
    const struct de_apply_entry *entry;
    bool machine_failed;
};

static int run_command(void *context, uint32_t number, struct dengine_slice command)
{
    struct run *run = context;
    const struct de_apply_entry *entry = run->entry;
    struct de_proposal *proposal = entry->proposal;
    struct dengine_result result = {0, false, 0};
    int rc;

    DE_ASSERT(entry->entry.type == DENGINE_ENTRY_COMMAND);
    DE_ASSERT_IMPLIES(proposal != NULL, number < proposal->count);
    rc = run->job->machine.ops->apply(run->job->machine.object, entry->index, entry->entry.term,
                                      command, &result);
    run->machine_failed = rc != 0;
    if (rc == 0 && proposal != NULL) {
        proposal->results[number] = result;
    }
    return rc;
}

/* Applies all entries and commits; *machine_failed says whose message explains a failure. */
static int run_entries(struct de_apply_job *job, bool *machine_failed)
{
    struct run run = {.job = job, .machine_failed = true};
    const struct de_apply_entry *last = &job->entries[job->count - 1];
    int rc = job->machine.ops->begin(job->machine.object);

    DE_ASSERT(job->count > 0);
    for (uint32_t i = 0; i < job->count && rc == 0; i++) {
        run.entry = &job->entries[i];
        run.machine_failed = false;
        if (run.entry->entry.type == DENGINE_ENTRY_COMMAND) {
            rc = de_batch_visit(run.entry->entry.data, run_command, &run);
        } else {
            DE_ASSERT(run.entry->proposal == NULL);
        }
    }
    if (rc == 0) {
        rc = job->machine.ops->commit(job->machine.object, last->index, last->entry.term);
        run.machine_failed = rc != 0;
    }
    *machine_failed = run.machine_failed;
    return rc;
}

static void answer(struct de_proposal *proposal)
{
    DE_ASSERT(proposal->requests.first != NULL);
    for (uint32_t i = 0; i < proposal->count; i++) {
        struct de_request *request = de_request_list_pop(&proposal->requests);

        request->done(request, 0, &proposal->results[i]);
    }
    DE_ASSERT(proposal->requests.first == NULL);
}

void de_apply_job_run(struct de_apply_job *job)
{
    bool machine_failed = false;
    struct de_sentence text;

    DE_ASSERT(job->count > 0);
    DE_ASSERT(job->status == 0);
    job->status = run_entries(job, &machine_failed);
    if (job->status != 0) {
        de_sentence_init(&text, job->message, sizeof job->message);
        de_sentence_add(&text, machine_failed ? job->machine.ops->message(job->machine.object)
                                              : "a committed entry is not a batch of commands");
        return;
    }
    for (uint32_t i = 0; i < job->count; i++) {
        if (job->entries[i].proposal != NULL) {
            answer(job->entries[i].proposal);
        }
    }
}

/* ---- back on the loop ---- */

static void settle(struct de_node *node, struct de_apply_job *job, struct de_proposal *proposal)
{
    DE_ASSERT(proposal->count > 0);
    if (job->status != 0) {
        /* Committed, so the other replicas apply it; what it did here nobody knows. */
        de_node_end_proposal(node, proposal, DENGINE_E_UNKNOWN);
        return;
    }
    DE_ASSERT(node->pending_requests >= proposal->count);
    DE_ASSERT(node->pending_bytes >= proposal->bytes);
    node->pending_requests -= proposal->count;
    node->pending_bytes -= proposal->bytes;
    de_release(&node->allocator, proposal);
}

void de_node_applied(struct de_node *node, struct de_apply_job *job, uint64_t now_ns)
{
    de_node_enter(node);
    DE_ASSERT(node->applying);
    DE_ASSERT(job->entries[0].index == node->applied + 1);
    node->applying = false;
    if (job->status == 0) {
        node->applied += job->count;
    }
    for (uint32_t i = 0; i < job->count; i++) {
        de_entry_buffer_unref(&node->allocator, job->entries[i].buffer);
        if (job->entries[i].proposal != NULL) {
            settle(node, job, job->entries[i].proposal);
        }
    }
    if (job->status != 0) {
        de_node_halt(node, job->status, "the state machine failed", job->message);
    }
    de_release(&node->allocator, job->source);
    de_release(&node->allocator, job);
    de_node_turn(node, now_ns);
    de_node_leave(node);
}
