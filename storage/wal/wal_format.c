#include "storage/wal/wal_format.h"

#include <stdio.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "storage/base/log_check.h"

/* "wal-", 16 digits, ".seg" */
#define NAME_LENGTH 24

static const uint8_t segment_magic[8] = {'D', 'E', 'N', 'G', 'W', 'A', 'L', 'S'};

/* Offsets of the segment header's fields. */
enum {
    AT_VERSION = 8,
    AT_PREAMBLE_CRC = 12,
    AT_SEQUENCE = 16,
    AT_CLUSTER_ID = 24,
    AT_NODE_ID = 32,
    AT_FIRST_GROUP = 40,
    AT_PREVIOUS_END = 48,
    AT_PREVIOUS_CRC = 56,
    AT_ZERO = 60,
    AT_HARD_STATE = 64,
    AT_BASE_INDEX = 88,
    AT_BASE_TERM = 96,
    AT_LAST_INDEX = 104,
    AT_CRC = 112,
    AT_REST = 116,
};

DE_STATIC_ASSERT(AT_VERSION == sizeof(segment_magic), "the version follows the magic");
DE_STATIC_ASSERT(AT_PREAMBLE_CRC == AT_VERSION + 4, "the preamble is magic and version");
DE_STATIC_ASSERT(AT_SEQUENCE == AT_PREAMBLE_CRC + 4, "no gap behind the preamble");
DE_STATIC_ASSERT(AT_CLUSTER_ID == AT_SEQUENCE + 8, "no gap behind the sequence");
DE_STATIC_ASSERT(AT_NODE_ID == AT_CLUSTER_ID + 8, "no gap behind the cluster id");
DE_STATIC_ASSERT(AT_FIRST_GROUP == AT_NODE_ID + 8, "no gap behind the node id");
DE_STATIC_ASSERT(AT_PREVIOUS_END == AT_FIRST_GROUP + 8, "no gap behind the first group");
DE_STATIC_ASSERT(AT_PREVIOUS_CRC == AT_PREVIOUS_END + 8, "no gap behind the end before");
DE_STATIC_ASSERT(AT_ZERO == AT_PREVIOUS_CRC + 4, "no gap behind the CRC before");
DE_STATIC_ASSERT(AT_HARD_STATE == AT_ZERO + 4, "the hard state starts at a multiple of 8");
DE_STATIC_ASSERT(AT_BASE_INDEX == AT_HARD_STATE + sizeof(struct dengine_hard_state),
                 "every member of the hard state is stored");
DE_STATIC_ASSERT(AT_BASE_TERM == AT_BASE_INDEX + 8, "no gap behind the base index");
DE_STATIC_ASSERT(AT_LAST_INDEX == AT_BASE_TERM + 8, "no gap behind the base term");
DE_STATIC_ASSERT(AT_CRC == AT_LAST_INDEX + 8, "no gap behind the last index");
DE_STATIC_ASSERT(AT_REST == AT_CRC + 4, "the checksum ends the fields");
DE_STATIC_ASSERT(DE_WAL_HEADER_BYTES >= AT_REST, "the header's fields fit");
DE_STATIC_ASSERT(DE_WAL_RECORD_BYTES % 8 == 0, "data starts at a multiple of 8");
DE_STATIC_ASSERT(DE_WAL_ENTRY_BYTES % 8 == 0, "an entry's data does so too");
DE_STATIC_ASSERT(DE_WAL_ALIGN_BYTES % DE_WAL_RECORD_BYTES == 0, "a mark fits where a group ends");
DE_STATIC_ASSERT((DE_WAL_ALIGN_BYTES & (DE_WAL_ALIGN_BYTES - 1)) == 0, "a power of two");
DE_STATIC_ASSERT(DE_WAL_SYNCED <= UINT8_MAX, "a type takes one byte");
DE_STATIC_ASSERT(NAME_LENGTH < DE_WAL_NAME_BYTES, "a name and its end fit");
DE_STATIC_ASSERT(DE_WAL_HEADER_BYTES % DE_WAL_ALIGN_BYTES == 0, "the first group is aligned");
DE_STATIC_ASSERT(DE_WAL_PAGE_BYTES % DE_WAL_ALIGN_BYTES == 0, "a page holds whole units");

