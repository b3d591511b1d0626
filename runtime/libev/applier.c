#include "runtime/libev/applier.h"

#include <stdlib.h>

#include "core/base/assert.h"
#include "runtime/libev/worker.h"

struct de_applier {
    struct de_loop *loop;
    void (*applied)(void *context, struct de_apply_job *job);
    void *context;
    struct de_worker worker;
    struct de_post done_post;
    struct de_apply_job *done; /* from the worker to the loop, with done_post */
    struct de_apply_job *job;  /* to do; guarded by worker.mutex */
};

static void *applier_main(void *argument)
{
    struct de_applier *applier = argument;

    (void)pthread_mutex_lock(&applier->worker.mutex);
    for (;;) {
        struct de_apply_job *job;

        while (applier->job == NULL && !applier->worker.stopping) {
            (void)pthread_cond_wait(&applier->worker.changed, &applier->worker.mutex);
        }
        job = applier->job;
        if (job == NULL) {
            break;
        }
        applier->job = NULL;
        (void)pthread_mutex_unlock(&applier->worker.mutex);
        de_apply_job_run(job);
        applier->done = job;
        de_loop_post(applier->loop, &applier->done_post);
        (void)pthread_mutex_lock(&applier->worker.mutex);
    }
    (void)pthread_mutex_unlock(&applier->worker.mutex);
    return NULL;
}

static void tell_done(struct de_post *post)
{
    struct de_applier *applier = DE_CONTAINER_OF(post, struct de_applier, done_post);
    struct de_apply_job *job = applier->done;

    DE_ASSERT(job != NULL);
    applier->done = NULL;
    applier->applied(applier->context, job);
}

int de_applier_new(struct de_loop *loop, void (*applied)(void *context, struct de_apply_job *job),
                   void *context, struct de_applier **result)
{
    struct de_applier *applier = calloc(1, sizeof(*applier));

    *result = NULL;
    if (applier == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    applier->loop = loop;
    applier->applied = applied;
    applier->context = context;
    applier->done_post.run = tell_done;
    if (!de_worker_start(&applier->worker, applier_main, applier)) {
        free(applier);
        return DENGINE_E_NO_MEMORY;
    }
    *result = applier;
    return 0;
}

void de_applier_run(struct de_applier *applier, struct de_apply_job *job)
{
    (void)pthread_mutex_lock(&applier->worker.mutex);
    DE_ASSERT(applier->job == NULL && !applier->worker.stopping);
    applier->job = job;
    (void)pthread_cond_signal(&applier->worker.changed);
    (void)pthread_mutex_unlock(&applier->worker.mutex);
}

void de_applier_free(struct de_applier *applier)
{
    if (applier == NULL) {
        return;
    }
    de_worker_stop(&applier->worker);
    DE_ASSERT(applier->job == NULL && applier->done == NULL);
    free(applier);
}
