/* Reading a consistent state. */
#include "core/base/assert.h"
#include "core/kv/kv_state.h"

int de_kv_view_open_plain(struct de_kv *kv, struct de_kv_view *view)
{
    DE_ASSERT(kv != NULL && view != NULL);
    *view = (struct de_kv_view){.kv = kv};
    DE_ASSERT(view->view == NULL);
    return kv->store.ops->view_open(kv->store.object, &view->view);
}

int de_kv_view_open(struct de_kv *kv, struct de_kv_view *view)
{
    const struct dengine_kv_store store = kv->store;
    struct dengine_slice state = {NULL, 0};
    struct de_kv_mark mark;
    int rc = de_kv_view_open_plain(kv, view);

    if (rc != 0) {
        return rc;
    }
    DE_ASSERT(view->view != NULL);
    /* From the view, not from kv->mark: that one belongs to the applier, and may be newer.
     */
    rc = store.ops->view_get(store.object, view->view, de_kv_state_key(), &state);
    if (rc == 0) {
        rc = de_kv_state_decode(state, &mark);
        view->revision = mark.index;
        view->time_ns = mark.time_ns;
        view->leases = mark.leases;
        view->sessions = mark.sessions;
    } else if (rc == DENGINE_E_NOT_FOUND) {
        rc = 0;
    }
    if (rc != 0) {
        de_kv_view_close(view);
    }
    DE_ASSERT_IMPLIES(rc == 0, view->view != NULL);
    return rc;
}

int de_kv_view_find(struct de_kv_view *view, struct dengine_slice key, struct dengine_slice *bytes)
{
    const struct dengine_kv_store *store = &view->kv->store;
    uint8_t buffer[DENGINE_KV_KEY_MAX];

    DE_ASSERT(view->view != NULL);
    DE_ASSERT(bytes != NULL);
    if (key.size == 0 || key.size > DE_KV_USER_KEY_MAX) {
        return DENGINE_E_NOT_FOUND;
    }
    return store->ops->view_get(store->object, view->view, de_kv_user_key(key, buffer), bytes);
}

int de_kv_view_get(struct de_kv_view *view, struct dengine_slice key, struct de_kv_record *record)
{
    struct dengine_slice bytes = {NULL, 0};
    const int rc = de_kv_view_find(view, key, &bytes);

    DE_ASSERT(record != NULL);
    return rc == 0 ? de_kv_record_decode(bytes, record) : rc;
}

static int visit_pair(const struct dengine_kv_pair *pair,
                      int (*visit)(void *context, struct dengine_slice key,
                                   const struct de_kv_record *record),
                      void *context)
{
    const uint8_t *bytes = pair->key.data;
    struct de_kv_record record;
    int rc;

    DE_ASSERT(pair->key.size > 1);
    DE_ASSERT(bytes[0] == DE_KV_SPACE_USER); /* the last name space, and we started inside it */
    rc = de_kv_record_decode(pair->value, &record);
    if (rc != 0) {
        return rc;
    }
    return visit(context, dengine_bytes(bytes + 1, pair->key.size - 1), &record);
}

int de_kv_view_iterate(struct de_kv_view *view, struct dengine_slice from,
                       int (*visit)(void *context, struct dengine_slice key,
                                    const struct de_kv_record *record),
                       void *context)
{
    const struct dengine_kv_store store = view->kv->store;
    struct dengine_kv_cursor *cursor = NULL;
    struct dengine_kv_pair pair;
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    int rc;

    DE_ASSERT(view->view != NULL);
    DE_ASSERT(visit != NULL);
    if (from.size > DE_KV_USER_KEY_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    rc = store.ops->cursor_open(store.object, view->view, &cursor);
    if (rc != 0) {
        return rc;
    }
    rc = store.ops->cursor_seek(store.object, cursor, de_kv_user_key(from, buffer), &pair);
    while (rc == 0) {
        const int stop = visit_pair(&pair, visit, context);

        if (stop != 0) {
            store.ops->cursor_close(store.object, cursor);
            return stop;
        }
        rc = store.ops->cursor_next(store.object, cursor, &pair);
    }
    store.ops->cursor_close(store.object, cursor);
    return rc == DENGINE_E_NOT_FOUND ? 0 : rc;
}

void de_kv_view_close(struct de_kv_view *view)
{
    DE_ASSERT(view->kv != NULL);
    DE_ASSERT(view->view != NULL);
    view->kv->store.ops->view_close(view->kv->store.object, view->view);
    view->view = NULL;
}
