/* engine/elsewhere.h - changes of membership and leadership that are asked of an engine which does
 * not lead: the leader is asked for them, as any remote client would ask it.
 *
 * So they are looked for, tried again and given up by the same rules as there (client/policy), and
 * a change whose outcome got lost is UNKNOWN, never done twice.
 *
 * Threads: any; de_elsewhere_deinit is the last call. */
#ifndef DE_ENGINE_ELSEWHERE_H
#define DE_ENGINE_ELSEWHERE_H

#include <pthread.h>

#include <dengine/dengine.h>

#include "client/client_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_elsewhere {
    pthread_mutex_t mutex;
    struct dengine_client *client; /* of the other members; NULL: has not been needed yet */
};

void de_elsewhere_init(struct de_elsewhere *elsewhere);
/* Calls under way end: SHUTDOWN, or UNKNOWN when they had left. */
void de_elsewhere_deinit(struct de_elsewhere *elsewhere);

/* Starts a call of type CHANGE or TRANSFER at the members of status but `self`; as
 * de_client_ops.start. NO_LEADER: none of them has an address. */
int de_elsewhere_start(struct de_elsewhere *elsewhere, const struct dengine_cluster_status *status,
                       uint64_t self, const struct de_client_call *call);

#ifdef __cplusplus
}
#endif

#endif
