#include "core/base/assert.h"
#include "storage/lmdb/lmdb_internal.h"
#include "storage/lmdb/lmdb_log_internal.h"

static int read_failed(struct de_lmdb_log *log, uint64_t index, int code)
{
    const int error = code == MDB_NOTFOUND || code == 0 ? DENGINE_E_CORRUPT : de_lmdb_error(code);

    DE_ASSERT(index > 0);
    DE_ASSERT(error < 0);
    if (log->error == 0) {
        de_message_set(log->message, sizeof(log->message),
                       "entry %llu of the log cannot be read: file " DE_LMDB_LOG_NAME
                       ": %s; " DE_MESSAGE_REBUILD,
                       (unsigned long long)index, dengine_strerror(error));
    }
    return error;
}

static int read_range(struct de_lmdb_log *log, MDB_cursor *cursor, uint64_t first, uint64_t last,
                      int (*visit)(void *context, uint64_t index,
                                   const struct dengine_entry *entry),
                      void *context)
{
    uint8_t bytes[DE_LMDB_LOG_KEY_BYTES];
    MDB_val key = de_lmdb_log_key(first, bytes);
    MDB_val value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_KEY);

    DE_ASSERT(first <= last);
    for (uint64_t index = first; index <= last; index++) {
        struct dengine_entry entry;
        int result;

        if (index > first) {
            code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        }
        if (code != 0 || key.mv_size != DE_LMDB_LOG_KEY_BYTES || de_lmdb_log_index(&key) != index ||
            !de_lmdb_log_decode(&key, &value, &entry)) {
            return read_failed(log, index, code);
        }
        result = visit(context, index, &entry);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

int de_lmdb_log_read(void *store, uint64_t first, uint64_t last,
                     int (*visit)(void *context, uint64_t index, const struct dengine_entry *entry),
                     void *context)
{
    struct de_lmdb_log *log = store;
    MDB_cursor *cursor;
    MDB_txn *txn;
    int error;
    int code;

    DE_ASSERT(visit != NULL);
    de_lmdb_log_check(log);
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
