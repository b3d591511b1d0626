/* Sending snapshots to peers that have fallen behind the log.
 *
 * Go-back-N over messages that may be lost, doubled or late: chunks go out in order while less than
 * a window is unacknowledged; an answer names the offset up to which the peer has all; silence, or
 * a gap, makes the sender go on from there. The first message, and each one after a silence, has no
 * bytes and asks for that offset: so a transfer that was broken off goes on where it was, and with
 * another sender too.
 *
 * Chunks are read by the worker one at a time, which bounds memory and leaves the heartbeats alone.
 */
#include "core/base/assert.h"
#include "core/base/sometimes.h"
#include "core/node/node_state.h"

enum {
    /* So often in a row nothing is heard before the transfer is given up; the core asks again. */
    SILENCES_MAX = 20,
};

/* ---- on the worker ---- */

static void run_open(struct de_node_task *task)
{
    struct de_send *send = DE_CONTAINER_OF(task, struct de_send, task);
    struct dengine_snapshot_meta meta;

    DE_ASSERT(send->stage == DE_SEND_OPEN);
    DE_ASSERT(send->reader == NULL);
    send->status =
        send->store.ops->open(send->store.object, 0, &send->reader, &meta, &send->image_bytes);
    if (send->status == 0) {
        send->index = meta.index;
        send->snapshot_term = meta.term;
    } else {
        send->reader = NULL;
    }
}

static void run_read(struct de_node_task *task)
{
    struct de_send *send = DE_CONTAINER_OF(task, struct de_send, task);
    uint64_t wanted = send->image_bytes - send->read_offset;
    size_t size = 0;

    DE_ASSERT(send->read_offset < send->image_bytes);
    DE_ASSERT(send->read_most > 0 && send->read_most <= send->capacity);
    wanted = wanted < send->read_most ? wanted : send->read_most;
    send->read_size = 0;
    send->status = 0;
    while (send->status == 0 && send->read_size < wanted) {
        send->status = send->store.ops->read_image(
            send->store.object, send->reader, send->read_offset + send->read_size,
            send->buffer + send->read_size, (size_t)wanted - send->read_size, &size);
        if (send->status == 0 && size == 0) {
            send->status = DENGINE_E_CORRUPT; /* shorter than it says */
        }
        send->read_size += send->status == 0 ? (uint32_t)size : 0;
    }
}

static void run_close(struct de_node_task *task)
{
    struct de_send *send = DE_CONTAINER_OF(task, struct de_send, task);

    DE_ASSERT(send->stage == DE_SEND_CLOSE);
    DE_ASSERT(send->reader != NULL);
    send->store.ops->close_reader(send->store.object, send->reader);
    send->reader = NULL;
}

/* ---- on the loop ---- */

static struct de_send *find(struct de_node *node, uint64_t peer)
{
    struct de_send *found = NULL;

    DE_ASSERT(peer != 0);
    for (uint32_t i = 0; i < DE_RAFT_MEMBERS_MAX; i++) {
        struct de_send *send = &node->snapshots.sends[i];

        if (send->stage != DE_SEND_FREE && send->peer == peer) {
            DE_ASSERT(found == NULL);
            found = send;
        }
    }
    return found;
}

static void want(struct de_node *node, struct de_send *send, uint64_t peer)
{
    DE_ASSERT(send->stage == DE_SEND_FREE);
    DE_ASSERT(send->buffer == NULL);
    memset(send, 0, sizeof *send);
    send->stage = DE_SEND_WANTED;
    node->snapshots.sends_taken++;
    send->store = node->snapshots.store;
    send->peer = peer;
    send->term = node->view.term;
    send->gap_at = UINT64_MAX;
}

void de_node_send_snapshot(struct de_node *node, uint64_t peer)
{
    struct de_send *send = find(node, peer);

    DE_ASSERT(peer != 0 && peer != node->raft_options.id);
    DE_ASSERT(node->view.role == DE_RAFT_LEADER);
    if (send != NULL) {
        send->again = send->stage >= DE_SEND_REPORT; /* else it is on its way */
        return;
    }
    if (node->snapshots.store.ops == NULL) {
        return;
    }
    for (uint32_t i = 0; i < DE_RAFT_MEMBERS_MAX && send == NULL; i++) {
        if (node->snapshots.sends[i].stage == DE_SEND_FREE) {
            send = &node->snapshots.sends[i];
        }
    }
    if (send != NULL) {
        want(node, send, peer);
    }
}

