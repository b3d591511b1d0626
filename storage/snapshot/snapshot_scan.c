#include "storage/snapshot/snapshot_scan.h"

#include <dengine/error.h>

#include "core/base/codec.h"
#include "core/base/crc32c.h"

static void enter(struct de_snapshot_scan *scan, enum de_snapshot_part part, size_t need)
{
    DE_ASSERT(scan->have == scan->need);
    DE_ASSERT(part != DE_SNAPSHOT_PART_NONE || need == 0);
    scan->part = part;
    scan->need = need;
    scan->have = 0;
}

void de_snapshot_scan_init(struct de_snapshot_scan *scan)
{
    DE_ASSERT(scan != NULL);
    memset(scan, 0, sizeof(*scan));
    enter(scan, DE_SNAPSHOT_PART_HEADER, DE_SNAPSHOT_HEADER_BYTES);
    DE_ASSERT(scan->offset == 0 && scan->failed == 0);
}

void de_snapshot_scan_deinit(struct de_snapshot_scan *scan, const struct de_allocator *allocator)
{
    DE_ASSERT(scan != NULL);
    DE_ASSERT(allocator != NULL);
    de_release(allocator, scan->configuration);
    scan->configuration = NULL;
}

static int fail(struct de_snapshot_scan *scan, int error, const char *what)
{
    DE_ASSERT(error != 0);
    DE_ASSERT(scan->failed == 0);
    scan->failed = error;
    de_message_set(scan->message, sizeof(scan->message), "%s (at byte %llu)", what,
                   (unsigned long long)scan->piece_offset);
    return error;
}

static int fail_block(struct de_snapshot_scan *scan, const char *what)
{
    DE_ASSERT(scan->failed == 0);
    DE_ASSERT(what != NULL);
    scan->failed = DENGINE_E_CORRUPT;
    de_message_set(scan->message, sizeof(scan->message), "block %llu, at byte %llu, %s",
                   (unsigned long long)scan->blocks, (unsigned long long)scan->piece_offset, what);
    return DENGINE_E_CORRUPT;
}

static void begin_block(struct de_snapshot_scan *scan)
{
    DE_ASSERT(scan->piece_offset <= scan->offset);
    enter(scan, DE_SNAPSHOT_PART_HEAD, DE_SNAPSHOT_BLOCK_HEAD_BYTES);
    scan->piece_offset = scan->offset;
}

static int finish_configuration(struct de_snapshot_scan *scan)
{
    uint32_t crc = de_crc32c(0, scan->fixed, DE_SNAPSHOT_HEADER_BYTES - 4);

    DE_ASSERT(scan->part == DE_SNAPSHOT_PART_CONFIGURATION);
    DE_ASSERT(scan->configuration != NULL);
    crc = de_crc32c(crc, scan->configuration, scan->header.configuration_bytes);
    if (crc != scan->header.crc) {
        return fail(scan, DENGINE_E_CORRUPT, "the header has not the checksum it was written with");
    }
    if (scan->header.version != DE_SNAPSHOT_VERSION) {
        return fail(scan, DENGINE_E_VERSION, "it was written by another version of dengine");
    }
    begin_block(scan);
    return 0;
}

static int finish_header(struct de_snapshot_scan *scan, const struct de_allocator *allocator)
{
    int error = de_snapshot_header_decode(scan->fixed, &scan->header);

    DE_ASSERT(scan->part == DE_SNAPSHOT_PART_HEADER);
    if (error != 0) {
        return fail(scan, error, "the header is not that of a snapshot");
    }
    DE_ASSERT(scan->configuration == NULL);
    scan->configuration = de_allocate(allocator, scan->header.configuration_bytes + 1u);
    if (scan->configuration == NULL) {
        return fail(scan, DENGINE_E_NO_MEMORY, "no memory for the configuration");
    }
    enter(scan, DE_SNAPSHOT_PART_CONFIGURATION, scan->header.configuration_bytes);
    return 0;
}

static int finish_head(struct de_snapshot_scan *scan)
{
    uint32_t size = de_load_u32(scan->fixed);

    DE_ASSERT(scan->part == DE_SNAPSHOT_PART_HEAD);
    scan->block_size = size;
    scan->block_crc = de_load_u32(scan->fixed + 4);
    if (size == 0) {
        enter(scan, DE_SNAPSHOT_PART_END, DE_SNAPSHOT_END_BYTES - DE_SNAPSHOT_BLOCK_HEAD_BYTES);
        return 0;
    }
    if (size > scan->header.block_bytes || scan->short_block) {
        return fail_block(scan, "has a length that no block can have there");
    }
    scan->crc = de_snapshot_block_crc(scan->blocks, size);
    scan->crc_all = de_crc32c(scan->crc_all, scan->fixed, DE_SNAPSHOT_BLOCK_HEAD_BYTES);
    enter(scan, DE_SNAPSHOT_PART_DATA, size);
    return 0;
}

static int finish_data(struct de_snapshot_scan *scan)
{
    DE_ASSERT(scan->part == DE_SNAPSHOT_PART_DATA);
    if (scan->crc != scan->block_crc) {
        return fail_block(scan, "has not the checksum it was written with");
    }
    scan->blocks++;
    scan->stream_bytes += scan->block_size;
    scan->short_block = scan->block_size < scan->header.block_bytes;
    DE_ASSERT(scan->stream_bytes >= scan->blocks);
    begin_block(scan);
    return 0;
}

