/* The log in one LMDB database, keys of eight bytes, big-endian, so that they sort by number:
 *
 *   key 0        the head; all numbers little-endian
 *     0  u32  CRC-32C of what follows
 *     4  u32  version, 1
 *     8  u64  node id         16  u64  cluster id
 *    24  u64  term            32  u64  vote           40  u64  commit
 *    48  u64  first index     56  u64  last index     64  u64  base term
 *   key i        the entry at index i
 *     0  u32  CRC-32C of the key and of what follows
 *     4  u32  type
 *     8  u64  term
 *    16       data
 *
 * The head says which entries count. Keys above the last index are removed in the transaction that
 * lowers it; those below the first, which a compaction leaves, wait for tidy(). */
#include "storage/lmdb/lmdb_log.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "storage/base/log_check.h"
#include "storage/lmdb/lmdb_internal.h"
#include "storage/posix/posix_dir.h"

#define LOG_NAME       "log.mdb"
#define HEAD_VERSION   1u
#define HEAD_BYTES     72u
#define ENTRY_BYTES    16u
#define KEY_BYTES      8u
#define MAP_BYTES      (UINT64_C(1) << 30)
#define RESERVE_BYTES  (UINT64_C(1) << 20)
#define TIDY_KEYS      256u /* removed in one step */
#define PATH_BYTES_MAX 4096u

DE_STATIC_ASSERT(HEAD_BYTES == 8 + 8 * 8, "checksum, version and eight numbers");
DE_STATIC_ASSERT(ENTRY_BYTES + (uint64_t)DE_LOG_DATA_MAX <= UINT32_MAX, "LMDB's longest value");

struct lmdb_log {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *txn; /* of the call under way */
    uint64_t node_id;
    uint64_t cluster_id;
    struct dengine_log_state state;
    struct dengine_log_state next; /* what the transaction under way leads to */
    uint64_t map_bytes;
    uint64_t reserved_bytes;
    bool garbage; /* there may be keys below the first index */
    int error;    /* of what broke the store; 0: it is sound */
    char message[DE_MESSAGE_BYTES];
};

static void check(const struct lmdb_log *log)
{
    DE_ASSERT(log->env != NULL && log->txn == NULL);
    DE_ASSERT(log->state.first_index > 0 && log->state.last_index >= log->state.first_index - 1);
    DE_ASSERT_IMPLIES(log->error != 0, log->message[0] != '\0');
}

static int refuse(struct lmdb_log *log, int error, const char *what)
{
    DE_ASSERT(error < 0);
    DE_ASSERT(log->error == 0);
    de_message_set(log->message, sizeof(log->message), "%s: %s; nothing was written", what,
                   dengine_strerror(error));
    return error;
}

/* A transaction has failed. Nothing of it is there, but what LMDB has in memory may not be what is
 * on disk any more, and a failed sync must not be repeated: the store is broken for good. */
static int broken(struct lmdb_log *log, int code, const char *what)
{
    const int error = de_lmdb_error(code);

    DE_ASSERT(code != 0 && log->error == 0);
    DE_ASSERT(error < 0);
    log->error = error == DENGINE_E_NO_SPACE || error == DENGINE_E_NO_MEMORY ? DENGINE_E_IO : error;
    de_message_set(log->message, sizeof(log->message), "the log failed: %s: %s", what,
                   mdb_strerror(code));
    return log->error;
}

/* ---- records ---- */

static MDB_val key_of(uint64_t index, uint8_t bytes[KEY_BYTES])
{
    MDB_val key = {KEY_BYTES, bytes};

    DE_ASSERT(index <= DE_LOG_INDEX_MAX);
    for (size_t i = 0; i < KEY_BYTES; i++) {
        bytes[i] = (uint8_t)(index >> (56 - 8 * i));
    }
    DE_ASSERT(bytes[0] <= 0x7f);
    return key;
}

static uint64_t index_of(const MDB_val *key)
{
    const uint8_t *bytes = key->mv_data;
    uint64_t index = 0;

    DE_ASSERT(bytes != NULL);
    DE_ASSERT(key->mv_size == KEY_BYTES);
    for (size_t i = 0; i < KEY_BYTES; i++) {
        index = index << 8 | bytes[i];
    }
    return index;
}

