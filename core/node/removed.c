/* Servers that were removed (thesis 4.2.3).
 *
 * A configuration counts from the moment it is appended, so who is not in it any more is sent
 * nothing: a server that was removed may never hear of it. It misses its leader, asks for votes,
 * and is ignored, for ever. So whoever is asked by a server that it knows to be removed tells it.
 * Ids are never used twice, so that is true for good, whoever says it: the server need not stand
 * for election again. */
#include "core/base/assert.h"
#include "core/node/node_state.h"
#include "core/raft/configuration.h"

/* Whether what is committed says that the id was a member and will never be one again. */
static bool is_removed(const struct de_node *node, uint64_t id)
{
    DE_ASSERT(id != 0);
    DE_ASSERT(node->book.current_index == node->view.config_index);
    return node->view.config_index <= node->view.commit && node->view.configuration->count > 0 &&
           id <= node->book.current.highest_id &&
           de_configuration_find(node->view.configuration, id) < 0;
}

bool de_node_is_removed(const struct de_node *node)
{
    DE_ASSERT(node != NULL);
    DE_ASSERT(node->raft_options.id != 0);
    return node->told_removed || is_removed(node, node->raft_options.id);
}

void de_node_tell_removed(struct de_node *node, const struct de_raft_message *request)
{
    const struct de_peer_message out = {
        .raft = {.type = DE_RAFT_MSG_REMOVED,
                 .cluster_id = node->raft_options.cluster_id,
                 .from = node->raft_options.id,
                 .to = request->from,
                 .commit = node->view.config_index},
    };

    DE_ASSERT(node->inside);
    DE_ASSERT(request->type == DE_RAFT_MSG_VOTE_REQUEST);
    if (is_removed(node, request->from)) {
        node->env.send(node->env.context, &out);
    }
}
