/* runtime/libev/publisher.h - what other threads may know of the node: a copy of its status under a
 * short lock, and the waiting for readiness.
 *
 * Threads: publish on the loop; the rest from any thread. */
#ifndef DE_RUNTIME_LIBEV_PUBLISHER_H
#define DE_RUNTIME_LIBEV_PUBLISHER_H

#include <pthread.h>

#include <dengine/dengine.h>

#include "core/node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_publisher {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Guarded by mutex: */
    struct dengine_status status;
    bool stopped;
};

void de_publisher_init(struct de_publisher *publisher, uint64_t node_id, uint64_t cluster_id);
void de_publisher_deinit(struct de_publisher *publisher);

/* Takes the node's present status over. */
void de_publisher_update(struct de_publisher *publisher, const struct de_node *node);

/* Remembers why the node halted. */
void de_publisher_halted(struct de_publisher *publisher, const char *reason);

/* No readiness will come any more. */
void de_publisher_stopped(struct de_publisher *publisher);

void de_publisher_get(struct de_publisher *publisher, struct dengine_status *status);

/* As de_replica_wait_ready. */
int de_publisher_wait_ready(struct de_publisher *publisher, uint32_t timeout_ms, uint64_t *leader);

#ifdef __cplusplus
}
#endif

#endif
