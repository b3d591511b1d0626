/* The write of an update: into the cache now, to the log store by a job. */
#include "core/base/assert.h"
#include "core/base/sometimes.h"
#include "core/node/config_codec.h"
#include "core/node/node_state.h"

struct de_persist_work *de_persist_work_new(const struct de_allocator *allocator, uint32_t capacity)
{
    struct de_persist_work *work;
    size_t size = sizeof *work;

    DE_ASSERT(capacity > 0);
    size += capacity * (sizeof *work->entries + sizeof *work->buffers);
    work = de_allocate(allocator, size);
    if (work == NULL) {
        return NULL;
    }
    memset(work, 0, sizeof *work);
    work->capacity = capacity;
    work->entries = (struct dengine_entry *)(void *)(work + 1);
    work->buffers = (struct de_entry_buffer **)(void *)(work->entries + capacity);
    DE_ASSERT(work->count == 0);
    return work;
}

/* The configuration that the core wants written, with what the core does not know. */
static void write_config(struct de_node *node, const struct de_raft_configuration *configuration,
                         struct de_entry_buffer *buffer)
{
    const struct de_membership *current = &node->book.current;

    DE_ASSERT(configuration != NULL);
    de_membership_complete(configuration, current, node->target_in_use ? &node->target : current,
                           &node->scratch);
    buffer->size =
        (uint32_t)de_config_encode(&node->scratch, de_entry_buffer_data(buffer), buffer->capacity);
    DE_ASSERT(buffer->size <= buffer->capacity);
}

/* The entry that the core has made, from the spare buffer. */
static struct de_entry_buffer *make_core_entry(struct de_node *node)
{
    const struct de_raft_persist *persist = &node->update.persist;
    struct de_entry_buffer *buffer = node->spare_core;

    DE_ASSERT(persist->count == 1);
    DE_ASSERT(buffer != NULL && buffer->references == 1);
    node->spare_core = NULL;
    buffer->term = persist->term;
    buffer->type = persist->core_type;
    buffer->size = 0;
    if (persist->core_type == DENGINE_ENTRY_CONFIG) {
        write_config(node, persist->configuration, buffer);
    }
    return buffer;
}

/* Takes over the reference to buffer. */
static void add_entry(struct de_node *node, struct de_persist_work *work, uint64_t index,
                      struct de_entry_buffer *buffer)
{
    DE_ASSERT(work->count < work->capacity);
    DE_ASSERT(buffer->term > 0 && buffer->term <= node->view.term);
    work->buffers[work->count] = buffer;
    work->entries[work->count] = de_entry_buffer_entry(buffer);
    work->count++;
    de_entry_cache_append(&node->cache, index, buffer);
    if (buffer->type == DENGINE_ENTRY_CONFIG) {
        de_book_append(&node->book, index, de_entry_buffer_entry(buffer).data);
    }
}

static void add_event_entries(struct de_node *node, struct de_persist_work *work, bool own)
{
    const struct de_raft_persist *persist = &node->update.persist;

    DE_ASSERT(persist->count > 0);
    DE_ASSERT(persist->skip + persist->count <= node->staged_count);
    for (uint32_t i = 0; i < persist->count; i++) {
        struct de_entry_buffer *buffer = node->staged[persist->skip + i];

        if (own) {
            buffer->term = persist->term;
        }
        add_entry(node, work, persist->first_index + i, de_entry_buffer_ref(buffer));
    }
}

void de_node_persist(struct de_node *node, bool own)
{
    const struct de_raft_persist *persist = &node->update.persist;
    struct de_persist_work *work = node->spare_work;

    DE_ASSERT(work != NULL);
    node->spare_work = NULL;
    if (persist->truncate_from != 0) {
        DE_ASSERT(persist->truncate_from > node->commit);
        DE_SOMETIMES(node->persist_jobs > 0, "entries are truncated while the log store writes");
        de_entry_cache_truncate(&node->cache, persist->truncate_from);
        de_book_truncate(&node->book, persist->truncate_from);
        if (persist->truncate_from <= node->boot_stamp_index) {
            node->boot_stamp_ns = 0;
        }
    }
    switch (persist->source) {
    case DE_RAFT_FROM_EVENT:
        add_event_entries(node, work, own);
        break;
    case DE_RAFT_FROM_CORE:
        add_entry(node, work, persist->first_index, make_core_entry(node));
        break;
    default:
        DE_ASSERT(persist->source == DE_RAFT_NO_ENTRIES);
    }
    if (persist->install_index != 0) {
        de_node_install(node, work);
    }
    DE_ASSERT(node->cache.first + node->cache.count == node->view.last_index + 1);
    DE_ASSERT(node->book.current_index == node->view.config_index);
    work->own = own && persist->source == DE_RAFT_FROM_EVENT;
    work->job.ticket = persist->ticket;
    work->job.write.set_hard_state = true;
    work->job.write.hard_state = persist->hard_state;
    work->job.write.truncate_from = persist->truncate_from;
    work->job.write.first_index = persist->first_index;
    work->job.write.entries = work->entries;
    work->job.write.entry_count = work->count;
    node->persist_jobs++;
    node->own_persist_jobs += work->own ? 1 : 0;
    node->env.persist(node->env.context, &work->job);
}

