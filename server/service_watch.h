/* server/service_watch.h - the watches of clients, in two protocols: our own
 * (proto/dengine_watch.proto) and d-engine's.
 *
 * Each is a stream with a feed (engine/watches.h) behind it. The applier only marks a watch that
 * has something to send; the pusher, a thread of its own, packs and sends. While a message is on
 * its way nothing more is taken from the feed: so a slow client fills the queue of its feed, which
 * is bounded, and is canceled with the revision to go on from.
 *
 * Threads: push_init, push_stop by the owner; the rest from the callbacks of the streams. */
#ifndef DE_SERVER_SERVICE_WATCH_H
#define DE_SERVER_SERVICE_WATCH_H

#include "engine/watches.h"
#include "runtime/libev/rpc_server.h"
#include "runtime/libev/worker.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_service;
struct de_service_watch;

/* All watches of a service; guarded by worker.mutex. */
struct de_service_pusher {
    struct de_worker worker;
    struct de_service *service;
    struct de_service_watch *first; /* all of them */
    struct de_service_watch *due;   /* those with something to do */
    struct de_service_watch **due_last;
    bool draining;       /* the server is shutting down */
    uint64_t cut_off_ns; /* since when the node knows no leader; 0 = it knows one */
};

/* NO_MEMORY. */
int de_service_pusher_start(struct de_service_pusher *pusher, struct de_service *service);
/* No watch may be left. */
void de_service_pusher_stop(struct de_service_pusher *pusher);

/* Ends every watch UNAVAILABLE, and every one that is still to come. */
void de_service_pusher_drain(struct de_service_pusher *pusher);

/* Adds both methods; errors of de_rpc_server_add_stream. */
int de_service_add_watch_methods(struct de_service *service, struct de_rpc_server *server);

#ifdef __cplusplus
}
#endif

#endif