static void release(struct de_node *node, struct de_send *send)
{
    DE_ASSERT(!send->busy);
    DE_ASSERT(send->reader == NULL);
    de_release(&node->allocator, send->buffer);
    send->buffer = NULL;
    send->stage = DE_SEND_FREE;
    DE_ASSERT(node->snapshots.sends_taken > 0);
    node->snapshots.sends_taken--;
    if (send->again && de_node_running(node)) {
        want(node, send, send->peer);
    }
}

static void start_task(struct de_node *node, struct de_send *send,
                       void (*run)(struct de_node_task *))
{
    DE_ASSERT(!send->busy);
    DE_ASSERT(send->stage != DE_SEND_FREE);
    send->busy = true;
    send->task.run = run;
    de_node_run_task(node, &send->task, DE_WORKER_SNAPSHOTS);
}

static void close_send(struct de_node *node, struct de_send *send)
{
    DE_ASSERT(!send->busy);
    DE_ASSERT(send->stage != DE_SEND_FREE && send->stage != DE_SEND_CLOSE);
    send->stage = DE_SEND_CLOSE;
    if (send->reader == NULL) {
        release(node, send);
    } else {
        start_task(node, send, run_close);
    }
}

static void report(struct de_node *node, struct de_send *send, bool ok, int err)
{
    DE_ASSERT(send->stage > DE_SEND_FREE && send->stage < DE_SEND_REPORT);
    DE_ASSERT_IMPLIES(ok, send->index > 0);
    send->stage = DE_SEND_REPORT;
    send->ok = ok;
    node->snapshots.count.sent += ok ? 1 : 0;
    if (!ok) {
        de_node_snapshot_failed(node, err);
    }
}

static void send_chunk(struct de_node *node, struct de_send *send, struct dengine_slice data)
{
    const struct de_peer_message message = {
        .raft =
            {
                .type = DE_NODE_MSG_CHUNK,
                .cluster_id = node->raft_options.cluster_id,
                .from = node->raft_options.id,
                .to = send->peer,
                .term = node->view.term,
                .last_index = send->index,
                .last_term = send->snapshot_term,
            },
        .chunk =
            {
                .image_bytes = send->image_bytes,
                .offset = data.size > 0 ? send->read_offset : 0,
                .data = data,
            },
    };

    DE_ASSERT(send->index > 0 && send->snapshot_term > 0);
    DE_ASSERT(data.size <= DE_CHUNK_BYTES_MAX);
    node->env.send(node->env.context, &message);
}

static uint64_t silence_ns(const struct de_node *node)
{
    DE_ASSERT(node->raft_options.heartbeat_interval_ns > 0);
    DE_ASSERT(node->raft_options.heartbeat_interval_ns < UINT64_MAX / 2);
    return 2 * node->raft_options.heartbeat_interval_ns;
}

/* Asks the peer how much it has; what it says is where sending goes on. */
static void ask(struct de_node *node, struct de_send *send, uint64_t now_ns)
{
    DE_ASSERT(send->stage == DE_SEND_STREAM);
    send->deadline_ns = now_ns + silence_ns(node);
    send->known = false;
    send_chunk(node, send, dengine_bytes(NULL, 0));
    DE_ASSERT(send->deadline_ns > now_ns);
}

/* The bandwidth limit: so many bytes take so long. */
static void account(struct de_node *node, uint32_t bytes, uint64_t now_ns)
{
    const uint64_t per_second = node->limits.snapshot_bytes_per_second;
    struct de_snapshots *snaps = &node->snapshots;

    DE_ASSERT(bytes > 0 && bytes <= DE_CHUNK_BYTES_MAX);
    if (per_second == 0) {
        return;
    }
    if (snaps->send_after_ns < now_ns) {
        snaps->send_after_ns = now_ns;
    }
    snaps->send_after_ns += (uint64_t)bytes * DE_NODE_SECOND_NS / per_second;
}

