#include "storage/lmdb/lmdb_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "storage/posix/posix_dir.h"

#define DATA_NAME         "data.mdb"
#define LOCK_NAME         "lock.mdb"
#define BOOT_ID_PATH      "/proc/sys/kernel/random/boot_id"
#define MAP_BYTES_DEFAULT (UINT64_C(64) << 30)
#define MAP_BYTES_MIN     (UINT64_C(1) << 20)
#define VIEWS_MAX_DEFAULT 256u

DE_STATIC_ASSERT(sizeof(size_t) == sizeof(uint64_t), "the default map can be addressed");
DE_STATIC_ASSERT(MAP_BYTES_MIN % 65536 == 0, "whole pages, whatever the system's are");
DE_STATIC_ASSERT(MAP_BYTES_DEFAULT % MAP_BYTES_MIN == 0, "halving it stays whole");
DE_STATIC_ASSERT(MAP_BYTES_DEFAULT <= INT64_MAX / 2, "and doubling it stays an offset");

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

static int data_size(struct dengine_dir dir, uint64_t *bytes)
{
    struct dengine_file *file;
    int error = dir.ops->open(dir.object, DATA_NAME, DENGINE_FILE_READ, &file);

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
    int error = dir.ops->remove(dir.object, DATA_NAME);

    DE_ASSERT(kv->env == NULL);
    DE_ASSERT(kv->txn == NULL);
    if (error == 0 || error == DENGINE_E_NOT_FOUND) {
        error = dir.ops->remove(dir.object, LOCK_NAME);
    }
    if (error == 0 || error == DENGINE_E_NOT_FOUND) {
        error = dir.ops->sync_dir(dir.object);
    }
    return error;
}

