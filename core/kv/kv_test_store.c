#include "core/kv/kv_test_store.h"

#include <stdlib.h>

#include "core/base/assert.h"

struct dengine_kv_view {
    struct test_table table;
};

static struct dengine_slice copy_of(struct dengine_slice bytes)
{
    void *data = malloc(bytes.size + 1);

    DE_ASSERT(data != NULL);
    if (bytes.size > 0) {
        memcpy(data, bytes.data, bytes.size);
    }
    return dengine_bytes(data, bytes.size);
}

static int compare(struct dengine_slice a, struct dengine_slice b)
{
    const size_t size = a.size < b.size ? a.size : b.size;
    const int order = size == 0 ? 0 : memcmp(a.data, b.data, size);

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Position of the first key >= key. */
static size_t lower_bound(const struct test_table *table, struct dengine_slice key)
{
    size_t i = 0;

    while (i < table->count && compare(table->pairs[i].key, key) < 0) {
        i++;
    }
    return i;
}

static bool found(const struct test_table *table, size_t at, struct dengine_slice key)
{
    return at < table->count && compare(table->pairs[at].key, key) == 0;
}

static void table_clear(struct test_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free((void *)(uintptr_t)table->pairs[i].key.data);
        free((void *)(uintptr_t)table->pairs[i].value.data);
    }
    free(table->pairs);
    table->pairs = NULL;
    table->count = 0;
}

static void table_copy(const struct test_table *from, struct test_table *to)
{
    to->pairs = calloc(from->count + 1, sizeof *to->pairs);
    DE_ASSERT(to->pairs != NULL);
    to->count = from->count;
    for (size_t i = 0; i < from->count; i++) {
        to->pairs[i].key = copy_of(from->pairs[i].key);
        to->pairs[i].value = copy_of(from->pairs[i].value);
    }
}

static int table_get(const struct test_table *table, struct dengine_slice key,
                     struct dengine_slice *value)
{
    const size_t at = lower_bound(table, key);

    if (!found(table, at, key)) {
        return DENGINE_E_NOT_FOUND;
    }
    *value = table->pairs[at].value;
    return 0;
}

static int table_remove(struct test_table *table, struct dengine_slice key)
{
    const size_t at = lower_bound(table, key);

    if (!found(table, at, key)) {
        return DENGINE_E_NOT_FOUND;
    }
    free((void *)(uintptr_t)table->pairs[at].key.data);
    free((void *)(uintptr_t)table->pairs[at].value.data);
    table->count--;
    memmove(&table->pairs[at], &table->pairs[at + 1], (table->count - at) * sizeof table->pairs[0]);
    return 0;
}

static void table_put(struct test_table *table, struct dengine_slice key,
                      struct dengine_slice value)
{
    size_t at;

    (void)table_remove(table, key);
    at = lower_bound(table, key);
    table->pairs = realloc(table->pairs, (table->count + 1) * sizeof table->pairs[0]);
    DE_ASSERT(table->pairs != NULL);
    memmove(&table->pairs[at + 1], &table->pairs[at], (table->count - at) * sizeof table->pairs[0]);
    table->pairs[at].key = copy_of(key);
    table->pairs[at].value = copy_of(value);
    table->count++;
}

