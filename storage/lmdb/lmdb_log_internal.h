/* storage/lmdb/lmdb_log_internal.h - the open log in LMDB, shared by the files that make it up. */
#ifndef DE_STORAGE_LMDB_LMDB_LOG_INTERNAL_H
#define DE_STORAGE_LMDB_LMDB_LOG_INTERNAL_H

#include <lmdb.h>

#include "storage/base/log_check.h"
#include "storage/base/message.h"
#include "storage/lmdb/lmdb_log.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_LMDB_LOG_NAME      "log.mdb"
#define DE_LMDB_LOG_KEY_BYTES 8u

struct de_lmdb_log {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *txn; /* of the call under way */
    uint64_t node_id;
    uint64_t cluster_id;
    struct dengine_log_state state;
    struct dengine_log_state next; /* what the transaction under way leads to */
    uint64_t map_bytes;
    uint64_t reserved_bytes;
    bool garbage; /* there may be keys below the first index */
    int error;    /* of what broke the store; 0: it is sound */
    char message[DE_MESSAGE_BYTES];
};

/* Asserts what holds whenever the open log is entered or left. */
void de_lmdb_log_check(const struct de_lmdb_log *log);

/* lmdb_log_record.c */

/* The key of an index, in the caller's bytes; and back. */
MDB_val de_lmdb_log_key(uint64_t index, uint8_t bytes[DE_LMDB_LOG_KEY_BYTES]);
uint64_t de_lmdb_log_index(const MDB_val *key);

/* Puts the head that says log->next; an LMDB code. */
int de_lmdb_log_put_head(struct de_lmdb_log *log);
/* Takes a head over into log->state; a DENGINE_E_*. */
int de_lmdb_log_take_head(struct de_lmdb_log *log, const MDB_val *value);

/* Puts an entry behind all others; an LMDB code. */
int de_lmdb_log_put_entry(struct de_lmdb_log *log, uint64_t index,
                          const struct dengine_entry *entry);
/* Reads an entry, which borrows from value; false: it is damaged. */
bool de_lmdb_log_decode(const MDB_val *key, const MDB_val *value, struct dengine_entry *entry);

/* lmdb_log_transact.c */

/* What a call does inside its transaction, from log->next = log->state on; run gives an LMDB
 * code. */
struct de_lmdb_change {
    int (*run)(struct de_lmdb_log *log, const struct de_lmdb_change *change);
    const struct dengine_log_write *writes;
    size_t count;
    uint64_t index;
    uint64_t term;
    const struct dengine_hard_state *hard_state;
    uint64_t bytes; /* of new data */
};

/* Carries a change out and makes it durable; 0 or a DENGINE_E_*: NO_SPACE changes nothing, all
 * others break the log. */
int de_lmdb_log_transact(struct de_lmdb_log *log, const struct de_lmdb_change *change,
                         const char *what);
/* Notes why nothing was written; returns error. */
int de_lmdb_log_refuse(struct de_lmdb_log *log, int error, const char *what);
/* Marks the log as broken for good by an LMDB code; the DENGINE_E_* for it. */
int de_lmdb_log_break(struct de_lmdb_log *log, int code, const char *what);

/* lmdb_log_read.c: dengine_log_store_ops.read */
int de_lmdb_log_read(void *store, uint64_t first, uint64_t last,
                     int (*visit)(void *context, uint64_t index, const struct dengine_entry *entry),
                     void *context);

extern const struct dengine_log_store_ops de_lmdb_log_ops;

#ifdef __cplusplus
}
#endif

#endif
