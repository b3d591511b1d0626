/* core/kv/record.h - what the state machine keeps in its store.
 *
 * The first byte of a store key is its name space, so no user key can meet ours:
 *
 *   0x00  ours; the next byte says what:
 *           's'  "\0state"
 *           'd'  u64 deadline, u64 lease: which lease ends next; no value
 *           'k'  u64 lease, key of a user: that key ends with that lease; no value
 *           'l'  u64 lease: its record
 *           'p'  u64 revision: what the entries from there on did (past.h); not part of the state
 *           'r'  u64 session, u64 sequence: a remembered result
 *   0x01  a key of a user follows
 *
 * These numbers are big-endian, so that keys stand in their order.
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
 * The record of a lease, little-endian:
 *
 *   offset  size  what
 *        0     1  version, 1
 *        1     1  flags: bit 0 = has a session, bit 1 = made by a put with a time to live: ends
 *                 with its one key, bit 2 = ending: only its keys are left to be removed
 *        2     2  reserved, 0
 *        4     4  remembered results of the session
 *        8     8  time to live, nanoseconds
 *       16     8  deadline, cluster time
 *       24     8  keys that end with it
 *       32     8  the session's client has the results of all sequences up to this one
 *
 * A remembered result, little-endian:
 *
 *        0     1  version, 1
 *        1     1  1 = succeeded, else 0
 *        2     2  reserved, 0
 *        4     4  status, negated
 *        8     8  revision
 *       16     -  the bytes that were answered
 *
 * "\0state", little-endian, written in the same transaction as the data it speaks of; a store that
 * was never written has none:
 *
 *   offset  size  what
 *        0     4  "DEKV"
 *        4     4  format version, 3
 *        8     8  applied index
 *       16     8  applied term
 *       24     8  cluster time, nanoseconds
 *       32     8  newest lease given out
 *       40     8  leases there are
 *       48     8  those of them that have a session
 *       56     4  CRC-32C of the bytes before
 *
 * Format 2 was the same without the sessions, its CRC at 48. In a snapshot it is still read. */
#ifndef DE_CORE_KV_RECORD_H
#define DE_CORE_KV_RECORD_H

#include <stdbool.h>

#include <dengine/kv_store.h>
#include <dengine/state_machine.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_KV_SPACE_META 0x00
#define DE_KV_SPACE_USER 0x01

#define DE_KV_RECORD_VERSION      1
#define DE_KV_RECORD_HEADER_BYTES 40

/* Largest value of a user: the store's limit less the record's header. */
#define DE_KV_VALUE_MAX ((size_t)INT32_MAX - DE_KV_RECORD_HEADER_BYTES)

#define DE_KV_FORMAT_VERSION 3
#define DE_KV_STATE_BYTES    60

/* What "\0state" says. */
struct de_kv_mark {
    uint64_t index;
    uint64_t term;
    uint64_t time_ns;
    uint64_t last_lease;
    uint64_t leases;
    uint64_t sessions;
};

/* One key as stored, decoded; borrows. */
struct de_kv_record {
    struct dengine_slice value;
    uint64_t create_revision;
    uint64_t mod_revision;
    uint64_t version;
    uint64_t lease; /* 0 = none */
};

#define DE_KV_LEASE_VERSION 1
#define DE_KV_LEASE_BYTES   40

struct de_kv_lease {
    bool session;
    bool single; /* made by a put with a time to live */
    bool ending;
    uint32_t remembered;
    uint64_t ttl_ns;
    uint64_t deadline_ns;
    uint64_t keys;
    uint64_t acknowledged;
};

#define DE_KV_REMEMBERED_VERSION      1
#define DE_KV_REMEMBERED_HEADER_BYTES 16

/* The store key of "\0state". Static. */
struct dengine_slice de_kv_state_key(void);

/* Writes the store key of a user's key (at most DE_KV_USER_KEY_MAX bytes; empty: the first possible
 * key) into buffer of DENGINE_KV_KEY_MAX bytes and returns it as a slice. */
struct dengine_slice de_kv_user_key(struct dengine_slice key, uint8_t *buffer);

/* Store keys of ours, in buffer of DENGINE_KV_KEY_MAX bytes. key "": the first of the lease. */
struct dengine_slice de_kv_deadline_key(uint64_t deadline_ns, uint64_t lease, uint8_t *buffer);
struct dengine_slice de_kv_attachment_key(uint64_t lease, struct dengine_slice key,
                                          uint8_t *buffer);
struct dengine_slice de_kv_lease_key(uint64_t lease, uint8_t *buffer);
struct dengine_slice de_kv_remembered_key(uint64_t session, uint64_t sequence, uint8_t *buffer);
struct dengine_slice de_kv_past_key(uint64_t revision, uint8_t *buffer);
/* Stands behind every key of that kind. */
struct dengine_slice de_kv_past_end(uint8_t *buffer);
/* The reverse; false when it is another kind of key. The user's key borrows. */
bool de_kv_deadline_of(struct dengine_slice key, uint64_t *deadline_ns, uint64_t *lease);
bool de_kv_attachment_of(struct dengine_slice key, uint64_t *lease, struct dengine_slice *user_key);
bool de_kv_lease_of(struct dengine_slice key, uint64_t *lease);
bool de_kv_remembered_of(struct dengine_slice key, uint64_t *session, uint64_t *sequence);
bool de_kv_past_of(struct dengine_slice key, uint64_t *revision);

/* Whether a pair is of a lease or session; VERSION, or CORRUPT. */
int de_kv_own_pair_check(struct dengine_slice key, struct dengine_slice value);

/* Writes DE_KV_LEASE_BYTES. */
void de_kv_lease_encode(const struct de_kv_lease *lease, uint8_t *bytes);
/* VERSION, or CORRUPT. */
int de_kv_lease_decode(struct dengine_slice bytes, struct de_kv_lease *lease);

/* Writes the header of a remembered result into DE_KV_REMEMBERED_HEADER_BYTES; its bytes are to
 * follow. */
void de_kv_remembered_encode_header(const struct dengine_result *result, uint8_t *header);
/* VERSION, or CORRUPT. The result's bytes borrow. */
int de_kv_remembered_decode(struct dengine_slice bytes, struct dengine_result *result);

/* Writes the header of record into DE_KV_RECORD_HEADER_BYTES at header; the value is to follow. */
void de_kv_record_encode_header(const struct de_kv_record *record, uint8_t *header);

/* Decodes a record; its value borrows from bytes. VERSION, or CORRUPT. */
int de_kv_record_decode(struct dengine_slice bytes, struct de_kv_record *record);

/* Writes DE_KV_STATE_BYTES. */
void de_kv_state_encode(const struct de_kv_mark *mark, uint8_t *bytes);

/* VERSION, or CORRUPT. */
int de_kv_state_decode(struct dengine_slice bytes, struct de_kv_mark *mark);

/* The same of what format 2 had in this place, which says nothing of sessions: there are 0. */
int de_kv_state_decode_2(struct dengine_slice bytes, struct de_kv_mark *mark);

/* Whether bytes are what an older format had in this place. */
bool de_kv_state_is_older(struct dengine_slice bytes);

/* Whether this is the store key of "\0state". */
bool de_kv_is_state_key(struct dengine_slice key);

/* Whether this is a pair, other than that one, that the state machine could have written: 0,
 * CORRUPT or VERSION. */
int de_kv_pair_check(struct dengine_slice key, struct dengine_slice value);

#ifdef __cplusplus
}
#endif

#endif
