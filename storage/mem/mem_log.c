#include "storage/mem/mem_log.h"

#include "core/base/assert.h"
#include "storage/base/heap.h"
#include "storage/base/log_check.h"
#include "storage/base/message.h"

struct mem_entry {
    uint64_t term;
    uint32_t type;
    size_t size;
    void *data; /* NULL when size is 0 */
};

struct mem_log {
    struct de_allocator allocator;
    struct dengine_log_state state;
    struct mem_entry *entries; /* [0] is state.first_index */
    size_t capacity;
    char message[DE_MESSAGE_BYTES];
};

/* What holds whenever the store is entered or left. */
static void check(const struct mem_log *log)
{
    DE_ASSERT(log != NULL);
    DE_ASSERT(log->state.first_index > 0);
    DE_ASSERT(log->state.last_index >= log->state.first_index - 1);
    DE_ASSERT(log->state.last_index + 1 - log->state.first_index <= log->capacity);
    DE_ASSERT((log->entries == NULL) == (log->capacity == 0));
}

static size_t entry_count(const struct mem_log *log)
{
    DE_ASSERT(log->state.last_index + 1 >= log->state.first_index);
    return (size_t)(log->state.last_index + 1 - log->state.first_index);
}

/* Frees count entries at position. */
static void forget(struct mem_log *log, size_t position, size_t count)
{
    DE_ASSERT(position + count <= entry_count(log));
    for (size_t i = position; i < position + count; i++) {
        DE_ASSERT((log->entries[i].data == NULL) == (log->entries[i].size == 0));
        de_release(&log->allocator, log->entries[i].data);
    }
}

static void mem_state(void *store, struct dengine_log_state *state)
{
    const struct mem_log *log = store;

    check(log);
    DE_ASSERT(state != NULL);
    *state = log->state;
}

static int reserve(struct mem_log *log, size_t more)
{
    size_t needed = entry_count(log) + more;
    size_t capacity = log->capacity == 0 ? 16 : log->capacity;
    struct mem_entry *entries;

    DE_ASSERT(more > 0);
    while (capacity < needed) {
        capacity *= 2;
    }
    if (capacity == log->capacity) {
        return 0;
    }
    entries = de_reallocate(&log->allocator, log->entries, capacity * sizeof(*entries));
    if (entries == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    log->entries = entries;
    log->capacity = capacity;
    DE_ASSERT(log->capacity >= needed);
    return 0;
}

static void release_copies(struct mem_log *log, struct mem_entry *copies, size_t count)
{
    DE_ASSERT(copies != NULL);
    for (size_t i = 0; i < count; i++) {
        de_release(&log->allocator, copies[i].data);
    }
    de_release(&log->allocator, copies);
}

/* Copies the entries of all writes, so that nothing can fail any more once the log is changed. */
static int copy_entries(struct mem_log *log, const struct dengine_log_write *writes, size_t count,
                        size_t total, struct mem_entry **copies)
{
    struct mem_entry *list;
    size_t made = 0;

    DE_ASSERT(total > 0 && total <= SIZE_MAX / sizeof(*list));
    list = de_allocate(&log->allocator, total * sizeof(*list));
    if (list == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < writes[i].entry_count; j++) {
            const struct dengine_entry *entry = &writes[i].entries[j];
            struct mem_entry copy = {entry->term, entry->type, entry->data.size, NULL};

            if (copy.size > 0) {
                DE_ASSERT(entry->data.data != NULL);
                copy.data = de_allocate(&log->allocator, copy.size);
                if (copy.data == NULL) {
                    release_copies(log, list, made);
                    return DENGINE_E_NO_MEMORY;
                }
                memcpy(copy.data, entry->data.data, copy.size);
            }
            list[made++] = copy;
        }
    }
    DE_ASSERT(made == total);
    *copies = list;
    return 0;
}

static void truncate_from(struct mem_log *log, uint64_t index)
{
    if (index != 0 && index <= log->state.last_index) {
        size_t keep = (size_t)(index - log->state.first_index);

        DE_ASSERT(index >= log->state.first_index);
        forget(log, keep, entry_count(log) - keep);
        log->state.last_index = index - 1;
        DE_ASSERT(entry_count(log) == keep);
    }
}

