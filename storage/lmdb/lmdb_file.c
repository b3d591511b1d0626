#include "storage/lmdb/lmdb_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/base/assert.h"

#if defined(__SANITIZE_THREAD__)
#define DE_LMDB_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DE_LMDB_TSAN
#endif
#endif
#ifdef DE_LMDB_TSAN
/* liblmdb is not instrumented: ThreadSanitizer sees its memcpy but not the barriers around it. */
DENGINE_EXPORT const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:liblmdb\n";
}
#endif

/* One attempt with a map of file->map_bytes; an LMDB code. */
static int open_env(struct de_lmdb_kv *kv, struct de_lmdb_file *file, const char *path)
{
    /* The system reads ahead where a page of the map is touched first. Behind what this process has
     * written there is nothing to read, but it would fill as much with zeros, while a write waits:
     * 17 ms have been seen, where a disk is set to 8 MiB. */
    const unsigned flags = (file->filling ? 0 : MDB_WRITEMAP) | MDB_NOSYNC | MDB_NOTLS |
                           MDB_NOSUBDIR | (file->young ? MDB_NORDAHEAD : 0);
    int dead = 0;
    int code = mdb_env_create(&file->env);

    DE_ASSERT(file->map_bytes >= DE_LMDB_MAP_BYTES_MIN);
    DE_ASSERT(kv->pool.count > 0 && kv->pool.count < UINT32_MAX - 2);
    if (code != 0) {
        file->env = NULL;
        return code;
    }
    code = mdb_env_set_maxreaders(file->env, kv->pool.count + 2);
    if (code == 0) {
        code = mdb_env_set_mapsize(file->env, (size_t)file->map_bytes);
    }
    if (code == 0) {
        code = mdb_env_open(file->env, path, flags, 0600);
    }
    if (code == 0) {
        code = mdb_reader_check(file->env, &dead);
    }
    if (code != 0) {
        mdb_env_close(file->env);
        file->env = NULL;
    }
    DE_ASSERT((code == 0) == (file->env != NULL));
    return code;
}

/* Address space may be limited: then a smaller map will do, and grows when needed. */
static int open_some_env(struct de_lmdb_kv *kv, struct de_lmdb_file *file, const char *path)
{
    int code;

    DE_ASSERT(file->env == NULL);
    code = open_env(kv, file, path);
    while ((code == ENOMEM || code == EFBIG) && file->map_bytes / 2 >= DE_LMDB_MAP_BYTES_MIN) {
        file->map_bytes /= 2;
        code = open_env(kv, file, path);
    }
    DE_ASSERT(file->map_bytes >= DE_LMDB_MAP_BYTES_MIN);
    return code;
}

/* LMDB takes the size of a page from the file and does not look at it. */
static bool page_is_sane(unsigned bytes)
{
    return bytes >= 512 && bytes <= 65536 && (bytes & (bytes - 1)) == 0;
}

static int open_database(struct de_lmdb_file *file)
{
    MDB_envinfo info;
    MDB_stat stat;
    MDB_txn *txn;
    int code = mdb_txn_begin(file->env, NULL, 0, &txn);

    if (code != 0) {
        return code;
    }
    code = mdb_dbi_open(txn, NULL, 0, &file->dbi);
    if (code != 0) {
        mdb_txn_abort(txn);
        return code;
    }
    code = mdb_txn_commit(txn);
    if (code == 0) {
        code = mdb_env_stat(file->env, &stat);
    }
    if (code == 0) {
        code = mdb_env_info(file->env, &info);
    }
    if (code == 0 && !page_is_sane(stat.ms_psize)) {
        code = MDB_INVALID;
    }
    if (code == 0) {
        file->page_bytes = stat.ms_psize;
        file->map_bytes = info.me_mapsize;
        DE_ASSERT((uint64_t)info.me_last_pgno < file->map_bytes / file->page_bytes);
        DE_ASSERT(mdb_env_get_maxkeysize(file->env) >= DENGINE_KV_KEY_MAX);
    }
    return code;
}

/* The names of a directory and a file in it, joined; NULL: no memory. */
static char *join(const char *directory, const char *name)
{
    size_t bytes = strlen(directory) + strlen(name) + 2;
    char *path = malloc(bytes);

    DE_ASSERT(directory[0] != '\0' && name[0] != '\0');
    if (path != NULL) {
        int length = snprintf(path, bytes, "%s/%s", directory, name);

        DE_ASSERT(length > 0 && (size_t)length == bytes - 1);
    }
    return path;
}

