/* The log in two tables, "entries" and, with one row, "state". One call of write is one SQL
 * transaction, so all of it is there after a crash or nothing; synchronous = FULL makes SQLite sync
 * its journal before COMMIT returns, so what write acknowledges is durable. */
#include "sqlite_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"

/* PRAGMA application_id of our files: "DLog". */
#define APPLICATION 0x444c6f67

/* The largest index, as the contract has it; it fits SQLite's signed integers. */
#define INDEX_MAX (UINT64_MAX / 2)
#define DATA_MAX  (1u << 30)

enum statement {
    ADD,
    READ,
    TRUNCATE,
    COMPACT,
    SAVE,
    STATEMENTS,
};

static const char *const sql_of[STATEMENTS] = {
    [ADD] = "INSERT INTO entries VALUES (?, ?, ?, ?)",
    [READ] = "SELECT idx, term, type, data FROM entries WHERE idx BETWEEN ? AND ? ORDER BY idx",
    [TRUNCATE] = "DELETE FROM entries WHERE idx >= ?",
    [COMPACT] = "DELETE FROM entries WHERE idx <= ?",
    [SAVE] = "UPDATE state SET term = ?, vote = ?, commit_hint = ?, first_idx = ?, base_term = ?",
};

static const char tables[] =
    "CREATE TABLE entries (idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, type INTEGER NOT NULL,"
    " data BLOB NOT NULL);"
    "CREATE TABLE state (term INTEGER, vote INTEGER, commit_hint INTEGER, first_idx INTEGER,"
    " base_term INTEGER);"
    "INSERT INTO state VALUES (0, 0, 0, 1, 0)";

struct sqlite_log {
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENTS];
    struct dengine_log_state state;
    int broken; /* what the store failed with for good; 0 = it works */
    char message[256];
};

/* ---- errors ---- */

static int say(struct sqlite_log *log, int error, const char *what)
{
    (void)snprintf(log->message, sizeof log->message, "%s: %s", what,
                   log->database == NULL ? dengine_strerror(error) : sqlite3_errmsg(log->database));
    return error;
}

/* After these nothing has changed, and the store may go on; after all others nobody knows what is
 * on the disk, and it may not: a second sync may succeed for pages that the first one has lost. */
static int settle(struct sqlite_log *log, int error)
{
    if (error != DENGINE_E_NO_SPACE && error != DENGINE_E_NO_MEMORY &&
        error != DENGINE_E_TOO_LARGE) {
        log->broken = error;
    }
    return error;
}

/* ---- statements ---- */

static int run(struct sqlite_log *log, const char *sql)
{
    const int error = database_run(log->database, sql);

    return error == 0 ? 0 : say(log, error, sql);
}

static void bind(sqlite3_stmt *statement, int place, uint64_t number)
{
    (void)sqlite3_bind_int64(statement, place, (sqlite3_int64)number); /* cannot fail */
}

/* Runs a statement that gives no rows, its parameters bound. */
static int finish(struct sqlite_log *log, enum statement which)
{
    sqlite3_stmt *statement = log->statements[which];
    int error = sqlite3_step(statement) == SQLITE_DONE
                    ? 0
                    : say(log, database_error(log->database), sql_of[which]);

    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return error;
}

static int add(struct sqlite_log *log, uint64_t index, const struct dengine_entry *entry)
{
    sqlite3_stmt *statement = log->statements[ADD];

    bind(statement, 1, index);
    bind(statement, 2, entry->term);
    bind(statement, 3, entry->type);
    /* With a pointer of NULL the column would be NULL, not empty. */
    if (sqlite3_bind_blob64(statement, 4, entry->data.size == 0 ? "" : entry->data.data,
                            entry->data.size, SQLITE_STATIC) != SQLITE_OK) {
        return say(log, database_error(log->database), sql_of[ADD]);
    }
    return finish(log, ADD);
}

static int remove_entries(struct sqlite_log *log, enum statement which, uint64_t index)
{
    bind(log->statements[which], 1, index);
    return finish(log, which);
}