static int put_head(struct lmdb_log *log)
{
    const struct dengine_log_state *state = &log->next;
    const uint64_t numbers[8] = {
        log->node_id,           log->cluster_id,          state->hard_state.term,
        state->hard_state.vote, state->hard_state.commit, state->first_index,
        state->last_index,      state->base_term};
    uint8_t bytes[HEAD_BYTES];
    uint8_t zero[KEY_BYTES];
    MDB_val key = key_of(0, zero);
    MDB_val value = {sizeof(bytes), bytes};
    struct de_writer writer;
    uint32_t crc;

    DE_ASSERT(log->txn != NULL);
    de_writer_init(&writer, bytes, sizeof(bytes));
    de_write_u32(&writer, 0);
    de_write_u32(&writer, HEAD_VERSION);
    for (size_t i = 0; i < DE_ARRAY_SIZE(numbers); i++) {
        de_write_u64(&writer, numbers[i]);
    }
    DE_ASSERT(!writer.failed && writer.size == HEAD_BYTES);
    crc = de_crc32c(0, bytes + 4, HEAD_BYTES - 4);
    de_writer_init(&writer, bytes, sizeof(bytes));
    de_write_u32(&writer, crc);
    return mdb_put(log->txn, log->dbi, &key, &value, 0);
}

static uint32_t entry_crc(const MDB_val *key, const uint8_t *bytes, size_t size)
{
    DE_ASSERT(key->mv_size == KEY_BYTES);
    DE_ASSERT(size >= ENTRY_BYTES);
    return de_crc32c(de_crc32c(0, key->mv_data, KEY_BYTES), bytes + 4, size - 4);
}

static int put_entry(struct lmdb_log *log, uint64_t index, const struct dengine_entry *entry)
{
    uint8_t bytes[KEY_BYTES];
    MDB_val key = key_of(index, bytes);
    MDB_val value = {ENTRY_BYTES + entry->data.size, NULL};
    struct de_writer writer;
    uint32_t crc;
    int code;

    DE_ASSERT(index > 0);
    DE_ASSERT(entry->data.size <= DE_LOG_DATA_MAX);
    code = mdb_put(log->txn, log->dbi, &key, &value, MDB_RESERVE | MDB_APPEND);
    if (code != 0) {
        return code;
    }
    de_writer_init(&writer, value.mv_data, value.mv_size);
    de_write_u32(&writer, 0);
    de_write_u32(&writer, entry->type);
    de_write_u64(&writer, entry->term);
    de_write_bytes(&writer, entry->data.data, entry->data.size);
    DE_ASSERT(!writer.failed);
    key = key_of(index, bytes);
    crc = entry_crc(&key, value.mv_data, value.mv_size);
    de_writer_init(&writer, value.mv_data, 4);
    de_write_u32(&writer, crc);
    return 0;
}

/* Removes up to `most` keys from index on, below `end`; *removed says how many. */
static int remove_keys(struct lmdb_log *log, uint64_t index, uint64_t end, size_t most,
                       size_t *removed)
{
    uint8_t bytes[KEY_BYTES];
    MDB_val key = key_of(index, bytes);
    MDB_val value;
    MDB_cursor *cursor;
    int code = mdb_cursor_open(log->txn, log->dbi, &cursor);

    DE_ASSERT(index > 0);
    *removed = 0;
    if (code != 0) {
        return code;
    }
    code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (code == 0 && *removed < most && index_of(&key) < end) {
        code = mdb_cursor_del(cursor, 0);
        (*removed)++;
        if (code == 0) {
            code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        }
    }
    mdb_cursor_close(cursor);
    DE_ASSERT(*removed <= most);
    return code == MDB_NOTFOUND ? 0 : code;
}

/* ---- transactions ---- */

/* What a call does inside its transaction, from log->next = log->state on; an LMDB code. */
struct change {
    int (*run)(struct lmdb_log *log, const struct change *change);
    const struct dengine_log_write *writes;
    size_t count;
    uint64_t index;
    uint64_t term;
    const struct dengine_hard_state *hard_state;
    uint64_t bytes; /* of new data */
};

/* Backs the pages that the change may take by disk blocks, so that a full disk is found here, where
 * nothing has been done, and not in the middle of a commit. */
