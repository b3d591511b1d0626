/* runtime/libev/peer_frame.h - what one gRPC message between nodes holds.
 *
 * While a message is on its way everything else collects for the next, so one gRPC message (a
 * frame) carries many messages of nodes. As protobuf would write it:
 *
 *     message PeerFrame {
 *       PeerHello hello = 1;         // in the first frame of a stream, and only there
 *       repeated bytes messages = 2; // each as proto/peer_codec.h says, with its own checksum
 *     }
 *     message PeerHello {
 *       fixed32 version = 1;         // of the protocol: DE_PEER_PROTOCOL_VERSION
 *       fixed64 cluster_id = 2;
 *       fixed64 from = 3;            // node ids
 *       fixed64 to = 4;
 *       fixed64 config_index = 5;    // of the membership that the sender goes by
 *       bytes address = 6;           // "host:port" at which it can be dialled; may be empty
 *     }
 *
 * As every hello has all fields in this order, each has this form, little-endian:
 *
 *   offset  size  what
 *        0     3  0x0a and the length of what follows, a varint of two bytes
 *        3     5  0x0d, version
 *        8     9  0x11, cluster id
 *       17     9  0x19, sender
 *       26     9  0x21, receiver
 *       35     9  0x29, index of the membership
 *       44     3  0x32 and the length of the address, a varint of two bytes
 *       47     -  address
 *
 * A stream goes one way. Who opens it says with hello who they are; the receiver ends the stream
 * with a status when that is not whom it expects, and with another one (DE_PEER_REMOVED_STATUS)
 * when it knows that the sender was removed from the cluster. */
#ifndef DE_RUNTIME_LIBEV_PEER_FRAME_H
#define DE_RUNTIME_LIBEV_PEER_FRAME_H

#include <grpc/slice.h>
#include <grpc/status.h>

#include "core/node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The methods that streams call: one for the chunks of snapshots, which are large, so that nothing
 * ever stands behind them, and one for everything else. */
#define DE_PEER_STREAM_METHOD   "/dengine.peer.PeerService/Stream"
#define DE_PEER_SNAPSHOT_METHOD "/dengine.peer.PeerService/Snapshot"

/* What a stream of a removed member ends with; for nothing else. */
#define DE_PEER_REMOVED_STATUS GRPC_STATUS_PERMISSION_DENIED

/* Longest text that a stream is refused with, with its terminator. */
#define DE_PEER_REFUSAL_BYTES 200

#define DE_PEER_HELLO_BYTES_MAX (47 + DE_ADDRESS_BYTES)

struct de_peer_hello {
    uint32_t version;
    uint64_t cluster_id;
    uint64_t from;
    uint64_t to;
    uint64_t config_index;
    struct dengine_slice
        address; /* shorter than DE_ADDRESS_BYTES; decoded: borrows from the frame */
};

/* Writes field 1 of a frame; returns how many bytes. */
size_t de_peer_hello_encode(const struct de_peer_hello *hello,
                            uint8_t bytes[DE_PEER_HELLO_BYTES_MAX]);

/* Field 2 of a frame with message in it; the caller unrefs it. Frames are such slices, one after
 * the other. */
grpc_slice de_peer_frame_part(const struct de_peer_message *message);

/* What a frame holds, visited in order. PROTOCOL when it is not one, or what a visitor returned
 * that was not 0. message borrows from frame. */
struct de_peer_frame_visitor {
    void *context;
    int (*hello)(void *context, const struct de_peer_hello *hello);
    int (*message)(void *context, struct dengine_slice message);
};

int de_peer_frame_visit(struct dengine_slice frame, const struct de_peer_frame_visitor *visitor);

#ifdef __cplusplus
}
#endif

#endif
