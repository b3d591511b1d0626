/* runtime/sim/garble.h - messages with a good checksum that make no sense.
 *
 * They come from a peer of another cluster or another build, or from one that is broken. Unlike
 * what a link has damaged they pass the codec, so the replica itself has to refuse them: each is
 * made from a true message such that no state of the receiver allows it. (What a peer could say
 * truthfully, and does not, is beyond what Raft promises.) No state; any thread. */
#ifndef DE_RUNTIME_SIM_GARBLE_H
#define DE_RUNTIME_SIM_GARBLE_H

#include "core/node/node.h"
#include "runtime/sim/dice.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_garbled {
    struct de_peer_message message; /* borrows from the true one and from what is below */
    const char *what;               /* is wrong with it; static */
    struct dengine_entry *entries;  /* owned */
    uint8_t *payload;               /* owned */
};

/* Makes *garbled of message, of any type, which it borrows, for a receiver with this view of
 * things. */
void de_garble(struct de_garbled *garbled, const struct de_peer_message *message,
               const struct de_raft_view *receiver, struct de_dice *dice);
void de_garbled_free(struct de_garbled *garbled);

#ifdef __cplusplus
}
#endif

#endif
