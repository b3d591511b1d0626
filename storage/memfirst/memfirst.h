/* storage/memfirst/memfirst.h - a log store that says "written" before it is.
 *
 * It wraps a durable log store. A write that only appends plain entries is copied into memory and
 * reported at once; what has been reported so is flushed to the wrapped store soon after, by its
 * owner's clock (log_store.h, flush) or when it has grown to so many bytes. Everything that Raft
 * must not forget is written through, together with all that waits before it, in one group: a new
 * term or vote, a truncation, a reset, a CONFIG entry (core/raft/raft.h, struct de_raft_boot). So a
 * crash of the process takes away nothing but the log's end.
 *
 * The file DE_MEMFIRST_MARK stands in the directory from before the first early report until the
 * log has been closed with everything flushed. Whoever opens a log and finds it may have forgotten
 * what it reported: dengine_log_state.recovering is set, and nothing is reported early, until
 * whole() tells that the replica has caught up. The file has no content; that it is there is all it
 * says. It is looked for with early reports switched off as well, for the life before may have had
 * them.
 *
 * Room: what finds no room at a flush stays in memory and is tried again; from then on nothing is
 * reported early, so that writes meet the full disk themselves. */
#ifndef DE_STORAGE_MEMFIRST_MEMFIRST_H
#define DE_STORAGE_MEMFIRST_MEMFIRST_H

#include <dengine/file.h>
#include <dengine/log_store.h>

#include "core/base/allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_MEMFIRST_MARK "early-reports.mark"

struct de_memfirst_options {
    uint32_t flush_interval_ms; /* what was reported is durable so soon after */
    uint64_t flush_bytes;       /* and no more than this is not; 0: nothing is reported early */
    const struct de_allocator *allocator; /* copied; NULL: malloc */
};

/* Puts the wrapper around *store, whose files are in dir; dir must outlive it. With flush_bytes 0
 * and no mark there is nothing to do: *store stays as it is. On failure *store is closed and
 * message says in one sentence what was wrong. Errors: NO_MEMORY, IO, PERMISSION. */
int de_memfirst_open(struct dengine_dir dir, const struct de_memfirst_options *options,
                     struct dengine_log_store *store, char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
