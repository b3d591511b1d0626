#include "engine/elsewhere.h"

#include <string.h>

#include "core/base/assert.h"

void de_elsewhere_init(struct de_elsewhere *elsewhere)
{
    int err = pthread_mutex_init(&elsewhere->mutex, NULL);

    DE_ASSERT(err == 0);
    elsewhere->client = NULL;
}

void de_elsewhere_deinit(struct de_elsewhere *elsewhere)
{
    int err;

    dengine_disconnect(elsewhere->client);
    elsewhere->client = NULL;
    err = pthread_mutex_destroy(&elsewhere->mutex);
    DE_ASSERT(err == 0);
}

/* Makes the client, or tells it of members that have come, or moved, since it was made. */
static int meet(struct de_elsewhere *elsewhere, const struct dengine_cluster_status *status,
                uint64_t self)
{
    int err = DENGINE_E_NO_LEADER;

    DE_ASSERT(status->member_count <= DENGINE_MEMBERS_MAX);
    for (uint32_t i = 0; i < status->member_count; i++) {
        const struct dengine_member *member = &status->members[i];

        if (member->id == self || member->address[0] == '\0') {
            continue;
        }
        err = elsewhere->client == NULL ? dengine_connect(member->address, NULL, &elsewhere->client)
                                        : de_client_know(elsewhere->client, member->address);
        if (err != 0) {
            break;
        }
    }
    return err;
}

int de_elsewhere_start(struct de_elsewhere *elsewhere, const struct dengine_cluster_status *status,
                       uint64_t self, const struct de_client_call *call)
{
    int err;

    DE_ASSERT(call->type == DE_CLIENT_CHANGE || call->type == DE_CLIENT_TRANSFER);
    (void)pthread_mutex_lock(&elsewhere->mutex);
    err = meet(elsewhere, status, self);
    (void)pthread_mutex_unlock(&elsewhere->mutex);
    return err != 0 ? err : elsewhere->client->ops->start(elsewhere->client, call);
}
