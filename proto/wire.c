#include "proto/wire.h"

#include "core/base/assert.h"
#include "core/base/codec.h"

/* Field numbers of protobuf end at 2^29 - 1. */
#define FIELD_NUMBER_MAX ((UINT32_C(1) << 29) - 1)

size_t de_wire_varint_size(uint64_t value)
{
    size_t size = 1;

    while (value >= 0x80) {
        value >>= 7;
        size++;
    }
    DE_ASSERT(size <= 10);
    return size;
}

uint8_t *de_wire_put_varint(uint8_t *at, uint64_t value)
{
    DE_ASSERT(at != NULL);
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

uint8_t *de_wire_put_tag(uint8_t *at, uint32_t number, enum de_wire_type type)
{
    DE_ASSERT(number > 0 && number <= FIELD_NUMBER_MAX);
    return de_wire_put_varint(at, (uint64_t)number << 3 | (uint64_t)type);
}

size_t de_wire_tag_size(uint32_t number)
{
    DE_ASSERT(number > 0 && number <= FIELD_NUMBER_MAX);
    return de_wire_varint_size((uint64_t)number << 3);
}

void de_wire_reader_init(struct de_wire_reader *reader, struct dengine_slice bytes)
{
    DE_ASSERT(reader != NULL);
    DE_ASSERT(bytes.data != NULL || bytes.size == 0);
    reader->at = bytes.data;
    reader->end = bytes.size > 0 ? reader->at + bytes.size : reader->at;
    reader->failed = false;
}

static uint64_t get_long_varint(struct de_wire_reader *reader)
{
    uint64_t value = 0;
    unsigned shift;

    for (shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        const uint8_t byte = *reader->at++;

        /* The tenth byte has room for one bit. */
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    reader->failed = true;
    return 0;
}

/* Most are tags and small numbers: one byte. */
static inline uint64_t get_varint(struct de_wire_reader *reader)
{
    if (reader->at < reader->end && *reader->at < 0x80) {
        return *reader->at++;
    }
    return get_long_varint(reader);
}

/* The next size bytes, or NULL when they are not all there. */
static const uint8_t *take(struct de_wire_reader *reader, uint64_t size)
{
    const uint8_t *at = reader->at;

    if (reader->failed || size > (uint64_t)(reader->end - reader->at)) {
        reader->failed = true;
        return NULL;
    }
    reader->at += size;
    return at;
}

static void get_value(struct de_wire_reader *reader, struct de_wire_field *field)
{
    const uint8_t *at = NULL;
    uint64_t size;

    switch (field->type) {
    case DE_WIRE_VARINT:
        field->value = get_varint(reader);
        break;
    case DE_WIRE_FIXED64:
        at = take(reader, 8);
        field->value = at != NULL ? de_load_u64(at) : 0;
        break;
    case DE_WIRE_FIXED32:
        at = take(reader, 4);
        field->value = at != NULL ? de_load_u32(at) : 0;
        break;
    case DE_WIRE_BYTES:
        size = get_varint(reader);
        at = take(reader, size);
        field->bytes.data = at;
        field->bytes.size = at != NULL ? (size_t)size : 0;
        break;
    default: /* groups, long gone from protobuf, and numbers that never meant anything */
        reader->failed = true;
        break;
    }
}

bool de_wire_next(struct de_wire_reader *reader, struct de_wire_field *field)
{
    uint64_t tag;

    DE_ASSERT(reader != NULL && field != NULL);
    DE_ASSERT(reader->at <= reader->end);
    if (reader->failed || reader->at == reader->end) {
        return false;
    }
    *field = (struct de_wire_field){0};
    tag = get_varint(reader);
    if (tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX) {
        reader->failed = true;
        return false;
    }
    field->number = (uint32_t)(tag >> 3);
    field->type = (uint32_t)(tag & 7);
    get_value(reader, field);
    return !reader->failed;
}
