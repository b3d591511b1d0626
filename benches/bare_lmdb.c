#include "benches/bare_lmdb.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "benches/load.h"
#include "core/base/assert.h"

#define MAP_BYTES    ((size_t)8 << 30)
#define READERS_MAX  64
#define PATH_MAX_LEN 4096

static int open_env(struct de_bare_lmdb *bare, const char *path)
{
    int code = mkdir(path, 0700) != 0 ? MDB_PANIC : mdb_env_create(&bare->env);

    DE_ASSERT(path != NULL);
    code = code != 0 ? code : mdb_env_set_mapsize(bare->env, MAP_BYTES);
    code = code != 0 ? code : mdb_env_set_maxreaders(bare->env, READERS_MAX);
    return code != 0 ? code
                     : mdb_env_open(bare->env, path, MDB_WRITEMAP | MDB_NOSYNC | MDB_NOTLS, 0600);
}

int de_bare_lmdb_open(struct de_bare_lmdb *bare, const char *path, uint32_t keys,
                      uint32_t value_bytes)
{
    void *value = calloc(1, value_bytes + 1);
    MDB_txn *txn = NULL;
    int code;

    *bare = (struct de_bare_lmdb){0};
    de_bare_lmdb_close(bare, path);
    code = value == NULL ? MDB_PANIC : open_env(bare, path);
    code = code != 0 ? code : mdb_txn_begin(bare->env, NULL, 0, &txn);
    code = code != 0 ? code : mdb_dbi_open(txn, NULL, 0, &bare->dbi);
    for (uint32_t i = 0; i < keys && code == 0; i++) {
        char key[DE_LOAD_KEY_BYTES + 1];
        MDB_val mdb_key = {DE_LOAD_KEY_BYTES, key};
        MDB_val data = {value_bytes, value};

        de_load_key(i, key);
        code = mdb_put(txn, bare->dbi, &mdb_key, &data, 0);
    }
    code = code != 0 ? code : mdb_txn_commit(txn);
    free(value);
    return code == 0 ? 0 : DENGINE_E_IO;
}

void de_bare_lmdb_close(struct de_bare_lmdb *bare, const char *path)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char name[PATH_MAX_LEN];

    DE_ASSERT(path != NULL);
    if (bare->env != NULL) {
        mdb_env_close(bare->env);
        bare->env = NULL;
    }
    for (size_t i = 0; i < DE_ARRAY_SIZE(names); i++) {
        (void)snprintf(name, sizeof name, "%s/%s", path, names[i]);
        (void)unlink(name);
    }
    (void)rmdir(path);
}
