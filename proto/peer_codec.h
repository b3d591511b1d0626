/* proto/peer_codec.h - messages between nodes as bytes: proto/dengine_peer.proto through
 * protobuf-c. The production transport and the simulator's network use the same functions, so every
 * simulated hop runs the real codec.
 *
 * Threads: no shared state; any thread. */
#ifndef DE_PROTO_PEER_CODEC_H
#define DE_PROTO_PEER_CODEC_H

#include "core/node/node.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Version of the protocol; a message of another version is refused. */
#define DE_PEER_PROTOCOL_VERSION 1

/* Longest accepted encoding of one message; longer ones are refused before decoding. */
#define DE_PEER_MESSAGE_BYTES_MAX (64u * 1024 * 1024)

/* Bytes that the encoded message takes. */
size_t de_peer_encoded_size(const struct de_peer_message *message);

/* Encodes message into memory of de_peer_encoded_size() bytes; returns the bytes written. Borrows
 * message for the call. */
size_t de_peer_encode(const struct de_peer_message *message, void *buffer);

/* A decoded message with everything it points to, in one block. */
struct de_peer_decoded {
    struct de_peer_message message;
};

/* Decodes and checks bounds and consistency (counts, types, entry indexes against prev and last,
 * configurations). 0 and *decoded (free it with de_peer_decoded_free), PROTOCOL, VERSION, TOO_LARGE
 * or NO_MEMORY. Borrows nothing from bytes after it returns. */
int de_peer_decode(struct dengine_slice bytes, struct de_peer_decoded **decoded);
void de_peer_decoded_free(struct de_peer_decoded *decoded);

#ifdef __cplusplus
}
#endif

#endif