void de_wal_name(uint64_t sequence, char name[DE_WAL_NAME_BYTES])
{
    int length = snprintf(name, DE_WAL_NAME_BYTES, "wal-%016llx.seg", (unsigned long long)sequence);

    DE_ASSERT(sequence > 0);
    DE_ASSERT(length == NAME_LENGTH);
}

bool de_wal_name_parse(const char *name, uint64_t *sequence)
{
    uint64_t value = 0;

    DE_ASSERT(name != NULL);
    DE_ASSERT(sequence != NULL);
    if (strlen(name) != NAME_LENGTH || memcmp(name, "wal-", 4) != 0 ||
        strcmp(name + 20, ".seg") != 0) {
        return false;
    }
    for (size_t i = 4; i < 20; i++) {
        const char *digits = "0123456789abcdef";
        const char *digit = strchr(digits, name[i]);

        if (digit == NULL) {
            return false;
        }
        value = value << 4 | (uint64_t)(digit - digits);
    }
    *sequence = value;
    return value > 0 && value < DE_WAL_FOUND_MAX;
}

uint32_t de_wal_salt(uint64_t cluster_id, uint64_t node_id, uint64_t sequence)
{
    uint8_t bytes[24];

    DE_ASSERT(sequence > 0);
    de_store_u64(bytes, cluster_id);
    de_store_u64(bytes + 8, node_id);
    de_store_u64(bytes + 16, sequence);
    return de_crc32c(0, bytes, sizeof(bytes));
}

void de_wal_header_encode(const struct de_wal_header *header, uint8_t *bytes)
{
    DE_ASSERT(header->sequence > 0);
    DE_ASSERT(header->sequence < DE_WAL_COUNT_MAX);
    DE_ASSERT(header->first_group > 0 && header->first_group < DE_WAL_COUNT_MAX);
    DE_ASSERT((header->previous_end == 0) == (header->sequence == 1));
    DE_ASSERT(header->last_index >= header->base_index);
    memset(bytes, 0, DE_WAL_HEADER_BYTES);
    memcpy(bytes, segment_magic, sizeof(segment_magic));
    de_store_u32(bytes + AT_VERSION, DE_WAL_VERSION);
    de_store_u32(bytes + AT_PREAMBLE_CRC, de_crc32c(0, bytes, AT_PREAMBLE_CRC));
    de_store_u64(bytes + AT_SEQUENCE, header->sequence);
    de_store_u64(bytes + AT_CLUSTER_ID, header->cluster_id);
    de_store_u64(bytes + AT_NODE_ID, header->node_id);
    de_store_u64(bytes + AT_FIRST_GROUP, header->first_group);
    de_store_u64(bytes + AT_PREVIOUS_END, header->previous_end);
    de_store_u32(bytes + AT_PREVIOUS_CRC, header->previous_crc);
    de_store_u64(bytes + AT_HARD_STATE, header->hard_state.term);
    de_store_u64(bytes + AT_HARD_STATE + 8, header->hard_state.vote);
    de_store_u64(bytes + AT_HARD_STATE + 16, header->hard_state.commit);
    de_store_u64(bytes + AT_BASE_INDEX, header->base_index);
    de_store_u64(bytes + AT_BASE_TERM, header->base_term);
    de_store_u64(bytes + AT_LAST_INDEX, header->last_index);
    de_store_u32(bytes + AT_CRC, de_crc32c(0, bytes, AT_CRC));
}

