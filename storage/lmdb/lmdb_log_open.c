#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "storage/lmdb/lmdb_log_internal.h"
#include "storage/posix/posix_dir.h"

#define MAP_BYTES      (UINT64_C(1) << 30)
#define PATH_BYTES_MAX 4096u

static int run_nothing(struct de_lmdb_log *log, const struct de_lmdb_change *change)
{
    DE_ASSERT(log->txn != NULL);
    DE_ASSERT(change->count == 0);
    return 0;
}

/* Reads the head, or makes the log when there is none. */
static int load(struct de_lmdb_log *log)
{
    const struct de_lmdb_change nothing = {.run = run_nothing};
    uint8_t bytes[DE_LMDB_LOG_KEY_BYTES];
    MDB_val key = de_lmdb_log_key(0, bytes);
    MDB_val value;
    MDB_stat stat;
    int error = 0;
    int code = mdb_txn_begin(log->env, NULL, 0, &log->txn);

    DE_ASSERT(log->state.first_index == 1);
    if (code != 0) {
        log->txn = NULL;
        return de_lmdb_log_break(log, code, "beginning");
    }
    code = mdb_dbi_open(log->txn, NULL, 0, &log->dbi);
    code = code != 0 ? code : mdb_stat(log->txn, log->dbi, &stat);
    if (code == 0) {
        code = mdb_get(log->txn, log->dbi, &key, &value);
        error = code == 0 ? de_lmdb_log_take_head(log, &value) : 0;
        if (code == MDB_NOTFOUND) {
            log->state.created = true;
            error = stat.ms_entries > 0 ? DENGINE_E_CORRUPT : 0;
            code = 0;
        }
    }
    mdb_txn_abort(log->txn);
    log->txn = NULL;
    if (code != 0) {
        return de_lmdb_log_break(log, code, "reading its head");
    }
    /* The handle that the aborted transaction opened is gone with it, but for the main one. */
    return error != 0 || !log->state.created ? error
                                             : de_lmdb_log_transact(log, &nothing, "making it");
}

static int open_env(struct de_lmdb_log *log, const char *path)
{
    const unsigned flags = MDB_NOTLS | MDB_NOSUBDIR | MDB_NOLOCK;
    char file[PATH_BYTES_MAX];
    int length = snprintf(file, sizeof(file), "%s/" DE_LMDB_LOG_NAME, path);
    int code;

    DE_ASSERT(log->env == NULL);
    if (length < 0 || (size_t)length >= sizeof(file)) {
        return ENAMETOOLONG;
    }
    code = mdb_env_create(&log->env);
    if (code != 0) {
        log->env = NULL;
        return code;
    }
    code = mdb_env_set_mapsize(log->env, (size_t)log->map_bytes);
    code = code != 0 ? code : mdb_env_open(log->env, file, flags, 0600);
    DE_ASSERT(log->map_bytes > 0);
    return code;
}

static int visit_nothing(void *context, uint64_t index, const struct dengine_entry *entry)
{
    DE_ASSERT(context == NULL);
    DE_ASSERT(index > 0 && entry != NULL);
    return 0;
}

/* LMDB maps its file: to read a page behind the end of that would be a SIGBUS. Such pages are new
 * ones that were never used, or the file was cut. As zeros, which LMDB takes for no page, they do
 * no harm; then every entry must be there. */
static int load_short(struct de_lmdb_log *log, int fd, off_t size, off_t wanted)
{
    const struct dengine_log_state *state = &log->state;
    int error;

    DE_ASSERT(fd >= 0);
    DE_ASSERT(size < wanted);
    if (ftruncate(fd, wanted) != 0) {
        return de_lmdb_log_break(log, errno, "filling up " DE_LMDB_LOG_NAME);
    }
    error = load(log);
    if (error == 0 && state->last_index >= state->first_index) {
        error = de_lmdb_log_read(log, state->first_index, state->last_index, visit_nothing, NULL);
    }
    /* The next opening must find it as this one did. */
    return error == 0 || ftruncate(fd, size) == 0 ? error : DENGINE_E_IO;
}

static int open_log(struct de_lmdb_log *log, const char *path, struct dengine_dir dir)
{
    struct stat status;
    MDB_envinfo info;
    MDB_stat stat;
    off_t wanted;
    int fd;
    int code = open_env(log, path);
    int error;

    DE_ASSERT(log->error == 0);
    code = code != 0 ? code : mdb_env_info(log->env, &info);
    code = code != 0 ? code : mdb_env_stat(log->env, &stat);
    code = code != 0 ? code : mdb_env_get_fd(log->env, &fd);
    if (code == 0 && fstat(fd, &status) != 0) {
        code = errno;
    }
    if (code != 0) {
        return de_lmdb_log_break(log, code, "opening " DE_LMDB_LOG_NAME);
    }
    log->map_bytes = info.me_mapsize;
    log->garbage = true; /* the life before may have left some */
    wanted = (off_t)((info.me_last_pgno + 1) * stat.ms_psize);
    error = dir.ops->sync_dir(dir.object);
    DE_ASSERT(error <= 0);
    if (error != 0) {
        return error;
    }
    return status.st_size < wanted ? load_short(log, fd, status.st_size, wanted) : load(log);
}

int de_lmdb_log_open(const char *path, const struct de_lmdb_log_options *options,
                     struct dengine_log_store *store, char *message, size_t message_size)
{
    struct de_lmdb_log *log = calloc(1, sizeof(*log));
    struct dengine_dir dir;
    int error;

    DE_ASSERT(path != NULL && options != NULL);
    DE_ASSERT(store != NULL);
    if (log == NULL) {
        de_message_set(message, message_size, "out of memory while opening the log");
        return DENGINE_E_NO_MEMORY;
    }
    log->node_id = options->node_id;
    log->cluster_id = options->cluster_id;
    log->map_bytes = options->map_bytes == 0 ? MAP_BYTES : options->map_bytes;
    log->state.first_index = 1;
    error = de_posix_dir_open(path, true, &dir, message, message_size);
    if (error != 0) {
        free(log);
        return error;
    }
    error = open_log(log, path, dir);
    de_posix_dir_close(dir);
    if (error != 0) {
        de_message_set(message, message_size, "cannot open the log in %s: %s%s%s; %s", path,
                       dengine_strerror(error), log->message[0] == '\0' ? "" : ": ", log->message,
                       error == DENGINE_E_CORRUPT
                           ? DE_MESSAGE_REBUILD
                           : "check the directory, its permissions, the disk and whose data it is");
        if (log->env != NULL) {
            mdb_env_close(log->env);
        }
        free(log);
        return error;
    }
    de_lmdb_log_check(log);
    store->ops = &de_lmdb_log_ops;
    store->object = log;
    return 0;
}
