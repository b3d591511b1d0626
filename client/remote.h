/* client/remote.h - the remote client inside: what its files share.
 *
 *   remote.c          connect and disconnect, the lock, the thread of the completion queue
 *   remote_call.c     the life of one call: parked, flying, finished
 *   remote_route.c    endpoints: connections, who leads, what to do with parked calls
 *   remote_message.c  requests and replies as bytes
 *   remote_watch.c    watches: what their users see, and when they need a stream
 *   remote_stream.c   one stream of a watch, from its first message to its status
 *
 * A call is always in exactly one of three lists:
 *
 *   parked     waits for a leader, for a connection, or for its back-off to pass
 *   flying     has been sent to an endpoint
 *   finished   its callback is about to be called
 *
 * A request is sent only on a connection that stands (channel state READY). So a failure to connect
 * is known not to have carried the request anywhere, and a failure after that is taken as "may have
 * arrived" (client/policy/verdict.h).
 *
 * Deadlines: gRPC watches over flying calls; the thread of the queue over parked ones, by waking no
 * later than the earliest of them (due_ns).
 *
 * Threads: every field of struct de_remote is guarded by mutex, except those that connect() sets
 * for good. Callbacks run without it. */
#ifndef DE_CLIENT_REMOTE_H
#define DE_CLIENT_REMOTE_H

#include <pthread.h>

#include "client/client_ops.h"
#include "client/endpoints.h"
#include "client/exchange.h"
#include "client/policy/retry.h"
#include "client/policy/route.h"
#include "core/base/random.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_remote;

struct de_remote_watch;

struct de_remote_endpoint {
    struct de_remote *remote;
    char address[DE_ENDPOINT_BYTES];
    grpc_channel *channel; /* NULL until the first use */
    struct de_tag watch;   /* for a change of the channel's state */
    bool watching;
    struct de_exchange probe; /* GetClusterMetadata */
    bool probing;
    uint32_t peer; /* its number in the route */
};

struct de_remote_call {
    struct de_remote_call *next;
    struct de_remote_call **previous;
    struct de_remote *remote;
    struct de_exchange exchange;
    struct de_remote_endpoint *endpoint; /* flying: where to */
    grpc_slice request;
    uint32_t type; /* enum de_client_call_type */
    bool write;
    bool anywhere; /* any node may answer, not only the leader */
    struct de_retry retry;
    dengine_callback *callback;
    void *context;
    struct dengine_cluster_status *status; /* STATUS: the answer; owned */
    struct dengine_reply reply;
    char text[256]; /* for dengine_last_error */
};

struct de_remote {
    struct dengine_client base;
    uint32_t client_id;
    grpc_completion_queue *queue;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* live fell to 0 */

    struct de_route route;                                  /* who leads, and whom to try next */
    struct de_remote_endpoint *endpoints[DE_ENDPOINTS_MAX]; /* by their numbers in the route */
    size_t endpoint_count;
    struct de_remote_call *parked;
    struct de_remote_call *flying;
    struct de_remote_call *finished;
    struct de_remote_watch *watches;
    uint32_t users; /* the client, and each watch: the memory lives until the last has gone */
    bool unsettled; /* something happened that parked calls may have waited for */
    bool closing;
    size_t live;       /* calls, watches, probes and wake-ups not over */
    char trouble[300]; /* the last thing that went wrong with an endpoint */

    uint64_t due_ns;          /* when the thread has something to do by itself */
    uint64_t asleep_until_ns; /* what it is waiting for; 0 = it is awake */
    struct de_tag wake;
    bool waking;
    grpc_channel *lame;
    grpc_call *lame_call; /* an empty batch on it wakes the thread */
};

/* remote.c: around everything that touches the object. leave() acts on what has changed, and calls
 * back what has finished. */
void de_remote_enter(struct de_remote *remote);
void de_remote_leave(struct de_remote *remote);

/* remote_call.c */
int de_remote_start(struct dengine_client *client, const struct de_client_call *call);
/* Sends a parked call to endpoint. */
void de_remote_call_send(struct de_remote_call *call, struct de_remote_endpoint *endpoint);
/* Moves a call to the finished ones. */
void de_remote_call_finish(struct de_remote_call *call, int err);
/* A parked call whose deadline has passed. */
void de_remote_call_expire(struct de_remote_call *call);
/* Calls back and frees; without the lock. */
void de_remote_call_deliver(struct de_remote_call *call);

/* remote_route.c */
int de_remote_add_endpoint(struct de_remote *remote, const char *address,
                           struct de_remote_endpoint **endpoint);
/* Whether endpoint has a connection that stands. */
bool de_remote_ready(const struct de_remote_endpoint *endpoint);
/* The endpoints that have, a bit for each. */
uint64_t de_remote_ready_mask(const struct de_remote *remote);
/* Where call can be sent right now; NULL = nowhere yet. */
struct de_remote_endpoint *de_remote_choose(struct de_remote *remote,
                                            const struct de_remote_call *call);
/* endpoint is not to be taken for the leader any more, if it was. */
void de_remote_doubt(struct de_remote *remote, const struct de_remote_endpoint *endpoint);
/* Somebody says that the node at address leads. */
void de_remote_learn_leader(struct de_remote *remote, const char *address);
/* Sends or ends what is parked, looks for a leader as long as something waits for one, and works
 * out due_ns. */
void de_remote_settle(struct de_remote *remote, uint64_t now_ns);

/* remote_watch.c */
int de_remote_watch(struct dengine_client *client, const struct dengine_watch_options *options,
                    struct de_watch_feed **feed);
/* Gives watches without a stream one; whether any waits for a connection. Makes *due_ns earlier. */
bool de_remote_watches_settle(struct de_remote *remote, uint64_t now_ns, uint64_t *due_ns);
/* The client is closing: makes all streams end soon. */
void de_remote_watches_cancel(struct de_remote *remote);

/* remote.c: gives up the lock and one use. */
void de_remote_leave_and_drop(struct de_remote *remote);

/* remote_message.c. Paths of the methods: */
extern const char de_remote_write_path[];
extern const char de_remote_read_path[];
extern const char de_remote_metadata_path[];

/* The request that call makes; NO_MEMORY. */
int de_remote_pack(const struct de_client_call *call, uint32_t client_id, grpc_slice *request);

/* A reply of HandleClientWrite or HandleClientRead, taken apart. */
struct de_remote_reply {
    bool understood;
    int err_exact; /* DENGINE_E_*, in the place of error, when it is known better; else 0 */
    int32_t error; /* ErrorCode */
    uint64_t retry_after_ms;
    char leader_address[DE_ENDPOINT_BYTES]; /* "" = no hint */
    char message[200];                      /* debug_message */
    bool succeeded;                         /* of a write */
    uint64_t revision;                      /* of a write; 0 when the server does not tell */
    uint64_t count;                         /* of a delete_range */
    uint64_t lease;                         /* of a lease_grant */
    bool found;                             /* of a read */
    struct dengine_value value;             /* of a read, when found: the caller frees it */
    struct dengine_page page;               /* of a scan: the caller frees it */
    struct dengine_txn_result txn;          /* of a transaction, likewise */
    struct dengine_lease_page leases;       /* of a look at leases, likewise */
    int err;                                /* NO_MEMORY, or 0 */
};

void de_remote_unpack(uint32_t type, grpc_slice bytes, struct de_remote_reply *reply);

/* A reply of GetClusterMetadata; PROTOCOL. status->leader is 0 unless the leader is a member. */
int de_remote_unpack_status(grpc_slice bytes, struct dengine_cluster_status *status);

#ifdef __cplusplus
}
#endif

#endif
