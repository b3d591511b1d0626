/* core/node/batch.h - several commands in one log entry.
 *
 * Payload of a COMMAND entry, little-endian:
 *
 *   offset  size  what
 *        0     1  version, 2
 *        1     3  reserved, 0
 *        4     4  number of commands, >= 1
 *        8     8  cluster time, nanoseconds, at most DE_BATCH_TIME_MAX_NS (see clock.c)
 *       16     -  for each command: u32 length, then that many bytes
 *
 * Nothing may follow the last command. Bounded by the log's limit on entry size. */
#ifndef DE_CORE_NODE_BATCH_H
#define DE_CORE_NODE_BATCH_H

#include <dengine/error.h>

#include "core/base/codec.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_BATCH_VERSION                2
#define DE_BATCH_HEADER_BYTES           16
#define DE_BATCH_COMMAND_OVERHEAD_BYTES 4
/* 146 years: no sum of a stamp and a time to live runs over. */
#define DE_BATCH_TIME_MAX_NS ((uint64_t)1 << 62)

/* Bytes of a payload with count commands of command_bytes in all. */
size_t de_batch_size(uint32_t count, uint64_t command_bytes);

/* Writes the head of a batch of count >= 1 commands; then de_batch_add exactly count times. */
void de_batch_start(struct de_writer *writer, uint32_t count, uint64_t time_ns);
void de_batch_add(struct de_writer *writer, struct dengine_slice command);

/* Calls visit for each command in order; a non-zero return stops and is returned. PROTOCOL or
 * VERSION when payload is not a batch (visit may have been called for commands in front). */
int de_batch_visit(struct dengine_slice payload,
                   int (*visit)(void *context, uint32_t number, struct dengine_slice command),
                   void *context);

/* Gives a batch another cluster time. */
void de_batch_set_time(void *payload, uint64_t time_ns);

/* The cluster time of a batch; 0 for what is none. */
uint64_t de_batch_time_ns(struct dengine_slice payload);

/* How many commands payload holds after checking all of it; 0 when it is not a batch. */
uint32_t de_batch_count(struct dengine_slice payload);

#ifdef __cplusplus
}
#endif

#endif
