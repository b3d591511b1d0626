#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/slice.h>

#include "client/remote.h"
#include "client/remote_change.h"
#include "client/remote_txn.h"
#include "core/base/assert.h"
#include "d_engine/client.pb-c.h"
#include "d_engine/cluster.pb-c.h"

const char de_remote_write_path[] = "/d_engine.client.RaftClientService/HandleClientWrite";
const char de_remote_read_path[] = "/d_engine.client.RaftClientService/HandleClientRead";
const char de_remote_metadata_path[] =
    "/d_engine.server.cluster.ClusterManagementService/GetClusterMetadata";

/* ---- requests ---- */

/* protobuf-c has no const; packing changes nothing. */
static ProtobufCBinaryData binary(struct dengine_slice slice)
{
    ProtobufCBinaryData data = {slice.size, NULL};

    memcpy(&data.data, &slice.data, sizeof data.data);
    return data;
}

/* A slice of its own for a message, packed by pack. */
static int pack_message(const ProtobufCMessage *message, grpc_slice *request)
{
    const size_t size = protobuf_c_message_get_packed_size(message);
    size_t packed;

    *request = grpc_slice_malloc(size);
    packed = protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(*request));
    DE_ASSERT(packed == size);
    return 0;
}

/* Names the consistency, unless it is the server's default. */
static void pack_consistency(enum dengine_consistency consistency,
                             DEngine__Client__ClientReadRequest *read)
{
    if (consistency != DENGINE_DEFAULT) {
        read->has_consistency_policy_case =
            D_ENGINE__CLIENT__CLIENT_READ_REQUEST__HAS_CONSISTENCY_POLICY_CONSISTENCY_POLICY;
    }
    switch (consistency) {
    case DENGINE_DEFAULT:
        break;
    case DENGINE_LINEARIZABLE:
        read->consistency_policy =
            D_ENGINE__CLIENT__READ_CONSISTENCY_POLICY__READ_CONSISTENCY_POLICY_LINEARIZABLE_READ;
        break;
    case DENGINE_LEASE:
        read->consistency_policy =
            D_ENGINE__CLIENT__READ_CONSISTENCY_POLICY__READ_CONSISTENCY_POLICY_LEASE_READ;
        break;
    case DENGINE_EVENTUAL:
        read->consistency_policy =
            D_ENGINE__CLIENT__READ_CONSISTENCY_POLICY__READ_CONSISTENCY_POLICY_EVENTUAL_CONSISTENCY;
        break;
    }
}

static int pack_read(const struct de_client_call *call, uint32_t client_id, grpc_slice *request)
{
    DEngine__Client__ClientReadRequest read = D_ENGINE__CLIENT__CLIENT_READ_REQUEST__INIT;
    ProtobufCBinaryData key = binary(call->key);

    read.client_id = client_id;
    read.n_keys = 1;
    read.keys = &key;
    pack_consistency(call->consistency, &read);
    return pack_message(&read.base, request);
}

static int pack_multi(const struct de_client_call *call, uint32_t client_id, grpc_slice *request)
{
    DEngine__Client__ClientReadRequest read = D_ENGINE__CLIENT__CLIENT_READ_REQUEST__INIT;
    ProtobufCBinaryData *keys = malloc(call->key_count * sizeof *keys + 1);
    int err;

    if (keys == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < call->key_count; i++) {
        keys[i] = binary(call->keys[i]);
    }
    read.client_id = client_id;
    read.n_keys = call->key_count;
    read.keys = keys;
    pack_consistency(call->consistency, &read);
    err = pack_message(&read.base, request);
    free(keys);
    return err;
}

static int pack_scan(const struct de_client_call *call, uint32_t client_id, grpc_slice *request)
{
    DEngine__Client__ClientReadRequest read = D_ENGINE__CLIENT__CLIENT_READ_REQUEST__INIT;
    DEngine__Client__Range range = D_ENGINE__CLIENT__RANGE__INIT;

    DE_ASSERT(call->scan != NULL);
    range.from = binary(call->key);
    range.end = binary(call->end);
    range.from_excluded = call->scan->from_excluded;
    range.reverse = call->scan->reverse;
    range.keys_only = call->scan->keys_only;
    range.count_only = call->scan->count_only;
    range.limit = call->scan->limit;
    read.client_id = client_id;
    read.range = &range;
    pack_consistency(call->consistency, &read);
    return pack_message(&read.base, request);
}

