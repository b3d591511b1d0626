/* storage/memfirst/memfirst_tail.h - the log's end that is in memory only.
 *
 * Threads: one. */
#ifndef DE_STORAGE_MEMFIRST_MEMFIRST_TAIL_H
#define DE_STORAGE_MEMFIRST_MEMFIRST_TAIL_H

#include <dengine/log_store.h>

#include "core/base/allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_memfirst_tail {
    struct dengine_entry *entries; /* owned, and so is the data of each */
    size_t count;
    size_t capacity;
    uint64_t bytes; /* of the data, and DE_MEMFIRST_ENTRY_BYTES for each entry */
};

#define DE_MEMFIRST_ENTRY_BYTES 32u

/* What the entries of a write count for. */
uint64_t de_memfirst_bytes(const struct dengine_log_write *write);

/* Appends copies of all entries of the writes, or nothing. NO_MEMORY. */
int de_memfirst_tail_add(struct de_memfirst_tail *tail, const struct de_allocator *allocator,
                         const struct dengine_log_write *writes, size_t count);
/* Forgets all entries. */
void de_memfirst_tail_clear(struct de_memfirst_tail *tail, const struct de_allocator *allocator);
void de_memfirst_tail_deinit(struct de_memfirst_tail *tail, const struct de_allocator *allocator);

#ifdef __cplusplus
}
#endif

#endif
