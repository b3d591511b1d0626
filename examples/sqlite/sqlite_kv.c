/* The map in one table, in the order of its keys: SQLite compares blobs as memcmp does. What the
 * contract asks for maps onto SQLite's own: a write transaction is one, a view is a read
 * transaction on a connection of its own (in WAL mode neither waits for the other), and a
 * replacement is a transaction that begins by deleting everything; it spills to the file, so memory
 * stays bounded, and views go on to read what was there before. */
#include "sqlite_kv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"

/* PRAGMA application_id of our files: "DKey". */
#define APPLICATION 0x444b6579

static const char tables[] =
    "CREATE TABLE pairs (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID";

enum statement {
    GET,
    PUT,
    REMOVE,
    ITERATE,
    STATEMENTS,
};

static const char *const sql_of[STATEMENTS] = {
    [GET] = "SELECT key, value FROM pairs WHERE key = ?",
    [PUT] = "INSERT OR REPLACE INTO pairs VALUES (?, ?)",
    [REMOVE] = "DELETE FROM pairs WHERE key = ?",
    [ITERATE] = "SELECT key, value FROM pairs WHERE key >= ? ORDER BY key",
};

struct sqlite_kv {
    sqlite3 *database; /* the applier's */
    sqlite3_stmt *statements[STATEMENTS];
    char *path;
    void *value;                   /* what get gave last */
    char last[DENGINE_KV_KEY_MAX]; /* key that replace_put has put last */
    size_t last_size;              /* 0 = none yet */
    char message[256];
};

/* What a view has given out, and keeps until it is closed. */
struct copy {
    struct copy *next;
};

enum look {
    EQUAL,
    AT_OR_AFTER,
    AFTER,
    BEFORE,
    LAST,
    LOOKS,
};

static const char *const sql_of_look[LOOKS] = {
    [EQUAL] = "SELECT key, value FROM pairs WHERE key = ?",
    [AT_OR_AFTER] = "SELECT key, value FROM pairs WHERE key >= ? ORDER BY key LIMIT 1",
    [AFTER] = "SELECT key, value FROM pairs WHERE key > ? ORDER BY key LIMIT 1",
    [BEFORE] = "SELECT key, value FROM pairs WHERE key < ? ORDER BY key DESC LIMIT 1",
    [LAST] = "SELECT key, value FROM pairs ORDER BY key DESC LIMIT 1",
};

struct dengine_kv_view {
    sqlite3 *database;
    sqlite3_stmt *looks[LOOKS];
    struct copy *copies;
};

struct dengine_kv_cursor {
    struct dengine_kv_view *view;
    struct dengine_slice key; /* where it stands, a copy of the view's; no data: nowhere */
};

static int say(struct sqlite_kv *kv, int error, const char *what)
{
    (void)snprintf(kv->message, sizeof kv->message, "%s: %s", what, sqlite3_errmsg(kv->database));
    return error;
}

static int run(struct sqlite_kv *kv, const char *sql)
{
    const int error = database_run(kv->database, sql);

    return error == 0 ? 0 : say(kv, error, sql);
}

static int bind(sqlite3_stmt *statement, int place, struct dengine_slice bytes)
{
    /* With a pointer of NULL the parameter would be NULL, not empty. */
    return sqlite3_bind_blob64(statement, place, bytes.size == 0 ? "" : bytes.data, bytes.size,
                               SQLITE_STATIC);
}

static struct dengine_slice column(sqlite3_stmt *statement, int place)
{
    const void *data = sqlite3_column_blob(statement, place);
    const struct dengine_slice slice = {data, (size_t)sqlite3_column_bytes(statement, place)};

    return slice;
}

static bool is_key(struct dengine_slice key)
{
    return key.size > 0 && key.size <= DENGINE_KV_KEY_MAX;
}

/* ---- transactions ---- */

static int kv_begin(void *store)
{
    return run(store, "BEGIN IMMEDIATE");
}

