/* core/raft/sizes.h - how many payload bytes the newest entries have.
 *
 * A ring of running totals: the bytes of any range are one subtraction. Entries that have left the
 * ring, or were there at boot, count as nothing; limits in bytes hold as far as sizes are known. */
#ifndef DE_CORE_RAFT_SIZES_H
#define DE_CORE_RAFT_SIZES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_sizes {
    uint64_t *totals;      /* totals[i % capacity]: bytes of the entries (oldest, i] and before */
    uint64_t capacity;     /* a power of two */
    uint64_t oldest_index; /* totals are known for [oldest_index, last_index] */
    uint64_t last_index;
};

/* No sizes are known up to last_index. Borrows totals[capacity]. */
void de_sizes_init(struct de_sizes *sizes, uint64_t *totals, uint64_t capacity,
                   uint64_t last_index);

/* The entry at last_index + 1 has so many bytes. */
void de_sizes_append(struct de_sizes *sizes, uint64_t bytes);

/* The entries >= from are gone. */
void de_sizes_truncate(struct de_sizes *sizes, uint64_t from);

/* Known bytes of the entries [first, last]; 0 when that is empty; last <= last_index. */
uint64_t de_sizes_between(const struct de_sizes *sizes, uint64_t first, uint64_t last);

/* The greatest index in [first, last] such that the entries from first to it have at most
 * bytes_max together; at least first. */
uint64_t de_sizes_fit(const struct de_sizes *sizes, uint64_t first, uint64_t last,
                      uint64_t bytes_max);

#ifdef __cplusplus
}
#endif

#endif
