/* Committed entries go to the state machine, in order, one job at a time.
 *
 * The core gives out only what is durable here, though more may be committed: the state machine
 * commits by itself, and after a crash it must never be ahead of the log it was made from. */
#include "core/base/assert.h"
#include "core/base/sometimes.h"
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
    job->time_ns = node->clock.time_ns;
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
        DE_SOMETIMES(added->proposal != NULL,
                     "a proposal of a former leadership is committed after all");
    }
    if (added->proposal == NULL) {
        added->proposal = de_proposal_list_take(&node->forwarding.accepted, index, entry.term);
    }
    return added;
}

static void start_job(struct de_node *node, struct de_apply_job *job)
{
    DE_ASSERT(!node->applying);
    DE_ASSERT(job->count > 0);
    node->applying = true;
    node->applying_to = job->entries[job->count - 1].index;
    node->env.apply(node->env.context, job);
}

void de_node_start_apply(struct de_node *node, uint64_t now_ns)
{
    const uint64_t target = node->commit;
    uint64_t count;
    struct de_apply_job *job;

    DE_ASSERT(node->inside);
    DE_ASSERT(target <= node->view.durable_index);
    if (!de_node_running(node) || node->applying || node->applier_task || node->reading_for_apply ||
        node->applied >= target || node->applied < node->view.base_index) {
        return;
    }
    if (DE_NODE_SITE(node, LATE_APPLY)) {
        de_node_retry(node, now_ns);
        return;
    }
    count = target - node->applied;
    if (count > node->limits.apply_entries_max) {
        count = node->limits.apply_entries_max;
    }
    if (count > 1 && DE_NODE_SITE(node, SHORT_APPLY)) {
        count = 1;
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

/* The position of the last configuration in what was read; count when there is none. */
static uint32_t last_configuration(const struct de_log_read_job *read)
{
    uint32_t last = read->count;

    DE_ASSERT(read->count > 0);
    for (uint32_t i = 0; i < read->count; i++) {
        if (read->entries[i].type == DENGINE_ENTRY_CONFIG) {
            last = i;
        }
    }
    DE_ASSERT(last <= read->count);
    return last;
}

/* NULL: no memory. */
static struct de_entry_buffer *copy_entry(struct de_node *node, const struct dengine_entry *entry)
{
    struct de_entry_buffer *copy =
        de_entry_buffer_new(&node->allocator, (uint32_t)entry->data.size);

    DE_ASSERT(entry->type == DENGINE_ENTRY_CONFIG);
    DE_ASSERT(entry->data.size > 0);
    if (copy != NULL) {
        copy->term = entry->term;
        copy->type = entry->type;
        memcpy(de_entry_buffer_data(copy), entry->data.data, entry->data.size);
    }
    return copy;
}

bool de_node_apply_read(struct de_node *node, struct de_log_read_job *read)
{
    struct de_entry_buffer *copy = NULL;
    uint32_t configuration;
    struct de_apply_job *job;

    DE_ASSERT(read->count > 0);
    DE_ASSERT(read->first > node->view.base_index);
    DE_ASSERT(read->first == node->applied + 1 && !node->applier_task);
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
    configuration = last_configuration(read);
    if (configuration < read->count) {
        copy = copy_entry(node, &read->entries[configuration]);
        if (copy == NULL) {
            de_release(&node->allocator, job);
            return false;
        }
    }
    for (uint32_t i = 0; i < read->count; i++) {
        (void)add_entry(node, job, read->first + i, read->entries[i]);
    }
    if (copy != NULL) {
        job->entries[configuration].buffer = copy;
    }
    job->source = read;
    start_job(node, job);
    return true;
}

/* ---- on the applier ---- */

struct run {
    struct de_apply_job *job;
    const struct de_apply_entry *entry;
    struct dengine_position at;
    size_t result_bytes; /* that the state machine holds for this batch */
    bool machine_failed;
};

static int run_command(void *context, uint32_t number, struct dengine_slice command)
{
    struct run *run = context;
    const struct de_apply_entry *entry = run->entry;
    struct de_proposal *proposal = entry->proposal;
    struct dengine_result result = {.status = 0};
    int rc;

    DE_ASSERT(entry->entry.type == DENGINE_ENTRY_COMMAND);
    DE_ASSERT_IMPLIES(proposal != NULL, number < proposal->count);
    rc = run->job->machine.ops->apply(run->job->machine.object, &run->at, command, &result);
    run->machine_failed = rc != 0;
    if (rc == 0) {
        run->result_bytes += result.bytes.size;
        DE_ASSERT(result.bytes.data != NULL || result.bytes.size == 0);
        if (proposal != NULL) {
            proposal->results[number] = result;
        }
    }
    return rc;
}

static int run_entry(struct run *run)
{
    const struct de_apply_entry *entry = run->entry;
    const uint64_t stamp_ns = de_batch_time_ns(entry->entry.data);

    run->machine_failed = false;
    if (entry->entry.type != DENGINE_ENTRY_COMMAND) {
        DE_ASSERT(entry->proposal == NULL);
        return 0;
    }
    if (run->job->time_ns < stamp_ns) {
        run->job->time_ns = stamp_ns;
    }
    run->at = (struct dengine_position){entry->index, entry->entry.term, run->job->time_ns};
    return de_batch_visit(entry->entry.data, run_command, run);
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

/* Applies entries from job->done on in one transaction, commits it and answers: all that are left,
 * or fewer when the results of so many take much memory. *machine_failed says whose message
 * explains a failure. */
static int run_entries(struct de_apply_job *job, bool *machine_failed)
{
    const struct dengine_state_machine machine = job->machine;
    const uint64_t time_ns = job->time_ns;
    struct run run = {.job = job, .machine_failed = true};
    uint32_t end = job->done;
    int rc = machine.ops->begin(machine.object);

    DE_ASSERT(job->done < job->count);
    while (rc == 0 && end < job->count && run.result_bytes < DENGINE_RESULTS_BYTES_MAX) {
        run.entry = &job->entries[end++];
        rc = run_entry(&run);
    }
    if (rc == 0) {
        rc = machine.ops->commit(machine.object, run.entry->index, run.entry->entry.term);
        run.machine_failed = rc != 0;
    }
    *machine_failed = run.machine_failed;
    if (rc != 0) {
        job->time_ns = time_ns; /* none of them has been: the next attempt begins where this did */
        return rc;
    }
    for (; job->done < end; job->done++) {
        if (job->entries[job->done].proposal != NULL) {
            answer(job->entries[job->done].proposal);
        }
    }
    return 0;
}

struct dengine_machine_clock de_node_machine_clock(struct dengine_state_machine machine)
{
    struct dengine_machine_clock clock = {.wake_ns = UINT64_MAX};

    DE_ASSERT(machine.ops != NULL);
    if (machine.ops->clock != NULL) {
        machine.ops->clock(machine.object, &clock);
    }
    DE_ASSERT(clock.time_ns <= DE_BATCH_TIME_MAX_NS);
    DE_ASSERT_IMPLIES(clock.wake_ns != UINT64_MAX, clock.wake_command.size > 0);
    return clock;
}

int de_apply_job_run(struct de_apply_job *job)
{
    bool machine_failed = false;
    struct de_sentence text;

    DE_ASSERT(job->count > 0);
    DE_ASSERT(job->status == 0 || job->status == DENGINE_E_NO_SPACE);
    DE_ASSERT(job->done < job->count);
    job->status = 0;
    while (job->status == 0 && job->done < job->count) {
        job->status = run_entries(job, &machine_failed);
    }
    if (job->status != 0) {
        de_sentence_init(&text, job->message, sizeof job->message);
        de_sentence_add(&text, machine_failed ? job->machine.ops->message(job->machine.object)
                                              : "a committed entry is not a batch of commands");
        return job->status;
    }
    job->clock = de_node_machine_clock(job->machine);
    return 0;
}

/* ---- back on the loop ---- */

static void settle(struct de_node *node, bool done, struct de_proposal *proposal)
{
    DE_ASSERT(proposal->count > 0);
    if (!done) {
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

/* The next snapshot will cover these, with the last configuration among them. */
static void note_applied(struct de_node *node, const struct de_apply_job *job)
{
    DE_ASSERT(job->status == 0);
    DE_ASSERT(node->applied == job->entries[job->count - 1].index);
    for (uint32_t i = 0; i < job->count; i++) {
        const struct de_apply_entry *entry = &job->entries[i];

        node->snapshots.log_bytes += entry->entry.data.size + sizeof entry->entry;
        if (entry->entry.type == DENGINE_ENTRY_CONFIG && entry->buffer != NULL) {
            de_node_applied_configuration(node, de_entry_buffer_ref(entry->buffer));
        }
    }
}

void de_node_applied(struct de_node *node, struct de_apply_job *job, uint64_t now_ns)
{
    de_node_enter(node);
    DE_ASSERT(node->applying);
    DE_ASSERT(job->entries[0].index == node->applied + 1);
    node->applying = false;
    if (job->status == 0) {
        DE_ASSERT(job->done == job->count);
        node->applied += job->count;
        node->clock = job->clock;
        note_applied(node, job);
    }
    for (uint32_t i = 0; i < job->count; i++) {
        de_entry_buffer_unref(&node->allocator, job->entries[i].buffer);
        if (job->entries[i].proposal != NULL) {
            settle(node, i < job->done, job->entries[i].proposal);
        }
    }
    DE_ASSERT_IMPLIES(job->status == DENGINE_E_NO_SPACE, !de_node_running(node));
    if (job->status != 0 && job->status != DENGINE_E_NO_SPACE) {
        de_node_halt(node, job->status, "the state machine failed", job->message);
    }
    de_release(&node->allocator, job->source);
    de_release(&node->allocator, job);
    de_node_turn(node, now_ns);
    de_node_leave(node);
}

void de_node_machine_full(struct de_node *node, bool full, uint64_t now_ns)
{
    de_node_enter(node);
    DE_ASSERT_IMPLIES(full, node->applying);
    node->machine_full = full;
    de_node_turn(node, now_ns);
    DE_ASSERT(node->staged_count == 0);
    de_node_leave(node);
}
