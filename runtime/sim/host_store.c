/* The store of a host's state machine behind a probe that fails now and then, as a fault says
 * (schedule.h, store-error): in the midst of a transaction, of a replacement, or while a snapshot
 * of the state is read. Only what the node asks of its state machine fails, never a look that the
 * simulator itself takes. */
#include "core/base/assert.h"
#include "runtime/sim/host.h"

static struct dengine_kv_store real(const struct de_host_store *store)
{
    DE_ASSERT(store->real.ops != NULL);
    return store->real;
}

/* 0, or the error whose time has come. */
static int trouble(struct de_host_store *store)
{
    if (!store->asked || store->fails_in == UINT64_MAX || store->fails_in-- > 0) {
        return 0;
    }
    store->fails_in = UINT64_MAX;
    store->last = store->error;
    store->troubled = store->error != DENGINE_E_NO_SPACE; /* which excuses nothing */
    return store->error;
}

static int store_begin(void *object)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error : real(store).ops->begin(real(store).object);
}

static int store_get(void *object, struct dengine_slice key, struct dengine_slice *value)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error : real(store).ops->get(real(store).object, key, value);
}

static int store_put(void *object, struct dengine_slice key, struct dengine_slice value)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error : real(store).ops->put(real(store).object, key, value);
}

static int store_remove(void *object, struct dengine_slice key)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error : real(store).ops->remove(real(store).object, key);
}

static int store_iterate(void *object, struct dengine_slice from,
                         int (*visit)(void *context, struct dengine_slice key,
                                      struct dengine_slice value),
                         void *context)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error : real(store).ops->iterate(real(store).object, from, visit, context);
}

static void store_abort(void *object)
{
    struct de_host_store *store = object;

    real(store).ops->abort(real(store).object);
}

/* A commit that fails has ended the transaction. */
static int store_commit(void *object)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    if (error != 0) {
        store_abort(store);
        return error;
    }
    return real(store).ops->commit(real(store).object);
}

static int store_view_open(void *object, struct dengine_kv_view **view)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error : real(store).ops->view_open(real(store).object, view);
}

static int store_view_get(void *object, struct dengine_kv_view *view, struct dengine_slice key,
                          struct dengine_slice *value)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error : real(store).ops->view_get(real(store).object, view, key, value);
}

static void store_view_close(void *object, struct dengine_kv_view *view)
{
    struct de_host_store *store = object;

    real(store).ops->view_close(real(store).object, view);
}

static int store_cursor_open(void *object, struct dengine_kv_view *view,
                             struct dengine_kv_cursor **cursor)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error : real(store).ops->cursor_open(real(store).object, view, cursor);
}

static int store_cursor_seek(void *object, struct dengine_kv_cursor *cursor,
                             struct dengine_slice key, struct dengine_kv_pair *pair)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error : real(store).ops->cursor_seek(real(store).object, cursor, key, pair);
}

static int store_cursor_seek_before(void *object, struct dengine_kv_cursor *cursor,
                                    struct dengine_slice key, struct dengine_kv_pair *pair)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error
                      : real(store).ops->cursor_seek_before(real(store).object, cursor, key, pair);
}

static int store_cursor_next(void *object, struct dengine_kv_cursor *cursor,
                             struct dengine_kv_pair *pair)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error : real(store).ops->cursor_next(real(store).object, cursor, pair);
}

static int store_cursor_previous(void *object, struct dengine_kv_cursor *cursor,
                                 struct dengine_kv_pair *pair)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error : real(store).ops->cursor_previous(real(store).object, cursor, pair);
}

static int store_cursor_read(void *object, struct dengine_kv_cursor *cursor, bool reverse,
                             struct dengine_kv_pair *pairs, size_t room, size_t *count)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error
                      : real(store).ops->cursor_read(real(store).object, cursor, reverse, pairs,
                                                     room, count);
}

static void store_cursor_close(void *object, struct dengine_kv_cursor *cursor)
{
    struct de_host_store *store = object;

    real(store).ops->cursor_close(real(store).object, cursor);
}

static int store_replace_begin(void *object)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error : real(store).ops->replace_begin(real(store).object);
}

static int store_replace_put(void *object, struct dengine_slice key, struct dengine_slice value)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error : real(store).ops->replace_put(real(store).object, key, value);
}

static void store_replace_abort(void *object)
{
    struct de_host_store *store = object;

    real(store).ops->replace_abort(real(store).object);
}

/* One that fails has ended the replacement. */
static int store_replace_commit(void *object)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    if (error != 0) {
        store_replace_abort(store);
        return error;
    }
    return real(store).ops->replace_commit(real(store).object);
}

static int store_sync(void *object)
{
    struct de_host_store *store = object;
    const int error = trouble(store);

    return error != 0 ? error : real(store).ops->sync(real(store).object);
}

static const char *store_message(void *object)
{
    const struct de_host_store *store = object;

    return store->last != 0 ? dengine_strerror(store->last) : "";
}

static void store_close(void *object)
{
    struct de_host_store *store = object;

    real(store).ops->close(real(store).object);
    store->real.ops = NULL;
}

struct dengine_kv_store de_host_store_probe(struct de_host_store *store,
                                            struct dengine_kv_store wrapped)
{
    static const struct dengine_kv_store_ops ops = {
        .begin = store_begin,
        .get = store_get,
        .put = store_put,
        .remove = store_remove,
        .iterate = store_iterate,
        .commit = store_commit,
        .abort = store_abort,
        .view_open = store_view_open,
        .view_get = store_view_get,
        .view_close = store_view_close,
        .cursor_open = store_cursor_open,
        .cursor_seek = store_cursor_seek,
        .cursor_seek_before = store_cursor_seek_before,
        .cursor_next = store_cursor_next,
        .cursor_previous = store_cursor_previous,
        .cursor_read = store_cursor_read,
        .cursor_close = store_cursor_close,
        .replace_begin = store_replace_begin,
        .replace_put = store_replace_put,
        .replace_commit = store_replace_commit,
        .replace_abort = store_replace_abort,
        .sync = store_sync,
        .message = store_message,
        .close = store_close,
    };
    struct dengine_kv_store made = {&ops, store};

    DE_ASSERT(wrapped.ops->cursor_read != NULL);
    store->real = wrapped;
    return made;
}
