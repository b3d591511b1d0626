#include "storage/memfirst/memfirst.h"

#include "core/base/assert.h"
#include "storage/base/heap.h"
#include "storage/base/log_check.h"
#include "storage/base/message.h"
#include "storage/memfirst/memfirst_mark.h"
#include "storage/memfirst/memfirst_tail.h"

struct memfirst {
    struct dengine_dir dir;
    struct dengine_log_store inner;
    struct de_allocator allocator;
    struct de_memfirst_options options;
    struct dengine_log_state state; /* the tail included */
    struct de_memfirst_tail tail;   /* what the wrapped store has not got */
    bool marked;
    bool no_room; /* the last flush found none */
    int error;    /* of what broke the store; 0: it is sound */
    char message[DE_MESSAGE_BYTES];
};

static void check(const struct memfirst *log)
{
    DE_ASSERT(log->state.first_index > 0);
    DE_ASSERT(log->tail.count <= log->state.last_index + 1 - log->state.first_index);
    DE_ASSERT_IMPLIES(log->tail.count > 0, log->marked && !log->state.recovering);
    DE_ASSERT_IMPLIES(log->state.recovering, log->marked);
    DE_ASSERT_IMPLIES(log->error != 0, log->message[0] != '\0');
}

static void memfirst_state(void *store, struct dengine_log_state *state)
{
    const struct memfirst *log = store;

    check(log);
    DE_ASSERT(state != NULL);
    *state = log->state;
}

/* Repeats what the wrapped store says; all but a refusal is final. */
static int failed(struct memfirst *log, int err)
{
    DE_ASSERT(err < 0);
    DE_ASSERT(log->error == 0);
    de_message_set(log->message, sizeof(log->message), "%s",
                   log->inner.ops->message(log->inner.object));
    if (err != DENGINE_E_NO_SPACE && err != DENGINE_E_NO_MEMORY && err != DENGINE_E_INVALID &&
        err != DENGINE_E_TOO_LARGE) {
        if (log->message[0] == '\0') {
            de_message_set(log->message, sizeof(log->message), "%s", dengine_strerror(err));
        }
        log->error = err;
    }
    return err;
}

static int mark_failed(struct memfirst *log, int err)
{
    DE_ASSERT(err < 0);
    DE_ASSERT(log->error == 0);
    de_message_set(log->message, sizeof(log->message),
                   "cannot make the file " DE_MEMFIRST_MARK " beside the log: %s",
                   dengine_strerror(err));
    log->error = err == DENGINE_E_NO_SPACE ? 0 : err;
    return err;
}

/* What is in memory only, as a write. */
static struct dengine_log_write tail_write(const struct memfirst *log)
{
    struct dengine_log_write write = {.set_hard_state = true};

    DE_ASSERT(log->tail.count > 0);
    DE_ASSERT(log->tail.count <= log->state.last_index);
    write.hard_state = log->state.hard_state;
    write.first_index = log->state.last_index + 1 - log->tail.count;
    write.entries = log->tail.entries;
    write.entry_count = log->tail.count;
    return write;
}

static int flush(struct memfirst *log)
{
    struct dengine_log_write write;
    int err;

    if (log->error != 0) {
        return log->error;
    }
    check(log);
    if (log->tail.count == 0) {
        log->no_room = false;
        return 0;
    }
    write = tail_write(log);
    err = log->inner.ops->write(log->inner.object, &write, 1);
    log->no_room = err == DENGINE_E_NO_SPACE;
    if (err != 0) {
        return failed(log, err);
    }
    de_memfirst_tail_clear(&log->tail, &log->allocator);
    check(log);
    return 0;
}

static int memfirst_flush(void *store)
{
    int err = flush(store);

    DE_ASSERT(err <= 0);
    /* The tail stays, and with it flush_after_ms: the owner comes again. */
    return err == DENGINE_E_NO_SPACE || err == DENGINE_E_NO_MEMORY ? 0 : err;
}

static uint32_t memfirst_flush_after_ms(void *store)
{
    const struct memfirst *log = store;

    check(log);
    DE_ASSERT(log->options.flush_interval_ms > 0);
    return log->tail.count > 0 && log->error == 0 ? log->options.flush_interval_ms : 0;
}

/* Whether a write may be forgotten: it only appends plain entries. That it also says how much is
 * committed does not matter, for that is a hint. */
static bool is_plain(const struct memfirst *log, const struct dengine_log_write *write)
{
    DE_ASSERT(write != NULL);
    if (write->truncate_from != 0) {
        return false;
    }
    if (write->set_hard_state && (write->hard_state.term != log->state.hard_state.term ||
                                  write->hard_state.vote != log->state.hard_state.vote)) {
        return false;
    }
    for (size_t i = 0; i < write->entry_count; i++) {
        if (write->entries[i].type == DENGINE_ENTRY_CONFIG) {
            return false;
        }
    }
    DE_ASSERT_IMPLIES(write->entry_count > 0, write->first_index > log->state.last_index);
    return true;
}