static int pack_lease_query(const struct de_client_call *call, uint32_t client_id,
                            grpc_slice *request)
{
    DEngine__Client__ClientReadRequest read = D_ENGINE__CLIENT__CLIENT_READ_REQUEST__INIT;
    DEngine__Client__LeaseQuery query = D_ENGINE__CLIENT__LEASE_QUERY__INIT;

    query.from = call->lease;
    query.one = call->type == DE_CLIENT_LEASE_LOOK;
    read.client_id = client_id;
    read.leases = &query;
    pack_consistency(call->consistency, &read);
    return pack_message(&read.base, request);
}

static int pack_command(DEngine__Client__WriteCommand *command, const struct de_client_call *call,
                        uint32_t client_id, grpc_slice *request)
{
    DEngine__Client__ClientWriteRequest write = D_ENGINE__CLIENT__CLIENT_WRITE_REQUEST__INIT;
    DEngine__Client__Session session = D_ENGINE__CLIENT__SESSION__INIT;

    write.client_id = client_id;
    if (call->session.id != 0) {
        session.id = call->session.id;
        session.sequence = call->session.sequence;
        session.acknowledged = call->session.acknowledged;
        write.session = &session;
    }
    write.command = command;
    return pack_message(&write.base, request);
}

static int pack_cas(const struct de_client_call *call, uint32_t client_id, grpc_slice *request)
{
    DEngine__Client__WriteCommand command = D_ENGINE__CLIENT__WRITE_COMMAND__INIT;
    DEngine__Client__WriteCommand__CompareAndSwap cas =
        D_ENGINE__CLIENT__WRITE_COMMAND__COMPARE_AND_SWAP__INIT;

    cas.key = binary(call->key);
    cas.new_value = binary(call->value);
    if (!call->expect_absent) {
        cas.has_expected_value_case =
            D_ENGINE__CLIENT__WRITE_COMMAND__COMPARE_AND_SWAP__HAS_EXPECTED_VALUE_EXPECTED_VALUE;
        cas.expected_value = binary(call->expected);
    }
    command.operation_case = D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_COMPARE_AND_SWAP;
    command.compare_and_swap = &cas;
    return pack_command(&command, call, client_id, request);
}

static int pack_put(const struct de_client_call *call, uint32_t client_id, grpc_slice *request)
{
    DEngine__Client__WriteCommand command = D_ENGINE__CLIENT__WRITE_COMMAND__INIT;
    DEngine__Client__WriteCommand__Insert insert = D_ENGINE__CLIENT__WRITE_COMMAND__INSERT__INIT;

    insert.key = binary(call->key);
    insert.value = binary(call->value);
    insert.ttl_ms = call->ttl_ms;
    insert.lease = call->lease;
    command.operation_case = D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_INSERT;
    command.insert = &insert;
    return pack_command(&command, call, client_id, request);
}

static int pack_delete(const struct de_client_call *call, uint32_t client_id, grpc_slice *request)
{
    DEngine__Client__WriteCommand command = D_ENGINE__CLIENT__WRITE_COMMAND__INIT;
    DEngine__Client__WriteCommand__Delete remove = D_ENGINE__CLIENT__WRITE_COMMAND__DELETE__INIT;

    remove.key = binary(call->key);
    command.operation_case = D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_DELETE;
    command.delete_ = &remove;
    return pack_command(&command, call, client_id, request);
}

static int pack_delete_range(const struct de_client_call *call, uint32_t client_id,
                             grpc_slice *request)
{
    DEngine__Client__WriteCommand command = D_ENGINE__CLIENT__WRITE_COMMAND__INIT;
    DEngine__Client__WriteCommand__DeleteRange range =
        D_ENGINE__CLIENT__WRITE_COMMAND__DELETE_RANGE__INIT;

    range.from = binary(call->key);
    range.end = binary(call->end);
    command.operation_case = D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_DELETE_RANGE;
    command.delete_range = &range;
    return pack_command(&command, call, client_id, request);
}

