/* storage/wal/wal.h - the write-ahead log: a log store over segment files.
 *
 * The log is a chain of files `wal-<sequence>.seg`, preallocated and filled with zeros. Each call
 * of write() appends one group: one write of one buffer list, one sync, whatever the number of
 * dengine_log_writes in it. A group is atomic: after a crash recovery keeps it whole or cuts it
 * whole. wal_format.h has the layout and wal_recover.h says how a torn end is told from damage.
 *
 * All other work is left to tidy(), which is called when a write has been acknowledged: segments
 * that compaction no longer needs become spares, and the next segment is prepared a slice at a time
 * while the second half of the current one fills. So write() costs one write and one sync, across
 * rotations and compactions too, unless it is called so often without tidy() that no spare is
 * ready.
 *
 * Room: write() answers NO_SPACE, writes nothing and stays usable when the group fits neither into
 * the current segment nor into one that can be made; the caller may try again later. The half
 * segment that is left when the next one cannot be made ahead is the reserve: room() says LOW then,
 * and NONE when half of that is gone. Every other failure of a write, sync, rename or removal is
 * final.
 *
 * Threads: as log_store.h says, one. */
#ifndef DE_STORAGE_WAL_WAL_H
#define DE_STORAGE_WAL_WAL_H

#include <stdbool.h>

#include <dengine/file.h>
#include <dengine/log_store.h>

#include "core/base/allocator.h"
#include "core/base/site.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_WAL_SEGMENT_BYTES_DEFAULT (64u << 20)
#define DE_WAL_SEGMENT_BYTES_MIN     8192u
#define DE_WAL_SEGMENT_BYTES_MAX     (1u << 30)
#define DE_WAL_SPARES_DEFAULT        2u

struct de_wal_options {
    uint64_t node_id;       /* stored in each segment; a log of another node is refused */
    uint64_t cluster_id;    /* the same */
    uint32_t segment_bytes; /* size of a new segment; 0: the default; a multiple of 4096 */
    uint32_t spares_max;    /* emptied segments kept for reuse; 0: none */
    bool must_exist;        /* no segment at all is CORRUPT instead of a new log */
    const struct de_allocator *allocator; /* copied; NULL: malloc */
    struct de_sites *sites; /* see core/base/site.h; NULL but in a simulator; borrowed */
};

/* The defaults, for the given node. */
void de_wal_options_init(struct de_wal_options *options, uint64_t node_id, uint64_t cluster_id);

/* Opens the log in dir, or makes a new one. Other files in dir are left alone. What it reports is
 * durable when it returns. dir must outlive the store.
 *
 * Errors, with one sentence in message that says what was wrong and what to do: CORRUPT (file and
 * byte offset are named), VERSION, FOREIGN (another node or cluster), INVALID (options), NO_SPACE,
 * NO_MEMORY, IO, PERMISSION, READ_ONLY. Nothing is changed on disk when the log is refused. */
int de_wal_open(struct dengine_dir dir, const struct de_wal_options *options,
                struct dengine_log_store *store, char *message, size_t message_size);

/* Figures of an open log. */
struct de_wal_usage {
    uint64_t segments;      /* in use, the current one included */
    uint64_t spares;        /* ready for reuse */
    uint64_t segment_bytes; /* of all these together */
    uint64_t bytes_left;    /* in the current segment */
    bool low_on_space;      /* the next segment could not be made */
};

void de_wal_usage(struct dengine_log_store store, struct de_wal_usage *usage);

#ifdef __cplusplus
}
#endif

#endif
