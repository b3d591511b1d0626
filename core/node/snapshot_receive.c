/* Receiving a snapshot: chunks go to the store in order; who sends them does not matter, since a
 * finished snapshot is the same bytes wherever it was saved. */
#include "core/base/assert.h"
#include "core/base/sometimes.h"
#include "core/node/node_state.h"

/* ---- on the worker ---- */

static void run_open(struct de_node_task *task)
{
    struct de_receive *receive = DE_CONTAINER_OF(task, struct de_receive, task);

    DE_ASSERT(receive->stage == DE_RECEIVE_OPEN);
    DE_ASSERT(receive->receiver == NULL);
    receive->status =
        receive->store.ops->receive(receive->store.object, receive->index, receive->term,
                                    receive->image_bytes, &receive->receiver, &receive->opened);
    if (receive->status != 0) {
        receive->receiver = NULL;
    }
}

static void run_write(struct de_node_task *task)
{
    struct de_receive *receive = DE_CONTAINER_OF(task, struct de_receive, task);
    const struct de_received_chunk *chunk = receive->writing;

    DE_ASSERT(receive->stage == DE_RECEIVE_WRITE);
    DE_ASSERT(chunk != NULL && chunk->size > 0);
    receive->status = receive->store.ops->receive_write(receive->store.object, receive->receiver,
                                                        dengine_bytes(chunk + 1, chunk->size));
}

static void run_finish(struct de_node_task *task)
{
    struct de_receive *receive = DE_CONTAINER_OF(task, struct de_receive, task);
    struct dengine_snapshot_meta meta;
    int rc;

    DE_ASSERT(receive->stage == DE_RECEIVE_FINISH);
    DE_ASSERT(receive->configuration != NULL);
    memset(&meta, 0, sizeof meta);
    rc = receive->store.ops->receive_finish(receive->store.object, receive->receiver, &meta);
    receive->receiver = NULL;
    if (rc == 0) {
        rc = de_node_take_configuration(&meta, receive->index, receive->term,
                                        receive->configuration);
    }
    receive->status = rc;
}

static void run_suspend(struct de_node_task *task)
{
    struct de_receive *receive = DE_CONTAINER_OF(task, struct de_receive, task);

    DE_ASSERT(receive->stage == DE_RECEIVE_SUSPEND);
    DE_ASSERT(receive->receiver != NULL);
    receive->store.ops->receive_suspend(receive->store.object, receive->receiver);
    receive->receiver = NULL;
}

int de_node_take_configuration(const struct dengine_snapshot_meta *meta, uint64_t index,
                               uint64_t term, struct de_entry_buffer *buffer)
{
    struct de_raft_configuration configuration;

    DE_ASSERT(buffer != NULL);
    DE_ASSERT(meta != NULL);
    if (meta->index != index || meta->term != term || meta->configuration.size > buffer->capacity ||
        de_config_decode_members(meta->configuration, &configuration) != 0) {
        return DENGINE_E_CORRUPT;
    }
    memcpy(de_entry_buffer_data(buffer), meta->configuration.data, meta->configuration.size);
    buffer->size = (uint32_t)meta->configuration.size;
    return 0;
}

/* ---- on the loop ---- */

/* Where an image stands, for the sender. */
struct standing {
    uint64_t to;
    uint64_t index;
    uint64_t term;
    uint64_t image_bytes;
    uint64_t offset;
    uint64_t newer;
};

static void reply(struct de_node *node, const struct standing *standing,
                  enum de_chunk_answer answer)
{
    const struct de_peer_message message = {
        .raft =
            {
                .type = DE_NODE_MSG_CHUNK_REPLY,
                .cluster_id = node->raft_options.cluster_id,
                .from = node->raft_options.id,
                .to = standing->to,
                .term = node->view.term,
                .last_index = standing->index,
                .last_term = standing->term,
                .hint_index = standing->newer,
            },
        .chunk =
            {
                .image_bytes = standing->image_bytes,
                .offset = standing->offset,
                .answer = (uint32_t)answer,
            },
    };

