/* Walking a view: ranges of keys, leases, the keys of a lease. */
#include "core/base/assert.h"
#include "core/kv/kv_state.h"

enum {
    ENOUGH = 1,
};

struct dengine_slice de_kv_prefix_end(struct dengine_slice prefix, uint8_t *buffer)
{
    const uint8_t *from = prefix.data;
    size_t size = prefix.size;

    DE_ASSERT(prefix.size <= DE_KV_USER_KEY_MAX);
    DE_ASSERT(from != NULL || size == 0);
    /* The last byte that can be raised is raised, and what follows it is cut. */
    while (size > 0 && from[size - 1] == UINT8_MAX) {
        size--;
    }
    if (size > 0) {
        memcpy(buffer, from, size);
        buffer[size - 1]++;
    }
    return dengine_bytes(buffer, size);
}

static int order(struct dengine_slice a, struct dengine_slice b)
{
    const size_t size = a.size < b.size ? a.size : b.size;
    const int bytes = size > 0 ? memcmp(a.data, b.data, size) : 0;

    DE_ASSERT(a.data != NULL || a.size == 0);
    DE_ASSERT(b.data != NULL || b.size == 0);
    return bytes != 0 ? bytes : (a.size > b.size) - (a.size < b.size);
}

struct walk {
    struct dengine_kv_store store;
    struct dengine_kv_cursor *cursor;
    struct dengine_kv_pair pair;
    const struct de_kv_scan *scan;
};

/* Below the first key of the range, or of another name space. */
static bool before(const struct walk *walk, struct dengine_slice key)
{
    const int sign = order(key, walk->scan->from);

    DE_ASSERT(key.size >= 1);
    DE_ASSERT(walk->scan != NULL);
    return sign < 0 || (sign == 0 && walk->scan->from_excluded);
}

static bool behind(const struct walk *walk, struct dengine_slice key)
{
    DE_ASSERT(key.size >= 1);
    DE_ASSERT(walk->scan != NULL);
    return walk->scan->end.size > 0 && order(key, walk->scan->end) >= 0;
}

/* The key of a user that the walk stands on; NOT_FOUND when it has left the range. */
static int look(const struct walk *walk, int rc, struct dengine_slice *key)
{
    const uint8_t *at = walk->pair.key.data;

    DE_ASSERT_IMPLIES(rc == 0, at != NULL && walk->pair.key.size >= 1);
    if (rc != 0 || at[0] != DE_KV_SPACE_USER) {
        return rc != 0 ? rc : DENGINE_E_NOT_FOUND;
    }
    DE_ASSERT(walk->pair.key.size > 1);
    *key = dengine_bytes(at + 1, walk->pair.key.size - 1);
    /* A walk leaves its range only at the end that it goes to. */
    return (walk->scan->reverse ? before(walk, *key) : behind(walk, *key)) ? DENGINE_E_NOT_FOUND
                                                                           : 0;
}

static int walk_first(struct walk *walk, struct dengine_slice *key)
{
    const struct dengine_kv_store_ops *ops = walk->store.ops;
    const struct de_kv_scan *scan = walk->scan;
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct dengine_slice to = {NULL, 0}; /* the last name space: nothing lies behind it */
    int rc;

    DE_ASSERT(walk->cursor != NULL);
    if (scan->reverse) {
        to = scan->end.size > 0 ? de_kv_user_key(scan->end, buffer) : to;
        rc = ops->cursor_seek_before(walk->store.object, walk->cursor, to, &walk->pair);
        return look(walk, rc, key);
    }
    rc = ops->cursor_seek(walk->store.object, walk->cursor, de_kv_user_key(scan->from, buffer),
                          &walk->pair);
    if (rc == 0 && scan->from_excluded && walk->pair.key.size == scan->from.size + 1 &&
        memcmp(walk->pair.key.data, buffer, walk->pair.key.size) == 0) {
        rc = ops->cursor_next(walk->store.object, walk->cursor, &walk->pair);
    }
    DE_ASSERT_IMPLIES(rc == 0, walk->pair.key.size > 1);
    return look(walk, rc, key);
}

static int walk_on(struct walk *walk, struct dengine_slice *key)
{
    const struct dengine_kv_store_ops *ops = walk->store.ops;
    int rc = walk->scan->reverse
                 ? ops->cursor_previous(walk->store.object, walk->cursor, &walk->pair)
                 : ops->cursor_next(walk->store.object, walk->cursor, &walk->pair);

    DE_ASSERT(walk->cursor != NULL);
    return look(walk, rc, key);
}

