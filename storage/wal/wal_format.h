/* storage/wal/wal_format.h - the bytes of the write-ahead log.
 *
 * All numbers are little-endian. A segment is a file named wal-<16 hex digits of its sequence>.seg.
 *
 * Segment header, at offset 0; the rest up to DE_WAL_HEADER_BYTES is zero:
 *
 *   offset  size
 *        0     8  magic "DENGWALS"
 *        8     4  version, 1
 *       12     4  CRC-32C of bytes 0..11: tells another version from damage, in all versions
 *       16     8  sequence; equals the one in the name, else the file is a spare that was recycled
 *       24     8  cluster id
 *       32     8  node id
 *       40     8  number of the first group in this segment
 *       48     8  where the log ends in the segment before this one; 0 in the first segment
 *       56     4  header CRC of the last record before this segment; 0 in the first segment
 *       60     4  zero
 *       64    24  hard state when the segment began: term, vote, commit
 *       88     8  index and
 *       96     8  term of the last compacted entry at that time
 *      104     8  last index at that time
 *      112     4  CRC-32C of bytes 0..111
 *
 * So a segment says all that is needed of those before it, and they can be removed.
 *
 * From DE_WAL_HEADER_BYTES on: groups, each starting at a multiple of DE_WAL_ALIGN_BYTES, so that a
 * torn sector of one group never takes bytes of an older one along. A group is a run of records,
 * each starting at a multiple of 8, the last one marked. Between them there are zeros.
 *
 * Record:
 *
 *   offset  size
 *        0     4  CRC-32C of bytes 4..31, begun with the segment's salt
 *        4     4  CRC-32C of the data
 *        8     4  length of the data
 *       12     1  version, 1
 *       13     1  type, enum de_wal_type
 *       14     1  flags: 1 = last record of its group
 *       15     1  zero
 *       16     8  number of the group
 *       24     4  number of the record in the group, from 0
 *       28     4  header CRC of the record before, in the segment before if need be; 0: none
 *       32        data
 *
 * The salt is the CRC-32C of (cluster id, node id, sequence). It and the chain of CRCs keep what an
 * earlier use left in a recycled segment from being taken for records. Group numbers rise by one.
 *
 * Data by type:
 *
 *   HARD_STATE  term 8, vote 8, commit 8
 *   TRUNCATE    first index removed 8
 *   ENTRY       index 8, term 8, type 4, zero 4, then the entry's data
 *   COMPACT     index 8, term 8: entries up to index may be forgotten
 *   RESET       index 8, term 8, hard state 24: the log is empty and goes on after index
 *   SYNCED      none: the group with this number had been synced when this was written. It stands
 *               alone where the next group will overwrite it, is in no chain (the field is 0) and
 * is never synced for its own sake: it only lets recovery tell damage from a torn end. */
#ifndef DE_STORAGE_WAL_WAL_FORMAT_H
#define DE_STORAGE_WAL_WAL_FORMAT_H

#include <stdbool.h>
#include <string.h>

#include <dengine/log_store.h>

#include "core/base/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_WAL_VERSION      1u
#define DE_WAL_HEADER_BYTES 512u
#define DE_WAL_ALIGN_BYTES  512u
#define DE_WAL_RECORD_BYTES 32u
/* Data of an ENTRY record in front of the entry's own. */
#define DE_WAL_ENTRY_BYTES 24u
#define DE_WAL_NAME_BYTES  32u
/* Unit in which the last page of a write is filled up with zeros: a whole page needs no read. */
#define DE_WAL_PAGE_BYTES 4096u

enum de_wal_type {
    DE_WAL_HARD_STATE = 1,
    DE_WAL_TRUNCATE = 2,
    DE_WAL_ENTRY = 3,
    DE_WAL_COMPACT = 4,
    DE_WAL_RESET = 5,
    DE_WAL_SYNCED = 6,
};

#define DE_WAL_FLAG_LAST 1u

struct de_wal_header {
    uint64_t sequence;
    uint64_t cluster_id;
    uint64_t node_id;
    uint64_t first_group;
    uint64_t previous_end;
    uint32_t previous_crc;
    struct dengine_hard_state hard_state;
    uint64_t base_index;
    uint64_t base_term;
    uint64_t last_index;
};

/* The 32 bytes in front of a record's data. No two numbers that share a word there are neighbours
 * here: a compiler would load them as one, out of two stores just made, and wait for both. */
struct de_wal_record {
    uint64_t group;
    uint32_t length;
    uint32_t header_crc;
    uint32_t number;
    uint32_t data_crc;
    uint8_t type;
    uint8_t flags;
    uint32_t previous_crc;
};

/* "wal-....seg" for a sequence. */
void de_wal_name(uint64_t sequence, char name[DE_WAL_NAME_BYTES]);
/* Whether name is one of these, and of which sequence. */
bool de_wal_name_parse(const char *name, uint64_t *sequence);

uint32_t de_wal_salt(uint64_t cluster_id, uint64_t node_id, uint64_t sequence);

/* Fills DE_WAL_HEADER_BYTES at bytes. */
void de_wal_header_encode(const struct de_wal_header *header, uint8_t *bytes);
/* 0; CORRUPT; VERSION: a good preamble of another version. */
int de_wal_header_decode(const uint8_t *bytes, struct de_wal_header *header);

/* Fills DE_WAL_RECORD_BYTES at bytes and sets record->header_crc. */
void de_wal_record_encode(struct de_wal_record *record, uint32_t salt, uint8_t *bytes);
/* false: no record of this version with this salt. The data is not looked at. */
bool de_wal_record_decode(const uint8_t *bytes, uint32_t salt, struct de_wal_record *record);

/* Sequences and group numbers stay below. What is found on a disk must be below the half of it: no
 * log gets so far, and so nothing that is added to it overflows, whatever stood there. */
#define DE_WAL_COUNT_MAX (UINT64_MAX / 2)
#define DE_WAL_FOUND_MAX (DE_WAL_COUNT_MAX / 2)

/* A group has a thousand records. What is stored in one piece is also read in one piece by the
 * checksum that follows: a processor forwards that, and nothing less, from its store buffer. Stores
 * byte by byte are left so by compilers where they know some of the bytes; hence the memcpy. */
static inline void de_wal_put_u32(uint8_t *at, uint32_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    memcpy(at, &value, sizeof(value));
}

static inline void de_wal_put_u64(uint8_t *at, uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    memcpy(at, &value, sizeof(value));
}

/* Bytes of a record with so much data, filled up to the next record. */
static inline uint64_t de_wal_record_span(uint64_t length)
{
    DE_ASSERT(length <= UINT64_MAX - DE_WAL_RECORD_BYTES - 7);
    return (DE_WAL_RECORD_BYTES + length + 7u) & ~(uint64_t)7u;
}

static inline uint64_t de_wal_align(uint64_t offset, uint64_t unit)
{
    DE_ASSERT(unit > 0 && (unit & (unit - 1)) == 0);
    DE_ASSERT(offset <= UINT64_MAX - unit);
    return (offset + unit - 1) & ~(unit - 1);
}

#ifdef __cplusplus
}
#endif

#endif
