/* What comes from outside: messages, time-outs, unreachable peers. */
#include "core/base/assert.h"
#include "core/base/sometimes.h"
#include "core/node/batch.h"
#include "core/node/config_codec.h"
#include "core/node/node_state.h"

/* Whether the entries fit the message around them, before anything is allocated for them. */
static bool check_range(const struct de_peer_message *message)
{
    const struct de_raft_message *raft = &message->raft;
    uint64_t term_before = raft->prev_term > 0 ? raft->prev_term : 1;

    DE_ASSERT(raft->type == DE_RAFT_MSG_APPEND);
    DE_ASSERT(message->entries != NULL || raft->entry_count == 0);
    if (raft->last_index < raft->prev_index ||
        raft->last_index - raft->prev_index != raft->entry_count) {
        return false;
    }
    for (uint32_t i = 0; i < raft->entry_count; i++) {
        const struct dengine_entry *entry = &message->entries[i];

        if (entry->term < term_before || entry->term > raft->term ||
            entry->data.size > UINT32_MAX / 2) {
            return false;
        }
        term_before = entry->term;
    }
    DE_ASSERT_IMPLIES(raft->entry_count > 0, term_before <= raft->term);
    return raft->entry_count == 0 || term_before == raft->last_term;
}

/* Whether the payload is one of its type; a CONFIG is decoded into *configuration. */
static bool check_payload(const struct dengine_entry *entry,
                          struct de_raft_configuration *configuration)
{
    DE_ASSERT(entry != NULL);
    DE_ASSERT_IMPLIES(entry->type == DENGINE_ENTRY_CONFIG, configuration != NULL);
    switch (entry->type) {
    case DENGINE_ENTRY_COMMAND:
        return de_batch_count(entry->data) > 0;
    case DENGINE_ENTRY_NOOP:
        return entry->data.size == 0;
    case DENGINE_ENTRY_CONFIG:
        return de_config_decode_members(entry->data, configuration) == 0;
    default:
        return false;
    }
}

/* Copies the entries into buffers and describes them to the core. False: bad, or no memory. */
static bool stage_entries(struct de_node *node, const struct de_peer_message *message,
                          struct de_raft_configuration *configurations)
{
    DE_ASSERT(node->staged_count == 0);
    DE_ASSERT(message->raft.entry_count <= node->staged_capacity);
    for (uint32_t i = 0; i < message->raft.entry_count; i++) {
        const struct dengine_entry *entry = &message->entries[i];
        const bool is_config = entry->type == DENGINE_ENTRY_CONFIG;
        struct de_entry_buffer *buffer;

        if (!check_payload(entry, configurations)) {
            return false;
        }
        buffer = de_entry_buffer_new(&node->allocator, (uint32_t)entry->data.size);
        if (buffer == NULL) {
            return false;
        }
        buffer->term = entry->term;
        buffer->type = entry->type;
        if (entry->data.size > 0) {
            memcpy(de_entry_buffer_data(buffer), entry->data.data, entry->data.size);
        }
        node->metas[i] = (struct de_raft_entry){
            .term = entry->term,
            .type = entry->type,
            .bytes = buffer->size,
            .configuration = is_config ? configurations : NULL,
        };
        if (is_config) {
            configurations++; /* not by 0 either when there are none: NULL + 0 is undefined */
        }
        node->staged[node->staged_count++] = buffer;
    }
    DE_ASSERT(node->staged_count == message->raft.entry_count);
    return true;
}

static uint32_t count_configurations(const struct de_peer_message *message)
{
    uint32_t count = 0;

    DE_ASSERT(message->entries != NULL || message->raft.entry_count == 0);
    for (uint32_t i = 0; i < message->raft.entry_count; i++) {
        count += message->entries[i].type == DENGINE_ENTRY_CONFIG ? 1 : 0;
    }
    DE_ASSERT(count <= message->raft.entry_count);
    return count;
}

static bool has_command(const struct de_peer_message *message)
{
    bool found = false;

    DE_ASSERT(message->raft.type == DE_RAFT_MSG_APPEND || message->raft.entry_count == 0);
    for (uint32_t i = 0; i < message->raft.entry_count; i++) {
        found = found || message->entries[i].type == DENGINE_ENTRY_COMMAND;
    }
    DE_ASSERT_IMPLIES(found, message->raft.entry_count > 0);
    return found;
}

/* A full log takes no commands: the message then counts as the heartbeat that it is as well, and
 * the leader sends them again. */
static void leave_entries(struct de_raft_message *raft)
{
    DE_ASSERT(raft->type == DE_RAFT_MSG_APPEND);
    DE_ASSERT(raft->last_index == raft->prev_index + raft->entry_count);
    raft->entry_count = 0;
    raft->last_index = raft->prev_index;
    raft->last_term = raft->prev_term;
}