static int save(struct sqlite_log *log, const struct dengine_log_state *state)
{
    sqlite3_stmt *statement = log->statements[SAVE];

    bind(statement, 1, state->hard_state.term);
    bind(statement, 2, state->hard_state.vote);
    bind(statement, 3, state->hard_state.commit);
    bind(statement, 4, state->first_index);
    bind(statement, 5, state->base_term);
    return finish(log, SAVE);
}

/* ---- a transaction ---- */

static int begin(struct sqlite_log *log)
{
    return log->broken != 0 ? log->broken : run(log, "BEGIN IMMEDIATE");
}

/* Ends what begin began: commits when error is 0, and then state is what the log is. */
static int end(struct sqlite_log *log, int error, const struct dengine_log_state *state)
{
    char message[sizeof log->message];

    if (error == 0) {
        error = run(log, "COMMIT");
    }
    if (error == 0) {
        log->state = *state;
        return 0;
    }
    memcpy(message, log->message, sizeof message);
    if (!sqlite3_get_autocommit(log->database) && run(log, "ROLLBACK") != 0) {
        error = DENGINE_E_IO;
    }
    memcpy(log->message, message, sizeof message); /* why, not what followed from it */
    return settle(log, error);
}

/* ---- the store ---- */

static void log_state(void *store, struct dengine_log_state *state)
{
    *state = ((struct sqlite_log *)store)->state;
}

/* Whether a write fits a log whose last index is *last, which then becomes the one after it. */
static int check(const struct sqlite_log *log, const struct dengine_log_write *write,
                 uint64_t *last)
{
    size_t i;

    if (write->truncate_from != 0 && write->truncate_from < log->state.first_index) {
        return DENGINE_E_INVALID;
    }
    if (write->truncate_from != 0 && write->truncate_from <= *last) {
        *last = write->truncate_from - 1;
    }
    for (i = 0; i < write->entry_count; i++) {
        if (write->entries[i].data.size > DATA_MAX) {
            return DENGINE_E_TOO_LARGE;
        }
    }
    if (write->entry_count > 0 &&
        (write->first_index != *last + 1 || write->entry_count > INDEX_MAX - *last)) {
        return DENGINE_E_INVALID;
    }
    *last += write->entry_count;
    return 0;
}

static int carry_out(struct sqlite_log *log, const struct dengine_log_write *write)
{
    size_t i;
    int error = 0;

    if (write->truncate_from != 0) {
        /* Beyond the last index there is nothing, and SQLite's integers end before ours. */
        error = remove_entries(log, TRUNCATE,
                               write->truncate_from > INDEX_MAX ? INDEX_MAX : write->truncate_from);
    }
    for (i = 0; error == 0 && i < write->entry_count; i++) {
        error = add(log, write->first_index + i, &write->entries[i]);
    }
    return error;
}

static int log_write(void *store, const struct dengine_log_write *writes, size_t count)
{
    struct sqlite_log *log = store;
    struct dengine_log_state after = log->state;
    size_t i;
    int error = log->broken;

    for (i = 0; error == 0 && i < count; i++) {
        error = check(log, &writes[i], &after.last_index);
        if (error != 0) {
            (void)snprintf(log->message, sizeof log->message,
                           "nothing was written: the write does not fit the log");
            return error;
        }
        if (writes[i].set_hard_state) {
            after.hard_state = writes[i].hard_state;
        }
    }
    error = error == 0 ? begin(log) : error;
    if (error != 0) {
        return error;
    }
    for (i = 0; error == 0 && i < count; i++) {
        error = carry_out(log, &writes[i]);
    }
    if (error == 0) {
        error = save(log, &after);
    }
    return end(log, error, &after);
}

static int log_read(void *store, uint64_t first, uint64_t last,
                    int (*visit)(void *context, uint64_t index, const struct dengine_entry *entry),
                    void *context)
{
    struct sqlite_log *log = store;
    sqlite3_stmt *statement = log->statements[READ];
    uint64_t expected = first;
    int step = SQLITE_DONE;
    int error = 0;

    if (first < log->state.first_index || last > log->state.last_index || first > last) {
        return DENGINE_E_INVALID;
    }
    bind(statement, 1, first);
    bind(statement, 2, last);
    while (error == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        const struct dengine_entry entry = {
            (uint64_t)sqlite3_column_int64(statement, 1),
            (uint32_t)sqlite3_column_int64(statement, 2),
            {sqlite3_column_blob(statement, 3), (size_t)sqlite3_column_bytes(statement, 3)}};

        if ((uint64_t)sqlite3_column_int64(statement, 0) != expected) {
            break;
        }
        error = visit(context, expected, &entry);
        expected++;
    }
    if (error == 0 && step != SQLITE_ROW && step != SQLITE_DONE) {
        error = say(log, database_error(log->database), sql_of[READ]);
    } else if (error == 0 && expected != last + 1) {
        (void)snprintf(log->message, sizeof log->message, "entry %llu is not in the database",
                       (unsigned long long)expected);
        error = DENGINE_E_CORRUPT;
    }
    (void)sqlite3_reset(statement);
    return error;
}