    DE_ASSERT(standing->to != 0 && standing->to != node->raft_options.id);
    DE_ASSERT(standing->offset <= standing->image_bytes);
    node->env.send(node->env.context, &message);
}

static void reply_of(struct de_node *node, const struct de_receive *receive,
                     enum de_chunk_answer answer)
{
    const struct standing standing = {
        .to = receive->from,
        .index = receive->index,
        .term = receive->term,
        .image_bytes = receive->image_bytes,
        .offset = receive->have,
    };

    DE_ASSERT(receive->have <= receive->image_bytes);
    DE_ASSERT(receive->have <= receive->expected);
    reply(node, &standing, answer);
}

static void free_receive(struct de_node *node, struct de_receive *receive)
{
    DE_ASSERT(receive == node->snapshots.receive);
    DE_ASSERT(!receive->busy && receive->receiver == NULL);
    while (receive->queue_first != NULL) {
        struct de_received_chunk *chunk = receive->queue_first;

        receive->queue_first = chunk->next;
        de_release(&node->allocator, chunk);
    }
    de_entry_buffer_unref(&node->allocator, receive->configuration);
    de_release(&node->allocator, receive->writing);
    de_release(&node->allocator, receive);
    node->snapshots.receive = NULL;
}

static void start_task(struct de_node *node, struct de_receive *receive, uint32_t stage,
                       void (*run)(struct de_node_task *))
{
    DE_ASSERT(!receive->busy);
    DE_ASSERT(stage >= DE_RECEIVE_OPEN && stage <= DE_RECEIVE_SUSPEND);
    receive->stage = stage;
    receive->busy = true;
    receive->task.run = run;
    de_node_run_task(node, &receive->task, DE_WORKER_SNAPSHOTS);
}

/* Puts it away; what came stays with the store. */
static void end_receive(struct de_node *node, struct de_receive *receive)
{
    DE_ASSERT(!receive->busy);
    DE_ASSERT(receive == node->snapshots.receive);
    if (receive->receiver != NULL) {
        start_task(node, receive, DE_RECEIVE_SUSPEND, run_suspend);
    } else {
        free_receive(node, receive);
    }
}

static void receive_failed(struct de_node *node, struct de_receive *receive, uint64_t now_ns)
{
    DE_ASSERT(receive->status != 0);
    DE_ASSERT(de_node_running(node));
    de_node_snapshot_failed(node, receive->status);
    /* A store may see damage as soon as it comes. Whoever is not told that its image is damaged
     * sends it again, and again. */
    if (receive->stage != DE_RECEIVE_OPEN && receive->status == DENGINE_E_CORRUPT) {
        DE_SOMETIMES(true, "the image of a snapshot that came was damaged");
        receive->have = 0;
        reply_of(node, receive, DE_CHUNK_DAMAGED);
    } else {
        node->snapshots.receive_after_ns = now_ns + node->raft_options.election_timeout_max_ns;
    }
    end_receive(node, receive);
}

/* It is durable; the core has to be told (de_node_tell_staged). */
static void received(struct de_node *node, struct de_receive *receive)
{
    struct de_snapshots *snaps = &node->snapshots;

    DE_ASSERT(snaps->staged.index == 0);
    DE_ASSERT(receive->receiver == NULL);
    snaps->count.received++;
    if (receive->index > snaps->index) {
        snaps->index = receive->index;
        snaps->image_bytes = receive->image_bytes;
        snaps->log_bytes = 0;
    }
    snaps->staged.index = receive->index;
    snaps->staged.term = receive->term;
    snaps->staged.configuration = receive->configuration;
    receive->configuration = NULL;
    reply_of(node, receive, DE_CHUNK_DONE);
    free_receive(node, receive);
}

static void was_written(struct de_node *node, struct de_receive *receive)
{
    struct de_received_chunk *chunk = receive->writing;

    DE_ASSERT(chunk != NULL);
    receive->writing = NULL;
    receive->have += chunk->size;
    DE_ASSERT(receive->have <= receive->expected);
    de_release(&node->allocator, chunk);
    reply_of(node, receive, DE_CHUNK_WANTED);
}

