/* dengine.admin.SnapshotService: a snapshot is taken by the node; its file is read, piece by piece,
 * by a thread of the service, for a disk may be slow. */
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "dengine_snapshot.pb-c.h"
#include "runtime/libev/clock.h"
#include "server/service_internal.h"

#define PIECE_BYTES_MAX (1024u * 1024)

/* A call under way; in the list of the thread once it is its turn. */
struct de_snapshot_call {
    struct de_replica_request request; /* Take */
    struct de_service *service;
    struct de_rpc_call *call;
    struct de_snapshot_call *next;
    atomic_uint users; /* the replica, until release; the thread, until it has answered */
    bool takes;
    uint64_t index;
    uint64_t offset; /* Read */
    uint32_t bytes_max;
};

static grpc_status_code code_of(int err)
{
    switch (err) {
    case DENGINE_E_NOT_FOUND:
        return GRPC_STATUS_NOT_FOUND;
    case DENGINE_E_NO_SPACE:
    case DENGINE_E_NO_MEMORY:
    case DENGINE_E_BUSY:
        return GRPC_STATUS_RESOURCE_EXHAUSTED;
    case DENGINE_E_CORRUPT:
        return GRPC_STATUS_DATA_LOSS;
    case DENGINE_E_TIMEOUT:
        return GRPC_STATUS_DEADLINE_EXCEEDED;
    case DENGINE_E_SHUTDOWN:
    case DENGINE_E_HALTED:
        return GRPC_STATUS_UNAVAILABLE;
    default:
        return GRPC_STATUS_INTERNAL;
    }
}

static void refuse(struct de_rpc_call *call, int err, const char *message)
{
    DE_ASSERT(err != 0);
    de_service_refuse(call, code_of(err),
                      message == NULL || message[0] == '\0' ? dengine_strerror(err) : message);
}

/* ---- on the thread of the service ---- */

static void answer_take(struct de_snapshot_call *call, const struct dengine_snapshot_meta *meta,
                        uint64_t image_bytes)
{
    Dengine__Admin__TakeSnapshotReply reply = DENGINE__ADMIN__TAKE_SNAPSHOT_REPLY__INIT;
    uint8_t bytes[64];
    size_t size;

    reply.index = meta->index;
    reply.term = meta->term;
    reply.image_bytes = image_bytes;
    DE_ASSERT(dengine__admin__take_snapshot_reply__get_packed_size(&reply) <= sizeof bytes);
    size = dengine__admin__take_snapshot_reply__pack(&reply, bytes);
    de_rpc_reply(call->call, GRPC_STATUS_OK, NULL, dengine_bytes(bytes, size));
}

static int answer_read(struct de_snapshot_call *call, struct dengine_snapshot_reader *reader)
{
    const struct dengine_snapshot_store store = call->service->snapshots;
    Dengine__Admin__ReadSnapshotReply reply = DENGINE__ADMIN__READ_SNAPSHOT_REPLY__INIT;
    uint8_t *data = malloc(call->bytes_max);
    uint8_t *bytes = malloc(call->bytes_max + 64);
    size_t size = 0;
    int err = data == NULL || bytes == NULL ? DENGINE_E_NO_MEMORY : 0;

    while (err == 0 && reply.data.len < call->bytes_max) {
        err = store.ops->read_image(store.object, reader, call->offset + reply.data.len,
                                    data + reply.data.len, call->bytes_max - reply.data.len, &size);
        if (size == 0) {
            break;
        }
        reply.data.len += err == 0 ? size : 0;
    }
    if (err == 0) {
        reply.data.data = data;
        size = dengine__admin__read_snapshot_reply__pack(&reply, bytes);
        de_rpc_reply(call->call, GRPC_STATUS_OK, NULL, dengine_bytes(bytes, size));
    }
    free(bytes);
    free(data);
    return err;
}

static void answer(struct de_snapshot_call *call)
{
    const struct dengine_snapshot_store store = call->service->snapshots;
    struct dengine_snapshot_reader *reader;
    struct dengine_snapshot_meta meta;
    uint64_t image_bytes;
    int err = store.ops->open(store.object, call->index, &reader, &meta, &image_bytes);

    if (err != 0) {
        refuse(call->call, err, store.ops->message(store.object));
        return;
    }
    if (call->takes) {
        answer_take(call, &meta, image_bytes);
    } else if (call->offset > image_bytes) {
        de_service_refuse(call->call, GRPC_STATUS_OUT_OF_RANGE, "the snapshot ends before");
    } else {
        err = answer_read(call, reader);
        if (err != 0) {
            refuse(call->call, err, store.ops->message(store.object));
        }
    }
    store.ops->close_reader(store.object, reader);
}

