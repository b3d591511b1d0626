/* engine/stores.h - the stores of one data directory and the state machine in them:
 *
 *   DIR/dengine.id, DIR/LOCK   whose it is, and who has it open (storage/posix/data_dir.h)
 *   DIR/wal/                   the log in segment files (storage/wal), or instead
 *   DIR/log/                   the log in LMDB (storage/lmdb)
 *   DIR/snapshots/             snapshots of the state (storage/snapshot)
 *   DIR/state/                 the key-value state (storage/lmdb), which can be made again from the
 *                              newest snapshot and the log
 *
 * Threads: open and close from one thread, while nothing else uses the stores. */
#ifndef DE_ENGINE_STORES_H
#define DE_ENGINE_STORES_H

#include <dengine/kv_store.h>
#include <dengine/log_store.h>
#include <dengine/snapshot_store.h>

#include "core/kv/kv.h"
#include "engine/plan.h"
#include "storage/posix/data_dir.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_STORES_NOTE_BYTES 512

struct de_stores {
    struct de_data_dir data_dir;
    bool data_dir_open;
    struct dengine_dir log_dir; /* object NULL: not open; likewise below */
    struct dengine_log_store log;
    struct dengine_snapshot_store snapshots;
    struct dengine_kv_store kv_store;
    struct de_kv *kv;
    char note[DE_STORES_NOTE_BYTES]; /* what opening found and mended by itself; "": nothing */
};

/* Opens what plan names. A node id that was not given, and the cluster id of a cluster of one, are
 * those of the directory, or made up for a new one; data_dir.identity has them. On failure nothing
 * is open, and message says in one sentence what was wrong and what to do. Errors as dengine_open.
 */
int de_stores_open(const struct de_plan *plan, struct de_stores *stores, char *message,
                   size_t message_size);

/* Whether the directory knows which cluster it is of: that of a node that joins does not at first.
 * It is made if it is missing. */
int de_stores_identified(const struct de_plan *plan, bool *known, char *message,
                         size_t message_size);

/* Opens the directory and the snapshots only, for a node that has never been started: FOREIGN when
 * there is anything of one. */
int de_stores_open_new(const struct de_plan *plan, struct de_stores *stores, char *message,
                       size_t message_size);

/* A snapshot store in DIR/snapshots.import, emptied before; and its removal, once it is closed. */
int de_stores_open_import(const struct de_plan *plan, struct dengine_snapshot_store *import,
                          char *message, size_t message_size);
void de_stores_remove_import(const struct de_plan *plan);

/* Closes what is open. */
void de_stores_close(struct de_stores *stores);

#ifdef __cplusplus
}
#endif

#endif
