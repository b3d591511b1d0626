/* HandleClientRead: several keys from one snapshot of the state, after a read barrier unless the
 * client is content with what this node has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "d_engine/client.pb-c.h"
#include "server/service_internal.h"

#define KEYS_MAX 10000

/* What d-engine's clients can decode. One value may be longer where the limit on values is. */
#define REPLY_BYTES_MAX (4u * 1024 * 1024)

struct de_read_call {
    struct de_replica_request request;
    struct de_service *service;
    struct de_rpc_call *call;
    DEngine__Client__ClientReadRequest *keys;
    struct de_read_call *next; /* among the ready ones */
    atomic_uint users;         /* the replica, until release; the reader, until it has answered */
};

/* ---- the answer ---- */

static uint64_t reply_bytes_max(const struct de_service *service)
{
    const uint64_t one_value = service->options.value_bytes_max + 2 * DE_KV_USER_KEY_MAX;

    return one_value > REPLY_BYTES_MAX ? one_value : REPLY_BYTES_MAX;
}

/* The found ones among the keys, borrowed from view, into results (room for all keys). */
static int look_up(struct de_kv_view *view, const DEngine__Client__ClientReadRequest *keys,
                   DEngine__Client__ClientResult *results, size_t *found)
{
    size_t i;

    *found = 0;
    for (i = 0; i < keys->n_keys; i++) {
        DEngine__Client__ClientResult *result = &results[*found];
        struct de_kv_record record;
        int err =
            de_kv_view_get(view, dengine_bytes(keys->keys[i].data, keys->keys[i].len), &record);

        if (err == 0) {
            d_engine__client__client_result__init(result);
            result->key = keys->keys[i];
            result->value.len = record.value.size;
            /* protobuf-c has no const; packing changes nothing. */
            memcpy(&result->value.data, &record.value.data, sizeof result->value.data);
            (*found)++;
        } else if (err != DENGINE_E_NOT_FOUND) {
            return err;
        }
    }
    return 0;
}

/* Packs results and answers. */
static void reply_results(struct de_service *service, struct de_rpc_call *call,
                          DEngine__Client__ClientResult **results, size_t count)
{
    DEngine__Client__ClientResponse response = D_ENGINE__CLIENT__CLIENT_RESPONSE__INIT;
    DEngine__Client__ReadResults data = D_ENGINE__CLIENT__READ_RESULTS__INIT;
    uint8_t *bytes;
    size_t size;

    data.n_results = count;
    data.results = results;
    response.success_result_case = D_ENGINE__CLIENT__CLIENT_RESPONSE__SUCCESS_RESULT_READ_DATA;
    response.read_data = &data;
    size = d_engine__client__client_response__get_packed_size(&response);
    if (size > reply_bytes_max(service)) {
        de_service_refuse(call, GRPC_STATUS_RESOURCE_EXHAUSTED,
                          "the values are longer than one reply may be: ask for fewer keys");
        return;
    }
    bytes = malloc(size);
    if (bytes == NULL) {
        de_service_reply_error(service, call, DENGINE_E_NO_MEMORY, false, NULL);
        return;
    }
    size = d_engine__client__client_response__pack(&response, bytes);
    de_rpc_reply(call, GRPC_STATUS_OK, NULL, dengine_bytes(bytes, size));
    free(bytes);
}

/* Reads the state as it is now. */
static void answer(struct de_service *service, struct de_rpc_call *call,
                   const DEngine__Client__ClientReadRequest *keys)
{
    DEngine__Client__ClientResult *results = calloc(keys->n_keys + 1, sizeof *results);
    DEngine__Client__ClientResult **pointers = calloc(keys->n_keys + 1, sizeof *pointers);
    struct de_kv_view view;
    size_t found = 0;
    size_t i;
    int err = DENGINE_E_NO_MEMORY;

    if (results == NULL || pointers == NULL) {
        goto out;
    }
    err = de_kv_view_open(service->kv, &view);
    if (err != 0) {
        goto out;
    }
    err = look_up(&view, keys, results, &found);
    if (err == 0) {
        for (i = 0; i < found; i++) {
            pointers[i] = &results[i];
        }
        reply_results(service, call, pointers, found);
    }
    de_kv_view_close(&view);
out:
    if (err != 0) {
        de_service_reply_error(service, call, err, false, NULL);
    }
    free(pointers);
    free(results);
}

/* ---- reads behind a barrier ---- */

static void drop(struct de_read_call *read)
{
    if (atomic_fetch_sub(&read->users, 1) == 1) {
        d_engine__client__client_read_request__free_unpacked(read->keys, NULL);
        free(read);
    }
}

/* On the loop, which must not wait for a page of the state to come from the disk: hands over. */
static void barrier_passed(struct de_replica_request *request, int status,
                           const struct dengine_result *result)
{
    struct de_read_call *read = DE_CONTAINER_OF(request, struct de_read_call, request);
    struct de_service *service = read->service;

    DE_ASSERT(result == NULL);
    if (status != 0) {
        de_service_reply_error(service, read->call, status, false, NULL);
        drop(read);
        return;
    }
    (void)pthread_mutex_lock(&service->reader.mutex);
    read->next = NULL;
    *service->ready_last = read;
    service->ready_last = &read->next;
    (void)pthread_cond_signal(&service->reader.changed);
    (void)pthread_mutex_unlock(&service->reader.mutex);
}

