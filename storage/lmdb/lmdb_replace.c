/* Replacing the whole map.
 *
 * The new map is filled into a file of its own, `next.mdb`, and then takes the name data.mdb. So
 * filling disturbs nobody, the switch is one rename, and the old map costs one unlinked file, not a
 * transaction that lists every page of it as free and a free list that each later commit drags
 * along. Views that are open on the old file keep it alive until the last one is closed.
 *
 * While it is filled, its pages are written and not stored into a memory map: a page that is new to
 * a map costs a fault, which took longer than all else together. What is complete begins its way to
 * the disk meanwhile, so that little is left for the sync at the end. When it is full, it is
 * closed, and opened as all other files are.
 *
 * The names are not made durable here: after a crash of the operating system the store is discarded
 * in any case (lmdb_mark.h), and it is called clean only after its directory was synced. */
#include <errno.h>
#include <fcntl.h>

#include "core/base/assert.h"
#include "storage/lmdb/lmdb_internal.h"

#define NEXT_NAME "next.mdb"
#define NEXT_LOCK NEXT_NAME "-lock"

/* A transaction of the filling is committed when this much was put in it: until then its pages are
 * in memory. */
#define PART_BYTES (UINT64_C(4) << 20)

/* What a put takes in a page beside key and value, at most: its head, its place, and when it does
 * not fit any more, the rest of the page before it, which is less than itself. */
#define PUT_BYTES 16u

DE_STATIC_ASSERT(2 * PART_BYTES / 512 < 131071, "as many pages as LMDB lets one dirty");

static int remove_if_there(struct dengine_dir dir, const char *name)
{
    int error = dir.ops->remove(dir.object, name);

    DE_ASSERT(name != NULL);
    return error == DENGINE_E_NOT_FOUND ? 0 : error;
}

int de_lmdb_replace_clean(struct dengine_dir dir)
{
    int error = remove_if_there(dir, NEXT_NAME);

    DE_ASSERT(dir.ops != NULL);
    return error != 0 ? error : remove_if_there(dir, NEXT_LOCK);
}

/* Says what the directory refused. */
static int fail(struct de_lmdb_kv *kv, int error, const char *what)
{
    DE_ASSERT(error != 0 && what != NULL);
    de_message_set(kv->message, sizeof(kv->message), "the state store failed: %s: %s", what,
                   dengine_strerror(error));
    return error;
}

static void end(struct de_lmdb_kv *kv)
{
    struct de_lmdb_file *file = kv->filling;

    DE_ASSERT(file != NULL && file != kv->current);
    if (file->txn != NULL) {
        mdb_txn_abort(file->txn);
        file->txn = NULL;
    }
    kv->filling = NULL;
    de_lmdb_file_close(kv, file);
    /* What cannot be removed now is removed when the store is opened again. */
    (void)de_lmdb_replace_clean(kv->dir);
    DE_ASSERT(file->env == NULL);
}

/* LMDB holds it open. Whatever is opened next under the name needs a lock file that is not this
 * one's, which may then be in use for data.mdb. */
static int remove_next_lock(struct de_lmdb_kv *kv)
{
    const int error = remove_if_there(kv->dir, NEXT_LOCK);

    DE_ASSERT(kv->filling != NULL);
    return error == 0 ? 0 : fail(kv, error, "removing the name of a lock file");
}

int de_lmdb_replace_begin(void *store)
{
    struct de_lmdb_kv *kv = store;
    struct de_lmdb_file *file;
    int error;
    int code;

    DE_ASSERT(kv->filling == NULL);
    DE_ASSERT(kv->current->txn == NULL);
    de_lmdb_check(kv);
    de_lmdb_file_reap(kv);
    error = de_lmdb_replace_clean(kv->dir);
    if (error != 0) {
        return fail(kv, error, "removing an old next.mdb");
    }
    file = de_lmdb_file_new(kv);
    if (file == NULL) {
        return fail(kv, DENGINE_E_NO_MEMORY, "making next.mdb");
    }
    code = de_lmdb_file_open_to_fill(kv, file, NEXT_NAME);
    if (code != 0) {
        (void)de_lmdb_replace_clean(kv->dir);
        return de_lmdb_fail(kv, code, "making next.mdb");
    }
    kv->filling = file;
    kv->filling_bytes = 0;
    kv->last_size = 0;
    error = remove_next_lock(kv);
    if (error != 0) {
        end(kv);
        return error;
    }
    de_lmdb_check(kv);
    return 0;
}

/* Has the system begin to write what is complete. What fails on the way is reported by the sync in
 * the end, as for any write. */
static int begin_writing(struct de_lmdb_kv *kv)
{
    mdb_filehandle_t fd;
    int code = mdb_env_get_fd(kv->filling->env, &fd);

    DE_ASSERT(kv->filling->filling);
    DE_ASSERT(kv->filling->txn == NULL);
    if (code == 0 && sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) != 0) {
        /* Not every file system can. */
        code = errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP ? 0 : errno;
    }
    return code == 0 ? 0 : de_lmdb_fail(kv, code, "writing next.mdb");
}

