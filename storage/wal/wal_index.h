/* storage/wal/wal_index.h - where each entry of the log is, so that any is read with one read. */
#ifndef DE_STORAGE_WAL_WAL_INDEX_H
#define DE_STORAGE_WAL_WAL_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_wal_location {
    uint64_t sequence;     /* of the segment */
    uint32_t offset_units; /* of the record, in units of 8 bytes */
    uint32_t length;       /* of the record's data */
};

/* The locations of entries [first, first + count). */
struct de_wal_index {
    const struct de_allocator *allocator;
    struct de_wal_location *locations;
    size_t head; /* locations[head] is that of `first` */
    size_t count;
    size_t capacity;
    uint64_t first;
};

/* Caller's memory; the index is empty and the next entry is `first`. */
void de_wal_index_init(struct de_wal_index *index, const struct de_allocator *allocator,
                       uint64_t first);
void de_wal_index_deinit(struct de_wal_index *index);

/* Room for `more` further entries, so that adding them cannot fail; NO_MEMORY. */
int de_wal_index_reserve(struct de_wal_index *index, size_t more);

/* Adds the entry after the last; room must be reserved. */
void de_wal_index_add(struct de_wal_index *index, struct de_wal_location location);

/* Forgets entries >= from; when that is all, the next entry added is `from`. */
void de_wal_index_truncate(struct de_wal_index *index, uint64_t from);

/* Forgets entries < first; when that is all, the next entry added is `first`. */
void de_wal_index_drop(struct de_wal_index *index, uint64_t first);

const struct de_wal_location *de_wal_index_at(const struct de_wal_index *index, uint64_t entry);

#ifdef __cplusplus
}
#endif

#endif
