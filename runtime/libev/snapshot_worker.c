#include "runtime/libev/snapshot_worker.h"

#include <stdlib.h>

#include "core/base/assert.h"
#include "runtime/libev/worker.h"

struct list {
    struct de_node_task *first;
    struct de_node_task **last;
};

struct de_snapshot_worker {
    struct de_loop *loop;
    void (*task_done)(void *context, struct de_node_task *task);
    void *context;
    struct de_worker worker;
    struct de_post done_post;
    /* Guarded by worker.mutex: */
    struct list tasks;
    struct list done;
    bool posted; /* done_post is in the loop's queue */
};

static void list_init(struct list *list)
{
    list->first = NULL;
    list->last = &list->first;
}

static void list_push(struct list *list, struct de_node_task *task)
{
    task->next = NULL;
    *list->last = task;
    list->last = &task->next;
}

static struct de_node_task *list_pop(struct list *list)
{
    struct de_node_task *task = list->first;

    if (task != NULL) {
        list->first = task->next;
        if (list->first == NULL) {
            list->last = &list->first;
        }
    }
    return task;
}

static void *worker_main(void *argument)
{
    struct de_snapshot_worker *worker = argument;

    (void)pthread_mutex_lock(&worker->worker.mutex);
    for (;;) {
        struct de_node_task *task;

        while (worker->tasks.first == NULL && !worker->worker.stopping) {
            (void)pthread_cond_wait(&worker->worker.changed, &worker->worker.mutex);
        }
        task = list_pop(&worker->tasks);
        if (task == NULL) {
            break;
        }
        (void)pthread_mutex_unlock(&worker->worker.mutex);
        de_node_task_run(task);
        (void)pthread_mutex_lock(&worker->worker.mutex);
        list_push(&worker->done, task);
        if (!worker->posted) {
            worker->posted = true;
            de_loop_post(worker->loop, &worker->done_post);
        }
    }
    (void)pthread_mutex_unlock(&worker->worker.mutex);
    return NULL;
}

/* On the loop. */
static void tell_done(struct de_post *post)
{
    struct de_snapshot_worker *worker = DE_CONTAINER_OF(post, struct de_snapshot_worker, done_post);
    struct de_node_task *task;

    (void)pthread_mutex_lock(&worker->worker.mutex);
    DE_ASSERT(worker->posted);
    worker->posted = false;
    task = worker->done.first;
    list_init(&worker->done);
    (void)pthread_mutex_unlock(&worker->worker.mutex);
    while (task != NULL) {
        struct de_node_task *next = task->next;

        worker->task_done(worker->context, task);
        task = next;
    }
}

int de_snapshot_worker_new(struct de_loop *loop,
                           void (*task_done)(void *context, struct de_node_task *task),
                           void *context, struct de_snapshot_worker **result)
{
    struct de_snapshot_worker *worker = calloc(1, sizeof(*worker));

    *result = NULL;
    if (worker == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    worker->loop = loop;
    worker->task_done = task_done;
    worker->context = context;
    worker->done_post.run = tell_done;
    list_init(&worker->tasks);
    list_init(&worker->done);
    if (!de_worker_start(&worker->worker, worker_main, worker)) {
        free(worker);
        return DENGINE_E_NO_MEMORY;
    }
    *result = worker;
    return 0;
}

void de_snapshot_worker_run(struct de_snapshot_worker *worker, struct de_node_task *task)
{
    (void)pthread_mutex_lock(&worker->worker.mutex);
    DE_ASSERT(!worker->worker.stopping);
    list_push(&worker->tasks, task);
    (void)pthread_cond_signal(&worker->worker.changed);
    (void)pthread_mutex_unlock(&worker->worker.mutex);
}

void de_snapshot_worker_stop(struct de_snapshot_worker *worker)
{
    if (worker != NULL) {
        de_worker_stop(&worker->worker);
        DE_ASSERT(worker->tasks.first == NULL && worker->done.first == NULL);
    }
}

void de_snapshot_worker_free(struct de_snapshot_worker *worker)
{
    DE_ASSERT(worker == NULL || worker->worker.stopping);
    free(worker);
}
