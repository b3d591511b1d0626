/* runtime/libev/publisher.h - what other threads may know of the node: a copy of its status under a
 * short lock, and the waiting for readiness.
 *
 * Threads: publish on the loop; the rest from any thread. */
#ifndef DE_RUNTIME_LIBEV_PUBLISHER_H
#define DE_RUNTIME_LIBEV_PUBLISHER_H

#include <pthread.h>
#include <stdatomic.h>

#include <dengine/dengine.h>

#include "core/node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Is told, in place of waiting, that something has changed that others wait for. */
struct de_publisher_listener {
    /* From any thread, under the publisher's lock: must call nothing of it. */
    void (*changed)(struct de_publisher_listener *listener);
    struct de_publisher_listener *next;
    struct de_publisher_listener **previous;
};

struct de_publisher {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex: */
    struct dengine_status status;
    struct de_membership membership;
    uint64_t config_index; /* of membership */
    bool config_committed; /* it, and it is not joint */
    uint32_t peer_count;   /* of a leader; else 0 */
    struct de_raft_peer_view peers[DE_RAFT_MEMBERS_MAX];
    bool stopped;
    struct de_publisher_listener *listeners;
    /* The lease under a sequence lock: odd while the loop writes. One writer, and readers that
     * never wait. */
    atomic_uint_fast64_t lease_sequence;
    atomic_uint_fast64_t lease_until_ns;
    atomic_uint_fast64_t lease_index;
    atomic_uint_fast64_t lease_term;
    /* What each read looks at: */
    atomic_uint_fast64_t applied; /* at least so much has been applied */
    atomic_bool halted;
};

void de_publisher_init(struct de_publisher *publisher, uint64_t node_id, uint64_t cluster_id);
void de_publisher_deinit(struct de_publisher *publisher);

/* Takes the node's present status over. */
void de_publisher_update(struct de_publisher *publisher, const struct de_node *node);

/* Every thread sees the lease from now on. */
void de_publisher_lease(struct de_publisher *publisher, const struct de_node_lease *lease);

/* The lease as it is now; no lease when the loop is writing it over and over. Without a lock. Use
 * it as core/node/lease.h says. */
void de_publisher_get_lease(const struct de_publisher *publisher, struct de_node_lease *lease);

/* A view of the state machine that is opened after this call has applied at least so much. Without
 * a lock, as the next one. */
uint64_t de_publisher_applied(const struct de_publisher *publisher);

bool de_publisher_is_halted(const struct de_publisher *publisher);

/* Remembers why the node halted. */
void de_publisher_halted(struct de_publisher *publisher, const char *reason);

/* No readiness will come any more. */
void de_publisher_stopped(struct de_publisher *publisher);

void de_publisher_get(struct de_publisher *publisher, struct dengine_status *status);

/* As de_replica_members and de_replica_wait_members. */
void de_publisher_members(struct de_publisher *publisher, struct dengine_cluster_status *status);
int de_publisher_wait_members(struct de_publisher *publisher, uint64_t after, uint32_t timeout_ms,
                              struct dengine_cluster_status *status);

/* changed is called from now on; and is not called any more after the second returns. */
void de_publisher_listen(struct de_publisher *publisher, struct de_publisher_listener *listener);
void de_publisher_unlisten(struct de_publisher *publisher, struct de_publisher_listener *listener);

/* As de_replica_wait_ready. */
int de_publisher_wait_ready(struct de_publisher *publisher, uint32_t timeout_ms, uint64_t *leader);

#ifdef __cplusplus
}
#endif

#endif
