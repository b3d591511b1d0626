#include "database.h"

#include <stdio.h>

/* PRAGMA user_version of our files. */
#define FORMAT 1

/* How long a connection waits for another one that has the file for a moment. */
#define PATIENCE_MS 10000

int database_error(sqlite3 *database)
{
    switch (sqlite3_errcode(database)) {
    case SQLITE_FULL:
        return DENGINE_E_NO_SPACE;
    case SQLITE_NOMEM:
        return DENGINE_E_NO_MEMORY;
    case SQLITE_TOOBIG:
        return DENGINE_E_TOO_LARGE;
    case SQLITE_BUSY:
        return DENGINE_E_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return DENGINE_E_CORRUPT;
    default:
        return DENGINE_E_IO;
    }
}

int database_run(sqlite3 *database, const char *sql)
{
    return sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK ? 0
                                                                      : database_error(database);
}

int database_ask(sqlite3 *database, const char *sql, sqlite3_int64 *answer)
{
    sqlite3_stmt *statement = NULL;
    int error = 0;

    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        error = database_error(database);
    } else {
        *answer = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_finalize(statement);
    return error;
}

static int make_tables(sqlite3 *database, int application, const char *tables)
{
    char header[96];
    int error = database_run(database, "BEGIN IMMEDIATE");

    (void)snprintf(header, sizeof header, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   application, FORMAT);
    error = error == 0 ? database_run(database, header) : error;
    error = error == 0 ? database_run(database, tables) : error;
    return error == 0 ? database_run(database, "COMMIT") : error;
}

int database_open(const char *path, int application, const char *tables, sqlite3 **database,
                  bool *created)
{
    sqlite3_int64 owner = 0;
    sqlite3_int64 version = 0;
    sqlite3_int64 found = 0;
    int error;

    *created = false;
    if (sqlite3_open(path, database) != SQLITE_OK) {
        return *database == NULL ? DENGINE_E_NO_MEMORY : database_error(*database);
    }
    (void)sqlite3_busy_timeout(*database, PATIENCE_MS);
    error = database_run(*database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    error = error == 0 ? database_ask(*database, "PRAGMA application_id", &owner) : error;
    error = error == 0 ? database_ask(*database, "PRAGMA user_version", &version) : error;
    error =
        error == 0 ? database_ask(*database, "SELECT count(*) FROM sqlite_master", &found) : error;
    if (error == 0 && owner == 0 && version == 0 && found == 0) {
        *created = true;
        return make_tables(*database, application, tables);
    }
    if (error == 0 && (owner != application || version != FORMAT)) {
        return DENGINE_E_VERSION;
    }
    return error;
}
