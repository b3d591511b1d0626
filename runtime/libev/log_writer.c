#include "runtime/libev/log_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/assert.h"
#include "runtime/libev/worker.h"

/* Writes handed to the store in one call, sharing one flush: so many, and so many bytes, save that
 * one write of any size may go alone. */
#define DE_WRITES_MAX       64
#define DE_WRITES_BYTES_MAX (4u * 1024 * 1024)

/* How often a store that is short of room is asked to look again. */
#define DE_LOOK_S 1

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

struct de_log_writer {
    struct de_log_writer_options options;
    struct de_worker worker;
    struct de_post done_post;
    /* Guarded by worker.mutex: */
    struct persist_list persists; /* to do */
    struct read_list reads;
    struct persist_list persisted; /* done, not yet told */
    struct read_list read;
    bool posted;    /* done_post is in the loop's queue */
    bool blocked;   /* persists wait for room */
    bool giving_up; /* nothing waits for room any more */
    int status;     /* of the store; the first failure stays */
    enum dengine_log_room room;
    char message[512];
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

/* Moves out what is to be done, under the lock. */
static void take_locked(struct de_log_writer *writer, struct persist_list *persists,
                        struct read_list *reads)
{
    list_init(persists);
    list_append(persists, &writer->persists);
    *reads = writer->reads;
    writer->reads.count = 0;
}

static size_t write_bytes(const struct dengine_log_write *write)
{
    size_t bytes = 0;
    size_t i;

    for (i = 0; i < write->entry_count; i++) {
        bytes += write->entries[i].data.size;
    }
    return bytes;
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
    struct dengine_log_store log = writer->options.log;
    struct dengine_log_write writes[DE_WRITES_MAX];

    list_init(written);
    while (list->first != NULL) {
        const struct de_persist_job *job;
        size_t count = 0;
        size_t bytes = 0;
        int err;

        for (job = list->first; job != NULL && count < DE_WRITES_MAX; job = job->next) {
            bytes += write_bytes(&job->write);
            if (count > 0 && bytes > DE_WRITES_BYTES_MAX) {
                break;
            }
            writes[count++] = job->write;
        }
        err = log.ops->write(log.object, writes, count);
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
static void finish_locked(struct de_log_writer *writer, struct persist_list *persists,
                          const struct read_list *reads)
{
    uint32_t i;

    list_append(&writer->persisted, persists);
    for (i = 0; i < reads->count; i++) {
        DE_ASSERT(writer->read.count < DE_READS_MAX);
        writer->read.jobs[writer->read.count++] = reads->jobs[i];
    }
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
    return writer->reads.count > 0 || (writer->persists.first != NULL && !writer->blocked);
}

/* Waits for work; returns under the lock: true, there is some, or it is time to look for room;
 * false: stop. */
static bool wait_locked(struct de_log_writer *writer)
{
    while (!has_work_locked(writer) && !writer->worker.stopping) {
        struct timespec until;

        if (writer->room == DENGINE_LOG_ROOM) {
            (void)pthread_cond_wait(&writer->worker.changed, &writer->worker.mutex);
            continue;
        }
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += DE_LOOK_S;
        if (pthread_cond_timedwait(&writer->worker.changed, &writer->worker.mutex, &until) != 0) {
            writer->blocked = false;
            return true;
        }
    }
    return has_work_locked(writer);
}

/* What was waiting goes through the store: first the writes, then the reads. */
static void work(struct de_log_writer *writer, struct persist_list *persists,
                 const struct read_list *reads, int status)
{
    struct dengine_log_store log = writer->options.log;
    struct persist_list written;
    int err = 0;

    list_init(&written);
    if (status == 0) {
        /* After a failure nothing is written any more: it would leave a gap. */
        err = write_all(writer, persists, &written);
    }
    for (uint32_t i = 0; i < reads->count; i++) {
        de_log_read_job_run(reads->jobs[i], log);
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
    finish_locked(writer, &written, reads);
    (void)pthread_mutex_unlock(&writer->worker.mutex);
}

/* What the store could put off until the results were on their way. */
static void tidy(struct de_log_writer *writer)
{
    struct dengine_log_store log = writer->options.log;
    bool idle;
    int more = log.ops->tidy == NULL || writer->status != 0 ? 0 : 1;

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
    struct persist_list persists;
    struct read_list reads;

    (void)pthread_mutex_lock(&writer->worker.mutex);
    while (wait_locked(writer)) {
        const int status = writer->status;

        take_locked(writer, &persists, &reads);
        (void)pthread_mutex_unlock(&writer->worker.mutex);
        work(writer, &persists, &reads, status);
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
    struct persist_list persisted;
    struct read_list read;
    struct de_persist_job *job;
    char message[sizeof(writer->message)];
    uint32_t i;
    int status;
    enum dengine_log_room room;

    (void)pthread_mutex_lock(&writer->worker.mutex);
    list_init(&persisted);
    list_append(&persisted, &writer->persisted);
    read = writer->read;
    writer->read.count = 0;
    writer->posted = false;
    status = writer->status;
    room = writer->room;
    (void)snprintf(message, sizeof(message), "%s", writer->message);
    (void)pthread_mutex_unlock(&writer->worker.mutex);

    job = persisted.first;
    while (job != NULL) {
        struct de_persist_job *next = job->next;

        writer->failure_told = writer->failure_told || status != 0;
        options->persisted(options->context, job, status, status == 0 ? "" : message);
        job = next;
    }
    for (i = 0; i < read.count; i++) {
        options->log_read(options->context, read.jobs[i]);
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
    }
}

void de_log_writer_free(struct de_log_writer *writer)
{
    DE_ASSERT(writer == NULL || writer->worker.stopping);
    free(writer);
}