/* Carries the checked writes out; copies holds their entries in order. */
static void apply(struct mem_log *log, const struct dengine_log_write *writes, size_t count,
                  const struct mem_entry *copies)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        if (writes[i].set_hard_state) {
            log->state.hard_state = writes[i].hard_state;
        }
        DE_ASSERT_IMPLIES(writes[i].truncate_from != 0,
                          writes[i].truncate_from >= log->state.first_index);
        truncate_from(log, writes[i].truncate_from);
        DE_ASSERT_IMPLIES(writes[i].entry_count > 0,
                          writes[i].first_index == log->state.last_index + 1);
        for (size_t j = 0; j < writes[i].entry_count; j++) {
            DE_ASSERT(entry_count(log) < log->capacity);
            log->entries[entry_count(log)] = copies[used++];
            log->state.last_index++;
        }
    }
}

static int mem_write(void *store, const struct dengine_log_write *writes, size_t count)
{
    struct mem_log *log = store;
    struct mem_entry *copies = NULL;
    uint64_t last = log->state.last_index;
    size_t total = 0;
    int error = de_log_check_writes(log->state.first_index, &last, writes, count);

    for (size_t i = 0; i < count; i++) {
        total += writes[i].entry_count;
    }
    if (error == 0 && total > 0) {
        error = reserve(log, total);
    }
    if (error == 0 && total > 0) {
        error = copy_entries(log, writes, count, total, &copies);
    }
    if (error != 0) {
        de_message_set(log->message, sizeof(log->message), "nothing was written to the log: %s",
                       dengine_strerror(error));
        return error;
    }
    apply(log, writes, count, copies);
    de_release(&log->allocator, copies);
    DE_ASSERT(log->state.last_index == last);
    check(log);
    return 0;
}

static int mem_read(void *store, uint64_t first, uint64_t last,
                    int (*visit)(void *context, uint64_t index, const struct dengine_entry *entry),
                    void *context)
{
    const struct mem_log *log = store;

    DE_ASSERT(visit != NULL);
    check(log);
    if (first < log->state.first_index || last > log->state.last_index || first > last) {
        return DENGINE_E_INVALID;
    }
    for (uint64_t index = first; index <= last; index++) {
        const struct mem_entry *kept = &log->entries[index - log->state.first_index];
        struct dengine_entry entry = {kept->term, kept->type, {kept->data, kept->size}};
        int result;

        DE_ASSERT(kept->data != NULL || kept->size == 0);
        result = visit(context, index, &entry);

        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int mem_compact(void *store, uint64_t index, uint64_t term)
{
    struct mem_log *log = store;
    size_t count;

    check(log);
    if (index > log->state.last_index) {
        return DENGINE_E_INVALID;
    }
    if (index < log->state.first_index) {
        return 0;
    }
    count = (size_t)(index + 1 - log->state.first_index);
    DE_ASSERT(log->entries[count - 1].term == term);
    forget(log, 0, count);
    memmove(log->entries, log->entries + count, (entry_count(log) - count) * sizeof(*log->entries));
    log->state.first_index = index + 1;
    log->state.base_term = term;
    DE_ASSERT(log->state.last_index >= index);
    check(log);
    return 0;
}

static int mem_reset(void *store, uint64_t index, uint64_t term,
                     const struct dengine_hard_state *hard_state)
{
    struct mem_log *log = store;

    check(log);
    DE_ASSERT(hard_state != NULL);
    if (index > DE_LOG_INDEX_MAX) {
        de_message_set(log->message, sizeof(log->message),
                       "cannot reset the log to so large an index; nothing was changed");
        return DENGINE_E_INVALID;
    }
    forget(log, 0, entry_count(log));
    log->state.first_index = index + 1;
    log->state.last_index = index;
    log->state.base_term = term;
    log->state.hard_state = *hard_state;
    DE_ASSERT(entry_count(log) == 0);
    return 0;
}

static const char *mem_message(void *store)
{
    const struct mem_log *log = store;

    DE_ASSERT(log != NULL);
    return log->message;
}

static void mem_close(void *store)
{
    struct mem_log *log = store;
    struct de_allocator allocator = log->allocator;

    check(log);
    forget(log, 0, entry_count(log));
    de_release(&allocator, log->entries);
    de_release(&allocator, log);
}

int de_mem_log_open(const struct de_allocator *allocator, struct dengine_log_store *store)
{
    static const struct dengine_log_store_ops ops = {
        .state = mem_state,
        .write = mem_write,
        .read = mem_read,
        .compact = mem_compact,
        .reset = mem_reset,
        .message = mem_message,
        .close = mem_close,
    };
    struct mem_log *log;

    DE_ASSERT(store != NULL);
    if (allocator == NULL) {
        allocator = de_heap_allocator();
    }
    log = de_allocate(allocator, sizeof(*log));
    if (log == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memset(log, 0, sizeof(*log));
    log->allocator = *allocator;
    log->state.first_index = 1;
    log->state.created = true;
    check(log);
    store->ops = &ops;
    store->object = log;
    return 0;
}
