#include "runtime/libev/log_writer.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "runtime/libev/worker.h"

/* Writes handed to the store in one call, sharing one flush: so many, and so many bytes, save that
 * one write of any size may go alone. */
#define DE_WRITES_MAX       64
#define DE_WRITES_BYTES_MAX (4u * 1024 * 1024)

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
    bool posted; /* done_post is in the loop's queue */
    int status;  /* of the store; the first failure stays */
    char message[512];
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

static int write_all(struct de_log_writer *writer, const struct persist_list *list)
{
    struct dengine_log_store log = writer->options.log;
    struct dengine_log_write writes[DE_WRITES_MAX];
    const struct de_persist_job *job = list->first;
    int err = 0;

    while (job != NULL && err == 0) {
        size_t count = 0;
        size_t bytes = 0;

        for (; job != NULL && count < DE_WRITES_MAX; job = job->next) {
            bytes += write_bytes(&job->write);
            if (count > 0 && bytes > DE_WRITES_BYTES_MAX) {
                break;
            }
            writes[count++] = job->write;
        }
        err = log.ops->write(log.object, writes, count);
    }
    return err;
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
    if (!writer->posted) {
        writer->posted = true;
        de_loop_post(writer->options.loop, &writer->done_post);
    }
}

static void *writer_main(void *argument)
{
    struct de_log_writer *writer = argument;
    struct dengine_log_store log = writer->options.log;
    struct persist_list persists;
    struct read_list reads;
    uint32_t i;

    (void)pthread_mutex_lock(&writer->worker.mutex);
    for (;;) {
        int err = 0;

        while (writer->persists.first == NULL && writer->reads.count == 0 &&
               !writer->worker.stopping) {
            (void)pthread_cond_wait(&writer->worker.changed, &writer->worker.mutex);
        }
        if (writer->persists.first == NULL && writer->reads.count == 0) {
            break;
        }
        take_locked(writer, &persists, &reads);
        err = writer->status;
        (void)pthread_mutex_unlock(&writer->worker.mutex);
        if (err == 0) {
            /* After a failure nothing is written any more: it would leave a gap. */
            err = write_all(writer, &persists);
        }
        for (i = 0; i < reads.count; i++) {
            de_log_read_job_run(reads.jobs[i], log);
        }
        (void)pthread_mutex_lock(&writer->worker.mutex);
        if (err != 0 && writer->status == 0) {
            writer->status = err;
            (void)snprintf(writer->message, sizeof(writer->message), "%s",
                           log.ops->message(log.object));
        }
        finish_locked(writer, &persists, &reads);
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
    uint32_t i;
    int status;

    (void)pthread_mutex_lock(&writer->worker.mutex);
    list_init(&persisted);
    list_append(&persisted, &writer->persisted);
    read = writer->read;
    writer->read.count = 0;
    writer->posted = false;
    status = writer->status;
    (void)pthread_mutex_unlock(&writer->worker.mutex);

    job = persisted.first;
    while (job != NULL) {
        struct de_persist_job *next = job->next;

        /* The message is written once, before the status that sends us to it. */
        options->persisted(options->context, job, status, status == 0 ? "" : writer->message);
        job = next;
    }
    for (i = 0; i < read.count; i++) {
        options->log_read(options->context, read.jobs[i]);
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

void de_log_writer_free(struct de_log_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    de_worker_stop(&writer->worker);
    DE_ASSERT(writer->persisted.first == NULL && writer->read.count == 0);
    free(writer);
}
