/* runtime/libev/applier.h - the thread that runs the state machine and answers the writers. Between
 * apply jobs it runs the node's tasks that open a save or restore a snapshot.
 *
 * A job for which the state machine has no room is run again once in a while; the loop is told by
 * `full` when that begins and when it is over.
 *
 * Threads: run, task and give_up on the loop; new and free by the thread that owns the loop. */
#ifndef DE_RUNTIME_LIBEV_APPLIER_H
#define DE_RUNTIME_LIBEV_APPLIER_H

#include "core/node/node.h"
#include "runtime/libev/loop.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_applier;

struct de_applier_options {
    struct de_loop *loop;
    void *context;
    /* Called on the loop for each job that has run. */
    void (*applied)(void *context, struct de_apply_job *job);
    void (*task_done)(void *context, struct de_node_task *task);
    /* Called on the loop; true: the job under way waits for room; false: it does no more. */
    void (*full)(void *context, bool full);
};

/* Starts the thread. NO_MEMORY. */
int de_applier_new(const struct de_applier_options *options, struct de_applier **applier);

/* Runs job, or task. What was given before must have been completed. */
void de_applier_run(struct de_applier *applier, struct de_apply_job *job);
void de_applier_task(struct de_applier *applier, struct de_node_task *task);

/* From now on a job that finds no room is given back as it is. */
void de_applier_give_up(struct de_applier *applier);

/* Joins the thread; no job may be under way. What it has posted may still be in the loop's queue.
 * NULL is allowed. */
void de_applier_stop(struct de_applier *applier);

/* Frees a stopped one, when the loop runs no more. NULL is allowed. */
void de_applier_free(struct de_applier *applier);

#ifdef __cplusplus
}
#endif

#endif
