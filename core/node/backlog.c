/* Appends for peers that are behind the cache: their entries are read back from the log store.
 *
 * One read is under way at a time, for the head of the queue. Once an append to a peer waits, all
 * later ones to that peer queue up behind it: an overtaken append would be rejected. */
#include "core/base/assert.h"
#include "core/base/sometimes.h"
#include "core/node/node_state.h"

static uint32_t backlog_max(const struct de_node *node)
{
    DE_ASSERT(node->raft_options.window_messages_max > 0);
    DE_ASSERT(node->raft_options.window_messages_max <= UINT32_MAX / 8);
    return 4 * node->raft_options.window_messages_max + DE_RAFT_MEMBERS_MAX;
}

static bool waits_for(const struct de_node *node, uint64_t peer)
{
    const struct de_backlog_item *item = node->backlog_first;

    DE_ASSERT(peer != 0);
    DE_ASSERT((node->backlog_first == NULL) == (node->backlog_count == 0));
    while (item != NULL && item->message.to != peer) {
        item = item->next;
    }
    return item != NULL;
}

bool de_node_backlog_take(struct de_node *node, const struct de_raft_message *message)
{
    struct de_backlog_item *item = NULL;
    const bool behind =
        message->prev_index < message->last_index && message->prev_index + 1 < node->cache.first;

    DE_ASSERT(message->type == DE_RAFT_MSG_APPEND);
    if (!behind && !waits_for(node, message->to)) {
        return false;
    }
    if (node->backlog_count < backlog_max(node)) {
        item = de_allocate(&node->allocator, sizeof *item);
    }
    if (item == NULL) {
        node->dropped_messages++;
        return true;
    }
    item->message = *message;
    item->message.entries = NULL;
    item->message.configuration = NULL;
    item->next = NULL;
    if (node->backlog_last != NULL) {
        node->backlog_last->next = item;
    } else {
        node->backlog_first = item;
    }
    node->backlog_last = item;
    node->backlog_count++;
    DE_ASSERT(node->backlog_count <= backlog_max(node));
    return true;
}

/* R3; and who does not lead any more need not trouble the disk. */
static bool is_current(const struct de_node *node, const struct de_raft_message *message)
{
    DE_ASSERT(message->type == DE_RAFT_MSG_APPEND);
    DE_ASSERT(message->term <= node->view.term);
    return node->view.role == DE_RAFT_LEADER && node->view.term == message->term &&
           de_node_range_valid(node, message);
}

static void drop_head(struct de_node *node)
{
    struct de_backlog_item *item = node->backlog_first;

    DE_ASSERT(item != NULL);
    DE_ASSERT(node->backlog_count > 0);
    node->backlog_first = item->next;
    if (node->backlog_first == NULL) {
        node->backlog_last = NULL;
    }
    node->backlog_count--;
    de_release(&node->allocator, item);
}

void de_node_backlog_clear(struct de_node *node)
{
    while (node->backlog_first != NULL) {
        drop_head(node);
    }
    DE_ASSERT(node->backlog_last == NULL);
    DE_ASSERT(node->backlog_count == 0);
}

void de_node_backlog_turn(struct de_node *node, uint64_t now_ns)
{
    DE_ASSERT(node->inside);
    while (de_node_running(node) && node->backlog_first != NULL) {
        struct de_raft_message *message = &node->backlog_first->message;
        uint64_t last;

        if (!is_current(node, message)) {
            DE_SOMETIMES(true, "an append that waited for the disk is out of date");
            node->dropped_messages++;
            drop_head(node);
            continue;
        }
        if (de_node_send_cached(node, message)) {
            drop_head(node);
            continue;
        }
        if (node->reading_for_peer) {
            break;
        }
        DE_ASSERT(message->prev_index + 1 < node->cache.first);
        last =
            message->last_index < node->cache.first ? message->last_index : node->cache.first - 1;
        if (!de_node_read_log(node, DE_LOG_READ_FOR_PEER, message->prev_index + 1, last)) {
            de_node_retry(node, now_ns);
        }
        break;
    }
}

void de_node_backlog_read(struct de_node *node, const struct de_log_read_job *read)
{
    struct de_raft_message *message;
    uint64_t last;

    DE_ASSERT(read->count > 0);
    if (node->backlog_first == NULL) {
        return;
    }
    message = &node->backlog_first->message;
    last = read->first + read->count - 1;
    /* The head may have changed since, and the log too: R3 again, for what was read. */
    if (read->first != message->prev_index + 1 || last > message->last_index ||
        !is_current(node, message) ||
        de_raft_term_at(node->raft, last) != read->entries[read->count - 1].term) {
        return;
    }
    de_node_send_pieces(node, message, read->entries, read->count);
    if (message->prev_index == message->last_index) {
        drop_head(node);
    }
    DE_ASSERT(last <= node->view.last_index);
}
