/* storage/wal/wal_group.h - one group of records, laid out as the buffers of one write. */
#ifndef DE_STORAGE_WAL_WAL_GROUP_H
#define DE_STORAGE_WAL_WAL_GROUP_H

#include <stdbool.h>

#include "core/base/allocator.h"
#include "storage/wal/wal_format.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a group is made of, before it is laid out. Either writes, or one COMPACT or RESET. */
struct de_wal_plan {
    const struct dengine_log_write *writes;
    size_t write_count;
    uint8_t type; /* 0: the writes; else DE_WAL_COMPACT or DE_WAL_RESET */
    uint64_t index;
    uint64_t term;
    const struct dengine_hard_state *hard_state; /* RESET */
    uint64_t records;                            /* filled in by de_wal_plan_measure */
    uint64_t bytes; /* from the first record to the end of the last; likewise */
};

struct de_wal_group {
    const struct de_allocator *allocator;
    uint8_t *bytes; /* headers, small data, padding */
    size_t bytes_capacity;
    struct dengine_slice *slices; /* what to write: parts of bytes, and large data in place */
    size_t slices_capacity;
    size_t slice_count;
    uint64_t size; /* of all slices */
};

/* The place and the identity of a group. */
struct de_wal_place {
    const struct de_wal_header *header; /* begins a segment: goes in front; else NULL */
    uint32_t salt;
    uint64_t number; /* of the group */
    uint32_t chain;  /* in: header CRC of the record before; out: of the last record */
};

/* Caller's memory; the buffers are kept from one group to the next. */
void de_wal_group_init(struct de_wal_group *group, const struct de_allocator *allocator);
void de_wal_group_deinit(struct de_wal_group *group);

/* Fills in how many records and bytes the plan takes. */
void de_wal_plan_measure(struct de_wal_plan *plan);

/* Lays the measured plan out, at least one record. The zeros after the last record reach to the end
 * of a page when the group starts at `offset`, but not beyond `limit`. The slices borrow the data
 * of the plan's entries. NO_MEMORY. */
int de_wal_group_encode(struct de_wal_group *group, const struct de_wal_plan *plan,
                        struct de_wal_place *place, uint64_t offset, uint64_t limit);

#ifdef __cplusplus
}
#endif

#endif
