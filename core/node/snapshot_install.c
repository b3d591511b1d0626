/* Installing a received snapshot (Raft 7, figure 13): the core decides, the log writer empties the
 * log, the applier replaces the state machine. */
#include "core/base/assert.h"
#include "core/node/node_state.h"
#include "core/node/text.h"

/* ---- on the applier ---- */

static int open_snapshot(struct de_restore *restore)
{
    struct dengine_snapshot_meta meta;
    int rc;

    DE_ASSERT(restore->reader == NULL);
    DE_ASSERT(!restore->begun);
    rc = restore->store.ops->open(restore->store.object, restore->index, &restore->reader, &meta,
                                  &restore->image_bytes);
    if (rc != 0) {
        restore->reader = NULL;
        return rc;
    }
    return de_node_take_configuration(&meta, restore->index, restore->term, restore->configuration);
}

static void close_snapshot(struct de_restore *restore)
{
    if (restore->reader != NULL) {
        restore->store.ops->close_reader(restore->store.object, restore->reader);
        restore->reader = NULL;
    }
    if (restore->begun) {
        restore->machine.ops->restore_abort(restore->machine.object);
        restore->begun = false;
    }
    DE_ASSERT(restore->reader == NULL && !restore->begun);
}

/* Moves a slice; *machine_failed says whose message explains a failure. */
static int move_slice(struct de_restore *restore, bool *machine_failed)
{
    size_t moved = 0;
    int rc = 0;

    DE_ASSERT(restore->begun && restore->reader != NULL);
    while (rc == 0 && moved < DE_SNAPSHOT_SLICE_BYTES && !restore->finished) {
        size_t size = 0;

        *machine_failed = false;
        rc = restore->store.ops->read(restore->store.object, restore->reader, restore->buffer,
                                      sizeof restore->buffer, &size);
        if (rc != 0) {
            break;
        }
        *machine_failed = true;
        if (size > 0) {
            rc = restore->machine.ops->restore_write(restore->machine.object,
                                                     dengine_bytes(restore->buffer, size));
            moved += size;
        } else {
            rc = restore->machine.ops->restore_commit(restore->machine.object, restore->index,
                                                      restore->term);
            restore->begun = false;
            restore->finished = rc == 0;
        }
    }
    return rc;
}

static void keep_message(struct de_restore *restore, bool machine_failed)
{
    struct de_sentence text;

    DE_ASSERT(restore->status != 0);
    de_sentence_init(&text, restore->message, sizeof restore->message);
    de_sentence_add(&text, machine_failed ? restore->machine.ops->message(restore->machine.object)
                                          : restore->store.ops->message(restore->store.object));
    DE_ASSERT(text.size < sizeof restore->message);
}

static void run_restore(struct de_node_task *task)
{
    struct de_restore *restore = DE_CONTAINER_OF(task, struct de_restore, task);
    bool machine_failed = false;

    DE_ASSERT(!restore->finished);
    DE_ASSERT(restore->index > 0);
    if (restore->abort) {
        close_snapshot(restore);
        return;
    }
    if (restore->reader == NULL) {
        restore->status = open_snapshot(restore);
        if (restore->status == 0) {
            restore->status = restore->machine.ops->restore_begin(restore->machine.object);
            machine_failed = restore->status != 0;
            restore->begun = restore->status == 0;
        }
    }
    if (restore->status == 0) {
        restore->status = move_slice(restore, &machine_failed);
    }
    if (restore->status != 0) {
        keep_message(restore, machine_failed);
    }
    if (restore->finished) {
        restore->clock = de_node_machine_clock(restore->machine);
    }
    if (restore->status != 0 || restore->finished) {
        close_snapshot(restore);
    }
}

int de_node_restore_now(struct de_node *node, uint64_t index, uint64_t term, uint64_t *image_bytes,
                        struct de_entry_buffer *configuration, char *message, size_t message_size)
{
    struct de_restore *restore = de_allocate(&node->allocator, sizeof *restore);
    struct de_sentence text;
    int rc;

