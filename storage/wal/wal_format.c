#include "storage/wal/wal_format.h"

#include <stdio.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"

static const uint8_t segment_magic[8] = {'D', 'E', 'N', 'G', 'W', 'A', 'L', 'S'};

DE_STATIC_ASSERT(DE_WAL_HEADER_BYTES >= 116, "the header's fields fit");
DE_STATIC_ASSERT(DE_WAL_HEADER_BYTES % DE_WAL_ALIGN_BYTES == 0, "the first group is aligned");
DE_STATIC_ASSERT(DE_WAL_PAGE_BYTES % DE_WAL_ALIGN_BYTES == 0, "a page holds whole units");

void de_wal_name(uint64_t sequence, char name[DE_WAL_NAME_BYTES])
{
    int length = snprintf(name, DE_WAL_NAME_BYTES, "wal-%016llx.seg", (unsigned long long)sequence);

    DE_ASSERT(sequence > 0);
    DE_ASSERT(length == 24);
}

bool de_wal_name_parse(const char *name, uint64_t *sequence)
{
    uint64_t value = 0;

    DE_ASSERT(name != NULL);
    DE_ASSERT(sequence != NULL);
    if (strlen(name) != 24 || memcmp(name, "wal-", 4) != 0 || strcmp(name + 20, ".seg") != 0) {
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
    return value > 0;
}

uint32_t de_wal_salt(uint64_t cluster_id, uint64_t node_id, uint64_t sequence)
{
    uint8_t bytes[24];

    de_store_u64(bytes, cluster_id);
    de_store_u64(bytes + 8, node_id);
    de_store_u64(bytes + 16, sequence);
    return de_crc32c(0, bytes, sizeof(bytes));
}

void de_wal_header_encode(const struct de_wal_header *header, uint8_t *bytes)
{
    DE_ASSERT(header->sequence > 0);
    DE_ASSERT(header->last_index >= header->base_index);
    memset(bytes, 0, DE_WAL_HEADER_BYTES);
    memcpy(bytes, segment_magic, sizeof(segment_magic));
    de_store_u32(bytes + 8, DE_WAL_VERSION);
    de_store_u32(bytes + 12, de_crc32c(0, bytes, 12));
    de_store_u64(bytes + 16, header->sequence);
    de_store_u64(bytes + 24, header->cluster_id);
    de_store_u64(bytes + 32, header->node_id);
    de_store_u64(bytes + 40, header->first_group);
    de_store_u64(bytes + 48, header->previous_end);
    de_store_u32(bytes + 56, header->previous_crc);
    de_store_u64(bytes + 64, header->hard_state.term);
    de_store_u64(bytes + 72, header->hard_state.vote);
    de_store_u64(bytes + 80, header->hard_state.commit);
    de_store_u64(bytes + 88, header->base_index);
    de_store_u64(bytes + 96, header->base_term);
    de_store_u64(bytes + 104, header->last_index);
    de_store_u32(bytes + 112, de_crc32c(0, bytes, 112));
}

static bool rest_is_zero(const uint8_t *bytes)
{
    uint8_t any = 0;

    for (size_t i = 116; i < DE_WAL_HEADER_BYTES; i++) {
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
        de_load_u32(bytes + 12) != de_crc32c(0, bytes, 12)) {
        return DENGINE_E_CORRUPT;
    }
    if (de_load_u32(bytes + 8) != DE_WAL_VERSION) {
        return DENGINE_E_VERSION;
    }
    if (de_load_u32(bytes + 112) != de_crc32c(0, bytes, 112) || !rest_is_zero(bytes)) {
        return DENGINE_E_CORRUPT;
    }
    header->sequence = de_load_u64(bytes + 16);
    header->cluster_id = de_load_u64(bytes + 24);
    header->node_id = de_load_u64(bytes + 32);
    header->first_group = de_load_u64(bytes + 40);
    header->previous_end = de_load_u64(bytes + 48);
    header->previous_crc = de_load_u32(bytes + 56);
    header->hard_state.term = de_load_u64(bytes + 64);
    header->hard_state.vote = de_load_u64(bytes + 72);
    header->hard_state.commit = de_load_u64(bytes + 80);
    header->base_index = de_load_u64(bytes + 88);
    header->base_term = de_load_u64(bytes + 96);
    header->last_index = de_load_u64(bytes + 104);
    return header->sequence > 0 && header->first_group > 0 &&
                   header->last_index >= header->base_index && header->last_index < UINT64_MAX / 2
               ? 0
               : DENGINE_E_CORRUPT;
}

/* A group has a thousand records: these compile to one store each. */
static inline void put_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)(value >> 16);
    at[3] = (uint8_t)(value >> 24);
}

void de_wal_record_encode(struct de_wal_record *record, uint32_t salt, uint8_t *bytes)
{
    DE_ASSERT(record->type >= DE_WAL_HARD_STATE && record->type <= DE_WAL_SYNCED);
    DE_ASSERT(record->group > 0);
    put_u32(bytes + 4, record->data_crc);
    put_u32(bytes + 8, record->length);
    bytes[12] = DE_WAL_VERSION;
    bytes[13] = record->type;
    bytes[14] = record->flags;
    bytes[15] = 0;
    put_u32(bytes + 16, (uint32_t)record->group);
    put_u32(bytes + 20, (uint32_t)(record->group >> 32));
    put_u32(bytes + 24, record->number);
    put_u32(bytes + 28, record->previous_crc);
    record->header_crc = de_crc32c(salt, bytes + 4, DE_WAL_RECORD_BYTES - 4);
    put_u32(bytes, record->header_crc);
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