static int table_iterate(const struct test_table *table, struct dengine_slice from,
                         int (*visit)(void *context, struct dengine_slice key,
                                      struct dengine_slice value),
                         void *context)
{
    for (size_t i = lower_bound(table, from); i < table->count; i++) {
        const int rc = visit(context, table->pairs[i].key, table->pairs[i].value);

        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static bool fails(struct test_store *store)
{
    return store->calls++ == store->fail_at;
}

static int op_begin(void *object)
{
    struct test_store *store = object;

    DE_ASSERT(!store->transaction);
    if (fails(store)) {
        return DENGINE_E_IO;
    }
    store->transaction = true;
    table_copy(&store->committed, &store->open);
    return 0;
}

static int op_get(void *object, struct dengine_slice key, struct dengine_slice *value)
{
    struct test_store *store = object;

    DE_ASSERT(store->transaction);
    return fails(store) ? DENGINE_E_IO : table_get(&store->open, key, value);
}

static int op_put(void *object, struct dengine_slice key, struct dengine_slice value)
{
    struct test_store *store = object;

    DE_ASSERT(store->transaction);
    DE_ASSERT(key.size >= 1 && key.size <= DENGINE_KV_KEY_MAX);
    if (fails(store)) {
        return DENGINE_E_IO;
    }
    table_put(&store->open, key, value);
    return 0;
}

static int op_remove(void *object, struct dengine_slice key)
{
    struct test_store *store = object;

    DE_ASSERT(store->transaction);
    return fails(store) ? DENGINE_E_IO : table_remove(&store->open, key);
}

static int op_iterate(void *object, struct dengine_slice from,
                      int (*visit)(void *context, struct dengine_slice key,
                                   struct dengine_slice value),
                      void *context)
{
    struct test_store *store = object;

    DE_ASSERT(store->transaction);
    return table_iterate(&store->open, from, visit, context);
}

static void op_abort(void *object)
{
    struct test_store *store = object;

    DE_ASSERT(store->transaction);
    store->transaction = false;
    table_clear(&store->open);
}

static int op_commit(void *object)
{
    struct test_store *store = object;

    DE_ASSERT(store->transaction);
    if (fails(store)) {
        op_abort(object);
        return DENGINE_E_IO;
    }
    store->transaction = false;
    table_clear(&store->committed);
    store->committed = store->open;
    store->open = (struct test_table){NULL, 0};
    store->commits++;
    return 0;
}

static int op_view_open(void *object, struct dengine_kv_view **view)
{
    struct test_store *store = object;

    if (fails(store)) {
        return DENGINE_E_IO;
    }
    *view = malloc(sizeof **view);
    DE_ASSERT(*view != NULL);
    table_copy(&store->committed, &(*view)->table);
    store->views++;
    return 0;
}

static int op_view_get(void *object, struct dengine_kv_view *view, struct dengine_slice key,
                       struct dengine_slice *value)
{
    return fails(object) ? DENGINE_E_IO : table_get(&view->table, key, value);
}

static void op_view_close(void *object, struct dengine_kv_view *view)
{
    struct test_store *store = object;

    DE_ASSERT(store->views > 0);
    store->views--;
    table_clear(&view->table);
    free(view);
}

struct dengine_kv_cursor {
    const struct test_table *table;
    size_t at; /* position; table->count or SIZE_MAX: on nothing */
};

static int op_cursor_open(void *object, struct dengine_kv_view *view,
                          struct dengine_kv_cursor **cursor)
{
    if (fails(object)) {
        return DENGINE_E_IO;
    }
    *cursor = malloc(sizeof **cursor);
    DE_ASSERT(*cursor != NULL);
    (*cursor)->table = &view->table;
    (*cursor)->at = SIZE_MAX;
    return 0;
}

static int cursor_move(void *object, struct dengine_kv_cursor *cursor, size_t at,
                       struct dengine_kv_pair *pair)
{
    if (fails(object)) {
        return DENGINE_E_IO;
    }
    cursor->at = at;
    if (at >= cursor->table->count) {
        return DENGINE_E_NOT_FOUND;
    }
    pair->key = cursor->table->pairs[at].key;
    pair->value = cursor->table->pairs[at].value;
    return 0;
}

static int op_cursor_seek(void *object, struct dengine_kv_cursor *cursor, struct dengine_slice key,
                          struct dengine_kv_pair *pair)
{
    return cursor_move(object, cursor, lower_bound(cursor->table, key), pair);
}

/* One before position 0 is SIZE_MAX, which is on nothing. */
static int op_cursor_seek_before(void *object, struct dengine_kv_cursor *cursor,
                                 struct dengine_slice key, struct dengine_kv_pair *pair)
{
    const size_t at = key.size == 0 ? cursor->table->count : lower_bound(cursor->table, key);

    return cursor_move(object, cursor, at - 1, pair);
}

static int op_cursor_next(void *object, struct dengine_kv_cursor *cursor,
                          struct dengine_kv_pair *pair)
{
    DE_ASSERT(cursor->at < cursor->table->count);
    return cursor_move(object, cursor, cursor->at + 1, pair);
}

static int op_cursor_previous(void *object, struct dengine_kv_cursor *cursor,
                              struct dengine_kv_pair *pair)
{
    DE_ASSERT(cursor->at < cursor->table->count);
    return cursor_move(object, cursor, cursor->at - 1, pair);
}

static int op_cursor_read(void *object, struct dengine_kv_cursor *cursor, bool reverse,
                          struct dengine_kv_pair *pairs, size_t room, size_t *count)
{
    int rc = 0;

    DE_ASSERT(room > 0);
    *count = 0;
    while (rc == 0 && *count < room) {
        rc = reverse ? op_cursor_previous(object, cursor, &pairs[*count])
                     : op_cursor_next(object, cursor, &pairs[*count]);
        *count += rc == 0;
    }
    return rc == DENGINE_E_NOT_FOUND && *count > 0 ? 0 : rc;
}

static void op_cursor_close(void *object, struct dengine_kv_cursor *cursor)
{
    (void)object;
    free(cursor);
}

static int op_replace_begin(void *object)
{
    struct test_store *store = object;

    DE_ASSERT(!store->transaction && !store->replacing);
    if (fails(store)) {
        return DENGINE_E_IO;
    }
    store->replacing = true;
    return 0;
}

static int op_replace_put(void *object, struct dengine_slice key, struct dengine_slice value)
{
    struct test_store *store = object;
    const size_t count = store->fresh.count;

    DE_ASSERT(store->replacing);
    if (count > 0 && compare(store->fresh.pairs[count - 1].key, key) >= 0) {
        return DENGINE_E_INVALID;
    }
    if (fails(store)) {
        return DENGINE_E_IO;
    }
    table_put(&store->fresh, key, value);
    return 0;
}

static void op_replace_abort(void *object)
{
    struct test_store *store = object;

    DE_ASSERT(store->replacing);
    store->replacing = false;
    table_clear(&store->fresh);
}

static int op_replace_commit(void *object)
{
    struct test_store *store = object;

    DE_ASSERT(store->replacing);
    if (fails(store)) {
        op_replace_abort(object);
        return DENGINE_E_IO;
    }
    store->replacing = false;
    table_clear(&store->committed);
    store->committed = store->fresh;
    store->fresh = (struct test_table){NULL, 0};
    store->commits++;
    return 0;
}

static int op_sync(void *object)
{
    (void)object;
    return 0;
}

static const char *op_message(void *object)
{
    const struct test_store *store = object;

    return store->calls > store->fail_at ? "the test store was told to fail" : "";
}

static void op_close(void *object)
{
    test_store_deinit(object);
}

void test_store_init(struct test_store *store)
{
    memset(store, 0, sizeof *store);
    store->fail_at = SIZE_MAX;
}

void test_store_deinit(struct test_store *store)
{
    DE_ASSERT(!store->transaction && !store->replacing && store->views == 0);
    table_clear(&store->committed);
}

struct dengine_kv_store test_store_table(struct test_store *store)
{
    static const struct dengine_kv_store_ops ops = {
        .begin = op_begin,
        .get = op_get,
        .put = op_put,
        .remove = op_remove,
        .iterate = op_iterate,
        .commit = op_commit,
        .abort = op_abort,
        .view_open = op_view_open,
        .view_get = op_view_get,
        .view_close = op_view_close,
        .cursor_open = op_cursor_open,
        .cursor_seek = op_cursor_seek,
        .cursor_seek_before = op_cursor_seek_before,
        .cursor_next = op_cursor_next,
        .cursor_previous = op_cursor_previous,
        .cursor_close = op_cursor_close,
        .replace_begin = op_replace_begin,
        .replace_put = op_replace_put,
        .replace_commit = op_replace_commit,
        .replace_abort = op_replace_abort,
        .sync = op_sync,
        .message = op_message,
        .close = op_close,
    };

    store->ops = ops;
    if (store->reads_several) {
        store->ops.cursor_read = op_cursor_read;
    }
    return (struct dengine_kv_store){&store->ops, store};
}

void test_store_set(struct test_store *store, struct dengine_slice key, struct dengine_slice value)
{
    table_put(&store->committed, key, value);
}
