/* A Raft log in an SQLite database: an example of a log store of one's own (dengine/log_store.h).
 *
 * What a store for production needs beyond this one: to say which node the log belongs to, and to
 * foresee that room runs out (`room`). */
#ifndef SQLITE_LOG_H
#define SQLITE_LOG_H

#include <dengine/log_store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens the log in the file at path, or makes one there. store->ops->close closes it. 0,
 * DENGINE_E_NO_MEMORY, VERSION when the file is of another program or of a newer one, or IO. */
int sqlite_log_open(const char *path, struct dengine_log_store *store);

#ifdef __cplusplus
}
#endif

#endif
