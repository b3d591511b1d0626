/* benches/bare_lmdb.h - LMDB alone on a copy of the file in which an embedded engine keeps its
 * state: the limit that its reads are held against. */
#ifndef DE_BENCHES_BARE_LMDB_H
#define DE_BENCHES_BARE_LMDB_H

#include <lmdb.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_bare_lmdb {
    MDB_env *env;
    MDB_dbi dbi;
};

/* Copies the state file of an engine that does nothing meanwhile into the directory path, which is
 * made, and opens it as the state store does. 0 or DENGINE_E_IO. */
int de_bare_lmdb_open(struct de_bare_lmdb *bare, const char *path, const char *state_file);

/* Closes it and removes its files. One that could not be opened is allowed. */
void de_bare_lmdb_close(struct de_bare_lmdb *bare, const char *path);

#ifdef __cplusplus
}
#endif

#endif
