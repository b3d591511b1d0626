#include "storage/memfirst/memfirst_tail.h"

#include "core/base/assert.h"

uint64_t de_memfirst_bytes(const struct dengine_log_write *write)
{
    uint64_t bytes = 0;

    DE_ASSERT(write != NULL);
    DE_ASSERT(write->entries != NULL || write->entry_count == 0);
    for (size_t i = 0; i < write->entry_count; i++) {
        bytes += write->entries[i].data.size + DE_MEMFIRST_ENTRY_BYTES;
    }
    return bytes;
}

static int reserve(struct de_memfirst_tail *tail, const struct de_allocator *allocator, size_t more)
{
    size_t capacity = tail->capacity == 0 ? 64 : tail->capacity;
    struct dengine_entry *entries;

    DE_ASSERT(tail->count <= tail->capacity);
    while (capacity < tail->count + more) {
        capacity *= 2;
    }
    if (capacity == tail->capacity) {
        return 0;
    }
    entries = de_reallocate(allocator, tail->entries, capacity * sizeof(*entries));
    if (entries == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    tail->entries = entries;
    tail->capacity = capacity;
    DE_ASSERT(tail->count + more <= tail->capacity);
    return 0;
}

static void release_from(struct de_memfirst_tail *tail, const struct de_allocator *allocator,
                         size_t count)
{
    DE_ASSERT(count <= tail->count);
    while (tail->count > count) {
        const struct dengine_entry *entry = &tail->entries[--tail->count];

        DE_ASSERT(tail->bytes >= entry->data.size + DE_MEMFIRST_ENTRY_BYTES);
        tail->bytes -= entry->data.size + DE_MEMFIRST_ENTRY_BYTES;
        de_release(allocator, (void *)(uintptr_t)entry->data.data);
    }
}

static int add_entry(struct de_memfirst_tail *tail, const struct de_allocator *allocator,
                     const struct dengine_entry *entry)
{
    struct dengine_entry copy = {entry->term, entry->type, {NULL, entry->data.size}};

    DE_ASSERT(tail->count < tail->capacity);
    DE_ASSERT(entry->data.data != NULL || entry->data.size == 0);
    if (copy.data.size > 0) {
        void *data = de_allocate(allocator, copy.data.size);

        if (data == NULL) {
            return DENGINE_E_NO_MEMORY;
        }
        memcpy(data, entry->data.data, copy.data.size);
        copy.data.data = data;
    }
    tail->entries[tail->count++] = copy;
    tail->bytes += copy.data.size + DE_MEMFIRST_ENTRY_BYTES;
    return 0;
}

int de_memfirst_tail_add(struct de_memfirst_tail *tail, const struct de_allocator *allocator,
                         const struct dengine_log_write *writes, size_t count)
{
    const size_t before = tail->count;
    int err = 0;

    DE_ASSERT(writes != NULL);
    for (size_t i = 0; err == 0 && i < count; i++) {
        err = reserve(tail, allocator, writes[i].entry_count);
        for (size_t j = 0; err == 0 && j < writes[i].entry_count; j++) {
            err = add_entry(tail, allocator, &writes[i].entries[j]);
        }
    }
    if (err != 0) {
        release_from(tail, allocator, before);
    }
    DE_ASSERT(tail->count >= before);
    return err;
}

void de_memfirst_tail_clear(struct de_memfirst_tail *tail, const struct de_allocator *allocator)
{
    release_from(tail, allocator, 0);
    DE_ASSERT(tail->count == 0);
    DE_ASSERT(tail->bytes == 0);
}

void de_memfirst_tail_deinit(struct de_memfirst_tail *tail, const struct de_allocator *allocator)
{
    de_memfirst_tail_clear(tail, allocator);
    de_release(allocator, tail->entries);
    tail->entries = NULL;
    tail->capacity = 0;
    DE_ASSERT(tail->count == 0 && tail->bytes == 0);
}
