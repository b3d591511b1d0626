/* core/raft/update.c - the update while it is being built. */
#include <string.h>

#include "core/raft/raft_internal.h"

void de_update_begin(struct de_raft *raft, struct de_raft_update *update, uint64_t now_ns)
{
    /* Cleared with its padding: R6 compares updates byte by byte. */
    memset(update, 0, sizeof(*update));
    update->messages = raft->outbox;
    raft->update = update;
    if (raft->now_ns < now_ns) {
        raft->now_ns = now_ns;
    }
    raft->before.role = raft->role;
    raft->before.term = raft->term;
    raft->before.vote = raft->vote;
    raft->before.leader = raft->leader;
    raft->before.config_index = raft->configurations.current_index;
    DE_ASSERT(raft->now_ns >= now_ns);
    DE_ASSERT(update->message_count == 0);
}

struct de_raft_message *de_update_message(struct de_raft *raft, uint32_t type, uint64_t to)
{
    DE_ASSERT(raft->update->message_count < DE_OUTBOX_MAX);
    DE_ASSERT(de_term_is_durable(raft)); /* R4 */
    DE_ASSERT(to != 0 && to != raft->options.id);
    struct de_raft_message *message = &raft->outbox[raft->update->message_count++];
    memset(message, 0, sizeof(*message));
    message->type = type;
    message->cluster_id = raft->options.cluster_id;
    message->from = raft->options.id;
    message->to = to;
    message->term = raft->term;
    return message;
}

void de_update_append_own(struct de_raft *raft, uint32_t type,
                          const struct de_raft_configuration *configuration)
{
    struct de_raft_persist *persist = &raft->update->persist;

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    DE_ASSERT(persist->source == DE_RAFT_NO_ENTRIES && persist->truncate_from == 0);
    /* A candidate sees to it that the log has room for its term, and a leader's has its run. */
    bool appended = de_term_runs_append(&raft->log, raft->term, 1);
    DE_ASSERT(appended);
    de_sizes_append(&raft->sizes, 0);
    persist->source = DE_RAFT_FROM_CORE;
    persist->count = 1;
    persist->first_index = raft->log.last_index;
    persist->term = raft->term;
    persist->core_type = type;
    if (configuration != NULL) {
        DE_ASSERT(type == DENGINE_ENTRY_CONFIG);
        de_configurations_append(&raft->configurations, raft->log.last_index, configuration);
        de_update_members(raft);
        persist->configuration = &raft->configurations.current;
        de_replicate_heartbeat(raft); /* who is new learns of us at once */
    }
}

void de_update_members(struct de_raft *raft)
{
    const struct de_raft_configuration *configuration = &raft->configurations.current;
    struct de_progress old[DE_RAFT_MEMBERS_MAX];
    bool kept[DE_RAFT_MEMBERS_MAX] = {false};
    bool known[DE_RAFT_MEMBERS_MAX] = {false};

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    DE_ASSERT(configuration->count <= DE_RAFT_MEMBERS_MAX);
    memcpy(old, raft->peers, sizeof(old));
    for (uint32_t i = 0; i < configuration->count; i++) {
        for (uint32_t j = 0; j < DE_RAFT_MEMBERS_MAX && !known[i]; j++) {
            if (old[j].id == configuration->members[i].id) {
                raft->peers[i] = old[j];
                known[i] = true;
                kept[j] = true;
            }
        }
    }
    /* Who is new, and the empty places behind, get the rings that nobody kept. */
    uint32_t j = 0;
    for (uint32_t i = 0; i < DE_RAFT_MEMBERS_MAX; i++) {
        if (known[i]) {
            continue;
        }
        while (kept[j]) {
            j++;
        }
        uint64_t *flight = old[j++].flight;
        if (i < configuration->count) {
            de_progress_init(&raft->peers[i], configuration->members[i].id, flight,
                             raft->options.window_messages_max, raft->log.last_index, raft->now_ns);
        } else {
            memset(&raft->peers[i], 0, sizeof(raft->peers[i]));
            raft->peers[i].flight = flight;
        }
    }
    DE_ASSERT(j <= DE_RAFT_MEMBERS_MAX);
}

/* One atomic write, if anything has to be durable; the log as it is now belongs to its ticket. */
static void close_persist(struct de_raft *raft)
{
    struct de_raft_persist *persist = &raft->update->persist;

    persist->hard_state_changed =
        raft->term != raft->before.term || raft->vote != raft->before.vote;
    persist->hard_state.term = raft->term;
    persist->hard_state.vote = raft->vote;
    persist->hard_state.commit = raft->commit;
    if (persist->hard_state_changed || persist->truncate_from != 0 ||
        persist->source != DE_RAFT_NO_ENTRIES || persist->install_index != 0) {
        if (raft->tickets.count == 0) {
            raft->disk_since_ns = raft->now_ns;
        }
        persist->ticket =
            de_tickets_issue(&raft->tickets, raft->log.last_index, raft->term, raft->vote);
    }
    DE_ASSERT((persist->source == DE_RAFT_NO_ENTRIES) == (persist->count == 0));
    DE_ASSERT_IMPLIES(persist->install_index != 0, persist->source == DE_RAFT_NO_ENTRIES);
}

/* Entries are handed to the state machine when they are committed and also durable here: so what
 * has been applied is never ahead of our own log after a crash. */
static uint64_t to_apply(const struct de_raft *raft)
{
    uint64_t durable = raft->tickets.durable_index;

    DE_ASSERT(raft->commit <= raft->log.last_index);
    return raft->commit < durable ? raft->commit : durable;
}

static void close_halted(struct de_raft *raft)
{
    struct de_raft_update *update = raft->update;

    DE_ASSERT(raft->halt_reason != NULL);
    memset(update, 0, sizeof(*update));
    update->messages = raft->outbox;
    update->halted = true;
    update->deadline_ns = UINT64_MAX;
    update->role_changed = raft->leader != 0; /* in the first step, for it was this one's log */
    raft->role = DE_RAFT_FOLLOWER;
    raft->leader = 0;
    de_read_lose(raft);
    DE_ASSERT(update->message_count == 0);
}

/* Whether another configuration is in use than before the step. The index alone does not say: one
 * step can replace the entry there, by truncating and appending, or by installing a snapshot. */
static bool config_has_changed(const struct de_raft *raft)
{
    const struct de_raft_persist *persist = &raft->update->persist;
    uint64_t before = raft->before.config_index;

    DE_ASSERT_IMPLIES(persist->install_index != 0,
                      raft->configurations.current_index == persist->install_index);
    DE_ASSERT(raft->configurations.current_index <= raft->log.last_index);
    return raft->configurations.current_index != before || persist->install_index != 0 ||
           (persist->truncate_from != 0 && persist->truncate_from <= before);
}

void de_update_end(struct de_raft *raft)
{
    struct de_raft_update *update = raft->update;

    DE_ASSERT(update != NULL);
    if (raft->halt_reason != NULL) {
        close_halted(raft);
    } else {
        close_persist(raft);
        update->role_changed = raft->role != raft->before.role || raft->term != raft->before.term ||
                               raft->leader != raft->before.leader;
        update->config_changed = config_has_changed(raft);
        update->deadline_ns = de_deadline_next(raft);
        DE_ASSERT_IMPLIES(update->snapshot_to != 0, raft->role == DE_RAFT_LEADER);
    }
    update->commit = to_apply(raft);
    DE_ASSERT(update->commit <= raft->commit);
    raft->update = NULL;
}
