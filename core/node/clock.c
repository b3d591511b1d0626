/* Cluster time: what the leader stamps entries with, and when it has to wake the state machine.
 *
 * The stamp of an entry is the newest stamp in the leader's log when it took office, plus what its
 * own clock has measured since. So stamps never go back along the log, stand still while nobody
 * leads, and never run ahead of real time by more than leaders' clocks do.
 *
 * Only stamps that are in the log count, not those that were seen and truncated: a deposed leader
 * goes on stamping, and its time may be ahead of that of the leader who was elected without its
 * last entries. Going on from there, a third leader would make time jump, and leases end early. */
#include "core/base/assert.h"
#include "core/node/batch.h"
#include "core/node/node_state.h"

/* What is not in the cache has been applied, or was in the log at boot. */
static uint64_t newest_stamp(const struct de_node *node)
{
    const struct de_entry_cache *cache = &node->cache;
    uint64_t stamp_ns = node->boot_stamp_ns;

    DE_ASSERT(cache->first + cache->count == node->view.last_index + 1);
    for (uint64_t i = cache->count; i > 0; i--) {
        struct de_entry_buffer *buffer = de_entry_cache_get(cache, cache->first + i - 1);

        DE_ASSERT(buffer != NULL);
        if (buffer->type == DENGINE_ENTRY_COMMAND) {
            stamp_ns = de_batch_time_ns(dengine_bytes(de_entry_buffer_data(buffer), buffer->size));
            break;
        }
    }
    return stamp_ns > node->clock.time_ns ? stamp_ns : node->clock.time_ns;
}

void de_node_take_office(struct de_node *node, uint64_t now_ns)
{
    DE_ASSERT(node->inside);
    if (node->view.role != DE_RAFT_LEADER || node->view.term == node->office.term) {
        return;
    }
    DE_ASSERT(node->view.term > node->office.term);
    DE_ASSERT(node->clock.time_ns <= DE_BATCH_TIME_MAX_NS);
    node->office = (struct de_node_office){
        .term = node->view.term,
        .since_ns = now_ns,
        .time_ns = newest_stamp(node),
    };
    node->office.stamp_ns = node->office.time_ns;
    DE_ASSERT(node->office.stamp_ns >= node->clock.time_ns);
}

void de_node_clock_moved(struct de_node *node, uint64_t now_ns)
{
    struct de_node_office *office = &node->office;

    DE_ASSERT(node->inside);
    if (node->view.role != DE_RAFT_LEADER || node->view.term != office->term ||
        office->time_ns + (now_ns - office->since_ns) >= node->clock.time_ns) {
        return;
    }
    DE_ASSERT(now_ns >= office->since_ns);
    office->since_ns = now_ns;
    office->time_ns = node->clock.time_ns;
}

uint64_t de_node_stamp(struct de_node *node, uint64_t now_ns)
{
    struct de_node_office *office = &node->office;
    uint64_t stamp_ns;

    DE_ASSERT(node->view.role == DE_RAFT_LEADER && node->view.term == office->term);
    DE_ASSERT(now_ns >= office->since_ns);
    stamp_ns = office->time_ns + (now_ns - office->since_ns);
    if (stamp_ns > DE_BATCH_TIME_MAX_NS) {
        stamp_ns = DE_BATCH_TIME_MAX_NS;
    }
    if (stamp_ns > office->stamp_ns) {
        office->stamp_ns = stamp_ns;
    }
    return office->stamp_ns;
}

uint64_t de_node_wake_deadline(const struct de_node *node)
{
    const struct de_node_office *office = &node->office;
    const uint64_t wake_ns = node->clock.wake_ns;
    uint64_t deadline_ns = office->since_ns;

    if (node->view.role != DE_RAFT_LEADER || node->view.term != office->term ||
        wake_ns == UINT64_MAX || office->wake_index > node->applied ||
        node->own_persist_jobs >= node->limits.persist_jobs_max) {
        return DE_NODE_NEVER;
    }
    DE_ASSERT(wake_ns <= 2 * DE_BATCH_TIME_MAX_NS);
    if (wake_ns > office->time_ns) {
        deadline_ns += wake_ns - office->time_ns;
    }
    DE_ASSERT(deadline_ns >= office->since_ns);
    return deadline_ns > office->wake_retry_ns ? deadline_ns : office->wake_retry_ns;
}

/* The wake command as an entry of its own, which nobody waits for; false without memory. */
static bool stage_wake(struct de_node *node, uint64_t now_ns)
{
    const struct dengine_slice command = node->clock.wake_command;
    struct de_entry_buffer *buffer;
    struct de_writer writer;

    DE_ASSERT(command.size > 0 && command.size <= node->limits.batch_bytes_max);
    DE_ASSERT(node->staged_count == 0);
    buffer = de_entry_buffer_new(&node->allocator, (uint32_t)de_batch_size(1, command.size));
    if (buffer == NULL || !de_node_reserve(node, 1)) {
        de_entry_buffer_unref(&node->allocator, buffer);
        return false;
    }
    de_writer_init(&writer, de_entry_buffer_data(buffer), buffer->capacity);
    de_batch_start(&writer, 1, de_node_stamp(node, now_ns));
    de_batch_add(&writer, command);
    DE_ASSERT(writer.size == buffer->size);
    buffer->type = DENGINE_ENTRY_COMMAND;
    node->staged[0] = buffer;
    node->staged_count = 1;
    return true;
}

void de_node_wake(struct de_node *node, uint64_t now_ns)
{
    uint64_t deadline_ns;
    bool early;

    DE_ASSERT(node->inside);
    if (!de_node_running(node)) {
        return;
    }
    deadline_ns = de_node_wake_deadline(node);
    early = deadline_ns > now_ns && deadline_ns != DE_NODE_NEVER &&
            now_ns >= node->office.wake_retry_ns && DE_NODE_SITE(node, EARLY_WAKE);
    if (deadline_ns > now_ns && !early) {
        return;
    }
    DE_ASSERT(node->office.wake_index <= node->applied); /* one at a time */
    if (!de_node_short_of_space(node) && stage_wake(node, now_ns) &&
        de_node_propose_staged(node, NULL, now_ns) == 0) {
        node->office.wake_index = node->update.proposed_index;
    } else if (de_node_running(node)) {
        early = true;
    }
    if (early) { /* not again at once */
        node->office.wake_retry_ns = now_ns + node->raft_options.heartbeat_interval_ns;
    }
}