static bool may_report_early(const struct memfirst *log, const struct dengine_log_write *writes,
                             size_t count)
{
    uint64_t bytes = log->tail.bytes;

    DE_ASSERT(log->error == 0);
    if (log->state.recovering || log->no_room) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_plain(log, &writes[i])) {
            return false;
        }
        bytes += de_memfirst_bytes(&writes[i]);
    }
    DE_ASSERT(bytes >= log->tail.bytes);
    return bytes <= log->options.flush_bytes;
}

static void take(struct memfirst *log, const struct dengine_log_write *writes, size_t count)
{
    DE_ASSERT(writes != NULL || count == 0);
    for (size_t i = 0; i < count; i++) {
        const struct dengine_log_write *write = &writes[i];

        if (write->set_hard_state) {
            log->state.hard_state = write->hard_state;
        }
        if (write->truncate_from != 0 && write->truncate_from <= log->state.last_index) {
            log->state.last_index = write->truncate_from - 1;
        }
        log->state.last_index += write->entry_count;
    }
    DE_ASSERT(log->state.last_index + 1 >= log->state.first_index);
}

static int write_early(struct memfirst *log, const struct dengine_log_write *writes, size_t count)
{
    int err = log->marked ? 0 : de_memfirst_mark_set(log->dir);

    DE_ASSERT(!log->state.recovering);
    if (err != 0) {
        return mark_failed(log, err);
    }
    log->marked = true;
    err = de_memfirst_tail_add(&log->tail, &log->allocator, writes, count);
    if (err != 0) {
        de_message_set(log->message, sizeof(log->message), "out of memory; nothing was written");
        return err;
    }
    take(log, writes, count);
    check(log);
    return 0;
}

/* The tail and the writes in one group. */
static int write_through(struct memfirst *log, const struct dengine_log_write *writes, size_t count)
{
    struct dengine_log_write *all = NULL;
    int err;

    DE_ASSERT(count > 0);
    if (log->tail.count == 0) {
        err = log->inner.ops->write(log->inner.object, writes, count);
    } else {
        all = de_allocate(&log->allocator, (count + 1) * sizeof(*all));
        if (all == NULL) {
            return DENGINE_E_NO_MEMORY;
        }
        all[0] = tail_write(log);
        memcpy(all + 1, writes, count * sizeof(*all));
        err = log->inner.ops->write(log->inner.object, all, count + 1);
        de_release(&log->allocator, all);
    }
    log->no_room = err == DENGINE_E_NO_SPACE;
    if (err != 0) {
        return failed(log, err);
    }
    de_memfirst_tail_clear(&log->tail, &log->allocator);
    take(log, writes, count);
    check(log);
    return 0;
}

static int memfirst_write(void *store, const struct dengine_log_write *writes, size_t count)
{
    struct memfirst *log = store;
    uint64_t last = log->state.last_index;
    int err;

    if (log->error != 0) {
        return log->error;
    }
    check(log);
    err = count == 0 ? memfirst_flush(store)
                     : de_log_check_writes(log->state.first_index, &last, writes, count);
    if (err != 0 || count == 0) {
        if (err != 0 && log->error == 0) {
            de_message_set(log->message, sizeof(log->message),
                           "the write does not fit the log: %s; nothing was written",
                           dengine_strerror(err));
        }
        return err;
    }
    err = may_report_early(log, writes, count) ? write_early(log, writes, count)
                                               : write_through(log, writes, count);
    DE_ASSERT_IMPLIES(err == 0, log->state.last_index == last);
    return err;
}

static int memfirst_read(void *store, uint64_t first, uint64_t last,
                         int (*visit)(void *context, uint64_t index,
                                      const struct dengine_entry *entry),
                         void *context)
{
    struct memfirst *log = store;
    const uint64_t kept = log->state.last_index - log->tail.count; /* by the wrapped store */
    int err = 0;

    DE_ASSERT(visit != NULL);
    check(log);
    if (first < log->state.first_index || last > log->state.last_index || first > last) {
        return DENGINE_E_INVALID;
    }
    if (first <= kept) {
        err = log->inner.ops->read(log->inner.object, first, last < kept ? last : kept, visit,
                                   context);
        if (err < 0) {
            de_message_set(log->message, sizeof(log->message), "%s",
                           log->inner.ops->message(log->inner.object));
        }
        first = kept + 1;
    }
    for (; err == 0 && first <= last; first++) {
        err = visit(context, first, &log->tail.entries[first - kept - 1]);
    }
    return err;
}

static int memfirst_compact(void *store, uint64_t index, uint64_t term)
{
    struct memfirst *log = store;
    /* The wrapped store can forget only what it has. */
    int err = index > log->state.last_index - log->tail.count ? flush(log) : log->error;

    DE_ASSERT(log->inner.ops != NULL);
    if (err != 0) {
        return err;
    }
    err = log->inner.ops->compact(log->inner.object, index, term);
    if (err != 0) {
        return failed(log, err);
    }
    if (index >= log->state.first_index) {
        log->state.first_index = index + 1;
        log->state.base_term = term;
    }
    check(log);
    return 0;
}