static int reserve(struct lmdb_log *log, const struct change *change)
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
static int attempt(struct lmdb_log *log, const struct change *change)
{
    int code = mdb_txn_begin(log->env, NULL, 0, &log->txn);

    DE_ASSERT((code == 0) == (log->txn != NULL));
    if (code != 0) {
        log->txn = NULL;
        return code;
    }
    log->next = log->state;
    code = change->run(log, change);
    code = code != 0 ? code : put_head(log);
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
static int transact(struct lmdb_log *log, const struct change *change, const char *what)
{
    int code = reserve(log, change);

    DE_ASSERT(log->error == 0);
    if (code == ENOSPC) {
        return refuse(log, DENGINE_E_NO_SPACE, what);
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
        return broken(log, code, what);
    }
    log->state = log->next;
    check(log);
    return 0;
}

static int run_writes(struct lmdb_log *log, const struct change *change)
{
    struct dengine_log_state *next = &log->next;
    size_t removed;
    int code = 0;

    DE_ASSERT(change->count > 0);
    for (size_t i = 0; code == 0 && i < change->count; i++) {
        const struct dengine_log_write *write = &change->writes[i];

        if (write->set_hard_state) {
            next->hard_state = write->hard_state;
        }
        if (write->truncate_from != 0 && write->truncate_from <= next->last_index) {
            code = remove_keys(log, write->truncate_from, UINT64_MAX, SIZE_MAX, &removed);
            next->last_index = write->truncate_from - 1;
        }
        for (size_t j = 0; code == 0 && j < write->entry_count; j++) {
            code = put_entry(log, write->first_index + j, &write->entries[j]);
            next->last_index++;
        }
    }
    DE_ASSERT(next->last_index + 1 >= next->first_index);
    return code;
}

static int log_write(void *store, const struct dengine_log_write *writes, size_t count)
{
    struct lmdb_log *log = store;
    struct change change = {.run = run_writes, .writes = writes, .count = count};
    uint64_t last = log->state.last_index;
    int error;

    if (log->error != 0) {
        return log->error;
    }
    check(log);
    error = de_log_check_writes(log->state.first_index, &last, writes, count);
    if (error != 0 || count == 0) {
        return error == 0 ? 0 : refuse(log, error, "the write does not fit the log");
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < writes[i].entry_count; j++) {
            change.bytes += writes[i].entries[j].data.size + 4096;
        }
    }
    error = transact(log, &change, "writing entries");
    DE_ASSERT_IMPLIES(error == 0, log->state.last_index == last);
    return error;
}

static int run_compact(struct lmdb_log *log, const struct change *change)
{
    DE_ASSERT(change->index >= log->next.first_index);
    DE_ASSERT(change->index <= log->next.last_index);
    log->next.first_index = change->index + 1;
    log->next.base_term = change->term;
    return 0;
}

static int log_compact(void *store, uint64_t index, uint64_t term)
{
    struct lmdb_log *log = store;
    const struct change change = {.run = run_compact, .index = index, .term = term};

    if (log->error != 0) {
        return log->error;
    }
    check(log);
    if (index > log->state.last_index) {
        return refuse(log, DENGINE_E_INVALID, "cannot compact beyond the end of the log");
    }
    if (index < log->state.first_index) {
        return 0;
    }
    log->garbage = true;
    return transact(log, &change, "compacting");
}

static int run_reset(struct lmdb_log *log, const struct change *change)
{
    struct dengine_log_state *next = &log->next;
    size_t removed = 0;
    int code = 0;

    DE_ASSERT(change->hard_state != NULL);
    DE_ASSERT(change->index <= DE_LOG_INDEX_MAX);
    if (change->index < next->last_index) {
        code = remove_keys(log, change->index + 1, UINT64_MAX, SIZE_MAX, &removed);
    }
    next->hard_state = *change->hard_state;
    next->first_index = change->index + 1;
    next->last_index = change->index;
    next->base_term = change->term;
    return code;
}

static int log_reset(void *store, uint64_t index, uint64_t term,
                     const struct dengine_hard_state *hard_state)
{
    struct lmdb_log *log = store;
    const struct change change = {
        .run = run_reset, .index = index, .term = term, .hard_state = hard_state};

    DE_ASSERT(hard_state != NULL);
    if (log->error != 0) {
        return log->error;
    }
    check(log);
    if (index > DE_LOG_INDEX_MAX) {
        return refuse(log, DENGINE_E_INVALID, "cannot reset the log to so large an index");
    }
    log->garbage = true;
    return transact(log, &change, "resetting");
}

static int run_tidy(struct lmdb_log *log, const struct change *change)
{
    size_t removed = 0;
    int code = remove_keys(log, 1, log->state.first_index, TIDY_KEYS, &removed);

    DE_ASSERT(change->count == 0);
    DE_ASSERT(removed <= TIDY_KEYS);
    log->garbage = removed == TIDY_KEYS;
    return code;
}

static int log_tidy(void *store, bool idle)
{
    struct lmdb_log *log = store;
    const struct change change = {.run = run_tidy};
    int error;

    if (log->error != 0) {
        return log->error;
    }
    check(log);
    if (!log->garbage || !idle) {
        return 0;
    }
    error = transact(log, &change, "removing compacted entries");
    DE_ASSERT(error <= 0);
    if (error != 0) {
        return error == DENGINE_E_NO_SPACE ? 0 : error;
    }
    return log->garbage ? 1 : 0;
}

