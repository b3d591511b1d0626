/* runtime/libev/worker.h - a thread with a mutex and a condition: what the log writer and the
 * applier have in common. */
#ifndef DE_RUNTIME_LIBEV_WORKER_H
#define DE_RUNTIME_LIBEV_WORKER_H

#include <pthread.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_worker {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping; /* guarded by mutex */
    pthread_t thread;
};

/* Starts main(argument) on a thread with all signals blocked. False when there are no resources;
 * then there is nothing to stop. */
bool de_worker_start(struct de_worker *worker, void *(*main)(void *argument), void *argument);

/* Sets stopping, wakes the thread and joins it. */
void de_worker_stop(struct de_worker *worker);

#ifdef __cplusplus
}
#endif

#endif
