#include "proto/peer_codec.h"

#include <string.h>

#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "proto/peer_fields.h"

static uint64_t scalar_get(const struct de_peer_message *message,
                           const struct de_peer_scalar *scalar)
{
    const char *at = (const char *)message + scalar->offset;
    uint64_t value = 0;
    uint32_t small;
    bool flag;

    switch (scalar->kind) {
    case DE_PEER_BOOL:
        memcpy(&flag, at, sizeof flag);
        value = flag ? 1 : 0;
        break;
    case DE_PEER_U32:
        memcpy(&small, at, sizeof small);
        value = small;
        break;
    case DE_PEER_U64:
    case DE_PEER_FIXED64:
        memcpy(&value, at, sizeof value);
        break;
    }
    return value;
}

/* A varint field that is left out when 0. */
static size_t number_size(uint32_t number, uint64_t value)
{
    return value == 0 ? 0 : de_wire_tag_size(number) + de_wire_varint_size(value);
}

static uint8_t *put_number(uint8_t *at, uint32_t number, uint64_t value)
{
    if (value == 0) {
        return at;
    }
    return de_wire_put_varint(de_wire_put_tag(at, number, DE_WIRE_VARINT), value);
}

static uint8_t *put_length(uint8_t *at, uint32_t number, size_t size)
{
    return de_wire_put_varint(de_wire_put_tag(at, number, DE_WIRE_BYTES), size);
}

static uint8_t *put_bytes(uint8_t *at, uint32_t number, struct dengine_slice bytes)
{
    at = put_length(at, number, bytes.size);
    memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

/* A field of type bytes with size bytes inside. */
static size_t bytes_size(uint32_t number, size_t size)
{
    return de_wire_tag_size(number) + de_wire_varint_size(size) + size;
}

static size_t entry_size(const struct dengine_entry *entry)
{
    size_t size =
        number_size(DE_PEER_ENTRY_TERM, entry->term) + number_size(DE_PEER_ENTRY_TYPE, entry->type);

    return entry->data.size == 0 ? size : size + bytes_size(DE_PEER_ENTRY_DATA, entry->data.size);
}

static uint8_t *put_entry(uint8_t *at, const struct dengine_entry *entry)
{
    at = put_length(at, DE_PEER_ENTRIES, entry_size(entry));
    at = put_number(at, DE_PEER_ENTRY_TERM, entry->term);
    at = put_number(at, DE_PEER_ENTRY_TYPE, entry->type);
    return entry->data.size > 0 ? put_bytes(at, DE_PEER_ENTRY_DATA, entry->data) : at;
}

size_t de_peer_encoded_size(const struct de_peer_message *message)
{
    size_t size = DE_PEER_VERSION_BYTES + DE_PEER_CHECKSUM_BYTES;
    size_t i;

    DE_ASSERT(message != NULL);
    DE_ASSERT(de_peer_message_check(message));
    for (i = 0; i < DE_PEER_SCALARS; i++) {
        const uint64_t value = scalar_get(message, &de_peer_scalars[i]);

        if (de_peer_scalars[i].kind == DE_PEER_FIXED64) {
            size += value == 0 ? 0 : de_wire_tag_size(de_peer_scalars[i].number) + 8;
        } else {
            size += number_size(de_peer_scalars[i].number, value);
        }
    }
    if (message->chunk.data.size > 0) {
        size += bytes_size(DE_PEER_CHUNK, message->chunk.data.size);
    }
    for (i = 0; i < message->raft.entry_count; i++) {
        size += bytes_size(DE_PEER_ENTRIES, entry_size(&message->entries[i]));
    }
    return size;
}

static uint8_t *put_scalar(uint8_t *at, const struct de_peer_message *message,
                           const struct de_peer_scalar *scalar)
{
    const uint64_t value = scalar_get(message, scalar);

    if (scalar->kind != DE_PEER_FIXED64) {
        return put_number(at, scalar->number, value);
    }
    if (value != 0) {
        at = de_wire_put_tag(at, scalar->number, DE_WIRE_FIXED64);
        de_store_u64(at, value);
        at += 8;
    }
    return at;
}

size_t de_peer_encode(const struct de_peer_message *message, void *buffer)
{
    uint8_t *const start = buffer;
    uint8_t *at = start;
    uint32_t crc;
    size_t i;

    DE_ASSERT(message != NULL && buffer != NULL);
    DE_ASSERT(de_peer_message_check(message));
    at = put_number(at, DE_PEER_VERSION, DE_PEER_PROTOCOL_VERSION);
    for (i = 0; i < DE_PEER_SCALARS; i++) {
        at = put_scalar(at, message, &de_peer_scalars[i]);
    }
    if (message->chunk.data.size > 0) {
        at = put_bytes(at, DE_PEER_CHUNK, message->chunk.data);
    }
    for (i = 0; i < message->raft.entry_count; i++) {
        at = put_entry(at, &message->entries[i]);
    }
    crc = de_crc32c(0, start, (size_t)(at - start));
    at = de_wire_put_tag(at, DE_PEER_CHECKSUM, DE_WIRE_FIXED32);
    de_store_u32(at, crc);
    at += 4;
    return (size_t)(at - start);
}