static int pack_lease(const struct de_client_call *call, uint32_t client_id, grpc_slice *request)
{
    DEngine__Client__WriteCommand command = D_ENGINE__CLIENT__WRITE_COMMAND__INIT;
    DEngine__Client__WriteCommand__LeaseGrant grant =
        D_ENGINE__CLIENT__WRITE_COMMAND__LEASE_GRANT__INIT;
    DEngine__Client__WriteCommand__LeaseKeepAlive keep =
        D_ENGINE__CLIENT__WRITE_COMMAND__LEASE_KEEP_ALIVE__INIT;
    DEngine__Client__WriteCommand__LeaseRevoke revoke =
        D_ENGINE__CLIENT__WRITE_COMMAND__LEASE_REVOKE__INIT;

    if (call->type == DE_CLIENT_LEASE_GRANT) {
        grant.ttl_ms = call->ttl_ms;
        grant.with_session = call->with_session;
        command.operation_case = D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_LEASE_GRANT;
        command.lease_grant = &grant;
    } else if (call->type == DE_CLIENT_LEASE_KEEP) {
        keep.lease = call->lease;
        command.operation_case = D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_LEASE_KEEP_ALIVE;
        command.lease_keep_alive = &keep;
    } else {
        revoke.lease = call->lease;
        command.operation_case = D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_LEASE_REVOKE;
        command.lease_revoke = &revoke;
    }
    return pack_command(&command, call, client_id, request);
}

static int pack_txn(const struct de_client_call *call, uint32_t client_id, grpc_slice *request)
{
    DEngine__Client__WriteCommand command = D_ENGINE__CLIENT__WRITE_COMMAND__INIT;
    struct de_txn_message *message;
    int err = de_txn_message_new(call->txn, &message);

    if (err == 0) {
        command.operation_case = D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_TXN;
        command.txn = de_txn_message_of(message);
        err = pack_command(&command, call, client_id, request);
        de_txn_message_free(message);
    }
    return err;
}

int de_remote_pack(const struct de_client_call *call, uint32_t client_id, grpc_slice *request)
{
    switch (call->type) {
    case DE_CLIENT_GET:
        return pack_read(call, client_id, request);
    case DE_CLIENT_PUT:
        return pack_put(call, client_id, request);
    case DE_CLIENT_DELETE:
        return pack_delete(call, client_id, request);
    case DE_CLIENT_CAS:
        return pack_cas(call, client_id, request);
    case DE_CLIENT_DELETE_RANGE:
        return pack_delete_range(call, client_id, request);
    case DE_CLIENT_LEASE_GRANT:
    case DE_CLIENT_LEASE_KEEP:
    case DE_CLIENT_LEASE_REVOKE:
        return pack_lease(call, client_id, request);
    case DE_CLIENT_TXN:
        return pack_txn(call, client_id, request);
    case DE_CLIENT_LEASE_LOOK:
    case DE_CLIENT_LEASE_LIST:
        return pack_lease_query(call, client_id, request);
    case DE_CLIENT_SCAN:
        return pack_scan(call, client_id, request);
    case DE_CLIENT_GET_MULTI:
        return pack_multi(call, client_id, request);
    case DE_CLIENT_CHANGE:
    case DE_CLIENT_TRANSFER:
        return de_remote_pack_change(call->change, request);
    case DE_CLIENT_STATUS:
        *request = grpc_empty_slice();
        return 0;
    default:
        return DENGINE_E_INVALID;
    }
}

/* ---- replies ---- */

static void unpack_metadata(const DEngine__Error__ErrorMetadata *metadata,
                            struct de_remote_reply *reply)
{
    if (metadata->has_retry_after_ms_case !=
        D_ENGINE__ERROR__ERROR_METADATA__HAS_RETRY_AFTER_MS__NOT_SET) {
        reply->retry_after_ms = metadata->retry_after_ms;
    }
    if (metadata->has_leader_address_case !=
            D_ENGINE__ERROR__ERROR_METADATA__HAS_LEADER_ADDRESS__NOT_SET &&
        de_endpoint_check(metadata->leader_address)) {
        (void)snprintf(reply->leader_address, sizeof reply->leader_address, "%s",
                       metadata->leader_address);
    }
    if (metadata->has_debug_message_case !=
        D_ENGINE__ERROR__ERROR_METADATA__HAS_DEBUG_MESSAGE__NOT_SET) {
        (void)snprintf(reply->message, sizeof reply->message, "%s", metadata->debug_message);
    }
    if (metadata->too_large != 0 && reply->error == D_ENGINE__ERROR__ERROR_CODE__INVALID_REQUEST) {
        reply->err_exact = DENGINE_E_TOO_LARGE;
    }
}

