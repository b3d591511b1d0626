/* runtime/libev/applier.h - the thread that runs the state machine and answers the writers.
 *
 * Threads: run on the loop; new and free by the thread that owns the loop. */
#ifndef DE_RUNTIME_LIBEV_APPLIER_H
#define DE_RUNTIME_LIBEV_APPLIER_H

#include "core/node/node.h"
#include "runtime/libev/loop.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_applier;

/* Starts the thread. applied is called on the loop for each job that has run. NO_MEMORY. */
int de_applier_new(struct de_loop *loop, void (*applied)(void *context, struct de_apply_job *job),
                   void *context, struct de_applier **applier);

/* Runs job. The one before must have been completed. */
void de_applier_run(struct de_applier *applier, struct de_apply_job *job);

/* Joins the thread; no job may be under way. NULL is allowed. */
void de_applier_free(struct de_applier *applier);

#ifdef __cplusplus
}
#endif

#endif
