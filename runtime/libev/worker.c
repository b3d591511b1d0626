#include "runtime/libev/worker.h"

#include <signal.h>
#include <time.h>

#include "core/base/assert.h"

bool de_worker_start(struct de_worker *worker, void *(*main)(void *argument), void *argument)
{
    sigset_t all;
    sigset_t before;
    pthread_condattr_t monotonic;
    int err = pthread_mutex_init(&worker->mutex, NULL);

    DE_ASSERT(err == 0);
    err = pthread_condattr_init(&monotonic);
    DE_ASSERT(err == 0);
    err = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    DE_ASSERT(err == 0);
    err = pthread_cond_init(&worker->changed, &monotonic);
    DE_ASSERT(err == 0);
    (void)pthread_condattr_destroy(&monotonic);
    worker->stopping = false;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&worker->thread, NULL, main, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != 0) {
        (void)pthread_cond_destroy(&worker->changed);
        (void)pthread_mutex_destroy(&worker->mutex);
    }
    return err == 0;
}

void de_worker_stop(struct de_worker *worker)
{
    int err;

    (void)pthread_mutex_lock(&worker->mutex);
    DE_ASSERT(!worker->stopping);
    worker->stopping = true;
    (void)pthread_cond_signal(&worker->changed);
    (void)pthread_mutex_unlock(&worker->mutex);
    err = pthread_join(worker->thread, NULL);
    DE_ASSERT(err == 0);
    err = pthread_cond_destroy(&worker->changed);
    DE_ASSERT(err == 0);
    err = pthread_mutex_destroy(&worker->mutex);
    DE_ASSERT(err == 0);
}
