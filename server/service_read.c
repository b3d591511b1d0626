/* HandleClientRead: several keys from one snapshot of the state, after a read barrier unless the
 * client is content with what this node has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "d_engine/client.pb-c.h"
#include "engine/lease_page.h"
#include "server/service_range.h"
#include "server/service_reader.h"

#define KEYS_MAX 10000

/* ---- the answer ---- */

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
            result->mod_revision = record.mod_revision;
            result->create_revision = record.create_revision;
            result->version = record.version;
            result->lease = record.lease;
            (*found)++;
        } else if (err != DENGINE_E_NOT_FOUND) {
            return err;
        }
    }
    return 0;
}

/* Packs data and answers. */
static void reply_results(struct de_service *service, struct de_rpc_call *call,
                          DEngine__Client__ReadResults *data)
{
    DEngine__Client__ClientResponse response = D_ENGINE__CLIENT__CLIENT_RESPONSE__INIT;
    uint8_t *bytes;
    size_t size;

    response.success_result_case = D_ENGINE__CLIENT__CLIENT_RESPONSE__SUCCESS_RESULT_READ_DATA;
    response.read_data = data;
    size = d_engine__client__client_response__get_packed_size(&response);
    if (size > de_service_reply_bytes_max(service)) {
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
static void answer_keys(struct de_service *service, struct de_rpc_call *call,
                        const DEngine__Client__ClientReadRequest *keys)
{
    DEngine__Client__ClientResult *results = calloc(keys->n_keys + 1, sizeof *results);
    DEngine__Client__ClientResult **pointers = calloc(keys->n_keys + 1, sizeof *pointers);
    DEngine__Client__ReadResults data = D_ENGINE__CLIENT__READ_RESULTS__INIT;
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
        data.n_results = found;
        data.results = pointers;
        data.revision = view.revision;
        reply_results(service, call, &data);
    }
    de_kv_view_close(&view);
out:
    if (err != 0) {
        de_service_reply_error(service, call, err, false, NULL);
    }
    free(pointers);
    free(results);
}

/* Reads a page of the state as it is now. */
static void answer_range(struct de_service *service, struct de_rpc_call *call,
                         const DEngine__Client__Range *range)
{
    struct de_service_page page;
    int err = de_service_page_open(&page, service, range);

    if (err == 0) {
        DEngine__Client__ReadResults data = D_ENGINE__CLIENT__READ_RESULTS__INIT;

        data.n_results = page.page.count;
        data.results = page.pointers;
        data.revision = page.view.revision;
        data.of_range = true;
        data.more = page.page.more;
        data.total = page.page.total;
        reply_results(service, call, &data);
        de_service_page_close(&page);
    } else {
        de_service_reply_error(service, call, err, false, NULL);
    }
}

/* Packs the leases of page; NO_MEMORY. */
static int reply_leases(struct de_service *service, struct de_rpc_call *call,
                        const struct dengine_lease_page *page)
{
    DEngine__Client__ReadResults data = D_ENGINE__CLIENT__READ_RESULTS__INIT;
    DEngine__Client__LeaseInfo *infos = malloc((page->count + 1) * sizeof *infos);
    DEngine__Client__LeaseInfo **pointers = malloc((page->count + 1) * sizeof *pointers);
    const bool good = infos != NULL && pointers != NULL;
    size_t i;

    for (i = 0; good && i < page->count; i++) {
        d_engine__client__lease_info__init(&infos[i]);
        infos[i].lease = page->leases[i].lease;
        infos[i].ttl_ms = page->leases[i].ttl_ms;
        infos[i].left_ms = page->leases[i].left_ms;
        infos[i].keys = page->leases[i].keys;
        infos[i].of_one_key = page->leases[i].of_one_key;
        pointers[i] = &infos[i];
    }
    if (good) {
        data.n_leases = page->count;
        data.leases = pointers;
        data.revision = page->revision;
        data.more = page->more;
        data.of_range = true;
        reply_results(service, call, &data);
    }
    free(pointers);
    free(infos);
    return good ? 0 : DENGINE_E_NO_MEMORY;
}

static void answer_leases(struct de_service *service, struct de_rpc_call *call,
                          const DEngine__Client__LeaseQuery *query)
{
    struct dengine_lease_page page;
    int err = de_engine_read_leases(service->kv, query->from, query->one != 0, &page);

    if (err == 0) {
        err = reply_leases(service, call, &page);
        dengine_lease_page_free(&page);
    }
    if (err != 0) {
        de_service_reply_error(service, call, err, false, NULL);
    }
}

/* ---- the kind of read ---- */

static void answer(struct de_service *service, struct de_rpc_call *call, const void *message)
{
    const DEngine__Client__ClientReadRequest *keys = message;

    if (keys->leases != NULL) {
        answer_leases(service, call, keys->leases);
    } else if (keys->range != NULL) {
        answer_range(service, call, keys->range);
    } else {
        answer_keys(service, call, keys);
    }
}

static void fail(struct de_service *service, struct de_rpc_call *call, int err, const char *text)
{
    de_service_reply_error(service, call, err, false, text);
}

static void release(void *message)
{
    d_engine__client__client_read_request__free_unpacked(message, NULL);
}

static const struct de_read_ops read_ops = {answer, fail, release};

/* ---- the request ---- */

/* 0, or INVALID with a sentence. */
static int check_keys(const DEngine__Client__ClientReadRequest *keys, char *message, size_t size)
{
    size_t i;

    if (keys->leases != NULL) {
        const bool bad = keys->range != NULL || keys->n_keys > 0 ||
                         (keys->leases->one && keys->leases->from == 0);

        (void)snprintf(message, size,
                       "a look at leases names no keys or range, and there is no "
                       "lease 0");
        return bad ? DENGINE_E_INVALID : 0;
    }
    if (keys->range != NULL) {
        return de_service_range_check(keys->range, keys->n_keys, message, size);
    }
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
    } else if (keys->range == NULL && keys->leases == NULL &&
               de_service_may_read(service, consistency)) {
        answer_keys(service, call, keys);
    } else {
        de_service_start_read(service, call, &read_ops, keys, consistency);
        keys = NULL;
    }
    if (keys != NULL) {
        release(keys);
    }
}
