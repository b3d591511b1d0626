/* core/kv/stream.h - the whole state as a stream of bytes, for snapshots.
 *
 * It holds every pair of the store that is part of the state (record.h), in ascending order of
 * keys, and nothing else: all that the state machine knows lives in its store. So the stream is a
 * function of the state, the same with every store. Little-endian:
 *
 *   offset  size  what
 *        0     4  "DEKS"
 *        4     4  format version, 1
 *        8        records, one after the other:
 *             2     length k of the key, 1 .. DENGINE_KV_KEY_MAX
 *             4     length v of the value, at most 2^31 - 1
 *             k     key, above the one before it
 *             v     value
 *                 and the end:
 *             2     0
 *             4     0
 *             8     number of records
 *
 * One of the records is "\0state", which says where in the log this state is. There are no
 * checksums: who stores or sends the stream has them (dengine/snapshot_store.h). */
#ifndef DE_CORE_KV_STREAM_H
#define DE_CORE_KV_STREAM_H

#include "core/kv/kv.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_KV_STREAM_VERSION       1
#define DE_KV_STREAM_HEADER_BYTES  8
#define DE_KV_STREAM_LENGTHS_BYTES 6
#define DE_KV_STREAM_COUNT_BYTES   8

/* "DEKS". Static. */
extern const uint8_t de_kv_stream_magic[4];

/* The operations of dengine_state_machine_ops; object is a struct de_kv. */
int de_kv_op_save_begin(void *object, struct dengine_machine_save **save, uint64_t *index,
                        uint64_t *term);
int de_kv_op_save_read(void *object, struct dengine_machine_save *save, void *buffer,
                       size_t capacity, size_t *size);
void de_kv_op_save_end(void *object, struct dengine_machine_save *save);

int de_kv_op_restore_begin(void *object);
int de_kv_op_restore_write(void *object, struct dengine_slice bytes);
int de_kv_op_restore_commit(void *object, uint64_t index, uint64_t term);
void de_kv_op_restore_abort(void *object);

#ifdef __cplusplus
}
#endif

#endif
