#include "storage/mem/mem_kv.h"

#include <pthread.h>

#include "core/base/assert.h"
#include "storage/base/heap.h"
#include "storage/mem/mem_cursor.h"
#include "storage/mem/mem_tree.h"

struct mem_kv {
    struct de_allocator allocator;
    pthread_mutex_t lock;     /* guards root, nothing else */
    struct de_mem_node *root; /* the last commit */
    struct de_mem_edit edit;  /* the open transaction */
    uint64_t edits;           /* transactions and replacements begun */
    bool open;                /* a transaction is */
    bool replacing;           /* edit is a map of its own that is to take the old one's place */
    size_t last_size;         /* of the last key of a replacement; 0: there is none yet */
    uint8_t last[DENGINE_KV_KEY_MAX];
};

DE_STATIC_ASSERT(DENGINE_KV_KEY_MAX <= UINT32_MAX, "the tree holds key sizes in 32 bits");

struct mem_view {
    struct de_mem_node *root;
};

static struct mem_view *view_of(struct dengine_kv_view *view)
{
    DE_ASSERT(view != NULL);
    return (struct mem_view *)(void *)view;
}

static bool key_is_good(struct dengine_slice key)
{
    return key.data != NULL && key.size > 0 && key.size <= DENGINE_KV_KEY_MAX;
}

/* The last commit, held. */
static struct de_mem_node *hold_root(struct mem_kv *kv)
{
    struct de_mem_node *root;

    (void)pthread_mutex_lock(&kv->lock);
    root = de_mem_root_hold(kv->root);
    (void)pthread_mutex_unlock(&kv->lock);
    return root;
}

static void replace_root(struct mem_kv *kv, struct de_mem_node *root)
{
    struct de_mem_node *old;

    DE_ASSERT(kv->edit.root == NULL || kv->edit.root == root);
    (void)pthread_mutex_lock(&kv->lock);
    old = kv->root;
    kv->root = root;
    (void)pthread_mutex_unlock(&kv->lock);
    de_mem_root_release(&kv->allocator, old);
}

static int mem_begin(void *store)
{
    struct mem_kv *kv = store;

    DE_ASSERT(!kv->open && !kv->replacing);
    DE_ASSERT(kv->edit.root == NULL);
    DE_ASSERT(kv->edits < UINT64_MAX);
    kv->edit.allocator = &kv->allocator;
    kv->edit.root = hold_root(kv);
    kv->edit.number = ++kv->edits;
    kv->open = true;
    DE_ASSERT(kv->edit.number > 0);
    return 0;
}

static int mem_get(void *store, struct dengine_slice key, struct dengine_slice *value)
{
    struct mem_kv *kv = store;

    DE_ASSERT(kv->open);
    DE_ASSERT(value != NULL);
    DE_ASSERT(key_is_good(key));
    return de_mem_get(kv->edit.root, key, value);
}

static int mem_put(void *store, struct dengine_slice key, struct dengine_slice value)
{
    struct mem_kv *kv = store;

    DE_ASSERT(kv->open);
    DE_ASSERT(value.size <= INT32_MAX);
    DE_ASSERT(value.data != NULL || value.size == 0);
    DE_ASSERT(key_is_good(key));
    return de_mem_edit_put(&kv->edit, key, value);
}

static int mem_remove(void *store, struct dengine_slice key)
{
    struct mem_kv *kv = store;

    DE_ASSERT(kv->open);
    DE_ASSERT(kv->edit.number == kv->edits);
    DE_ASSERT(key_is_good(key));
    return de_mem_edit_remove(&kv->edit, key);
}

static int walk(const struct de_mem_node *root, struct dengine_slice from,
                int (*visit)(void *context, struct dengine_slice key, struct dengine_slice value),
                void *context)
{
    struct de_mem_cursor cursor = {root, false, 0, {NULL}, {0}};
    struct dengine_kv_pair pair;
    int result = de_mem_cursor_seek(&cursor, from, &pair);

    DE_ASSERT(visit != NULL);
    while (result == 0) {
        result = visit(context, pair.key, pair.value);
        if (result != 0) {
            return result;
        }
        result = de_mem_cursor_next(&cursor, &pair);
    }
    DE_ASSERT(result == DENGINE_E_NOT_FOUND);
    return 0;
}

