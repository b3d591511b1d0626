/* storage/posix/data_dir.h - a directory that belongs to one node, and to one process at a time.
 *
 * A data directory holds `dengine.id` (whose it is; layout at the top of data_dir.c), `LOCK` (who
 * has it open) and what the caller puts in. Nothing is touched in a directory that is not ours:
 * one that is not empty and has no identity is refused before anything is created in it. */
#ifndef DE_STORAGE_POSIX_DATA_DIR_H
#define DE_STORAGE_POSIX_DATA_DIR_H

#include <stdbool.h>

#include <dengine/file.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_identity {
    uint64_t node_id;
    uint64_t cluster_id;
};

struct de_data_dir {
    struct dengine_dir dir;      /* the directory; closed by de_data_dir_close */
    struct de_identity identity; /* as stored */
    bool created;                /* this open made the identity */
    int lock_fd;
};

/* Opens path as the data directory of `expected` and locks it. The last component of the path and
 * the identity are created when missing. An existing identity must equal `expected`; a member of
 * `expected` that is 0 is not compared (when created, it is stored as 0).
 *
 * 0: *data_dir is filled in and must be closed. Otherwise nothing is held and message says in one
 * sentence what was wrong and what to do: LOCKED (another process, named when known), FOREIGN (no
 * identity in a directory that is not empty, or another node's or cluster's), CORRUPT (the identity
 * is damaged), VERSION, NOT_FOUND, INVALID (not a directory), PERMISSION, READ_ONLY, NO_SPACE, IO,
 * NO_MEMORY. */
int de_data_dir_open(const char *path, const struct de_identity *expected,
                     struct de_data_dir *data_dir, char *message, size_t message_size);

/* Stores another identity, atomically and durably; for a node that learns its cluster later.
 * Errors as for writing a file; the old identity then still holds, or on IO one of the two. */
int de_data_dir_set_identity(struct de_data_dir *data_dir, const struct de_identity *identity);

/* For who only reads: holds off everybody who would open the data directory at path, until *lock_fd
 * is closed. *lock_fd -1: nothing was ever opened there, or it is no data directory. LOCKED: it is
 * in use, message says by whom; PERMISSION and so on. */
int de_data_dir_hold(const char *path, int *lock_fd, char *message, size_t message_size);

/* Unlocks and closes. Never fails. */
void de_data_dir_close(struct de_data_dir *data_dir);

#ifdef __cplusplus
}
#endif

#endif