static int finish_end(struct de_snapshot_scan *scan)
{
    uint8_t wanted[DE_SNAPSHOT_END_BYTES];

    DE_ASSERT(scan->part == DE_SNAPSHOT_PART_END);
    DE_ASSERT(scan->block_size == 0);
    de_snapshot_end_encode(scan->blocks, scan->stream_bytes, scan->crc_all, wanted);
    if (de_load_u32(wanted + 4) != scan->block_crc ||
        memcmp(wanted + DE_SNAPSHOT_BLOCK_HEAD_BYTES, scan->fixed,
               DE_SNAPSHOT_END_BYTES - DE_SNAPSHOT_BLOCK_HEAD_BYTES) != 0) {
        return fail(scan, DENGINE_E_CORRUPT, "the end does not fit what is in front of it");
    }
    enter(scan, DE_SNAPSHOT_PART_NONE, 0);
    return 0;
}

static int finish_part(struct de_snapshot_scan *scan, const struct de_allocator *allocator)
{
    DE_ASSERT(scan->have == scan->need);
    DE_ASSERT(scan->failed == 0);
    switch (scan->part) {
    case DE_SNAPSHOT_PART_HEADER:
        return finish_header(scan, allocator);
    case DE_SNAPSHOT_PART_CONFIGURATION:
        return finish_configuration(scan);
    case DE_SNAPSHOT_PART_HEAD:
        return finish_head(scan);
    case DE_SNAPSHOT_PART_DATA:
        return finish_data(scan);
    case DE_SNAPSHOT_PART_END:
        return finish_end(scan);
    case DE_SNAPSHOT_PART_NONE:
        break;
    }
    DE_UNREACHABLE("nothing follows the end");
}

/* Takes bytes of the part at hand, and says how many. */
static size_t take(struct de_snapshot_scan *scan, struct dengine_slice bytes)
{
    const size_t left = scan->need - scan->have;
    const size_t size = bytes.size < left ? bytes.size : left;

    DE_ASSERT(scan->part != DE_SNAPSHOT_PART_NONE);
    if (size == 0) {
        return 0;
    }
    switch (scan->part) {
    case DE_SNAPSHOT_PART_DATA:
        scan->crc = de_crc32c(scan->crc, bytes.data, size);
        break;
    case DE_SNAPSHOT_PART_CONFIGURATION:
        memcpy(scan->configuration + scan->have, bytes.data, size);
        scan->crc_all = de_crc32c(scan->crc_all, bytes.data, size);
        break;
    case DE_SNAPSHOT_PART_HEADER:
        scan->crc_all = de_crc32c(scan->crc_all, bytes.data, size);
        memcpy(scan->fixed + scan->have, bytes.data, size);
        break;
    case DE_SNAPSHOT_PART_HEAD:
    case DE_SNAPSHOT_PART_END:
        memcpy(scan->fixed + scan->have, bytes.data, size);
        break;
    case DE_SNAPSHOT_PART_NONE:
        break;
    }
    scan->have += size;
    scan->offset += size;
    return size;
}

int de_snapshot_scan_feed(struct de_snapshot_scan *scan, const struct de_allocator *allocator,
                          struct dengine_slice bytes)
{
    DE_ASSERT(scan != NULL);
    DE_ASSERT(bytes.data != NULL || bytes.size == 0);
    while (scan->failed == 0 && (bytes.size > 0 || scan->have == scan->need)) {
        size_t taken;

        if (scan->part == DE_SNAPSHOT_PART_NONE) {
            scan->piece_offset = scan->offset;
            return bytes.size == 0 ? 0 : fail(scan, DENGINE_E_CORRUPT, "something follows the end");
        }
        taken = take(scan, bytes);
        bytes = dengine_bytes((const uint8_t *)bytes.data + taken, bytes.size - taken);
        if (scan->have == scan->need) {
            (void)finish_part(scan, allocator);
        }
    }
    return scan->failed;
}

int de_snapshot_scan_finish(struct de_snapshot_scan *scan)
{
    DE_ASSERT(scan != NULL);
    DE_ASSERT_IMPLIES(scan->part == DE_SNAPSHOT_PART_NONE, scan->need == 0);
    if (scan->failed != 0 || scan->part == DE_SNAPSHOT_PART_NONE) {
        return scan->failed;
    }
    scan->piece_offset = scan->offset;
    return fail(scan, DENGINE_E_CORRUPT, "it ends too early");
}

bool de_snapshot_scan_meta(const struct de_snapshot_scan *scan, struct dengine_snapshot_meta *meta)
{
    DE_ASSERT(scan != NULL);
    DE_ASSERT(meta != NULL);
    if (scan->part == DE_SNAPSHOT_PART_HEADER || scan->part == DE_SNAPSHOT_PART_CONFIGURATION) {
        return false;
    }
    meta->cluster_id = scan->header.cluster_id;
    meta->index = scan->header.index;
    meta->term = scan->header.term;
    meta->configuration = dengine_bytes(scan->configuration, scan->header.configuration_bytes);
    return true;
}
