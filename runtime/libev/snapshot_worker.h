/* runtime/libev/snapshot_worker.h - the thread that writes, reads and receives snapshots.
 *
 * It runs the node's tasks in order. Each moves a bounded slice, so saving, sending to several
 * peers and receiving take turns, and none of them holds up the loop, the log or the state machine.
 *
 * Threads: run on the loop; new and free by the thread that owns the loop. */
#ifndef DE_RUNTIME_LIBEV_SNAPSHOT_WORKER_H
#define DE_RUNTIME_LIBEV_SNAPSHOT_WORKER_H

#include "core/node/node.h"
#include "runtime/libev/loop.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_snapshot_worker;

/* Starts the thread. task_done is called on the loop for each task that has run. NO_MEMORY. */
int de_snapshot_worker_new(struct de_loop *loop,
                           void (*task_done)(void *context, struct de_node_task *task),
                           void *context, struct de_snapshot_worker **worker);

void de_snapshot_worker_run(struct de_snapshot_worker *worker, struct de_node_task *task);

/* Joins the thread; no task may be under way. What it has posted may still be in the loop's queue.
 * NULL is allowed. */
void de_snapshot_worker_stop(struct de_snapshot_worker *worker);

/* Frees a stopped one, when the loop runs no more. NULL is allowed. */
void de_snapshot_worker_free(struct de_snapshot_worker *worker);

#ifdef __cplusplus
}
#endif

#endif