/* Commits what has been filled in since the last time. */
static int commit_part(struct de_lmdb_kv *kv)
{
    struct de_lmdb_file *file = kv->filling;
    int code;

    DE_ASSERT(file != NULL);
    if (file->txn == NULL) {
        return 0;
    }
    code = mdb_txn_commit(file->txn);
    file->txn = NULL;
    kv->filling_bytes = 0;
    return code == 0 ? begin_writing(kv) : de_lmdb_fail(kv, code, "filling next.mdb");
}

/* An open transaction with room for a put of so many bytes. */
static int open_part(struct de_lmdb_kv *kv, uint64_t bytes)
{
    struct de_lmdb_file *file = kv->filling;
    int error = 0;
    int code;

    DE_ASSERT(file != NULL);
    DE_ASSERT(bytes <= (uint64_t)INT32_MAX + DENGINE_KV_KEY_MAX + PUT_BYTES);
    if (file->txn != NULL && kv->filling_bytes + bytes > PART_BYTES) {
        error = commit_part(kv);
    }
    if (error != 0 || file->txn != NULL) {
        return error;
    }
    /* A page that is not quite full and the branches above it take less than as much again. */
    error = de_lmdb_map_prepare(kv, file, 2 * (bytes > PART_BYTES ? bytes : PART_BYTES));
    if (error != 0) {
        return error;
    }
    code = mdb_txn_begin(file->env, NULL, 0, &file->txn);
    return code == 0 ? 0 : de_lmdb_fail(kv, code, "filling next.mdb");
}

/* Whether key is above the one before it, which it then becomes. */
static bool is_next(struct de_lmdb_kv *kv, struct dengine_slice key)
{
    size_t common = key.size < kv->last_size ? key.size : kv->last_size;
    int order;

    DE_ASSERT(key.data != NULL && key.size > 0 && key.size <= DENGINE_KV_KEY_MAX);
    order = memcmp(kv->last, key.data, common);
    if (order > 0 || (order == 0 && kv->last_size >= key.size)) {
        return false;
    }
    memcpy(kv->last, key.data, key.size);
    kv->last_size = key.size;
    return true;
}

int de_lmdb_replace_put(void *store, struct dengine_slice key, struct dengine_slice value)
{
    struct de_lmdb_kv *kv = store;
    MDB_val mdb_key = {key.size, (void *)(uintptr_t)key.data};
    MDB_val data = {value.size, (void *)(uintptr_t)(value.size == 0 ? "" : value.data)};
    uint64_t bytes;
    int error;
    int code;

    DE_ASSERT(kv->filling != NULL);
    DE_ASSERT(value.size <= INT32_MAX && (value.data != NULL || value.size == 0));
    if (!is_next(kv, key)) {
        de_message_set(kv->message, sizeof(kv->message),
                       "the keys of a replacement are not in ascending order");
        return DENGINE_E_INVALID;
    }
    bytes = PUT_BYTES + key.size + value.size;
    error = open_part(kv, bytes);
    if (error != 0) {
        return error;
    }
    DE_ASSERT(kv->filling->txn != NULL);
    code = mdb_put(kv->filling->txn, kv->filling->dbi, &mdb_key, &data, MDB_APPEND);
    kv->filling_bytes += bytes;
    return code == 0 ? 0 : de_lmdb_fail(kv, code, "filling next.mdb");
}

/* What is on disk must not be called cut short, whichever of the two files a crash leaves. */
static int note_smaller(struct de_lmdb_kv *kv)
{
    uint64_t before = kv->mark.data_bytes;
    int error;

    DE_ASSERT(kv->mark.state == DE_LMDB_MARK_OPEN);
    if (before == 0) {
        return 0;
    }
    kv->mark.data_bytes = 0;
    error = de_lmdb_mark_write(kv->dir, &kv->mark);
    if (error != 0) {
        kv->mark.data_bytes = before;
    }
    return error;
}

/* Opens what has been filled as the current file is open. */
static int open_filled(struct de_lmdb_kv *kv)
{
    int code = de_lmdb_file_filled(kv, kv->filling, NEXT_NAME);

    if (code != 0) {
        return de_lmdb_fail(kv, code, "opening next.mdb");
    }
    DE_ASSERT(kv->filling->env != NULL);
    DE_ASSERT(!kv->filling->filling);
    return remove_next_lock(kv);
}

int de_lmdb_replace_commit(void *store)
{
    struct de_lmdb_kv *kv = store;
    int error = commit_part(kv);

    DE_ASSERT(kv->filling != NULL);
    if (error == 0) {
        error = open_filled(kv);
    }
    if (error != 0) {
        end(kv);
        return error;
    }
    error = note_smaller(kv);
    if (error == 0) {
        error = kv->dir.ops->rename(kv->dir.object, NEXT_NAME, DE_LMDB_DATA_NAME);
    }
    if (error != 0) {
        end(kv);
        return fail(kv, error, "putting next.mdb in the place of data.mdb");
    }
    __atomic_store_n(&kv->current, kv->filling, __ATOMIC_SEQ_CST);
    kv->filling = NULL;
    de_lmdb_file_reap(kv);
    de_lmdb_check(kv);
    return 0;
}

void de_lmdb_replace_abort(void *store)
{
    struct de_lmdb_kv *kv = store;

    DE_ASSERT(kv->filling != NULL);
    DE_ASSERT(kv->current->txn == NULL);
    end(kv);
    de_lmdb_check(kv);
}
