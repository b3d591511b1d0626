#include "runtime/libev/log_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/assert.h"
#include "runtime/libev/worker.h"

/* How often a store that is short of room is asked to look again. */
#define DE_LOOK_MS 1000u

/* Reads under way: the node has at most one for each member. */
#define DE_READS_MAX DE_RAFT_MEMBERS_MAX

struct persist_list {
    struct de_persist_job *first;
    struct de_persist_job **last;
};

struct read_list {
    struct de_log_read_job *jobs[DE_READS_MAX];
    uint32_t count;
};

struct task_list {
    struct de_node_task *first;
    struct de_node_task **last;
};

struct de_log_writer {
    struct de_log_writer_options options;
    struct de_worker worker;
    struct de_post done_post;
    /* Guarded by worker.mutex: */
    struct persist_list persists; /* to do */
    struct read_list reads;
    struct task_list tasks;
    struct persist_list persisted; /* done, not yet told */
    struct read_list read;
    struct task_list tasks_done;
    bool posted;    /* done_post is in the loop's queue */
    bool blocked;   /* persists wait for room */
    bool giving_up; /* nothing waits for room any more */
    int status;     /* of the store; the first failure stays */
    enum dengine_log_room room;
    char message[512];
    /* The thread's: */
    bool flush_due;           /* a store that reports early has something to flush */
    struct timespec flush_at; /* by CLOCK_MONOTONIC */
    /* The loop's: */
    enum dengine_log_room room_told;
    bool failure_told;
};

static void list_init(struct persist_list *list)
{
    list->first = NULL;
    list->last = &list->first;
}

static void list_append(struct persist_list *list, struct persist_list *more)
{
    if (more->first != NULL) {
        *list->last = more->first;
        list->last = more->last;
        list_init(more);
    }
}

static void tasks_init(struct task_list *list)
{
    list->first = NULL;
    list->last = &list->first;
}

static void tasks_push(struct task_list *list, struct de_node_task *task)
{
    task->next = NULL;
    *list->last = task;
    list->last = &task->next;
}

static struct de_node_task *tasks_pop(struct task_list *list)
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

static void tasks_move(struct task_list *to, struct task_list *from)
{
    struct de_node_task *task;

    while ((task = tasks_pop(from)) != NULL) {
        tasks_push(to, task);
    }
}

/* What the thread does in one turn, or tells of one. */
struct round {
    struct persist_list persists;
    struct read_list reads;
    struct task_list tasks;
};

/* Moves out what is to be done, under the lock. */
static void take_locked(struct de_log_writer *writer, struct round *round)
{
    list_init(&round->persists);
    list_append(&round->persists, &writer->persists);
    round->reads = writer->reads;
    writer->reads.count = 0;
    tasks_init(&round->tasks);
    tasks_move(&round->tasks, &writer->tasks);
}

/* Moves the first count jobs of a list to the end of another. */
static void list_move(struct persist_list *from, size_t count, struct persist_list *to)
{
    for (; count > 0; count--) {
        struct de_persist_job *job = from->first;

        from->first = job->next;
        if (from->first == NULL) {
            from->last = &from->first;
        }
        job->next = NULL;
        *to->last = job;
        to->last = &job->next;
    }
}

/* Writes group after group and moves what is written from `list` to `written`. */
static int write_all(struct de_log_writer *writer, struct persist_list *list,
                     struct persist_list *written)
{
    list_init(written);
    while (list->first != NULL) {
        size_t count = 0;
        const int err = de_persist_jobs_run(list->first, writer->options.log, &count);

        if (err != 0) {
            return err;
        }
        list_move(list, count, written);
    }
    return 0;
}

static void post_locked(struct de_log_writer *writer)
{
    if (!writer->posted) {
        writer->posted = true;
        de_loop_post(writer->options.loop, &writer->done_post);
    }
}

/* Hands results to the loop, under the lock. */
static void finish_locked(struct de_log_writer *writer, struct persist_list *written,
                          struct round *round)
{
    uint32_t i;

    list_append(&writer->persisted, written);
    for (i = 0; i < round->reads.count; i++) {
        DE_ASSERT(writer->read.count < DE_READS_MAX);
        writer->read.jobs[writer->read.count++] = round->reads.jobs[i];
    }
    tasks_move(&writer->tasks_done, &round->tasks);
    post_locked(writer);
}

static void fail_locked(struct de_log_writer *writer, int err)
{
    struct dengine_log_store log = writer->options.log;

    DE_ASSERT(err < 0);
    if (writer->status == 0) {
        post_locked(writer);
        writer->status = err;
        (void)snprintf(writer->message, sizeof(writer->message), "%s",
                       log.ops->message(log.object));
    }
}

