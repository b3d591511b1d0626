/* storage/lmdb/lmdb_internal.h - the open store, shared by the files that make it up. */
#ifndef DE_STORAGE_LMDB_LMDB_INTERNAL_H
#define DE_STORAGE_LMDB_LMDB_INTERNAL_H

#include <lmdb.h>

#include <dengine/file.h>

#include "storage/base/message.h"
#include "storage/lmdb/lmdb_kv.h"
#include "storage/lmdb/lmdb_mark.h"
#include "storage/lmdb/lmdb_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_LMDB_DATA_NAME     "data.mdb"
#define DE_LMDB_MAP_BYTES_MIN (UINT64_C(1) << 20)

/* One LMDB file. There is the current one, at times the one that is to take its place, and those
 * that were replaced while views were open on them. Its memory lives as long as the store, since a
 * reader may be about to enter a file that has just been replaced. */
struct de_lmdb_file {
    struct de_lmdb_file *next; /* in the store's list of all */
    MDB_env *env;              /* NULL: not open, free to be used again */
    MDB_dbi dbi;
    MDB_txn *txn; /* the open write transaction */
    uint32_t page_bytes;
    uint64_t map_bytes;
    uint64_t used_bytes;     /* pages in use when the open transaction began */
    uint64_t reserved_bytes; /* of the file: backed by disk blocks */
    uint64_t touched_bytes;  /* what the open transaction may have dirtied */
    uint64_t put_bytes;      /* pages that a put may dirty, without the value's own */
    uint64_t patient_bytes;  /* views were waited for in vain: not again before so much is used */
    bool map_was_full;
    bool filling; /* pages are written, not stored into the map: lmdb_replace.c */
    bool young;   /* made by this process: all that is in it is in memory already */
};

struct de_lmdb_kv {
    struct dengine_dir dir;
    char *path; /* of the directory */
    struct de_lmdb_mark mark;
    uint64_t map_bytes; /* of a new file */
    struct de_lmdb_pool pool;
    struct de_lmdb_file *current; /* written by the applier, with __atomic operations */
    struct de_lmdb_file *files;   /* all of them; only the applier's */
    struct de_lmdb_file *filling; /* of the open replacement */
    uint64_t filling_bytes;       /* that were put in its open transaction */
    size_t last_size;             /* of the replacement's last key; 0: there is none yet */
    uint8_t last[DENGINE_KV_KEY_MAX];
    char message[DE_MESSAGE_BYTES];
};

/* The DENGINE_E_* for what LMDB returned. */
int de_lmdb_error(int code);
/* The same; notes a sentence for message(). */
int de_lmdb_fail(struct de_lmdb_kv *kv, int code, const char *what);
/* Asserts what holds whenever the applier enters or leaves the open store. */
void de_lmdb_check(const struct de_lmdb_kv *kv);

/* lmdb_map.c */

/* Before a transaction that will write about so many bytes: enlarges the map when it is due and
 * reserves disk space. */
int de_lmdb_map_prepare(struct de_lmdb_kv *kv, struct de_lmdb_file *file, uint64_t bytes);
/* Before a change of so many bytes inside the transaction: reserves disk space, save in a file that
 * is being filled, where a write fails when there is none. */
int de_lmdb_map_reserve(struct de_lmdb_kv *kv, struct de_lmdb_file *file, uint64_t value_bytes);

/* lmdb_view.c */
int de_lmdb_view_open(void *store, struct dengine_kv_view **view);
int de_lmdb_view_get(void *store, struct dengine_kv_view *view, struct dengine_slice key,
                     struct dengine_slice *value);
void de_lmdb_view_close(void *store, struct dengine_kv_view *view);

/* lmdb_cursor.c */
int de_lmdb_cursor_open(void *store, struct dengine_kv_view *view,
                        struct dengine_kv_cursor **cursor);
int de_lmdb_cursor_seek(void *store, struct dengine_kv_cursor *cursor, struct dengine_slice key,
                        struct dengine_kv_pair *pair);
int de_lmdb_cursor_seek_before(void *store, struct dengine_kv_cursor *cursor,
                               struct dengine_slice key, struct dengine_kv_pair *pair);
int de_lmdb_cursor_next(void *store, struct dengine_kv_cursor *cursor,
                        struct dengine_kv_pair *pair);
int de_lmdb_cursor_previous(void *store, struct dengine_kv_cursor *cursor,
                            struct dengine_kv_pair *pair);
int de_lmdb_cursor_read(void *store, struct dengine_kv_cursor *cursor, bool reverse,
                        struct dengine_kv_pair *pairs, size_t room, size_t *count);
void de_lmdb_cursor_close(void *store, struct dengine_kv_cursor *cursor);

/* lmdb_file.c */

/* Makes a file that is not open, or takes one of the list; NULL: no memory. */
struct de_lmdb_file *de_lmdb_file_new(struct de_lmdb_kv *kv);
/* Opens name in the store's directory, made when missing; an LMDB code. */
int de_lmdb_file_open(struct de_lmdb_kv *kv, struct de_lmdb_file *file, const char *name);
/* The same for a new file that is to be filled by writing its pages. */
int de_lmdb_file_open_to_fill(struct de_lmdb_kv *kv, struct de_lmdb_file *file, const char *name);
/* Opens the filled file again, as open does. An LMDB code; on failure it is not open. */
int de_lmdb_file_filled(struct de_lmdb_kv *kv, struct de_lmdb_file *file, const char *name);
/* Closes; it is not the current one, or becomes it no more, and no view may be open on it. */
void de_lmdb_file_close(struct de_lmdb_kv *kv, struct de_lmdb_file *file);
/* Closes what was replaced and has lost its last view. */
void de_lmdb_file_reap(struct de_lmdb_kv *kv);
/* Frees all files of the list; none may be open. */
void de_lmdb_file_free_all(struct de_lmdb_kv *kv);

/* lmdb_replace.c */
int de_lmdb_replace_begin(void *store);
int de_lmdb_replace_put(void *store, struct dengine_slice key, struct dengine_slice value);
int de_lmdb_replace_commit(void *store);
void de_lmdb_replace_abort(void *store);
/* Removes what a replacement that was broken off has left. */
int de_lmdb_replace_clean(struct dengine_dir dir);

/* lmdb_open.c */
void de_lmdb_close(void *store);

extern const struct dengine_kv_store_ops de_lmdb_kv_ops;

#ifdef __cplusplus
}
#endif

#endif
