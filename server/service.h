/* server/service.h - the public services of a node, in the protocol of d-engine v0.2.4, beside
 * those of every engine (engine/cluster_service.h):
 *
 *   d_engine.client.RaftClientService                  HandleClientWrite, HandleClientRead,
 *                                                      HandleClientScan, Watch, WatchMembership
 *
 * and, of our own, for backups (proto/dengine_snapshot.proto) and watches
 * (proto/dengine_watch.proto):
 *
 *   dengine.admin.SnapshotService                      Take, Read
 *   dengine.watch.WatchService                         Watch
 *
 * Errors of reads and writes travel in the reply (ErrorCode), since d-engine's clients tell them
 * apart only there: 4001 with a hint who leads, 4004 with retry_after_ms, 4005 no leader or
 * shutting down, 4006 outcome of a write unknown, 4003 a limit is broken, 3001 no space. A request
 * that is no request at all ends INVALID_ARGUMENT, a reply that no client could take
 * RESOURCE_EXHAUSTED.
 *
 * Life: new, add_methods (by the engine that is being opened), attach, drain, answered
 * (by the engine that is being closed), free. Until attach the node says that it knows no leader.
 *
 * Threads: handlers run on the thread of the gRPC queue and answer eventual reads there; writes are
 * answered by the applier, other reads by a thread of the service, snapshots by another; a third
 * serves the watches. */
#ifndef DE_SERVER_SERVICE_H
#define DE_SERVER_SERVICE_H

#include <dengine/client.h>

#include "core/kv/kv.h"
#include "engine/watches.h"
#include "runtime/libev/replica.h"
#include "runtime/libev/rpc_server.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_service;

struct de_service_options {
    enum dengine_consistency default_policy; /* of reads that name none; not DENGINE_DEFAULT */
    bool allow_client_override;              /* false: every read is served as default_policy */
    uint64_t value_bytes_max;
    uint32_t timeout_ms; /* a call is answered after this long at the latest */
};

/* What is known once the engine is open. */
struct de_service_parts {
    struct de_replica *replica;
    struct de_kv *kv;
    struct dengine_snapshot_store snapshots;
    struct de_watches *watches;
    struct dengine *engine; /* to ask who leads */
};

/* Starts the service's thread. NO_MEMORY. */
int de_service_new(const struct de_service_options *options, struct de_service **service);

/* A de_replica_add_services; context is the service. */
int de_service_add_methods(void *context, struct de_rpc_server *server);

void de_service_attach(struct de_service *service, const struct de_service_parts *parts);

/* The engine is about to be closed: ends the watches, so that their clients go elsewhere. */
void de_service_drain(struct de_service *service);

/* For de_engine_services; context is the service. Ends its threads, which may hold on to the state
 * for a moment after they have answered. */
void de_service_answered(void *context);

/* After the engine is closed. NULL is allowed. */
void de_service_free(struct de_service *service);

#ifdef __cplusplus
}
#endif

#endif