int de_kv_view_scan(struct de_kv_view *view, const struct de_kv_scan *scan,
                    int (*visit)(void *context, struct dengine_slice key,
                                 const struct de_kv_record *record),
                    void *context, uint64_t *count, bool *more)
{
    struct walk walk = {.store = view->kv->store, .scan = scan};
    const uint64_t limit = scan->limit != 0 ? scan->limit : UINT64_MAX;
    struct dengine_slice key = {NULL, 0};
    uint64_t visited = 0;
    int stop = 0;
    int rc;

    DE_ASSERT(view->view != NULL);
    *count = 0;
    *more = false;
    if (scan->from.size > DE_KV_USER_KEY_MAX || scan->end.size > DE_KV_USER_KEY_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    rc = walk.store.ops->cursor_open(walk.store.object, view->view, &walk.cursor);
    if (rc != 0) {
        return rc;
    }
    rc = walk_first(&walk, &key);
    while (rc == 0 && visited < limit) {
        struct de_kv_record record;

        visited++;
        if (visit != NULL) {
            rc = de_kv_record_decode(walk.pair.value, &record);
            stop = rc == 0 ? visit(context, key, &record) : 0;
            if (rc != 0 || stop != 0) {
                break;
            }
        }
        rc = walk_on(&walk, &key);
    }
    walk.store.ops->cursor_close(walk.store.object, walk.cursor);
    DE_ASSERT(visited <= limit);
    *count = visited;
    *more = rc == 0 && stop == 0 && visited == limit;
    if (stop != 0) {
        return stop;
    }
    return rc == DENGINE_E_NOT_FOUND ? 0 : rc;
}

/* ---- leases ---- */

int de_kv_view_lease(struct de_kv_view *view, uint64_t id, struct de_kv_lease *lease)
{
    const struct dengine_kv_store store = view->kv->store;
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct dengine_slice bytes = {NULL, 0};
    int rc = store.ops->view_get(store.object, view->view, de_kv_lease_key(id, buffer), &bytes);

    DE_ASSERT(view->view != NULL);
    DE_ASSERT(lease != NULL);
    if (rc == DENGINE_E_NOT_FOUND) {
        return DENGINE_E_NO_LEASE;
    }
    return rc == 0 ? de_kv_lease_decode(bytes, lease) : rc;
}

/* Visits the pairs of the store from key on; a visitor that has seen ENOUGH ends it well. */
static int each_pair(struct de_kv_view *view, struct dengine_slice from,
                     int (*visit)(void *context, const struct dengine_kv_pair *pair), void *context)
{
    const struct dengine_kv_store store = view->kv->store;
    struct dengine_kv_cursor *cursor = NULL;
    struct dengine_kv_pair pair;
    int rc = store.ops->cursor_open(store.object, view->view, &cursor);

    DE_ASSERT(view->view != NULL);
    DE_ASSERT(from.size >= 1);
    if (rc != 0) {
        return rc;
    }
    rc = store.ops->cursor_seek(store.object, cursor, from, &pair);
    while (rc == 0) {
        rc = visit(context, &pair);
        rc = rc == 0 ? store.ops->cursor_next(store.object, cursor, &pair) : rc;
    }
    store.ops->cursor_close(store.object, cursor);
    return rc == DENGINE_E_NOT_FOUND || rc == ENOUGH ? 0 : rc;
}

struct leases {
    int (*visit)(void *context, uint64_t id, const struct de_kv_lease *lease);
    void *context;
};

static int see_lease(void *context, const struct dengine_kv_pair *pair)
{
    const struct leases *leases = context;
    struct de_kv_lease lease;
    uint64_t id = 0;
    int rc;

    DE_ASSERT(leases->visit != NULL);
    DE_ASSERT(pair->key.size >= 1);
    if (!de_kv_lease_of(pair->key, &id)) {
        return ENOUGH;
    }
    rc = de_kv_lease_decode(pair->value, &lease);
    return rc == 0 ? leases->visit(leases->context, id, &lease) : rc;
}

int de_kv_view_leases(struct de_kv_view *view, uint64_t id,
                      int (*visit)(void *context, uint64_t id, const struct de_kv_lease *lease),
                      void *context)
{
    struct leases leases = {visit, context};
    uint8_t buffer[DENGINE_KV_KEY_MAX];

    DE_ASSERT(view != NULL);
    DE_ASSERT(visit != NULL);
    return each_pair(view, de_kv_lease_key(id, buffer), see_lease, &leases);
}

struct lease_keys {
    uint64_t id;
    int (*visit)(void *context, struct dengine_slice key);
    void *context;
};

static int see_lease_key(void *context, const struct dengine_kv_pair *pair)
{
    const struct lease_keys *keys = context;
    struct dengine_slice key = {NULL, 0};
    uint64_t id = 0;

    DE_ASSERT(keys->visit != NULL);
    DE_ASSERT(pair->key.size >= 1);
    if (!de_kv_attachment_of(pair->key, &id, &key) || id != keys->id) {
        return ENOUGH;
    }
    return keys->visit(keys->context, key);
}

int de_kv_view_lease_keys(struct de_kv_view *view, uint64_t id,
                          int (*visit)(void *context, struct dengine_slice key), void *context)
{
    struct lease_keys keys = {id, visit, context};
    uint8_t buffer[DENGINE_KV_KEY_MAX];

    DE_ASSERT(id != 0);
    DE_ASSERT(visit != NULL);
    return each_pair(view, de_kv_attachment_key(id, dengine_bytes(NULL, 0), buffer), see_lease_key,
                     &keys);
}
