#include "tests/client/fake_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "d_engine/client.pb-c.h"
#include "d_engine/cluster.pb-c.h"

/* protobuf-c has no const; packing changes nothing. */
static void *unconst(const void *pointer)
{
    void *result;

    memcpy(&result, &pointer, sizeof result);
    return result;
}

static void reply(struct de_rpc_call *call, const ProtobufCMessage *message)
{
    uint8_t bytes[4096];
    size_t size = protobuf_c_message_get_packed_size(message);

    DE_ASSERT(size <= sizeof bytes);
    size = protobuf_c_message_pack(message, bytes);
    de_rpc_reply(call, GRPC_STATUS_OK, NULL, dengine_bytes(bytes, size));
}

static void reply_error(struct de_fake_node *node, struct de_rpc_call *call)
{
    DEngine__Client__ClientResponse response = D_ENGINE__CLIENT__CLIENT_RESPONSE__INIT;
    DEngine__Error__ErrorMetadata metadata = D_ENGINE__ERROR__ERROR_METADATA__INIT;

    response.error = (DEngine__Error__ErrorCode)node->error;
    response.metadata = &metadata;
    if (node->retry_after_ms > 0) {
        metadata.has_retry_after_ms_case =
            D_ENGINE__ERROR__ERROR_METADATA__HAS_RETRY_AFTER_MS_RETRY_AFTER_MS;
        metadata.retry_after_ms = node->retry_after_ms;
    }
    if (node->hint_address != NULL) {
        metadata.has_leader_address_case =
            D_ENGINE__ERROR__ERROR_METADATA__HAS_LEADER_ADDRESS_LEADER_ADDRESS;
        metadata.leader_address = unconst(node->hint_address);
    }
    if (node->errors_left > 0) {
        node->errors_left--;
        node->answer = node->errors_left == 0 ? DE_FAKE_SERVE : DE_FAKE_ERROR;
    }
    reply(call, &response.base);
}

static void reply_good(const struct de_fake_node *node, struct de_rpc_call *call, bool write)
{
    DEngine__Client__ClientResponse response = D_ENGINE__CLIENT__CLIENT_RESPONSE__INIT;
    DEngine__Client__WriteResult result = D_ENGINE__CLIENT__WRITE_RESULT__INIT;
    DEngine__Client__ReadResults data = D_ENGINE__CLIENT__READ_RESULTS__INIT;
    DEngine__Client__ClientResult one = D_ENGINE__CLIENT__CLIENT_RESULT__INIT;
    DEngine__Client__ClientResult *results[] = {&one};

    result.succeeded = 1;
    one.value.data = unconst("value");
    one.value.len = 5;
    data.n_results = node->answer == DE_FAKE_MISSING ? 0 : 1;
    data.results = results;
    if (write) {
        response.success_result_case =
            D_ENGINE__CLIENT__CLIENT_RESPONSE__SUCCESS_RESULT_WRITE_RESULT;
        response.write_result = &result;
    } else {
        response.success_result_case = D_ENGINE__CLIENT__CLIENT_RESPONSE__SUCCESS_RESULT_READ_DATA;
        response.read_data = &data;
    }
    reply(call, &response.base);
}

/* With the mutex. */
static void answer(struct de_fake_node *node, struct de_rpc_call *call, bool write)
{
    switch (node->answer) {
    case DE_FAKE_SERVE:
    case DE_FAKE_MISSING:
        reply_good(node, call, write);
        break;
    case DE_FAKE_ERROR:
        reply_error(node, call);
        break;
    case DE_FAKE_HOLD:
        DE_ASSERT(node->held_count < DE_ARRAY_SIZE(node->held));
        node->held[node->held_count++] = call;
        break;
    case DE_FAKE_GARBAGE:
        de_rpc_reply(call, GRPC_STATUS_OK, NULL, dengine_str("\xff\xff\xff\xff"));
        break;
    }
}

static void handle_write(void *context, struct de_rpc_call *call, struct dengine_slice request)
{
    struct de_fake_node *node = context;

    (void)request;
    (void)pthread_mutex_lock(&node->mutex);
    node->writes++;
    answer(node, call, true);
    (void)pthread_cond_broadcast(&node->changed);
    (void)pthread_mutex_unlock(&node->mutex);
}

static void handle_read(void *context, struct de_rpc_call *call, struct dengine_slice request)
{
    struct de_fake_node *node = context;

    (void)request;
    (void)pthread_mutex_lock(&node->mutex);
    node->reads++;
    answer(node, call, false);
    (void)pthread_cond_broadcast(&node->changed);
    (void)pthread_mutex_unlock(&node->mutex);
}

