/* storage/lmdb/lmdb_log.h - a log store in LMDB, for who wants one file format for log and state.
 *
 * Each call of write is one transaction, durable when it returns: LMDB syncs the pages, then the
 * page that makes them count, so a write costs two flushes where the write-ahead log has one.
 * lmdb_log_record.c has the layout. The map grows by itself.
 *
 * Threads: as log_store.h says, one. */
#ifndef DE_STORAGE_LMDB_LMDB_LOG_H
#define DE_STORAGE_LMDB_LMDB_LOG_H

#include <dengine/log_store.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_lmdb_log_options {
    uint64_t node_id;    /* stored; the log of another node is refused */
    uint64_t cluster_id; /* the same */
    uint64_t map_bytes;  /* address space at first; 0: 1 GiB */
};

/* Opens the log in the directory at path, whose last component is made when missing. The caller
 * holds the lock that keeps other processes out.
 *
 * Errors with one sentence in message: CORRUPT, VERSION, FOREIGN, NOT_FOUND, INVALID, PERMISSION,
 * READ_ONLY, NO_SPACE, NO_MEMORY, IO. */
int de_lmdb_log_open(const char *path, const struct de_lmdb_log_options *options,
                     struct dengine_log_store *store, char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
