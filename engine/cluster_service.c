#include "engine/cluster_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/endpoints.h"
#include "core/base/assert.h"
#include "d_engine/cluster.pb-c.h"
#include "dengine_cluster.pb-c.h"
#include "engine/engine_parts.h"
#include "engine/join_answer.h"
#include "runtime/libev/clock.h"

/* A change is given up after so long, whatever the caller would wait. */
#define TIMEOUT_MS_MAX 60000u

/* Longest text of a reply, beside the addresses. */
#define REPLY_BYTES 1024

/* A call under way. */
struct change_call {
    struct de_replica_request request;
    struct dengine *engine;
    struct de_rpc_call *call;
    bool join_cluster; /* d-engine's, with a reply of its own */
    struct de_change change;
};

/* ---- answers ---- */

/* protobuf-c has no const; packing changes nothing. */
static char *unconst(const char *text)
{
    char *result;

    memcpy(&result, &text, sizeof result);
    return result;
}

static void answer(struct dengine *engine, struct de_rpc_call *call, int err, const char *reason)
{
    Dengine__Admin__ChangeReply reply = DENGINE__ADMIN__CHANGE_REPLY__INIT;
    struct dengine_member leader;
    uint8_t bytes[REPLY_BYTES];
    size_t size;

    reply.error = err;
    reply.reason = unconst(reason);
    if (err == DENGINE_E_NOT_LEADER && de_engine_leader(engine, &leader)) {
        reply.leader_address = leader.address;
    }
    DE_ASSERT(dengine__admin__change_reply__get_packed_size(&reply) <= sizeof bytes);
    size = dengine__admin__change_reply__pack(&reply, bytes);
    de_rpc_reply(call, GRPC_STATUS_OK, NULL, dengine_bytes(bytes, size));
}

static void done(struct de_replica_request *request, int status,
                 const struct dengine_result *result)
{
    struct change_call *call = DE_CONTAINER_OF(request, struct change_call, request);

    DE_ASSERT(result == NULL);
    if (call->join_cluster) {
        de_cluster_reply_join(call->engine, call->call, status, request->reason);
    } else {
        answer(call->engine, call->call, status, request->reason);
    }
}

static void released(struct de_replica_request *request)
{
    free(DE_CONTAINER_OF(request, struct change_call, request));
}

static void refuse(struct de_rpc_call *call, const char *message)
{
    const struct dengine_slice none = {NULL, 0};

    de_rpc_reply(call, GRPC_STATUS_INVALID_ARGUMENT, message, none);
}

/* ---- changes ---- */

static struct change_call *new_call(struct dengine *engine, struct de_rpc_call *rpc)
{
    struct change_call *call = calloc(1, sizeof *call);
    uint32_t timeout_ms = de_rpc_call_timeout_ms(rpc);

    if (call == NULL) {
        answer(engine, rpc, DENGINE_E_NO_MEMORY, "");
        return NULL;
    }
    if (timeout_ms > TIMEOUT_MS_MAX) {
        timeout_ms = TIMEOUT_MS_MAX;
    }
    call->engine = engine;
    call->call = rpc;
    call->request.deadline_ns = de_clock_now_ns() + (uint64_t)timeout_ms * 1000000u;
    call->request.done = done;
    call->request.release = released;
    return call;
}

static void submit(struct change_call *call)
{
    const char *reason = "";
    int err = de_engine_change_check(call->engine, &call->change, &reason);

    if (err != 0) {
        call->request.reason = reason;
        done(&call->request, err, NULL);
        free(call);
        return;
    }
    call->request.type = DE_REQUEST_CHANGE;
    call->request.change = &call->change;
    de_replica_submit(de_engine_replica(call->engine), &call->request);
}

/* False: one of the texts is no address. */
static bool take_addresses(struct de_member_addresses *addresses, const char *peer,
                           const char *client)
{
    client = client[0] != '\0' ? client : peer;
    if (!de_endpoint_check(peer) || !de_endpoint_check(client)) {
        return false;
    }
    (void)snprintf(addresses->peer, sizeof addresses->peer, "%s", peer);
    (void)snprintf(addresses->client, sizeof addresses->client, "%s", client);
    return true;
}

/* NULL, or what is wrong with the request. */
static const char *change_of(const Dengine__Admin__ChangeRequest *request, struct de_change *change)
{
    const bool adds = request->kind == DENGINE__ADMIN__CHANGE_KIND__ADD_LEARNER ||
                      request->kind == DENGINE__ADMIN__CHANGE_KIND__JOIN;

    if (request->n_voters > DE_RAFT_MEMBERS_MAX) {
        return "more voters than a cluster can have";
    }
    if (request->id > UINT32_MAX || request->by > UINT32_MAX) {
        return "a member's id is 1 to 4294967295";
    }
    change->kind = adds ? DE_CHANGE_ADD_LEARNER : (uint32_t)request->kind;
    change->id = request->id;
    change->by = request->by;
    change->read_only = request->read_only != 0;
    change->voter_count = (uint32_t)request->n_voters;
    for (size_t i = 0; i < request->n_voters; i++) {
        change->voters[i] = request->voters[i];
    }
    if ((adds || change->kind == DE_CHANGE_ADDRESSES) &&
        !take_addresses(&change->addresses, request->peer_address, request->client_address)) {
        return "an address has the form host:port, and a port is 1 to 65535";
    }
    return NULL;
}

