/* server/service_internal.h - what the files of the service share. */
#ifndef DE_SERVER_SERVICE_INTERNAL_H
#define DE_SERVER_SERVICE_INTERNAL_H

#include <stdatomic.h>

#include "server/service.h"
#include "server/service_members.h"
#include "server/service_watch.h"

struct de_read_call;
struct de_snapshot_call;

struct de_service {
    struct de_service_options options;
    bool stopped;         /* its threads have ended; the main thread only */
    atomic_bool attached; /* what follows is set for good */
    struct de_replica *replica;
    struct de_kv *kv;
    struct dengine_snapshot_store snapshots;
    struct de_watches *watches;
    struct dengine *engine;
    struct de_admission *admission;
    /* Reads whose barrier has passed; guarded by reader.mutex. */
    struct de_worker reader;
    struct de_read_call *ready;
    struct de_read_call **ready_last;
    /* Pieces of snapshots to be read; guarded by snapshot_reader.mutex. */
    struct de_worker snapshot_reader;
    struct de_snapshot_call *snapshot_calls;
    struct de_service_pusher pusher;
    struct de_service_members members;
};

/* Handlers (rpc_server.h); context is the service. */
void de_service_write(void *context, struct de_rpc_call *call, struct dengine_slice request);
void de_service_read(void *context, struct de_rpc_call *call, struct dengine_slice request);
void de_service_scan(void *context, struct de_rpc_call *call, struct dengine_slice request);

void de_service_take_snapshot(void *context, struct de_rpc_call *call,
                              struct dengine_slice request);
void de_service_read_snapshot(void *context, struct de_rpc_call *call,
                              struct dengine_slice request);

/* The readers' threads; argument is the service. */
void *de_service_reader_main(void *argument);
void *de_service_snapshot_main(void *argument);

/* Who leads; false when it is not known. */
bool de_service_find_leader(struct de_service *service, struct dengine_member *leader);

bool de_service_attached(const struct de_service *service);

/* When a call that came in now has to be over, in nanoseconds of de_clock_now_ns. */
uint64_t de_service_deadline_ns(const struct de_service *service, const struct de_rpc_call *call);

/* Answers with ErrorCode and metadata for a DENGINE_E_*; message is for people, NULL = the error's
 * own text. */
void de_service_reply_error(struct de_service *service, struct de_rpc_call *call, int err,
                            bool write, const char *message);

/* Ends the call with a gRPC status and no reply. */
void de_service_refuse(struct de_rpc_call *call, grpc_status_code code, const char *message);

#endif
