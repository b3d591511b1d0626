/* dengine/file.h - the file system as the stores see it.
 *
 * The write-ahead log and the snapshots do all their input and output through this table, so that
 * the simulator can put a faulty disk under the same code that runs in production.
 *
 * Names are relative to the directory that the object stands for and contain no slash. All calls
 * return 0 (or a count, where said) or a negative DENGINE_E_*: NOT_FOUND (no such file), NO_SPACE,
 * PERMISSION, READ_ONLY, IO, INVALID. A failed write or sync is final: the caller never retries it
 * (pages may have been dropped and marked clean, see "Can Applications Recover from fsync
 * Failures?", USENIX ATC 2020).
 *
 * Threads: one directory object and its files are used by one thread at a time; beside it any
 * thread may open, read, size and close files of its own with DENGINE_FILE_READ. */
#ifndef DENGINE_FILE_H
#define DENGINE_FILE_H

#include <stdbool.h>

#include <dengine/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An open file of an implementation. */
struct dengine_file;

enum dengine_file_mode {
    DENGINE_FILE_READ,   /* must exist; read only */
    DENGINE_FILE_WRITE,  /* must exist; read and write */
    DENGINE_FILE_CREATE, /* must not exist; read and write; sync_dir makes the name durable */
};

struct dengine_dir_ops {
    int (*open)(void *dir, const char *name, enum dengine_file_mode mode,
                struct dengine_file **file);
    /* Never fails; what was not synced may be lost later. */
    void (*close)(void *dir, struct dengine_file *file);
    /* Reads exactly size bytes at offset; a short file gives DENGINE_E_IO. */
    int (*read)(void *dir, struct dengine_file *file, uint64_t offset, void *data, size_t size);
    /* Writes all count buffers, one after the other, starting at offset; extends the file. */
    int (*write)(void *dir, struct dengine_file *file, uint64_t offset,
                 const struct dengine_slice *buffers, size_t count);
    /* Makes the file's data and size durable (fdatasync). */
    int (*sync)(void *dir, struct dengine_file *file);
    /* May be NULL. A hint that a sync will follow: begins to write what has not been written yet,
     * and does not wait for it. What fails on the way, sync reports. */
    void (*begin_sync)(void *dir, struct dengine_file *file);
    int (*size)(void *dir, struct dengine_file *file, uint64_t *size_bytes);
    /* Cuts or extends (with zeros). */
    int (*truncate)(void *dir, struct dengine_file *file, uint64_t size_bytes);
    /* Reserves and zero-fills [0, size): later writes inside need no metadata update. */
    int (*allocate)(void *dir, struct dengine_file *file, uint64_t size_bytes);
    /* Replaces `to` when it exists; atomic; durable after sync_dir. */
    int (*rename)(void *dir, const char *from, const char *to);
    int (*remove)(void *dir, const char *name);
    /* Makes creations, renames and removals durable. */
    int (*sync_dir)(void *dir);
    /* Calls visit with each name, in ascending byte order; a non-zero return stops and is
     * returned. */
    int (*list)(void *dir, int (*visit)(void *context, const char *name), void *context);
};

/* A directory: an implementation and its object. Passed by value. */
struct dengine_dir {
    const struct dengine_dir_ops *ops;
    void *object;
};

#ifdef __cplusplus
}
#endif

#endif
