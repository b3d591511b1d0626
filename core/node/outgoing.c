/* Messages on their way out: ranges get their payloads here (rule R3). */
#include "core/base/assert.h"
#include "core/node/node_state.h"

bool de_node_range_valid(const struct de_node *node, const struct de_raft_message *message)
{
    DE_ASSERT(message->type == DE_RAFT_MSG_APPEND);
    DE_ASSERT(message->prev_index <= message->last_index);
    if (message->prev_index < message->last_index && message->prev_index < node->view.base_index) {
        return false; /* a snapshot has taken the place of these entries */
    }
    return de_raft_term_at(node->raft, message->last_index) == message->last_term;
}

static void send_one(struct de_node *node, const struct de_raft_message *message,
                     const struct dengine_entry *entries, uint32_t count)
{
    struct de_peer_message out = {.raft = *message, .entries = entries};

    DE_ASSERT(message->to != 0 && message->to != node->raft_options.id);
    DE_ASSERT_IMPLIES(count > 0, entries != NULL);
    out.raft.entries = NULL;
    out.raft.entry_count = count;
    node->env.send(node->env.context, &out);
}

/* A range of entries whose sizes the core does not know may turn out to be many messages. A
 * transport whose queue is shorter drops some of a burst; were it always the same ones, the peer
 * would never get further. So what is left after so many counts as lost on the way: the core hears
 * from the next heartbeat's refusal where the peer is. */
#define PIECES_MAX 8

void de_node_send_pieces(struct de_node *node, struct de_raft_message *message,
                         const struct dengine_entry *entries, uint32_t count)
{
    const uint32_t most = DE_NODE_SITE(node, FEW_PIECES) ? 1 : PIECES_MAX;
    uint32_t sent = 0;
    uint32_t pieces = 0;

    DE_ASSERT(count > 0);
    DE_ASSERT(message->prev_index + count <= message->last_index);
    for (; sent < count && pieces < most; pieces++) {
        struct de_raft_message piece = *message;
        uint64_t bytes = entries[sent].data.size;
        uint32_t n = 1; /* one entry goes, however large */

        while (sent + n < count && n < node->raft_options.append_entries_max &&
               bytes + entries[sent + n].data.size <= node->raft_options.append_bytes_max) {
            bytes += entries[sent + n].data.size;
            n++;
        }
        piece.last_index = message->prev_index + n;
        piece.last_term = entries[sent + n - 1].term;
        send_one(node, &piece, entries + sent, n);
        message->prev_index = piece.last_index;
        message->prev_term = piece.last_term;
        sent += n;
    }
    DE_ASSERT(sent == count || pieces == most);
    if (sent < count) {
        message->prev_index = message->last_index;
        message->prev_term = message->last_term;
    }
}

bool de_node_send_cached(struct de_node *node, struct de_raft_message *message)
{
    DE_ASSERT(de_node_range_valid(node, message));
    if (message->prev_index == message->last_index) {
        send_one(node, message, NULL, 0);
        return true;
    }
    while (message->prev_index < message->last_index) {
        uint32_t count = 0;

        while (count < node->raft_options.append_entries_max &&
               message->prev_index + count < message->last_index) {
            struct de_entry_buffer *buffer =
                de_entry_cache_get(&node->cache, message->prev_index + 1 + count);

            if (buffer == NULL) {
                DE_ASSERT(count == 0); /* the cache is a suffix of the log */
                return false;
            }
            node->send_entries[count++] = de_entry_buffer_entry(buffer);
        }
        de_node_send_pieces(node, message, node->send_entries, count);
    }
    DE_ASSERT(message->prev_term == message->last_term);
    return true;
}

static void send_append(struct de_node *node, const struct de_raft_message *message)
{
    struct de_raft_message copy = *message;

    DE_ASSERT(message->type == DE_RAFT_MSG_APPEND);
    DE_ASSERT(message->term == node->view.term);
    if (!de_node_range_valid(node, message)) {
        node->dropped_messages++;
        return;
    }
    if (!de_node_backlog_take(node, message)) {
        const bool all = de_node_send_cached(node, &copy);

        DE_ASSERT(all);
    }
}

void de_node_send_messages(struct de_node *node)
{
    const struct de_raft_update *update = &node->update;

    DE_ASSERT(update->messages != NULL || update->message_count == 0);
    for (uint32_t i = 0; i < update->message_count; i++) {
        const struct de_raft_message *message = &update->messages[i];

        DE_ASSERT(message->from == node->raft_options.id);
        if (message->type == DE_RAFT_MSG_APPEND) {
            send_append(node, message);
        } else {
            send_one(node, message, NULL, 0);
        }
    }
}