static void handle_metadata(void *context, struct de_rpc_call *call, struct dengine_slice request)
{
    struct de_fake_node *node = context;
    DEngine__Server__Cluster__ClusterMembership membership =
        D_ENGINE__SERVER__CLUSTER__CLUSTER_MEMBERSHIP__INIT;
    DEngine__Server__Cluster__NodeMeta metas[DE_FAKE_NODES_MAX];
    DEngine__Server__Cluster__NodeMeta *pointers[DE_FAKE_NODES_MAX];
    uint32_t i;

    (void)request;
    (void)pthread_mutex_lock(&node->mutex);
    node->metadata_calls++;
    for (i = 0; i < node->member_count; i++) {
        d_engine__server__cluster__node_meta__init(&metas[i]);
        metas[i].id = i + 1;
        metas[i].address = unconst(node->members[i]);
        pointers[i] = &metas[i];
    }
    membership.n_nodes = node->member_count;
    membership.nodes = pointers;
    if (node->leader != 0) {
        membership.has_current_leader_id_case =
            (DEngine__Server__Cluster__ClusterMembership__HasCurrentLeaderIdCase)3;
        membership.current_leader_id = node->leader;
    }
    reply(call, &membership.base);
    (void)pthread_cond_broadcast(&node->changed);
    (void)pthread_mutex_unlock(&node->mutex);
}

void de_fake_start(struct de_fake_node *node, uint32_t id, const char *address)
{
    const struct de_rpc_server_options options = {.message_bytes_max = 1024 * 1024};
    char message[200] = "";
    int err;

    memset(node, 0, sizeof *node);
    node->id = id;
    node->answer = DE_FAKE_SERVE;
    err = pthread_mutex_init(&node->mutex, NULL);
    DE_ASSERT(err == 0);
    err = pthread_cond_init(&node->changed, NULL);
    DE_ASSERT(err == 0);
    err = de_rpc_queue_new(&node->queue);
    DE_ASSERT(err == 0);
    err = de_rpc_server_new(node->queue, &options, &node->server);
    DE_ASSERT(err == 0);
    err = de_rpc_server_add_unary(
        node->server, "/d_engine.client.RaftClientService/HandleClientWrite", handle_write, node);
    DE_ASSERT(err == 0);
    err = de_rpc_server_add_unary(
        node->server, "/d_engine.client.RaftClientService/HandleClientRead", handle_read, node);
    DE_ASSERT(err == 0);
    err = de_rpc_server_add_unary(
        node->server, "/d_engine.server.cluster.ClusterManagementService/GetClusterMetadata",
        handle_metadata, node);
    DE_ASSERT(err == 0);
    err = de_rpc_server_start(node->server, address, message, sizeof message);
    if (err != 0) {
        (void)fprintf(stderr, "fake node: %s\n", message);
        abort();
    }
    (void)snprintf(node->address, sizeof node->address, "127.0.0.1:%u",
                   (unsigned)de_rpc_server_port(node->server));
}

void de_fake_stop(struct de_fake_node *node)
{
    uint32_t i;

    de_rpc_server_stop_accepting(node->server);
    (void)pthread_mutex_lock(&node->mutex);
    for (i = 0; i < node->held_count; i++) {
        const struct dengine_slice none = {NULL, 0};

        de_rpc_reply(node->held[i], GRPC_STATUS_UNAVAILABLE, "the node ends", none);
    }
    (void)pthread_mutex_unlock(&node->mutex);
    de_rpc_server_stop(node->server, 0);
    de_rpc_queue_stop(node->queue);
    de_rpc_server_free(node->server);
    de_rpc_queue_free(node->queue);
    (void)pthread_cond_destroy(&node->changed);
    (void)pthread_mutex_destroy(&node->mutex);
}

void de_fake_cluster(struct de_fake_node *nodes, uint32_t count, uint32_t leader)
{
    uint32_t i;
    uint32_t j;

    DE_ASSERT(count <= DE_FAKE_NODES_MAX);
    for (i = 0; i < count; i++) {
        (void)pthread_mutex_lock(&nodes[i].mutex);
        for (j = 0; j < count; j++) {
            nodes[i].members[j] = nodes[j].address;
        }
        nodes[i].member_count = count;
        nodes[i].leader = leader;
        (void)pthread_mutex_unlock(&nodes[i].mutex);
    }
}

void de_fake_wait_writes(struct de_fake_node *node, uint32_t writes)
{
    (void)pthread_mutex_lock(&node->mutex);
    while (node->writes < writes) {
        (void)pthread_cond_wait(&node->changed, &node->mutex);
    }
    (void)pthread_mutex_unlock(&node->mutex);
}

void de_fake_wait_reads(struct de_fake_node *node, uint32_t reads)
{
    (void)pthread_mutex_lock(&node->mutex);
    while (node->reads < reads) {
        (void)pthread_cond_wait(&node->changed, &node->mutex);
    }
    (void)pthread_mutex_unlock(&node->mutex);
}

static uint32_t look(struct de_fake_node *node, const uint32_t *count)
{
    uint32_t value;

    (void)pthread_mutex_lock(&node->mutex);
    value = *count;
    (void)pthread_mutex_unlock(&node->mutex);
    return value;
}

uint32_t de_fake_writes(struct de_fake_node *node)
{
    return look(node, &node->writes);
}

uint32_t de_fake_reads(struct de_fake_node *node)
{
    return look(node, &node->reads);
}