    DE_ASSERT(index > 0 && term > 0);
    DE_ASSERT(configuration != NULL);
    de_sentence_init(&text, message, message_size);
    if (restore == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memset(restore, 0, sizeof *restore);
    restore->machine = node->machine;
    restore->store = node->snapshots.store;
    restore->index = index;
    restore->term = term;
    restore->configuration = configuration;
    while (restore->status == 0 && !restore->finished) {
        run_restore(&restore->task);
    }
    rc = restore->status;
    *image_bytes = restore->image_bytes;
    de_sentence_add(&text, restore->message);
    de_release(&node->allocator, restore);
    return rc;
}

/* ---- on the loop ---- */

static void free_restore(struct de_node *node, struct de_restore *restore)
{
    DE_ASSERT(restore == node->snapshots.restore);
    DE_ASSERT(restore->reader == NULL && !restore->begun);
    node->snapshots.restore = NULL;
    de_entry_buffer_unref(&node->allocator, restore->configuration);
    de_release(&node->allocator, restore);
}

static void restored(struct de_node *node, struct de_restore *restore, uint64_t now_ns)
{
    struct de_snapshots *snaps = &node->snapshots;

    DE_ASSERT(restore->index == node->view.base_index);
    DE_ASSERT(restore->index > node->applied);
    node->applied = restore->index;
    node->clock = restore->clock;
    de_node_clock_moved(node, now_ns);
    de_node_applied_configuration(node, de_entry_buffer_ref(restore->configuration));
    snaps->count.installed++;
    snaps->log_bytes = 0;
    if (restore->index >= snaps->index) {
        snaps->index = restore->index;
        snaps->image_bytes = restore->image_bytes;
    }
    free_restore(node, restore);
}

static void restore_done(struct de_node *node, struct de_node_task *task, uint64_t now_ns)
{
    struct de_restore *restore = DE_CONTAINER_OF(task, struct de_restore, task);
    const int status = restore->status;

    DE_ASSERT(restore == node->snapshots.restore);
    if (!de_node_running(node)) {
        if (restore->reader != NULL) {
            restore->abort = true;
            de_node_run_task(node, task, DE_WORKER_APPLIER);
        } else {
            free_restore(node, restore);
        }
    } else if (restore->finished) {
        restored(node, restore, now_ns);
    } else if (status == 0) {
        de_node_run_task(node, task, DE_WORKER_APPLIER);
    } else if (status == DENGINE_E_NO_MEMORY || status == DENGINE_E_NO_SPACE ||
               status == DENGINE_E_BUSY) {
        de_node_snapshot_failed(node, status);
        node->snapshots.restore_after_ns = now_ns + node->raft_options.election_timeout_max_ns;
        free_restore(node, restore);
    } else {
        de_node_halt(node, status, "the snapshot could not be installed", restore->message);
        free_restore(node, restore);
    }
}

static struct de_restore *new_restore(struct de_node *node)
{
    struct de_restore *restore = de_allocate(&node->allocator, sizeof *restore);
    struct de_entry_buffer *configuration =
        de_entry_buffer_new(&node->allocator, DE_CONFIG_BYTES_MAX);

    DE_ASSERT(node->snapshots.restore == NULL);
    DE_ASSERT(node->view.base_index > 0);
    if (restore == NULL || configuration == NULL) {
        de_release(&node->allocator, restore);
        de_entry_buffer_unref(&node->allocator, configuration);
        return NULL;
    }
    memset(restore, 0, sizeof *restore);
    restore->machine = node->machine;
    restore->store = node->snapshots.store;
    restore->index = node->view.base_index;
    restore->term = de_raft_term_at(node->raft, restore->index);
    restore->configuration = configuration;
    restore->configuration->type = DENGINE_ENTRY_CONFIG;
    restore->task.run = run_restore;
    restore->task.done = restore_done;
    return restore;
}

void de_node_install_turn(struct de_node *node, uint64_t now_ns)
{
    struct de_snapshots *snaps = &node->snapshots;

    DE_ASSERT(node->inside);
    /* The log has been emptied, durably, and goes on after what the state machine lacks. */
    if (!de_node_running(node) || snaps->restore != NULL || node->applying || node->applier_task ||
        node->applied >= node->view.base_index || node->commit < node->view.base_index) {
        return;
    }
    DE_ASSERT(snaps->store.ops != NULL);
    if (now_ns < snaps->restore_after_ns) {
        de_node_wake_at(node, snaps->restore_after_ns);
        return;
    }
    snaps->restore = new_restore(node);
    if (snaps->restore == NULL) {
        de_node_retry(node, now_ns);
        return;
    }
    de_node_run_task(node, &snaps->restore->task, DE_WORKER_APPLIER);
}

void de_node_tell_staged(struct de_node *node, uint64_t now_ns)
{
    struct de_staged *staged = &node->snapshots.staged;
    struct de_raft_configuration configuration;
    const struct de_raft_event event = {
        .now_ns = now_ns,
        .type = DE_RAFT_EV_SNAPSHOT_STAGED,
        .index = staged->index,
        .term = staged->term,
        .configuration = &configuration,
    };
    int rc;

    DE_ASSERT(node->inside);
    if (!de_node_running(node) || staged->index == 0) {
        return;
    }
    rc =
        de_config_decode_members(de_entry_buffer_entry(staged->configuration).data, &configuration);
    DE_ASSERT(rc == 0); /* it was checked when it was staged */
    if (!de_node_step_simple(node, &event)) {
        de_node_retry(node, now_ns);
        return;
    }
    de_entry_buffer_unref(&node->allocator, staged->configuration);
    memset(staged, 0, sizeof *staged);
}

void de_node_install(struct de_node *node, struct de_persist_work *work)
{
    const struct de_raft_persist *persist = &node->update.persist;
    int rc;

    DE_ASSERT(persist->install_index == node->view.last_index);
    DE_ASSERT(persist->install_index > node->commit);
    rc = de_config_decode(de_entry_buffer_entry(node->snapshots.staged.configuration).data,
                          &node->scratch);
    DE_ASSERT(rc == 0); /* it was checked when it was staged */
    de_book_init(&node->book, persist->install_index, &node->scratch);
    de_entry_cache_restart(&node->cache, persist->install_index + 1);
    work->job.install_index = persist->install_index;
    work->job.install_term = persist->install_term;
    if (node->snapshots.compacted < persist->install_index) {
        node->snapshots.compacted = persist->install_index;
    }
}
