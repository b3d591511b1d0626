#include "storage/lmdb/lmdb_internal.h"

#include <errno.h>

#include "core/base/assert.h"
#include "storage/posix/posix_dir.h"

DE_STATIC_ASSERT(DENGINE_KV_KEY_MAX == 511, "what LMDB is built for: MDB_MAXKEYSIZE");
DE_STATIC_ASSERT(sizeof(((MDB_val *)NULL)->mv_size) == sizeof(size_t), "sizes need no conversion");

static void check_file(const struct de_lmdb_file *file)
{
    DE_ASSERT(file->env != NULL);
    DE_ASSERT(file->page_bytes >= 512 && (file->page_bytes & (file->page_bytes - 1)) == 0);
    DE_ASSERT(file->map_bytes % file->page_bytes == 0);
    DE_ASSERT(file->used_bytes % file->page_bytes == 0);
    DE_ASSERT(file->used_bytes <= file->map_bytes);
    DE_ASSERT(file->reserved_bytes <= file->map_bytes);
}

void de_lmdb_check(const struct de_lmdb_kv *kv)
{
    DE_ASSERT(kv != NULL && kv->current != NULL && kv->pool.count > 0);
    DE_ASSERT(kv->filling != kv->current);
    check_file(kv->current);
    if (kv->filling != NULL) {
        DE_ASSERT(kv->current->txn == NULL);
        check_file(kv->filling);
    }
    /* On disk it says "open" for as long as it is. */
    DE_ASSERT(kv->mark.state == DE_LMDB_MARK_OPEN);
}

static bool key_is_good(struct dengine_slice key)
{
    return key.data != NULL && key.size > 0 && key.size <= DENGINE_KV_KEY_MAX;
}

int de_lmdb_error(int code)
{
    switch (code) {
    case 0:
        return 0;
    case MDB_NOTFOUND:
        return DENGINE_E_NOT_FOUND;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
        return DENGINE_E_NO_SPACE;
    case MDB_READERS_FULL:
        return DENGINE_E_BUSY;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_PANIC:
        return DENGINE_E_CORRUPT;
    case MDB_VERSION_MISMATCH:
        return DENGINE_E_VERSION;
    case MDB_BAD_VALSIZE:
        return DENGINE_E_TOO_LARGE;
    default:
        return code > 0 ? de_posix_error(code) : DENGINE_E_INTERNAL;
    }
}

int de_lmdb_fail(struct de_lmdb_kv *kv, int code, const char *what)
{
    DE_ASSERT(code != 0);
    DE_ASSERT(what != NULL);
    if (code != MDB_NOTFOUND) {
        de_message_set(kv->message, sizeof(kv->message), "the state store failed: %s: %s", what,
                       mdb_strerror(code));
    }
    return de_lmdb_error(code);
}

static int lmdb_begin(void *store)
{
    struct de_lmdb_kv *kv = store;
    int error;
    int code;

    DE_ASSERT(kv->current->txn == NULL);
    DE_ASSERT(kv->filling == NULL);
    de_lmdb_check(kv);
    de_lmdb_file_reap(kv);
    error = de_lmdb_map_prepare(kv, kv->current, 0);
    if (error != 0) {
        return error;
    }
    code = mdb_txn_begin(kv->current->env, NULL, 0, &kv->current->txn);
    DE_ASSERT((code == 0) == (kv->current->txn != NULL));
    return code == 0 ? 0 : de_lmdb_fail(kv, code, "beginning a transaction");
}

static int lmdb_get(void *store, struct dengine_slice key, struct dengine_slice *value)
{
    struct de_lmdb_kv *kv = store;
    MDB_val mdb_key = {key.size, (void *)(uintptr_t)key.data};
    MDB_val data;
    int code;

    DE_ASSERT(kv->current->txn != NULL);
    DE_ASSERT(key_is_good(key));
    code = mdb_get(kv->current->txn, kv->current->dbi, &mdb_key, &data);
    if (code != 0) {
        return de_lmdb_fail(kv, code, "reading a key");
    }
    DE_ASSERT(data.mv_data != NULL);
    *value = dengine_bytes(data.mv_data, data.mv_size);
    return 0;
}

static int lmdb_put(void *store, struct dengine_slice key, struct dengine_slice value)
{
    struct de_lmdb_kv *kv = store;
    MDB_val mdb_key = {key.size, (void *)(uintptr_t)key.data};
    MDB_val data = {value.size, (void *)(uintptr_t)(value.size == 0 ? "" : value.data)};
    int error;
    int code;

    DE_ASSERT(kv->current->txn != NULL);
    DE_ASSERT(key_is_good(key));
    DE_ASSERT(value.size <= INT32_MAX);
    DE_ASSERT(value.data != NULL || value.size == 0);
    error = de_lmdb_map_reserve(kv, kv->current, value.size);
    if (error != 0) {
        return error;
    }
    code = mdb_put(kv->current->txn, kv->current->dbi, &mdb_key, &data, 0);
    kv->current->map_was_full = kv->current->map_was_full || code == MDB_MAP_FULL;
    return code == 0 ? 0 : de_lmdb_fail(kv, code, "writing a key");
}

