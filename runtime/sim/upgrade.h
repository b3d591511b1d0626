/* runtime/sim/upgrade.h - machines of other versions of this program.
 *
 * The production code has no switch that makes it an older one. What an older one leaves behind and
 * sends is made here from what this one writes: in its snapshots and in the store of its state the
 * place in the log is said as format 2 did (core/kv/record.h), which knew nothing of sessions. Such
 * a machine is upgraded at one of its starts. From then on it has to do with what is on its disk:
 * a snapshot that is still read, a state that is discarded and made again. Those that are upgraded
 * get snapshots of those that are not, and the other way round; two images of one index need not be
 * the same bytes then.
 *
 * And now and then a machine of the protocol's next version, which should not be there, says
 * something: that is refused as what it is. One thread. */
#ifndef DE_RUNTIME_SIM_UPGRADE_H
#define DE_RUNTIME_SIM_UPGRADE_H

#include <dengine/kv_store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a machine writes into a snapshot, until it is complete. */
struct de_upgrade_stream {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
};

void de_upgrade_stream_add(struct de_upgrade_stream *stream, struct dengine_slice bytes);
void de_upgrade_stream_deinit(struct de_upgrade_stream *stream);

/* Makes of the stream of a whole state (core/kv/stream.h) what the version before would have
 * written. */
void de_upgrade_stream_age(struct de_upgrade_stream *stream);

/* The same with a store between two lives of its state machine; one that was never written stays as
 * it is. */
void de_upgrade_store_age(struct dengine_kv_store store);

/* Makes of an encoded message of nodes (proto/peer_codec.h) one of the next version, in place. */
void de_upgrade_message_renew(uint8_t *bytes, size_t size);
/* Whether an encoded message is such a one. */
bool de_upgrade_message_is_new(struct dengine_slice bytes);

#ifdef __cplusplus
}
#endif

#endif
