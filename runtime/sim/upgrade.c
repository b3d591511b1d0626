#include "runtime/sim/upgrade.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "core/kv/record.h"
#include "core/kv/stream.h"
#include "proto/peer_codec.h"
#include "runtime/sim/memory.h"

#define BEFORE_VERSION    2u
#define BEFORE_CRC_OFFSET 48u
#define BEFORE_BYTES      (BEFORE_CRC_OFFSET + 4)

/* A message begins with the tag of its version, and ends in four bytes of checksum behind a tag. */
#define MESSAGE_VERSION_AT     1u
#define MESSAGE_CHECKSUM_BYTES 4u

DE_STATIC_ASSERT(DE_KV_FORMAT_VERSION == BEFORE_VERSION + 1, "the version before is the one here");

void de_upgrade_stream_add(struct de_upgrade_stream *stream, struct dengine_slice bytes)
{
    if (stream->capacity - stream->size < bytes.size) {
        stream->capacity = 2 * stream->capacity + bytes.size;
        stream->bytes = de_sim_resize(stream->bytes, stream->capacity);
    }
    if (bytes.size > 0) {
        memcpy(stream->bytes + stream->size, bytes.data, bytes.size);
        stream->size += bytes.size;
    }
}

void de_upgrade_stream_deinit(struct de_upgrade_stream *stream)
{
    de_sim_free(stream->bytes);
    *stream = (struct de_upgrade_stream){0};
}

/* "\0state" as format 2 had it. */
static void age_state(struct dengine_slice now, uint8_t before[BEFORE_BYTES])
{
    struct de_kv_mark mark;
    const int err = de_kv_state_decode(now, &mark);

    DE_ASSERT(err == 0 && now.size > BEFORE_CRC_OFFSET);
    memcpy(before, now.data, BEFORE_CRC_OFFSET);
    de_store_u32(before + 4, BEFORE_VERSION);
    de_store_u32(before + BEFORE_CRC_OFFSET, de_crc32c(0, before, BEFORE_CRC_OFFSET));
}

static void add_lengths(struct de_upgrade_stream *stream, struct dengine_slice key,
                        struct dengine_slice value)
{
    uint8_t lengths[DE_KV_STREAM_LENGTHS_BYTES];
    struct de_writer writer;

    de_writer_init(&writer, lengths, sizeof(lengths));
    de_write_u16(&writer, (uint16_t)key.size);
    de_write_u32(&writer, (uint32_t)value.size);
    DE_ASSERT(!writer.failed && writer.size == sizeof(lengths));
    de_upgrade_stream_add(stream, dengine_bytes(lengths, sizeof(lengths)));
}

/* Copies the next record, or the end; false: that was the end. */
static bool age_record(struct de_reader *reader, struct de_upgrade_stream *stream)
{
    uint8_t before[BEFORE_BYTES];
    struct dengine_slice value;
    struct dengine_slice key;

    key.size = de_read_u16(reader);
    value.size = de_read_u32(reader);
    key.data = de_read_bytes(reader, key.size);
    value.data = de_read_bytes(reader, value.size);
    DE_ASSERT(!reader->failed);
    if (key.size > 0 && de_kv_is_state_key(key)) {
        age_state(value, before);
        value = dengine_bytes(before, sizeof(before));
    }
    add_lengths(stream, key, value);
    de_upgrade_stream_add(stream, key);
    de_upgrade_stream_add(stream, value);
    return key.size > 0;
}

void de_upgrade_stream_age(struct de_upgrade_stream *stream)
{
    struct de_upgrade_stream aged = {0};
    struct de_reader reader;

    de_reader_init(&reader, stream->bytes, stream->size);
    de_upgrade_stream_add(&aged, dengine_bytes(de_read_bytes(&reader, DE_KV_STREAM_HEADER_BYTES),
                                               DE_KV_STREAM_HEADER_BYTES));
    while (age_record(&reader, &aged)) {
    }
    de_upgrade_stream_add(&aged, dengine_bytes(de_read_bytes(&reader, DE_KV_STREAM_COUNT_BYTES),
                                               DE_KV_STREAM_COUNT_BYTES));
    DE_ASSERT(!reader.failed && de_reader_left(&reader) == 0);
    de_upgrade_stream_deinit(stream);
    *stream = aged;
}

void de_upgrade_store_age(struct dengine_kv_store store)
{
    uint8_t before[BEFORE_BYTES];
    struct dengine_slice value;
    int err = store.ops->begin(store.object);

    DE_ASSERT(err == 0);
    err = store.ops->get(store.object, de_kv_state_key(), &value);
    if (err == DENGINE_E_NOT_FOUND) {
        store.ops->abort(store.object);
        return;
    }
    DE_ASSERT(err == 0);
    age_state(value, before);
    err = store.ops->put(store.object, de_kv_state_key(), dengine_bytes(before, sizeof(before)));
    DE_ASSERT(err == 0);
    err = store.ops->commit(store.object);
    DE_ASSERT(err == 0);
}

void de_upgrade_message_renew(uint8_t *bytes, size_t size)
{
    const size_t checksum_at = size - MESSAGE_CHECKSUM_BYTES;

    DE_ASSERT(size > MESSAGE_VERSION_AT + 1 + MESSAGE_CHECKSUM_BYTES);
    DE_ASSERT(bytes[MESSAGE_VERSION_AT] == DE_PEER_PROTOCOL_VERSION);
    bytes[MESSAGE_VERSION_AT] = DE_PEER_PROTOCOL_VERSION + 1;
    de_store_u32(bytes + checksum_at, de_crc32c(0, bytes, checksum_at - 1));
}

bool de_upgrade_message_is_new(struct dengine_slice bytes)
{
    const uint8_t *at = bytes.data;

    return bytes.size > MESSAGE_VERSION_AT &&
           at[MESSAGE_VERSION_AT] == DE_PEER_PROTOCOL_VERSION + 1;
}