static int lmdb_remove(void *store, struct dengine_slice key)
{
    struct de_lmdb_kv *kv = store;
    MDB_val mdb_key = {key.size, (void *)(uintptr_t)key.data};
    int error;
    int code;

    DE_ASSERT(kv->current->txn != NULL);
    DE_ASSERT(key_is_good(key));
    error = de_lmdb_map_reserve(kv, kv->current, 0);
    if (error != 0) {
        return error;
    }
    code = mdb_del(kv->current->txn, kv->current->dbi, &mdb_key, NULL);
    /* To touch pages that had no room on disk would have been a signal. */
    DE_ASSERT(kv->current->touched_bytes > 0);
    kv->current->map_was_full = kv->current->map_was_full || code == MDB_MAP_FULL;
    return code == 0 ? 0 : de_lmdb_fail(kv, code, "removing a key");
}

static int walk(MDB_txn *txn, MDB_dbi dbi, struct dengine_slice from,
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

static int lmdb_iterate(void *store, struct dengine_slice from,
                        int (*visit)(void *context, struct dengine_slice key,
                                     struct dengine_slice value),
                        void *context)
{
    struct de_lmdb_kv *kv = store;
    int code;
    int result;

    DE_ASSERT(kv->current->txn != NULL);
    DE_ASSERT(from.data != NULL || from.size == 0);
    result = walk(kv->current->txn, kv->current->dbi, from, visit, context, &code);
    DE_ASSERT_IMPLIES(code != 0, result == 0);
    return code != 0 ? de_lmdb_fail(kv, code, "reading keys in order") : result;
}

static int lmdb_commit(void *store)
{
    struct de_lmdb_kv *kv = store;
    int code;

    DE_ASSERT(kv->current->txn != NULL);
    code = mdb_txn_commit(kv->current->txn);
    kv->current->txn = NULL;
    kv->current->map_was_full = kv->current->map_was_full || code == MDB_MAP_FULL;
    de_lmdb_check(kv);
    return code == 0 ? 0 : de_lmdb_fail(kv, code, "committing a transaction");
}

static void lmdb_abort(void *store)
{
    struct de_lmdb_kv *kv = store;

    DE_ASSERT(kv->current->txn != NULL);
    mdb_txn_abort(kv->current->txn);
    kv->current->txn = NULL;
    de_lmdb_check(kv);
}

static int lmdb_sync(void *store)
{
    struct de_lmdb_kv *kv = store;
    int code;

    DE_ASSERT(kv->current->txn == NULL);
    de_lmdb_check(kv);
    code = mdb_env_sync(kv->current->env, 1);
    return code == 0 ? 0 : de_lmdb_fail(kv, code, "syncing");
}

static const char *lmdb_message(void *store)
{
    const struct de_lmdb_kv *kv = store;

    DE_ASSERT(kv != NULL);
    return kv->message;
}

void de_lmdb_kv_usage(struct dengine_kv_store store, uint64_t *map_bytes, uint64_t *used_bytes)
{
    const struct de_lmdb_kv *kv = store.object;

    DE_ASSERT(store.ops == &de_lmdb_kv_ops);
    DE_ASSERT(map_bytes != NULL && used_bytes != NULL);
    *map_bytes = kv->current->map_bytes;
    *used_bytes = kv->current->used_bytes;
}

const struct dengine_kv_store_ops de_lmdb_kv_ops = {
    .begin = lmdb_begin,
    .get = lmdb_get,
    .put = lmdb_put,
    .remove = lmdb_remove,
    .iterate = lmdb_iterate,
    .commit = lmdb_commit,
    .abort = lmdb_abort,
    .view_open = de_lmdb_view_open,
    .view_get = de_lmdb_view_get,
    .view_close = de_lmdb_view_close,
    .cursor_open = de_lmdb_cursor_open,
    .cursor_seek = de_lmdb_cursor_seek,
    .cursor_seek_before = de_lmdb_cursor_seek_before,
    .cursor_next = de_lmdb_cursor_next,
    .cursor_previous = de_lmdb_cursor_previous,
    .cursor_read = de_lmdb_cursor_read,
    .cursor_close = de_lmdb_cursor_close,
    .replace_begin = de_lmdb_replace_begin,
    .replace_put = de_lmdb_replace_put,
    .replace_commit = de_lmdb_replace_commit,
    .replace_abort = de_lmdb_replace_abort,
    .sync = lmdb_sync,
    .message = lmdb_message,
    .close = de_lmdb_close,
};
