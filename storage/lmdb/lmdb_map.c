#include "storage/lmdb/lmdb_internal.h"

#include <errno.h>
#include <fcntl.h>

#include "core/base/assert.h"

/* How long the applier waits for views to be closed, and all who would open one for the applier.
 * Ordinary views live for microseconds; one that is held for longer must not hold up the others. */
#define PATIENCE_NS UINT64_C(20000000)

/* Disk space is reserved in steps of this size. */
#define RESERVE_STEP_BYTES (UINT64_C(16) << 20)

DE_STATIC_ASSERT(RESERVE_STEP_BYTES % 65536 == 0, "whole pages, whatever the system's are");
DE_STATIC_ASSERT((RESERVE_STEP_BYTES & (RESERVE_STEP_BYTES - 1)) == 0, "divided by with a shift");
DE_STATIC_ASSERT(sizeof(off_t) == sizeof(uint64_t), "every byte of the map has an offset");

/* Makes [0, bytes) of the file backed by disk blocks. A store to a mapped hole on a full disk would
 * kill the process; this fails with an error instead. */
static int reserve_to(struct de_lmdb_kv *kv, struct de_lmdb_file *file, uint64_t bytes)
{
    mdb_filehandle_t fd;
    int code = mdb_env_get_fd(file->env, &fd);

    DE_ASSERT(file->reserved_bytes <= file->map_bytes);
    DE_ASSERT(bytes > 0);
    if (code != 0) {
        return de_lmdb_fail(kv, code, "reserving disk space");
    }
    bytes = bytes < file->map_bytes ? bytes : file->map_bytes;
    if (bytes <= file->reserved_bytes) {
        return 0;
    }
    do {
        code = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)file->reserved_bytes,
                         (off_t)(bytes - file->reserved_bytes)) == 0
                   ? 0
                   : errno;
    } while (code == EINTR);
    /* A file system that cannot reserve leaves the risk with its user. */
    if (code != 0 && code != EOPNOTSUPP && code != ENOSYS) {
        return de_lmdb_fail(kv, code, "reserving disk space");
    }
    file->reserved_bytes = bytes;
    DE_ASSERT(file->reserved_bytes <= file->map_bytes);
    return 0;
}

/* Doubles the map while nobody looks at it; leaves it as it is when somebody does for so long. */
static int grow(struct de_lmdb_kv *kv, struct de_lmdb_file *file, uint64_t patience_ns)
{
    const bool seen = file == kv->current; /* by views; the other one is being filled */
    uint64_t bytes = 2 * file->map_bytes;
    int code;

    DE_ASSERT(file->txn == NULL);
    DE_ASSERT(file->map_bytes > 0 && file->map_bytes <= INT64_MAX);
    if (bytes > SIZE_MAX / 2 || (seen && !de_lmdb_pool_close(&kv->pool, patience_ns))) {
        return 0;
    }
    code = mdb_env_set_mapsize(file->env, (size_t)bytes);
    if (seen) {
        de_lmdb_pool_open(&kv->pool);
    }
    if (code != 0) {
        return de_lmdb_fail(kv, code, "enlarging the memory map");
    }
    file->map_bytes = bytes;
    DE_ASSERT(file->map_bytes % file->page_bytes == 0);
    DE_ASSERT(file->used_bytes <= file->map_bytes / 2);
    file->map_was_full = false;
    file->patient_bytes = 0;
    return 0;
}

/* The map is nearly full, or was. Views that are held open do not stop the applier: there is an
 * eighth left, and when that is used up there is no room until they are closed. */
static int grow_patiently(struct de_lmdb_kv *kv, struct de_lmdb_file *file)
{
    const uint64_t map_bytes = file->map_bytes;
    int error = 0;

    DE_ASSERT(file->map_was_full || file->used_bytes > map_bytes / 8 * 7);
    if (file->map_was_full || file->used_bytes > file->patient_bytes) {
        error = grow(kv, file, PATIENCE_NS);
    }
    if (error == 0 && file->map_bytes == map_bytes) {
        file->patient_bytes = file->used_bytes > file->patient_bytes
                                  ? file->used_bytes + map_bytes / 64
                                  : file->patient_bytes;
        if (file->map_was_full) {
            de_message_set(kv->message, sizeof(kv->message),
                           "the state store has no room: its memory map cannot be enlarged while a "
                           "view is held open; close it");
            error = DENGINE_E_NO_SPACE;
        }
    }
    DE_ASSERT_IMPLIES(error == 0 && file->map_bytes != map_bytes, !file->map_was_full);
    return error;
}

int de_lmdb_map_prepare(struct de_lmdb_kv *kv, struct de_lmdb_file *file, uint64_t bytes)
{
    MDB_envinfo info;
    MDB_stat stat;
    int code = mdb_env_info(file->env, &info);
    int error = 0;

    DE_ASSERT(file->txn == NULL);
    if (code == 0) {
        code = mdb_env_stat(file->env, &stat);
    }
    if (code != 0) {
        return de_lmdb_fail(kv, code, "reading the store's figures");
    }
    file->used_bytes = ((uint64_t)info.me_last_pgno + 1) * file->page_bytes;
    file->touched_bytes = 0;
    DE_ASSERT(file->used_bytes > 0 && file->used_bytes <= file->map_bytes);
    /* The way from the root to a leaf is copied, and each of its pages may split. */
    file->put_bytes = 2 * ((uint64_t)stat.ms_depth + 2) * file->page_bytes;
    DE_ASSERT(stat.ms_psize == file->page_bytes);
    if (file->map_was_full || file->used_bytes > file->map_bytes / 8 * 7) {
        error = grow_patiently(kv, file);
    } else if (file->used_bytes > file->map_bytes / 2) {
        error = grow(kv, file, 0);
    }
    DE_ASSERT(bytes == 0 || file != kv->current); /* so nobody looks at it */
    while (error == 0 && bytes > file->map_bytes / 2 - file->used_bytes / 2 &&
           file->map_bytes <= INT64_MAX / 2) {
        error = grow(kv, file, 0);
    }
    return error != 0 ? error : de_lmdb_map_reserve(kv, file, 0);
}

int de_lmdb_map_reserve(struct de_lmdb_kv *kv, struct de_lmdb_file *file, uint64_t value_bytes)
{
    uint64_t wanted;

    DE_ASSERT(file->page_bytes > 0);
    DE_ASSERT(file->put_bytes >= file->page_bytes);
    DE_ASSERT(value_bytes <= INT32_MAX);
    file->touched_bytes += file->put_bytes + value_bytes + file->page_bytes;
    /* One eighth more: the list of freed pages grows with the pages that are touched. */
    wanted = file->used_bytes + file->touched_bytes + file->touched_bytes / 8;
    DE_ASSERT(wanted > file->used_bytes);
    if (file->filling || wanted <= file->reserved_bytes ||
        file->reserved_bytes == file->map_bytes) {
        return 0;
    }
    return reserve_to(kv, file, (wanted / RESERVE_STEP_BYTES + 1) * RESERVE_STEP_BYTES);
}
