#include "proto/peer_codec.h"

#include "proto/peer_fields.h"

#define SCALAR(number, kind, member)                                                               \
    {                                                                                              \
        number, kind, offsetof(struct de_peer_message, member)                                     \
    }

const struct de_peer_scalar de_peer_scalars[DE_PEER_SCALARS] = {
    SCALAR(2, DE_PEER_U32, raft.type),          SCALAR(3, DE_PEER_FIXED64, raft.cluster_id),
    SCALAR(4, DE_PEER_U64, raft.from),          SCALAR(5, DE_PEER_U64, raft.to),
    SCALAR(6, DE_PEER_U64, raft.term),          SCALAR(7, DE_PEER_U64, raft.prev_index),
    SCALAR(8, DE_PEER_U64, raft.prev_term),     SCALAR(9, DE_PEER_U64, raft.last_index),
    SCALAR(10, DE_PEER_U64, raft.last_term),    SCALAR(11, DE_PEER_U64, raft.commit),
    SCALAR(12, DE_PEER_U64, raft.round),        SCALAR(13, DE_PEER_FIXED64, raft.sent_ns),
    SCALAR(16, DE_PEER_U64, raft.match),        SCALAR(17, DE_PEER_U64, raft.hint_index),
    SCALAR(18, DE_PEER_U64, raft.hint_term),    SCALAR(19, DE_PEER_BOOL, raft.pre_vote),
    SCALAR(20, DE_PEER_BOOL, raft.granted),     SCALAR(21, DE_PEER_BOOL, raft.rejected),
    SCALAR(22, DE_PEER_BOOL, raft.transfer),    SCALAR(24, DE_PEER_BOOL, raft.recovering),
    SCALAR(25, DE_PEER_U64, chunk.image_bytes), SCALAR(26, DE_PEER_U64, chunk.offset),
    SCALAR(27, DE_PEER_U32, chunk.answer),      SCALAR(29, DE_PEER_U64, raft.promise_ns),
    SCALAR(30, DE_PEER_BOOL, raft.has_config),  SCALAR(31, DE_PEER_U64, raft.config_index),
    SCALAR(32, DE_PEER_U64, raft.config_term),
};

static bool entries_hold(const struct de_peer_message *message)
{
    const struct de_raft_message *raft = &message->raft;
    uint64_t term = raft->prev_term;
    uint32_t i;

    if (raft->last_index < raft->prev_index || raft->entry_count > DE_PEER_ENTRIES_MAX ||
        raft->last_index - raft->prev_index != raft->entry_count) {
        return false;
    }
    for (i = 0; i < raft->entry_count; i++) {
        const struct dengine_entry *entry = &message->entries[i];

        if (entry->term < term || entry->type < DENGINE_ENTRY_COMMAND ||
            entry->type > DENGINE_ENTRY_CONFIG || entry->data.size > UINT32_MAX) {
            return false;
        }
        term = entry->term;
    }
    return term == raft->last_term && term <= raft->term;
}

static bool chunk_holds(const struct de_peer_message *message)
{
    const struct de_peer_chunk *chunk = &message->chunk;
    const bool is_reply = message->raft.type == DE_NODE_MSG_CHUNK_REPLY;

    if (chunk->image_bytes == 0 || chunk->offset > chunk->image_bytes ||
        message->raft.last_index == 0 || message->raft.last_term == 0) {
        return false;
    }
    if (is_reply ? chunk->answer < DE_CHUNK_WANTED || chunk->answer > DE_CHUNK_NEWER
                 : chunk->answer != 0) {
        return false;
    }
    return chunk->data.size <= DE_CHUNK_BYTES_MAX &&
           chunk->data.size <= chunk->image_bytes - chunk->offset &&
           (!is_reply || chunk->data.size == 0);
}

static bool has_chunk(const struct de_peer_chunk *chunk)
{
    return chunk->image_bytes != 0 || chunk->offset != 0 || chunk->answer != 0 ||
           chunk->data.size != 0;
}

bool de_peer_message_check(const struct de_peer_message *message)
{
    const struct de_raft_message *raft = &message->raft;

    if (raft->from == 0 || raft->to == 0 || raft->from == raft->to) {
        return false;
    }
    if (raft->type == DE_NODE_MSG_CHUNK || raft->type == DE_NODE_MSG_CHUNK_REPLY) {
        return raft->entry_count == 0 && chunk_holds(message);
    }
    if (raft->type == DE_NODE_MSG_FORWARD) {
        return raft->entry_count == 1 && entries_hold(message) && !has_chunk(&message->chunk) &&
               message->entries[0].type == DENGINE_ENTRY_COMMAND;
    }
    if (raft->type == DE_NODE_MSG_FORWARD_REPLY) {
        return raft->entry_count == 0 && !has_chunk(&message->chunk) &&
               raft->rejected == (raft->hint_index != 0) && raft->hint_index <= INT16_MAX &&
               raft->rejected != (raft->last_index != 0 && raft->last_term != 0);
    }
    if (raft->type < DE_RAFT_MSG_VOTE_REQUEST || raft->type > DE_RAFT_MSG_REMOVED ||
        has_chunk(&message->chunk)) {
        return false;
    }
    return raft->type == DE_RAFT_MSG_APPEND ? entries_hold(message) : raft->entry_count == 0;
}
