/* core/node/config_codec.h - the payload of a CONFIG entry.
 *
 * Little-endian:
 *
 *   offset  size  what
 *        0     1  version, 1
 *        1     3  reserved, 0
 *        4     4  number of members, 0 .. DE_RAFT_MEMBERS_MAX
 *        8     -  for each member, ascending by id:
 *                   u64 id, never 0
 *                   u32 flags, enum de_raft_member_flag
 *                   u32 length of more about the member, 0 .. DE_CONFIG_MORE_MAX, and that many
 *                   bytes: none are written in this version, all are skipped
 *
 * Nothing may follow. The bound is DE_CONFIG_BYTES_MAX. */
#ifndef DE_CORE_NODE_CONFIG_CODEC_H
#define DE_CORE_NODE_CONFIG_CODEC_H

#include "core/raft/raft.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_CONFIG_VERSION      1
#define DE_CONFIG_HEADER_BYTES 8
#define DE_CONFIG_MEMBER_BYTES 16
#define DE_CONFIG_MORE_MAX     1024
/* What de_config_encode writes at most. */
#define DE_CONFIG_BYTES_MAX (DE_CONFIG_HEADER_BYTES + DE_RAFT_MEMBERS_MAX * DE_CONFIG_MEMBER_BYTES)

/* Writes into a buffer of capacity bytes, DE_CONFIG_BYTES_MAX always suffice; returns how many. */
size_t de_config_encode(const struct de_raft_configuration *configuration, void *buffer,
                        size_t capacity);

/* VERSION, or PROTOCOL when payload is not a configuration. */
int de_config_decode(struct dengine_slice payload, struct de_raft_configuration *configuration);

#ifdef __cplusplus
}
#endif

#endif
