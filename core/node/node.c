/* Making, stopping and freeing a node. */
#include "core/base/assert.h"
#include "core/node/node_state.h"
#include "core/node/text.h"

enum {
    READ_BYTES_MIN = 64 * 1024, /* room for entries in a log read */
};

void de_node_limits_default(struct de_node_limits *limits)
{
    DE_ASSERT(limits != NULL);
    limits->pending_requests_max = 65536;
    limits->pending_bytes_max = 64u * 1024 * 1024;
    limits->batch_commands_max = 1024;
    limits->batch_bytes_max = 1024 * 1024;
    limits->cache_bytes_max = 64u * 1024 * 1024;
    limits->apply_entries_max = 256;
    limits->persist_jobs_max = 1;
    limits->promotion_lag_max = 1024;
    limits->snapshot_log_bytes_min = 64u * 1024 * 1024;
    limits->snapshot_trailing_entries = 4096;
    limits->snapshot_chunk_bytes = 256 * 1024;
    limits->snapshot_window_bytes = 1024 * 1024;
    limits->snapshot_bytes_per_second = 0;
}

/* NULL, or what is wrong. */
static const char *check_limits(const struct de_node_limits *limits)
{
    DE_ASSERT(limits != NULL);
    if (limits->pending_requests_max == 0 || limits->pending_bytes_max == 0) {
        return "limits on pending requests must be at least 1";
    }
    if (limits->batch_commands_max == 0 || limits->batch_bytes_max == 0) {
        return "limits on a batch must be at least 1";
    }
    /* A payload has to fit a 32-bit size, its overhead included. */
    if (limits->batch_bytes_max > UINT32_MAX / 8 || limits->batch_commands_max > UINT32_MAX / 64) {
        return "limits on a batch are too large";
    }
    if (limits->apply_entries_max == 0 || limits->persist_jobs_max == 0) {
        return "limits on jobs must be at least 1";
    }
    if (limits->snapshot_chunk_bytes == 0 || limits->snapshot_chunk_bytes > DE_CHUNK_BYTES_MAX ||
        limits->snapshot_window_bytes < limits->snapshot_chunk_bytes) {
        return "a chunk of a snapshot must be between one byte and 1 MiB, and fit the window";
    }
    return NULL;
}

static int check_options(const struct de_node_options *options, char *message, size_t message_size)
{
    const char *reason = check_limits(&options->limits);
    const struct de_membership *initial = &options->initial_membership;
    struct de_sentence text;

    DE_ASSERT(options->allocator.resize != NULL && options->allocator.release != NULL);
    DE_ASSERT(options->env.send != NULL && options->env.persist != NULL);
    DE_ASSERT(initial->configuration.count == 0 || initial->highest_id > 0);
    if (reason == NULL && de_raft_check_options(&options->raft, &reason) == 0) {
        return 0;
    }
    de_sentence_init(&text, message, message_size);
    de_sentence_add(&text, reason != NULL ? reason : "invalid options");
    return DENGINE_E_CONFIG;
}

static void free_memory(struct de_node *node)
{
    const struct de_allocator allocator = node->allocator;

    DE_ASSERT(node->staged_count == 0);
    DE_ASSERT(node->backlog_first == NULL);
    if (node->cache.allocator != NULL) {
        de_entry_cache_deinit(&node->cache);
    }
    de_node_snapshots_deinit(node);
    de_release(&allocator, node->spare_work);
    de_entry_buffer_unref(&allocator, node->spare_core);
    de_release(&allocator, node->staged);
    de_release(&allocator, node->metas);
    de_release(&allocator, node->send_entries);
    de_release(&allocator, node->raft_memory);
    de_release(&allocator, node);
}

static struct de_node *allocate(const struct de_node_options *options, uint64_t now_ns)
{
    struct de_node *node = de_allocate(&options->allocator, sizeof *node);

    DE_ASSERT(options->env.arm != NULL && options->env.apply != NULL);
    DE_ASSERT(options->env.read_log != NULL && options->env.halted != NULL);
    DE_ASSERT(options->env.changed != NULL && options->env.lease != NULL);
    DE_ASSERT(options->env.run_task != NULL);
    if (node == NULL) {
        return NULL;
    }
    memset(node, 0, sizeof *node);
    node->limits = options->limits;
    node->env = options->env;
    node->allocator = options->allocator;
    node->machine = options->machine;
    node->log = options->log;
    node->snapshots.store = options->snapshots;
    node->raft_options = options->raft;
    node->raft_deadline_ns = DE_NODE_NEVER;
    node->retry_ns = DE_NODE_NEVER;
    node->armed_ns = DE_NODE_NEVER;
    node->change.deadline_ns = DE_NODE_NEVER;
    node->transfer.deadline_ns = DE_NODE_NEVER;
    node->read_bytes = options->raft.append_bytes_max;
    if (node->read_bytes < READ_BYTES_MIN) {
        node->read_bytes = READ_BYTES_MIN;
    }
    DE_ASSERT(options->raft.append_entries_max > 0);
    node->send_entries = de_allocate(&options->allocator,
                                     options->raft.append_entries_max * sizeof *node->send_entries);
    if (node->send_entries == NULL) {
        de_release(&options->allocator, node);
        return NULL;
    }
    DE_ASSERT(de_node_running(node));
    de_node_forward_init(node, options->no_forwarding, now_ns);
    return node;
}

int de_node_new(const struct de_node_options *options, uint64_t now_ns, struct de_node **node,
                char *message, size_t message_size)
{
    struct de_node *made;
    int rc;

    DE_ASSERT(options != NULL && node != NULL);
    DE_ASSERT(message != NULL || message_size == 0);
    *node = NULL;
    rc = check_options(options, message, message_size);
    if (rc != 0) {
        return rc;
    }
    made = allocate(options, now_ns);
    rc = made != NULL ? de_node_boot(made, options, now_ns, message, message_size)
                      : DENGINE_E_NO_MEMORY;
    if (rc == 0 && !de_node_reserve(made, 0)) {
        rc = DENGINE_E_NO_MEMORY;
    }
    if (rc != 0) {
        if (made != NULL) {
            free_memory(made);
        }
        if (rc == DENGINE_E_NO_MEMORY) {
            struct de_sentence text;

            de_sentence_init(&text, message, message_size);
            de_sentence_add(&text, dengine_strerror(rc));
        }
        return rc;
    }
    *node = made;
    de_node_enter(made);
    de_node_execute(made, false, now_ns);
    de_node_turn(made, now_ns);
    de_node_leave(made);
    return 0;
}

void de_node_stop(struct de_node *node)
{
    de_node_enter(node);
    if (!node->stopped) {
        node->stopped = true;
        de_node_end_lease(node);
        de_node_end_all(node, DENGINE_E_SHUTDOWN);
    }
    DE_ASSERT(!de_node_running(node));
    de_node_leave(node);
}

bool de_node_idle(const struct de_node *node)
{
    DE_ASSERT(node != NULL);
    DE_ASSERT_IMPLIES(node->own_persist_jobs > 0, node->persist_jobs > 0);
    return node->persist_jobs == 0 && node->log_reads == 0 && !node->applying &&
           node->snapshots.tasks == 0;
}

void de_node_free(struct de_node *node)
{
    if (node == NULL) {
        return;
    }
    DE_ASSERT(node->stopped && !node->inside);
    DE_ASSERT(de_node_idle(node));
    DE_ASSERT(node->pending_requests == 0 && node->pending_bytes == 0);
    free_memory(node);
}
