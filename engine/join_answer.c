#include "engine/join_answer.h"

#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"

static const struct dengine_member *find(const struct dengine_cluster_status *status, uint64_t id)
{
    DE_ASSERT(status->member_count <= DENGINE_MEMBERS_MAX);
    for (uint32_t i = 0; i < status->member_count; i++) {
        if (status->members[i].id == id) {
            return &status->members[i];
        }
    }
    return NULL;
}

/* A server with an empty directory must not pass for a member that had one: what that one has
 * acknowledged or voted for would be forgotten. A learner whose log is not known to have anything
 * is none of those. (Known to the leader: a later one begins to count anew.)
 *
 * And it is a member only when that is committed: until then the change may be rolled back with the
 * log, and its id be given to another server. */
bool de_join_answer(const struct dengine_cluster_status *status, const struct de_joiner *joiner,
                    int *err, const char **reason)
{
    const struct dengine_member *member = find(status, joiner->id);

    DE_ASSERT(joiner->id != 0 && joiner->peer_address != NULL);
    if (member == NULL) {
        return false;
    }
    *err = DENGINE_E_INVALID;
    if (strcmp(member->peer_address, joiner->peer_address) != 0) {
        *reason = "a member with that id lives at another address";
    } else if (joiner->fresh &&
               (member->kind != DENGINE_MEMBER_LEARNER || member->match_index != 0)) {
        *reason = "a member with that id has data, and this directory is empty: use a new id, "
                  "and remove or replace the old one";
    } else if (status->changing) {
        *err = DENGINE_E_BUSY;
        *reason = "another change of the membership is under way; wait for its end";
    } else {
        *err = 0;
        *reason = "";
    }
    return true;
}
