/* core/kv/past.h - what the newest batches did, kept in the store beside what they made.
 *
 * A watch may begin in the recent past (watch.h), also in a past that lies before the last start of
 * its node. The log could not tell: what an entry did depends on what was there before it, and
 * behind a snapshot there is no log. So each batch writes, in its own transaction, what it did: no
 * crash parts the one from the other. Of a key that changed only what was there before is written;
 * what was put is there before the next change of that key, or is there now. The oldest records go
 * when there are more than a watch may look back.
 *
 * None of this is part of the state: how much is kept is the business of each node. It is neither
 * in snapshots nor in the digest, and a restore begins with none.
 *
 * Keys are "\0p" and a revision (record.h). The record of a key covers all revisions from there to
 * its last; one that begins where the one before it ends goes on with it, so records that were lost
 * or never written cannot pass unnoticed. Little-endian:
 *
 *   offset  size  what
 *        0     1  version, 1
 *        1     3  reserved, 0
 *        4     4  number of events
 *        8     8  last revision covered
 *       16        events in their order, each:
 *             1     1 = put, 2 = delete
 *             1     flags: bit 0 = expired, bit 1 = there was a previous value
 *             2     length k of the key, 1 .. DE_KV_USER_KEY_MAX
 *             4     length p of the previous value
 *             8     revision
 *             8     create revision
 *             8     version of the key
 *             8     lease, 0 = none
 *             k     key
 *             p     previous value
 *             4     length of all this, so that it can be read from the end */
#ifndef DE_CORE_KV_PAST_H
#define DE_CORE_KV_PAST_H

#include "core/kv/event.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_KV_PAST_VERSION      1
#define DE_KV_PAST_HEADER_BYTES 16

struct de_kv_past_header {
    uint32_t events;
    uint64_t last; /* revision */
};

/* Writes DE_KV_PAST_HEADER_BYTES. */
void de_kv_past_encode_header(const struct de_kv_past_header *header, uint8_t *bytes);
/* VERSION, or CORRUPT. */
int de_kv_past_decode_header(struct dengine_slice record, struct de_kv_past_header *header);

/* Bytes of an event in a record. */
size_t de_kv_past_event_bytes(const struct de_kv_event *event);
/* Writes them. */
void de_kv_past_encode_event(const struct de_kv_event *event, uint8_t *bytes);
/* Reads the event that ends at *end of record, as far as it is there: the value of a put is not. It
 * borrows. *end is where it begins then. NOT_FOUND: *end is the end of the header; CORRUPT. */
int de_kv_past_decode_event(struct dengine_slice record, size_t *end, struct de_kv_event *event);

/* What the store holds of it. The bytes of an event are fewer here than in a ring, so what a ring
 * could hold is here. */
struct de_kv_past_sum {
    uint64_t first; /* of the newest record, which is quiet: it has no events */
    uint64_t last;
    bool quiet;
    uint64_t records;
    uint64_t events;
    uint64_t bytes; /* of the events */
};

#ifdef __cplusplus
}
#endif

#endif