/* False: dropped. */
static bool receive(struct de_node *node, const struct de_peer_message *message, uint64_t now_ns)
{
    struct de_raft_configuration *configurations = NULL;
    struct de_raft_message raft = message->raft;
    struct de_raft_event event = {
        .now_ns = now_ns,
        .type = DE_RAFT_EV_MESSAGE,
        .message = &raft,
    };
    bool ok = false;

    DE_ASSERT(de_node_running(node));
    DE_ASSERT(node->staged_count == 0);
    if (raft.type != DE_RAFT_MSG_APPEND && raft.entry_count) {
        return false;
    }
    if (raft.type == DE_RAFT_MSG_APPEND && !check_range(message)) {
        return false;
    }
    if (node->log_room == DENGINE_LOG_ROOM_NONE && has_command(message)) {
        DE_SOMETIMES(true, "a follower takes no entries since its disk is full");
        leave_entries(&raft);
    }
    if (raft.entry_count > 0) {
        const uint32_t count = count_configurations(message);

        if (count > 0) {
            configurations = de_allocate(&node->allocator, count * sizeof *configurations);
            if (configurations == NULL) {
                return false;
            }
        }
    }
    if (!de_node_reserve(node, raft.entry_count) ||
        (raft.entry_count > 0 && !stage_entries(node, message, configurations))) {
        de_node_drop_staged(node);
        goto out;
    }
    raft.entries = raft.entry_count > 0 ? node->metas : NULL;
    raft.configuration = NULL;
    (void)de_node_step(node, &event); /* the core drops what it does not like */
    de_node_execute(node, false, now_ns);
    ok = true;
out:
    de_release(&node->allocator, configurations);
    return ok;
}

/* Whether it is for this node, from another one of its cluster: addresses may have been mixed up.
 */
static bool is_for_us(const struct de_node *node, const struct de_raft_message *message)
{
    DE_ASSERT(node->raft_options.id != 0);
    DE_ASSERT(node->raft_options.cluster_id != 0);
    return message->cluster_id == node->raft_options.cluster_id &&
           message->to == node->raft_options.id && message->from != 0 &&
           message->from != node->raft_options.id;
}

/* False: dropped. */
static bool dispatch(struct de_node *node, const struct de_peer_message *message, uint64_t now_ns)
{
    DE_ASSERT(node->inside);
    DE_ASSERT(de_node_running(node));
    switch (message->raft.type) {
    case DE_RAFT_MSG_REMOVED:
        node->told_removed = true;
        return true;
    case DE_NODE_MSG_CHUNK:
    case DE_NODE_MSG_CHUNK_REPLY:
        return de_node_receive_chunk(node, message, now_ns);
    case DE_NODE_MSG_FORWARD:
        return de_node_forward_arrived(node, message);
    case DE_NODE_MSG_FORWARD_REPLY:
        return de_node_forward_answered(node, &message->raft);
    default:
        return receive(node, message, now_ns);
    }
}

void de_node_receive(struct de_node *node, const struct de_peer_message *message, uint64_t now_ns)
{
    const bool ours = is_for_us(node, &message->raft);

    de_node_enter(node);
    DE_ASSERT(message != NULL);
    DE_ASSERT(node->raft != NULL);
    if (de_node_running(node) && (!ours || !dispatch(node, message, now_ns))) {
        node->dropped_messages++;
    }
    if (de_node_running(node) && ours && message->raft.type == DE_RAFT_MSG_VOTE_REQUEST) {
        de_node_tell_removed(node, &message->raft);
    }
    de_node_turn(node, now_ns);
    de_node_leave(node);
}

/* Who was removed has no election to wait for; who leads still, finds out that it cannot. */
bool de_node_heeds_deadline(const struct de_node *node)
{
    DE_ASSERT(node->raft != NULL);
    DE_ASSERT(node->view.role != 0);
    return !node->told_removed || node->view.role == DE_RAFT_LEADER;
}

void de_node_timer(struct de_node *node, uint64_t now_ns)
{
    const struct de_raft_event event = {.now_ns = now_ns, .type = DE_RAFT_EV_DEADLINE};

    de_node_enter(node);
    DE_ASSERT(now_ns != DE_NODE_NEVER);
    node->armed_ns = DE_NODE_NEVER; /* it has fired */
    if (de_node_running(node) && de_node_heeds_deadline(node) && now_ns >= node->raft_deadline_ns &&
        !de_node_step_simple(node, &event)) {
        node->raft_deadline_ns = now_ns + node->raft_options.heartbeat_interval_ns;
    }
    de_node_turn(node, now_ns);
    DE_ASSERT(node->staged_count == 0);
    de_node_leave(node);
}

void de_node_unreachable(struct de_node *node, uint64_t peer, uint64_t now_ns)
{
    const struct de_raft_event event = {
        .now_ns = now_ns,
        .type = DE_RAFT_EV_UNREACHABLE,
        .peer = peer,
    };

    de_node_enter(node);
    DE_ASSERT(peer != 0);
    DE_ASSERT(peer != node->raft_options.id);
    if (de_node_running(node)) {
        (void)de_node_step_simple(node, &event); /* a hint; without memory it is lost */
    }
    de_node_turn(node, now_ns);
    de_node_leave(node);
}