static void unpack_read(const DEngine__Client__ReadResults *results, struct de_remote_reply *reply)
{
    reply->understood = results->n_results <= 1; /* one key was asked for */
    reply->found = results->n_results == 1;
    if (reply->found) {
        const ProtobufCBinaryData *value = &results->results[0]->value;

        reply->err = de_client_value_copy(&reply->value, dengine_bytes(value->data, value->len),
                                          results->results[0]->mod_revision);
    }
}

static struct dengine_slice slice_of(const ProtobufCBinaryData *data)
{
    return dengine_bytes(data->data, data->len);
}

static void unpack_page(const DEngine__Client__ReadResults *results, struct de_remote_reply *reply)
{
    size_t bytes = 0;
    uint8_t *at;
    size_t i;

    reply->understood = true;
    for (i = 0; i < results->n_results; i++) {
        bytes += results->results[i]->key.len + results->results[i]->value.len;
    }
    reply->err = de_client_page_new(&reply->page, results->n_results, bytes);
    if (reply->err != 0) {
        return;
    }
    at = de_client_page_bytes(&reply->page, results->n_results);
    for (i = 0; i < results->n_results; i++) {
        const DEngine__Client__ClientResult *result = results->results[i];
        const struct dengine_pair pair = {.key = slice_of(&result->key),
                                          .value = slice_of(&result->value),
                                          .create_revision = result->create_revision,
                                          .mod_revision = result->mod_revision,
                                          .version = result->version,
                                          .lease = result->lease};

        de_client_page_add(&reply->page, &at, &pair);
    }
    reply->page.total = results->of_range != 0 ? results->total : results->n_results;
    reply->page.more = results->more != 0 && results->n_results > 0;
    reply->page.revision = results->revision;
}

static void unpack_leases(const DEngine__Client__ReadResults *results, bool one,
                          struct de_remote_reply *reply)
{
    size_t i;

    /* As with ranges. */
    reply->understood = results->of_range != 0 && results->n_leases <= DENGINE_LEASES_PAGE_MAX &&
                        (!one || results->n_leases == 1);
    if (!reply->understood) {
        return;
    }
    reply->err = de_client_leases_new(&reply->leases, results->n_leases);
    for (i = 0; reply->err == 0 && i < results->n_leases; i++) {
        const DEngine__Client__LeaseInfo *from = results->leases[i];
        const struct dengine_lease_info info = {.lease = from->lease,
                                                .ttl_ms = from->ttl_ms,
                                                .left_ms = from->left_ms,
                                                .keys = from->keys,
                                                .of_one_key = from->of_one_key != 0};

        de_client_leases_add(&reply->leases, &info);
    }
    reply->leases.more = results->more != 0;
    reply->leases.revision = results->revision;
}

static void unpack_data(uint32_t type, const DEngine__Client__ReadResults *results,
                        struct de_remote_reply *reply)
{
    if (type == DE_CLIENT_GET) {
        unpack_read(results, reply);
    } else if (type == DE_CLIENT_GET_MULTI) {
        unpack_page(results, reply);
    } else if (type == DE_CLIENT_SCAN) {
        /* A server that knows no ranges answers that it has found none of no keys. */
        if (results->of_range != 0) {
            unpack_page(results, reply);
        }
    } else {
        unpack_leases(results, type == DE_CLIENT_LEASE_LOOK, reply);
    }
}

