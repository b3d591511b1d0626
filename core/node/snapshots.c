/* What the jobs for snapshots have in common: tasks, turns, ends. */
#include "core/node/snapshots.h"

#include "core/base/assert.h"
#include "core/node/node_state.h"

void de_node_run_task(struct de_node *node, struct de_node_task *task, uint32_t worker)
{
    DE_ASSERT(worker < DE_WORKERS);
    DE_ASSERT(task->run != NULL && task->done != NULL);
    task->worker = worker;
    task->next = NULL;
    node->snapshots.tasks++;
    if (worker == DE_WORKER_APPLIER) {
        DE_ASSERT(!node->applying && !node->applier_task);
        node->applier_task = true;
    }
    node->env.run_task(node->env.context, task);
}

void de_node_task_run(struct de_node_task *task)
{
    DE_ASSERT(task != NULL);
    DE_ASSERT(task->run != NULL);
    task->run(task);
}

void de_node_task_done(struct de_node *node, struct de_node_task *task, uint64_t now_ns)
{
    de_node_enter(node);
    DE_ASSERT(node->snapshots.tasks > 0);
    node->snapshots.tasks--;
    if (task->worker == DE_WORKER_APPLIER) {
        DE_ASSERT(node->applier_task);
        node->applier_task = false;
    }
    task->done(node, task, now_ns);
    de_node_turn(node, now_ns);
    de_node_leave(node);
}

void de_node_snapshot_failed(struct de_node *node, int err)
{
    DE_ASSERT(err != 0);
    DE_ASSERT(node->inside);
    node->snapshots.count.failures++;
    node->snapshots.count.last_error = err;
}

void de_node_applied_configuration(struct de_node *node, struct de_entry_buffer *configuration)
{
    DE_ASSERT(configuration != NULL);
    DE_ASSERT(configuration->references > 0);
    de_entry_buffer_unref(&node->allocator, node->snapshots.configuration);
    node->snapshots.configuration = configuration;
}

/* Whether it answers when it is an answer, and only then. */
static bool is_answered(const struct de_peer_message *message)
{
    const struct de_peer_chunk *chunk = &message->chunk;

    DE_ASSERT(message->raft.type == DE_NODE_MSG_CHUNK ||
              message->raft.type == DE_NODE_MSG_CHUNK_REPLY);
    DE_ASSERT(chunk->data.data != NULL || chunk->data.size == 0);
    if (message->raft.type == DE_NODE_MSG_CHUNK) {
        return chunk->answer == 0;
    }
    return chunk->answer >= DE_CHUNK_WANTED && chunk->answer <= DE_CHUNK_NEWER &&
           chunk->data.size == 0;
}

/* Whether what came from the network makes sense. */
static bool is_sound(const struct de_peer_message *message)
{
    const struct de_raft_message *raft = &message->raft;
    const struct de_peer_chunk *chunk = &message->chunk;

    DE_ASSERT(raft->type != 0);
    DE_ASSERT(chunk->data.data != NULL || chunk->data.size == 0);
    return is_answered(message) && raft->last_index != 0 && raft->last_term != 0 &&
           chunk->image_bytes != 0 && chunk->offset <= chunk->image_bytes &&
           chunk->data.size <= DE_CHUNK_BYTES_MAX &&
           chunk->data.size <= chunk->image_bytes - chunk->offset;
}

bool de_node_receive_chunk(struct de_node *node, const struct de_peer_message *message,
                           uint64_t now_ns)
{
    DE_ASSERT(de_node_running(node));
    DE_ASSERT(message->raft.type == DE_NODE_MSG_CHUNK ||
              message->raft.type == DE_NODE_MSG_CHUNK_REPLY);
    if (!is_sound(message)) {
        return false;
    }
    if (message->raft.type == DE_NODE_MSG_CHUNK) {
        de_node_on_chunk(node, message, now_ns);
    } else {
        de_node_on_chunk_reply(node, message, now_ns);
    }
    return true;
}

void de_node_snapshots_turn(struct de_node *node, uint64_t now_ns)
{
    DE_ASSERT(node->inside);
    de_node_tell_staged(node, now_ns);
    de_node_tell_taken(node, now_ns);
    de_node_install_turn(node, now_ns);
    de_node_take_turn(node, now_ns);
    de_node_compact_turn(node, now_ns);
    de_node_receive_turn(node, now_ns);
    de_node_send_turn(node, now_ns);
    DE_ASSERT_IMPLIES(node->applier_task, !node->applying);
}

void de_node_snapshots_end(struct de_node *node, int status)
{
    DE_ASSERT(!de_node_running(node));
    de_node_end_list(node, &node->snapshots.asked, status);
    de_node_end_list(node, &node->snapshots.saving, status);
    de_node_end_sends(node);
    de_node_end_receive(node);
    DE_ASSERT(node->snapshots.asked.first == NULL && node->snapshots.saving.first == NULL);
}

void de_node_snapshots_deinit(struct de_node *node)
{
    struct de_snapshots *snaps = &node->snapshots;

    DE_ASSERT(snaps->tasks == 0);
    DE_ASSERT(snaps->save == NULL && snaps->receive == NULL && snaps->restore == NULL);
    de_entry_buffer_unref(&node->allocator, snaps->configuration);
    de_entry_buffer_unref(&node->allocator, snaps->staged.configuration);
    snaps->configuration = NULL;
    snaps->staged.configuration = NULL;
}

void de_node_snapshots_status(const struct de_node *node, struct de_node_snapshot_status *status)
{
    const struct de_snapshots *snaps = &node->snapshots;

    DE_ASSERT(status != NULL);
    *status = snaps->count;
    status->index = snaps->index;
    status->image_bytes = snaps->image_bytes;
    status->saving = snaps->save != NULL;
    status->installing = node->applied < node->view.base_index;
    status->sending = de_node_sends(node);
    if (snaps->receive != NULL) {
        status->receive_index = snaps->receive->index;
        status->receive_bytes = snaps->receive->have;
        status->receive_of_bytes = snaps->receive->image_bytes;
    }
    DE_ASSERT(status->receive_bytes <= status->receive_of_bytes);
}
