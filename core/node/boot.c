/* From what is on disk to a running core: term runs, configurations, the warm end of the log. */
#include "core/base/assert.h"
#include "core/node/batch.h"
#include "core/node/book.h"
#include "core/node/boot.h"
#include "core/node/config_codec.h"

/* A CONFIG entry of the log. */
struct found_configuration {
    uint64_t index;
    struct de_raft_configuration configuration;
};

struct scan {
    struct de_node *node;
    struct de_boot *boot;
    struct de_raft_term_run *runs;
    uint32_t run_count;
    uint32_t run_capacity;
    struct found_configuration *configurations;
    uint32_t configuration_count;
    uint32_t configuration_capacity;
    struct de_raft_boot_configuration *log_configurations; /* the same, as the core wants them */
};

/* Room for one more of size bytes in an array; NULL, and the array as it was, without memory. */
static void *grow(const struct de_allocator *allocator, void *array, uint32_t count,
                  uint32_t *capacity, size_t size)
{
    const uint32_t grown = *capacity == 0 ? 16 : *capacity * 2;
    void *memory;

    DE_ASSERT(count <= *capacity);
    DE_ASSERT(size > 0);
    if (count < *capacity) {
        return array;
    }
    memory = de_reallocate(allocator, array, grown * size);
    if (memory != NULL) {
        *capacity = grown;
    }
    return memory;
}

