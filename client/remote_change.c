#include "client/remote_change.h"

#include <stdio.h>
#include <string.h>

#include <grpc/slice.h>

#include "core/base/assert.h"
#include "dengine_cluster.pb-c.h"

const char de_remote_change_path[] = "/dengine.admin.ClusterService/Change";
const char de_remote_transfer_path[] = "/dengine.admin.ClusterService/Transfer";

static const Dengine__Admin__ChangeKind kinds[] = {
    [DE_CLIENT_ADD_LEARNER] = DENGINE__ADMIN__CHANGE_KIND__ADD_LEARNER,
    [DE_CLIENT_PROMOTE] = DENGINE__ADMIN__CHANGE_KIND__PROMOTE,
    [DE_CLIENT_REMOVE] = DENGINE__ADMIN__CHANGE_KIND__REMOVE,
    [DE_CLIENT_REPLACE] = DENGINE__ADMIN__CHANGE_KIND__REPLACE,
    [DE_CLIENT_SET_VOTERS] = DENGINE__ADMIN__CHANGE_KIND__SET_VOTERS,
    [DE_CLIENT_MOVE] = DENGINE__ADMIN__CHANGE_KIND__MOVE,
    [DE_CLIENT_JOIN] = DENGINE__ADMIN__CHANGE_KIND__JOIN,
};

static int pack(const ProtobufCMessage *message, grpc_slice *request)
{
    size_t packed;

    *request = grpc_slice_malloc(protobuf_c_message_get_packed_size(message));
    packed = protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(*request));
    DE_ASSERT(packed == GRPC_SLICE_LENGTH(*request));
    return 0;
}

/* protobuf-c has no const; packing changes nothing. */
static void set_text(char **to, const char *text)
{
    if (text != NULL) {
        memcpy(to, &text, sizeof text);
    }
}

int de_remote_pack_change(const struct de_client_change *change, grpc_slice *request)
{
    Dengine__Admin__TransferRequest transfer = DENGINE__ADMIN__TRANSFER_REQUEST__INIT;
    Dengine__Admin__ChangeRequest message = DENGINE__ADMIN__CHANGE_REQUEST__INIT;
    const uint64_t *voters = change->voters;

    if (change->kind == DE_CLIENT_TRANSFER_TO) {
        transfer.target = change->id;
        return pack(&transfer.base, request);
    }
    DE_ASSERT(change->kind < DE_ARRAY_SIZE(kinds));
    message.kind = kinds[change->kind];
    message.id = change->id;
    message.by = change->by;
    message.read_only = change->read_only;
    set_text(&message.peer_address, change->peer);
    set_text(&message.client_address, change->client);
    message.n_voters = change->voter_count;
    memcpy(&message.voters, &voters, sizeof voters);
    message.cluster_id = change->cluster_id;
    message.fresh = change->fresh;
    return pack(&message.base, request);
}

void de_remote_unpack_change(grpc_slice bytes, struct de_remote_reply *reply)
{
    Dengine__Admin__ChangeReply *message = dengine__admin__change_reply__unpack(
        NULL, GRPC_SLICE_LENGTH(bytes), GRPC_SLICE_START_PTR(bytes));

    if (message == NULL || message->error > 0) {
        reply->understood = false;
    } else {
        reply->understood = true;
        reply->succeeded = message->error == 0;
        reply->err_exact = message->error;
        (void)snprintf(reply->message, sizeof reply->message, "%.199s", message->reason);
        if (de_endpoint_check(message->leader_address)) {
            (void)snprintf(reply->leader_address, sizeof reply->leader_address, "%s",
                           message->leader_address);
        }
    }
    if (message != NULL) {
        dengine__admin__change_reply__free_unpacked(message, NULL);
    }
}
