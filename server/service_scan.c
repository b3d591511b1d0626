/* HandleClientScan of d-engine: all keys with a prefix in one reply. Its clients know no pages:
 * what does not fit into a reply is refused. Errors are gRPC statuses, as ScanResponse has none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "server/service_range.h"
#include "server/service_reader.h"

/* What one entry takes in the reply beside its bytes, at most. */
#define ENTRY_BYTES 32

/* A reply that grows. */
struct gathering {
    uint64_t bytes_left;
    DEngine__Client__KvEntry *entries;
    size_t count;
    size_t room;
};

/* protobuf-c has no const; packing changes nothing. */
static ProtobufCBinaryData binary(struct dengine_slice slice)
{
    ProtobufCBinaryData data = {slice.size, NULL};

    memcpy(&data.data, &slice.data, sizeof data.data);
    return data;
}

static int gather(void *context, struct dengine_slice key, const struct de_kv_record *record)
{
    struct gathering *all = context;
    const size_t bytes = key.size + record->value.size + ENTRY_BYTES;
    DEngine__Client__KvEntry *entry;

    if (bytes > all->bytes_left) {
        return DENGINE_E_TOO_LARGE;
    }
    all->bytes_left -= bytes;
    if (all->count == all->room) {
        const size_t room = all->room > 0 ? 2 * all->room : 64;
        DEngine__Client__KvEntry *larger = realloc(all->entries, room * sizeof *larger);

        if (larger == NULL) {
            return DENGINE_E_NO_MEMORY;
        }
        all->entries = larger;
        all->room = room;
    }
    entry = &all->entries[all->count++];
    d_engine__client__kv_entry__init(entry);
    entry->key = binary(key);
    entry->value = binary(record->value);
    return 0;
}

/* Packs and sends; the entries borrow from a view that is open. */
static int reply_entries(struct de_rpc_call *call, const struct gathering *all, uint64_t revision)
{
    DEngine__Client__ScanResponse response = D_ENGINE__CLIENT__SCAN_RESPONSE__INIT;
    DEngine__Client__KvEntry **pointers = malloc((all->count + 1) * sizeof *pointers);
    uint8_t *bytes = NULL;
    size_t size = 0;
    size_t i;

    if (pointers != NULL) {
        for (i = 0; i < all->count; i++) {
            pointers[i] = &all->entries[i];
        }
        response.n_entries = all->count;
        response.entries = pointers;
        response.revision = revision;
        size = d_engine__client__scan_response__get_packed_size(&response);
        bytes = malloc(size + 1);
    }
    if (bytes != NULL) {
        (void)d_engine__client__scan_response__pack(&response, bytes);
        de_rpc_reply(call, GRPC_STATUS_OK, NULL, dengine_bytes(bytes, size));
    }
    free(pointers);
    free(bytes);
    return bytes != NULL ? 0 : DENGINE_E_NO_MEMORY;
}

static grpc_status_code status_of(int err)
{
    switch (err) {
    case DENGINE_E_NOT_LEADER:
        return GRPC_STATUS_FAILED_PRECONDITION;
    case DENGINE_E_NO_LEADER:
    case DENGINE_E_SHUTDOWN:
    case DENGINE_E_HALTED:
    case DENGINE_E_UNAVAILABLE:
        return GRPC_STATUS_UNAVAILABLE;
    case DENGINE_E_BUSY:
    case DENGINE_E_TOO_LARGE:
    case DENGINE_E_NO_MEMORY:
        return GRPC_STATUS_RESOURCE_EXHAUSTED;
    case DENGINE_E_TIMEOUT:
        return GRPC_STATUS_DEADLINE_EXCEEDED;
    default:
        return GRPC_STATUS_INTERNAL;
    }
}

static void fail(struct de_service *service, struct de_rpc_call *call, int err, const char *text)
{
    struct dengine_member leader;
    char hint[sizeof leader.address + 64];

    DE_ASSERT(err != 0);
    if (text == NULL) {
        text = dengine_strerror(err);
    }
    if (err != DENGINE_E_NOT_LEADER || !de_service_find_leader(service, &leader)) {
        de_service_refuse(call, status_of(err), text);
        return;
    }
    (void)snprintf(hint, sizeof hint, "{\"leader_id\":%llu,\"address\":\"%s\"}",
                   (unsigned long long)leader.id, leader.address);
    de_rpc_refuse_with(call, status_of(err), text, "x-raft-leader", hint);
}

static void answer(struct de_service *service, struct de_rpc_call *call, const void *message)
{
    const DEngine__Client__ScanRequest *request = message;
    const struct dengine_slice prefix = dengine_bytes(request->prefix.data, request->prefix.len);
    struct gathering all = {.bytes_left = de_service_reply_bytes_max(service)};
    struct de_kv_scan scan = {.from = prefix};
    uint8_t end[DE_KV_USER_KEY_MAX];
    struct de_kv_view view;
    uint64_t count;
    bool more;
    int err = de_kv_view_open(service->kv, &view);

    if (err != 0) {
        fail(service, call, err, NULL);
        return;
    }
    scan.end = de_kv_prefix_end(prefix, end);
    err = de_kv_view_scan(&view, &scan, gather, &all, &count, &more);
    if (err == 0) {
        err = reply_entries(call, &all, view.revision);
    }
    de_kv_view_close(&view);
    free(all.entries);
    if (err != 0) {
        fail(service, call, err,
             err == DENGINE_E_TOO_LARGE
                 ? "the entries are longer than one reply may be: scan a "
                   "longer prefix, or read pages with ClientReadRequest.range"
                 : NULL);
    }
}

static void release(void *message)
{
    d_engine__client__scan_request__free_unpacked(message, NULL);
}

void de_service_scan(void *context, struct de_rpc_call *call, struct dengine_slice bytes)
{
    static const struct de_read_ops ops = {answer, fail, release};
    struct de_service *service = context;
    DEngine__Client__ScanRequest *request =
        d_engine__client__scan_request__unpack(NULL, bytes.size, bytes.data);

    if (request == NULL) {
        de_service_refuse(call, GRPC_STATUS_INVALID_ARGUMENT, "not a ScanRequest");
    } else if (request->prefix.len > DE_KV_USER_KEY_MAX) {
        de_service_refuse(call, GRPC_STATUS_INVALID_ARGUMENT,
                          "the prefix is longer than a key can be, 500 bytes");
        release(request);
    } else if (!de_service_attached(service)) {
        fail(service, call, DENGINE_E_NO_LEADER, "the node is starting");
        release(request);
    } else {
        de_service_start_read(service, call, &ops, request, service->options.default_policy);
    }
}
