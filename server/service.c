#include "server/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "d_engine/client.pb-c.h"
#include "engine/engine_parts.h"
#include "proto/error_codes.h"
#include "runtime/libev/clock.h"
#include "server/service_internal.h"

/* What a client is told to wait when the node has too much to do: a few group commits. */
#define RETRY_AFTER_MS 20

/* Room for any reply that carries no data: the metadata's texts are the only part of some length.
 */
#define ERROR_REPLY_BYTES 1024

int de_service_new(const struct de_service_options *options, struct de_service **result)
{
    struct de_service *service = calloc(1, sizeof *service);

    DE_ASSERT(options->default_policy != DENGINE_DEFAULT);
    DE_ASSERT(options->timeout_ms > 0);
    *result = NULL;
    if (service == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    service->options = *options;
    service->ready_last = &service->ready;
    atomic_init(&service->attached, false);
    if (!de_worker_start(&service->reader, de_service_reader_main, service)) {
        free(service);
        return DENGINE_E_NO_MEMORY;
    }
    if (!de_worker_start(&service->snapshot_reader, de_service_snapshot_main, service)) {
        de_worker_stop(&service->reader);
        free(service);
        return DENGINE_E_NO_MEMORY;
    }
    if (de_service_members_start(&service->members, service) != 0) {
        de_worker_stop(&service->snapshot_reader);
        de_worker_stop(&service->reader);
        free(service);
        return DENGINE_E_NO_MEMORY;
    }
    if (de_service_pusher_start(&service->pusher, service) != 0) {
        de_service_members_stop(&service->members);
        de_worker_stop(&service->snapshot_reader);
        de_worker_stop(&service->reader);
        free(service);
        return DENGINE_E_NO_MEMORY;
    }
    *result = service;
    return 0;
}

void de_service_answered(void *context)
{
    struct de_service *service = context;

    DE_ASSERT(!service->stopped);
    service->stopped = true;
    de_worker_stop(&service->reader);
    de_worker_stop(&service->snapshot_reader);
    de_service_pusher_stop(&service->pusher);
    de_service_members_stop(&service->members);
    DE_ASSERT(service->ready == NULL && service->snapshot_calls == NULL);
}

void de_service_free(struct de_service *service)
{
    if (service != NULL && !service->stopped) {
        de_service_answered(service);
    }
    free(service);
}

int de_service_add_methods(void *context, struct de_rpc_server *server)
{
    int err = de_rpc_server_add_unary(
        server, "/d_engine.client.RaftClientService/HandleClientWrite", de_service_write, context);

    if (err == 0) {
        err = de_rpc_server_add_unary(server, "/d_engine.client.RaftClientService/HandleClientRead",
                                      de_service_read, context);
    }
    if (err == 0) {
        err = de_rpc_server_add_unary(server, "/d_engine.client.RaftClientService/HandleClientScan",
                                      de_service_scan, context);
    }
    if (err == 0) {
        err = de_rpc_server_add_unary(server, "/dengine.admin.SnapshotService/Take",
                                      de_service_take_snapshot, context);
    }
    if (err == 0) {
        err = de_rpc_server_add_unary(server, "/dengine.admin.SnapshotService/Read",
                                      de_service_read_snapshot, context);
    }
    if (err == 0) {
        err = de_service_add_members_method(context, server);
    }
    return err != 0 ? err : de_service_add_watch_methods(context, server);
}

void de_service_attach(struct de_service *service, const struct de_service_parts *parts)
{
    DE_ASSERT(parts->engine != NULL && parts->replica != NULL);
    DE_ASSERT(!de_service_attached(service));
    service->replica = parts->replica;
    service->kv = parts->kv;
    service->snapshots = parts->snapshots;
    service->watches = parts->watches;
    service->engine = parts->engine;
    service->admission = de_engine_admission(parts->engine);
    atomic_store_explicit(&service->attached, true, memory_order_release);
}

void de_service_drain(struct de_service *service)
{
    de_service_pusher_drain(&service->pusher);
    de_service_members_drain(&service->members);
}

bool de_service_attached(const struct de_service *service)
{
    return atomic_load_explicit(&service->attached, memory_order_acquire);
}

uint64_t de_service_deadline_ns(const struct de_service *service, const struct de_rpc_call *call)
{
    uint32_t timeout_ms = de_rpc_call_timeout_ms(call);

    /* Also when the client would wait longer: a node that is cut off from the others tells it to
     * look elsewhere. */
    if (timeout_ms > service->options.timeout_ms) {
        timeout_ms = service->options.timeout_ms;
    }
    return de_clock_now_ns() + (uint64_t)timeout_ms * 1000000;
}

/* ---- replies without data ---- */

void de_service_refuse(struct de_rpc_call *call, grpc_status_code code, const char *message)
{
    const struct dengine_slice none = {NULL, 0};

    DE_ASSERT(code != GRPC_STATUS_OK);
    de_rpc_reply(call, code, message, none);
}

bool de_service_find_leader(struct de_service *service, struct dengine_member *leader)
{
    return de_service_attached(service) && de_engine_leader(service->engine, leader);
}

/* The texts have to live as long as metadata. */
static void add_hint(struct de_service *service, DEngine__Error__ErrorMetadata *metadata,
                     char id_text[24], struct dengine_member *leader)
{
    if (!de_service_find_leader(service, leader)) {
        return;
    }
    (void)snprintf(id_text, 24, "%llu", (unsigned long long)leader->id);
    metadata->has_leader_id_case = D_ENGINE__ERROR__ERROR_METADATA__HAS_LEADER_ID_LEADER_ID;
    metadata->leader_id = id_text;
    metadata->has_leader_address_case =
        D_ENGINE__ERROR__ERROR_METADATA__HAS_LEADER_ADDRESS_LEADER_ADDRESS;
    metadata->leader_address = leader->address;
}

void de_service_reply_error(struct de_service *service, struct de_rpc_call *call, int err,
                            bool write, const char *message)
{
    DEngine__Client__ClientResponse response = D_ENGINE__CLIENT__CLIENT_RESPONSE__INIT;
    DEngine__Error__ErrorMetadata metadata = D_ENGINE__ERROR__ERROR_METADATA__INIT;
    uint8_t bytes[ERROR_REPLY_BYTES];
    struct dengine_member leader;
    char id_text[24];
    char text[300];
    size_t size;

    DE_ASSERT(err != 0);
    (void)snprintf(text, sizeof text, "%.299s", message != NULL ? message : dengine_strerror(err));
    metadata.has_debug_message_case =
        D_ENGINE__ERROR__ERROR_METADATA__HAS_DEBUG_MESSAGE_DEBUG_MESSAGE;
    metadata.debug_message = text;
    response.error = (DEngine__Error__ErrorCode)de_wire_code_of_error(err, write);
    metadata.too_large = err == DENGINE_E_TOO_LARGE;
    if (response.error == D_ENGINE__ERROR__ERROR_CODE__RATE_LIMITED) {
        metadata.has_retry_after_ms_case =
            D_ENGINE__ERROR__ERROR_METADATA__HAS_RETRY_AFTER_MS_RETRY_AFTER_MS;
        metadata.retry_after_ms = RETRY_AFTER_MS;
    } else if (response.error == D_ENGINE__ERROR__ERROR_CODE__NOT_LEADER) {
        add_hint(service, &metadata, id_text, &leader);
    }
    response.metadata = &metadata;
    DE_ASSERT(d_engine__client__client_response__get_packed_size(&response) <= sizeof bytes);
    size = d_engine__client__client_response__pack(&response, bytes);
    de_rpc_reply(call, GRPC_STATUS_OK, NULL, dengine_bytes(bytes, size));
}
