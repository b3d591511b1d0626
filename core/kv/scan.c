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

/* So many pairs are asked of the store at once, if it can give several. */
#define PAIRS_AT_ONCE 32u

/* A walk over a range, ahead of its user by the pairs that it has already come to. */
struct walk {
    struct dengine_kv_store store;
    struct dengine_kv_cursor *cursor;
    const struct de_kv_scan *scan;
    size_t at; /* the first pair that was not handed out yet */
    size_t count;
    bool ended; /* the cursor has nothing behind these pairs, or it is not in the range */
    struct dengine_kv_pair pairs[PAIRS_AT_ONCE];
};

/* A walk leaves its range only at the end that it goes to. */
static bool inside(const struct walk *walk, const struct dengine_kv_pair *pair)
{
    const struct de_kv_scan *scan = walk->scan;
    const uint8_t *bytes = pair->key.data;
    struct dengine_slice key;
    int sign;

    DE_ASSERT(bytes != NULL && pair->key.size >= 1);
    if (bytes[0] != DE_KV_SPACE_USER) {
        return false;
    }
    DE_ASSERT(pair->key.size > 1);
    key = dengine_bytes(bytes + 1, pair->key.size - 1);
    if (!scan->reverse) {
        return scan->end.size == 0 || order(key, scan->end) < 0;
    }
    sign = order(key, scan->from);
    return sign > 0 || (sign == 0 && !scan->from_excluded);
}

/* The cursor has given count pairs. Keys ascend or descend: if the last one is in the range, all
 * are. */
static int took(struct walk *walk, int rc, size_t count)
{
    DE_ASSERT(walk->at == walk->count);
    DE_ASSERT(count <= PAIRS_AT_ONCE);
    walk->at = 0;
    walk->count = rc == 0 ? count : 0;
    while (walk->count > 0 && !inside(walk, &walk->pairs[walk->count - 1])) {
        walk->count--;
        walk->ended = true;
    }
    return rc == 0 && walk->count == 0 ? DENGINE_E_NOT_FOUND : rc;
}

static int walk_first(struct walk *walk)
{
    const struct dengine_kv_store_ops *ops = walk->store.ops;
    const struct de_kv_scan *scan = walk->scan;
    struct dengine_kv_pair *first = &walk->pairs[0];
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct dengine_slice to = {NULL, 0}; /* the last name space: nothing lies behind it */
    int rc;

    DE_ASSERT(walk->cursor != NULL);
    if (scan->reverse) {
        to = scan->end.size > 0 ? de_kv_user_key(scan->end, buffer) : to;
        return took(walk, ops->cursor_seek_before(walk->store.object, walk->cursor, to, first), 1);
    }
    rc = ops->cursor_seek(walk->store.object, walk->cursor, de_kv_user_key(scan->from, buffer),
                          first);
    if (rc == 0 && scan->from_excluded && first->key.size == scan->from.size + 1 &&
        memcmp(first->key.data, buffer, first->key.size) == 0) {
        rc = ops->cursor_next(walk->store.object, walk->cursor, first);
    }
    DE_ASSERT_IMPLIES(rc == 0, first->key.size > 1);
    return took(walk, rc, 1);
}

/* When all pairs were handed out: the next ones, of which `most` are wanted. NOT_FOUND: the range
 * ends here. */
static int walk_on(struct walk *walk, uint64_t most)
{
    const struct dengine_kv_store_ops *ops = walk->store.ops;
    const size_t room = most < PAIRS_AT_ONCE ? (size_t)most : PAIRS_AT_ONCE;
    void *store = walk->store.object;
    size_t count = 1;
    int rc;

    DE_ASSERT(walk->cursor != NULL);
    DE_ASSERT(most > 0);
    if (walk->at < walk->count || walk->ended) {
        return walk->at < walk->count ? 0 : DENGINE_E_NOT_FOUND;
    }
    if (ops->cursor_read != NULL) {
        rc = ops->cursor_read(store, walk->cursor, walk->scan->reverse, walk->pairs, room, &count);
        DE_ASSERT_IMPLIES(rc == 0, count > 0 && count <= room);
        walk->ended = count < room;
    } else {
        rc = walk->scan->reverse ? ops->cursor_previous(store, walk->cursor, walk->pairs)
                                 : ops->cursor_next(store, walk->cursor, walk->pairs);
    }
    return took(walk, rc, count);
}

/* Shows the pairs that the walk has, up to `most` of them. */
static int show(struct walk *walk, uint64_t most,
                int (*visit)(void *context, struct dengine_slice key,
                             const struct de_kv_record *record),
                void *context, uint64_t *visited)
{
    const size_t have = walk->count - walk->at;
    const size_t end = most < have ? walk->at + (size_t)most : walk->count;
    struct de_kv_record record;
    int rc = 0;

    DE_ASSERT(walk->at < walk->count);
    DE_ASSERT(most > 0);
    if (visit == NULL) {
        *visited += end - walk->at;
        walk->at = end;
    }
    while (walk->at < end && rc == 0) {
        const struct dengine_kv_pair *pair = &walk->pairs[walk->at++];
        const uint8_t *key = pair->key.data;

        (*visited)++;
        rc = de_kv_record_decode(pair->value, &record);
        rc = rc == 0 ? visit(context, dengine_bytes(key + 1, pair->key.size - 1), &record) : rc;
    }
    return rc;
}

int de_kv_view_scan(struct de_kv_view *view, const struct de_kv_scan *scan,
                    int (*visit)(void *context, struct dengine_slice key,
                                 const struct de_kv_record *record),
                    void *context, uint64_t *count, bool *more)
{
    const uint64_t limit = scan->limit != 0 ? scan->limit : UINT64_MAX;
    struct walk walk;
    int stop = 0;
    int rc;

    DE_ASSERT(view->view != NULL);
    *count = 0;
    *more = false;
    if (scan->from.size > DE_KV_USER_KEY_MAX || scan->end.size > DE_KV_USER_KEY_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    walk.store = view->kv->store;
    walk.scan = scan;
    walk.at = walk.count = 0;
    walk.ended = false;
    rc = walk.store.ops->cursor_open(walk.store.object, view->view, &walk.cursor);
    if (rc != 0) {
        return rc;
    }
    rc = walk_first(&walk);
    while (rc == 0 && stop == 0 && *count < limit) {
        stop = show(&walk, limit - *count, visit, context, count);
        /* One more than is wanted: it tells whether there are more. */
        rc = stop != 0 ? 0 : walk_on(&walk, limit - *count + (limit != UINT64_MAX));
    }
    walk.store.ops->cursor_close(walk.store.object, walk.cursor);
    DE_ASSERT(*count <= limit);
    *more = rc == 0 && stop == 0 && *count == limit;
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
