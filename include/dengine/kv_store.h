/* dengine/kv_store.h - what a store for the key-value state machine has to offer: a plain ordered
 * map with atomic batches and snapshot reads. It knows nothing of CAS, revisions or leases; all of
 * that lives once, in core/kv.
 *
 * Keys are 1..511 bytes in memcmp order, values 0..2^31-1 bytes.
 *
 * Threads: begin .. commit/abort come from one thread (the applier), one write transaction at a
 * time. Read views may be opened, used and closed in any thread, also while a write transaction is
 * open; one view is used by one thread at a time. A view sees exactly the state of the last commit
 * before it was opened.
 *
 * Errors: DENGINE_E_NOT_FOUND, IO, NO_SPACE, CORRUPT, NO_MEMORY, BUSY (too many views). After any
 * other error than NOT_FOUND inside a write transaction the caller aborts it. */
#ifndef DENGINE_KV_STORE_H
#define DENGINE_KV_STORE_H

#include <stdbool.h>

#include <dengine/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DENGINE_KV_KEY_MAX 511

struct dengine_kv_view;
struct dengine_kv_cursor;

/* What a cursor stands on. */
struct dengine_kv_pair {
    struct dengine_slice key;
    struct dengine_slice value;
};

struct dengine_kv_store_ops {
    int (*begin)(void *store);
    /* Sees what the open transaction wrote. value lives until the next call on the transaction. */
    int (*get)(void *store, struct dengine_slice key, struct dengine_slice *value);
    int (*put)(void *store, struct dengine_slice key, struct dengine_slice value);
    /* NOT_FOUND when there is no such key. */
    int (*remove)(void *store, struct dengine_slice key);
    /* Visits keys >= from in ascending order as the open transaction sees them. The visitor must
     * not change the store. A non-zero return stops and is returned. */
    int (*iterate)(void *store, struct dengine_slice from,
                   int (*visit)(void *context, struct dengine_slice key,
                                struct dengine_slice value),
                   void *context);
    /* All of the transaction becomes visible, atomically, also to a crash of the process. */
    int (*commit)(void *store);
    void (*abort)(void *store);

    int (*view_open)(void *store, struct dengine_kv_view **view);
    /* value lives until the view is closed. */
    int (*view_get)(void *store, struct dengine_kv_view *view, struct dengine_slice key,
                    struct dengine_slice *value);
    /* No cursor on it may be open. */
    void (*view_close)(void *store, struct dengine_kv_view *view);

    /* A cursor walks a view in both directions, with pauses of any length. Used by the thread that
     * uses the view. Each step gives the pair it comes to, which lives until the view is closed, or
     * NOT_FOUND when there is none; after that, and after an error, it must be placed anew before
     * it can step. */
    int (*cursor_open)(void *store, struct dengine_kv_view *view,
                       struct dengine_kv_cursor **cursor);
    /* Places it on the first key >= key; an empty key: on the first of all. */
    int (*cursor_seek)(void *store, struct dengine_kv_cursor *cursor, struct dengine_slice key,
                       struct dengine_kv_pair *pair);
    /* Places it on the last key < key; an empty key: on the last of all. */
    int (*cursor_seek_before)(void *store, struct dengine_kv_cursor *cursor,
                              struct dengine_slice key, struct dengine_kv_pair *pair);
    int (*cursor_next)(void *store, struct dengine_kv_cursor *cursor, struct dengine_kv_pair *pair);
    int (*cursor_previous)(void *store, struct dengine_kv_cursor *cursor,
                           struct dengine_kv_pair *pair);
    /* As cursor_next, or cursor_previous with reverse, up to room times in one call: pairs get what
     * it comes to, *count says how many these are. Fewer than room: it came to the end, and must be
     * placed anew before it can step; NOT_FOUND: it was there. room is at least 1. For stores that
     * step faster than they are called; NULL: the caller steps. */
    int (*cursor_read)(void *store, struct dengine_kv_cursor *cursor, bool reverse,
                       struct dengine_kv_pair *pairs, size_t room, size_t *count);
    void (*cursor_close)(void *store, struct dengine_kv_cursor *cursor);

    /* Replaces the whole map, of any size, in bounded memory: begin, put keys in ascending order,
     * commit. Atomic: views opened before commit see the old map until they are closed, views
     * opened after it the new one; a crash leaves the one or the other. From begin to commit or
     * abort no transaction may be open; the calls come from the thread of the transactions. A put
     * of a key that is not above the one before it is INVALID. After an error of a put the caller
     * aborts. abort, or a commit that fails, ends the replacement and leaves the old map. */
    int (*replace_begin)(void *store);
    int (*replace_put)(void *store, struct dengine_slice key, struct dengine_slice value);
    int (*replace_commit)(void *store);
    void (*replace_abort)(void *store);

    /* Makes everything committed durable; called before the log below it is discarded. */
    int (*sync)(void *store);
    const char *(*message)(void *store);
    /* No view or transaction may be open. */
    void (*close)(void *store);
};

/* A key-value store: an implementation and its object. Passed by value. */
struct dengine_kv_store {
    const struct dengine_kv_store_ops *ops;
    void *object;
};

#ifdef __cplusplus
}
#endif

#endif
