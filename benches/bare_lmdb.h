/* benches/bare_lmdb.h - LMDB alone, opened as the state store opens it, with the keys of a load:
 * the limit that reads of an embedded engine are held against. */
#ifndef DE_BENCHES_BARE_LMDB_H
#define DE_BENCHES_BARE_LMDB_H

#include <stdint.h>

#include <lmdb.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_bare_lmdb {
    MDB_env *env;
    MDB_dbi dbi;
};

/* A new one in the directory path, which is made, with the keys 0 .. keys - 1 of de_load_key. 0 or
 * DENGINE_E_IO. */
int de_bare_lmdb_open(struct de_bare_lmdb *bare, const char *path, uint32_t keys,
                      uint32_t value_bytes);

/* Closes it and removes its files. One that could not be opened is allowed. */
void de_bare_lmdb_close(struct de_bare_lmdb *bare, const char *path);

#ifdef __cplusplus
}
#endif

#endif
