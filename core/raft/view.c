/* core/raft/view.c - what can be seen from outside. */
#include <string.h>

#include "core/raft/raft_internal.h"

void de_raft_get_view(const struct de_raft *raft, struct de_raft_view *view)
{
    DE_ASSERT(raft != NULL && view != NULL);
    DE_ASSERT(raft->update == NULL);
    memset(view, 0, sizeof(*view));
    view->id = raft->options.id;
    view->term = raft->term;
    view->vote = raft->vote;
    view->leader = raft->leader;
    view->role = raft->role;
    view->ready = raft->role == DE_RAFT_LEADER && de_leader_is_ready(raft);
    view->recovering = raft->recovering;
    view->halted = raft->halt_reason != NULL;
    view->halt_reason = raft->halt_reason != NULL ? raft->halt_reason : "";
    view->base_index = raft->log.base_index;
    view->last_index = raft->log.last_index;
    view->last_term = de_term_runs_last_term(&raft->log);
    view->durable_index = raft->tickets.durable_index;
    view->durable_term = raft->tickets.durable_term;
    view->durable_vote = raft->tickets.durable_vote;
    view->commit = raft->commit;
    view->applied = raft->applied;
    view->lease_until_ns = de_lease_until(raft);
    view->transfer_to = raft->leading.transfer_to;
    view->config_index = raft->configurations.current_index;
    view->dropped_messages = raft->dropped_messages;
    view->term_runs_free = de_term_runs_free(&raft->log);
    view->configuration = &raft->configurations.current;
}

uint64_t de_raft_term_at(const struct de_raft *raft, uint64_t index)
{
    DE_ASSERT(raft != NULL);
    DE_ASSERT(raft->log.base_index <= raft->log.last_index);
    return de_term_runs_at(&raft->log, index);
}

uint32_t de_raft_get_peers(const struct de_raft *raft, struct de_raft_peer_view *views,
                           uint32_t max)
{
    uint32_t count = 0;

    DE_ASSERT(raft != NULL);
    DE_ASSERT(views != NULL || max == 0);
    if (raft->role != DE_RAFT_LEADER) {
        return 0;
    }
    for (uint32_t i = 0; i < raft->configurations.current.count; i++) {
        const struct de_progress *peer = &raft->peers[i];
        if (peer->id == raft->options.id) {
            continue;
        }
        if (count < max) {
            views[count].id = peer->id;
            views[count].match = peer->match;
            views[count].next = peer->next;
            views[count].state = peer->state;
            views[count].in_flight = peer->flight_count;
            views[count].recent_active =
                raft->now_ns - peer->heard_ns < raft->options.election_timeout_min_ns;
        }
        count++;
    }
    return count;
}