static void read_released(struct de_replica_request *request)
{
    drop(DE_CONTAINER_OF(request, struct de_read_call, request));
}

void *de_service_reader_main(void *argument)
{
    struct de_service *service = argument;

    (void)pthread_mutex_lock(&service->reader.mutex);
    while (!service->reader.stopping || service->ready != NULL) {
        struct de_read_call *read = service->ready;

        if (read == NULL) {
            (void)pthread_cond_wait(&service->reader.changed, &service->reader.mutex);
            continue;
        }
        service->ready = NULL;
        service->ready_last = &service->ready;
        (void)pthread_mutex_unlock(&service->reader.mutex);
        while (read != NULL) {
            struct de_read_call *next = read->next;

            answer(service, read->call, read->keys);
            drop(read);
            read = next;
        }
        (void)pthread_mutex_lock(&service->reader.mutex);
    }
    (void)pthread_mutex_unlock(&service->reader.mutex);
    return NULL;
}

/* Takes keys. */
static void start_barrier(struct de_service *service, struct de_rpc_call *call,
                          DEngine__Client__ClientReadRequest *keys)
{
    struct de_read_call *read = calloc(1, sizeof *read);

    if (read == NULL) {
        de_service_reply_error(service, call, DENGINE_E_NO_MEMORY, false, NULL);
        d_engine__client__client_read_request__free_unpacked(keys, NULL);
        return;
    }
    atomic_init(&read->users, 2);
    read->service = service;
    read->call = call;
    read->keys = keys;
    read->request.type = DE_REQUEST_READ;
    read->request.deadline_ns = de_service_deadline_ns(service, call);
    read->request.done = barrier_passed;
    read->request.release = read_released;
    de_replica_submit(service->replica, &read->request);
}

/* ---- the request ---- */

/* 0, or INVALID with a sentence. */
static int check_keys(const DEngine__Client__ClientReadRequest *keys, char *message, size_t size)
{
    size_t i;

    if (keys->n_keys > KEYS_MAX) {
        (void)snprintf(message, size, "%zu keys in one read, at most %d are allowed", keys->n_keys,
                       KEYS_MAX);
        return DENGINE_E_INVALID;
    }
    for (i = 0; i < keys->n_keys; i++) {
        if (keys->keys[i].len == 0 || keys->keys[i].len > DE_KV_USER_KEY_MAX) {
            (void)snprintf(message, size, "a key has %zu bytes, 1 to %d are allowed",
                           keys->keys[i].len, DE_KV_USER_KEY_MAX);
            return DENGINE_E_INVALID;
        }
    }
    return 0;
}

/* How keys is to be served; INVALID for a policy that does not exist. */
static int consistency_of(const struct de_service *service,
                          const DEngine__Client__ClientReadRequest *keys,
                          enum dengine_consistency *consistency)
{
    *consistency = service->options.default_policy;
    if (keys->has_consistency_policy_case ==
        D_ENGINE__CLIENT__CLIENT_READ_REQUEST__HAS_CONSISTENCY_POLICY__NOT_SET) {
        return 0;
    }
    switch ((int)keys->consistency_policy) {
    case D_ENGINE__CLIENT__READ_CONSISTENCY_POLICY__READ_CONSISTENCY_POLICY_LEASE_READ:
        *consistency = DENGINE_LEASE;
        break;
    case D_ENGINE__CLIENT__READ_CONSISTENCY_POLICY__READ_CONSISTENCY_POLICY_LINEARIZABLE_READ:
        *consistency = DENGINE_LINEARIZABLE;
        break;
    case D_ENGINE__CLIENT__READ_CONSISTENCY_POLICY__READ_CONSISTENCY_POLICY_EVENTUAL_CONSISTENCY:
        *consistency = DENGINE_EVENTUAL;
        break;
    default:
        return DENGINE_E_INVALID;
    }
    if (!service->options.allow_client_override) {
        *consistency = service->options.default_policy;
    }
    return 0;
}

void de_service_read(void *context, struct de_rpc_call *call, struct dengine_slice bytes)
{
    struct de_service *service = context;
    DEngine__Client__ClientReadRequest *keys =
        d_engine__client__client_read_request__unpack(NULL, bytes.size, bytes.data);
    enum dengine_consistency consistency;
    char message[160] = "there is no such consistency_policy";
    int err;

    if (keys == NULL) {
        de_service_refuse(call, GRPC_STATUS_INVALID_ARGUMENT, "not a ClientReadRequest");
        return;
    }
    err = consistency_of(service, keys, &consistency);
    if (err == 0) {
        err = check_keys(keys, message, sizeof message);
    }
    if (err != 0) {
        de_service_reply_error(service, call, err, false, message);
    } else if (!de_service_attached(service)) {
        de_service_reply_error(service, call, DENGINE_E_NO_LEADER, false, "the node is starting");
    } else if (consistency == DENGINE_EVENTUAL) {
        answer(service, call, keys);
    } else {
        /* A lease read may take the quorum path: it promises more than it has to. */
        start_barrier(service, call, keys);
        keys = NULL;
    }
    if (keys != NULL) {
        d_engine__client__client_read_request__free_unpacked(keys, NULL);
    }
}
