#include "core/node/entry_cache.h"

#include "core/base/assert.h"

enum {
    CAPACITY_MIN = 64,
};

DE_STATIC_ASSERT((CAPACITY_MIN & (CAPACITY_MIN - 1)) == 0, "slots are found by a mask");

struct de_entry_buffer *de_entry_buffer_new(const struct de_allocator *allocator, uint32_t capacity)
{
    struct de_entry_buffer *buffer = de_allocate(allocator, sizeof *buffer + capacity);

    DE_ASSERT(capacity <= UINT32_MAX / 2);
    if (buffer != NULL) {
        memset(buffer, 0, sizeof *buffer);
        buffer->size = capacity;
        buffer->capacity = capacity;
        buffer->references = 1;
    }
    return buffer;
}

struct de_entry_buffer *de_entry_buffer_ref(struct de_entry_buffer *buffer)
{
    DE_ASSERT(buffer->references > 0);
    DE_ASSERT(buffer->references < UINT32_MAX);
    buffer->references++;
    return buffer;
}

void de_entry_buffer_unref(const struct de_allocator *allocator, struct de_entry_buffer *buffer)
{
    if (buffer == NULL) {
        return;
    }
    DE_ASSERT(buffer->references > 0);
    DE_ASSERT(buffer->size <= buffer->capacity);
    if (--buffer->references == 0) {
        de_release(allocator, buffer);
    }
}

uint8_t *de_entry_buffer_data(struct de_entry_buffer *buffer)
{
    DE_ASSERT(buffer != NULL);
    DE_ASSERT(buffer->references > 0);
    return (uint8_t *)(buffer + 1);
}

struct dengine_entry de_entry_buffer_entry(struct de_entry_buffer *buffer)
{
    struct dengine_entry entry;

    DE_ASSERT(buffer->references > 0);
    DE_ASSERT(buffer->size <= buffer->capacity);
    entry.term = buffer->term;
    entry.type = buffer->type;
    entry.data = dengine_bytes(de_entry_buffer_data(buffer), buffer->size);
    return entry;
}

static uint64_t cost(const struct de_entry_buffer *buffer)
{
    DE_ASSERT(buffer->size <= buffer->capacity);
    return sizeof *buffer + (uint64_t)buffer->capacity;
}

void de_entry_cache_init(struct de_entry_cache *cache, const struct de_allocator *allocator,
                         uint64_t first)
{
    DE_ASSERT(cache != NULL && allocator != NULL);
    DE_ASSERT(first > 0);
    memset(cache, 0, sizeof *cache);
    cache->allocator = allocator;
    cache->first = first;
}

void de_entry_cache_deinit(struct de_entry_cache *cache)
{
    DE_ASSERT(cache != NULL);
    if (cache->slots == NULL) {
        return;
    }
    de_entry_cache_truncate(cache, cache->first);
    DE_ASSERT(cache->count == 0 && cache->bytes == 0);
    de_release(cache->allocator, cache->slots);
    cache->slots = NULL;
    cache->capacity = 0;
}

static struct de_entry_buffer **slot_of(const struct de_entry_cache *cache, uint64_t index)
{
    DE_ASSERT(cache->capacity > 0);
    DE_ASSERT((cache->capacity & (cache->capacity - 1)) == 0);
    return &cache->slots[index & (cache->capacity - 1)];
}

bool de_entry_cache_reserve(struct de_entry_cache *cache, uint64_t more)
{
    struct de_entry_cache grown = *cache;

    DE_ASSERT(cache->count <= cache->capacity);
    if (more <= cache->capacity - cache->count) {
        return true;
    }
    grown.capacity = grown.capacity == 0 ? CAPACITY_MIN : grown.capacity;
    while (grown.capacity - grown.count < more) {
        grown.capacity *= 2;
    }
    grown.slots = de_allocate(cache->allocator, grown.capacity * sizeof *grown.slots);
    if (grown.slots == NULL) {
        return false;
    }
    for (uint64_t i = cache->first; i < cache->first + cache->count; i++) {
        *slot_of(&grown, i) = *slot_of(cache, i);
    }
    de_release(cache->allocator, cache->slots);
    *cache = grown;
    DE_ASSERT(more <= cache->capacity - cache->count);
    return true;
}

void de_entry_cache_append(struct de_entry_cache *cache, uint64_t index,
                           struct de_entry_buffer *buffer)
{
    DE_ASSERT(index == cache->first + cache->count);
    DE_ASSERT(cache->count < cache->capacity);
    *slot_of(cache, index) = de_entry_buffer_ref(buffer);
    cache->count++;
    cache->bytes += cost(buffer);
}

void de_entry_cache_truncate(struct de_entry_cache *cache, uint64_t from)
{
    DE_ASSERT(from > 0);
    DE_ASSERT(from <= cache->first + cache->count);
    while (cache->count > 0 && cache->first + cache->count > from) {
        struct de_entry_buffer *buffer = *slot_of(cache, cache->first + cache->count - 1);

        DE_ASSERT(cache->bytes >= cost(buffer));
        cache->bytes -= cost(buffer);
        cache->count--;
        de_entry_buffer_unref(cache->allocator, buffer);
    }
    if (from < cache->first) {
        DE_ASSERT(cache->count == 0);
        cache->first = from;
    }
}

static void drop_oldest(struct de_entry_cache *cache)
{
    struct de_entry_buffer *buffer = *slot_of(cache, cache->first);

    DE_ASSERT(cache->count > 0);
    DE_ASSERT(cache->bytes >= cost(buffer));
    cache->bytes -= cost(buffer);
    cache->first++;
    cache->count--;
    de_entry_buffer_unref(cache->allocator, buffer);
}

void de_entry_cache_drop(struct de_entry_cache *cache, uint64_t upto)
{
    while (cache->count > 0 && cache->first <= upto) {
        drop_oldest(cache);
    }
    DE_ASSERT(cache->count == 0 || cache->first > upto);
}

void de_entry_cache_restart(struct de_entry_cache *cache, uint64_t first)
{
    DE_ASSERT(first > 0);
    de_entry_cache_truncate(cache, cache->first);
    DE_ASSERT(cache->count == 0);
    cache->first = first;
}

void de_entry_cache_evict(struct de_entry_cache *cache, uint64_t bytes_max, uint64_t upto)
{
    DE_ASSERT_IMPLIES(cache->count == 0, cache->bytes == 0);
    while (cache->bytes > bytes_max && cache->count > 0 && cache->first <= upto) {
        struct de_entry_buffer *buffer = *slot_of(cache, cache->first);

        if (buffer->references > 1) {
            break;
        }
        drop_oldest(cache);
    }
}

struct de_entry_buffer *de_entry_cache_get(const struct de_entry_cache *cache, uint64_t index)
{
    struct de_entry_buffer *buffer;

    if (index < cache->first || index - cache->first >= cache->count) {
        return NULL;
    }
    buffer = *slot_of(cache, index);
    DE_ASSERT(buffer != NULL);
    DE_ASSERT(buffer->references > 0);
    return buffer;
}
