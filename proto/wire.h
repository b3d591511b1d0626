/* proto/wire.h - the protobuf wire format, as much of it as a hand-written codec needs.
 *
 * A message is a run of fields. Each starts with a tag, the varint (number << 3 | wire type):
 *
 *   wire type   what follows
 *           0   a varint: 7 bits a byte, low ones first, the top bit says that more follow
 *           1   8 bytes, little-endian
 *           2   a varint length, then that many bytes
 *           5   4 bytes, little-endian
 *
 * Writing goes into memory of known size: ask for the size first. Reading is bounds-checked and
 * remembers failure. Threads: no shared state. */
#ifndef DE_PROTO_WIRE_H
#define DE_PROTO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dengine/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum de_wire_type {
    DE_WIRE_VARINT = 0,
    DE_WIRE_FIXED64 = 1,
    DE_WIRE_BYTES = 2,
    DE_WIRE_FIXED32 = 5,
};

/* Bytes that value takes as a varint, 1..10. */
size_t de_wire_varint_size(uint64_t value);

/* Writes value as a varint; returns the byte after it. */
uint8_t *de_wire_put_varint(uint8_t *at, uint64_t value);

/* Writes the tag of a field; returns the byte after it. */
uint8_t *de_wire_put_tag(uint8_t *at, uint32_t number, enum de_wire_type type);

/* Bytes that the tag of field number takes. */
size_t de_wire_tag_size(uint32_t number);

/* One field as read: value for the number types, bytes (borrowed from the input) for BYTES. */
struct de_wire_field {
    uint32_t number;
    uint32_t type; /* enum de_wire_type */
    uint64_t value;
    struct dengine_slice bytes;
};

struct de_wire_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed; /* the input is not a run of fields */
};

/* Borrows bytes until the reader is no longer used. */
void de_wire_reader_init(struct de_wire_reader *reader, struct dengine_slice bytes);

/* Reads the next field. False at the end of the input, and when the input is broken: then
 * reader->failed is set. */
bool de_wire_next(struct de_wire_reader *reader, struct de_wire_field *field);

#ifdef __cplusplus
}
#endif

#endif