static void read_was_done(struct de_node *node, struct de_send *send, uint64_t now_ns)
{
    DE_ASSERT(send->stage == DE_SEND_STREAM);
    DE_ASSERT(send->read_size <= send->capacity);
    if (send->status != 0) {
        node->snapshots.wanted = true; /* what there is cannot be read: make a better one */
        report(node, send, false, send->status);
        return;
    }
    if (send->read_offset != send->next || !send->known) {
        DE_SOMETIMES(true, "a member asks for another part of a snapshot while one is read");
        return; /* the peer has meanwhile asked for something else */
    }
    DE_ASSERT(send->read_size > 0);
    send_chunk(node, send, dengine_bytes(send->buffer, send->read_size));
    send->next += send->read_size;
    account(node, send->read_size, now_ns);
    if (DE_NODE_SITE(node, CHUNK_AGAIN)) {
        ask(node, send, now_ns);
    }
}

static bool is_leading(const struct de_node *node, const struct de_send *send)
{
    const struct de_raft_configuration *configuration = node->view.configuration;
    bool member = false;

    DE_ASSERT(send->peer != 0);
    DE_ASSERT(configuration->count <= DE_RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < configuration->count; i++) {
        member = member || configuration->members[i].id == send->peer;
    }
    return member && node->view.role == DE_RAFT_LEADER && node->view.term == send->term;
}

static void send_done(struct de_node *node, struct de_node_task *task, uint64_t now_ns)
{
    struct de_send *send = DE_CONTAINER_OF(task, struct de_send, task);

    DE_ASSERT(send->busy);
    DE_ASSERT(send->stage != DE_SEND_FREE);
    send->busy = false;
    if (send->stage == DE_SEND_CLOSE) {
        release(node, send);
        return;
    }
    if (!de_node_running(node)) {
        close_send(node, send);
        return;
    }
    if (!is_leading(node, send)) {
        return; /* the turn puts it away */
    }
    if (send->stage == DE_SEND_STREAM) {
        read_was_done(node, send, now_ns);
    } else if (send->stage == DE_SEND_OPEN && send->status != 0) {
        node->snapshots.wanted = true; /* what there is cannot be read: make a better one */
        report(node, send, false, send->status);
    } else if (send->stage == DE_SEND_OPEN) {
        send->stage = DE_SEND_STREAM;
        ask(node, send, now_ns);
    }
}

/* False: without memory; later. */
static bool open_send(struct de_node *node, struct de_send *send)
{
    DE_ASSERT(send->stage == DE_SEND_WANTED);
    DE_ASSERT(send->buffer == NULL);
    send->capacity = node->limits.snapshot_chunk_bytes;
    send->buffer = de_allocate(&node->allocator, send->capacity);
    if (send->buffer == NULL) {
        return false;
    }
    send->stage = DE_SEND_OPEN;
    send->task.done = send_done;
    start_task(node, send, run_open);
    return true;
}

static void stream(struct de_node *node, struct de_send *send, uint64_t now_ns)
{
    DE_ASSERT(send->stage == DE_SEND_STREAM);
    DE_ASSERT(send->acknowledged <= send->image_bytes);
    if (now_ns >= send->deadline_ns) {
        if (++send->silences > SILENCES_MAX) {
            DE_SOMETIMES(true, "a snapshot is not sent on since nobody answers");
            report(node, send, false, DENGINE_E_TIMEOUT);
            return;
        }
        ask(node, send, now_ns);
    }
    de_node_wake_at(node, send->deadline_ns);
    if (send->busy || !send->known || send->next >= send->image_bytes ||
        send->next - send->acknowledged >= node->limits.snapshot_window_bytes) {
        return;
    }
    if (now_ns < node->snapshots.send_after_ns) {
        de_node_wake_at(node, node->snapshots.send_after_ns);
        return;
    }
    send->read_offset = send->next;
    send->read_most = DE_NODE_SITE(node, SHORT_CHUNK) ? 1 : send->capacity;
    start_task(node, send, run_read);
}

static void tell_sent(struct de_node *node, struct de_send *send, uint64_t now_ns)
{
    const struct de_raft_event event = {
        .now_ns = now_ns,
        .type = DE_RAFT_EV_SNAPSHOT_SENT,
        .ok = send->ok,
        .peer = send->peer,
        .index = send->index,
        .term = send->snapshot_term,
    };

    DE_ASSERT(send->stage == DE_SEND_REPORT);
    DE_ASSERT(!send->busy);
    /* Put away before the step, which may ask for the next one to this peer. */
    if (!de_node_reserve(node, 0)) {
        de_node_retry(node, now_ns);
        return;
    }
    close_send(node, send);
    if (!de_node_step_simple(node, &event)) {
        DE_ASSERT(false); /* it was reserved */
    }
}