static int add_run(struct scan *scan, uint64_t index, uint64_t term)
{
    const uint32_t n = scan->run_count;
    struct de_raft_term_run *runs;

    DE_ASSERT(index > 0);
    DE_ASSERT(n <= scan->run_capacity);
    if (n > 0 && scan->runs[n - 1].term == term) {
        return 0;
    }
    runs = grow(&scan->node->allocator, scan->runs, n, &scan->run_capacity, sizeof *runs);
    if (runs == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    scan->runs = runs;
    runs[n] = (struct de_raft_term_run){.first_index = index, .term = term};
    scan->run_count = n + 1;
    return 0;
}

static int add_configuration(struct scan *scan, uint64_t index, struct dengine_slice payload)
{
    const uint32_t n = scan->configuration_count;
    struct found_configuration *found;
    int rc;

    DE_ASSERT(index > 0);
    DE_ASSERT(n <= scan->configuration_capacity);
    found = grow(&scan->node->allocator, scan->configurations, n, &scan->configuration_capacity,
                 sizeof *found);
    if (found == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    scan->configurations = found;
    found[n].index = index;
    rc = de_config_decode_members(payload, &found[n].configuration);
    if (rc != 0) {
        return rc == DENGINE_E_VERSION ? rc : DENGINE_E_CORRUPT;
    }
    de_book_append(&scan->node->book, index, payload);
    scan->configuration_count = n + 1;
    return 0;
}

/* Into the cache; the oldest go when it is full, for all of them are durable. */
static int warm_cache(struct de_node *node, uint64_t snapshot_index, uint64_t index,
                      const struct dengine_entry *entry)
{
    struct de_entry_buffer *buffer;

    DE_ASSERT(index == node->cache.first + node->cache.count);
    buffer = de_entry_buffer_new(&node->allocator, (uint32_t)entry->data.size);
    if (buffer == NULL || !de_entry_cache_reserve(&node->cache, 1)) {
        de_entry_buffer_unref(&node->allocator, buffer);
        return DENGINE_E_NO_MEMORY;
    }
    buffer->term = entry->term;
    buffer->type = entry->type;
    if (entry->data.size > 0) {
        memcpy(de_entry_buffer_data(buffer), entry->data.data, entry->data.size);
    }
    de_entry_cache_append(&node->cache, index, buffer);
    if (entry->type == DENGINE_ENTRY_CONFIG && index > snapshot_index && index <= node->applied) {
        de_node_applied_configuration(node, de_entry_buffer_ref(buffer));
    }
    de_entry_buffer_unref(&node->allocator, buffer);
    de_entry_cache_evict(&node->cache, node->limits.cache_bytes_max, index);
    DE_ASSERT(node->cache.first + node->cache.count == index + 1);
    return 0;
}

static int scan_entry(void *context, uint64_t index, const struct dengine_entry *entry)
{
    struct scan *scan = context;
    int rc = 0;

    DE_ASSERT(index > 0);
    if (entry->term == 0 || entry->data.size > UINT32_MAX / 2) {
        rc = DENGINE_E_CORRUPT;
    } else if (entry->type == DENGINE_ENTRY_CONFIG && index > scan->boot->snapshot_index) {
        rc = add_configuration(scan, index, entry->data);
    } else if (entry->type == DENGINE_ENTRY_CONFIG) {
        /* What trails behind the snapshot: the one in it is newer. */
    } else if (entry->type == DENGINE_ENTRY_COMMAND) {
        rc = de_batch_count(entry->data) > 0 ? 0 : DENGINE_E_CORRUPT;
        scan->node->boot_stamp_ns = de_batch_time_ns(entry->data);
        scan->node->boot_stamp_index = index;
    } else if (entry->type != DENGINE_ENTRY_NOOP) {
        rc = DENGINE_E_CORRUPT;
    }
    rc = rc != 0 ? rc : add_run(scan, index, entry->term);
    rc = rc != 0 ? rc : warm_cache(scan->node, scan->boot->snapshot_index, index, entry);
    if (index > scan->boot->snapshot_index && index <= scan->node->applied) {
        scan->node->snapshots.log_bytes += entry->data.size + sizeof *entry;
    }
    if (rc != 0) {
        de_sentence_add(scan->boot->text, "log entry ");
        de_sentence_add_u64(scan->boot->text, index);
        de_sentence_add(scan->boot->text, rc == DENGINE_E_NO_MEMORY
                                              ? ": out of memory"
                                              : ": is not an entry of this format");
    }
    return rc;
}

static uint64_t term_in_scan(const struct scan *scan, const struct dengine_log_state *state,
                             uint64_t index)
{
    uint64_t term = state->base_term;

    DE_ASSERT(index + 1 >= state->first_index);
    DE_ASSERT(index <= state->last_index);
    for (uint32_t i = 0; i < scan->run_count && scan->runs[i].first_index <= index; i++) {
        term = scan->runs[i].term;
    }
    return term;
}

/* The state machine must stand at a point of this very log. */
static int check_applied(const struct scan *scan)
{
    const struct dengine_log_state *state = &scan->boot->state;
    struct de_sentence *text = scan->boot->text;
    const uint64_t index = scan->node->applied;
    const char *what = NULL;

    DE_ASSERT(state->last_index + 1 >= state->first_index);
    DE_ASSERT(text != NULL);
    if (index > state->last_index) {
        what = "the state machine is ahead of the log: it has applied entry ";
    } else if (index + 1 < state->first_index) {
        what = "the log has dropped entries that the state machine lacks: it has applied entry ";
    } else if (term_in_scan(scan, state, index) != scan->boot->applied_term) {
        what = "the state machine belongs to another log: terms differ at entry ";
    }
    if (what == NULL) {
        return 0;
    }
    de_sentence_add(text, what);
    de_sentence_add_u64(text, index);
    de_sentence_add(text, ", the log has ");
    de_sentence_add_u64(text, state->first_index);
    de_sentence_add(text, " to ");
    de_sentence_add_u64(text, state->last_index);
    return DENGINE_E_CORRUPT;
}

static int scan_log(struct scan *scan)
{
    const struct dengine_log_store log = scan->boot->log;
    const struct dengine_log_state *state = &scan->boot->state;
    const struct de_allocator *allocator = &scan->node->allocator;
    int rc;

    DE_ASSERT(state->first_index > 0);
    DE_ASSERT(scan->run_count == 0);
    if (state->last_index < state->first_index) {
        return 0;
    }
    rc = log.ops->read(log.object, state->first_index, state->last_index, scan_entry, scan);
    if (rc != 0) {
        if (scan->boot->text->size == 0) {
            de_sentence_add(scan->boot->text, log.ops->message(log.object));
        }
        return rc;
    }
    if (scan->configuration_count == 0) {
        return 0;
    }
    scan->log_configurations =
        de_allocate(allocator, scan->configuration_count * sizeof *scan->log_configurations);
    if (scan->log_configurations == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < scan->configuration_count; i++) {
        scan->log_configurations[i].index = scan->configurations[i].index;
        scan->log_configurations[i].configuration = &scan->configurations[i].configuration;
    }
    return 0;
}

static int make_core(struct scan *scan, uint64_t now_ns)
{
    const struct dengine_log_state *state = &scan->boot->state;
    struct de_node *node = scan->node;
    const struct de_raft_boot boot = {
        .now_ns = now_ns,
        .hard_state = state->hard_state,
        .base_index = state->first_index - 1,
        .base_term = state->base_term,
        .last_index = state->last_index,
        .applied = node->applied,
        .runs = scan->runs,
        .run_count = scan->run_count,
        .configuration = &scan->boot->configuration,
        .log_configurations = scan->log_configurations,
        .log_configuration_count = scan->configuration_count,
        .first_boot = state->created,
        .recovering = state->recovering,
    };
    int rc;

    DE_ASSERT(node->applied <= state->last_index);
    DE_ASSERT(node->raft_memory == NULL);
    /* However many terms a log has lived through, it must be possible to start from it. */
    if (node->raft_options.term_runs_max / 2 < scan->run_count) {
        node->raft_options.term_runs_max = 2 * scan->run_count;
    }
    node->raft_memory = de_allocate(&node->allocator, de_raft_size(&node->raft_options));
    if (node->raft_memory == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    rc = de_raft_init(node->raft_memory, &node->raft_options, &boot, &node->raft, &node->update);
    if (rc != 0) {
        de_sentence_add(scan->boot->text, "the hard state and the log contradict each other");
        return rc;
    }
    de_raft_get_view(node->raft, &node->view);
    DE_ASSERT(node->view.last_index == state->last_index);
    DE_ASSERT(node->book.current_index == node->view.config_index);
    return 0;
}

/* The membership to begin with: a snapshot's takes its place. */
static int note_initial(struct de_boot *boot, const struct de_membership *initial)
{
    struct de_entry_buffer *buffer;

    DE_ASSERT(boot->node->snapshots.configuration == NULL);
    DE_ASSERT(initial != NULL);
    boot->node->scratch = *initial;
    if (initial->configuration.count == 0) {
        return 0;
    }
    buffer = de_entry_buffer_new(&boot->node->allocator, (uint32_t)de_config_size(initial));
    if (buffer == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    buffer->type = DENGINE_ENTRY_CONFIG;
    buffer->size =
        (uint32_t)de_config_encode(initial, de_entry_buffer_data(buffer), buffer->capacity);
    de_node_applied_configuration(boot->node, buffer);
    return 0;
}

static int boot_all(struct scan *scan, const struct de_node_options *options, uint64_t now_ns)
{
    struct de_boot *boot = scan->boot;
    struct de_node *node = boot->node;
    int rc;

    DE_ASSERT(node->raft == NULL);
    boot->log.ops->state(boot->log.object, &boot->state);
    rc = node->machine.ops->applied(node->machine.object, &node->applied, &boot->applied_term);
    if (rc != 0) {
        de_sentence_add(boot->text, node->machine.ops->message(node->machine.object));
        return rc;
    }
    rc = note_initial(boot, &options->initial_membership);
    rc = rc != 0 ? rc : de_boot_snapshot(boot);
    boot->configuration = node->scratch.configuration;
    de_book_init(&node->book, boot->state.first_index - 1, &node->scratch);
    node->clock = de_node_machine_clock(node->machine);
    de_entry_cache_init(&node->cache, &node->allocator, boot->state.first_index);
    node->snapshots.compacted = boot->state.first_index - 1;
    rc = rc != 0 ? rc : scan_log(scan);
    rc = rc != 0 ? rc : check_applied(scan);
    rc = rc != 0 ? rc : make_core(scan, now_ns);
    node->whole.wanted = boot->state.recovering && boot->log.ops->whole != NULL;
    node->commit = node->applied;
    node->applied_told = node->applied;
    return rc;
}

int de_node_boot(struct de_node *node, const struct de_node_options *options, uint64_t now_ns,
                 char *message, size_t message_size)
{
    struct de_sentence text;
    struct de_boot boot = {.node = node, .log = options->log, .text = &text};
    struct scan scan = {.node = node, .boot = &boot};
    int rc;

    DE_ASSERT(node != NULL && de_node_running(node));
    DE_ASSERT(options->log.ops != NULL && options->machine.ops != NULL);
    de_sentence_init(&text, message, message_size);
    rc = boot_all(&scan, options, now_ns);
    if (rc != 0 && text.size == 0) {
        de_sentence_add(&text, dengine_strerror(rc));
    }
    de_release(&node->allocator, scan.runs);
    de_release(&node->allocator, scan.configurations);
    de_release(&node->allocator, scan.log_configurations);
    return rc;
}
