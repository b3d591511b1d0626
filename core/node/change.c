/* A request to change the membership: checked here, carried out by the core, ended once (R8).
 *
 * At most one is under way, as the core takes one at a time. It ends well when the configuration it
 * asked for is committed; if it takes a joint one to get there, the end of that counts: only then
 * may the members that leave be shut down. */
#include "core/base/assert.h"
#include "core/node/node_state.h"
#include "core/raft/configuration.h"

/* Thesis 4.2.1: a learner that lags becomes a voter that the next commits wait for. */
static bool has_caught_up(const struct de_node *node, uint64_t id)
{
    struct de_raft_peer_view peers[DE_RAFT_MEMBERS_MAX];
    const uint32_t count = de_raft_get_peers(node->raft, peers, DE_RAFT_MEMBERS_MAX);

    DE_ASSERT(count <= DE_RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (peers[i].id == id) {
            DE_ASSERT(peers[i].match <= node->view.last_index);
            /* 0: it has never answered; a new peer counts as active at first. */
            return peers[i].match > 0 && peers[i].recent_active &&
                   node->view.last_index - peers[i].match <= node->limits.promotion_lag_max;
        }
    }
    return id == node->raft_options.id;
}

/* Every member that begins to vote must have caught up. */
static bool new_voters_have_caught_up(const struct de_node *node,
                                      const struct de_raft_configuration *target)
{
    const struct de_raft_configuration *current = node->view.configuration;

    DE_ASSERT(!de_configuration_is_joint(current));
    DE_ASSERT(!de_configuration_is_joint(target));
    for (uint32_t i = 0; i < target->count; i++) {
        const uint64_t id = target->members[i].id;

        if ((target->members[i].flags & DE_RAFT_VOTER) != 0 &&
            !de_configuration_is_voter(current, id) && !has_caught_up(node, id)) {
            return false;
        }
    }
    return true;
}

/* 0 with node->target filled, or an error with *reason. */
static int check(struct de_node *node, const struct de_change *change, const char **reason)
{
    const struct de_raft_view *view = &node->view;

    DE_ASSERT(view->role == DE_RAFT_LEADER);
    *reason = "";
    if (node->change.request != NULL || view->config_index > view->commit ||
        de_configuration_is_joint(view->configuration)) {
        *reason = "another change of the membership is under way; wait for its end";
        return DENGINE_E_BUSY;
    }
    if (view->transfer_to != 0) {
        *reason = "leadership is being handed over";
        return DENGINE_E_BUSY;
    }
    DE_ASSERT(node->book.current_index == view->config_index);
    *reason = de_membership_change(&node->book.current, change, &node->target);
    if (*reason != NULL) {
        return DENGINE_E_INVALID;
    }
    *reason = "";
    if (!new_voters_have_caught_up(node, &node->target.configuration)) {
        *reason = "that learner has not caught up with the log yet";
        return DENGINE_E_BUSY;
    }
    return 0;
}

static void start(struct de_node *node, struct de_request *request, uint64_t now_ns)
{
    const struct de_raft_event event = {
        .now_ns = now_ns,
        .type = DE_RAFT_EV_CHANGE,
        .configuration = &node->target.configuration,
    };
    int rc;

    DE_ASSERT(node->change.request == NULL);
    DE_ASSERT(!node->target_in_use);
    node->target_in_use = true; /* its addresses are written with the entry */
    if (!de_node_reserve(node, 0)) {
        node->target_in_use = false;
        de_node_end_request(node, request, DENGINE_E_NO_MEMORY);
        return;
    }
    rc = de_node_step(node, &event);
    if (rc == 0) {
        DE_ASSERT(node->update.proposed_index > 0);
        node->change.request = request;
        node->change.index = node->update.proposed_index;
        node->change.term = node->update.proposed_term;
        node->change.committed = false;
        node->change.deadline_ns = DE_NODE_NEVER;
    } else {
        request->reason = rc == DENGINE_E_INVALID ? "too many members for one step; do it in two"
                                                  : "the leader has only just been elected";
        de_node_end_request(node, request, rc);
    }
    de_node_execute(node, false, now_ns);
    node->target_in_use = false;
}

void de_node_start_change(struct de_node *node, struct de_request *request, uint64_t now_ns)
{
    const char *reason = "";
    int rc;

    DE_ASSERT(node->inside);
    DE_ASSERT(request->type == DE_REQUEST_CHANGE && request->change != NULL);
    if (!de_node_running(node) || node->view.role != DE_RAFT_LEADER) {
        const int status = node->halt_err != 0 ? DENGINE_E_HALTED : DENGINE_E_SHUTDOWN;

        de_node_end_request(node, request,
                            de_node_running(node) ? de_node_not_leader(node) : status);
        return;
    }
    rc = check(node, request->change, &reason);
    if (rc != 0) {
        request->reason = reason;
        de_node_end_request(node, request, rc);
        return;
    }
    start(node, request, now_ns);
}

void de_node_end_change(struct de_node *node, int status, const char *reason)
{
    struct de_request *request = node->change.request;

    DE_ASSERT(reason != NULL);
    if (request == NULL) {
        return;
    }
    DE_ASSERT(request->type == DE_REQUEST_CHANGE);
    node->change.request = NULL;
    node->change.deadline_ns = DE_NODE_NEVER;
    request->reason = reason;
    de_node_end_request(node, request, status);
}

/* As with proposals only a commit decides, not what becomes of our own log meanwhile. */
void de_node_settle_change(struct de_node *node, uint64_t now_ns)
{
    struct de_change_under_way *change = &node->change;
    const struct de_raft_view *view = &node->view;

    DE_ASSERT(node->inside);
    if (change->request == NULL) {
        return;
    }
    DE_ASSERT(change->index > 0 && change->term > 0);
    if (!change->committed && change->index <= node->commit) {
        const uint64_t term = de_raft_term_at(node->raft, change->index);

        if (term != 0 && term != change->term) {
            de_node_end_change(node, DENGINE_E_SUPERSEDED, "another leader overwrote it");
            return;
        }
        change->committed = term == change->term;
    }
    if (change->committed && view->config_index <= node->commit &&
        !de_configuration_is_joint(view->configuration)) {
        de_node_end_change(node, 0, "");
    } else if ((view->role != DE_RAFT_LEADER || view->term != change->term) &&
               change->deadline_ns == DE_NODE_NEVER) {
        change->deadline_ns = now_ns + node->raft_options.election_timeout_max_ns;
    }
}

void de_node_expire_change(struct de_node *node, uint64_t now_ns)
{
    DE_ASSERT(node->inside);
    DE_ASSERT_IMPLIES(node->change.request == NULL, node->change.deadline_ns == DE_NODE_NEVER);
    if (node->change.deadline_ns <= now_ns) {
        de_node_end_change(
            node, DENGINE_E_UNKNOWN,
            "leadership was lost meanwhile; look at the members to see what came of it");
    }
}
