/* storage/lmdb/lmdb_pool.h - the read transactions that views are made of.
 *
 * A fixed number of slots. Who has taken one has it alone, whether for a view or to change what
 * lies under the views. Taking costs one atomic exchange, giving back a plain store, and no two
 * slots share a cache line: threads that read write to nothing that another one looks at.
 *
 * A slot keeps its transaction when it is given back. So it keeps its place in LMDB's table of
 * readers, and is renewed without a lock. It also keeps the name of the file that this transaction
 * is of, which may be the current one no more: then the next view changes it, or the applier does
 * so before it closes that file. */
#ifndef DE_STORAGE_LMDB_LMDB_POOL_H
#define DE_STORAGE_LMDB_LMDB_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct MDB_txn;
struct de_lmdb_file;

/* Two lines of 64 bytes: processors fetch them in pairs. */
#define DE_LMDB_SLOT_BYTES 128

/* One slot; struct dengine_kv_view is one of these. taken and file are touched only with __atomic
 * operations; not _Atomic, because this header is read by C++ compilers too. */
struct de_lmdb_view {
    bool taken;
    struct de_lmdb_file *file; /* that txn is of; written by who has taken the slot */
    struct MDB_txn *txn;       /* touched only by who has taken the slot; NULL until first used */
    uint8_t unused[DE_LMDB_SLOT_BYTES - sizeof(bool) - (sizeof(void *) - sizeof(bool)) -
                   2 * sizeof(void *)];
};

struct de_lmdb_pool {
    struct de_lmdb_view *slots;
    uint32_t count;
    uint32_t turn; /* odd while the applier takes slots; only with __atomic operations */
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

/* Caller's memory. 0 or NO_MEMORY, which leaves a pool that deinit takes. */
int de_lmdb_pool_init(struct de_lmdb_pool *pool, uint32_t count);
/* No slot may be taken or have a transaction. */
void de_lmdb_pool_deinit(struct de_lmdb_pool *pool);

/* Any thread; waits only while the applier has what it wants. NULL: views have all of them. */
struct de_lmdb_view *de_lmdb_pool_take(struct de_lmdb_pool *pool);
void de_lmdb_pool_give(struct de_lmdb_view *view);

/* The rest is the applier's. */

/* Takes all slots, so that there is no view and none can be opened until de_lmdb_pool_open; waits
 * for that so long, and who wants to open a view waits meanwhile. false: there still is a view, and
 * nothing has been taken. */
bool de_lmdb_pool_close(struct de_lmdb_pool *pool, uint64_t patience_ns);
void de_lmdb_pool_open(struct de_lmdb_pool *pool);

/* Ends the transactions of file, which is not the current one, in all slots that are not taken.
 * Whether no slot has one any more. */
bool de_lmdb_pool_clear(struct de_lmdb_pool *pool, const struct de_lmdb_file *file);

#ifdef __cplusplus
}
#endif

#endif
