/* One transaction for each call that changes the log in LMDB, synced when it is over. */
#include <errno.h>
#include <fcntl.h>

#include "core/base/assert.h"
#include "storage/lmdb/lmdb_internal.h"
#include "storage/lmdb/lmdb_log_internal.h"

#define RESERVE_BYTES (UINT64_C(1) << 20)

int de_lmdb_log_refuse(struct de_lmdb_log *log, int error, const char *what)
{
    DE_ASSERT(error < 0);
    DE_ASSERT(log->error == 0);
    de_message_set(log->message, sizeof(log->message), "%s: %s; nothing was written", what,
                   dengine_strerror(error));
    return error;
}

/* A transaction has failed. Nothing of it is there, but what LMDB has in memory may not be what is
 * on disk any more, and a failed sync must not be repeated: the store is broken for good. */
int de_lmdb_log_break(struct de_lmdb_log *log, int code, const char *what)
{
    const int error = de_lmdb_error(code);

    DE_ASSERT(code != 0 && log->error == 0);
    DE_ASSERT(error < 0);
    log->error = error == DENGINE_E_NO_SPACE || error == DENGINE_E_NO_MEMORY ? DENGINE_E_IO : error;
    de_message_set(log->message, sizeof(log->message), "the log failed: %s: %s", what,
                   mdb_strerror(code));
    return log->error;
}

/* Backs the pages that the change may take by disk blocks, so that a full disk is found here, where
 * nothing has been done, and not in the middle of a commit. */
static int reserve(struct de_lmdb_log *log, const struct de_lmdb_change *change)
{
    MDB_envinfo info;
    MDB_stat stat;
    mdb_filehandle_t fd;
    uint64_t wanted;
    int code = mdb_env_info(log->env, &info);

    DE_ASSERT(log->txn == NULL);
    code = code != 0 ? code : mdb_env_stat(log->env, &stat);
    code = code != 0 ? code : mdb_env_get_fd(log->env, &fd);
    if (code != 0) {
        return code;
    }
    wanted = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize + change->bytes + change->bytes / 8 +
             16 * ((uint64_t)stat.ms_depth + 2) * stat.ms_psize;
    if (wanted <= log->reserved_bytes) {
        return 0;
    }
    wanted = (wanted / RESERVE_BYTES + 1) * RESERVE_BYTES;
    do {
        code = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)wanted) == 0 ? 0 : errno;
    } while (code == EINTR);
    if (code != 0 && code != EOPNOTSUPP && code != ENOSYS) {
        return code;
    }
    log->reserved_bytes = wanted;
    DE_ASSERT(log->reserved_bytes % RESERVE_BYTES == 0);
    return 0;
}

/* One attempt. The transaction is over when it returns. */
static int attempt(struct de_lmdb_log *log, const struct de_lmdb_change *change)
{
    int code = mdb_txn_begin(log->env, NULL, 0, &log->txn);

    DE_ASSERT((code == 0) == (log->txn != NULL));
    if (code != 0) {
        log->txn = NULL;
        return code;
    }
    log->next = log->state;
    code = change->run(log, change);
    code = code != 0 ? code : de_lmdb_log_put_head(log);
    if (code == 0) {
        code = mdb_txn_commit(log->txn);
    } else {
        mdb_txn_abort(log->txn);
    }
    log->txn = NULL;
    return code;
}

/* Carries a change out and makes it durable. A map that is too small is doubled, and the change
 * done again: nothing of it has reached the file. */
int de_lmdb_log_transact(struct de_lmdb_log *log, const struct de_lmdb_change *change,
                         const char *what)
{
    int code = reserve(log, change);

    DE_ASSERT(log->error == 0);
    if (code == ENOSPC) {
        return de_lmdb_log_refuse(log, DENGINE_E_NO_SPACE, what);
    }
    code = code != 0 ? code : attempt(log, change);
    while (code == MDB_MAP_FULL && log->map_bytes <= INT64_MAX / 2) {
        code = mdb_env_set_mapsize(log->env, (size_t)(2 * log->map_bytes));
        if (code == 0) {
            log->map_bytes *= 2;
            code = attempt(log, change);
        }
    }
    if (code != 0) {
        return de_lmdb_log_break(log, code, what);
    }
    log->state = log->next;
    de_lmdb_log_check(log);
    return 0;
}
