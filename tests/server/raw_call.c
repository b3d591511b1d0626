#include "tests/server/raw_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/compression.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>

#include "core/base/assert.h"

#define TIMEOUT_MS 20000

void de_raw_open(struct de_raw_channel *raw, const char *address, bool gzip)
{
    static char compression[] = GRPC_COMPRESSION_CHANNEL_DEFAULT_ALGORITHM;
    grpc_arg arg = {.type = GRPC_ARG_INTEGER, .key = compression};
    const grpc_channel_args args = {gzip ? 1 : 0, &arg};
    grpc_channel_credentials *credentials;

    arg.value.integer = GRPC_COMPRESS_GZIP;
    grpc_init();
    raw->queue = grpc_completion_queue_create_for_next(NULL);
    credentials = grpc_insecure_credentials_create();
    raw->channel = grpc_channel_create(address, credentials, &args);
    grpc_channel_credentials_release(credentials);
    DE_ASSERT(raw->channel != NULL);
}

void de_raw_close(struct de_raw_channel *raw)
{
    grpc_channel_destroy(raw->channel);
    grpc_completion_queue_shutdown(raw->queue);
    while (grpc_completion_queue_next(raw->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type !=
           GRPC_QUEUE_SHUTDOWN) {
    }
    grpc_completion_queue_destroy(raw->queue);
    grpc_shutdown();
}

static void unused(struct de_tag *tag, bool ok)
{
    (void)tag;
    (void)ok;
}

static void keep_hint(struct de_raw_channel *raw, const struct de_exchange *exchange)
{
    size_t i;

    raw->leader_hint[0] = '\0';
    for (i = 0; i < exchange->trailing.count; i++) {
        const grpc_metadata *pair = &exchange->trailing.metadata[i];

        if (grpc_slice_str_cmp(pair->key, "x-raft-leader") == 0) {
            (void)snprintf(raw->leader_hint, sizeof raw->leader_hint, "%.*s",
                           (int)GRPC_SLICE_LENGTH(pair->value), GRPC_SLICE_START_PTR(pair->value));
        }
    }
}

grpc_status_code de_raw_scan(struct de_raw_channel *raw, const char *prefix,
                             DEngine__Client__ScanResponse **reply)
{
    DEngine__Client__ScanRequest request = D_ENGINE__CLIENT__SCAN_REQUEST__INIT;
    uint8_t bytes[600];
    grpc_status_code status;
    uint8_t *response;
    size_t size;

    request.prefix.len = strlen(prefix);
    /* protobuf-c has no const; packing changes nothing. */
    memcpy(&request.prefix.data, &prefix, sizeof request.prefix.data);
    DE_ASSERT(d_engine__client__scan_request__get_packed_size(&request) <= sizeof bytes);
    size = d_engine__client__scan_request__pack(&request, bytes);
    status = de_raw_call(raw, "/d_engine.client.RaftClientService/HandleClientScan",
                         dengine_bytes(bytes, size), TIMEOUT_MS, &response, &size);
    *reply = NULL;
    if (status == GRPC_STATUS_OK) {
        *reply = d_engine__client__scan_response__unpack(NULL, size, response);
        DE_ASSERT(*reply != NULL);
    }
    free(response);
    return status;
}

grpc_status_code de_raw_call(struct de_raw_channel *raw, const char *method,
                             struct dengine_slice bytes, uint32_t timeout_ms, uint8_t **response,
                             size_t *size)
{
    struct de_exchange exchange = {.tag.run = unused};
    grpc_slice request = grpc_slice_from_copied_buffer(bytes.data, bytes.size);
    grpc_slice answer;
    grpc_event event;
    grpc_status_code status;

    de_exchange_start(&exchange, raw->channel, raw->queue, method, request,
                      de_exchange_now_ns() + (uint64_t)timeout_ms * 1000000);
    event = grpc_completion_queue_next(raw->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    DE_ASSERT(event.type == GRPC_OP_COMPLETE && event.tag == &exchange.tag);
    de_tag_acquire(&exchange.tag);
    status = exchange.status;
    keep_hint(raw, &exchange);
    *response = NULL;
    *size = 0;
    if (status == GRPC_STATUS_OK) {
        answer = de_exchange_response(&exchange);
        *size = GRPC_SLICE_LENGTH(answer);
        *response = malloc(*size + 1);
        DE_ASSERT(*response != NULL);
        memcpy(*response, GRPC_SLICE_START_PTR(answer), *size);
        grpc_slice_unref(answer);
    }
    de_exchange_clear(&exchange);
    grpc_slice_unref(request);
    return status;
}

/* Packs message, calls method, and unpacks the reply as a ClientResponse. */
static grpc_status_code call(struct de_raw_channel *raw, const char *method,
                             const ProtobufCMessage *message,
                             DEngine__Client__ClientResponse **reply)
{
    const size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = malloc(size + 1);
    grpc_status_code status;
    uint8_t *response;
    size_t response_size;

    DE_ASSERT(bytes != NULL);
    (void)protobuf_c_message_pack(message, bytes);
    status =
        de_raw_call(raw, method, dengine_bytes(bytes, size), TIMEOUT_MS, &response, &response_size);
    free(bytes);
    *reply = NULL;
    if (status == GRPC_STATUS_OK) {
        *reply = d_engine__client__client_response__unpack(NULL, response_size, response);
        DE_ASSERT(*reply != NULL);
    }
    free(response);
    return status;
}

grpc_status_code de_raw_write(struct de_raw_channel *raw, DEngine__Client__WriteCommand *command,
                              DEngine__Client__ClientResponse **reply)
{
    DEngine__Client__ClientWriteRequest request = D_ENGINE__CLIENT__CLIENT_WRITE_REQUEST__INIT;

    request.client_id = 42;
    request.command = command;
    return call(raw, "/d_engine.client.RaftClientService/HandleClientWrite", &request.base, reply);
}

grpc_status_code de_raw_read(struct de_raw_channel *raw, const char *const *keys, size_t count,
                             int policy, DEngine__Client__ClientResponse **reply)
{
    DEngine__Client__ClientReadRequest request = D_ENGINE__CLIENT__CLIENT_READ_REQUEST__INIT;
    ProtobufCBinaryData data[16];
    size_t i;

    DE_ASSERT(count <= DE_ARRAY_SIZE(data));
    for (i = 0; i < count; i++) {
        data[i].len = strlen(keys[i]);
        /* protobuf-c has no const; packing changes nothing. */
        memcpy(&data[i].data, &keys[i], sizeof data[i].data);
    }
    request.n_keys = count;
    request.keys = data;
    if (policy >= 0) {
        request.has_consistency_policy_case =
            D_ENGINE__CLIENT__CLIENT_READ_REQUEST__HAS_CONSISTENCY_POLICY_CONSISTENCY_POLICY;
        request.consistency_policy = (DEngine__Client__ReadConsistencyPolicy)policy;
    }
    return call(raw, "/d_engine.client.RaftClientService/HandleClientRead", &request.base, reply);
}

grpc_status_code de_raw_metadata(struct de_raw_channel *raw,
                                 DEngine__Server__Cluster__ClusterMembership **reply)
{
    const struct dengine_slice nothing = {NULL, 0};
    uint8_t *response;
    size_t size;
    const grpc_status_code status =
        de_raw_call(raw, "/d_engine.server.cluster.ClusterManagementService/GetClusterMetadata",
                    nothing, TIMEOUT_MS, &response, &size);

    *reply = NULL;
    if (status == GRPC_STATUS_OK) {
        *reply = d_engine__server__cluster__cluster_membership__unpack(NULL, size, response);
        DE_ASSERT(*reply != NULL);
    }
    free(response);
    return status;
}

int de_raw_put(struct de_raw_channel *raw, const char *key, struct dengine_slice value)
{
    DEngine__Client__WriteCommand__Insert insert = D_ENGINE__CLIENT__WRITE_COMMAND__INSERT__INIT;
    DEngine__Client__WriteCommand command = D_ENGINE__CLIENT__WRITE_COMMAND__INIT;
    DEngine__Client__ClientResponse *reply;
    int error;

    insert.key.len = strlen(key);
    memcpy(&insert.key.data, &key, sizeof insert.key.data);
    insert.value.len = value.size;
    memcpy(&insert.value.data, &value.data, sizeof insert.value.data);
    command.operation_case = D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_INSERT;
    command.insert = &insert;
    if (de_raw_write(raw, &command, &reply) != GRPC_STATUS_OK) {
        return -1;
    }
    error = (int)reply->error;
    d_engine__client__client_response__free_unpacked(reply, NULL);
    return error;
}

/* ---- watches ---- */

static void run_batch(const struct de_raw_watch *watch, const grpc_op *ops, size_t count)
{
    struct de_tag tag = {.run = unused};
    grpc_call_error err;
    grpc_event event;

    de_tag_release(&tag);
    err = grpc_call_start_batch(watch->call, ops, count, &tag, NULL);
    DE_ASSERT(err == GRPC_CALL_OK);
    event =
        grpc_completion_queue_next(watch->raw->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    DE_ASSERT(event.type == GRPC_OP_COMPLETE && event.tag == &tag);
    de_tag_acquire(&tag);
}

void de_raw_stream_open(struct de_raw_channel *raw, struct de_raw_watch *watch, const char *method,
                        struct dengine_slice request)
{
    grpc_slice slice = grpc_slice_from_copied_buffer(request.data, request.size);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_op ops[4] = {0};

    *watch = (struct de_raw_watch){.raw = raw};
    grpc_metadata_array_init(&watch->initial);
    watch->call = grpc_channel_create_call(raw->channel, NULL, GRPC_PROPAGATE_DEFAULTS, raw->queue,
                                           grpc_slice_from_static_string(method), NULL,
                                           gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = buffer;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &watch->initial;
    run_batch(watch, ops, 4);
    grpc_byte_buffer_destroy(buffer);
    grpc_slice_unref(slice);
}

bool de_raw_stream_next(struct de_raw_watch *watch, grpc_slice *bytes)
{
    grpc_byte_buffer *buffer = NULL;
    grpc_byte_buffer_reader reader;
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};

    op.data.recv_message.recv_message = &buffer;
    run_batch(watch, &op, 1);
    if (buffer == NULL) {
        return false;
    }
    DE_ASSERT(grpc_byte_buffer_reader_init(&reader, buffer));
    *bytes = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    grpc_byte_buffer_destroy(buffer);
    return true;
}

void de_raw_watch_open(struct de_raw_channel *raw, struct de_raw_watch *watch,
                       DEngine__Client__WatchRequest *request)
{
    uint8_t bytes[600];
    const size_t size = d_engine__client__watch_request__pack(request, bytes);

    DE_ASSERT(size <= sizeof bytes);
    de_raw_stream_open(raw, watch, "/d_engine.client.RaftClientService/Watch",
                       dengine_bytes(bytes, size));
}

DEngine__Client__WatchResponse *de_raw_watch_next(struct de_raw_watch *watch)
{
    DEngine__Client__WatchResponse *response;
    grpc_slice slice;

    if (!de_raw_stream_next(watch, &slice)) {
        return NULL;
    }
    response = d_engine__client__watch_response__unpack(NULL, GRPC_SLICE_LENGTH(slice),
                                                        GRPC_SLICE_START_PTR(slice));
    DE_ASSERT(response != NULL);
    grpc_slice_unref(slice);
    return response;
}

grpc_status_code de_raw_watch_close(struct de_raw_watch *watch, bool cancel)
{
    grpc_metadata_array trailing;
    grpc_slice details = grpc_empty_slice();
    grpc_status_code status;
    grpc_op op = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};

    if (cancel) {
        (void)grpc_call_cancel(watch->call, NULL);
    }
    grpc_metadata_array_init(&trailing);
    op.data.recv_status_on_client.trailing_metadata = &trailing;
    op.data.recv_status_on_client.status = &status;
    op.data.recv_status_on_client.status_details = &details;
    run_batch(watch, &op, 1);
    grpc_slice_unref(details);
    grpc_metadata_array_destroy(&trailing);
    grpc_metadata_array_destroy(&watch->initial);
    grpc_call_unref(watch->call);
    return status;
}
