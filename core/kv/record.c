#include "core/kv/record.h"

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "core/kv/command.h"

static const uint8_t state_key[] = {DE_KV_SPACE_META, 's', 't', 'a', 't', 'e'};
static const uint8_t state_magic[4] = {'D', 'E', 'K', 'V'};

enum {
    STATE_CRC_OFFSET = 56,
    STATE_2_CRC_OFFSET = 48,
};

DE_STATIC_ASSERT(2 + 8 + DE_KV_USER_KEY_MAX <= DENGINE_KV_KEY_MAX, "what stands before a key");
DE_STATIC_ASSERT(STATE_CRC_OFFSET + 4 == DE_KV_STATE_BYTES, "the CRC comes last");

struct dengine_slice de_kv_state_key(void)
{
    return dengine_bytes(state_key, sizeof state_key);
}

struct dengine_slice de_kv_user_key(struct dengine_slice key, uint8_t *buffer)
{
    DE_ASSERT(key.size <= DE_KV_USER_KEY_MAX);
    DE_ASSERT(key.data != NULL || key.size == 0);
    buffer[0] = DE_KV_SPACE_USER;
    if (key.size > 0) {
        memcpy(buffer + 1, key.data, key.size);
    }
    return dengine_bytes(buffer, key.size + 1);
}

void de_kv_record_encode_header(const struct de_kv_record *record, uint8_t *header)
{
    DE_ASSERT(record->version >= 1);
    DE_ASSERT(record->create_revision <= record->mod_revision);
    memset(header, 0, DE_KV_RECORD_HEADER_BYTES);
    header[0] = DE_KV_RECORD_VERSION;
    de_store_u64(header + 8, record->create_revision);
    de_store_u64(header + 16, record->mod_revision);
    de_store_u64(header + 24, record->version);
    de_store_u64(header + 32, record->lease);
}

int de_kv_record_decode(struct dengine_slice bytes, struct de_kv_record *record)
{
    const uint8_t *at = bytes.data;

    DE_ASSERT(record != NULL);
    DE_ASSERT(at != NULL || bytes.size == 0);
    if (bytes.size < DE_KV_RECORD_HEADER_BYTES) {
        memset(record, 0, sizeof *record);
        return DENGINE_E_CORRUPT;
    }
    record->create_revision = de_load_u64(at + 8);
    record->mod_revision = de_load_u64(at + 16);
    record->version = de_load_u64(at + 24);
    record->lease = de_load_u64(at + 32);
    record->value =
        dengine_bytes(at + DE_KV_RECORD_HEADER_BYTES, bytes.size - DE_KV_RECORD_HEADER_BYTES);
    /* The version of the format with seven zeros behind it, in one comparison: every key of every
     * scan comes through here. */
    if (de_load_u64(at) == DE_KV_RECORD_VERSION && record->version != 0 &&
        record->create_revision <= record->mod_revision) {
        return 0;
    }
    memset(record, 0, sizeof *record);
    return at[0] != DE_KV_RECORD_VERSION ? DENGINE_E_VERSION : DENGINE_E_CORRUPT;
}

void de_kv_state_encode(const struct de_kv_mark *mark, uint8_t *bytes)
{
    DE_ASSERT(bytes != NULL);
    DE_ASSERT(mark->index > 0 && mark->term > 0); /* no entry is of term 0 */
    DE_ASSERT(mark->leases <= mark->last_lease && mark->sessions <= mark->leases);
    memcpy(bytes, state_magic, sizeof state_magic);
    de_store_u32(bytes + 4, DE_KV_FORMAT_VERSION);
    de_store_u64(bytes + 8, mark->index);
    de_store_u64(bytes + 16, mark->term);
    de_store_u64(bytes + 24, mark->time_ns);
    de_store_u64(bytes + 32, mark->last_lease);
    de_store_u64(bytes + 40, mark->leases);
    de_store_u64(bytes + 48, mark->sessions);
    de_store_u32(bytes + STATE_CRC_OFFSET, de_crc32c(0, bytes, STATE_CRC_OFFSET));
}

/* What all formats have in common, up to the checksum at crc_offset. */
static int decode_state(struct dengine_slice bytes, uint32_t version, size_t crc_offset,
                        struct de_kv_mark *mark)
{
    const uint8_t *at = bytes.data;

    DE_ASSERT(mark != NULL);
    DE_ASSERT(at != NULL || bytes.size == 0);
    memset(mark, 0, sizeof *mark);
    if (bytes.size < 8 || memcmp(at, state_magic, sizeof state_magic) != 0) {
        return DENGINE_E_CORRUPT;
    }
    if (de_load_u32(at + 4) != version) {
        return DENGINE_E_VERSION;
    }
    if (bytes.size != crc_offset + 4 ||
        de_load_u32(at + crc_offset) != de_crc32c(0, at, crc_offset)) {
        return DENGINE_E_CORRUPT;
    }
    mark->index = de_load_u64(at + 8);
    mark->term = de_load_u64(at + 16);
    mark->time_ns = de_load_u64(at + 24);
    mark->last_lease = de_load_u64(at + 32);
    mark->leases = de_load_u64(at + 40);
    /* No entry has such numbers; leases are numbered from 1. */
    return mark->index > 0 && mark->term > 0 && mark->leases <= mark->last_lease
               ? 0
               : DENGINE_E_CORRUPT;
}

int de_kv_state_decode(struct dengine_slice bytes, struct de_kv_mark *mark)
{
    const int rc = decode_state(bytes, DE_KV_FORMAT_VERSION, STATE_CRC_OFFSET, mark);

    DE_ASSERT(rc <= 0);
    if (rc != 0) {
        return rc;
    }
    mark->sessions = de_load_u64((const uint8_t *)bytes.data + 48);
    DE_ASSERT(mark->index > 0);
    return mark->sessions <= mark->leases ? 0 : DENGINE_E_CORRUPT;
}

int de_kv_state_decode_2(struct dengine_slice bytes, struct de_kv_mark *mark)
{
    const int rc = decode_state(bytes, 2, STATE_2_CRC_OFFSET, mark);

    DE_ASSERT(rc <= 0);
    DE_ASSERT(mark->sessions == 0);
    return rc;
}

bool de_kv_state_is_older(struct dengine_slice bytes)
{
    const uint8_t *at = bytes.data;

    DE_ASSERT(at != NULL || bytes.size == 0);
    DE_ASSERT(DE_KV_FORMAT_VERSION >= 2); /* else there is none */
    return bytes.size >= 8 && memcmp(at, state_magic, sizeof state_magic) == 0 &&
           de_load_u32(at + 4) >= 1 && de_load_u32(at + 4) < DE_KV_FORMAT_VERSION;
}

bool de_kv_is_state_key(struct dengine_slice key)
{
    DE_ASSERT(key.data != NULL);
    DE_ASSERT(key.size > 0);
    return key.size == sizeof state_key && memcmp(key.data, state_key, sizeof state_key) == 0;
}

int de_kv_pair_check(struct dengine_slice key, struct dengine_slice value)
{
    const uint8_t *at = key.data;

    DE_ASSERT(at != NULL && key.size > 0);
    DE_ASSERT(!de_kv_is_state_key(key));
    if (at[0] == DE_KV_SPACE_USER && key.size > 1) {
        struct de_kv_record record;

        return de_kv_record_decode(value, &record);
    }
    return de_kv_own_pair_check(key, value);
}
