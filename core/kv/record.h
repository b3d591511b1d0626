/* core/kv/record.h - what the state machine keeps in its store.
 *
 * The first byte of a store key is its name space, so no user key can meet ours:
 *
 *   0x00  ours; one key so far, "\0state"
 *   0x01  a key of a user follows
 *
 * The record of a user key, little-endian:
 *
 *   offset  size  what
 *        0     1  version, 1
 *        1     7  reserved, 0
 *        8     8  create revision
 *       16     8  modification revision, >= create revision
 *       24     8  version of the key, >= 1
 *       32     8  lease, 0 = none
 *       40     -  value
 *
 * "\0state", little-endian, written in the same transaction as the data it speaks of; a store that
 * was never written has none:
 *
 *   offset  size  what
 *        0     4  "DEKV"
 *        4     4  format version, 2
 *        8     8  applied index
 *       16     8  applied term
 *       24     8  cluster time, nanoseconds
 *       32     4  CRC-32C of the bytes before */
#ifndef DE_CORE_KV_RECORD_H
#define DE_CORE_KV_RECORD_H

#include "core/kv/kv.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_KV_SPACE_META 0x00
#define DE_KV_SPACE_USER 0x01

#define DE_KV_RECORD_VERSION      1
#define DE_KV_RECORD_HEADER_BYTES 40

/* Largest value of a user: the store's limit less the record's header. */
#define DE_KV_VALUE_MAX ((size_t)INT32_MAX - DE_KV_RECORD_HEADER_BYTES)

#define DE_KV_FORMAT_VERSION 2
#define DE_KV_STATE_BYTES    36

/* What "\0state" says. */
struct de_kv_mark {
    uint64_t index;
    uint64_t term;
    uint64_t time_ns;
};

/* The store key of "\0state". Static. */
struct dengine_slice de_kv_state_key(void);

/* Writes the store key of a user's key (at most DE_KV_USER_KEY_MAX bytes; empty: the first possible
 * key) into buffer of DENGINE_KV_KEY_MAX bytes and returns it as a slice. */
struct dengine_slice de_kv_user_key(struct dengine_slice key, uint8_t *buffer);

/* Writes the header of record into DE_KV_RECORD_HEADER_BYTES at header; the value is to follow. */
void de_kv_record_encode_header(const struct de_kv_record *record, uint8_t *header);

/* Decodes a record; its value borrows from bytes. VERSION, or CORRUPT. */
int de_kv_record_decode(struct dengine_slice bytes, struct de_kv_record *record);

/* Writes DE_KV_STATE_BYTES. */
void de_kv_state_encode(const struct de_kv_mark *mark, uint8_t *bytes);

/* VERSION, or CORRUPT. */
int de_kv_state_decode(struct dengine_slice bytes, struct de_kv_mark *mark);

/* Whether this is a pair that the state machine could have written: 0, CORRUPT or VERSION. When it
 * is "\0state", *mark is what it says. */
int de_kv_pair_check(struct dengine_slice key, struct dengine_slice value, struct de_kv_mark *mark);

#ifdef __cplusplus
}
#endif

#endif
