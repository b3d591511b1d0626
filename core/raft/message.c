/* core/raft/message.c - what may come in from the network at all.
 *
 * The peer may be of another cluster, of another version, or broken. Whatever passes here can be
 * reasoned about as the papers do; the rest is dropped and counted (R7). */
#include "core/raft/raft_internal.h"

/* Entries of an append: as many as the range says, terms that never fall and never exceed the
 * leader's, configurations that are some. */
static bool entries_are_good(const struct de_raft_message *message)
{
    uint64_t term = message->prev_term;

    DE_ASSERT(message->type == DE_RAFT_MSG_APPEND);
    if (message->last_index < message->prev_index ||
        message->last_index - message->prev_index != message->entry_count ||
        (message->entry_count > 0 && message->entries == NULL)) {
        return false;
    }
    for (uint32_t i = 0; i < message->entry_count; i++) {
        const struct de_raft_entry *entry = &message->entries[i];
        if (entry->term < term || entry->term == 0) {
            return false;
        }
        if (entry->type < DENGINE_ENTRY_COMMAND || entry->type > DENGINE_ENTRY_CONFIG) {
            return false;
        }
        if (entry->type == DENGINE_ENTRY_CONFIG &&
            (entry->configuration == NULL || !de_configuration_is_valid(entry->configuration))) {
            return false;
        }
        term = entry->term;
    }
    DE_ASSERT(term >= message->prev_term);
    return message->last_term == term && term <= message->term;
}

static bool positions_are_good(const struct de_raft_message *message)
{
    DE_ASSERT(message->type >= DE_RAFT_MSG_VOTE_REQUEST);
    DE_ASSERT(message->type <= DE_RAFT_MSG_SNAPSHOT);
    switch (message->type) {
    case DE_RAFT_MSG_VOTE_REQUEST:
        return message->prev_term < message->term && !(message->pre_vote && message->transfer) &&
               (message->prev_index == 0) == (message->prev_term == 0) &&
               message->config_index <= message->prev_index &&
               message->config_term <= message->prev_term;
    case DE_RAFT_MSG_APPEND:
        return (message->prev_index == 0) == (message->prev_term == 0) && entries_are_good(message);
    case DE_RAFT_MSG_SNAPSHOT:
        return message->last_index > 0 && message->last_term > 0 &&
               message->last_term <= message->term &&
               (message->configuration == NULL ||
                de_configuration_is_valid(message->configuration));
    default:
        return true;
    }
}

/* Replies, and requests to serve a read, come from members; else a server that was removed could
 * raise our term. A leader or a candidate may well be of a configuration that we have not heard
 * of yet (thesis 4.1), so their requests are taken from anybody. */
static bool sender_is_good(const struct de_raft *raft, const struct de_raft_message *message)
{
    DE_ASSERT(message->from != raft->options.id);
    DE_ASSERT(message->to == raft->options.id);
    switch (message->type) {
    case DE_RAFT_MSG_VOTE_REQUEST:
    case DE_RAFT_MSG_APPEND:
    case DE_RAFT_MSG_SNAPSHOT:
    case DE_RAFT_MSG_TIMEOUT_NOW:
        return true;
    default:
        return de_configuration_find(&raft->configurations.current, message->from) >= 0 ||
               message->from == raft->leader ||
               (message->type == DE_RAFT_MSG_VOTE_REPLY &&
                raft->configurations.current_index > raft->commit &&
                de_configuration_find(&raft->configurations.previous, message->from) >= 0);
    }
}

bool de_message_is_good(const struct de_raft *raft, const struct de_raft_message *message)
{
    DE_ASSERT(raft->options.id != 0);
    DE_ASSERT(message != NULL);
    if (message->type < DE_RAFT_MSG_VOTE_REQUEST || message->type > DE_RAFT_MSG_SNAPSHOT) {
        return false;
    }
    if (message->cluster_id != raft->options.cluster_id || message->to != raft->options.id ||
        message->from == 0 || message->from == raft->options.id) {
        return false;
    }
    /* Only a refused pre-vote can come from a server that has not seen any term yet. */
    if (message->term == 0 && message->type != DE_RAFT_MSG_VOTE_REPLY) {
        return false;
    }
    return message->term < DE_INDEX_MAX && message->last_index < DE_INDEX_MAX &&
           message->prev_index < DE_INDEX_MAX && positions_are_good(message) &&
           sender_is_good(raft, message);
}
