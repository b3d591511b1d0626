/* Taking snapshots of the own state, and forgetting the log before them (Raft 7).
 *
 * The applier opens a consistent view between two entries and goes on; the snapshot worker writes
 * that view into the store in slices. Only when the snapshot is durable the log may be cut. */
#include "core/base/assert.h"
#include "core/node/node_state.h"
#include "core/node/text.h"

/* ---- on the workers ---- */

static void keep_message(char *message, const char *reason)
{
    struct de_sentence text;

    DE_ASSERT(reason != NULL);
    de_sentence_init(&text, message, DE_SNAPSHOT_MESSAGE);
    de_sentence_add(&text, reason);
    DE_ASSERT(text.size < DE_SNAPSHOT_MESSAGE);
}

static void run_begin(struct de_node_task *task)
{
    struct de_save *save = DE_CONTAINER_OF(task, struct de_save, task);

    DE_ASSERT(save->stage == DE_SAVE_BEGIN);
    DE_ASSERT(save->save == NULL);
    save->status =
        save->machine.ops->save_begin(save->machine.object, &save->save, &save->index, &save->term);
    if (save->status != 0) {
        save->save = NULL;
        keep_message(save->message, save->machine.ops->message(save->machine.object));
    }
}

static int create(struct de_save *save)
{
    const struct dengine_snapshot_meta meta = {
        .cluster_id = save->cluster_id,
        .index = save->index,
        .term = save->term,
        .configuration = de_entry_buffer_entry(save->configuration).data,
    };

    DE_ASSERT(save->writer == NULL);
    DE_ASSERT(meta.index > 0 && meta.term > 0);
    return save->store.ops->create(save->store.object, &meta, &save->writer);
}

/* All has been read: makes it durable and looks how large it became. */
static int commit(struct de_save *save)
{
    struct dengine_snapshot_reader *reader = NULL;
    struct dengine_snapshot_meta meta;
    int rc;

    DE_ASSERT(save->writer != NULL);
    save->machine.ops->save_end(save->machine.object, save->save);
    save->save = NULL;
    rc = save->store.ops->commit(save->store.object, save->writer);
    save->writer = NULL;
    if (rc != 0) {
        return rc;
    }
    rc = save->store.ops->open(save->store.object, save->index, &reader, &meta, &save->image_bytes);
    if (rc == 0) {
        save->store.ops->close_reader(save->store.object, reader);
        save->finished = true;
    }
    return rc;
}

static void run_write(struct de_node_task *task)
{
    struct de_save *save = DE_CONTAINER_OF(task, struct de_save, task);
    size_t moved = 0;
    bool from_machine = false;
    int rc = save->writer == NULL ? create(save) : 0;

    DE_ASSERT(save->stage == DE_SAVE_WRITE);
    DE_ASSERT(!save->finished);
    while (rc == 0 && !save->finished && moved < DE_SNAPSHOT_SLICE_BYTES) {
        size_t size = 0;

        rc = save->machine.ops->save_read(save->machine.object, save->save, save->buffer,
                                          sizeof save->buffer, &size);
        from_machine = rc != 0;
        if (rc == 0 && size == 0) {
            rc = commit(save);
        } else if (rc == 0) {
            rc = save->store.ops->write(save->store.object, save->writer,
                                        dengine_bytes(save->buffer, size));
            moved += size;
        }
    }
    save->status = rc;
    if (rc != 0) {
        keep_message(save->message, from_machine ? save->machine.ops->message(save->machine.object)
                                                 : save->store.ops->message(save->store.object));
    }
}

static void run_abort(struct de_node_task *task)
{
    struct de_save *save = DE_CONTAINER_OF(task, struct de_save, task);

    DE_ASSERT(save->stage == DE_SAVE_ABORT);
    DE_ASSERT(!save->finished);
    if (save->writer != NULL) {
        save->store.ops->abort(save->store.object, save->writer);
        save->writer = NULL;
    }
    if (save->save != NULL) {
        save->machine.ops->save_end(save->machine.object, save->save);
        save->save = NULL;
    }
}

/* ---- on the loop ---- */

/* The state before a snapshot at index is not needed any more, save for what trails. */
static uint64_t cut_for(const struct de_node *node, uint64_t index)
{
    const uint64_t trailing = node->limits.snapshot_trailing_entries;
    const uint64_t base = node->view.base_index;

    DE_ASSERT(index > 0);
    if (de_node_few_runs(node)) {
        return index; /* what trails has term changes, and there is no room for many more */
    }
    DE_ASSERT(base <= node->view.last_index);
    return index > trailing && index - trailing > base ? index - trailing : base;
}

bool de_node_few_runs(const struct de_node *node)
{
    DE_ASSERT(node->raft_options.term_runs_max > 0);
    DE_ASSERT(node->view.term_runs_free <= node->raft_options.term_runs_max);
    return node->view.term_runs_free < node->raft_options.term_runs_max / 4;
}