/* ---- on the log writer ---- */

enum {
    /* Writes that share a flush: so many, and so many bytes, save that one of any size may go
     * alone. */
    WRITES_MAX = 64,
    WRITES_BYTES_MAX = 4 * 1024 * 1024,
};

static size_t write_bytes(const struct dengine_log_write *write)
{
    size_t bytes = 0;

    DE_ASSERT(write != NULL);
    for (size_t i = 0; i < write->entry_count; i++) {
        bytes += write->entries[i].data.size;
    }
    return bytes;
}

int de_persist_jobs_run(const struct de_persist_job *first, struct dengine_log_store log,
                        size_t *count)
{
    struct dengine_log_write writes[WRITES_MAX];
    size_t bytes = 0;

    DE_ASSERT(first != NULL);
    *count = 0;
    if (first->install_index != 0) {
        DE_ASSERT(first->write.entry_count == 0 && first->write.truncate_from == 0);
        *count = 1;
        return log.ops->reset(log.object, first->install_index, first->install_term,
                              &first->write.hard_state);
    }
    for (const struct de_persist_job *job = first;
         job != NULL && job->install_index == 0 && *count < WRITES_MAX; job = job->next) {
        bytes += write_bytes(&job->write);
        if (*count > 0 && bytes > WRITES_BYTES_MAX) {
            break;
        }
        writes[(*count)++] = job->write;
    }
    DE_ASSERT(*count > 0);
    return log.ops->write(log.object, writes, *count);
}

/* ---- back on the loop ---- */

static void free_work(struct de_node *node, struct de_persist_work *work)
{
    DE_ASSERT(work->count <= work->capacity);
    for (uint32_t i = 0; i < work->count; i++) {
        de_entry_buffer_unref(&node->allocator, work->buffers[i]);
    }
    work->count = 0;
    work->job.install_index = 0;
    work->job.install_term = 0;
    /* The next step needs one; keeping it also lets a completion be told without memory. */
    if (node->spare_work == NULL && de_node_running(node)) {
        node->spare_work = work;
        return;
    }
    de_release(&node->allocator, work);
}

void de_node_persisted(struct de_node *node, struct de_persist_job *job, int status,
                       const char *message, uint64_t now_ns)
{
    struct de_persist_work *work = DE_CONTAINER_OF(job, struct de_persist_work, job);

    de_node_enter(node);
    DE_ASSERT(node->persist_jobs > 0);
    DE_ASSERT(job->ticket > node->persisted); /* in order */
    node->persist_jobs--;
    if (work->own) {
        DE_ASSERT(node->own_persist_jobs > 0);
        node->own_persist_jobs--;
    }
    if (status == 0 && de_node_running(node)) {
        node->persisted = job->ticket;
    }
    free_work(node, work);
    DE_ASSERT_IMPLIES(status == DENGINE_E_NO_SPACE, !de_node_running(node));
    if (status != 0 && status != DENGINE_E_NO_SPACE) {
        /* Final: a retried flush can report success for lost pages. */
        de_node_halt(node, status, "the log could not be written", message);
    }
    de_node_turn(node, now_ns);
    de_node_leave(node);
}

void de_node_log_room(struct de_node *node, enum dengine_log_room room, uint64_t now_ns)
{
    de_node_enter(node);
    DE_ASSERT(room <= DENGINE_LOG_ROOM_NONE);
    node->log_room = room;
    de_node_turn(node, now_ns);
    DE_ASSERT(node->staged_count == 0);
    de_node_leave(node);
}

void de_node_log_failed(struct de_node *node, int err, const char *message, uint64_t now_ns)
{
    de_node_enter(node);
    DE_ASSERT(err < 0 && err != DENGINE_E_NO_SPACE);
    DE_ASSERT(message != NULL);
    de_node_halt(node, err, "the log has failed", message);
    de_node_turn(node, now_ns);
    de_node_leave(node);
}
