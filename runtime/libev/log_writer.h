/* runtime/libev/log_writer.h - the thread that owns the log store once the node runs.
 *
 * It makes the node's persist jobs durable: all jobs that have come while one flush was under way
 * share the next (group commit). Between flushes it reads old entries back for slow peers. Results
 * are posted to the loop.
 *
 * Threads: persist and read on the loop; new, stop and free where the loop does not run or by the
 * thread that owns it. */
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
};

/* Starts the thread. NO_MEMORY. */
int de_log_writer_new(const struct de_log_writer_options *options, struct de_log_writer **writer);

void de_log_writer_persist(struct de_log_writer *writer, struct de_persist_job *job);

/* After the persist jobs handed over before it. */
void de_log_writer_read(struct de_log_writer *writer, struct de_log_read_job *job);

/* Joins the thread; all jobs must have been completed. NULL is allowed. */
void de_log_writer_free(struct de_log_writer *writer);

#ifdef __cplusplus
}
#endif

#endif