static void receive_done(struct de_node *node, struct de_node_task *task, uint64_t now_ns)
{
    struct de_receive *receive = DE_CONTAINER_OF(task, struct de_receive, task);

    DE_ASSERT(receive == node->snapshots.receive);
    DE_ASSERT(receive->busy);
    receive->busy = false;
    if (receive->stage == DE_RECEIVE_SUSPEND) {
        free_receive(node, receive);
    } else if (!de_node_running(node)) {
        end_receive(node, receive);
    } else if (receive->status != 0) {
        receive_failed(node, receive, now_ns);
    } else if (receive->stage == DE_RECEIVE_FINISH) {
        received(node, receive);
    } else if (receive->stage == DE_RECEIVE_WRITE) {
        was_written(node, receive);
    } else {
        DE_ASSERT(receive->opened <= receive->image_bytes);
        receive->have = receive->opened;
        DE_SOMETIMES(receive->opened > 0, "a snapshot is received on from where it broke off");
        receive->expected = receive->have;
        reply_of(node, receive, DE_CHUNK_WANTED);
    }
}

void de_node_receive_turn(struct de_node *node, uint64_t now_ns)
{
    struct de_receive *receive = node->snapshots.receive;

    DE_ASSERT(node->inside);
    if (!de_node_running(node) || receive == NULL || receive->busy) {
        return;
    }
    if (receive->unwanted || receive->index <= node->view.commit ||
        node->view.role == DE_RAFT_LEADER) {
        end_receive(node, receive);
        return;
    }
    if (receive->queue_first != NULL) {
        receive->writing = receive->queue_first;
        receive->queue_first = receive->writing->next;
        if (receive->queue_first == NULL) {
            receive->queue_last = NULL;
        }
        start_task(node, receive, DE_RECEIVE_WRITE, run_write);
        return;
    }
    if (receive->have < receive->image_bytes) {
        return;
    }
    if (receive->configuration == NULL) {
        receive->configuration = de_entry_buffer_new(&node->allocator, DE_CONFIG_BYTES_MAX);
    }
    if (receive->configuration == NULL) {
        de_node_retry(node, now_ns);
        return;
    }
    receive->configuration->type = DENGINE_ENTRY_CONFIG;
    start_task(node, receive, DE_RECEIVE_FINISH, run_finish);
}

/* ---- messages ---- */

/* Begins to receive what message belongs to. */
static void begin(struct de_node *node, const struct de_peer_message *message, uint64_t now_ns)
{
    struct de_receive *receive = de_allocate(&node->allocator, sizeof *receive);

    DE_ASSERT(node->snapshots.receive == NULL);
    DE_ASSERT(message->chunk.image_bytes > 0);
    DE_ASSERT(message->raft.from != node->raft_options.id);
    if (receive == NULL) {
        node->dropped_messages++;
        return;
    }
    memset(receive, 0, sizeof *receive);
    receive->store = node->snapshots.store;
    receive->from = message->raft.from;
    receive->index = message->raft.last_index;
    receive->term = message->raft.last_term;
    receive->image_bytes = message->chunk.image_bytes;
    receive->heard_ns = now_ns;
    receive->task.done = receive_done;
    node->snapshots.receive = receive;
    start_task(node, receive, DE_RECEIVE_OPEN, run_open);
}

