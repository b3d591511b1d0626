#include "proto/peer_codec.h"

#include "proto/peer_fields.h"

#define SCALAR(number, kind, member)                                                               \
    {                                                                                              \
        number, kind, offsetof(struct de_raft_message, member)                                     \
    }

const struct de_peer_scalar de_peer_scalars[DE_PEER_SCALARS] = {
    SCALAR(2, DE_PEER_U32, type),       SCALAR(3, DE_PEER_FIXED64, cluster_id),
    SCALAR(4, DE_PEER_U64, from),       SCALAR(5, DE_PEER_U64, to),
    SCALAR(6, DE_PEER_U64, term),       SCALAR(7, DE_PEER_U64, prev_index),
    SCALAR(8, DE_PEER_U64, prev_term),  SCALAR(9, DE_PEER_U64, last_index),
    SCALAR(10, DE_PEER_U64, last_term), SCALAR(11, DE_PEER_U64, commit),
    SCALAR(12, DE_PEER_U64, round),     SCALAR(13, DE_PEER_FIXED64, sent_ns),
    SCALAR(16, DE_PEER_U64, match),     SCALAR(17, DE_PEER_U64, hint_index),
    SCALAR(18, DE_PEER_U64, hint_term), SCALAR(19, DE_PEER_BOOL, pre_vote),
    SCALAR(20, DE_PEER_BOOL, granted),  SCALAR(21, DE_PEER_BOOL, rejected),
    SCALAR(22, DE_PEER_BOOL, transfer), SCALAR(24, DE_PEER_BOOL, recovering),
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

static bool configuration_holds(const struct de_raft_configuration *configuration)
{
    uint64_t before = 0;
    uint32_t i;

    if (configuration->count == 0 || configuration->count > DE_RAFT_MEMBERS_MAX) {
        return false;
    }
    for (i = 0; i < configuration->count; i++) {
        const struct de_raft_member *member = &configuration->members[i];

        if (member->id <= before || member->flags == 0 ||
            (member->flags & ~DE_PEER_MEMBER_FLAGS_ALL) != 0) {
            return false;
        }
        before = member->id;
    }
    return true;
}

bool de_peer_message_check(const struct de_peer_message *message)
{
    const struct de_raft_message *raft = &message->raft;

    if (raft->type < DE_RAFT_MSG_VOTE_REQUEST || raft->type > DE_RAFT_MSG_REMOVED) {
        return false;
    }
    if (raft->from == 0 || raft->to == 0 || raft->from == raft->to) {
        return false;
    }
    if ((raft->configuration != NULL) != (raft->type == DE_RAFT_MSG_SNAPSHOT)) {
        return false;
    }
    if (raft->configuration != NULL && !configuration_holds(raft->configuration)) {
        return false;
    }
    return raft->type == DE_RAFT_MSG_APPEND ? entries_hold(message) : raft->entry_count == 0;
}
