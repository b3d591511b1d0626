/* GetClusterMetadata: who is in the cluster and who leads it. Every node answers. */
#include <string.h>

#include "core/base/assert.h"
#include "d_engine/cluster.pb-c.h"
#include "server/service_internal.h"

/* 32 members with addresses of up to 255 bytes fit. */
#define REPLY_BYTES (16u * 1024)

/* protobuf-c's name for "current_leader_id is present". */
static const DEngine__Server__Cluster__ClusterMembership__HasCurrentLeaderIdCase leader_is_set =
    D_ENGINE__SERVER__CLUSTER__CLUSTER_MEMBERSHIP__HAS_CURRENT_LEADER_ID_CURRENT_LEADER_ID;

static int32_t role_of(const struct dengine_status *status, uint64_t id)
{
    if (status->ready && id == status->leader) {
        return D_ENGINE__COMMON__NODE_ROLE__LEADER;
    }
    if (id == status->node_id && status->role == DENGINE_CANDIDATE) {
        return D_ENGINE__COMMON__NODE_ROLE__CANDIDATE;
    }
    return D_ENGINE__COMMON__NODE_ROLE__FOLLOWER;
}

static void fill_nodes(const struct de_service *service, const struct dengine_status *status,
                       DEngine__Server__Cluster__NodeMeta *nodes,
                       DEngine__Server__Cluster__NodeMeta **pointers)
{
    uint32_t i;

    for (i = 0; i < service->member_count; i++) {
        const char *address = service->members[i].address;

        d_engine__server__cluster__node_meta__init(&nodes[i]);
        nodes[i].id = (uint32_t)service->members[i].id;
        /* protobuf-c has no const; packing changes nothing. */
        memcpy(&nodes[i].address, &address, sizeof address);
        nodes[i].role = role_of(status, service->members[i].id);
        nodes[i].status = D_ENGINE__COMMON__NODE_STATUS__ACTIVE;
        pointers[i] = &nodes[i];
    }
}

void de_service_metadata(void *context, struct de_rpc_call *call, struct dengine_slice bytes)
{
    struct de_service *service = context;
    DEngine__Server__Cluster__ClusterMembership membership =
        D_ENGINE__SERVER__CLUSTER__CLUSTER_MEMBERSHIP__INIT;
    DEngine__Server__Cluster__NodeMeta nodes[DENGINE_MEMBERS_MAX];
    DEngine__Server__Cluster__NodeMeta *pointers[DENGINE_MEMBERS_MAX];
    struct dengine_status status = {0};
    uint8_t reply[REPLY_BYTES];
    size_t size;

    (void)bytes; /* MetadataRequest has no fields */
    if (de_service_attached(service)) {
        de_replica_status(service->replica, &status);
        fill_nodes(service, &status, nodes, pointers);
        membership.version = 1; /* the set of members is fixed */
        membership.n_nodes = service->member_count;
        membership.nodes = pointers;
        /* A leader is named only when it has committed in its term: clients dial it at once. */
        if (status.ready && !status.halted && status.leader != 0) {
            membership.has_current_leader_id_case = leader_is_set;
            membership.current_leader_id = (uint32_t)status.leader;
        }
    }
    DE_ASSERT(d_engine__server__cluster__cluster_membership__get_packed_size(&membership) <=
              sizeof reply);
    size = d_engine__server__cluster__cluster_membership__pack(&membership, reply);
    de_rpc_reply(call, GRPC_STATUS_OK, NULL, dengine_bytes(reply, size));
}
