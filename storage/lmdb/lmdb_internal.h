/* storage/lmdb/lmdb_internal.h - the open store, shared by the files that make it up. */
#ifndef DE_STORAGE_LMDB_LMDB_INTERNAL_H
#define DE_STORAGE_LMDB_LMDB_INTERNAL_H

#include <lmdb.h>

#include <dengine/file.h>

#include "storage/base/message.h"
#include "storage/lmdb/lmdb_gate.h"
#include "storage/lmdb/lmdb_kv.h"
#include "storage/lmdb/lmdb_mark.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A slot of the pool of read transactions; struct dengine_kv_view is one of these. */
struct de_lmdb_view {
    bool taken;   /* only with __atomic operations */
    MDB_txn *txn; /* touched only by who has taken the slot; NULL until first used */
};

struct de_lmdb_kv {
    struct dengine_dir dir;
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *txn; /* the open transaction */
    struct de_lmdb_mark mark;
    uint32_t page_bytes;
    uint64_t map_bytes;
    uint64_t used_bytes;     /* pages in use when the open transaction began */
    uint64_t reserved_bytes; /* of data.mdb: backed by disk blocks */
    uint64_t touched_bytes;  /* what the open transaction may have dirtied */
    uint64_t put_bytes;      /* pages that a put may dirty, without the value's own */
    bool map_was_full;
    struct de_lmdb_gate gate;
    struct de_lmdb_view *views;
    uint32_t views_max;
    char message[DE_MESSAGE_BYTES];
};

/* The DENGINE_E_* for what LMDB returned. */
int de_lmdb_error(int code);
/* The same; notes a sentence for message(). */
int de_lmdb_fail(struct de_lmdb_kv *kv, int code, const char *what);
/* Asserts what holds whenever the applier enters or leaves the open store. */
void de_lmdb_check(const struct de_lmdb_kv *kv);

/* lmdb_map.c */

/* Before a transaction: enlarges the map when it is due and reserves disk space. */
int de_lmdb_map_prepare(struct de_lmdb_kv *kv);
/* Before a change of so many bytes inside the transaction: reserves disk space. */
int de_lmdb_map_reserve(struct de_lmdb_kv *kv, uint64_t value_bytes);

/* lmdb_view.c */
int de_lmdb_view_open(void *store, struct dengine_kv_view **view);
int de_lmdb_view_get(void *store, struct dengine_kv_view *view, struct dengine_slice key,
                     struct dengine_slice *value);
int de_lmdb_view_iterate(void *store, struct dengine_kv_view *view, struct dengine_slice from,
                         int (*visit)(void *context, struct dengine_slice key,
                                      struct dengine_slice value),
                         void *context);
void de_lmdb_view_close(void *store, struct dengine_kv_view *view);
int de_lmdb_walk(MDB_txn *txn, MDB_dbi dbi, struct dengine_slice from,
                 int (*visit)(void *context, struct dengine_slice key, struct dengine_slice value),
                 void *context, int *code);

/* lmdb_open.c */
void de_lmdb_close(void *store);

extern const struct dengine_kv_store_ops de_lmdb_kv_ops;

#ifdef __cplusplus
}
#endif

#endif
