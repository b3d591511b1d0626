/* proto/peer_fields.h - the fields of proto/dengine_peer.proto, for peer_encode.c and
 * peer_decode.c.
 *
 *   order   field                       wire type
 *       1    1 version                  varint, always there
 *       2    2..13, 16..22, 24..27,     varint or 8 bytes; left out when 0
 *            29..32
 *       3   28 chunk                    bytes, left out when empty; only in CHUNK
 *       4   14 entries                  bytes: Entry, once per entry, in order
 *       5   15 checksum                 4 bytes, CRC-32C of everything before its tag
 *
 * The decoder takes the fields between version and checksum in any order. */
#ifndef DE_PROTO_PEER_FIELDS_H
#define DE_PROTO_PEER_FIELDS_H

#include "core/base/assert.h"
#include "proto/peer_codec.h"
#include "proto/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

enum de_peer_field {
    DE_PEER_VERSION = 1,
    DE_PEER_ENTRIES = 14,
    DE_PEER_CHECKSUM = 15,
    DE_PEER_CHUNK = 28,
    DE_PEER_ENTRY_TERM = 1,
    DE_PEER_ENTRY_TYPE = 2,
    DE_PEER_ENTRY_DATA = 3,
};

#define DE_PEER_VERSION_BYTES  2 /* tag, and a version below 128 */
#define DE_PEER_CHECKSUM_BYTES 5 /* tag, and 4 bytes */
#define DE_PEER_CHECKSUM_TAG   ((unsigned)DE_PEER_CHECKSUM << 3 | (unsigned)DE_WIRE_FIXED32)

DE_STATIC_ASSERT(DE_PEER_PROTOCOL_VERSION < 128, "the version is one byte");
DE_STATIC_ASSERT(DE_PEER_CHECKSUM_TAG < 128, "the tag of the checksum is one byte");

/* A member of struct de_peer_message that is a single number. */
enum de_peer_scalar_kind {
    DE_PEER_U32 = 1, /* uint32_t, varint */
    DE_PEER_U64,     /* uint64_t, varint */
    DE_PEER_FIXED64, /* uint64_t, 8 bytes: random ids and clocks are shorter that way */
    DE_PEER_BOOL,    /* bool, varint */
};

struct de_peer_scalar {
    uint32_t number;
    enum de_peer_scalar_kind kind;
    size_t offset;
};

#define DE_PEER_SCALARS 27

/* Ascending by number. */
extern const struct de_peer_scalar de_peer_scalars[DE_PEER_SCALARS];

#ifdef __cplusplus
}
#endif

#endif
