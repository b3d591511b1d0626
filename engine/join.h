/* engine/join.h - how a server with an empty directory becomes a learner of a cluster.
 *
 * It asks the servers it was told of which cluster they are, writes that into its identity, starts
 * with no members, listens, and asks to be added. Then the leader dials it and feeds it; from the
 * first membership in its log or snapshot on, it needs to be told nothing any more: when it starts
 * again, cluster.join has no effect.
 *
 * Threads: the one that opens the engine. */
#ifndef DE_ENGINE_JOIN_H
#define DE_ENGINE_JOIN_H

#include "engine/engine_state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Before the stores are opened: finds out the cluster, unless the directory knows it, into
 * plan->cluster_id; the directory is opened and its identity checked by the caller. Tells services
 * that it waits. UNAVAILABLE and the like, with a sentence. */
int de_join_find_cluster(struct de_plan *plan, const struct de_engine_services *services,
                         char *message, size_t message_size);

/* When the engine listens: asks to be added. fresh: the directory was found empty. Does nothing for
 * a node that knows of members. */
int de_join_cluster(struct dengine *engine, bool fresh, char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
