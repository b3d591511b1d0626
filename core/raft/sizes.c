#include "core/raft/sizes.h"

#include "core/base/assert.h"

static uint64_t *slot(const struct de_sizes *sizes, uint64_t index)
{
    DE_ASSERT(sizes->totals != NULL);
    return &sizes->totals[index & (sizes->capacity - 1)];
}

void de_sizes_init(struct de_sizes *sizes, uint64_t *totals, uint64_t capacity, uint64_t last_index)
{
    DE_ASSERT(totals != NULL);
    DE_ASSERT(capacity > 0 && (capacity & (capacity - 1)) == 0);
    sizes->totals = totals;
    sizes->capacity = capacity;
    sizes->oldest_index = last_index;
    sizes->last_index = last_index;
    *slot(sizes, last_index) = 0;
}

void de_sizes_append(struct de_sizes *sizes, uint64_t bytes)
{
    uint64_t total = *slot(sizes, sizes->last_index);

    DE_ASSERT(total <= UINT64_MAX - bytes);
    sizes->last_index++;
    *slot(sizes, sizes->last_index) = total + bytes;
    if (sizes->last_index - sizes->oldest_index >= sizes->capacity) {
        sizes->oldest_index = sizes->last_index - sizes->capacity + 1;
    }
    DE_ASSERT(sizes->oldest_index <= sizes->last_index);
}

void de_sizes_truncate(struct de_sizes *sizes, uint64_t from)
{
    DE_ASSERT(from > 0);
    if (from > sizes->last_index) {
        return;
    }
    sizes->last_index = from - 1;
    if (sizes->oldest_index > sizes->last_index) {
        sizes->oldest_index = sizes->last_index;
        *slot(sizes, sizes->last_index) = 0;
    }
    DE_ASSERT(sizes->oldest_index <= sizes->last_index);
}

uint64_t de_sizes_between(const struct de_sizes *sizes, uint64_t first, uint64_t last)
{
    uint64_t before = first - 1;

    DE_ASSERT(first > 0);
    DE_ASSERT(last <= sizes->last_index);
    DE_ASSERT(sizes->oldest_index <= sizes->last_index);
    if (before < sizes->oldest_index) {
        before = sizes->oldest_index;
    }
    if (last <= before) {
        return 0;
    }
    DE_ASSERT(*slot(sizes, last) >= *slot(sizes, before));
    return *slot(sizes, last) - *slot(sizes, before);
}

uint64_t de_sizes_fit(const struct de_sizes *sizes, uint64_t first, uint64_t last,
                      uint64_t bytes_max)
{
    uint64_t low = first;
    uint64_t high = last;

    DE_ASSERT(first <= last);
    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2;
        if (de_sizes_between(sizes, first, middle) <= bytes_max) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    DE_ASSERT(first <= low && low <= last);
    return low;
}
