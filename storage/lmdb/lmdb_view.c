#include "storage/lmdb/lmdb_internal.h"

#include "core/base/assert.h"

static struct de_lmdb_view *view_of(struct dengine_kv_view *view)
{
    DE_ASSERT(view != NULL);
    return (struct de_lmdb_view *)(void *)view;
}

static bool take(struct de_lmdb_view *view)
{
    bool expected = false;

    return !__atomic_load_n(&view->taken, __ATOMIC_RELAXED) &&
           __atomic_compare_exchange_n(&view->taken, &expected, true, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

/* Threads start their search at places of their own, told apart by their stacks, so that they
 * rarely meet. */
static struct de_lmdb_view *find_free(const struct de_lmdb_kv *kv, struct de_lmdb_file *file)
{
    int here = 0;
    uint32_t start = (uint32_t)(((uintptr_t)(void *)&here >> 16) * 2654435761u >> 7);

    DE_ASSERT(kv->views_max > 0);
    for (uint32_t i = 0; i < kv->views_max; i++) {
        struct de_lmdb_view *view = &file->views[(start + i) % kv->views_max];

        if (take(view)) {
            DE_ASSERT(view >= file->views && view < file->views + kv->views_max);
            return view;
        }
    }
    return NULL;
}

/* The current file, entered. Between looking which one it is and entering it, it may have been
 * replaced; its memory is still there, but perhaps nothing in it. */
static struct de_lmdb_file *enter(struct de_lmdb_kv *kv)
{
    for (;;) {
        struct de_lmdb_file *file = __atomic_load_n(&kv->current, __ATOMIC_SEQ_CST);

        DE_ASSERT(file != NULL);
        de_lmdb_gate_enter(&file->gate);
        if (__atomic_load_n(&kv->current, __ATOMIC_SEQ_CST) == file) {
            DE_ASSERT(file->env != NULL);
            return file;
        }
        de_lmdb_gate_leave(&file->gate);
    }
}

int de_lmdb_view_open(void *store, struct dengine_kv_view **view)
{
    struct de_lmdb_kv *kv = store;
    struct de_lmdb_file *file = enter(kv);
    struct de_lmdb_view *found = find_free(kv, file);
    int code;

    DE_ASSERT(view != NULL);
    if (found == NULL) {
        de_lmdb_gate_leave(&file->gate);
        return DENGINE_E_BUSY;
    }
    DE_ASSERT(__atomic_load_n(&found->taken, __ATOMIC_SEQ_CST));
    if (found->txn == NULL) {
        code = mdb_txn_begin(file->env, NULL, MDB_RDONLY, &found->txn);
    } else {
        code = mdb_txn_renew(found->txn);
    }
    if (code != 0) {
        __atomic_store_n(&found->taken, false, __ATOMIC_SEQ_CST);
        de_lmdb_gate_leave(&file->gate);
        return de_lmdb_error(code);
    }
    DE_ASSERT(found->txn != NULL && found->file == file);
    *view = (struct dengine_kv_view *)(void *)found;
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
    DE_ASSERT(__atomic_load_n(&mine->taken, __ATOMIC_SEQ_CST));
    code = mdb_get(mine->txn, mine->file->dbi, &mdb_key, &data);
    if (code != 0) {
        return de_lmdb_error(code);
    }
    *value = dengine_bytes(data.mv_data, data.mv_size);
    return 0;
}

void de_lmdb_view_close(void *store, struct dengine_kv_view *view)
{
    const struct de_lmdb_kv *kv = store;
    struct de_lmdb_view *mine = view_of(view);
    struct de_lmdb_file *file = mine->file;

    DE_ASSERT(mine >= file->views && mine < file->views + kv->views_max);
    DE_ASSERT(__atomic_load_n(&mine->taken, __ATOMIC_SEQ_CST));
    DE_ASSERT(mine->txn != NULL);
    /* The transaction keeps its slot in LMDB's reader table; renewing it needs no lock. */
    mdb_txn_reset(mine->txn);
    __atomic_store_n(&mine->taken, false, __ATOMIC_SEQ_CST);
    de_lmdb_gate_leave(&file->gate);
}
