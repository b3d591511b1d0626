#include "storage/wal/wal_index.h"

#include <stdbool.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"

DE_STATIC_ASSERT(sizeof(struct de_wal_location) == 16, "16 bytes of memory per entry");

void de_wal_index_init(struct de_wal_index *index, const struct de_allocator *allocator,
                       uint64_t first)
{
    DE_ASSERT(index != NULL);
    DE_ASSERT(first > 0);
    DE_ASSERT(allocator != NULL);
    memset(index, 0, sizeof(*index));
    index->allocator = allocator;
    index->first = first;
}

void de_wal_index_deinit(struct de_wal_index *index)
{
    DE_ASSERT(index != NULL);
    de_release(index->allocator, index->locations);
    index->locations = NULL;
}

int de_wal_index_reserve(struct de_wal_index *index, size_t more)
{
    size_t needed = index->count + more;
    size_t capacity = index->capacity == 0 ? 64 : index->capacity;
    struct de_wal_location *locations;

    DE_ASSERT(more <= SIZE_MAX / 4 - index->count);
    DE_ASSERT(index->head + index->count <= index->capacity);
    if (index->head + needed <= index->capacity) {
        return 0;
    }
    /* What compaction left empty in front is used before memory is asked for. */
    if (index->head > 0) {
        memmove(index->locations, index->locations + index->head,
                index->count * sizeof(*index->locations));
        index->head = 0;
    }
    while (capacity < needed + needed / 4) {
        capacity *= 2;
    }
    if (needed <= index->capacity) {
        return 0;
    }
    locations = de_reallocate(index->allocator, index->locations, capacity * sizeof(*locations));
    if (locations == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    index->locations = locations;
    index->capacity = capacity;
    DE_ASSERT(index->head + index->count + more <= index->capacity);
    return 0;
}

static bool location_is_behind(const struct de_wal_index *index,
                               const struct de_wal_location *location)
{
    const struct de_wal_location *last = &index->locations[index->head + index->count - 1];

    return location->sequence > last->sequence ||
           (location->sequence == last->sequence && location->offset_units > last->offset_units);
}

void de_wal_index_add(struct de_wal_index *index, struct de_wal_location location)
{
    DE_ASSERT(index->head + index->count < index->capacity);
    DE_ASSERT(location.sequence > 0);
    /* Neighbours stand one behind the other, or reading a run would go wrong. */
    DE_ASSERT(index->count == 0 || location_is_behind(index, &location));
    index->locations[index->head + index->count++] = location;
}

void de_wal_index_truncate(struct de_wal_index *index, uint64_t from)
{
    if (from <= index->first) {
        index->count = 0;
        index->first = from;
    } else if (from < index->first + index->count) {
        index->count = (size_t)(from - index->first);
    }
    DE_ASSERT(index->first <= from);
    DE_ASSERT(index->head + index->count <= index->capacity);
}

void de_wal_index_drop(struct de_wal_index *index, uint64_t first)
{
    DE_ASSERT(first > 0);
    if (first >= index->first + index->count) {
        index->head = 0;
        index->count = 0;
        index->first = first;
    } else if (first > index->first) {
        size_t gone = (size_t)(first - index->first);

        index->head += gone;
        index->count -= gone;
        index->first = first;
    }
    DE_ASSERT(index->first >= first);
    DE_ASSERT(index->head + index->count <= index->capacity);
}

const struct de_wal_location *de_wal_index_at(const struct de_wal_index *index, uint64_t entry)
{
    DE_ASSERT(entry >= index->first);
    DE_ASSERT(entry - index->first < index->count);
    return &index->locations[index->head + (size_t)(entry - index->first)];
}