static int mem_iterate(void *store, struct dengine_slice from,
                       int (*visit)(void *context, struct dengine_slice key,
                                    struct dengine_slice value),
                       void *context)
{
    struct mem_kv *kv = store;

    DE_ASSERT(kv->open);
    DE_ASSERT(from.data != NULL || from.size == 0);
    return walk(kv->edit.root, from, visit, context);
}

static int mem_commit(void *store)
{
    struct mem_kv *kv = store;

    DE_ASSERT(kv->open);
    DE_ASSERT(kv->edit.number == kv->edits);
    replace_root(kv, kv->edit.root);
    kv->edit.root = NULL;
    kv->open = false;
    return 0;
}

static void mem_abort(void *store)
{
    struct mem_kv *kv = store;

    DE_ASSERT(kv->open);
    DE_ASSERT(kv->edit.number == kv->edits);
    de_mem_root_release(&kv->allocator, kv->edit.root);
    kv->edit.root = NULL;
    kv->open = false;
}

static int mem_view_open(void *store, struct dengine_kv_view **view)
{
    struct mem_kv *kv = store;
    struct mem_view *made = de_allocate(&kv->allocator, sizeof(*made));

    DE_ASSERT(view != NULL);
    if (made == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    made->root = hold_root(kv);
    *view = (struct dengine_kv_view *)(void *)made;
    return 0;
}

static int mem_view_get(void *store, struct dengine_kv_view *view, struct dengine_slice key,
                        struct dengine_slice *value)
{
    DE_ASSERT(store != NULL);
    DE_ASSERT(key_is_good(key));
    return de_mem_get(view_of(view)->root, key, value);
}

static void mem_view_close(void *store, struct dengine_kv_view *view)
{
    struct mem_kv *kv = store;

    DE_ASSERT(kv != NULL);
    de_mem_root_release(&kv->allocator, view_of(view)->root);
    de_release(&kv->allocator, view);
}

static struct de_mem_cursor *cursor_of(struct dengine_kv_cursor *cursor)
{
    DE_ASSERT(cursor != NULL);
    return (struct de_mem_cursor *)(void *)cursor;
}

static int mem_cursor_open(void *store, struct dengine_kv_view *view,
                           struct dengine_kv_cursor **cursor)
{
    const struct mem_kv *kv = store;
    struct de_mem_cursor *made = de_allocate(&kv->allocator, sizeof(*made));

    DE_ASSERT(cursor != NULL);
    if (made == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memset(made, 0, sizeof(*made));
    made->root = view_of(view)->root;
    *cursor = (struct dengine_kv_cursor *)(void *)made;
    return 0;
}

static int mem_cursor_seek(void *store, struct dengine_kv_cursor *cursor, struct dengine_slice key,
                           struct dengine_kv_pair *pair)
{
    DE_ASSERT(store != NULL);
    DE_ASSERT(key.data != NULL || key.size == 0);
    return de_mem_cursor_seek(cursor_of(cursor), key, pair);
}

static int mem_cursor_seek_before(void *store, struct dengine_kv_cursor *cursor,
                                  struct dengine_slice key, struct dengine_kv_pair *pair)
{
    DE_ASSERT(store != NULL);
    DE_ASSERT(key.data != NULL || key.size == 0);
    return de_mem_cursor_seek_before(cursor_of(cursor), key, pair);
}

static int mem_cursor_next(void *store, struct dengine_kv_cursor *cursor,
                           struct dengine_kv_pair *pair)
{
    DE_ASSERT(store != NULL);
    return de_mem_cursor_next(cursor_of(cursor), pair);
}

static int mem_cursor_previous(void *store, struct dengine_kv_cursor *cursor,
                               struct dengine_kv_pair *pair)
{
    DE_ASSERT(store != NULL);
    return de_mem_cursor_previous(cursor_of(cursor), pair);
}

static int mem_cursor_read(void *store, struct dengine_kv_cursor *cursor, bool reverse,
                           struct dengine_kv_pair *pairs, size_t room, size_t *count)
{
    struct de_mem_cursor *mine = cursor_of(cursor);
    int error = 0;

    DE_ASSERT(store != NULL && pairs != NULL);
    DE_ASSERT(room > 0);
    *count = 0;
    while (*count < room && error == 0) {
        error = reverse ? de_mem_cursor_previous(mine, &pairs[*count])
                        : de_mem_cursor_next(mine, &pairs[*count]);
        *count += error == 0 ? 1 : 0;
    }
    return error == DENGINE_E_NOT_FOUND && *count > 0 ? 0 : error;
}

static void mem_cursor_close(void *store, struct dengine_kv_cursor *cursor)
{
    const struct mem_kv *kv = store;

    DE_ASSERT(cursor != NULL);
    de_release(&kv->allocator, cursor);
}

static int mem_replace_begin(void *store)
{
    struct mem_kv *kv = store;

    DE_ASSERT(!kv->open && !kv->replacing);
    DE_ASSERT(kv->edit.root == NULL);
    DE_ASSERT(kv->edits < UINT64_MAX);
    kv->edit.allocator = &kv->allocator;
    kv->edit.number = ++kv->edits;
    kv->replacing = true;
    kv->last_size = 0;
    return 0;
}

static int mem_replace_put(void *store, struct dengine_slice key, struct dengine_slice value)
{
    struct mem_kv *kv = store;
    size_t common = key.size < kv->last_size ? key.size : kv->last_size;
    int order;

    DE_ASSERT(kv->replacing);
    DE_ASSERT(key_is_good(key));
    DE_ASSERT(value.size <= INT32_MAX);
    order = memcmp(kv->last, key.data, common);
    if (order > 0 || (order == 0 && kv->last_size >= key.size)) {
        return DENGINE_E_INVALID;
    }
    memcpy(kv->last, key.data, key.size);
    kv->last_size = key.size;
    return de_mem_edit_put(&kv->edit, key, value);
}

static int mem_replace_commit(void *store)
{
    struct mem_kv *kv = store;

    DE_ASSERT(kv->replacing);
    DE_ASSERT(kv->edit.number == kv->edits);
    replace_root(kv, kv->edit.root);
    kv->edit.root = NULL;
    kv->replacing = false;
    return 0;
}

static void mem_replace_abort(void *store)
{
    struct mem_kv *kv = store;

    DE_ASSERT(kv->replacing);
    DE_ASSERT(kv->edit.number == kv->edits);
    de_mem_root_release(&kv->allocator, kv->edit.root);
    kv->edit.root = NULL;
    kv->replacing = false;
}

static int mem_sync(void *store)
{
    const struct mem_kv *kv = store;

    DE_ASSERT(!kv->open);
    DE_ASSERT(kv->edit.root == NULL);
    return 0;
}

static const char *mem_message(void *store)
{
    DE_ASSERT(store != NULL);
    return ""; /* the code says it all: the only error is a lack of memory */
}

static void mem_close(void *store)
{
    struct mem_kv *kv = store;
    struct de_allocator allocator = kv->allocator;

    DE_ASSERT(!kv->open && !kv->replacing);
    DE_ASSERT(kv->edit.root == NULL);
    de_mem_root_release(&allocator, kv->root);
    (void)pthread_mutex_destroy(&kv->lock);
    de_release(&allocator, kv);
}

static const struct dengine_kv_store_ops mem_ops = {
    .begin = mem_begin,
    .get = mem_get,
    .put = mem_put,
    .remove = mem_remove,
    .iterate = mem_iterate,
    .commit = mem_commit,
    .abort = mem_abort,
    .view_open = mem_view_open,
    .view_get = mem_view_get,
    .view_close = mem_view_close,
    .cursor_open = mem_cursor_open,
    .cursor_seek = mem_cursor_seek,
    .cursor_seek_before = mem_cursor_seek_before,
    .cursor_next = mem_cursor_next,
    .cursor_previous = mem_cursor_previous,
    .cursor_read = mem_cursor_read,
    .cursor_close = mem_cursor_close,
    .replace_begin = mem_replace_begin,
    .replace_put = mem_replace_put,
    .replace_commit = mem_replace_commit,
    .replace_abort = mem_replace_abort,
    .sync = mem_sync,
    .message = mem_message,
    .close = mem_close,
};

int de_mem_kv_open(const struct de_allocator *allocator, struct dengine_kv_store *store)
{
    struct mem_kv *kv;

    DE_ASSERT(store != NULL);
    if (allocator == NULL) {
        allocator = de_heap_allocator();
    }
    kv = de_allocate(allocator, sizeof(*kv));
    if (kv == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memset(kv, 0, sizeof(*kv));
    kv->allocator = *allocator;
    if (pthread_mutex_init(&kv->lock, NULL) != 0) {
        de_release(allocator, kv);
        return DENGINE_E_NO_MEMORY;
    }
    DE_ASSERT(!kv->open && kv->root == NULL);
    store->ops = &mem_ops;
    store->object = kv;
    return 0;
}
