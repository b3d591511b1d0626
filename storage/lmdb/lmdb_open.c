#include "storage/lmdb/lmdb_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "storage/posix/posix_dir.h"

#define LOCK_NAME         DE_LMDB_DATA_NAME "-lock"
#define BOOT_ID_PATH      "/proc/sys/kernel/random/boot_id"
#define MAP_BYTES_DEFAULT (UINT64_C(64) << 30)
#define VIEWS_MAX_DEFAULT 256u

DE_STATIC_ASSERT(sizeof(size_t) == sizeof(uint64_t), "the default map can be addressed");
DE_STATIC_ASSERT(DE_LMDB_MAP_BYTES_MIN % 65536 == 0, "whole pages, whatever the system's are");
DE_STATIC_ASSERT(MAP_BYTES_DEFAULT % DE_LMDB_MAP_BYTES_MIN == 0, "halving it stays whole");
DE_STATIC_ASSERT(MAP_BYTES_DEFAULT <= INT64_MAX / 2, "and doubling it stays an offset");

static int data_size(struct dengine_dir dir, uint64_t *bytes)
{
    struct dengine_file *file;
    int error = dir.ops->open(dir.object, DE_LMDB_DATA_NAME, DENGINE_FILE_READ, &file);

    DE_ASSERT(bytes != NULL);
    *bytes = 0;
    if (error != 0) {
        return error;
    }
    error = dir.ops->size(dir.object, file, bytes);
    dir.ops->close(dir.object, file);
    return error;
}

static int discard(struct de_lmdb_kv *kv)
{
    struct dengine_dir dir = kv->dir;
    int error = dir.ops->remove(dir.object, DE_LMDB_DATA_NAME);

    DE_ASSERT(kv->files == NULL || kv->files->env == NULL);
    if (error == 0 || error == DENGINE_E_NOT_FOUND) {
        error = dir.ops->remove(dir.object, LOCK_NAME);
    }
    if (error == 0 || error == DENGINE_E_NOT_FOUND) {
        error = dir.ops->sync_dir(dir.object);
    }
    return error;
}

/* Decides about what is there and leaves a directory that LMDB may open, marked as open. */
static int judge(struct de_lmdb_kv *kv, const char *unwanted, enum de_lmdb_found *found,
                 const char **why)
{
    struct de_lmdb_mark mark;
    uint64_t bytes = 0;
    int mark_error = de_lmdb_mark_read(kv->dir, &mark);
    int error = data_size(kv->dir, &bytes);
    bool present = error == 0;

    DE_ASSERT(kv->current == NULL);
    if (mark_error != 0 && mark_error != DENGINE_E_NOT_FOUND && mark_error != DENGINE_E_CORRUPT) {
        return mark_error;
    }
    if (error != 0 && error != DENGINE_E_NOT_FOUND) {
        return error;
    }
    *found = DE_LMDB_NEW;
    *why = NULL;
    if (present) {
        *why = unwanted != NULL
                   ? unwanted
                   : de_lmdb_mark_distrust(mark_error == 0 ? &mark : NULL, bytes, kv->mark.boot_id);
        *found = *why == NULL ? DE_LMDB_KEPT : DE_LMDB_DISCARDED;
    } else if (mark_error == 0 && mark.data_bytes > 0) {
        *why = "data.mdb is gone";
        *found = DE_LMDB_DISCARDED;
    }
    DE_ASSERT_IMPLIES(*found == DE_LMDB_KEPT, present && mark_error == 0);
    DE_ASSERT((*found == DE_LMDB_DISCARDED) == (*why != NULL));
    error = *found == DE_LMDB_KEPT ? 0 : discard(kv);
    if (error != 0) {
        return error;
    }
    kv->mark.state = DE_LMDB_MARK_OPEN;
    kv->mark.data_bytes = *found == DE_LMDB_KEPT ? bytes : 0;
    return de_lmdb_mark_write(kv->dir, &kv->mark);
}

static bool is_damage(int code)
{
    return code == MDB_INVALID || code == MDB_VERSION_MISMATCH || code == MDB_CORRUPTED ||
           code == MDB_PAGE_NOTFOUND || code == MDB_PANIC;
}

