/* proto/peer_codec.h - messages between nodes as bytes: the protobuf messages of
 * proto/dengine_peer.proto. The production transport and the simulator's network use the same
 * functions, so every simulated hop runs the real codec.
 *
 * A message is a function of its contents: no padding, no address and no uninitialised byte gets
 * into it, and every compiler makes the same bytes. It ends in a checksum, so what a link or a
 * memory cell damaged is refused and never taken for something else.
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

/* Most entries in one APPEND: bounds what a few bytes can make the decoder allocate. */
#define DE_PEER_ENTRIES_MAX (64u * 1024)

/* What every message that travels must fulfil, checked after decoding and asserted before encoding:
 * a known type; from and to are not 0 and differ; an APPEND has exactly the entries prev_index + 1
 * .. last_index (at most DE_PEER_ENTRIES_MAX), of known types, whose terms never fall, start at
 * prev_term or later and end at last_term, which is at most the message's term; a CHUNK or
 * CHUNK_REPLY, and nothing else, has a chunk that lies within its image and is of at most
 * DE_CHUNK_BYTES_MAX bytes. Takes the entries from message->entries. */
bool de_peer_message_check(const struct de_peer_message *message);

/* Bytes that the encoded message takes. */
size_t de_peer_encoded_size(const struct de_peer_message *message);

/* Encodes message into memory of de_peer_encoded_size() bytes; returns the bytes written. Borrows
 * message for the call. */
size_t de_peer_encode(const struct de_peer_message *message, void *buffer);

/* A decoded message with everything it points to, in one block. */
struct de_peer_decoded {
    struct de_peer_message message;
};

/* Decodes and checks (de_peer_message_check). raft.entries are the metas of the entries, with
 * configuration NULL: what a CONFIG payload means is the receiver's affair, and so is the
 * configuration that a SNAPSHOT is about. 0 and *decoded (free it
 * with de_peer_decoded_free), PROTOCOL, VERSION, TOO_LARGE or NO_MEMORY (*decoded is then NULL).
 * Borrows nothing from bytes after it returns. */
int de_peer_decode(struct dengine_slice bytes, struct de_peer_decoded **decoded);
void de_peer_decoded_free(struct de_peer_decoded *decoded);

#ifdef __cplusplus
}
#endif

#endif
