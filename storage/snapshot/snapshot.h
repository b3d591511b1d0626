/* storage/snapshot/snapshot.h - snapshots as files in a directory.
 *
 * snapshot_format.h has the layout. A snapshot is written, or received, under a temporary name,
 * synced, and then takes its own name; only then does it count. So a crash at any point leaves the
 * snapshots that were finished, and at most a temporary file, which is removed when the store is
 * opened. The newest two are kept; an older one is removed when a newer one is finished and nobody
 * reads it.
 *
 * While it grows a file is synced every few megabytes, so that the write-ahead log beside it never
 * waits for the disk to take all of it at once.
 *
 * Failures: what cannot be written (NO_SPACE, IO and so on) ends this writer or receiver and its
 * temporary file is removed; the snapshots that are there are not touched, and the next attempt
 * starts afresh. Damage in a finished snapshot is CORRUPT with the file and the place in message().
 *
 * Threads: as dengine/snapshot_store.h says; the directory object is the store's alone, and reading
 * files through it must be allowed in any thread (dengine/file.h). */
#ifndef DE_STORAGE_SNAPSHOT_SNAPSHOT_H
#define DE_STORAGE_SNAPSHOT_SNAPSHOT_H

#include <dengine/file.h>
#include <dengine/snapshot_store.h>

#include "core/base/allocator.h"
#include "core/base/site.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_SNAPSHOTS_KEPT 2u

struct de_snapshot_options {
    const struct de_allocator *allocator; /* copied; NULL: malloc. Called in every thread that
                                             opens or closes a reader */
    /* Called at the end of close, when the store is to own its directory; else NULL. */
    void (*close_dir)(struct dengine_dir dir);
    struct de_sites *sites; /* see core/base/site.h; NULL but in a simulator; borrowed */
};

/* Opens the store in dir. Other files in dir are left alone. options may be NULL: then dir stays
 * the caller's and must outlive the store.
 *
 * Errors, with one sentence in message: NO_MEMORY, IO, PERMISSION, READ_ONLY. dir is then still the
 * caller's. */
int de_snapshot_store_open(struct dengine_dir dir, const struct de_snapshot_options *options,
                           struct dengine_snapshot_store *store, char *message,
                           size_t message_size);

/* What is in one snapshot file. */
struct de_snapshot_summary {
    uint64_t cluster_id;
    uint64_t index;
    uint64_t term;
    uint64_t image_bytes;
    uint64_t stream_bytes;
    uint64_t blocks;
    uint32_t block_bytes;
    uint32_t configuration_bytes;
};

/* Reads the whole file name of dir and checks every byte of it, in bounded memory. CORRUPT with the
 * place of the damage in message; NOT_FOUND, VERSION, IO, NO_MEMORY. A store may be open on dir. */
int de_snapshot_check(struct dengine_dir dir, const char *name, struct de_snapshot_summary *summary,
                      char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