/* Under the lock. */
static void note_room_locked(struct de_log_writer *writer)
{
    struct dengine_log_store log = writer->options.log;
    enum dengine_log_room room = DENGINE_LOG_ROOM;

    if (log.ops->room != NULL && writer->status == 0) {
        room = log.ops->room(log.object);
    }
    if (writer->blocked) {
        room = DENGINE_LOG_ROOM_NONE;
    }
    if (room != writer->room) {
        writer->room = room;
        post_locked(writer);
    }
}

static bool has_work_locked(const struct de_log_writer *writer)
{
    return writer->reads.count > 0 || writer->tasks.first != NULL ||
           (writer->persists.first != NULL && !writer->blocked);
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static struct timespec after_ms(uint32_t ms)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static bool flush_is_due(const struct de_log_writer *writer)
{
    const struct timespec now = after_ms(0);

    return writer->flush_due && !is_before(&now, &writer->flush_at);
}

/* Waits for work; returns under the lock: true, there is some, or it is time to look for room or to
 * flush; false: stop. */
static bool wait_locked(struct de_log_writer *writer)
{
    while (!has_work_locked(writer) && !writer->worker.stopping) {
        const bool looks = writer->room != DENGINE_LOG_ROOM;
        struct timespec until = after_ms(DE_LOOK_MS);

        if (!looks && !writer->flush_due) {
            (void)pthread_cond_wait(&writer->worker.changed, &writer->worker.mutex);
            continue;
        }
        if (writer->flush_due && (!looks || is_before(&writer->flush_at, &until))) {
            until = writer->flush_at;
        }
        if (pthread_cond_timedwait(&writer->worker.changed, &writer->worker.mutex, &until) != 0) {
            writer->blocked = false;
            return true;
        }
    }
    return has_work_locked(writer);
}

/* What was waiting goes through the store: the writes, the reads, the tasks. */
static void work(struct de_log_writer *writer, struct round *round, int status)
{
    struct dengine_log_store log = writer->options.log;
    struct persist_list *persists = &round->persists;
    struct de_node_task *task;
    struct persist_list written;
    int err = 0;

    list_init(&written);
    if (status == 0) {
        /* After a failure nothing is written any more: it would leave a gap. */
        err = write_all(writer, persists, &written);
    }
    for (uint32_t i = 0; i < round->reads.count; i++) {
        de_log_read_job_run(round->reads.jobs[i], log);
    }
    for (task = round->tasks.first; task != NULL; task = task->next) {
        de_node_task_run(task);
    }
    (void)pthread_mutex_lock(&writer->worker.mutex);
    if (err == DENGINE_E_NO_SPACE && !writer->giving_up) {
        list_append(persists, &writer->persists);
        list_append(&writer->persists, persists);
        writer->blocked = true;
    } else {
        if (err != 0) {
            fail_locked(writer, err);
        }
        list_append(&written, persists);
    }
    finish_locked(writer, &written, round);
    (void)pthread_mutex_unlock(&writer->worker.mutex);
}

/* A store that reports early is flushed when its time has come. */
static int flush_in_time(struct de_log_writer *writer)
{
    const struct dengine_log_store log = writer->options.log;
    uint32_t ms;
    int err = 0;

    if (log.ops->flush_after_ms == NULL || writer->status != 0) {
        return 0;
    }
    if (flush_is_due(writer)) {
        writer->flush_due = false;
        err = log.ops->flush(log.object);
    }
    ms = err == 0 ? log.ops->flush_after_ms(log.object) : 0;
    if (ms == 0) {
        writer->flush_due = false;
    } else if (!writer->flush_due) {
        writer->flush_due = true;
        writer->flush_at = after_ms(ms);
    }
    return err;
}

/* What the store could put off until the results were on their way. */
static void tidy(struct de_log_writer *writer)
{
    struct dengine_log_store log = writer->options.log;
    bool idle;
    int more = flush_in_time(writer);

    if (more == 0 && log.ops->tidy != NULL && writer->status == 0) {
        more = 1;
    }
    (void)pthread_mutex_lock(&writer->worker.mutex);
    do {
        idle = !has_work_locked(writer);
        if (more > 0) {
            (void)pthread_mutex_unlock(&writer->worker.mutex);
            more = log.ops->tidy(log.object, idle);
            (void)pthread_mutex_lock(&writer->worker.mutex);
        }
    } while (more > 0 && idle);
    if (more < 0) {
        fail_locked(writer, more);
    }
    note_room_locked(writer);
    (void)pthread_mutex_unlock(&writer->worker.mutex);
}

static void *writer_main(void *argument)
{
    struct de_log_writer *writer = argument;
    struct round round;

    (void)pthread_mutex_lock(&writer->worker.mutex);
    while (wait_locked(writer)) {
        const int status = writer->status;

        take_locked(writer, &round);
        (void)pthread_mutex_unlock(&writer->worker.mutex);
        work(writer, &round, status);
        tidy(writer);
        (void)pthread_mutex_lock(&writer->worker.mutex);
    }
    (void)pthread_mutex_unlock(&writer->worker.mutex);
    return NULL;
}

/* On the loop. */
static void tell_done(struct de_post *post)
{
    struct de_log_writer *writer = DE_CONTAINER_OF(post, struct de_log_writer, done_post);
    const struct de_log_writer_options *options = &writer->options;
    struct round round;
    struct de_persist_job *job;
    struct de_node_task *task;
    char message[sizeof(writer->message)];
    uint32_t i;
    int status;
    enum dengine_log_room room;

    (void)pthread_mutex_lock(&writer->worker.mutex);
    list_init(&round.persists);
    list_append(&round.persists, &writer->persisted);
    round.reads = writer->read;
    writer->read.count = 0;
    tasks_init(&round.tasks);
    tasks_move(&round.tasks, &writer->tasks_done);
    writer->posted = false;
    status = writer->status;
    room = writer->room;
    (void)snprintf(message, sizeof(message), "%s", writer->message);
    (void)pthread_mutex_unlock(&writer->worker.mutex);

    job = round.persists.first;
    while (job != NULL) {
        struct de_persist_job *next = job->next;

        writer->failure_told = writer->failure_told || status != 0;
        options->persisted(options->context, job, status, status == 0 ? "" : message);
        job = next;
    }
    for (i = 0; i < round.reads.count; i++) {
        options->log_read(options->context, round.reads.jobs[i]);
    }
    while ((task = tasks_pop(&round.tasks)) != NULL) {
        options->task_done(options->context, task);
    }
    if (room != writer->room_told) {
        writer->room_told = room;
        options->room(options->context, room);
    }
    if (status != 0 && !writer->failure_told) {
        writer->failure_told = true;
        options->failed(options->context, status, message);
    }
}

int de_log_writer_new(const struct de_log_writer_options *options, struct de_log_writer **result)
{
    struct de_log_writer *writer = calloc(1, sizeof(*writer));

    *result = NULL;
    if (writer == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    writer->options = *options;
    writer->done_post.run = tell_done;
    list_init(&writer->persists);
    list_init(&writer->persisted);
    tasks_init(&writer->tasks);
    tasks_init(&writer->tasks_done);
    if (!de_worker_start(&writer->worker, writer_main, writer)) {
        free(writer);
        return DENGINE_E_NO_MEMORY;
    }
    *result = writer;
    return 0;
}

void de_log_writer_persist(struct de_log_writer *writer, struct de_persist_job *job)
{
    (void)pthread_mutex_lock(&writer->worker.mutex);
    DE_ASSERT(!writer->worker.stopping);
    job->next = NULL;
    *writer->persists.last = job;
    writer->persists.last = &job->next;
    (void)pthread_cond_signal(&writer->worker.changed);
    (void)pthread_mutex_unlock(&writer->worker.mutex);
}

void de_log_writer_read(struct de_log_writer *writer, struct de_log_read_job *job)
{
    (void)pthread_mutex_lock(&writer->worker.mutex);
    DE_ASSERT(!writer->worker.stopping);
    DE_ASSERT(writer->reads.count < DE_READS_MAX);
    writer->reads.jobs[writer->reads.count++] = job;
    (void)pthread_cond_signal(&writer->worker.changed);
    (void)pthread_mutex_unlock(&writer->worker.mutex);
}

void de_log_writer_task(struct de_log_writer *writer, struct de_node_task *task)
{
    (void)pthread_mutex_lock(&writer->worker.mutex);
    DE_ASSERT(!writer->worker.stopping);
    tasks_push(&writer->tasks, task);
    (void)pthread_cond_signal(&writer->worker.changed);
    (void)pthread_mutex_unlock(&writer->worker.mutex);
}

void de_log_writer_give_up(struct de_log_writer *writer)
{
    (void)pthread_mutex_lock(&writer->worker.mutex);
    writer->giving_up = true;
    writer->blocked = false;
    (void)pthread_cond_signal(&writer->worker.changed);
    (void)pthread_mutex_unlock(&writer->worker.mutex);
}

void de_log_writer_stop(struct de_log_writer *writer)
{
    if (writer != NULL) {
        de_worker_stop(&writer->worker);
        DE_ASSERT(writer->persisted.first == NULL && writer->read.count == 0);
        DE_ASSERT(writer->tasks_done.first == NULL);
    }
}

void de_log_writer_free(struct de_log_writer *writer)
{
    DE_ASSERT(writer == NULL || writer->worker.stopping);
    free(writer);
}
