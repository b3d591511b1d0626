#include "storage/lmdb/lmdb_internal.h"

#include "core/base/assert.h"

static struct de_lmdb_view *view_of(struct dengine_kv_view *view)
{
    DE_ASSERT(view != NULL);
    return (struct de_lmdb_view *)(void *)view;
}

/* Makes slot, which is ours, one of the current file. Its name goes into the slot before it is
 * looked at once more: then the file is not closed before this view is, for the applier closes no
 * file whose name is in a slot (de_lmdb_file_reap). */
static const struct de_lmdb_file *enter(struct de_lmdb_kv *kv, struct de_lmdb_view *slot)
{
    for (;;) {
        struct de_lmdb_file *file = __atomic_load_n(&kv->current, __ATOMIC_SEQ_CST);

        DE_ASSERT(file != NULL);
        if (__atomic_load_n(&slot->file, __ATOMIC_RELAXED) == file) {
            DE_ASSERT(file->env != NULL);
            return file;
        }
        if (slot->txn != NULL) {
            mdb_txn_abort(slot->txn);
            slot->txn = NULL;
        }
        __atomic_store_n(&slot->file, file, __ATOMIC_SEQ_CST);
    }
}

int de_lmdb_view_open(void *store, struct dengine_kv_view **view)
{
    struct de_lmdb_kv *kv = store;
    struct de_lmdb_view *slot = de_lmdb_pool_take(&kv->pool);
    const struct de_lmdb_file *file;
    int code;

    DE_ASSERT(view != NULL);
    if (slot == NULL) {
        return DENGINE_E_BUSY;
    }
    file = enter(kv, slot);
    code = slot->txn != NULL ? mdb_txn_renew(slot->txn)
                             : mdb_txn_begin(file->env, NULL, MDB_RDONLY, &slot->txn);
    if (code != 0) {
        de_lmdb_pool_give(slot);
        return de_lmdb_error(code);
    }
    DE_ASSERT(slot->txn != NULL);
    *view = (struct dengine_kv_view *)(void *)slot;
    return 0;
}

int de_lmdb_view_get(void *store, struct dengine_kv_view *view, struct dengine_slice key,
                     struct dengine_slice *value)
{
    const struct de_lmdb_view *mine = view_of(view);
    MDB_val mdb_key = {key.size, (void *)(uintptr_t)key.data};
    MDB_val data;
    int code;

    DE_ASSERT(store != NULL && key.data != NULL && value != NULL);
    DE_ASSERT(key.size > 0 && key.size <= DENGINE_KV_KEY_MAX);
    DE_ASSERT(__atomic_load_n(&mine->taken, __ATOMIC_RELAXED));
    code = mdb_get(mine->txn, mine->file->dbi, &mdb_key, &data);
    if (code != 0) {
        return de_lmdb_error(code);
    }
    /* Its line is rarely the one of the key, which has just been compared. */
    __builtin_prefetch(data.mv_data);
    *value = dengine_bytes(data.mv_data, data.mv_size);
    return 0;
}

void de_lmdb_view_close(void *store, struct dengine_kv_view *view)
{
    const struct de_lmdb_kv *kv = store;
    struct de_lmdb_view *mine = view_of(view);

    DE_ASSERT(mine >= kv->pool.slots && mine < kv->pool.slots + kv->pool.count);
    DE_ASSERT(mine->txn != NULL);
    mdb_txn_reset(mine->txn);
    de_lmdb_pool_give(mine);
}
