/* server/service_members.h - WatchMembership of d-engine's clients: the members at once, and again
 * after each change that is complete.
 *
 * Threads: start, stop and drain by the owner; the rest from the callbacks of the streams. One
 * thread looks for changes while there is somebody to tell, and sends. */
#ifndef DE_SERVER_SERVICE_MEMBERS_H
#define DE_SERVER_SERVICE_MEMBERS_H

#include "runtime/libev/rpc_server.h"
#include "runtime/libev/worker.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_service;
struct de_members_watch;

/* Guarded by worker.mutex. */
struct de_service_members {
    struct de_worker worker;
    struct de_service *service;
    struct de_members_watch *first;
    bool draining; /* the server is shutting down */
};

/* NO_MEMORY. */
int de_service_members_start(struct de_service_members *members, struct de_service *service);
/* No watch may be left. */
void de_service_members_stop(struct de_service_members *members);

/* Ends every watch UNAVAILABLE, and every one that is still to come. */
void de_service_members_drain(struct de_service_members *members);

/* Adds the method; errors of de_rpc_server_add_stream. */
int de_service_add_members_method(struct de_service *service, struct de_rpc_server *server);

#ifdef __cplusplus
}
#endif

#endif
