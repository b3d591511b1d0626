#include "storage/snapshot/snapshot_format.h"

#include <stdio.h>

#include <dengine/error.h>

#include "core/base/codec.h"
#include "core/base/crc32c.h"

static const uint8_t header_magic[8] = {'D', 'E', 'N', 'G', 'S', 'N', 'A', 'P'};

enum {
    AT_VERSION = 8,
    AT_BLOCK_BYTES = 12,
    AT_CLUSTER_ID = 16,
    AT_INDEX = 24,
    AT_TERM = 32,
    AT_CONFIGURATION_BYTES = 40,
    AT_CRC = 44,

    AT_END_STREAM_BYTES = 8,
    AT_END_CRC = 16,
};

DE_STATIC_ASSERT(AT_VERSION == sizeof(header_magic), "the version follows the magic");
DE_STATIC_ASSERT(AT_CRC + 4 == DE_SNAPSHOT_HEADER_BYTES, "the checksum ends the header");
DE_STATIC_ASSERT(AT_END_CRC + 8 == DE_SNAPSHOT_END_BYTES, "four zero bytes end the end");

void de_snapshot_header_encode(const struct dengine_snapshot_meta *meta, uint32_t block_bytes,
                               uint8_t *bytes)
{
    uint32_t crc;

    DE_ASSERT(meta->index > 0 && meta->term > 0);
    DE_ASSERT(meta->configuration.size <= DENGINE_SNAPSHOT_CONFIGURATION_MAX);
    DE_ASSERT(block_bytes > 0 && block_bytes <= DE_SNAPSHOT_BLOCK_BYTES_MAX);
    memcpy(bytes, header_magic, sizeof(header_magic));
    de_store_u32(bytes + AT_VERSION, DE_SNAPSHOT_VERSION);
    de_store_u32(bytes + AT_BLOCK_BYTES, block_bytes);
    de_store_u64(bytes + AT_CLUSTER_ID, meta->cluster_id);
    de_store_u64(bytes + AT_INDEX, meta->index);
    de_store_u64(bytes + AT_TERM, meta->term);
    de_store_u32(bytes + AT_CONFIGURATION_BYTES, (uint32_t)meta->configuration.size);
    crc = de_crc32c(0, bytes, AT_CRC);
    crc = de_crc32c(crc, meta->configuration.data, meta->configuration.size);
    de_store_u32(bytes + AT_CRC, crc);
}

int de_snapshot_header_decode(const uint8_t *bytes, struct de_snapshot_header *header)
{
    DE_ASSERT(bytes != NULL);
    DE_ASSERT(header != NULL);
    if (memcmp(bytes, header_magic, sizeof(header_magic)) != 0) {
        return DENGINE_E_CORRUPT;
    }
    header->version = de_load_u32(bytes + AT_VERSION);
    header->block_bytes = de_load_u32(bytes + AT_BLOCK_BYTES);
    header->cluster_id = de_load_u64(bytes + AT_CLUSTER_ID);
    header->index = de_load_u64(bytes + AT_INDEX);
    header->term = de_load_u64(bytes + AT_TERM);
    header->configuration_bytes = de_load_u32(bytes + AT_CONFIGURATION_BYTES);
    header->crc = de_load_u32(bytes + AT_CRC);
    if (header->index == 0 || header->term == 0 || header->block_bytes == 0 ||
        header->block_bytes > DE_SNAPSHOT_BLOCK_BYTES_MAX ||
        header->configuration_bytes > DENGINE_SNAPSHOT_CONFIGURATION_MAX) {
        return DENGINE_E_CORRUPT;
    }
    return 0;
}

uint32_t de_snapshot_block_crc(uint64_t number, uint32_t size)
{
    uint8_t bytes[12];

    de_store_u64(bytes, number);
    de_store_u32(bytes + 8, size);
    DE_ASSERT(size <= DE_SNAPSHOT_BLOCK_BYTES_MAX);
    return de_crc32c(0, bytes, sizeof(bytes));
}

void de_snapshot_block_head(uint64_t number, struct dengine_slice data, uint8_t *bytes)
{
    uint32_t crc = de_snapshot_block_crc(number, (uint32_t)data.size);

    DE_ASSERT(bytes != NULL);
    DE_ASSERT(data.size > 0 && data.size <= DE_SNAPSHOT_BLOCK_BYTES_MAX);
    de_store_u32(bytes, (uint32_t)data.size);
    de_store_u32(bytes + 4, de_crc32c(crc, data.data, data.size));
}

void de_snapshot_end_encode(uint64_t blocks, uint64_t stream_bytes, uint32_t crc, uint8_t *bytes)
{
    uint32_t own = de_snapshot_block_crc(blocks, 0);

    DE_ASSERT(bytes != NULL);
    DE_ASSERT((blocks == 0) == (stream_bytes == 0));
    memset(bytes, 0, DE_SNAPSHOT_END_BYTES);
    de_store_u64(bytes + AT_END_STREAM_BYTES, stream_bytes);
    de_store_u32(bytes + AT_END_CRC, crc);
    own = de_crc32c(own, bytes + AT_END_STREAM_BYTES, DE_SNAPSHOT_END_BYTES - AT_END_STREAM_BYTES);
    de_store_u32(bytes + 4, own);
}

void de_snapshot_name(uint64_t index, char *name)
{
    int length =
        snprintf(name, DE_SNAPSHOT_NAME_BYTES, "snapshot-%016llx.snap", (unsigned long long)index);

    DE_ASSERT(index > 0);
    DE_ASSERT(length == 30);
}

bool de_snapshot_name_index(const char *name, uint64_t *index)
{
    char again[DE_SNAPSHOT_NAME_BYTES];
    uint64_t value = 0;

    DE_ASSERT(name != NULL);
    DE_ASSERT(index != NULL);
    if (strlen(name) != sizeof("snapshot-0123456789abcdef.snap") - 1) {
        return false;
    }
    for (const char *at = name + sizeof("snapshot-") - 1; *at != '.'; at++) {
        const bool digit = *at >= '0' && *at <= '9';

        if (!digit && (*at < 'a' || *at > 'f')) {
            return false;
        }
        value = value << 4 | (uint64_t)(digit ? *at - '0' : *at - 'a' + 10);
    }
    if (value == 0) {
        return false;
    }
    de_snapshot_name(value, again);
    *index = value;
    return strcmp(name, again) == 0;
}