static int log_compact(void *store, uint64_t index, uint64_t term)
{
    struct sqlite_log *log = store;
    struct dengine_log_state after = log->state;
    int error;

    if (log->broken != 0) {
        return log->broken;
    }
    if (index > log->state.last_index) {
        return DENGINE_E_INVALID;
    }
    if (index < log->state.first_index) {
        return 0;
    }
    after.first_index = index + 1;
    after.base_term = term;
    error = begin(log);
    if (error != 0) {
        return error;
    }
    error = remove_entries(log, COMPACT, index);
    return end(log, error != 0 ? error : save(log, &after), &after);
}

static int log_reset(void *store, uint64_t index, uint64_t term,
                     const struct dengine_hard_state *hard_state)
{
    struct sqlite_log *log = store;
    struct dengine_log_state after = {.hard_state = *hard_state,
                                      .first_index = index + 1,
                                      .last_index = index,
                                      .base_term = term};
    int error;

    if (index > INDEX_MAX) {
        return DENGINE_E_INVALID;
    }
    error = begin(log);
    if (error != 0) {
        return error;
    }
    error = remove_entries(log, TRUNCATE, 0);
    return end(log, error != 0 ? error : save(log, &after), &after);
}

static const char *log_message(void *store)
{
    return ((struct sqlite_log *)store)->message;
}

static void log_close(void *store)
{
    struct sqlite_log *log = store;
    int i;

    for (i = 0; i < STATEMENTS; i++) {
        (void)sqlite3_finalize(log->statements[i]);
    }
    (void)sqlite3_close(log->database);
    free(log);
}

/* ---- opening ---- */

static int load_state(struct sqlite_log *log)
{
    static const char *const columns[] = {
        "SELECT term FROM state",        "SELECT vote FROM state",
        "SELECT commit_hint FROM state", "SELECT first_idx FROM state",
        "SELECT base_term FROM state",   "SELECT coalesce(max(idx), 0) FROM entries"};
    sqlite3_int64 found[6];
    size_t i;

    for (i = 0; i < 6; i++) {
        int error = database_ask(log->database, columns[i], &found[i]);

        if (error != 0) {
            return error;
        }
    }
    log->state.hard_state.term = (uint64_t)found[0];
    log->state.hard_state.vote = (uint64_t)found[1];
    log->state.hard_state.commit = (uint64_t)found[2];
    log->state.first_index = (uint64_t)found[3];
    log->state.base_term = (uint64_t)found[4];
    log->state.last_index = found[5] == 0 ? log->state.first_index - 1 : (uint64_t)found[5];
    return 0;
}

int sqlite_log_open(const char *path, struct dengine_log_store *store)
{
    static const struct dengine_log_store_ops ops = {
        .state = log_state,
        .write = log_write,
        .read = log_read,
        .compact = log_compact,
        .reset = log_reset,
        .message = log_message,
        .close = log_close,
    };
    struct sqlite_log *log = calloc(1, sizeof *log);
    int error;
    int i;

    if (log == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    error = database_open(path, APPLICATION, tables, &log->database, &log->state.created);
    error = error == 0 ? load_state(log) : error;
    for (i = 0; error == 0 && i < STATEMENTS; i++) {
        if (sqlite3_prepare_v2(log->database, sql_of[i], -1, &log->statements[i], NULL) !=
            SQLITE_OK) {
            error = database_error(log->database);
        }
    }
    if (error != 0) {
        log_close(log);
        return error;
    }
    store->ops = &ops;
    store->object = log;
    return 0;
}