/* Queues the bytes; the sender keeps to its window, and beyond that nothing is kept. */
static void queue_chunk(struct de_node *node, struct de_receive *receive, struct dengine_slice data)
{
    struct de_received_chunk *chunk;
    const uint64_t queued = receive->expected - receive->have;

    DE_ASSERT(data.size > 0);
    DE_ASSERT(receive->stage != DE_RECEIVE_FINISH);
    if (data.size > receive->image_bytes - receive->expected ||
        (queued > 0 && queued + data.size > 2 * node->limits.snapshot_window_bytes)) {
        node->dropped_messages++;
        return;
    }
    chunk = de_allocate(&node->allocator, sizeof *chunk + data.size);
    if (chunk == NULL) {
        node->dropped_messages++;
        return;
    }
    DE_SOMETIMES(queued > 0, "chunks of a snapshot wait for the disk");
    chunk->next = NULL;
    chunk->size = (uint32_t)data.size;
    memcpy(chunk + 1, data.data, data.size);
    if (receive->queue_last != NULL) {
        receive->queue_last->next = chunk;
    } else {
        receive->queue_first = chunk;
    }
    receive->queue_last = chunk;
    receive->expected += data.size;
}

/* A chunk of what is being received. */
static void take_chunk(struct de_node *node, struct de_receive *receive,
                       const struct de_peer_message *message, uint64_t now_ns)
{
    const struct de_peer_chunk *chunk = &message->chunk;

    DE_ASSERT(receive->index == message->raft.last_index);
    DE_ASSERT(receive->term == message->raft.last_term);
    receive->from = message->raft.from;
    receive->heard_ns = now_ns;
    if (receive->stage == DE_RECEIVE_OPEN && receive->busy) {
        return; /* the answer comes once we know */
    }
    if (chunk->data.size == 0 || chunk->offset < receive->expected) {
        reply_of(node, receive, DE_CHUNK_WANTED);
    } else if (chunk->offset > receive->expected) {
        DE_SOMETIMES(true, "a chunk of a snapshot is missing");
        reply_of(node, receive, DE_CHUNK_GAP);
    } else {
        queue_chunk(node, receive, chunk->data);
    }
}

static bool is_busy_installing(const struct de_node *node)
{
    DE_ASSERT(node->inside);
    DE_ASSERT_IMPLIES(node->snapshots.staged.index != 0,
                      node->snapshots.staged.configuration != NULL);
    return node->snapshots.staged.index != 0 || node->applied < node->view.base_index;
}

void de_node_on_chunk(struct de_node *node, const struct de_peer_message *message, uint64_t now_ns)
{
    struct de_receive *receive = node->snapshots.receive;
    struct standing standing = {
        .to = message->raft.from,
        .index = message->raft.last_index,
        .term = message->raft.last_term,
        .image_bytes = message->chunk.image_bytes,
    };

    DE_ASSERT(message->raft.type == DE_NODE_MSG_CHUNK);
    DE_ASSERT(standing.image_bytes > 0 && standing.index > 0);
    if (node->snapshots.store.ops == NULL || node->view.role == DE_RAFT_LEADER) {
        node->dropped_messages++;
        return;
    }
    if (standing.index <= node->view.commit) {
        standing.offset = standing.image_bytes;
        reply(node, &standing, DE_CHUNK_DONE);
        return;
    }
    if (is_busy_installing(node) || now_ns < node->snapshots.receive_after_ns) {
        return; /* the sender asks again */
    }
    if (receive == NULL) {
        begin(node, message, now_ns);
    } else if (receive->index == standing.index && receive->term == standing.term &&
               receive->image_bytes == standing.image_bytes) {
        if (!receive->unwanted) {
            take_chunk(node, receive, message, now_ns);
        }
    } else if (receive->index <= standing.index ||
               now_ns - receive->heard_ns > node->raft_options.election_timeout_max_ns) {
        /* A newer one; or whoever sent this one is gone. The next question begins the other. */
        DE_SOMETIMES(true, "a newer snapshot takes the place of one that is being received");
        receive->unwanted = true;
    } else {
        standing.newer = receive->index;
        reply(node, &standing, DE_CHUNK_NEWER);
    }
}

void de_node_end_receive(struct de_node *node)
{
    struct de_receive *receive = node->snapshots.receive;

    DE_ASSERT(!de_node_running(node));
    if (receive != NULL && !receive->busy) {
        end_receive(node, receive);
    }
    DE_ASSERT(node->snapshots.receive == NULL || node->snapshots.receive->busy);
}
