/* storage/snapshot/snapshot_format.h - the bytes of a snapshot: its image.
 *
 * A finished snapshot is a file named snapshot-<16 hex digits of its index>.snap. All numbers are
 * little-endian.
 *
 *   offset  size
 *        0     8  magic "DENGSNAP"
 *        8     4  version, 1
 *       12     4  block size b: bytes of the stream in each block but the last, 1 .. 1 MiB
 *       16     8  cluster id
 *       24     8  index, never 0
 *       32     8  term, never 0
 *       40     4  length c of the configuration, at most DENGINE_SNAPSHOT_CONFIGURATION_MAX
 *       44     4  CRC-32C of bytes 0..43 and of the configuration
 *       48     c  configuration, encoded as in a CONFIG entry of the log
 *
 * So far all versions are alike: the checksum tells another version from damage.
 *
 * Then the stream of the state machine in blocks, each of b bytes, the last one of 1 .. b bytes; an
 * empty stream has none:
 *
 *        0     4  length n of the data
 *        4     4  CRC-32C of the block's number (8 bytes, from 0), the length and the data
 *        8     n  data
 *
 * And the end, after which there is nothing:
 *
 *        0     4  0, the length of no block
 *        4     4  CRC-32C of the number of blocks (8 bytes), bytes 0..3 and bytes 8..23
 *        8     8  bytes of the stream
 *       16     4  CRC-32C of the header, the configuration and the heads of all blocks
 *       20     4  zero
 *
 * There is one image only for a given meta, stream and block size: nothing in it tells when, where
 * or by whom it was written. Each head vouches for its data and the end for all heads, so it
 * vouches for everything. A block that was changed, moved, repeated or left out is told by its own
 * checksum, and the place of the damage is known to the block. */
#ifndef DE_STORAGE_SNAPSHOT_SNAPSHOT_FORMAT_H
#define DE_STORAGE_SNAPSHOT_SNAPSHOT_FORMAT_H

#include <dengine/snapshot_store.h>

#include "core/base/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_SNAPSHOT_VERSION          1u
#define DE_SNAPSHOT_HEADER_BYTES     48u
#define DE_SNAPSHOT_BLOCK_HEAD_BYTES 8u
#define DE_SNAPSHOT_END_BYTES        24u
/* What we write. */
#define DE_SNAPSHOT_BLOCK_BYTES 65536u
/* What we read, at most. */
#define DE_SNAPSHOT_BLOCK_BYTES_MAX (1u << 20)

DE_STATIC_ASSERT(DE_SNAPSHOT_BLOCK_BYTES <= DE_SNAPSHOT_BLOCK_BYTES_MAX, "we read what we write");
DE_STATIC_ASSERT(DE_SNAPSHOT_END_BYTES > DE_SNAPSHOT_BLOCK_HEAD_BYTES, "it begins as a block");

/* The fixed part of the header, decoded. */
struct de_snapshot_header {
    uint32_t version;
    uint32_t block_bytes;
    uint64_t cluster_id;
    uint64_t index;
    uint64_t term;
    uint32_t configuration_bytes;
    uint32_t crc;
};

/* Writes DE_SNAPSHOT_HEADER_BYTES; the checksum is reckoned over meta's configuration too. */
void de_snapshot_header_encode(const struct dengine_snapshot_meta *meta, uint32_t block_bytes,
                               uint8_t *bytes);

/* Reads DE_SNAPSHOT_HEADER_BYTES of any version. 0 or CORRUPT; the checksum is not yet looked at.
 */
int de_snapshot_header_decode(const uint8_t *bytes, struct de_snapshot_header *header);

/* Writes the head of a block in front of its data. */
void de_snapshot_block_head(uint64_t number, struct dengine_slice data, uint8_t *bytes);

/* The checksum of a block or of the end as it begins; the data goes on with de_crc32c. */
uint32_t de_snapshot_block_crc(uint64_t number, uint32_t size);

/* Writes DE_SNAPSHOT_END_BYTES. */
void de_snapshot_end_encode(uint64_t blocks, uint64_t stream_bytes, uint32_t crc, uint8_t *bytes);

/* The name of the snapshot at index, for DE_SNAPSHOT_NAME_BYTES; and back: false when it is not
 * such a name. */
#define DE_SNAPSHOT_NAME_BYTES 32u
void de_snapshot_name(uint64_t index, char *name);
bool de_snapshot_name_index(const char *name, uint64_t *index);

#ifdef __cplusplus
}
#endif

#endif
