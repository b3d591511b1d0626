/* core/node/entry_cache.h - the newest part of the log in memory.
 *
 * An entry lives in a buffer that never changes once it is in the log; who needs it longer than the
 * cache does (a job) takes a reference. References are counted on the loop only; other threads read
 * the bytes of a buffer that their job holds.
 *
 * The cache is a ring by index and always a suffix of the log: [first, first + count). */
#ifndef DE_CORE_NODE_ENTRY_CACHE_H
#define DE_CORE_NODE_ENTRY_CACHE_H

#include <stdbool.h>

#include <dengine/log_store.h>

#include "core/base/allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One log entry; size bytes of payload follow the struct. */
struct de_entry_buffer {
    uint64_t term;
    uint32_t type; /* enum dengine_entry_type */
    uint32_t size;
    uint32_t references;
    uint32_t capacity; /* bytes there is room for */
};

/* A buffer with one reference, size = capacity; NULL when out of memory. */
struct de_entry_buffer *de_entry_buffer_new(const struct de_allocator *allocator,
                                            uint32_t capacity);
struct de_entry_buffer *de_entry_buffer_ref(struct de_entry_buffer *buffer);
/* Gives a reference back; NULL is allowed. */
void de_entry_buffer_unref(const struct de_allocator *allocator, struct de_entry_buffer *buffer);
uint8_t *de_entry_buffer_data(struct de_entry_buffer *buffer);
/* The buffer as an entry; borrows. */
struct dengine_entry de_entry_buffer_entry(struct de_entry_buffer *buffer);

struct de_entry_cache {
    const struct de_allocator *allocator;
    struct de_entry_buffer **slots; /* by index modulo capacity */
    uint64_t capacity;              /* 0 or a power of two */
    uint64_t first;                 /* index of the oldest; of the next one when empty */
    uint64_t count;
    uint64_t bytes; /* payloads and buffer heads */
};

/* Empty, to be continued at index first. The allocator must outlive it. */
void de_entry_cache_init(struct de_entry_cache *cache, const struct de_allocator *allocator,
                         uint64_t first);
void de_entry_cache_deinit(struct de_entry_cache *cache);

/* Makes sure that `more` appends find room; false when out of memory. */
bool de_entry_cache_reserve(struct de_entry_cache *cache, uint64_t more);

/* Adds the entry after the last, for which room was reserved, with a reference of its own. */
void de_entry_cache_append(struct de_entry_cache *cache, uint64_t index,
                           struct de_entry_buffer *buffer);

/* Forgets entries >= from. The log now ends there, so a cache that begins later is left empty. */
void de_entry_cache_truncate(struct de_entry_cache *cache, uint64_t from);

/* Forgets entries <= upto. */
void de_entry_cache_drop(struct de_entry_cache *cache, uint64_t upto);

/* Forgets everything; the log goes on at index first. */
void de_entry_cache_restart(struct de_entry_cache *cache, uint64_t first);

/* Forgets old entries while there are more than bytes_max bytes, but none above upto and none that
 * somebody holds: the memory would stay. */
void de_entry_cache_evict(struct de_entry_cache *cache, uint64_t bytes_max, uint64_t upto);

/* NULL when it is not there. Borrowed until the next change of the cache. */
struct de_entry_buffer *de_entry_cache_get(const struct de_entry_cache *cache, uint64_t index);

#ifdef __cplusplus
}
#endif

#endif
