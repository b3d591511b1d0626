/* runtime/libev/replica.h - one node of a cluster, running: loop, log writer, applier, snapshot
 * worker and, when it has an address, gRPC, around a node and the stores it was handed.
 *
 * Threads: any call from any thread, save that stop and free come from one thread and last. */
#ifndef DE_RUNTIME_LIBEV_REPLICA_H
#define DE_RUNTIME_LIBEV_REPLICA_H

#include <dengine/dengine.h>

#include "core/node/node.h"
#include "runtime/libev/peer_transport.h"
#include "runtime/libev/requests.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_replica;

/* Adds methods to the server before it starts. 0 or an error of de_rpc_server_add_*. */
typedef int de_replica_add_services(void *context, struct de_rpc_server *server);

struct de_replica_options {
    struct de_raft_options raft;
    struct de_node_limits limits;
    struct de_membership initial_membership;
    struct dengine_state_machine machine; /* stays the caller's, as the log does */
    struct dengine_log_store log;
    struct dengine_snapshot_store snapshots; /* ops NULL: none */
    const char *listen_address; /* must live until de_replica_listen; NULL: no port, no gRPC */
    const char *own_address;    /* where peers can dial this node, unless the membership says it */
    uint32_t message_bytes_max; /* longest message taken from a peer or client */
    de_replica_add_services *add_services; /* NULL: none */
    void *services_context;
};

/* Boots the node and starts the threads; opens no port yet. Errors as de_node_new; message says
 * what was wrong. */
int de_replica_new(const struct de_replica_options *options, struct de_replica **replica,
                   char *message, size_t message_size);

/* Opens the port and dials the peers, when there is a listen address. From here on services may be
 * called. Errors as de_rpc_server_start. */
int de_replica_listen(struct de_replica *replica, char *message, size_t message_size);

/* See requests.h. */
void de_replica_submit(struct de_replica *replica, struct de_replica_request *request);

/* A consistent picture, a moment old at most. */
void de_replica_status(struct de_replica *replica, struct dengine_status *status);

/* For reads in the calling thread, in the order that core/node/lease.h gives; without a lock. A
 * view of the state machine opened after de_replica_applied has applied at least so much. */
uint64_t de_replica_applied(const struct de_replica *replica);
void de_replica_lease(const struct de_replica *replica, struct de_node_lease *lease);
/* What waits for a leader, and what was refused. */
void de_replica_requests_usage(const struct de_replica *replica, struct de_requests_usage *usage);
/* Whether the node has halted: then it serves nothing. */
bool de_replica_halted(const struct de_replica *replica);
/* Who the members are and who leads, as this node knows it; addresses as recorded. */
void de_replica_members(struct de_replica *replica, struct dengine_cluster_status *status);

/* Waits until a membership newer than the one at index `after` is committed and complete; fills
 * *status in any case. 0, TIMEOUT, SHUTDOWN, HALTED. */
int de_replica_wait_members(struct de_replica *replica, uint64_t after, uint32_t timeout_ms,
                            struct dengine_cluster_status *status);

/* Waits until a leader is known and this node has applied an entry of the leader's term. leader may
 * be NULL. 0, TIMEOUT, SHUTDOWN, HALTED, REMOVED. */
int de_replica_wait_ready(struct de_replica *replica, uint32_t timeout_ms, uint64_t *leader);

struct de_publisher_listener;

/* For who waits otherwise for what those two wait for: see runtime/libev/publisher.h. Before
 * de_replica_free the listener has to be taken out again. */
void de_replica_listen_to_changes(struct de_replica *replica,
                                  struct de_publisher_listener *listener);
void de_replica_unlisten(struct de_replica *replica, struct de_publisher_listener *listener);

/* The port that is bound; 0 when there is none. */
uint16_t de_replica_port(const struct de_replica *replica);

/* As de_peer_transport_look; a node that is alone has no peers. Any thread, until stop. */
uint32_t de_replica_look_at_peers(struct de_replica *replica, struct de_peer_look *looks,
                                  uint32_t room);

/* Takes no more requests, answers those under way, ends gRPC (calls under way get grace_ms) and the
 * threads. The stores are idle when it returns. Returns the error that halted the node, or 0. */
int de_replica_stop(struct de_replica *replica, uint32_t grace_ms);

/* Frees a stopped replica. NULL is allowed. */
void de_replica_free(struct de_replica *replica);

#ifdef __cplusplus
}
#endif

#endif