static void drop(struct de_snapshot_call *call)
{
    if (atomic_fetch_sub(&call->users, 1) == 1) {
        free(call);
    }
}

void *de_service_snapshot_main(void *argument)
{
    struct de_service *service = argument;

    (void)pthread_mutex_lock(&service->snapshot_reader.mutex);
    while (!service->snapshot_reader.stopping || service->snapshot_calls != NULL) {
        struct de_snapshot_call *call = service->snapshot_calls;

        if (call == NULL) {
            (void)pthread_cond_wait(&service->snapshot_reader.changed,
                                    &service->snapshot_reader.mutex);
            continue;
        }
        service->snapshot_calls = call->next;
        (void)pthread_mutex_unlock(&service->snapshot_reader.mutex);
        answer(call);
        drop(call);
        (void)pthread_mutex_lock(&service->snapshot_reader.mutex);
    }
    (void)pthread_mutex_unlock(&service->snapshot_reader.mutex);
    return NULL;
}

static void hand_over(struct de_snapshot_call *call)
{
    struct de_service *service = call->service;
    struct de_snapshot_call **last = &service->snapshot_calls;

    (void)pthread_mutex_lock(&service->snapshot_reader.mutex);
    while (*last != NULL) { /* there are a few at most: somebody makes backups */
        last = &(*last)->next;
    }
    call->next = NULL;
    *last = call;
    (void)pthread_cond_signal(&service->snapshot_reader.changed);
    (void)pthread_mutex_unlock(&service->snapshot_reader.mutex);
}

/* ---- handlers ---- */

static struct de_snapshot_call *new_call(struct de_service *service, struct de_rpc_call *rpc)
{
    struct de_snapshot_call *call = NULL;

    if (!de_service_attached(service) || service->snapshots.ops == NULL) {
        de_service_refuse(rpc, GRPC_STATUS_UNAVAILABLE, "the node is not ready");
        return NULL;
    }
    call = calloc(1, sizeof *call);
    if (call == NULL) {
        refuse(rpc, DENGINE_E_NO_MEMORY, NULL);
        return NULL;
    }
    call->service = service;
    call->call = rpc;
    return call;
}

static void taken(struct de_replica_request *request, int status,
                  const struct dengine_result *result)
{
    struct de_snapshot_call *call = DE_CONTAINER_OF(request, struct de_snapshot_call, request);

    DE_ASSERT((status == 0) == (result != NULL));
    if (status != 0) {
        refuse(call->call, status,
               status == DENGINE_E_NOT_FOUND ? "there is no state yet to take a snapshot of: no "
                                               "write has been committed"
                                             : NULL);
        drop(call);
        return;
    }
    call->index = result->revision;
    hand_over(call);
}

static void released(struct de_replica_request *request)
{
    drop(DE_CONTAINER_OF(request, struct de_snapshot_call, request));
}

void de_service_take_snapshot(void *context, struct de_rpc_call *rpc, struct dengine_slice request)
{
    struct de_service *service = context;
    struct de_snapshot_call *call;

    (void)request; /* asks for nothing in particular */
    call = new_call(service, rpc);
    if (call == NULL) {
        return;
    }
    atomic_init(&call->users, 2);
    call->takes = true;
    call->request.type = DE_REQUEST_SNAPSHOT;
    call->request.deadline_ns = de_clock_now_ns() + (uint64_t)de_rpc_call_timeout_ms(rpc) * 1000000;
    call->request.done = taken;
    call->request.release = released;
    de_replica_submit(service->replica, &call->request);
}

void de_service_read_snapshot(void *context, struct de_rpc_call *rpc, struct dengine_slice request)
{
    Dengine__Admin__ReadSnapshotRequest *wanted =
        dengine__admin__read_snapshot_request__unpack(NULL, request.size, request.data);
    struct de_snapshot_call *call;

    if (wanted == NULL || wanted->index == 0) {
        de_service_refuse(rpc, GRPC_STATUS_INVALID_ARGUMENT, "not a ReadSnapshotRequest");
    } else {
        call = new_call(context, rpc);
        if (call != NULL) {
            atomic_init(&call->users, 1);
            call->index = wanted->index;
            call->offset = wanted->offset;
            call->bytes_max = wanted->bytes_max;
            if (call->bytes_max == 0 || call->bytes_max > PIECE_BYTES_MAX) {
                call->bytes_max = PIECE_BYTES_MAX;
            }
            hand_over(call);
        }
    }
    if (wanted != NULL) {
        dengine__admin__read_snapshot_request__free_unpacked(wanted, NULL);
    }
}