/* ---- reading ---- */

static void log_state(void *store, struct dengine_log_state *state)
{
    const struct lmdb_log *log = store;

    check(log);
    DE_ASSERT(state != NULL);
    *state = log->state;
}

static int read_failed(struct lmdb_log *log, uint64_t index, int code)
{
    const int error = code == MDB_NOTFOUND || code == 0 ? DENGINE_E_CORRUPT : de_lmdb_error(code);

    DE_ASSERT(index > 0);
    DE_ASSERT(error < 0);
    if (log->error == 0) {
        de_message_set(log->message, sizeof(log->message),
                       "entry %llu of the log cannot be read: file " LOG_NAME ": %s; to rebuild "
                       "this node from its peers, move its data directory away and start it empty",
                       (unsigned long long)index, dengine_strerror(error));
    }
    return error;
}

static bool decode(const MDB_val *key, const MDB_val *value, struct dengine_entry *entry)
{
    struct de_reader reader;
    uint32_t crc;

    DE_ASSERT(key->mv_data != NULL && entry != NULL);
    de_reader_init(&reader, value->mv_data, value->mv_size);
    crc = de_read_u32(&reader);
    entry->type = de_read_u32(&reader);
    entry->term = de_read_u64(&reader);
    if (reader.failed) {
        return false;
    }
    entry->data.size = de_reader_left(&reader);
    entry->data.data = de_read_bytes(&reader, entry->data.size);
    DE_ASSERT(!reader.failed);
    return crc == entry_crc(key, value->mv_data, value->mv_size);
}