static int open_file(struct de_lmdb_kv *kv, struct de_lmdb_file *file, const char *name)
{
    char *path = join(kv->path, name);
    struct stat status;
    int code = ENOMEM;

    DE_ASSERT(file->env == NULL && file->txn == NULL);
    DE_ASSERT(__atomic_load_n(&kv->current, __ATOMIC_SEQ_CST) != file);
    if (path != NULL) {
        file->map_bytes = kv->map_bytes;
        file->used_bytes = 0;
        file->reserved_bytes = 0;
        file->patient_bytes = 0;
        file->map_was_full = false;
        file->young = stat(path, &status) != 0 || status.st_size == 0;
        code = open_some_env(kv, file, path);
    }
    if (code == 0) {
        code = open_database(file);
    }
    if (code != 0) {
        de_lmdb_file_close(kv, file);
    }
    free(path);
    DE_ASSERT((code == 0) == (file->env != NULL));
    return code;
}

int de_lmdb_file_open(struct de_lmdb_kv *kv, struct de_lmdb_file *file, const char *name)
{
    DE_ASSERT(file->env == NULL && name != NULL);
    file->filling = false;
    return open_file(kv, file, name);
}

int de_lmdb_file_open_to_fill(struct de_lmdb_kv *kv, struct de_lmdb_file *file, const char *name)
{
    DE_ASSERT(file->env == NULL && name != NULL);
    file->filling = true;
    return open_file(kv, file, name);
}

int de_lmdb_file_filled(struct de_lmdb_kv *kv, struct de_lmdb_file *file, const char *name)
{
    char *path = join(kv->path, name);
    int code = path == NULL ? ENOMEM : 0;

    DE_ASSERT(file->filling && file->txn == NULL);
    DE_ASSERT(file->env != NULL && file == kv->filling);
    if (code == 0) {
        mdb_env_close(file->env);
        file->env = NULL;
        file->filling = false;
        /* The map keeps the size that it has grown to. */
        code = open_some_env(kv, file, path);
    }
    if (code == 0) {
        code = open_database(file);
    }
    if (code != 0) {
        de_lmdb_file_close(kv, file);
    }
    free(path);
    DE_ASSERT((code == 0) == (file->env != NULL));
    return code;
}

/* A slot may have the name of a file that is not the current one although no view is open on it: of
 * a reader that was held up between looking the file up and looking again (enter, in lmdb_view.c).
 * It has no transaction yet, and finds out. */
void de_lmdb_file_close(struct de_lmdb_kv *kv, struct de_lmdb_file *file)
{
    const bool clear = de_lmdb_pool_clear(&kv->pool, file);

    DE_ASSERT(clear || file != kv->current);
    DE_ASSERT(file->txn == NULL);
    if (file->env != NULL) {
        mdb_env_close(file->env);
        file->env = NULL;
    }
}

struct de_lmdb_file *de_lmdb_file_new(struct de_lmdb_kv *kv)
{
    struct de_lmdb_file *file = kv->files;

    while (file != NULL && file->env != NULL) {
        file = file->next;
    }
    if (file != NULL) {
        DE_ASSERT(file->txn == NULL);
        return file;
    }
    file = calloc(1, sizeof(*file));
    if (file == NULL) {
        return NULL;
    }
    file->next = kv->files;
    kv->files = file;
    DE_ASSERT(file->env == NULL);
    return file;
}

void de_lmdb_file_reap(struct de_lmdb_kv *kv)
{
    for (struct de_lmdb_file *file = kv->files; file != NULL; file = file->next) {
        if (file == kv->current || file == kv->filling || file->env == NULL) {
            continue;
        }
        DE_ASSERT(file->txn == NULL);
        if (de_lmdb_pool_clear(&kv->pool, file)) {
            de_lmdb_file_close(kv, file);
        }
    }
}

void de_lmdb_file_free_all(struct de_lmdb_kv *kv)
{
    while (kv->files != NULL) {
        struct de_lmdb_file *file = kv->files;

        DE_ASSERT(file->env == NULL);
        DE_ASSERT(file->txn == NULL);
        kv->files = file->next;
        free(file);
    }
}