void de_node_tell_taken(struct de_node *node, uint64_t now_ns)
{
    const struct de_snapshots *snaps = &node->snapshots;
    struct de_raft_configuration configuration;
    struct de_raft_event event = {.now_ns = now_ns, .type = DE_RAFT_EV_SNAPSHOT_TAKEN};
    uint64_t index = snaps->index < node->applied_told ? snaps->index : node->applied_told;
    int rc;

    DE_ASSERT(node->inside);
    if (!de_node_running(node) || index == 0 || snaps->configuration == NULL) {
        return;
    }
    index = cut_for(node, index);
    if (index <= node->view.base_index ||
        (index == node->snapshots.cut_told && now_ns < node->snapshots.cut_after_ns)) {
        return; /* done; or the core keeps its log for somebody, and is asked again later */
    }
    event.index = index;
    event.term = de_raft_term_at(node->raft, index);
    event.configuration = &configuration;
    DE_ASSERT(event.term > 0);
    rc = de_config_decode_members(de_entry_buffer_entry(snaps->configuration).data, &configuration);
    DE_ASSERT(rc == 0); /* it was checked when it came into the log */
    if (!de_node_step_simple(node, &event)) {
        de_node_retry(node, now_ns);
        return;
    }
    node->snapshots.cut_told = index;
    node->snapshots.cut_after_ns = now_ns + node->raft_options.heartbeat_interval_ns;
}

static void free_save(struct de_node *node, struct de_save *save)
{
    DE_ASSERT(save == node->snapshots.save);
    DE_ASSERT(save->save == NULL && save->writer == NULL);
    node->snapshots.save = NULL;
    de_entry_buffer_unref(&node->allocator, save->configuration);
    de_release(&node->allocator, save);
}

static void answer(struct de_node *node, struct de_request_list *list, uint64_t index)
{
    const struct dengine_result result = {.succeeded = true, .revision = index};
    struct de_request *request;

    DE_ASSERT(index > 0);
    while ((request = de_request_list_pop(list)) != NULL) {
        DE_ASSERT(request->type == DE_REQUEST_SNAPSHOT);
        node->pending_requests--;
        request->done(request, 0, &result);
    }
}

static void saved(struct de_node *node, struct de_save *save)
{
    struct de_snapshots *snaps = &node->snapshots;

    DE_ASSERT(save->finished);
    DE_ASSERT(save->image_bytes > 0);
    snaps->count.taken++;
    if (save->index > snaps->index) {
        snaps->index = save->index;
        snaps->image_bytes = save->image_bytes;
    }
    answer(node, &snaps->saving, save->index);
}

static void failed(struct de_node *node, struct de_save *save, uint64_t now_ns)
{
    struct de_snapshots *snaps = &node->snapshots;

    DE_ASSERT(!save->finished);
    DE_ASSERT_IMPLIES(de_node_running(node), save->status != 0);
    if (save->status != 0) {
        de_node_snapshot_failed(node, save->status);
        snaps->wanted = true;
    }
    snaps->save_after_ns = now_ns + node->raft_options.election_timeout_max_ns;
    de_node_end_list(node, &snaps->saving, save->status != 0 ? save->status : DENGINE_E_SHUTDOWN);
}

static void save_done(struct de_node *node, struct de_node_task *task, uint64_t now_ns)
{
    struct de_save *save = DE_CONTAINER_OF(task, struct de_save, task);

    DE_ASSERT(save == node->snapshots.save);
    DE_ASSERT_IMPLIES(save->finished, save->status == 0);
    if (save->finished) {
        if (de_node_running(node)) {
            saved(node, save);
        }
        free_save(node, save);
        return;
    }
    if (save->stage == DE_SAVE_ABORT || save->save == NULL) {
        failed(node, save, now_ns);
        free_save(node, save);
        return;
    }
    task->run = run_write;
    if (save->stage == DE_SAVE_BEGIN) {
        DE_ASSERT(save->index == node->applied);
        node->snapshots.log_bytes = 0;
    }
    save->stage = DE_SAVE_WRITE;
    if (save->status != 0 || !de_node_running(node)) {
        save->stage = DE_SAVE_ABORT;
        task->run = run_abort;
    }
    de_node_run_task(node, task, DE_WORKER_SNAPSHOTS);
}

static bool is_due(const struct de_node *node)
{
    const struct de_snapshots *snaps = &node->snapshots;
    uint64_t bytes = snaps->image_bytes / 2;

    DE_ASSERT(snaps->store.ops != NULL);
    DE_ASSERT(snaps->save == NULL);
    if (bytes < node->limits.snapshot_log_bytes_min) {
        bytes = node->limits.snapshot_log_bytes_min;
    }
    return snaps->wanted || snaps->asked.first != NULL || snaps->log_bytes > bytes ||
           de_node_few_runs(node) || DE_NODE_SITE(node, EARLY_SNAPSHOT);
}

