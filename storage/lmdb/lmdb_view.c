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
static struct de_lmdb_view *find_free(struct de_lmdb_kv *kv)
{
    int here = 0;
    uint32_t start = (uint32_t)(((uintptr_t)(void *)&here >> 16) * 2654435761u >> 7);

    DE_ASSERT(kv->views_max > 0);
    for (uint32_t i = 0; i < kv->views_max; i++) {
        struct de_lmdb_view *view = &kv->views[(start + i) % kv->views_max];

        if (take(view)) {
            DE_ASSERT(view >= kv->views && view < kv->views + kv->views_max);
            return view;
        }
    }
    return NULL;
}

int de_lmdb_view_open(void *store, struct dengine_kv_view **view)
{
    struct de_lmdb_kv *kv = store;
    struct de_lmdb_view *found;
    int code;

    DE_ASSERT(view != NULL);
    de_lmdb_gate_enter(&kv->gate);
    found = find_free(kv);
    if (found == NULL) {
        de_lmdb_gate_leave(&kv->gate);
        return DENGINE_E_BUSY;
    }
    DE_ASSERT(__atomic_load_n(&found->taken, __ATOMIC_SEQ_CST));
    if (found->txn == NULL) {
        code = mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &found->txn);
    } else {
        code = mdb_txn_renew(found->txn);
    }
    if (code != 0) {
        __atomic_store_n(&found->taken, false, __ATOMIC_SEQ_CST);
        de_lmdb_gate_leave(&kv->gate);
        return de_lmdb_error(code);
    }
    DE_ASSERT(found->txn != NULL);
    *view = (struct dengine_kv_view *)(void *)found;
    return 0;
}

int de_lmdb_view_get(void *store, struct dengine_kv_view *view, struct dengine_slice key,
                     struct dengine_slice *value)
{
    const struct de_lmdb_kv *kv = store;
    MDB_val mdb_key = {key.size, (void *)(uintptr_t)key.data};
    MDB_val data;
    int code;

    DE_ASSERT(key.data != NULL && value != NULL);
    DE_ASSERT(key.size > 0 && key.size <= DENGINE_KV_KEY_MAX);
    DE_ASSERT(__atomic_load_n(&view_of(view)->taken, __ATOMIC_SEQ_CST));
    code = mdb_get(view_of(view)->txn, kv->dbi, &mdb_key, &data);
    if (code != 0) {
        return de_lmdb_error(code);
    }
    *value = dengine_bytes(data.mv_data, data.mv_size);
    return 0;
}

int de_lmdb_walk(MDB_txn *txn, MDB_dbi dbi, struct dengine_slice from,
                 int (*visit)(void *context, struct dengine_slice key, struct dengine_slice value),
                 void *context, int *code)
{
    MDB_cursor *cursor;
    MDB_val key = {from.size, (void *)(uintptr_t)from.data};
    MDB_val data;
    int result = 0;

    DE_ASSERT(visit != NULL);
    DE_ASSERT(txn != NULL);
    DE_ASSERT(code != NULL);
    *code = mdb_cursor_open(txn, dbi, &cursor);
    if (*code != 0) {
        return 0;
    }
    *code = mdb_cursor_get(cursor, &key, &data, from.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
    while (*code == 0) {
        DE_ASSERT(key.mv_data != NULL && data.mv_data != NULL);
        result = visit(context, dengine_bytes(key.mv_data, key.mv_size),
                       dengine_bytes(data.mv_data, data.mv_size));
        if (result != 0) {
            break;
        }
        *code = mdb_cursor_get(cursor, &key, &data, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    *code = *code == MDB_NOTFOUND ? 0 : *code;
    return result;
}

int de_lmdb_view_iterate(void *store, struct dengine_kv_view *view, struct dengine_slice from,
                         int (*visit)(void *context, struct dengine_slice key,
                                      struct dengine_slice value),
                         void *context)
{
    const struct de_lmdb_kv *kv = store;
    int code;
    int result = de_lmdb_walk(view_of(view)->txn, kv->dbi, from, visit, context, &code);

    DE_ASSERT(__atomic_load_n(&view_of(view)->taken, __ATOMIC_SEQ_CST));
    DE_ASSERT_IMPLIES(code != 0, result == 0);
    return code != 0 ? de_lmdb_error(code) : result;
}

void de_lmdb_view_close(void *store, struct dengine_kv_view *view)
{
    struct de_lmdb_kv *kv = store;
    struct de_lmdb_view *mine = view_of(view);

    DE_ASSERT(mine >= kv->views && mine < kv->views + kv->views_max);
    DE_ASSERT(__atomic_load_n(&mine->taken, __ATOMIC_SEQ_CST));
    DE_ASSERT(mine->txn != NULL);
    /* The transaction keeps its slot in LMDB's reader table; renewing it needs no lock. */
    mdb_txn_reset(mine->txn);
    __atomic_store_n(&mine->taken, false, __ATOMIC_SEQ_CST);
    de_lmdb_gate_leave(&kv->gate);
}