void de_remote_unpack(uint32_t type, grpc_slice bytes, struct de_remote_reply *reply)
{
    DEngine__Client__ClientResponse *response = d_engine__client__client_response__unpack(
        NULL, GRPC_SLICE_LENGTH(bytes), GRPC_SLICE_START_PTR(bytes));

    *reply = (struct de_remote_reply){0};
    if (response == NULL) {
        return;
    }
    reply->error = (int32_t)response->error;
    if (response->metadata != NULL) {
        unpack_metadata(response->metadata, reply);
    }
    if (response->error != 0) {
        reply->understood = true;
    } else if (de_client_reads(type)) {
        if (response->success_result_case ==
            D_ENGINE__CLIENT__CLIENT_RESPONSE__SUCCESS_RESULT_READ_DATA) {
            unpack_data(type, response->read_data, reply);
        }
    } else if (response->success_result_case ==
               D_ENGINE__CLIENT__CLIENT_RESPONSE__SUCCESS_RESULT_WRITE_RESULT) {
        reply->understood = true;
        reply->succeeded = response->write_result->succeeded != 0;
        reply->revision = response->write_result->revision;
        reply->count = response->write_result->count;
        reply->lease = response->write_result->lease;
        if (type == DE_CLIENT_TXN && de_txn_unpack(response->write_result, &reply->txn) != 0) {
            /* It was carried out, but what it found is lost. */
            reply->err = DENGINE_E_UNKNOWN;
        }
        reply->txn.succeeded = reply->succeeded;
        reply->txn.revision = reply->revision;
        /* A server that does not know the request does something else, or nothing. */
        reply->understood = type != DE_CLIENT_LEASE_GRANT || reply->lease != 0;
    }
    d_engine__client__client_response__free_unpacked(response, NULL);
}

static enum dengine_member_kind kind_of(const DEngine__Server__Cluster__NodeMeta *node)
{
    if (node->leaving) {
        return DENGINE_MEMBER_LEAVING;
    }
    if (node->status == D_ENGINE__COMMON__NODE_STATUS__READ_ONLY) {
        return DENGINE_MEMBER_READ_ONLY;
    }
    return node->status == D_ENGINE__COMMON__NODE_STATUS__PROMOTABLE ? DENGINE_MEMBER_LEARNER
                                                                     : DENGINE_MEMBER_VOTER;
}

static bool take_members(const DEngine__Server__Cluster__ClusterMembership *membership,
                         struct dengine_cluster_status *status)
{
    const bool has_leader =
        membership->has_current_leader_id_case !=
        D_ENGINE__SERVER__CLUSTER__CLUSTER_MEMBERSHIP__HAS_CURRENT_LEADER_ID__NOT_SET;
    size_t i;

    if (membership->n_nodes > DENGINE_MEMBERS_MAX) {
        return false;
    }
    for (i = 0; i < membership->n_nodes; i++) {
        const DEngine__Server__Cluster__NodeMeta *node = membership->nodes[i];
        struct dengine_member *member = &status->members[i];

        /* Empty: an engine in a process that nobody can dial. */
        if (node->address[0] != '\0' && !de_endpoint_check(node->address)) {
            return false;
        }
        member->id = node->id;
        (void)snprintf(member->address, sizeof member->address, "%s", node->address);
        member->leader = has_leader && node->id == membership->current_leader_id;
        member->kind = kind_of(node);
        member->match_index = node->match_index;
        (void)snprintf(member->peer_address, sizeof member->peer_address, "%.255s",
                       node->peer_address);
        if (member->leader) {
            status->leader = member->id;
        }
    }
    status->member_count = (uint32_t)membership->n_nodes;
    status->cluster_id = membership->cluster_id;
    status->version = membership->version;
    status->changing = membership->changing != 0;
    status->commit_index = membership->commit_index;
    return true;
}

int de_remote_unpack_status(grpc_slice bytes, struct dengine_cluster_status *status)
{
    DEngine__Server__Cluster__ClusterMembership *membership =
        d_engine__server__cluster__cluster_membership__unpack(NULL, GRPC_SLICE_LENGTH(bytes),
                                                              GRPC_SLICE_START_PTR(bytes));
    bool ok;

    *status = (struct dengine_cluster_status){0};
    if (membership == NULL) {
        return DENGINE_E_PROTOCOL;
    }
    ok = take_members(membership, status);
    d_engine__server__cluster__cluster_membership__free_unpacked(membership, NULL);
    if (!ok) {
        *status = (struct dengine_cluster_status){0};
        return DENGINE_E_PROTOCOL;
    }
    return 0;
}
