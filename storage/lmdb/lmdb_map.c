#include "storage/lmdb/lmdb_internal.h"

#include <errno.h>
#include <fcntl.h>

#include "core/base/assert.h"

/* Disk space is reserved in steps of this size. */
#define RESERVE_STEP_BYTES (UINT64_C(16) << 20)

DE_STATIC_ASSERT(RESERVE_STEP_BYTES % 65536 == 0, "whole pages, whatever the system's are");
DE_STATIC_ASSERT((RESERVE_STEP_BYTES & (RESERVE_STEP_BYTES - 1)) == 0, "divided by with a shift");
DE_STATIC_ASSERT(sizeof(off_t) == sizeof(uint64_t), "every byte of the map has an offset");

/* Makes [0, bytes) of data.mdb backed by disk blocks. A store to a mapped hole on a full disk would
 * kill the process; this fails with an error instead. */
static int reserve_to(struct de_lmdb_kv *kv, uint64_t bytes)
{
    mdb_filehandle_t fd;
    int code = mdb_env_get_fd(kv->env, &fd);

    DE_ASSERT(kv->reserved_bytes <= kv->map_bytes);
    DE_ASSERT(bytes > 0);
    if (code != 0) {
        return de_lmdb_fail(kv, code, "reserving disk space");
    }
    bytes = bytes < kv->map_bytes ? bytes : kv->map_bytes;
    if (bytes <= kv->reserved_bytes) {
        return 0;
    }
    do {
        code = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)kv->reserved_bytes,
                         (off_t)(bytes - kv->reserved_bytes)) == 0
                   ? 0
                   : errno;
    } while (code == EINTR);
    /* A file system that cannot reserve leaves the risk with its user. */
    if (code != 0 && code != EOPNOTSUPP && code != ENOSYS) {
        return de_lmdb_fail(kv, code, "reserving disk space");
    }
    kv->reserved_bytes = bytes;
    DE_ASSERT(kv->reserved_bytes <= kv->map_bytes);
    return 0;
}

/* Doubles the map while nobody looks at it. */
static int grow(struct de_lmdb_kv *kv, bool wait)
{
    uint64_t bytes = 2 * kv->map_bytes;
    int code;

    DE_ASSERT(kv->txn == NULL);
    DE_ASSERT(kv->map_bytes > 0 && kv->map_bytes <= INT64_MAX);
    if (bytes > SIZE_MAX / 2 || !de_lmdb_gate_close(&kv->gate, wait)) {
        return 0;
    }
    code = mdb_env_set_mapsize(kv->env, (size_t)bytes);
    de_lmdb_gate_open(&kv->gate);
    if (code != 0) {
        return de_lmdb_fail(kv, code, "enlarging the memory map");
    }
    kv->map_bytes = bytes;
    DE_ASSERT(kv->map_bytes % kv->page_bytes == 0);
    DE_ASSERT(kv->used_bytes <= kv->map_bytes / 2);
    kv->map_was_full = false;
    return 0;
}

int de_lmdb_map_prepare(struct de_lmdb_kv *kv)
{
    MDB_envinfo info;
    MDB_stat stat;
    int code = mdb_env_info(kv->env, &info);
    int error = 0;

    DE_ASSERT(kv->txn == NULL);
    if (code == 0) {
        code = mdb_env_stat(kv->env, &stat);
    }
    if (code != 0) {
        return de_lmdb_fail(kv, code, "reading the store's figures");
    }
    kv->used_bytes = ((uint64_t)info.me_last_pgno + 1) * kv->page_bytes;
    kv->touched_bytes = 0;
    DE_ASSERT(kv->used_bytes > 0 && kv->used_bytes <= kv->map_bytes);
    /* The way from the root to a leaf is copied, and each of its pages may split. */
    kv->put_bytes = 2 * ((uint64_t)stat.ms_depth + 2) * kv->page_bytes;
    DE_ASSERT(stat.ms_psize == kv->page_bytes);
    if (kv->map_was_full || kv->used_bytes > kv->map_bytes / 8 * 7) {
        error = grow(kv, true);
    } else if (kv->used_bytes > kv->map_bytes / 2) {
        error = grow(kv, false);
    }
    return error != 0 ? error : de_lmdb_map_reserve(kv, 0);
}

int de_lmdb_map_reserve(struct de_lmdb_kv *kv, uint64_t value_bytes)
{
    uint64_t wanted;

    DE_ASSERT(kv->page_bytes > 0);
    DE_ASSERT(kv->put_bytes >= kv->page_bytes);
    DE_ASSERT(value_bytes <= INT32_MAX);
    kv->touched_bytes += kv->put_bytes + value_bytes + kv->page_bytes;
    /* One eighth more: the list of freed pages grows with the pages that are touched. */
    wanted = kv->used_bytes + kv->touched_bytes + kv->touched_bytes / 8;
    DE_ASSERT(wanted > kv->used_bytes);
    if (wanted <= kv->reserved_bytes || kv->reserved_bytes == kv->map_bytes) {
        return 0;
    }
    return reserve_to(kv, (wanted / RESERVE_STEP_BYTES + 1) * RESERVE_STEP_BYTES);
}
