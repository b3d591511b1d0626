/* What the stores of this directory share: errors of SQLite in dengine's words, and files that say
 * whose they are. */
#ifndef SQLITE_DATABASE_H
#define SQLITE_DATABASE_H

#include <dengine/error.h>
#include <sqlite3.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The last error of the connection as a DENGINE_E_*. */
int database_error(sqlite3 *database);

/* Runs SQL that gives no rows. 0 or the error. */
int database_run(sqlite3 *database, const char *sql);

/* Runs SQL that gives one row, and takes its first column. 0 or the error. */
int database_ask(sqlite3 *database, const char *sql, sqlite3_int64 *answer);

/* Opens the file at path for writing, so that what is committed is on the disk, and runs `tables`,
 * one transaction, when the file is new (then *created). application says whose file it is: VERSION
 * when it is not that one. The caller closes *database also after an error. */
int database_open(const char *path, int application, const char *tables, sqlite3 **database,
                  bool *created);

#ifdef __cplusplus
}
#endif

#endif