/* Opens LMDB; what it finds damaged is discarded, once. */
static int open_lmdb(struct de_lmdb_kv *kv, enum de_lmdb_found *found, const char **why)
{
    struct de_lmdb_file *file = de_lmdb_file_new(kv);
    int code;

    DE_ASSERT(*found == DE_LMDB_KEPT || kv->mark.data_bytes == 0);
    DE_ASSERT(kv->mark.state == DE_LMDB_MARK_OPEN);
    if (file == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    code = de_lmdb_file_open(kv, file, DE_LMDB_DATA_NAME);
    if (is_damage(code) && *found == DE_LMDB_KEPT) {
        int error = discard(kv);

        if (error != 0) {
            return error;
        }
        *found = DE_LMDB_DISCARDED;
        *why = "LMDB finds it damaged";
        code = de_lmdb_file_open(kv, file, DE_LMDB_DATA_NAME);
    }
    if (code != 0) {
        return de_lmdb_fail(kv, code, "opening data.mdb");
    }
    kv->current = file;
    return 0;
}

static uint32_t or_else(uint32_t asked, uint32_t otherwise)
{
    DE_ASSERT(otherwise != 0);
    return asked != 0 ? asked : otherwise;
}

static int new_kv(const struct de_lmdb_options *options, struct de_lmdb_kv **kv)
{
    const struct de_lmdb_options none = {0};
    struct de_lmdb_kv *made = calloc(1, sizeof(*made));

    options = options == NULL ? &none : options;
    if (made == NULL ||
        de_lmdb_pool_init(&made->pool, or_else(options->views_max, VIEWS_MAX_DEFAULT)) != 0) {
        free(made);
        return DENGINE_E_NO_MEMORY;
    }
    made->map_bytes = options->map_bytes == 0 ? MAP_BYTES_DEFAULT : options->map_bytes;
    made->map_bytes =
        made->map_bytes < DE_LMDB_MAP_BYTES_MIN ? DE_LMDB_MAP_BYTES_MIN : made->map_bytes;
    made->map_bytes = (made->map_bytes + DE_LMDB_MAP_BYTES_MIN - 1) / DE_LMDB_MAP_BYTES_MIN *
                      DE_LMDB_MAP_BYTES_MIN;
    de_lmdb_boot_id(options->boot_id_path == NULL ? BOOT_ID_PATH : options->boot_id_path,
                    made->mark.boot_id);
    DE_ASSERT(made->map_bytes >= DE_LMDB_MAP_BYTES_MIN &&
              made->map_bytes % DE_LMDB_MAP_BYTES_MIN == 0);
    DE_ASSERT(made->current == NULL && made->files == NULL);
    *kv = made;
    return 0;
}

static void free_kv(struct de_lmdb_kv *kv)
{
    DE_ASSERT(kv->filling == NULL);
    de_lmdb_file_free_all(kv);
    DE_ASSERT(kv->files == NULL);
    de_lmdb_pool_deinit(&kv->pool);
    de_posix_dir_close(kv->dir);
    free(kv->path);
    free(kv);
}

/* Marks the closed, synced store as clean. On any failure it simply stays unclean. */
static void mark_clean(struct de_lmdb_kv *kv, uint64_t bytes)
{
    struct dengine_dir dir = kv->dir;
    struct dengine_file *file;
    int error = dir.ops->open(dir.object, DE_LMDB_DATA_NAME, DENGINE_FILE_WRITE, &file);

    /* Nothing may be written into the file once it is called clean. */
    DE_ASSERT(kv->files->env == NULL);
    DE_ASSERT(bytes > 0);
    if (error != 0) {
        return;
    }
    /* At rest the file is as long as its pages, not as long as the map was. */
    error = dir.ops->truncate(dir.object, file, bytes);
    if (error == 0) {
        error = dir.ops->sync(dir.object, file);
    }
    dir.ops->close(dir.object, file);
    if (error == 0) {
        /* The file may have got its name by a replacement; the mark must not be there before it. */
        error = dir.ops->sync_dir(dir.object);
    }
    if (error == 0) {
        kv->mark.state = DE_LMDB_MARK_CLEAN;
        kv->mark.data_bytes = bytes;
        (void)de_lmdb_mark_write(dir, &kv->mark);
    }
}

void de_lmdb_close(void *store)
{
    struct de_lmdb_kv *kv = store;
    struct de_lmdb_file *file = kv->current;
    MDB_envinfo info;
    uint64_t bytes = 0;

    DE_ASSERT(file->txn == NULL && kv->filling == NULL);
    DE_ASSERT(kv->mark.state == DE_LMDB_MARK_OPEN);
    de_lmdb_file_reap(kv);
    if (mdb_env_sync(file->env, 1) == 0 && mdb_env_info(file->env, &info) == 0) {
        bytes = ((uint64_t)info.me_last_pgno + 1) * file->page_bytes;
    }
    de_lmdb_file_close(kv, file);
    if (bytes > 0) {
        mark_clean(kv, bytes);
    }
    free_kv(kv);
}

int de_lmdb_kv_open(const char *path, const struct de_lmdb_options *options,
                    struct dengine_kv_store *store, enum de_lmdb_found *found, char *message,
                    size_t message_size)
{
    struct de_lmdb_kv *kv = NULL;
    const char *why = NULL;
    int error = new_kv(options, &kv);

    DE_ASSERT(path != NULL && store != NULL);
    DE_ASSERT(found != NULL);
    de_message_set(message, message_size, "%s", "");
    if (error != 0) {
        de_message_set(message, message_size, "out of memory while opening the state store");
        return error;
    }
    error = de_posix_dir_open(path, true, &kv->dir, message, message_size);
    if (error != 0) {
        free_kv(kv);
        return error;
    }
    /* Absolute: a replacement makes a file later, wherever the process is by then. */
    kv->path = realpath(path, NULL);
    error = kv->path == NULL ? de_posix_error(errno) : de_lmdb_replace_clean(kv->dir);
    if (error == 0) {
        error = judge(kv, options == NULL ? NULL : options->discard, found, &why);
    }
    if (error == 0) {
        error = open_lmdb(kv, found, &why);
    }
    if (error != 0) {
        de_message_set(message, message_size,
                       "cannot open the state store in %s: %s%s%s; check the directory, its "
                       "permissions and the disk",
                       path, dengine_strerror(error), kv->message[0] == '\0' ? "" : ": ",
                       kv->message);
        free_kv(kv);
        return error;
    }
    if (*found == DE_LMDB_DISCARDED) {
        de_message_set(message, message_size,
                       "the state store in %s was discarded, because %s; it is rebuilt from the "
                       "newest snapshot and the log",
                       path, why);
    }
    de_lmdb_check(kv);
    DE_ASSERT_IMPLIES(*found == DE_LMDB_NEW, why == NULL);
    store->ops = &de_lmdb_kv_ops;
    store->object = kv;
    return 0;
}