/* Decides about what is there and leaves a directory that LMDB may open, marked as open. */
static int judge(struct de_lmdb_kv *kv, enum de_lmdb_found *found, const char **why)
{
    struct de_lmdb_mark mark;
    uint64_t bytes = 0;
    int mark_error = de_lmdb_mark_read(kv->dir, &mark);
    int error = data_size(kv->dir, &bytes);
    bool present = error == 0;

    DE_ASSERT(kv->env == NULL);
    if (mark_error != 0 && mark_error != DENGINE_E_NOT_FOUND && mark_error != DENGINE_E_CORRUPT) {
        return mark_error;
    }
    if (error != 0 && error != DENGINE_E_NOT_FOUND) {
        return error;
    }
    *found = DE_LMDB_NEW;
    *why = NULL;
    if (present) {
        *why = de_lmdb_mark_distrust(mark_error == 0 ? &mark : NULL, bytes, kv->mark.boot_id);
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

/* One attempt with a map of kv->map_bytes; an LMDB code. */
static int open_env(struct de_lmdb_kv *kv, const char *path)
{
    const unsigned flags = MDB_WRITEMAP | MDB_NOSYNC | MDB_NOTLS;
    int dead = 0;
    int code = mdb_env_create(&kv->env);

    DE_ASSERT(kv->map_bytes >= MAP_BYTES_MIN);
    DE_ASSERT(kv->views_max > 0 && kv->views_max < UINT32_MAX - 2);
    if (code != 0) {
        kv->env = NULL;
        return code;
    }
    code = mdb_env_set_maxreaders(kv->env, kv->views_max + 2);
    if (code == 0) {
        code = mdb_env_set_mapsize(kv->env, (size_t)kv->map_bytes);
    }
    if (code == 0) {
        code = mdb_env_open(kv->env, path, flags, 0600);
    }
    if (code == 0) {
        code = mdb_reader_check(kv->env, &dead);
    }
    if (code != 0) {
        mdb_env_close(kv->env);
        kv->env = NULL;
    }
    DE_ASSERT((code == 0) == (kv->env != NULL));
    return code;
}

/* Address space may be limited: then a smaller map will do, and grows when needed. */
static int open_some_env(struct de_lmdb_kv *kv, const char *path)
{
    int code;

    DE_ASSERT(kv->env == NULL);
    code = open_env(kv, path);

    while ((code == ENOMEM || code == EFBIG) && kv->map_bytes / 2 >= MAP_BYTES_MIN) {
        kv->map_bytes /= 2;
        code = open_env(kv, path);
    }
    DE_ASSERT(kv->map_bytes >= MAP_BYTES_MIN);
    return code;
}

/* LMDB takes the size of a page from the file and does not look at it. */
static bool page_is_sane(unsigned bytes)
{
    return bytes >= 512 && bytes <= 65536 && (bytes & (bytes - 1)) == 0;
}

static int open_database(struct de_lmdb_kv *kv)
{
    MDB_envinfo info;
    MDB_stat stat;
    MDB_txn *txn;
    int code = mdb_txn_begin(kv->env, NULL, 0, &txn);

    if (code != 0) {
        return code;
    }
    code = mdb_dbi_open(txn, NULL, 0, &kv->dbi);
    if (code != 0) {
        mdb_txn_abort(txn);
        return code;
    }
    code = mdb_txn_commit(txn);
    if (code == 0) {
        code = mdb_env_stat(kv->env, &stat);
    }
    if (code == 0) {
        code = mdb_env_info(kv->env, &info);
    }
    if (code == 0 && !page_is_sane(stat.ms_psize)) {
        code = MDB_INVALID;
    }
    if (code == 0) {
        kv->page_bytes = stat.ms_psize;
        kv->map_bytes = info.me_mapsize;
        DE_ASSERT((uint64_t)info.me_last_pgno < kv->map_bytes / kv->page_bytes);
        DE_ASSERT(mdb_env_get_maxkeysize(kv->env) >= DENGINE_KV_KEY_MAX);
    }
    return code;
}

static void close_env(struct de_lmdb_kv *kv)
{
    for (uint32_t i = 0; i < kv->views_max; i++) {
        DE_ASSERT(!__atomic_load_n(&kv->views[i].taken, __ATOMIC_SEQ_CST));
        if (kv->views[i].txn != NULL) {
            mdb_txn_abort(kv->views[i].txn);
            kv->views[i].txn = NULL;
        }
    }
    if (kv->env != NULL) {
        mdb_env_close(kv->env);
        kv->env = NULL;
    }
}

static bool is_damage(int code)
{
    return code == MDB_INVALID || code == MDB_VERSION_MISMATCH || code == MDB_CORRUPTED ||
           code == MDB_PAGE_NOTFOUND || code == MDB_PANIC;
}

/* Opens LMDB; what it finds damaged is discarded, once. */
static int open_lmdb(struct de_lmdb_kv *kv, const char *path, enum de_lmdb_found *found,
                     const char **why)
{
    int code;

    DE_ASSERT(*found == DE_LMDB_KEPT || kv->mark.data_bytes == 0);
    DE_ASSERT(kv->mark.state == DE_LMDB_MARK_OPEN);
    code = open_some_env(kv, path);

    if (code == 0) {
        code = open_database(kv);
    }
    if (is_damage(code) && *found == DE_LMDB_KEPT) {
        int error;

        close_env(kv);
        DE_ASSERT(kv->env == NULL);
        error = discard(kv);
        if (error != 0) {
            return error;
        }
        *found = DE_LMDB_DISCARDED;
        *why = "LMDB finds it damaged";
        code = open_some_env(kv, path);
        if (code == 0) {
            code = open_database(kv);
        }
    }
    return code == 0 ? 0 : de_lmdb_fail(kv, code, "opening data.mdb");
}

static int new_kv(const struct de_lmdb_options *options, struct de_lmdb_kv **kv)
{
    const struct de_lmdb_options none = {0, 0, NULL};
    struct de_lmdb_kv *made = calloc(1, sizeof(*made));

    options = options == NULL ? &none : options;
    if (made == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    made->map_bytes = options->map_bytes == 0 ? MAP_BYTES_DEFAULT : options->map_bytes;
    made->map_bytes = made->map_bytes < MAP_BYTES_MIN ? MAP_BYTES_MIN : made->map_bytes;
    made->map_bytes = (made->map_bytes + MAP_BYTES_MIN - 1) / MAP_BYTES_MIN * MAP_BYTES_MIN;
    made->views_max = options->views_max == 0 ? VIEWS_MAX_DEFAULT : options->views_max;
    made->views = calloc(made->views_max, sizeof(*made->views));
    if (made->views == NULL || de_lmdb_gate_init(&made->gate) != 0) {
        free(made->views);
        free(made);
        return DENGINE_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < made->views_max; i++) {
        made->views[i].taken = false;
    }
    de_lmdb_boot_id(options->boot_id_path == NULL ? BOOT_ID_PATH : options->boot_id_path,
                    made->mark.boot_id);
    DE_ASSERT(made->map_bytes >= MAP_BYTES_MIN && made->map_bytes % MAP_BYTES_MIN == 0);
    DE_ASSERT(made->env == NULL && made->txn == NULL);
    *kv = made;
    return 0;
}

static void free_kv(struct de_lmdb_kv *kv)
{
    DE_ASSERT(kv->env == NULL);
    DE_ASSERT(kv->txn == NULL);
    de_posix_dir_close(kv->dir);
    de_lmdb_gate_deinit(&kv->gate);
    free(kv->views);
    free(kv);
}

/* Marks the closed, synced store as clean. On any failure it simply stays unclean. */
static void mark_clean(struct de_lmdb_kv *kv, uint64_t bytes)
{
    struct dengine_dir dir = kv->dir;
    struct dengine_file *file;
    int error = dir.ops->open(dir.object, DATA_NAME, DENGINE_FILE_WRITE, &file);

    /* Nothing may be written into the file once it is called clean. */
    DE_ASSERT(kv->env == NULL);
    DE_ASSERT(bytes > 0 && bytes % kv->page_bytes == 0);
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
        kv->mark.state = DE_LMDB_MARK_CLEAN;
        kv->mark.data_bytes = bytes;
        (void)de_lmdb_mark_write(dir, &kv->mark);
    }
}

void de_lmdb_close(void *store)
{
    struct de_lmdb_kv *kv = store;
    MDB_envinfo info;
    bool synced = mdb_env_sync(kv->env, 1) == 0 && mdb_env_info(kv->env, &info) == 0;

    DE_ASSERT(kv->txn == NULL);
    DE_ASSERT(kv->mark.state == DE_LMDB_MARK_OPEN);
    close_env(kv);
    if (synced) {
        mark_clean(kv, ((uint64_t)info.me_last_pgno + 1) * kv->page_bytes);
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
    error = judge(kv, found, &why);
    if (error == 0) {
        error = open_lmdb(kv, path, found, &why);
    }
    if (error != 0) {
        de_message_set(message, message_size,
                       "cannot open the state store in %s: %s%s%s; check the directory, its "
                       "permissions and the disk",
                       path, dengine_strerror(error), kv->message[0] == '\0' ? "" : ": ",
                       kv->message);
        close_env(kv);
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
