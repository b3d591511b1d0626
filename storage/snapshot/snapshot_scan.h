/* storage/snapshot/snapshot_scan.h - checks an image as its bytes come in.
 *
 * One parser for all who read images: a receiver hands it what the network brings, cut anywhere; a
 * reader hands it one block after the other; an offline check the whole file. What it has let
 * through is as it was written. */
#ifndef DE_STORAGE_SNAPSHOT_SNAPSHOT_SCAN_H
#define DE_STORAGE_SNAPSHOT_SNAPSHOT_SCAN_H

#include "core/base/allocator.h"
#include "storage/base/message.h"
#include "storage/snapshot/snapshot_format.h"

#ifdef __cplusplus
extern "C" {
#endif

enum de_snapshot_part {
    DE_SNAPSHOT_PART_HEADER,
    DE_SNAPSHOT_PART_CONFIGURATION,
    DE_SNAPSHOT_PART_HEAD, /* of a block; the end begins with the same bytes */
    DE_SNAPSHOT_PART_DATA,
    DE_SNAPSHOT_PART_END, /* what the end has behind those */
    DE_SNAPSHOT_PART_NONE,
};

struct de_snapshot_scan {
    enum de_snapshot_part part;
    size_t need; /* bytes of this part in all */
    size_t have; /* of them */
    uint8_t fixed[DE_SNAPSHOT_HEADER_BYTES];
    struct de_snapshot_header header;
    uint8_t *configuration; /* header.configuration_bytes, once they have come */
    uint64_t offset;        /* bytes taken so far */
    uint64_t piece_offset;  /* where the block (or header, or end) at hand begins */
    uint64_t blocks;        /* complete */
    uint64_t stream_bytes;  /* in them */
    uint32_t block_size;    /* of the block at hand */
    uint32_t block_crc;     /* that it must have */
    uint32_t crc;           /* of the block at hand so far */
    uint32_t crc_all;       /* that the end vouches for, so far */
    bool short_block;       /* the last block was not full: only the end may follow */
    int failed;             /* CORRUPT, VERSION or NO_MEMORY; final */
    char message[160];      /* what and where, without the name of the file; when failed */
};

void de_snapshot_scan_init(struct de_snapshot_scan *scan);
void de_snapshot_scan_deinit(struct de_snapshot_scan *scan, const struct de_allocator *allocator);

/* The next bytes of the image. The first failure is final. */
int de_snapshot_scan_feed(struct de_snapshot_scan *scan, const struct de_allocator *allocator,
                          struct dengine_slice bytes);

/* 0 when the image is complete; CORRUPT when it ends too early. */
int de_snapshot_scan_finish(struct de_snapshot_scan *scan);

/* Whether the header and the configuration have come and are whole; what they say. */
bool de_snapshot_scan_meta(const struct de_snapshot_scan *scan, struct dengine_snapshot_meta *meta);

#ifdef __cplusplus
}
#endif

#endif
