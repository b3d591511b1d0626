/* runtime/libev/peer_outbox.h - the messages that wait for their turn on a link: bounded, oldest
 * first. Threads: one at a time. */
#ifndef DE_RUNTIME_LIBEV_PEER_OUTBOX_H
#define DE_RUNTIME_LIBEV_PEER_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grpc/slice.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Messages that wait at most; a power of two. */
#define DE_OUTBOX_ITEMS_MAX 256

/* Bytes that wait at most, save that one message of any size may. */
#define DE_OUTBOX_BYTES_MAX (32u * 1024 * 1024)

struct de_peer_outbox {
    grpc_slice slices[DE_OUTBOX_ITEMS_MAX];
    bool appends[DE_OUTBOX_ITEMS_MAX];
    uint32_t count;
    size_t bytes;
};

/* Starts as zeros. Drops everything. */
void de_peer_outbox_clear(struct de_peer_outbox *outbox);

/* Takes over a reference to slice. items_max (<= DE_OUTBOX_ITEMS_MAX) bounds the count. False when
 * an older message had to go for it. */
bool de_peer_outbox_push(struct de_peer_outbox *outbox, grpc_slice slice, bool append,
                         uint32_t items_max);

/* Moves the oldest messages into slices (at most slice_max of them), as many as bytes_max allows
 * but at least one; returns how many. The references are the caller's. */
uint32_t de_peer_outbox_take(struct de_peer_outbox *outbox, grpc_slice *slices, uint32_t slice_max,
                             size_t bytes_max);

#ifdef __cplusplus
}
#endif

#endif