static int kv_get(void *store, struct dengine_slice key, struct dengine_slice *value)
{
    struct sqlite_kv *kv = store;
    sqlite3_stmt *statement = kv->statements[GET];
    int error = bind(statement, 1, key) == SQLITE_OK ? 0 : database_error(kv->database);
    int step = error == 0 ? sqlite3_step(statement) : SQLITE_DONE;

    free(kv->value);
    kv->value = NULL;
    if (step == SQLITE_ROW) {
        const struct dengine_slice found = column(statement, 1);

        kv->value = malloc(found.size + 1);
        if (kv->value == NULL) {
            error = DENGINE_E_NO_MEMORY;
        } else {
            if (found.size > 0) {
                memcpy(kv->value, found.data, found.size);
            }
            value->data = kv->value;
            value->size = found.size;
        }
    } else if (error == 0) {
        error = step == SQLITE_DONE ? DENGINE_E_NOT_FOUND
                                    : say(kv, database_error(kv->database), "get");
    }
    (void)sqlite3_reset(statement);
    return error;
}

static int put(struct sqlite_kv *kv, struct dengine_slice key, struct dengine_slice value)
{
    sqlite3_stmt *statement = kv->statements[PUT];
    int error = 0;

    if (bind(statement, 1, key) != SQLITE_OK || bind(statement, 2, value) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_DONE) {
        error = say(kv, database_error(kv->database), "put");
    }
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return error;
}

static int kv_put(void *store, struct dengine_slice key, struct dengine_slice value)
{
    return is_key(key) ? put(store, key, value) : DENGINE_E_INVALID;
}

static int kv_remove(void *store, struct dengine_slice key)
{
    struct sqlite_kv *kv = store;
    sqlite3_stmt *statement = kv->statements[REMOVE];
    int error = 0;

    if (bind(statement, 1, key) != SQLITE_OK || sqlite3_step(statement) != SQLITE_DONE) {
        error = say(kv, database_error(kv->database), "remove");
    }
    (void)sqlite3_reset(statement);
    return error == 0 && sqlite3_changes(kv->database) == 0 ? DENGINE_E_NOT_FOUND : error;
}

static int kv_iterate(void *store, struct dengine_slice from,
                      int (*visit)(void *context, struct dengine_slice key,
                                   struct dengine_slice value),
                      void *context)
{
    struct sqlite_kv *kv = store;
    sqlite3_stmt *statement = kv->statements[ITERATE];
    int step = SQLITE_ROW;
    int error = bind(statement, 1, from) == SQLITE_OK ? 0 : database_error(kv->database);

    while (error == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        error = visit(context, column(statement, 0), column(statement, 1));
    }
    if (error == 0 && step != SQLITE_DONE) {
        error = say(kv, database_error(kv->database), "iterate");
    }
    (void)sqlite3_reset(statement);
    return error;
}

static int kv_commit(void *store)
{
    return run(store, "COMMIT");
}

static void kv_abort(void *store)
{
    struct sqlite_kv *kv = store;

    /* After some errors SQLite has rolled back by itself. */
    if (!sqlite3_get_autocommit(kv->database)) {
        (void)run(kv, "ROLLBACK");
    }
}

/* ---- views ---- */

static void view_close(void *store, struct dengine_kv_view *view)
{
    int i;

    (void)store;
    for (i = 0; i < LOOKS; i++) {
        (void)sqlite3_finalize(view->looks[i]);
    }
    (void)sqlite3_close(view->database);
    while (view->copies != NULL) {
        struct copy *next = view->copies->next;

        free(view->copies);
        view->copies = next;
    }
    free(view);
}

