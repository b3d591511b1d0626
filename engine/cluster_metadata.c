/* Who is in the cluster and who leads it, for d-engine's clients and ours. */
#include <string.h>

#include "core/base/assert.h"
#include "d_engine/cluster.pb-c.h"
#include "engine/cluster_service.h"
#include "engine/engine_parts.h"

/* 32 members with two addresses of up to 255 bytes fit. */
#define REPLY_BYTES (32u * 1024)

/* protobuf-c's name for "current_leader_id is present". */
static const DEngine__Server__Cluster__ClusterMembership__HasCurrentLeaderIdCase leader_is_set =
    D_ENGINE__SERVER__CLUSTER__CLUSTER_MEMBERSHIP__HAS_CURRENT_LEADER_ID_CURRENT_LEADER_ID;

/* A membership as messages; they borrow from status. */
struct messages {
    struct dengine_cluster_status status;
    DEngine__Server__Cluster__ClusterMembership membership;
    DEngine__Server__Cluster__NodeMeta nodes[DENGINE_MEMBERS_MAX];
    DEngine__Server__Cluster__NodeMeta *pointers[DENGINE_MEMBERS_MAX];
};

static int32_t role_of(const struct dengine_status *now, const struct dengine_member *member)
{
    if (member->leader) {
        return D_ENGINE__COMMON__NODE_ROLE__LEADER;
    }
    if (member->kind == DENGINE_MEMBER_LEARNER || member->kind == DENGINE_MEMBER_READ_ONLY) {
        return D_ENGINE__COMMON__NODE_ROLE__LEARNER;
    }
    if (member->id == now->node_id && now->role == DENGINE_CANDIDATE) {
        return D_ENGINE__COMMON__NODE_ROLE__CANDIDATE;
    }
    return D_ENGINE__COMMON__NODE_ROLE__FOLLOWER;
}

static DEngine__Common__NodeStatus status_of(enum dengine_member_kind kind)
{
    switch (kind) {
    case DENGINE_MEMBER_LEARNER:
        return D_ENGINE__COMMON__NODE_STATUS__PROMOTABLE;
    case DENGINE_MEMBER_READ_ONLY:
        return D_ENGINE__COMMON__NODE_STATUS__READ_ONLY;
    case DENGINE_MEMBER_VOTER:
    case DENGINE_MEMBER_LEAVING:
        break;
    }
    return D_ENGINE__COMMON__NODE_STATUS__ACTIVE;
}

/* protobuf-c has no const; packing changes nothing. */
static char *unconst(const char *text)
{
    char *result;

    memcpy(&result, &text, sizeof result);
    return result;
}

static void fill(struct dengine *engine, struct messages *messages)
{
    DEngine__Server__Cluster__ClusterMembership *membership = &messages->membership;
    const struct dengine_cluster_status *status = &messages->status;
    struct dengine_status now;

    de_engine_members(engine, &messages->status);
    dengine_status(engine, &now);
    d_engine__server__cluster__cluster_membership__init(membership);
    for (uint32_t i = 0; i < status->member_count; i++) {
        const struct dengine_member *member = &status->members[i];
        DEngine__Server__Cluster__NodeMeta *node = &messages->nodes[i];

        d_engine__server__cluster__node_meta__init(node);
        node->id = (uint32_t)member->id;
        node->address = unconst(member->address);
        node->role = role_of(&now, member);
        node->status = status_of(member->kind);
        node->peer_address = unconst(member->peer_address);
        node->match_index = member->match_index;
        node->leaving = member->kind == DENGINE_MEMBER_LEAVING;
        messages->pointers[i] = node;
    }
    membership->version = status->version;
    membership->n_nodes = status->member_count;
    membership->nodes = messages->pointers;
    membership->cluster_id = status->cluster_id;
    membership->changing = status->changing;
    membership->commit_index = status->commit_index;
    /* A leader is named only when it has committed in its term: clients dial it at once. */
    if (status->leader != 0) {
        membership->has_current_leader_id_case = leader_is_set;
        membership->current_leader_id = (uint32_t)status->leader;
    }
}

static void reply(struct de_rpc_call *call, const ProtobufCMessage *message)
{
    uint8_t bytes[REPLY_BYTES];
    size_t size = protobuf_c_message_get_packed_size(message);

    DE_ASSERT(size <= sizeof bytes);
    size = protobuf_c_message_pack(message, bytes);
    de_rpc_reply(call, GRPC_STATUS_OK, NULL, dengine_bytes(bytes, size));
}

void de_cluster_metadata(void *context, struct de_rpc_call *call, struct dengine_slice request)
{
    struct messages messages;

    (void)request; /* MetadataRequest has no fields */
    fill(context, &messages);
    reply(call, &messages.membership.base);
}

void de_cluster_discover(void *context, struct de_rpc_call *call, struct dengine_slice request)
{
    DEngine__Server__Cluster__LeaderDiscoveryResponse response =
        D_ENGINE__SERVER__CLUSTER__LEADER_DISCOVERY_RESPONSE__INIT;
    const struct dengine_slice none = {NULL, 0};
    struct dengine_cluster_status status;

    (void)request; /* who asks makes no difference */
    de_engine_members(context, &status);
    for (uint32_t i = 0; i < status.member_count; i++) {
        if (status.members[i].leader) { /* one that has committed in its term */
            response.leader_id = (uint32_t)status.leader;
            response.leader_address = status.members[i].address;
            response.term = dengine_term(context);
            reply(call, &response.base);
            return;
        }
    }
    de_rpc_reply(call, GRPC_STATUS_UNAVAILABLE, "no leader is known", none);
}

void de_cluster_reply_join(struct dengine *engine, struct de_rpc_call *call, int err,
                           const char *reason)
{
    DEngine__Server__Cluster__JoinResponse response =
        D_ENGINE__SERVER__CLUSTER__JOIN_RESPONSE__INIT;
    struct messages messages;

    fill(engine, &messages);
    response.success = err == 0;
    response.error = unconst(err != 0 && reason[0] == '\0' ? dengine_strerror(err) : reason);
    response.config = &messages.membership;
    response.config_version = messages.status.version;
    response.leader_id = (uint32_t)messages.status.leader;
    reply(call, &response.base);
}
