/* engine/cluster_service.h - what every engine with a port tells and does for others about the
 * cluster itself:
 *
 *   d_engine.server.cluster.ClusterManagementService   GetClusterMetadata, JoinCluster,
 *                                                      DiscoverLeader
 *   dengine.admin.ClusterService                       Change, Transfer (dengine_cluster.proto)
 *
 * Every node answers the first and the last of the upper ones; the others are for the leader, and
 * elsewhere the answer says who that is.
 *
 * Threads: handlers run on the thread of the gRPC queue; changes are answered on the loop. */
#ifndef DE_ENGINE_CLUSTER_SERVICE_H
#define DE_ENGINE_CLUSTER_SERVICE_H

#include <dengine/dengine.h>

#include "runtime/libev/rpc_server.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Adds the methods; calls may come once engine has its replica. */
int de_cluster_service_add(struct dengine *engine, struct de_rpc_server *server);

/* Handlers of cluster_metadata.c; context is the engine. */
void de_cluster_metadata(void *context, struct de_rpc_call *call, struct dengine_slice request);
void de_cluster_discover(void *context, struct de_rpc_call *call, struct dengine_slice request);

/* The reply to JoinCluster: 0, or why not. */
void de_cluster_reply_join(struct dengine *engine, struct de_rpc_call *call, int err,
                           const char *reason);

#ifdef __cplusplus
}
#endif

#endif