static int view_open(void *store, struct dengine_kv_view **result)
{
    const struct sqlite_kv *kv = store;
    struct dengine_kv_view *view = calloc(1, sizeof *view);
    sqlite3_int64 tables_now = 0;
    bool created;
    int error;
    int i;

    if (view == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    error = database_open(kv->path, APPLICATION, tables, &view->database, &created);
    error = error == 0 ? database_run(view->database, "BEGIN") : error;
    /* BEGIN alone fixes nothing; what is read first, does. */
    error = error == 0
                ? database_ask(view->database, "SELECT count(*) FROM sqlite_master", &tables_now)
                : error;
    for (i = 0; error == 0 && i < LOOKS; i++) {
        if (sqlite3_prepare_v2(view->database, sql_of_look[i], -1, &view->looks[i], NULL) !=
            SQLITE_OK) {
            error = database_error(view->database);
        }
    }
    if (error != 0) {
        view_close(store, view);
        return error;
    }
    *result = view;
    return 0;
}

/* Copies what a statement stands on into the view. */
static int keep(struct dengine_kv_view *view, sqlite3_stmt *statement, struct dengine_kv_pair *pair)
{
    const struct dengine_slice key = column(statement, 0);
    const struct dengine_slice value = column(statement, 1);
    struct copy *copy = malloc(sizeof *copy + key.size + value.size);
    char *bytes = (char *)(copy + 1);

    if (copy == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    copy->next = view->copies;
    view->copies = copy;
    memcpy(bytes, key.data, key.size);
    if (value.size > 0) {
        memcpy(bytes + key.size, value.data, value.size);
    }
    pair->key = (struct dengine_slice){bytes, key.size};
    pair->value = (struct dengine_slice){bytes + key.size, value.size};
    return 0;
}

static int look(struct dengine_kv_view *view, enum look how, struct dengine_slice key,
                struct dengine_kv_pair *pair)
{
    sqlite3_stmt *statement = view->looks[how];
    int error = 0;
    int step;

    if (how != LAST && bind(statement, 1, key) != SQLITE_OK) {
        return database_error(view->database);
    }
    step = sqlite3_step(statement);
    if (step == SQLITE_ROW) {
        error = keep(view, statement, pair);
    } else {
        error = step == SQLITE_DONE ? DENGINE_E_NOT_FOUND : database_error(view->database);
    }
    (void)sqlite3_reset(statement);
    return error;
}

static int view_get(void *store, struct dengine_kv_view *view, struct dengine_slice key,
                    struct dengine_slice *value)
{
    struct dengine_kv_pair pair;
    const int error = look(view, EQUAL, key, &pair);

    (void)store;
    if (error == 0) {
        *value = pair.value;
    }
    return error;
}

/* ---- cursors ---- */

static int cursor_open(void *store, struct dengine_kv_view *view, struct dengine_kv_cursor **result)
{
    struct dengine_kv_cursor *cursor = calloc(1, sizeof *cursor);

    (void)store;
    if (cursor == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    cursor->view = view;
    *result = cursor;
    return 0;
}

/* Goes where look leads; nowhere when that is nothing. */
static int go(struct dengine_kv_cursor *cursor, enum look how, struct dengine_slice key,
              struct dengine_kv_pair *pair)
{
    const int error = look(cursor->view, how, key, pair);

    cursor->key = error == 0 ? pair->key : (struct dengine_slice){NULL, 0};
    return error;
}

static int cursor_seek(void *store, struct dengine_kv_cursor *cursor, struct dengine_slice key,
                       struct dengine_kv_pair *pair)
{
    (void)store;
    return go(cursor, AT_OR_AFTER, key, pair);
}

static int cursor_seek_before(void *store, struct dengine_kv_cursor *cursor,
                              struct dengine_slice key, struct dengine_kv_pair *pair)
{
    (void)store;
    return go(cursor, key.size == 0 ? LAST : BEFORE, key, pair);
}

static int cursor_next(void *store, struct dengine_kv_cursor *cursor, struct dengine_kv_pair *pair)
{
    (void)store;
    return cursor->key.data == NULL ? DENGINE_E_INVALID : go(cursor, AFTER, cursor->key, pair);
}

static int cursor_previous(void *store, struct dengine_kv_cursor *cursor,
                           struct dengine_kv_pair *pair)
{
    (void)store;
    return cursor->key.data == NULL ? DENGINE_E_INVALID : go(cursor, BEFORE, cursor->key, pair);
}

static void cursor_close(void *store, struct dengine_kv_cursor *cursor)
{
    (void)store;
    free(cursor);
}

/* ---- replacement ---- */

static int replace_begin(void *store)
{
    struct sqlite_kv *kv = store;
    int error = run(kv, "BEGIN IMMEDIATE");

    kv->last_size = 0;
    error = error == 0 ? run(kv, "DELETE FROM pairs") : error;
    if (error != 0) {
        kv_abort(store);
    }
    return error;
}

static int replace_put(void *store, struct dengine_slice key, struct dengine_slice value)
{
    struct sqlite_kv *kv = store;
    const size_t common = key.size < kv->last_size ? key.size : kv->last_size;
    int order;

    if (!is_key(key)) {
        return DENGINE_E_INVALID;
    }
    order = memcmp(key.data, kv->last, common);
    if (order < 0 || (order == 0 && key.size <= kv->last_size)) {
        (void)snprintf(kv->message, sizeof kv->message, "the keys do not ascend");
        return DENGINE_E_INVALID;
    }
    memcpy(kv->last, key.data, key.size);
    kv->last_size = key.size;
    return put(kv, key, value);
}

static int replace_commit(void *store)
{
    const int error = kv_commit(store);

    if (error != 0) {
        kv_abort(store);
    }
    return error;
}

/* ---- the store ---- */

static int kv_sync(void *store)
{
    (void)store;
    return 0; /* COMMIT has synced it */
}

static const char *kv_message(void *store)
{
    return ((struct sqlite_kv *)store)->message;
}

static void kv_close(void *store)
{
    struct sqlite_kv *kv = store;
    int i;

    for (i = 0; i < STATEMENTS; i++) {
        (void)sqlite3_finalize(kv->statements[i]);
    }
    (void)sqlite3_close(kv->database);
    free(kv->value);
    free(kv->path);
    free(kv);
}

static int prepare(struct sqlite_kv *kv, const char *path)
{
    const size_t size = strlen(path) + 1;
    bool created;
    int error;
    int i;

    kv->path = malloc(size);
    if (kv->path == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memcpy(kv->path, path, size);
    error = database_open(path, APPLICATION, tables, &kv->database, &created);
    for (i = 0; error == 0 && i < STATEMENTS; i++) {
        if (sqlite3_prepare_v2(kv->database, sql_of[i], -1, &kv->statements[i], NULL) !=
            SQLITE_OK) {
            error = database_error(kv->database);
        }
    }
    return error;
}

int sqlite_kv_open(const char *path, struct dengine_kv_store *store)
{
    static const struct dengine_kv_store_ops ops = {
        .begin = kv_begin,
        .get = kv_get,
        .put = kv_put,
        .remove = kv_remove,
        .iterate = kv_iterate,
        .commit = kv_commit,
        .abort = kv_abort,
        .view_open = view_open,
        .view_get = view_get,
        .view_close = view_close,
        .cursor_open = cursor_open,
        .cursor_seek = cursor_seek,
        .cursor_seek_before = cursor_seek_before,
        .cursor_next = cursor_next,
        .cursor_previous = cursor_previous,
        .cursor_close = cursor_close,
        .replace_begin = replace_begin,
        .replace_put = replace_put,
        .replace_commit = replace_commit,
        .replace_abort = kv_abort,
        .sync = kv_sync,
        .message = kv_message,
        .close = kv_close,
    };
    struct sqlite_kv *kv = calloc(1, sizeof *kv);
    int error;

    if (kv == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    error = prepare(kv, path);
    if (error != 0) {
        kv_close(kv);
        return error;
    }
    store->ops = &ops;
    store->object = kv;
    return 0;
}
