/* runtime/libev/log_writer.h - the thread that owns the log store once the node runs.
 *
 * It makes the node's persist jobs durable: all jobs that have come while one flush was under way
 * share the next (group commit). When a group has been reported it gives the store time for what
 * may wait (tidy); between groups it reads old entries back for slow peers and runs the node's
 * tasks, which compact the log. Results are posted to the loop.
 *
 * When the store has no room for a write, that write and all behind it are kept and tried again
 * once in a while; the loop is told by `room` as soon as room runs out, and when it is back.
 *
 * A store that reports writes early is told to flush when the time that it gives has passed.
 *
 * Threads: persist, read, task and give_up on the loop; new, stop and free where the loop does not
 * run or by the thread that owns it. */
#ifndef DE_RUNTIME_LIBEV_LOG_WRITER_H
#define DE_RUNTIME_LIBEV_LOG_WRITER_H

#include <dengine/log_store.h>

#include "core/node/node.h"
#include "runtime/libev/loop.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_log_writer;

struct de_log_writer_options {
    struct de_loop *loop;
    struct dengine_log_store log;
    void *context;
    /* Called on the loop, in the order of the jobs; then the job is the callee's again. */
    void (*persisted)(void *context, struct de_persist_job *job, int status, const char *message);
    void (*log_read)(void *context, struct de_log_read_job *job);
    void (*task_done)(void *context, struct de_node_task *task);
    /* The store's room has changed; a write that waits for room means that there is none. After the
     * completions that came before. */
    void (*room)(void *context, enum dengine_log_room room);
    /* The store has failed in what it does between the writes. */
    void (*failed)(void *context, int err, const char *message);
};

/* Starts the thread. NO_MEMORY. */
int de_log_writer_new(const struct de_log_writer_options *options, struct de_log_writer **writer);

void de_log_writer_persist(struct de_log_writer *writer, struct de_persist_job *job);

/* After the persist jobs handed over before it. */
void de_log_writer_read(struct de_log_writer *writer, struct de_log_read_job *job);

/* The same. */
void de_log_writer_task(struct de_log_writer *writer, struct de_node_task *task);

/* From now on a write that finds no room is reported with NO_SPACE instead of being kept. */
void de_log_writer_give_up(struct de_log_writer *writer);

/* Joins the thread; all jobs must have been completed. What it has posted may still be in the
 * loop's queue. NULL is allowed. */
void de_log_writer_stop(struct de_log_writer *writer);

/* Frees a stopped one, when the loop runs no more. NULL is allowed. */
void de_log_writer_free(struct de_log_writer *writer);

#ifdef __cplusplus
}
#endif

#endif
