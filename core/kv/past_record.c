/* Records of what batches did; see past.h. */
#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/kv/command.h"
#include "core/kv/past.h"

enum {
    FLAG_EXPIRED = 1,
    FLAG_PREVIOUS = 2,
    HEAD_BYTES = 40,
    TAIL_BYTES = 4,
};

DE_STATIC_ASSERT(DE_KV_USER_KEY_MAX <= UINT16_MAX, "the length of a key fits");

void de_kv_past_encode_header(const struct de_kv_past_header *header, uint8_t *bytes)
{
    DE_ASSERT(bytes != NULL);
    DE_ASSERT(header->last > 0);
    de_store_u32(bytes, DE_KV_PAST_VERSION);
    de_store_u32(bytes + 4, header->events);
    de_store_u64(bytes + 8, header->last);
}

int de_kv_past_decode_header(struct dengine_slice record, struct de_kv_past_header *header)
{
    const uint8_t *at = record.data;

    DE_ASSERT(header != NULL);
    DE_ASSERT(at != NULL || record.size == 0);
    memset(header, 0, sizeof *header);
    if (record.size < DE_KV_PAST_HEADER_BYTES) {
        return DENGINE_E_CORRUPT;
    }
    if (at[0] != DE_KV_PAST_VERSION) {
        return DENGINE_E_VERSION;
    }
    header->events = de_load_u32(at + 4);
    header->last = de_load_u64(at + 8);
    return de_load_u32(at) == DE_KV_PAST_VERSION && header->last > 0 ? 0 : DENGINE_E_CORRUPT;
}

size_t de_kv_past_event_bytes(const struct de_kv_event *event)
{
    DE_ASSERT(event->key.size >= 1 && event->key.size <= DE_KV_USER_KEY_MAX);
    DE_ASSERT_IMPLIES(!event->had_previous, event->previous.size == 0);
    return HEAD_BYTES + event->key.size + event->previous.size + TAIL_BYTES;
}

void de_kv_past_encode_event(const struct de_kv_event *event, uint8_t *bytes)
{
    const size_t size = de_kv_past_event_bytes(event);

    DE_ASSERT(bytes != NULL);
    DE_ASSERT(size <= UINT32_MAX);
    bytes[0] = (uint8_t)event->type;
    bytes[1] =
        (uint8_t)((event->expired ? FLAG_EXPIRED : 0) | (event->had_previous ? FLAG_PREVIOUS : 0));
    bytes[2] = (uint8_t)event->key.size;
    bytes[3] = (uint8_t)(event->key.size >> 8);
    de_store_u32(bytes + 4, (uint32_t)event->previous.size);
    de_store_u64(bytes + 8, event->revision);
    de_store_u64(bytes + 16, event->create_revision);
    de_store_u64(bytes + 24, event->version);
    de_store_u64(bytes + 32, event->lease);
    memcpy(bytes + HEAD_BYTES, event->key.data, event->key.size);
    if (event->previous.size > 0) {
        memcpy(bytes + HEAD_BYTES + event->key.size, event->previous.data, event->previous.size);
    }
    de_store_u32(bytes + size - TAIL_BYTES, (uint32_t)size);
}

/* What applying makes and nothing else. */
static bool makes_sense(const struct de_kv_event *event)
{
    const bool is_put = event->type == DE_KV_EVENT_PUT;

    DE_ASSERT(event->key.data != NULL);
    if (!is_put && event->type != DE_KV_EVENT_DELETE) {
        return false;
    }
    if (event->version == 0 || event->create_revision == 0 ||
        event->create_revision > event->revision) {
        return false;
    }
    if (is_put && (event->expired || event->had_previous != (event->version > 1))) {
        return false;
    }
    if (!is_put && (!event->had_previous || (event->expired && event->lease == 0))) {
        return false;
    }
    return event->had_previous || event->previous.size == 0;
}

int de_kv_past_decode_event(struct dengine_slice record, size_t *end, struct de_kv_event *event)
{
    const uint8_t *at = record.data;
    size_t size;
    size_t key_size;

    DE_ASSERT(record.size >= DE_KV_PAST_HEADER_BYTES);
    DE_ASSERT(*end >= DE_KV_PAST_HEADER_BYTES && *end <= record.size);
    memset(event, 0, sizeof *event);
    if (*end == DE_KV_PAST_HEADER_BYTES) {
        return DENGINE_E_NOT_FOUND;
    }
    size = *end - DE_KV_PAST_HEADER_BYTES >= HEAD_BYTES + TAIL_BYTES
               ? de_load_u32(at + *end - TAIL_BYTES)
               : 0;
    if (size < HEAD_BYTES + TAIL_BYTES || size > *end - DE_KV_PAST_HEADER_BYTES) {
        return DENGINE_E_CORRUPT;
    }
    *end -= size;
    at += *end;
    key_size = (size_t)at[2] | (size_t)at[3] << 8;
    event->type = at[0];
    event->expired = (at[1] & FLAG_EXPIRED) != 0;
    event->had_previous = (at[1] & FLAG_PREVIOUS) != 0;
    event->revision = de_load_u64(at + 8);
    event->create_revision = de_load_u64(at + 16);
    event->version = de_load_u64(at + 24);
    event->lease = de_load_u64(at + 32);
    event->key = dengine_bytes(at + HEAD_BYTES, key_size);
    event->previous = dengine_bytes(at + HEAD_BYTES + key_size, de_load_u32(at + 4));
    if (at[1] >= FLAG_PREVIOUS * 2 || key_size == 0 || key_size > DE_KV_USER_KEY_MAX ||
        size - HEAD_BYTES - TAIL_BYTES < key_size ||
        size - HEAD_BYTES - TAIL_BYTES - key_size != event->previous.size || !makes_sense(event)) {
        return DENGINE_E_CORRUPT;
    }
    return 0;
}
