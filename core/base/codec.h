/* core/base/codec.h - bounds-checked little-endian writing and reading of byte strings.
 *
 * Both sides remember failure: after the first write past the end, or read past it, everything
 * later is ignored (reads give 0), and one look at `failed` at the end decides. So a parser reads
 * straight down and cannot run off its input. */
#ifndef DE_CORE_BASE_CODEC_H
#define DE_CORE_BASE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dengine/types.h>

#include "core/base/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes into a caller's buffer of fixed capacity. */
struct de_writer {
    uint8_t *data;
    size_t size;     /* bytes written so far */
    size_t capacity; /* bytes there is room for */
    bool failed;     /* something did not fit */
};

void de_writer_init(struct de_writer *writer, void *buffer, size_t capacity);
void de_write_u8(struct de_writer *writer, uint8_t value);
void de_write_u16(struct de_writer *writer, uint16_t value);
void de_write_u32(struct de_writer *writer, uint32_t value);
void de_write_u64(struct de_writer *writer, uint64_t value);
/* Raw bytes, no length in front. */
void de_write_bytes(struct de_writer *writer, const void *data, size_t size);
/* A u32 length, then the bytes. Fails when there are more than UINT32_MAX of them. */
void de_write_slice(struct de_writer *writer, struct dengine_slice slice);

/* Reads from a caller's buffer; what it returns borrows from that buffer. */
struct de_reader {
    const uint8_t *data;
    size_t size;     /* bytes in all */
    size_t position; /* bytes read so far */
    bool failed;     /* something was missing */
};

void de_reader_init(struct de_reader *reader, const void *data, size_t size);
uint8_t de_read_u8(struct de_reader *reader);
uint16_t de_read_u16(struct de_reader *reader);
uint32_t de_read_u32(struct de_reader *reader);
uint64_t de_read_u64(struct de_reader *reader);
/* size bytes, borrowed; NULL when they are not all there (never for 0 bytes of a good reader). */
const uint8_t *de_read_bytes(struct de_reader *reader, size_t size);
/* A u32 length, then that many bytes, borrowed; empty after a failure. */
struct dengine_slice de_read_slice(struct de_reader *reader);
/* Bytes not read yet; 0 after a failure. */
size_t de_reader_left(const struct de_reader *reader);

/* Fixed-offset access for records with an offset table; the caller knows that the bytes exist. */
static inline uint32_t de_load_u32(const uint8_t *at)
{
    DE_ASSERT(at != NULL);
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t de_load_u64(const uint8_t *at)
{
    DE_ASSERT(at != NULL);
    return (uint64_t)de_load_u32(at) | (uint64_t)de_load_u32(at + 4) << 32;
}

static inline void de_store_u32(uint8_t *at, uint32_t value)
{
    DE_ASSERT(at != NULL);
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)(value >> 16);
    at[3] = (uint8_t)(value >> 24);
}

static inline void de_store_u64(uint8_t *at, uint64_t value)
{
    DE_ASSERT(at != NULL);
    de_store_u32(at, (uint32_t)value);
    de_store_u32(at + 4, (uint32_t)(value >> 32));
}

#ifdef __cplusplus
}
#endif

#endif
