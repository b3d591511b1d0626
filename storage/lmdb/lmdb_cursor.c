#include "storage/lmdb/lmdb_internal.h"

#include "core/base/assert.h"

#define LINE_BYTES 64u
#define SPAN_BYTES 4096u /* what is asked for around a key; a page, where they are of this size */

/* struct dengine_kv_cursor is LMDB's own. */
static MDB_cursor *cursor_of(struct dengine_kv_cursor *cursor)
{
    DE_ASSERT(cursor != NULL);
    return (MDB_cursor *)(void *)cursor;
}

int de_lmdb_cursor_open(void *store, struct dengine_kv_view *view,
                        struct dengine_kv_cursor **cursor)
{
    const struct de_lmdb_view *mine = (const struct de_lmdb_view *)(const void *)view;
    MDB_cursor *made;
    int code;

    DE_ASSERT(store != NULL && cursor != NULL);
    DE_ASSERT(__atomic_load_n(&mine->taken, __ATOMIC_RELAXED));
    code = mdb_cursor_open(mine->txn, mine->file->dbi, &made);
    if (code != 0) {
        return de_lmdb_error(code);
    }
    *cursor = (struct dengine_kv_cursor *)(void *)made;
    return 0;
}

/* One move; from is what it starts from, for moves that want it. */
static int move(struct dengine_kv_cursor *cursor, MDB_cursor_op op, struct dengine_slice from,
                struct dengine_kv_pair *pair)
{
    MDB_val key = {from.size, (void *)(uintptr_t)from.data};
    MDB_val data;
    int code = mdb_cursor_get(cursor_of(cursor), &key, &data, op);

    DE_ASSERT(pair != NULL);
    if (code != 0) {
        return de_lmdb_error(code);
    }
    DE_ASSERT(key.mv_data != NULL && data.mv_data != NULL);
    pair->key = dengine_bytes(key.mv_data, key.mv_size);
    pair->value = dengine_bytes(data.mv_data, data.mv_size);
    return 0;
}

int de_lmdb_cursor_seek(void *store, struct dengine_kv_cursor *cursor, struct dengine_slice key,
                        struct dengine_kv_pair *pair)
{
    DE_ASSERT(store != NULL);
    DE_ASSERT(key.data != NULL || key.size == 0);
    return move(cursor, key.size == 0 ? MDB_FIRST : MDB_SET_RANGE, key, pair);
}

int de_lmdb_cursor_seek_before(void *store, struct dengine_kv_cursor *cursor,
                               struct dengine_slice key, struct dengine_kv_pair *pair)
{
    int error = 0;

    DE_ASSERT(store != NULL);
    DE_ASSERT(key.data != NULL || key.size == 0);
    if (key.size > 0) {
        error = move(cursor, MDB_SET_RANGE, key, pair);
        if (error == 0) {
            return move(cursor, MDB_PREV, key, pair);
        }
    }
    /* No key is as large: the last of all is before it. */
    return error == 0 || error == DENGINE_E_NOT_FOUND ? move(cursor, MDB_LAST, key, pair) : error;
}

int de_lmdb_cursor_next(void *store, struct dengine_kv_cursor *cursor, struct dengine_kv_pair *pair)
{
    DE_ASSERT(store != NULL);
    return move(cursor, MDB_NEXT, dengine_bytes(NULL, 0), pair);
}

int de_lmdb_cursor_previous(void *store, struct dengine_kv_cursor *cursor,
                            struct dengine_kv_pair *pair)
{
    DE_ASSERT(store != NULL);
    return move(cursor, MDB_PREV, dengine_bytes(NULL, 0), pair);
}

/* Asks the processor for what is looked at next. Pairs lie in a page in an order that it cannot
 * guess, so that each would wait for memory on its own. When the walk comes into a page of which
 * many are to be seen, all of that page is asked for; otherwise where the value begins. *last is
 * where the walk was before. */
static void ask_ahead(const MDB_val *key, const MDB_val *data, uintptr_t *last)
{
    const uintptr_t at = (uintptr_t)key->mv_data;
    const char *page = (const char *)(at & ~(uintptr_t)(SPAN_BYTES - 1));

    DE_ASSERT(key->mv_data != NULL);
    DE_ASSERT(data->mv_data != NULL);
    if (data->mv_size > SPAN_BYTES / 3) {
        __builtin_prefetch(data->mv_data);
    } else if ((at ^ *last) >= SPAN_BYTES) {
        for (size_t i = 0; i < SPAN_BYTES; i += LINE_BYTES) {
            __builtin_prefetch(page + i);
        }
    }
    *last = at;
}

int de_lmdb_cursor_read(void *store, struct dengine_kv_cursor *cursor, bool reverse,
                        struct dengine_kv_pair *pairs, size_t room, size_t *count)
{
    MDB_cursor *mine = cursor_of(cursor);
    const MDB_cursor_op op = reverse ? MDB_PREV : MDB_NEXT;
    size_t found = 0;
    uintptr_t last = 0;
    int code = 0;

    DE_ASSERT(store != NULL && pairs != NULL && count != NULL);
    DE_ASSERT(room > 0);
    while (found < room) {
        MDB_val key;
        MDB_val data;

        code = mdb_cursor_get(mine, &key, &data, op);
        if (code != 0) {
            break;
        }
        ask_ahead(&key, &data, &last);
        pairs[found].key = dengine_bytes(key.mv_data, key.mv_size);
        pairs[found].value = dengine_bytes(data.mv_data, data.mv_size);
        found++;
    }
    *count = found;
    return code == 0 || (code == MDB_NOTFOUND && found > 0) ? 0 : de_lmdb_error(code);
}

void de_lmdb_cursor_close(void *store, struct dengine_kv_cursor *cursor)
{
    DE_ASSERT(store != NULL);
    mdb_cursor_close(cursor_of(cursor));
}
