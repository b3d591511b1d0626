#include "benches/bare_lmdb.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dengine/error.h>

#include "core/base/assert.h"

#define MAP_BYTES    ((size_t)64 << 30)
#define READERS_MAX  64
#define PATH_MAX_LEN 4096

/* Copies size bytes at offset. */
static bool copy_part(int in, int out, off_t offset, off_t size)
{
    static uint8_t bytes[65536];

    DE_ASSERT(offset >= 0 && size >= 0);
    while (size > 0) {
        const size_t wanted = size < (off_t)sizeof bytes ? (size_t)size : sizeof bytes;
        const ssize_t got = pread(in, bytes, wanted, offset);

        if (got <= 0 || pwrite(out, bytes, (size_t)got, offset) != got) {
            return false;
        }
        offset += got;
        size -= got;
    }
    return true;
}

/* The file is as long as the map, and has next to nothing in it: what is a hole stays one. */
static int copy_file(const char *from, const char *to)
{
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    const int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = in >= 0 && out >= 0;
    off_t at = good ? lseek(in, 0, SEEK_DATA) : -1;

    DE_ASSERT(from != NULL && to != NULL);
    while (good && at >= 0) {
        const off_t end = lseek(in, at, SEEK_HOLE);

        good = end > at && copy_part(in, out, at, end - at);
        at = good ? lseek(in, end, SEEK_DATA) : -1; /* ENXIO: that was all */
    }
    if (in >= 0) {
        (void)close(in);
    }
    if (out >= 0) {
        good = close(out) == 0 && good;
    }
    return good ? 0 : DENGINE_E_IO;
}

static int open_env(struct de_bare_lmdb *bare, const char *path)
{
    MDB_txn *txn = NULL;
    int code = mdb_env_create(&bare->env);

    DE_ASSERT(path != NULL);
    code = code != 0 ? code : mdb_env_set_mapsize(bare->env, MAP_BYTES);
    code = code != 0 ? code : mdb_env_set_maxreaders(bare->env, READERS_MAX);
    code = code != 0 ? code
                     : mdb_env_open(bare->env, path, MDB_WRITEMAP | MDB_NOSYNC | MDB_NOTLS, 0600);
    code = code != 0 ? code : mdb_txn_begin(bare->env, NULL, MDB_RDONLY, &txn);
    code = code != 0 ? code : mdb_dbi_open(txn, NULL, 0, &bare->dbi);
    return code != 0 ? code : mdb_txn_commit(txn);
}

int de_bare_lmdb_open(struct de_bare_lmdb *bare, const char *path, const char *state_file)
{
    char name[PATH_MAX_LEN];

    *bare = (struct de_bare_lmdb){0};
    de_bare_lmdb_close(bare, path);
    (void)snprintf(name, sizeof name, "%s/data.mdb", path);
    if (mkdir(path, 0700) != 0 || copy_file(state_file, name) != 0) {
        return DENGINE_E_IO;
    }
    DE_ASSERT(bare->env == NULL);
    return open_env(bare, path) == 0 ? 0 : DENGINE_E_IO;
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
