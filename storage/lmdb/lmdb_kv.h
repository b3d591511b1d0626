/* storage/lmdb/lmdb_kv.h - a key-value store over LMDB.
 *
 * Opened MDB_WRITEMAP | MDB_NOSYNC | MDB_NOTLS: a commit is visible at once and survives a crash of
 * the process, but nothing is synced, so a crash of the operating system may tear it. The contents
 * are a view that can be rebuilt from snapshot and log; therefore a store that was not closed
 * cleanly is kept only while the machine has not been booted since, and discarded otherwise
 * (lmdb_mark.h).
 *
 * Views take no lock: a pool of read transactions is handed out through atomics. The map is large
 * and sparse from the start; when half of it is used it is doubled at the next transaction that
 * finds no view open, and at seven eighths the transaction waits until all views are closed; new
 * ones then wait for it. So a thread that holds a view must neither open another nor begin a
 * transaction.
 *
 * Disk space is reserved ahead of the pages that a transaction may touch, so that a full disk is
 * NO_SPACE from begin or put and never a signal from the memory map. */
#ifndef DE_STORAGE_LMDB_LMDB_KV_H
#define DE_STORAGE_LMDB_LMDB_KV_H

#include <stdbool.h>

#include <dengine/kv_store.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_lmdb_options {
    uint64_t map_bytes;       /* address space at first; 0: 64 GiB */
    uint32_t views_max;       /* open at one time; 0: 256; more are BUSY */
    const char *boot_id_path; /* NULL: /proc/sys/kernel/random/boot_id */
    const char *discard;      /* NULL, or why contents that are there are to be discarded: what
                                 follows "because" */
};

/* What open found. */
enum de_lmdb_found {
    DE_LMDB_KEPT,      /* the contents of the last commit */
    DE_LMDB_NEW,       /* nothing; the store is empty */
    DE_LMDB_DISCARDED, /* contents that could not be trusted: the store is empty, rebuild it from
                          the newest snapshot and the log; message says why */
};

/* Opens the store in the directory at path, whose last component is made when missing. The caller
 * holds the lock that keeps other processes out. options may be NULL.
 *
 * Errors with one sentence in message: NOT_FOUND, INVALID, PERMISSION, READ_ONLY, NO_SPACE,
 * NO_MEMORY, IO, VERSION. */
int de_lmdb_kv_open(const char *path, const struct de_lmdb_options *options,
                    struct dengine_kv_store *store, enum de_lmdb_found *found, char *message,
                    size_t message_size);

/* Bytes of the map now, and how much of it pages take. */
void de_lmdb_kv_usage(struct dengine_kv_store store, uint64_t *map_bytes, uint64_t *used_bytes);

#ifdef __cplusplus
}
#endif

#endif