static int read_range(struct lmdb_log *log, MDB_cursor *cursor, uint64_t first, uint64_t last,
                      int (*visit)(void *context, uint64_t index,
                                   const struct dengine_entry *entry),
                      void *context)
{
    uint8_t bytes[KEY_BYTES];
    MDB_val key = key_of(first, bytes);
    MDB_val value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_KEY);

    DE_ASSERT(first <= last);
    for (uint64_t index = first; index <= last; index++) {
        struct dengine_entry entry;
        int result;

        if (index > first) {
            code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        }
        if (code != 0 || key.mv_size != KEY_BYTES || index_of(&key) != index ||
            !decode(&key, &value, &entry)) {
            return read_failed(log, index, code);
        }
        result = visit(context, index, &entry);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int log_read(void *store, uint64_t first, uint64_t last,
                    int (*visit)(void *context, uint64_t index, const struct dengine_entry *entry),
                    void *context)
{
    struct lmdb_log *log = store;
    MDB_cursor *cursor;
    MDB_txn *txn;
    int error;
    int code;

    DE_ASSERT(visit != NULL);
    check(log);
    if (first < log->state.first_index || last > log->state.last_index || first > last) {
        return DENGINE_E_INVALID;
    }
    code = mdb_txn_begin(log->env, NULL, MDB_RDONLY, &txn);
    if (code != 0) {
        return read_failed(log, first, code);
    }
    code = mdb_cursor_open(txn, log->dbi, &cursor);
    if (code == 0) {
        error = read_range(log, cursor, first, last, visit, context);
        mdb_cursor_close(cursor);
    } else {
        error = read_failed(log, first, code);
    }
    mdb_txn_abort(txn);
    return error;
}

static const char *log_message(void *store)
{
    const struct lmdb_log *log = store;

    DE_ASSERT(log != NULL);
    DE_ASSERT(log->env != NULL);
    return log->message;
}

static void log_close(void *store)
{
    struct lmdb_log *log = store;

    DE_ASSERT(log->txn == NULL);
    DE_ASSERT(log->env != NULL);
    mdb_env_close(log->env);
    free(log);
}

/* ---- opening ---- */

/* Takes the head over; a DENGINE_E_*. */
static int take_head(struct lmdb_log *log, const MDB_val *value)
{
    struct dengine_log_state *state = &log->state;
    struct de_reader reader;
    uint64_t node_id;
    uint64_t cluster_id;
    uint32_t version;
    uint32_t crc;

    DE_ASSERT(value->mv_data != NULL || value->mv_size == 0);
    de_reader_init(&reader, value->mv_data, value->mv_size);
    crc = de_read_u32(&reader);
    version = de_read_u32(&reader);
    if (reader.failed ||
        crc != de_crc32c(0, (const uint8_t *)value->mv_data + 4, value->mv_size - 4)) {
        return DENGINE_E_CORRUPT;
    }
    if (version != HEAD_VERSION) {
        return DENGINE_E_VERSION;
    }
    node_id = de_read_u64(&reader);
    cluster_id = de_read_u64(&reader);
    state->hard_state.term = de_read_u64(&reader);
    state->hard_state.vote = de_read_u64(&reader);
    state->hard_state.commit = de_read_u64(&reader);
    state->first_index = de_read_u64(&reader);
    state->last_index = de_read_u64(&reader);
    state->base_term = de_read_u64(&reader);
    if (reader.failed || de_reader_left(&reader) != 0 || state->first_index == 0 ||
        state->last_index > DE_LOG_INDEX_MAX || state->first_index > state->last_index + 1) {
        return DENGINE_E_CORRUPT;
    }
    DE_ASSERT(state->last_index + 1 >= state->first_index);
    return node_id == log->node_id && cluster_id == log->cluster_id ? 0 : DENGINE_E_FOREIGN;
}

static int run_nothing(struct lmdb_log *log, const struct change *change)
{
    DE_ASSERT(log->txn != NULL);
    DE_ASSERT(change->count == 0);
    return 0;
}

/* Reads the head, or makes the log when there is none. */
static int load(struct lmdb_log *log)
{
    const struct change nothing = {.run = run_nothing};
    uint8_t bytes[KEY_BYTES];
    MDB_val key = key_of(0, bytes);
    MDB_val value;
    MDB_stat stat;
    int error = 0;
    int code = mdb_txn_begin(log->env, NULL, 0, &log->txn);

    DE_ASSERT(log->state.first_index == 1);
    if (code != 0) {
        log->txn = NULL;
        return broken(log, code, "beginning");
    }
    code = mdb_dbi_open(log->txn, NULL, 0, &log->dbi);
    code = code != 0 ? code : mdb_stat(log->txn, log->dbi, &stat);
    if (code == 0) {
        code = mdb_get(log->txn, log->dbi, &key, &value);
        error = code == 0 ? take_head(log, &value) : 0;
        if (code == MDB_NOTFOUND) {
            log->state.created = true;
            error = stat.ms_entries > 0 ? DENGINE_E_CORRUPT : 0;
            code = 0;
        }
    }
    mdb_txn_abort(log->txn);
    log->txn = NULL;
    if (code != 0) {
        return broken(log, code, "reading its head");
    }
    /* The handle that the aborted transaction opened is gone with it, but for the main one. */
    return error != 0 || !log->state.created ? error : transact(log, &nothing, "making it");
}

static int open_env(struct lmdb_log *log, const char *path)
{
    const unsigned flags = MDB_NOTLS | MDB_NOSUBDIR | MDB_NOLOCK;
    char file[PATH_BYTES_MAX];
    int length = snprintf(file, sizeof(file), "%s/" LOG_NAME, path);
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
static int load_short(struct lmdb_log *log, int fd, off_t size, off_t wanted)
{
    const struct dengine_log_state *state = &log->state;
    int error;

    DE_ASSERT(fd >= 0);
    DE_ASSERT(size < wanted);
    if (ftruncate(fd, wanted) != 0) {
        return broken(log, errno, "filling up " LOG_NAME);
    }
    error = load(log);
    if (error == 0 && state->last_index >= state->first_index) {
        error = log_read(log, state->first_index, state->last_index, visit_nothing, NULL);
    }
    /* The next opening must find it as this one did. */
    return error == 0 || ftruncate(fd, size) == 0 ? error : DENGINE_E_IO;
}

static int open_log(struct lmdb_log *log, const char *path, struct dengine_dir dir)
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
        return broken(log, code, "opening " LOG_NAME);
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

static const struct dengine_log_store_ops log_ops = {
    .state = log_state,
    .write = log_write,
    .read = log_read,
    .compact = log_compact,
    .reset = log_reset,
    .tidy = log_tidy,
    .message = log_message,
    .close = log_close,
};

int de_lmdb_log_open(const char *path, const struct de_lmdb_log_options *options,
                     struct dengine_log_store *store, char *message, size_t message_size)
{
    struct lmdb_log *log = calloc(1, sizeof(*log));
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
                           ? "to rebuild this node from its peers, move its data directory away "
                             "and start it empty"
                           : "check the directory, its permissions, the disk and whose data it is");
        if (log->env != NULL) {
            mdb_env_close(log->env);
        }
        free(log);
        return error;
    }
    check(log);
    store->ops = &log_ops;
    store->object = log;
    return 0;
}