void de_node_send_turn(struct de_node *node, uint64_t now_ns)
{
    DE_ASSERT(node->inside);
    if (node->snapshots.sends_taken == 0) {
        return; /* as nearly always, and every turn comes here */
    }
    for (uint32_t i = 0; i < DE_RAFT_MEMBERS_MAX && de_node_running(node); i++) {
        struct de_send *send = &node->snapshots.sends[i];

        if (send->stage == DE_SEND_FREE || send->stage == DE_SEND_CLOSE) {
            continue;
        }
        if (!is_leading(node, send)) {
            if (!send->busy) {
                close_send(node, send);
            }
        } else if (send->stage == DE_SEND_WANTED) {
            if (!open_send(node, send)) {
                de_node_retry(node, now_ns);
            }
        } else if (send->stage == DE_SEND_STREAM) {
            stream(node, send, now_ns);
        }
        if (send->stage == DE_SEND_REPORT && !send->busy) {
            tell_sent(node, send, now_ns);
        }
    }
}

/* All of it before offset is there; what comes next is what follows. */
static void peer_has(struct de_node *node, struct de_send *send, uint64_t offset, bool gap,
                     uint64_t now_ns)
{
    DE_ASSERT(offset <= send->image_bytes);
    send->silences = 0;
    send->deadline_ns = now_ns + silence_ns(node);
    if (!send->known || offset > send->next || offset < send->acknowledged) {
        /* The answer to a question; or it lost what it had, or another sender helped. */
        send->known = true;
        send->next = offset;
        send->acknowledged = offset;
        send->gap_at = UINT64_MAX;
        return;
    }
    send->acknowledged = offset;
    if (gap && send->gap_at != offset) {
        send->gap_at = offset; /* once: the chunks that followed the lost one all tell of it */
        send->next = offset;
    }
    DE_ASSERT(send->acknowledged <= send->next);
}

void de_node_on_chunk_reply(struct de_node *node, const struct de_peer_message *message,
                            uint64_t now_ns)
{
    struct de_send *send = find(node, message->raft.from);

    DE_ASSERT(message->raft.last_index > 0);
    DE_ASSERT(message->raft.type == DE_NODE_MSG_CHUNK_REPLY);
    if (send == NULL || send->stage != DE_SEND_STREAM || send->index != message->raft.last_index ||
        send->snapshot_term != message->raft.last_term ||
        message->chunk.offset > send->image_bytes) {
        return; /* an old one */
    }
    switch (message->chunk.answer) {
    case DE_CHUNK_WANTED:
    case DE_CHUNK_GAP:
        peer_has(node, send, message->chunk.offset, message->chunk.answer == DE_CHUNK_GAP, now_ns);
        break;
    case DE_CHUNK_DONE:
        report(node, send, true, 0);
        break;
    case DE_CHUNK_DAMAGED:
        node->snapshots.wanted = true; /* ours may be the damaged one */
        report(node, send, false, DENGINE_E_CORRUPT);
        break;
    default:
        report(node, send, false, DENGINE_E_SUPERSEDED);
    }
    DE_ASSERT(send->stage == DE_SEND_STREAM || send->stage == DE_SEND_REPORT);
}

void de_node_end_sends(struct de_node *node)
{
    DE_ASSERT(!de_node_running(node));
    for (uint32_t i = 0; i < DE_RAFT_MEMBERS_MAX; i++) {
        struct de_send *send = &node->snapshots.sends[i];

        if (send->stage != DE_SEND_FREE && !send->busy) {
            close_send(node, send);
        }
        DE_ASSERT(send->busy || send->stage == DE_SEND_FREE);
    }
}

uint32_t de_node_sends(const struct de_node *node)
{
    uint32_t count = 0;

    DE_ASSERT(node != NULL);
    for (uint32_t i = 0; i < DE_RAFT_MEMBERS_MAX && node->snapshots.sends_taken > 0; i++) {
        const uint32_t stage = node->snapshots.sends[i].stage;

        count += stage == DE_SEND_OPEN || stage == DE_SEND_STREAM ? 1 : 0;
    }
    DE_ASSERT(count <= node->snapshots.sends_taken);
    return count;
}
