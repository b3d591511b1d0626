#include "runtime/libev/applier.h"

#include <stdlib.h>
#include <time.h>

#include "core/base/assert.h"
#include "runtime/libev/worker.h"

/* How often a job that found no room is tried again. */
#define DE_LOOK_S 1

/* One or the other. */
struct work {
    struct de_apply_job *job;
    struct de_node_task *task;
};

struct de_applier {
    struct de_applier_options options;
    struct de_worker worker;
    struct de_post done_post;
    struct de_post full_post;
    /* Guarded by worker.mutex: */
    struct work work; /* to do */
    struct work done; /* done, not yet told */
    bool full;        /* the job under way waits for room */
    bool full_posted; /* full_post is in the loop's queue */
    bool giving_up;   /* nothing waits for room any more */
    /* The loop's: */
    bool full_told;
};

static bool is_empty(const struct work *work)
{
    return work->job == NULL && work->task == NULL;
}

/* Under the lock. */
static void set_full(struct de_applier *applier, bool full)
{
    applier->full = full;
    if (!applier->full_posted) {
        applier->full_posted = true;
        de_loop_post(applier->options.loop, &applier->full_post);
    }
}

/* Until there is room, or nobody waits for it any more. */
static void run(struct de_applier *applier, struct de_apply_job *job)
{
    while (de_apply_job_run(job) == DENGINE_E_NO_SPACE) {
        struct timespec until;
        bool giving_up;

        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += DE_LOOK_S;
        (void)pthread_mutex_lock(&applier->worker.mutex);
        if (!applier->full) {
            set_full(applier, true);
        }
        if (!applier->giving_up) {
            (void)pthread_cond_timedwait(&applier->worker.changed, &applier->worker.mutex, &until);
        }
        giving_up = applier->giving_up;
        (void)pthread_mutex_unlock(&applier->worker.mutex);
        if (giving_up) {
            break;
        }
    }
}

static void *applier_main(void *argument)
{
    struct de_applier *applier = argument;

    (void)pthread_mutex_lock(&applier->worker.mutex);
    for (;;) {
        struct work work;

        while (is_empty(&applier->work) && !applier->worker.stopping) {
            (void)pthread_cond_wait(&applier->worker.changed, &applier->worker.mutex);
        }
        work = applier->work;
        if (is_empty(&work)) {
            break;
        }
        applier->work = (struct work){NULL, NULL};
        (void)pthread_mutex_unlock(&applier->worker.mutex);
        if (work.job != NULL) {
            run(applier, work.job);
        } else {
            de_node_task_run(work.task);
        }
        (void)pthread_mutex_lock(&applier->worker.mutex);
        if (applier->full) {
            set_full(applier, false);
        }
        applier->done = work;
        de_loop_post(applier->options.loop, &applier->done_post);
    }
    (void)pthread_mutex_unlock(&applier->worker.mutex);
    return NULL;
}

/* On the loop. */
static void tell_done(struct de_post *post)
{
    struct de_applier *applier = DE_CONTAINER_OF(post, struct de_applier, done_post);
    struct work done;

    (void)pthread_mutex_lock(&applier->worker.mutex);
    done = applier->done;
    applier->done = (struct work){NULL, NULL};
    (void)pthread_mutex_unlock(&applier->worker.mutex);
    DE_ASSERT(!is_empty(&done));
    if (done.job != NULL) {
        applier->options.applied(applier->options.context, done.job);
    } else {
        applier->options.task_done(applier->options.context, done.task);
    }
}

/* On the loop. "Full" comes while the job is under way: a post of its end stands behind this. */
static void tell_full(struct de_post *post)
{
    struct de_applier *applier = DE_CONTAINER_OF(post, struct de_applier, full_post);
    bool full;

    (void)pthread_mutex_lock(&applier->worker.mutex);
    full = applier->full;
    applier->full_posted = false;
    (void)pthread_mutex_unlock(&applier->worker.mutex);
    if (full != applier->full_told) {
        applier->full_told = full;
        applier->options.full(applier->options.context, full);
    }
}

int de_applier_new(const struct de_applier_options *options, struct de_applier **result)
{
    struct de_applier *applier = calloc(1, sizeof(*applier));

    *result = NULL;
    if (applier == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    applier->options = *options;
    applier->done_post.run = tell_done;
    applier->full_post.run = tell_full;
    if (!de_worker_start(&applier->worker, applier_main, applier)) {
        free(applier);
        return DENGINE_E_NO_MEMORY;
    }
    *result = applier;
    return 0;
}

static void give(struct de_applier *applier, struct work work)
{
    (void)pthread_mutex_lock(&applier->worker.mutex);
    DE_ASSERT(is_empty(&applier->work) && !applier->worker.stopping);
    applier->work = work;
    (void)pthread_cond_signal(&applier->worker.changed);
    (void)pthread_mutex_unlock(&applier->worker.mutex);
}

void de_applier_run(struct de_applier *applier, struct de_apply_job *job)
{
    DE_ASSERT(job != NULL);
    give(applier, (struct work){job, NULL});
}

void de_applier_task(struct de_applier *applier, struct de_node_task *task)
{
    DE_ASSERT(task != NULL);
    give(applier, (struct work){NULL, task});
}

void de_applier_give_up(struct de_applier *applier)
{
    (void)pthread_mutex_lock(&applier->worker.mutex);
    applier->giving_up = true;
    (void)pthread_cond_signal(&applier->worker.changed);
    (void)pthread_mutex_unlock(&applier->worker.mutex);
}

void de_applier_stop(struct de_applier *applier)
{
    if (applier != NULL) {
        de_worker_stop(&applier->worker);
        DE_ASSERT(is_empty(&applier->work) && is_empty(&applier->done));
    }
}

void de_applier_free(struct de_applier *applier)
{
    DE_ASSERT(applier == NULL || applier->worker.stopping);
    free(applier);
}
