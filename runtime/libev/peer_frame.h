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
 *     }
 *
 * As every hello has all four fields in this order, each has this form, little-endian:
 *
 *   offset  size  what
 *        0     2  0x0a 32: field 1, 32 bytes
 *        2     5  0x0d, version
 *        7     9  0x11, cluster id
 *       16     9  0x19, sender
 *       25     9  0x21, receiver
 *
 * A stream goes one way. Who opens it says with hello who they are; the receiver ends the stream
 * with a status when that is not whom it expects. */
#ifndef DE_RUNTIME_LIBEV_PEER_FRAME_H
#define DE_RUNTIME_LIBEV_PEER_FRAME_H

#include <grpc/slice.h>

#include "core/node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The methods that streams call: one for the chunks of snapshots, which are large, so that nothing
 * ever stands behind them, and one for everything else. */
#define DE_PEER_STREAM_METHOD   "/dengine.peer.PeerService/Stream"
#define DE_PEER_SNAPSHOT_METHOD "/dengine.peer.PeerService/Snapshot"

#define DE_PEER_HELLO_BYTES 34

struct de_peer_hello {
    uint32_t version;
    uint64_t cluster_id;
    uint64_t from;
    uint64_t to;
};

/* Writes field 1 of a frame. */
void de_peer_hello_encode(const struct de_peer_hello *hello, uint8_t bytes[DE_PEER_HELLO_BYTES]);

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