/* Whether a snapshot would be another than the last one. Also the same once more, when that has
 * turned out to be bad: who needs it would otherwise wait for the next write. */
static bool is_new(const struct de_node *node)
{
    const struct de_snapshots *snaps = &node->snapshots;

    DE_ASSERT(snaps->store.ops != NULL);
    DE_ASSERT(snaps->save == NULL);
    return node->applied > snaps->index ||
           (snaps->wanted && node->applied == snaps->index && node->applied > 0);
}

/* What has been asked for and needs no saving: nothing new was applied, or nothing ever. */
static void answer_at_once(struct de_node *node)
{
    struct de_snapshots *snaps = &node->snapshots;

    DE_ASSERT(node->inside);
    DE_ASSERT(snaps->store.ops != NULL);
    if (node->applied == 0 || snaps->configuration == NULL) {
        de_node_end_list(node, &snaps->asked, DENGINE_E_NOT_FOUND);
    } else if (snaps->asked.first != NULL && snaps->index >= node->applied) {
        answer(node, &snaps->asked, snaps->index);
    }
}

void de_node_take_turn(struct de_node *node, uint64_t now_ns)
{
    struct de_snapshots *snaps = &node->snapshots;
    struct de_save *save;

    DE_ASSERT(node->inside);
    if (!de_node_running(node) || snaps->store.ops == NULL || snaps->save != NULL) {
        return;
    }
    answer_at_once(node);
    if (!is_new(node) || snaps->configuration == NULL || !is_due(node) || node->applying ||
        node->reading_for_apply || node->applier_task || node->applied < node->view.base_index) {
        return;
    }
    if (now_ns < snaps->save_after_ns) {
        de_node_wake_at(node, snaps->save_after_ns);
        return;
    }
    save = de_allocate(&node->allocator, sizeof *save);
    if (save == NULL) {
        de_node_retry(node, now_ns);
        return;
    }
    memset(save, 0, offsetof(struct de_save, buffer)); /* which is filled before it is read */
    save->machine = node->machine;
    save->store = snaps->store;
    save->stage = DE_SAVE_BEGIN;
    save->cluster_id = node->raft_options.cluster_id;
    save->configuration = de_entry_buffer_ref(snaps->configuration);
    save->task.run = run_begin;
    save->task.done = save_done;
    snaps->save = save;
    snaps->wanted = false;
    snaps->saving = snaps->asked;
    snaps->asked = (struct de_request_list){NULL, NULL};
    de_node_run_task(node, &save->task, DE_WORKER_APPLIER);
}

/* ---- compaction ---- */

static void run_compact(struct de_node_task *task)
{
    struct de_compact *compact = DE_CONTAINER_OF(task, struct de_compact, task);

    DE_ASSERT(compact->index > 0);
    DE_ASSERT(compact->term > 0);
    compact->status = compact->log.ops->compact(compact->log.object, compact->index, compact->term);
    if (compact->status != 0) {
        keep_message(compact->message, compact->log.ops->message(compact->log.object));
    }
}

static void compact_done(struct de_node *node, struct de_node_task *task, uint64_t now_ns)
{
    struct de_compact *compact = DE_CONTAINER_OF(task, struct de_compact, task);
    const int status = compact->status;

    DE_ASSERT(node->snapshots.compacting);
    node->snapshots.compacting = false;
    if (status == 0) {
        if (node->snapshots.compacted < compact->index) {
            node->snapshots.compacted = compact->index;
        }
    } else if (status == DENGINE_E_NO_MEMORY || status == DENGINE_E_NO_SPACE) {
        de_node_snapshot_failed(node, status);
        node->snapshots.compact_after_ns = now_ns + node->raft_options.election_timeout_max_ns;
    } else {
        de_node_halt(node, status, "the log could not be compacted", compact->message);
    }
    DE_ASSERT(!node->snapshots.compacting);
}

void de_node_compact_turn(struct de_node *node, uint64_t now_ns)
{
    struct de_snapshots *snaps = &node->snapshots;
    const uint64_t base = node->view.base_index;

    DE_ASSERT(node->inside);
    if (!de_node_running(node) || snaps->compacting || snaps->compacted >= base) {
        return;
    }
    if (now_ns < snaps->compact_after_ns) {
        de_node_wake_at(node, snaps->compact_after_ns);
        return;
    }
    DE_ASSERT(base <= snaps->index);
    snaps->compacting = true;
    snaps->compact.log = node->log;
    snaps->compact.index = base;
    snaps->compact.term = de_raft_term_at(node->raft, base);
    snaps->compact.task.run = run_compact;
    snaps->compact.task.done = compact_done;
    de_node_run_task(node, &snaps->compact.task, DE_WORKER_LOG);
}