static bool rest_is_zero(const uint8_t *bytes)
{
    uint8_t any = 0;

    DE_ASSERT(bytes != NULL);
    for (size_t i = AT_REST; i < DE_WAL_HEADER_BYTES; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

int de_wal_header_decode(const uint8_t *bytes, struct de_wal_header *header)
{
    DE_ASSERT(bytes != NULL);
    DE_ASSERT(header != NULL);
    memset(header, 0, sizeof(*header));
    if (memcmp(bytes, segment_magic, sizeof(segment_magic)) != 0 ||
        de_load_u32(bytes + AT_PREAMBLE_CRC) != de_crc32c(0, bytes, AT_PREAMBLE_CRC)) {
        return DENGINE_E_CORRUPT;
    }
    if (de_load_u32(bytes + AT_VERSION) != DE_WAL_VERSION) {
        return DENGINE_E_VERSION;
    }
    if (de_load_u32(bytes + AT_CRC) != de_crc32c(0, bytes, AT_CRC) || !rest_is_zero(bytes)) {
        return DENGINE_E_CORRUPT;
    }
    header->sequence = de_load_u64(bytes + AT_SEQUENCE);
    header->cluster_id = de_load_u64(bytes + AT_CLUSTER_ID);
    header->node_id = de_load_u64(bytes + AT_NODE_ID);
    header->first_group = de_load_u64(bytes + AT_FIRST_GROUP);
    header->previous_end = de_load_u64(bytes + AT_PREVIOUS_END);
    header->previous_crc = de_load_u32(bytes + AT_PREVIOUS_CRC);
    header->hard_state.term = de_load_u64(bytes + AT_HARD_STATE);
    header->hard_state.vote = de_load_u64(bytes + AT_HARD_STATE + 8);
    header->hard_state.commit = de_load_u64(bytes + AT_HARD_STATE + 16);
    header->base_index = de_load_u64(bytes + AT_BASE_INDEX);
    header->base_term = de_load_u64(bytes + AT_BASE_TERM);
    header->last_index = de_load_u64(bytes + AT_LAST_INDEX);
    return header->sequence > 0 && header->sequence < DE_WAL_FOUND_MAX && header->first_group > 0 &&
                   header->first_group < DE_WAL_COUNT_MAX &&
                   header->last_index >= header->base_index &&
                   header->last_index <= DE_LOG_INDEX_MAX
               ? 0
               : DENGINE_E_CORRUPT;
}

void de_wal_record_encode(struct de_wal_record *record, uint32_t salt, uint8_t *bytes)
{
    DE_ASSERT(record->type >= DE_WAL_HARD_STATE && record->type <= DE_WAL_SYNCED);
    DE_ASSERT(record->group > 0);
    DE_ASSERT(record->flags <= DE_WAL_FLAG_LAST);
    DE_ASSERT(bytes != NULL);
    de_wal_put_u64(bytes + 4, record->data_crc | (uint64_t)record->length << 32);
    de_wal_put_u64(bytes + 12, DE_WAL_VERSION | (uint64_t)record->type << 8 |
                                   (uint64_t)record->flags << 16 | record->group << 32);
    de_wal_put_u64(bytes + 20, record->group >> 32 | (uint64_t)record->number << 32);
    de_wal_put_u32(bytes + 28, record->previous_crc);
    record->header_crc = de_crc32c(salt, bytes + 4, DE_WAL_RECORD_BYTES - 4);
    de_wal_put_u32(bytes, record->header_crc);
}

bool de_wal_record_decode(const uint8_t *bytes, uint32_t salt, struct de_wal_record *record)
{
    DE_ASSERT(bytes != NULL);
    DE_ASSERT(record != NULL);
    /* The cheap looks first: the search for a later record comes here at every eighth byte. */
    if (bytes[12] != DE_WAL_VERSION || bytes[13] < DE_WAL_HARD_STATE || bytes[13] > DE_WAL_SYNCED ||
        bytes[14] > DE_WAL_FLAG_LAST || bytes[15] != 0) {
        return false;
    }
    record->header_crc = de_load_u32(bytes);
    if (record->header_crc != de_crc32c(salt, bytes + 4, DE_WAL_RECORD_BYTES - 4)) {
        return false;
    }
    record->data_crc = de_load_u32(bytes + 4);
    record->length = de_load_u32(bytes + 8);
    record->type = bytes[13];
    record->flags = bytes[14];
    record->group = de_load_u64(bytes + 16);
    record->number = de_load_u32(bytes + 24);
    record->previous_crc = de_load_u32(bytes + 28);
    return true;
}
