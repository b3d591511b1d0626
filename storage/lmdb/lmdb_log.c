/* What the log in LMDB does when it is asked to: lmdb_log_record.c has its layout. */
#include "storage/lmdb/lmdb_log.h"

#include <stdlib.h>

#include "core/base/assert.h"
#include "storage/base/log_check.h"
#include "storage/lmdb/lmdb_log_internal.h"

#define TIDY_KEYS 256u /* removed in one step */

void de_lmdb_log_check(const struct de_lmdb_log *log)
{
    DE_ASSERT(log->env != NULL && log->txn == NULL);
    DE_ASSERT(log->state.first_index > 0 && log->state.last_index >= log->state.first_index - 1);
    DE_ASSERT_IMPLIES(log->error != 0, log->message[0] != '\0');
}

/* Removes up to `most` keys from index on, below `end`; *removed says how many. */
static int remove_keys(struct de_lmdb_log *log, uint64_t index, uint64_t end, size_t most,
                       size_t *removed)
{
    uint8_t bytes[DE_LMDB_LOG_KEY_BYTES];
    MDB_val key = de_lmdb_log_key(index, bytes);
    MDB_val value;
    MDB_cursor *cursor;
    int code = mdb_cursor_open(log->txn, log->dbi, &cursor);

    DE_ASSERT(index > 0);
    *removed = 0;
    if (code != 0) {
        return code;
    }
    code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (code == 0 && *removed < most && de_lmdb_log_index(&key) < end) {
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

static int run_writes(struct de_lmdb_log *log, const struct de_lmdb_change *change)
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
            code = de_lmdb_log_put_entry(log, write->first_index + j, &write->entries[j]);
            next->last_index++;
        }
    }
    DE_ASSERT(next->last_index + 1 >= next->first_index);
    return code;
}

static int log_write(void *store, const struct dengine_log_write *writes, size_t count)
{
    struct de_lmdb_log *log = store;
    struct de_lmdb_change change = {.run = run_writes, .writes = writes, .count = count};
    uint64_t last = log->state.last_index;
    int error;

    if (log->error != 0) {
        return log->error;
    }
    de_lmdb_log_check(log);
    error = de_log_check_writes(log->state.first_index, &last, writes, count);
    if (error != 0 || count == 0) {
        return error == 0 ? 0 : de_lmdb_log_refuse(log, error, "the write does not fit the log");
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < writes[i].entry_count; j++) {
            change.bytes += writes[i].entries[j].data.size + 4096;
        }
    }
    error = de_lmdb_log_transact(log, &change, "writing entries");
    DE_ASSERT_IMPLIES(error == 0, log->state.last_index == last);
    return error;
}

static int run_compact(struct de_lmdb_log *log, const struct de_lmdb_change *change)
{
    DE_ASSERT(change->index >= log->next.first_index);
    DE_ASSERT(change->index <= log->next.last_index);
    log->next.first_index = change->index + 1;
    log->next.base_term = change->term;
    return 0;
}

static int log_compact(void *store, uint64_t index, uint64_t term)
{
    struct de_lmdb_log *log = store;
    const struct de_lmdb_change change = {.run = run_compact, .index = index, .term = term};

    if (log->error != 0) {
        return log->error;
    }
    de_lmdb_log_check(log);
    if (index > log->state.last_index) {
        return de_lmdb_log_refuse(log, DENGINE_E_INVALID,
                                  "cannot compact beyond the end of the log");
    }
    if (index < log->state.first_index) {
        return 0;
    }
    log->garbage = true;
    return de_lmdb_log_transact(log, &change, "compacting");
}

static int run_reset(struct de_lmdb_log *log, const struct de_lmdb_change *change)
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
    struct de_lmdb_log *log = store;
    const struct de_lmdb_change change = {
        .run = run_reset, .index = index, .term = term, .hard_state = hard_state};

    DE_ASSERT(hard_state != NULL);
    if (log->error != 0) {
        return log->error;
    }
    de_lmdb_log_check(log);
    if (index > DE_LOG_INDEX_MAX) {
        return de_lmdb_log_refuse(log, DENGINE_E_INVALID,
                                  "cannot reset the log to so large an index");
    }
    log->garbage = true;
    return de_lmdb_log_transact(log, &change, "resetting");
}

static int run_tidy(struct de_lmdb_log *log, const struct de_lmdb_change *change)
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
    struct de_lmdb_log *log = store;
    const struct de_lmdb_change change = {.run = run_tidy};
    int error;

    if (log->error != 0) {
        return log->error;
    }
    de_lmdb_log_check(log);
    if (!log->garbage || !idle) {
        return 0;
    }
    error = de_lmdb_log_transact(log, &change, "removing compacted entries");
    DE_ASSERT(error <= 0);
    if (error != 0) {
        return error == DENGINE_E_NO_SPACE ? 0 : error;
    }
    return log->garbage ? 1 : 0;
}

static void log_state(void *store, struct dengine_log_state *state)
{
    const struct de_lmdb_log *log = store;

    de_lmdb_log_check(log);
    DE_ASSERT(state != NULL);
    *state = log->state;
}

static const char *log_message(void *store)
{
    const struct de_lmdb_log *log = store;

    DE_ASSERT(log != NULL);
    DE_ASSERT(log->env != NULL);
    return log->message;
}

static void log_close(void *store)
{
    struct de_lmdb_log *log = store;

    DE_ASSERT(log->txn == NULL);
    DE_ASSERT(log->env != NULL);
    mdb_env_close(log->env);
    free(log);
}

const struct dengine_log_store_ops de_lmdb_log_ops = {
    .state = log_state,
    .write = log_write,
    .read = de_lmdb_log_read,
    .compact = log_compact,
    .reset = log_reset,
    .tidy = log_tidy,
    .message = log_message,
    .close = log_close,
};
