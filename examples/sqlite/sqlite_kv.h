/* A key-value store in an SQLite database: an example of one of one's own (dengine/kv_store.h).
 *
 * Each view is a connection with a read transaction of its own, which is simple and works from any
 * thread; a store for production would keep some connections open. Values of more than 1 000 000
 * 000 bytes are refused with TOO_LARGE: that is SQLite's limit. */
#ifndef SQLITE_KV_H
#define SQLITE_KV_H

#include <dengine/kv_store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens the store in the file at path, or makes one there. store->ops->close closes it. 0,
 * DENGINE_E_NO_MEMORY, VERSION when the file is of another program or of a newer one, or IO. */
int sqlite_kv_open(const char *path, struct dengine_kv_store *store);

#ifdef __cplusplus
}
#endif

#endif
