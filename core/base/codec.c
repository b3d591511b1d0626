#include "core/base/codec.h"

#include <string.h>

#include "core/base/assert.h"

DE_STATIC_ASSERT(SIZE_MAX >= UINT32_MAX, "a slice's length fits into a size_t");

void de_writer_init(struct de_writer *writer, void *buffer, size_t capacity)
{
    DE_ASSERT(writer != NULL);
    DE_ASSERT(buffer != NULL || capacity == 0);
    writer->data = buffer;
    writer->size = 0;
    writer->capacity = capacity;
    writer->failed = false;
}

/* Room for size more bytes, taken; NULL when it is not there (then the writer has failed). */
static uint8_t *reserve(struct de_writer *writer, size_t size)
{
    uint8_t *at;

    DE_ASSERT(writer != NULL);
    DE_ASSERT(writer->size <= writer->capacity);
    DE_ASSERT(writer->data != NULL || writer->capacity == 0);
    if (writer->failed || size > writer->capacity - writer->size) {
        writer->failed = true;
        return NULL;
    }
    at = writer->data + writer->size;
    writer->size += size;
    DE_ASSERT(writer->size <= writer->capacity);
    return at;
}

void de_write_u8(struct de_writer *writer, uint8_t value)
{
    uint8_t *at = reserve(writer, sizeof value);

    DE_ASSERT(at != NULL || writer->failed);
    if (at != NULL) {
        *at = value;
    }
}

void de_write_u16(struct de_writer *writer, uint16_t value)
{
    uint8_t *at = reserve(writer, sizeof value);

    DE_ASSERT(at != NULL || writer->failed);
    if (at != NULL) {
        at[0] = (uint8_t)value;
        at[1] = (uint8_t)(value >> 8);
    }
}

void de_write_u32(struct de_writer *writer, uint32_t value)
{
    uint8_t *at = reserve(writer, sizeof value);

    DE_ASSERT(at != NULL || writer->failed);
    if (at != NULL) {
        de_store_u32(at, value);
    }
}

void de_write_u64(struct de_writer *writer, uint64_t value)
{
    uint8_t *at = reserve(writer, sizeof value);

    DE_ASSERT(at != NULL || writer->failed);
    if (at != NULL) {
        de_store_u64(at, value);
    }
}

void de_write_bytes(struct de_writer *writer, const void *data, size_t size)
{
    DE_ASSERT(writer != NULL);
    DE_ASSERT(data != NULL || size == 0);
    if (size > 0) {
        uint8_t *at = reserve(writer, size);

        if (at != NULL) {
            memcpy(at, data, size);
        }
    }
}

void de_write_slice(struct de_writer *writer, struct dengine_slice slice)
{
    DE_ASSERT(writer != NULL);
    DE_ASSERT(slice.data != NULL || slice.size == 0);
    if (slice.size > UINT32_MAX) {
        writer->failed = true;
        return;
    }
    de_write_u32(writer, (uint32_t)slice.size);
    de_write_bytes(writer, slice.data, slice.size);
}

void de_reader_init(struct de_reader *reader, const void *data, size_t size)
{
    DE_ASSERT(reader != NULL);
    DE_ASSERT(data != NULL || size == 0);
    reader->data = data;
    reader->size = size;
    reader->position = 0;
    reader->failed = false;
}

size_t de_reader_left(const struct de_reader *reader)
{
    DE_ASSERT(reader != NULL);
    DE_ASSERT(reader->position <= reader->size);
    return reader->failed ? 0 : reader->size - reader->position;
}

/* The next size bytes, size > 0; NULL when they are not there (then the reader has failed). */
static const uint8_t *take(struct de_reader *reader, size_t size)
{
    const uint8_t *at;

    DE_ASSERT(size > 0);
    DE_ASSERT(reader->data != NULL || reader->size == 0);
    if (size > de_reader_left(reader)) {
        reader->failed = true;
        return NULL;
    }
    at = reader->data + reader->position;
    reader->position += size;
    DE_ASSERT(reader->position <= reader->size);
    return at;
}

uint8_t de_read_u8(struct de_reader *reader)
{
    const uint8_t *at = take(reader, 1);

    DE_ASSERT(at != NULL || reader->failed);
    return at != NULL ? *at : 0;
}

uint16_t de_read_u16(struct de_reader *reader)
{
    const uint8_t *at = take(reader, 2);

    DE_ASSERT(at != NULL || reader->failed);
    if (at == NULL) {
        return 0;
    }
    return (uint16_t)(at[0] | at[1] << 8);
}

uint32_t de_read_u32(struct de_reader *reader)
{
    const uint8_t *at = take(reader, 4);

    DE_ASSERT(at != NULL || reader->failed);
    return at != NULL ? de_load_u32(at) : 0;
}

uint64_t de_read_u64(struct de_reader *reader)
{
    const uint8_t *at = take(reader, 8);

    DE_ASSERT(at != NULL || reader->failed);
    return at != NULL ? de_load_u64(at) : 0;
}

const uint8_t *de_read_bytes(struct de_reader *reader, size_t size)
{
    /* What no bytes point at, so that NULL always means failure, an empty input included. */
    static const uint8_t nothing[1] = {0};

    DE_ASSERT(reader != NULL);
    DE_ASSERT(reader->position <= reader->size);
    if (size == 0) {
        return reader->failed ? NULL : nothing;
    }
    return take(reader, size);
}

struct dengine_slice de_read_slice(struct de_reader *reader)
{
    struct dengine_slice slice = {NULL, 0};
    const size_t size = de_read_u32(reader);

    slice.data = de_read_bytes(reader, size);
    slice.size = slice.data != NULL ? size : 0;
    DE_ASSERT(slice.data != NULL || reader->failed);
    DE_ASSERT(!reader->failed || slice.size == 0);
    return slice;
}