static int memfirst_reset(void *store, uint64_t index, uint64_t term,
                          const struct dengine_hard_state *hard_state)
{
    struct memfirst *log = store;
    int err;

    DE_ASSERT(hard_state != NULL);
    if (log->error != 0) {
        return log->error;
    }
    err = log->inner.ops->reset(log->inner.object, index, term, hard_state);
    if (err != 0) {
        return failed(log, err);
    }
    de_memfirst_tail_clear(&log->tail, &log->allocator);
    log->state.hard_state = *hard_state;
    log->state.first_index = index + 1;
    log->state.last_index = index;
    log->state.base_term = term;
    check(log);
    return 0;
}

/* Without early reports to come the mark has served. */
static int memfirst_whole(void *store)
{
    struct memfirst *log = store;
    int err = 0;

    check(log);
    DE_ASSERT(log->tail.count == 0 || !log->state.recovering);
    log->state.recovering = false;
    if (log->options.flush_bytes == 0 && log->marked && log->error == 0) {
        err = de_memfirst_mark_clear(log->dir);
        log->marked = err != 0;
    }
    return err != 0 ? mark_failed(log, err) : 0;
}

static int memfirst_tidy(void *store, bool idle)
{
    struct memfirst *log = store;
    int more = 0;

    check(log);
    if (log->error != 0) {
        return log->error;
    }
    if (log->no_room) {
        /* The owner looks for room now and then. */
        more = memfirst_flush(store);
    }
    if (more == 0 && log->inner.ops->tidy != NULL) {
        more = log->inner.ops->tidy(log->inner.object, idle);
        DE_ASSERT(more <= 1);
        more = more < 0 ? failed(log, more) : more;
    }
    return more;
}

static enum dengine_log_room memfirst_room(void *store)
{
    const struct memfirst *log = store;

    check(log);
    DE_ASSERT(log->inner.ops != NULL);
    if (log->no_room) {
        return DENGINE_LOG_ROOM_NONE;
    }
    return log->inner.ops->room == NULL ? DENGINE_LOG_ROOM
                                        : log->inner.ops->room(log->inner.object);
}

static const char *memfirst_message(void *store)
{
    const struct memfirst *log = store;

    DE_ASSERT(log != NULL);
    DE_ASSERT(log->inner.ops != NULL);
    return log->message;
}

static void memfirst_close(void *store)
{
    struct memfirst *log = store;
    struct de_allocator allocator = log->allocator;
    bool clean = flush(log) == 0 && !log->state.recovering;

    DE_ASSERT_IMPLIES(clean, log->tail.count == 0);
    de_memfirst_tail_deinit(&log->tail, &allocator);
    log->inner.ops->close(log->inner.object);
    if (clean && log->marked) {
        (void)de_memfirst_mark_clear(log->dir); /* if it stays, the next open is careful */
    }
    DE_ASSERT(log->tail.entries == NULL);
    de_release(&allocator, log);
}

static const struct dengine_log_store_ops memfirst_ops = {
    .state = memfirst_state,
    .write = memfirst_write,
    .read = memfirst_read,
    .compact = memfirst_compact,
    .reset = memfirst_reset,
    .tidy = memfirst_tidy,
    .flush_after_ms = memfirst_flush_after_ms,
    .flush = memfirst_flush,
    .whole = memfirst_whole,
    .room = memfirst_room,
    .message = memfirst_message,
    .close = memfirst_close,
};

int de_memfirst_open(struct dengine_dir dir, const struct de_memfirst_options *options,
                     struct dengine_log_store *store, char *message, size_t message_size)
{
    const struct de_allocator *allocator =
        options->allocator == NULL ? de_heap_allocator() : options->allocator;
    struct memfirst *log = NULL;
    bool marked = false;
    int err = de_memfirst_mark_find(dir, &marked);

    DE_ASSERT(store != NULL && store->ops != NULL);
    DE_ASSERT(options->flush_bytes == 0 || options->flush_interval_ms > 0);
    if (err == 0 && options->flush_bytes == 0 && !marked) {
        return 0;
    }
    if (err == 0) {
        log = de_allocate(allocator, sizeof(*log));
        err = log == NULL ? DENGINE_E_NO_MEMORY : 0;
    }
    if (err != 0) {
        de_message_set(message, message_size,
                       "cannot look for the file " DE_MEMFIRST_MARK " beside the log: %s",
                       dengine_strerror(err));
        store->ops->close(store->object);
        return err;
    }
    memset(log, 0, sizeof(*log));
    log->dir = dir;
    log->inner = *store;
    log->allocator = *allocator;
    log->options = *options;
    log->options.flush_interval_ms += options->flush_interval_ms == 0 ? 1 : 0;
    log->inner.ops->state(log->inner.object, &log->state);
    log->marked = marked;
    log->state.recovering = marked;
    check(log);
    store->ops = &memfirst_ops;
    store->object = log;
    return 0;
}
