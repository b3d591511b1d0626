/* Reading entries back from the log store. */
#include "core/base/assert.h"
#include "core/base/sometimes.h"
#include "core/node/node_state.h"
#include "core/node/text.h"

enum {
    STOP = 1, /* enough: a visitor's answer, not an error code */
    READ_ENTRIES_MAX = 1024,
};

bool de_node_read_log(struct de_node *node, uint32_t purpose, uint64_t first, uint64_t last)
{
    struct de_log_read_job *job;
    const uint64_t range = last - first + 1;
    uint32_t count_max = range < READ_ENTRIES_MAX ? (uint32_t)range : READ_ENTRIES_MAX;

    DE_ASSERT(first > 0 && first <= last);
    DE_ASSERT(last < node->cache.first); /* so it is durable */
    if (count_max > 1 && DE_NODE_SITE(node, SHORT_LOG_READ)) {
        count_max = 1;
    }
    job = de_allocate(&node->allocator,
                      sizeof *job + count_max * sizeof *job->entries + node->read_bytes);
    if (job == NULL) {
        return false;
    }
    memset(job, 0, sizeof *job);
    job->purpose = purpose;
    job->first = first;
    job->last = last;
    job->count_max = count_max;
    job->capacity = node->read_bytes;
    job->entries = (struct dengine_entry *)(void *)(job + 1);
    job->data = (uint8_t *)(job->entries + count_max);
    node->log_reads++;
    if (purpose == DE_LOG_READ_FOR_APPLY) {
        DE_ASSERT(!node->reading_for_apply);
        node->reading_for_apply = true;
    } else {
        DE_ASSERT(!node->reading_for_peer);
        node->reading_for_peer = true;
    }
    node->env.read_log(node->env.context, job);
    return true;
}

static int take_entry(void *context, uint64_t index, const struct dengine_entry *entry)
{
    struct de_log_read_job *job = context;

    DE_ASSERT(index == job->first + job->count);
    DE_ASSERT(job->size <= job->capacity);
    if (job->count == job->count_max) {
        return STOP;
    }
    if (entry->data.size > job->capacity - job->size) {
        job->needed = job->count == 0 ? entry->data.size : 0;
        return STOP;
    }
    job->entries[job->count] = *entry;
    job->entries[job->count].data.data = job->data + job->size;
    if (entry->data.size > 0) {
        memcpy(job->data + job->size, entry->data.data, entry->data.size);
    }
    job->size += entry->data.size;
    job->count++;
    return 0;
}

void de_log_read_job_run(struct de_log_read_job *job, struct dengine_log_store log)
{
    struct de_sentence text;

    DE_ASSERT(job->count == 0 && job->status == 0);
    DE_ASSERT(job->first <= job->last);
    job->status = log.ops->read(log.object, job->first, job->last, take_entry, job);
    if (job->status == STOP) {
        job->status = 0;
    }
    if (job->status != 0) {
        de_sentence_init(&text, job->message, sizeof job->message);
        de_sentence_add(&text, log.ops->message(log.object));
    }
}

uint64_t de_log_read_job_last(const struct de_log_read_job *job)
{
    DE_ASSERT(job != NULL);
    DE_ASSERT(job->first <= job->last);
    return job->last;
}

/* Looks at what was read; true when the job now belongs to somebody else. */
static bool use_read(struct de_node *node, struct de_log_read_job *job)
{
    const bool for_apply = job->purpose == DE_LOG_READ_FOR_APPLY;

    DE_ASSERT(de_node_running(node));
    if (job->first <= node->view.base_index) {
        DE_SOMETIMES(true, "the log that is being read is compacted");
        return false; /* a snapshot was installed over it, or the log compacted */
    }
    if (job->status == DENGINE_E_INVALID && !for_apply) {
        DE_SOMETIMES(true, "entries that a member needs are truncated while they are read");
        return false; /* truncated meanwhile; the head of the backlog finds out by R3 */
    }
    if (job->status != 0) {
        de_node_halt(node, job->status == DENGINE_E_INVALID ? DENGINE_E_CORRUPT : job->status,
                     "the log could not be read", job->message);
        return false;
    }
    if (job->count == 0) {
        DE_ASSERT(job->needed > job->capacity);
        node->read_bytes = job->needed;
        return false;
    }
    if (for_apply) {
        return de_node_apply_read(node, job);
    }
    de_node_backlog_read(node, job);
    return false;
}

void de_node_log_read(struct de_node *node, struct de_log_read_job *job, uint64_t now_ns)
{
    bool taken = false;

    de_node_enter(node);
    DE_ASSERT(node->log_reads > 0);
    node->log_reads--;
    if (job->purpose == DE_LOG_READ_FOR_APPLY) {
        DE_ASSERT(node->reading_for_apply);
        node->reading_for_apply = false;
    } else {
        DE_ASSERT(node->reading_for_peer);
        node->reading_for_peer = false;
    }
    if (de_node_running(node)) {
        taken = use_read(node, job);
    }
    if (!taken) {
        de_release(&node->allocator, job);
    }
    de_node_turn(node, now_ns);
    de_node_leave(node);
}