DE_STATIC_ASSERT((int)DENGINE__ADMIN__CHANGE_KIND__PROMOTE == (int)DE_CHANGE_PROMOTE &&
                     (int)DENGINE__ADMIN__CHANGE_KIND__REMOVE == (int)DE_CHANGE_REMOVE &&
                     (int)DENGINE__ADMIN__CHANGE_KIND__REPLACE == (int)DE_CHANGE_REPLACE &&
                     (int)DENGINE__ADMIN__CHANGE_KIND__SET_VOTERS == (int)DE_CHANGE_SET_VOTERS &&
                     (int)DENGINE__ADMIN__CHANGE_KIND__MOVE == (int)DE_CHANGE_ADDRESSES,
                 "the kinds have the same numbers");

static void join(struct change_call *call, const Dengine__Admin__ChangeRequest *request)
{
    struct dengine *engine = call->engine;
    const struct de_joiner joiner = {request->id, call->change.addresses.peer, request->fresh != 0};
    struct dengine_cluster_status status;
    const char *reason = "";
    int err = 0;

    de_engine_members(engine, &status);
    if (request->cluster_id != status.cluster_id) {
        err = DENGINE_E_FOREIGN;
        reason = "the data directory is of another cluster";
    } else if (status.leader != dengine_node_id(engine)) {
        err = status.leader != 0 ? DENGINE_E_NOT_LEADER : DENGINE_E_NO_LEADER;
    } else if (request->id == 0 || !de_join_answer(&status, &joiner, &err, &reason)) {
        submit(call);
        return;
    }
    answer(engine, call->call, err, reason);
    free(call);
}

static void handle_change(void *context, struct de_rpc_call *rpc, struct dengine_slice bytes)
{
    Dengine__Admin__ChangeRequest *request =
        dengine__admin__change_request__unpack(NULL, bytes.size, bytes.data);
    struct change_call *call;
    const char *wrong;

    if (request == NULL || request->kind < DENGINE__ADMIN__CHANGE_KIND__ADD_LEARNER ||
        request->kind > DENGINE__ADMIN__CHANGE_KIND__JOIN) {
        refuse(rpc, "not a ChangeRequest that this version knows");
    } else {
        call = new_call(context, rpc);
        wrong = call == NULL ? NULL : change_of(request, &call->change);
        if (wrong != NULL) {
            answer(context, rpc, DENGINE_E_INVALID, wrong);
            free(call);
        } else if (call != NULL && request->kind == DENGINE__ADMIN__CHANGE_KIND__JOIN) {
            join(call, request);
        } else if (call != NULL) {
            submit(call);
        }
    }
    if (request != NULL) {
        dengine__admin__change_request__free_unpacked(request, NULL);
    }
}

static void handle_join_cluster(void *context, struct de_rpc_call *rpc, struct dengine_slice bytes)
{
    DEngine__Server__Cluster__JoinRequest *request =
        d_engine__server__cluster__join_request__unpack(NULL, bytes.size, bytes.data);
    struct change_call *call;

    if (request == NULL) {
        refuse(rpc, "not a JoinRequest");
        return;
    }
    call = new_call(context, rpc);
    if (call != NULL) {
        call->join_cluster = true;
        call->change.kind = DE_CHANGE_ADD_LEARNER;
        call->change.id = request->node_id;
        call->change.read_only = request->status == D_ENGINE__COMMON__NODE_STATUS__READ_ONLY;
        if (take_addresses(&call->change.addresses, request->address, "")) {
            submit(call);
        } else {
            de_cluster_reply_join(context, rpc, DENGINE_E_INVALID,
                                  "an address has the form host:port, and a port is 1 to 65535");
            free(call);
        }
    }
    d_engine__server__cluster__join_request__free_unpacked(request, NULL);
}

static void handle_transfer(void *context, struct de_rpc_call *rpc, struct dengine_slice bytes)
{
    Dengine__Admin__TransferRequest *request =
        dengine__admin__transfer_request__unpack(NULL, bytes.size, bytes.data);
    struct change_call *call;

    if (request == NULL) {
        refuse(rpc, "not a TransferRequest");
        return;
    }
    call = new_call(context, rpc);
    if (call != NULL) {
        call->request.type = DE_REQUEST_TRANSFER;
        call->request.target = request->target;
        de_replica_submit(de_engine_replica(call->engine), &call->request);
    }
    dengine__admin__transfer_request__free_unpacked(request, NULL);
}

int de_cluster_service_add(struct dengine *engine, struct de_rpc_server *server)
{
    static const struct {
        const char *path;
        de_rpc_unary_handler *handler;
    } methods[] = {
        {"/d_engine.server.cluster.ClusterManagementService/GetClusterMetadata",
         de_cluster_metadata},
        {"/d_engine.server.cluster.ClusterManagementService/JoinCluster", handle_join_cluster},
        {"/d_engine.server.cluster.ClusterManagementService/DiscoverLeader", de_cluster_discover},
        {"/dengine.admin.ClusterService/Change", handle_change},
        {"/dengine.admin.ClusterService/Transfer", handle_transfer},
    };
    int err = 0;

    for (size_t i = 0; i < DE_ARRAY_SIZE(methods) && err == 0; i++) {
        err = de_rpc_server_add_unary(server, methods[i].path, methods[i].handler, engine);
    }
    return err;
}
