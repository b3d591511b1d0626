#include "runtime/libev/peer_frame.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/base/codec.h"
#include "proto/peer_codec.h"
#include "proto/wire.h"

enum { FRAME_HELLO = 1, FRAME_MESSAGE = 2 };
enum {
    HELLO_VERSION = 1,
    HELLO_CLUSTER = 2,
    HELLO_FROM = 3,
    HELLO_TO = 4,
    HELLO_CONFIG = 5,
    HELLO_ADDRESS = 6,
};

#define HELLO_HEAD_BYTES 47

/* A varint of two bytes, also where one would do: so every hello has the same form. */
static uint8_t *put_length(uint8_t *at, size_t length)
{
    DE_ASSERT(length < 1u << 14);
    at[0] = (uint8_t)(0x80 | (length & 0x7f));
    at[1] = (uint8_t)(length >> 7);
    return at + 2;
}

static uint8_t *put_fixed64(uint8_t *at, uint32_t field, uint64_t value)
{
    at = de_wire_put_tag(at, field, DE_WIRE_FIXED64);
    de_store_u64(at, value);
    return at + 8;
}

size_t de_peer_hello_encode(const struct de_peer_hello *hello,
                            uint8_t bytes[DE_PEER_HELLO_BYTES_MAX])
{
    uint8_t *at = bytes;

    DE_ASSERT(hello->address.size < DE_ADDRESS_BYTES);
    at = de_wire_put_tag(at, FRAME_HELLO, DE_WIRE_BYTES);
    at = put_length(at, HELLO_HEAD_BYTES - 3 + hello->address.size);
    at = de_wire_put_tag(at, HELLO_VERSION, DE_WIRE_FIXED32);
    de_store_u32(at, hello->version);
    at = put_fixed64(at + 4, HELLO_CLUSTER, hello->cluster_id);
    at = put_fixed64(at, HELLO_FROM, hello->from);
    at = put_fixed64(at, HELLO_TO, hello->to);
    at = put_fixed64(at, HELLO_CONFIG, hello->config_index);
    at = de_wire_put_tag(at, HELLO_ADDRESS, DE_WIRE_BYTES);
    at = put_length(at, hello->address.size);
    DE_ASSERT(at == bytes + HELLO_HEAD_BYTES);
    if (hello->address.size > 0) {
        memcpy(at, hello->address.data, hello->address.size);
    }
    return HELLO_HEAD_BYTES + hello->address.size;
}

grpc_slice de_peer_frame_part(const struct de_peer_message *message)
{
    size_t size = de_peer_encoded_size(message);
    size_t head = de_wire_tag_size(FRAME_MESSAGE) + de_wire_varint_size(size);
    grpc_slice slice = grpc_slice_malloc(head + size);
    uint8_t *at = GRPC_SLICE_START_PTR(slice);
    size_t written;

    at = de_wire_put_tag(at, FRAME_MESSAGE, DE_WIRE_BYTES);
    at = de_wire_put_varint(at, size);
    written = de_peer_encode(message, at);
    DE_ASSERT(written == size);
    return slice;
}

static int visit_hello(struct dengine_slice bytes, const struct de_peer_frame_visitor *visitor)
{
    struct de_peer_hello hello = {0};
    struct de_wire_reader reader;
    struct de_wire_field field;

    de_wire_reader_init(&reader, bytes);
    while (de_wire_next(&reader, &field)) {
        if (field.number == HELLO_VERSION && field.type == DE_WIRE_FIXED32) {
            hello.version = (uint32_t)field.value;
        } else if (field.number == HELLO_CLUSTER && field.type == DE_WIRE_FIXED64) {
            hello.cluster_id = field.value;
        } else if (field.number == HELLO_FROM && field.type == DE_WIRE_FIXED64) {
            hello.from = field.value;
        } else if (field.number == HELLO_TO && field.type == DE_WIRE_FIXED64) {
            hello.to = field.value;
        } else if (field.number == HELLO_CONFIG && field.type == DE_WIRE_FIXED64) {
            hello.config_index = field.value;
        } else if (field.number == HELLO_ADDRESS && field.type == DE_WIRE_BYTES) {
            hello.address = field.bytes;
        }
        /* Other fields are of a later version, which `version` tells. */
    }
    return reader.failed ? DENGINE_E_PROTOCOL : visitor->hello(visitor->context, &hello);
}

int de_peer_frame_visit(struct dengine_slice frame, const struct de_peer_frame_visitor *visitor)
{
    struct de_wire_reader reader;
    struct de_wire_field field;
    int err = 0;

    DE_ASSERT(visitor->hello != NULL && visitor->message != NULL);
    de_wire_reader_init(&reader, frame);
    while (err == 0 && de_wire_next(&reader, &field)) {
        if (field.number == FRAME_HELLO && field.type == DE_WIRE_BYTES) {
            err = visit_hello(field.bytes, visitor);
        } else if (field.number == FRAME_MESSAGE && field.type == DE_WIRE_BYTES) {
            err = visitor->message(visitor->context, field.bytes);
        } else {
            err = DENGINE_E_PROTOCOL;
        }
    }
    return err == 0 && reader.failed ? DENGINE_E_PROTOCOL : err;
}
