/* storage/wal/wal_scan.h - reading a whole log and judging it, without changing anything.
 *
 * How a torn end is told from damage. A crash can only harm what had not been synced, and that is
 * at most one group: the last one. So
 *
 * - in every segment but the last that was begun, each byte up to where the next segment's header
 *   says the log went on must be good: anything else is damage;
 * - in the last one, the log ends before the first group that is not whole. Call it g. When a
 *   record of a group later than g, or the mark that g had been synced, stands anywhere behind,
 *   then g had been durable once and this is damage. Else g was being written: it is cut.
 *
 * Limits: when the very last group is damaged after its sync and its SYNCED mark is lost as well
 * (it is written right after the sync but not synced itself), then it looks exactly like a torn one
 * and is cut. One replica alone cannot tell (Alagappan et al., "Protocol-Aware Recovery for
 * Consensus-Based Storage", FAST 2018, section 3.3.3). And an entry whose data holds the image of a
 * record of this very segment with a later group number would be taken for proof when its own group
 * is torn: the log is then refused though it could be cut; nothing is lost. */
#ifndef DE_STORAGE_WAL_WAL_SCAN_H
#define DE_STORAGE_WAL_WAL_SCAN_H

#include <stdbool.h>

#include "storage/wal/wal_reader.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_wal_scan_options {
    struct dengine_dir dir;
    const struct de_allocator *allocator;
    bool any_owner;   /* take the ids from the first segment instead of comparing them */
    uint64_t node_id; /* otherwise: must be these */
    uint64_t cluster_id;
};

/* Told what is found, in order. A non-zero return stops the scan and is returned. Each may be NULL.
 */
struct de_wal_visitor {
    void *context;
    int (*segment)(void *context, const struct de_wal_header *header, uint64_t size_bytes);
    /* A good record; groups may still turn out not to be whole. */
    int (*record)(void *context, uint64_t sequence, const struct de_wal_item *item);
    /* All records since the last call are a whole group. */
    int (*group)(void *context);
};

struct de_wal_scan_result {
    uint64_t first_sequence; /* 0: there is no segment */
    uint64_t used_sequence;  /* the last segment that was begun */
    uint64_t last_sequence;  /* spares included */
    uint64_t end_offset;     /* where the next group goes */
    uint64_t next_group;
    uint32_t chain;   /* header CRC of the last good record */
    bool marked;      /* the last group's SYNCED mark stands at end_offset */
    bool spare_dirty; /* the first spare has records of a group that would have begun it, and never
                         did: they must go before another one begins it */
    uint64_t dirty_end; /* bytes behind end_offset (and its mark) up to here are not all zero;
                           <= end_offset: they are */
};

/* 0; CORRUPT, VERSION, FOREIGN with a message naming file and offset; IO, NO_MEMORY and so on. */
int de_wal_scan(const struct de_wal_scan_options *options, const struct de_wal_visitor *visitor,
                struct de_wal_scan_result *result, char *message, size_t message_size);

#ifdef __cplusplus
}
#endif

#endif
