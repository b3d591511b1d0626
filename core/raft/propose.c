/* core/raft/propose.c - entries from our own clients. */
#include "core/raft/raft_internal.h"

int de_not_leader(const struct de_raft *raft)
{
    DE_ASSERT(raft->role != DE_RAFT_LEADER);
    DE_ASSERT(raft->leader != raft->options.id);
    return raft->leader == 0 ? DENGINE_E_NO_LEADER : DENGINE_E_NOT_LEADER;
}

/* What all entries take; false when one of them is not for a client to propose. */
static bool add_up(const struct de_raft_event *event, uint64_t *bytes)
{
    *bytes = 0;
    if (event->entry_count == 0 || event->entries == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < event->entry_count; i++) {
        if (event->entries[i].type != DENGINE_ENTRY_COMMAND) {
            return false;
        }
        *bytes += event->entries[i].bytes + DE_RAFT_ENTRY_OVERHEAD;
    }
    DE_ASSERT(event->entry_count > 0);
    DE_ASSERT(*bytes >= (uint64_t)DE_RAFT_ENTRY_OVERHEAD * event->entry_count);
    return true;
}

/* Bounds what a leader without its quorum piles up. One proposal is always taken, whatever its
 * size: else it could never be. */
static bool has_room(const struct de_raft *raft, uint64_t bytes)
{
    uint64_t entries = raft->log.last_index - raft->commit;
    uint64_t pending = de_sizes_between(&raft->sizes, raft->commit + 1, raft->log.last_index) +
                       entries * DE_RAFT_ENTRY_OVERHEAD;

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    DE_ASSERT(raft->commit <= raft->log.last_index);
    return pending == 0 || (pending <= raft->options.uncommitted_bytes_max &&
                            bytes <= raft->options.uncommitted_bytes_max - pending);
}

int de_propose(struct de_raft *raft, const struct de_raft_event *event)
{
    struct de_raft_update *update = raft->update;
    uint64_t bytes;

    if (!add_up(event, &bytes)) {
        return DENGINE_E_INVALID;
    }
    if (raft->role != DE_RAFT_LEADER) {
        return de_not_leader(raft);
    }
    DE_SOMETIMES(raft->leading.transfer_to != 0,
                 "a proposal is refused while leadership is handed over");
    if (raft->leading.transfer_to != 0 || !has_room(raft, bytes) ||
        de_site(raft->options.sites, DE_SITE_BUSY_PROPOSAL)) {
        return DENGINE_E_BUSY;
    }
    uint64_t first = raft->log.last_index + 1;
    bool appended = de_term_runs_append(&raft->log, raft->term, event->entry_count);
    DE_ASSERT(appended); /* our NOOP has opened the run of this term */
    for (uint32_t i = 0; i < event->entry_count; i++) {
        de_sizes_append(&raft->sizes, event->entries[i].bytes);
    }
    update->persist.source = DE_RAFT_FROM_EVENT;
    update->persist.count = event->entry_count;
    update->persist.first_index = first;
    update->persist.term = raft->term;
    update->proposed_index = first;
    update->proposed_term = raft->term;
    DE_ASSERT(raft->sizes.last_index == raft->log.last_index);
    return 0;
}
