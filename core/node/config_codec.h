/* core/node/config_codec.h - the payload of a CONFIG entry, and the configuration in a snapshot.
 *
 * Little-endian, version 2:
 *
 *   offset  size  what
 *        0     1  version, 2
 *        1     3  reserved, 0
 *        4     4  number of members, 0 .. DE_RAFT_MEMBERS_MAX
 *        8     8  highest id that was ever a member's; not below any in the list
 *       16     -  for each member, ascending by id:
 *                   u64 id, never 0
 *                   u32 flags, enum de_raft_member_flag
 *                   u32 length of more about the member, 0 .. DE_CONFIG_MORE_MAX, and that many
 *                   bytes: u8 length and bytes of the peer address, the same of the client
 *                   address, then what later versions may add, which is skipped
 *
 * Version 1 had no highest id (the list began at 8, and the highest of the list counts) and nothing
 * about a member that was known, so all of it is skipped.
 *
 * An address holds no byte 0. Nothing may follow. The bound is DE_CONFIG_BYTES_MAX. */
#ifndef DE_CORE_NODE_CONFIG_CODEC_H
#define DE_CORE_NODE_CONFIG_CODEC_H

#include "core/node/membership.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_CONFIG_VERSION      2
#define DE_CONFIG_HEADER_BYTES 16
#define DE_CONFIG_MEMBER_BYTES 16
#define DE_CONFIG_MORE_MAX     1024
/* What de_config_encode writes at most: for one more member, and in all. */
#define DE_CONFIG_MEMBER_BYTES_MAX (DE_CONFIG_MEMBER_BYTES + 2 * DE_ADDRESS_BYTES)
#define DE_CONFIG_BYTES_MAX                                                                        \
    (DE_CONFIG_HEADER_BYTES + DE_RAFT_MEMBERS_MAX * DE_CONFIG_MEMBER_BYTES_MAX)

/* Bytes that de_config_encode writes for this membership. */
size_t de_config_size(const struct de_membership *membership);

/* Writes into a buffer of capacity >= de_config_size() bytes; returns how many. */
size_t de_config_encode(const struct de_membership *membership, void *buffer, size_t capacity);

/* VERSION, or PROTOCOL when payload is not a configuration. */
int de_config_decode(struct dengine_slice payload, struct de_membership *membership);

/* The same checks; gives only what the core counts. */
int de_config_decode_members(struct dengine_slice payload,
                             struct de_raft_configuration *configuration);

#ifdef __cplusplus
}
#endif

#endif
