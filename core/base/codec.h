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
/* A u32 length, then the bytes. */
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
/* size bytes, borrowed; NULL when they are not all there. */
const uint8_t *de_read_bytes(struct de_reader *reader, size_t size);
/* A u32 length, then that many bytes, borrowed; empty after a failure. */
struct dengine_slice de_read_slice(struct de_reader *reader);
/* Bytes not read yet; 0 after a failure. */
size_t de_reader_left(const struct de_reader *reader);

/* Fixed-offset access for records with an offset table. */
uint32_t de_load_u32(const uint8_t *at);
uint64_t de_load_u64(const uint8_t *at);
void de_store_u32(uint8_t *at, uint32_t value);
void de_store_u64(uint8_t *at, uint64_t value);

#ifdef __cplusplus
}
#endif

#endif
