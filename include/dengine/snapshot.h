/* dengine/snapshot.h - backups: the state of a cluster in one file, and a new cluster from it.
 *
 * A snapshot file holds the state as of one log index, with checksums over each block and over all.
 * It is taken while the cluster works, from what the node that is asked has applied: the leader's
 * has all that was acknowledged before, a follower's may be a little behind.
 *
 * When a call fails, dengine_open_message() has one sentence for the calling thread that says what
 * was wrong; of a damaged file, at which byte. All calls may be made from any thread. */
#ifndef DENGINE_SNAPSHOT_H
#define DENGINE_SNAPSHOT_H

#include <dengine/dengine.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dengine_snapshot_info {
    uint64_t cluster_id; /* where it was taken */
    uint64_t index;      /* the last log entry that it covers */
    uint64_t term;       /* of that entry */
    uint64_t file_bytes;
    uint64_t state_bytes; /* of the state alone */
};

/* Takes a snapshot of all that this engine has applied when it is called, and keeps it in the data
 * directory. *index, when index is not NULL, says what it covers. TIMEOUT (it may still be taken),
 * NOT_FOUND (there is no state yet), NO_SPACE, IO, SHUTDOWN, HALTED. */
DENGINE_EXPORT int dengine_snapshot_take(struct dengine *engine, uint32_t timeout_ms,
                                         uint64_t *index);
/* The reply has the index as its revision. */
DENGINE_EXPORT int dengine_snapshot_take_async(struct dengine *engine, uint32_t timeout_ms,
                                               dengine_callback *callback, void *context);

/* The same, and copies it to the file path, which is there whole and durable or not at all; an
 * older file of that name is replaced. info may be NULL. */
DENGINE_EXPORT int dengine_snapshot_save(struct dengine *engine, const char *path,
                                         uint32_t timeout_ms, struct dengine_snapshot_info *info);

/* Reads all of the file and checks it. NOT_FOUND, CORRUPT, VERSION, IO, PERMISSION. info may be
 * NULL. */
DENGINE_EXPORT int dengine_snapshot_check(const char *path, struct dengine_snapshot_info *info);

/* Makes the data directory of a member of a new cluster, as config describes it, with the state of
 * the file in it. The new cluster has its own id and the members that config names; whatever the
 * old one still sends, it refuses. To restore a cluster of several, do this once for each member,
 * with the same file. Then open it with the same configuration.
 *
 * CONFIG when the new cluster would have the id of the old one, because its name and its members
 * are the same: cluster.name has to be another. FOREIGN when the directory holds the data of a node
 * already; errors of dengine_snapshot_check and
 * of dengine_open. */
DENGINE_EXPORT int dengine_snapshot_restore(const char *path, const struct dengine_config *config);

#ifdef __cplusplus
}
#endif

#endif
