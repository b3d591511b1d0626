/* core/kv/command.h - what the state machine can be told to do, and how that looks in the log.
 *
 * Little-endian. A slice is a u32 length and that many bytes. A command:
 *
 *   offset  size  what
 *        0     1  version, 2
 *        1     1  type, enum de_kv_command_type
 *        2     1  flags: bit 0 = of a session
 *        3     1  reserved, 0
 *        4    24  of a session only: session (not 0), sequence, acknowledged (< sequence)
 *        -     -  WRITE         an operation, not one that only reads
 *                 CAS           a comparison, a PUT operation
 *                 TXN           three lists: comparisons, operations then, operations else
 *                 LEASE_GRANT   u8 1 = with a session, else 0; u64 time to live, nanoseconds
 *                 LEASE_KEEP, LEASE_REVOKE   u64 lease (not 0)
 *                 EXPIRE        nothing; never of a session
 *
 * A list is a u32 number of items, a u32 number of bytes, and the items. An operation:
 *
 *        0     1  type, enum de_kv_op_type
 *        1     1  flags: bit 0 = with the previous value (PUT, DELETE, DELETE_RANGE), bit 1 = lease
 *                 follows, bit 2 = time to live follows (PUT, one of the two at most), bit 3 = keys
 *                 only, bit 4 = count only (RANGE, one of the two at most)
 *        2     2  reserved, 0
 *        4     -  slice key
 *        -     -  PUT: slice value; u64 lease (not 0); u64 time to live, nanoseconds
 *                 RANGE, DELETE_RANGE: slice end (empty: no end)
 *                 RANGE: u32 limit (0: none but the one on answers)
 *
 * A comparison:
 *
 *        0     1  target, enum de_kv_compare_target
 *        1     1  relation, enum de_kv_compare_relation (ABSENCE: EQUAL or NOT_EQUAL)
 *        2     2  reserved, 0
 *        4     -  slice key
 *        -     -  VALUE: slice value; VERSION, CREATE, MOD: u64 number
 *
 * Nothing may follow. A command has one encoding only, so equal commands have equal bytes. There is
 * no checksum here: log records and peer messages carry one. */
#ifndef DE_CORE_KV_COMMAND_H
#define DE_CORE_KV_COMMAND_H

#include <stdbool.h>

#include <dengine/error.h>
#include <dengine/kv_store.h>

#include "core/base/codec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Longest key of a user. Ours have it after two bytes of name space and a lease. */
#define DE_KV_USER_KEY_MAX 500

#define DE_KV_COMMAND_VERSION 2

/* Items in one list of a transaction. */
#define DE_KV_LIST_ITEMS_MAX 128
/* Keys that one command removes or reads at most. */
#define DE_KV_COMMAND_KEYS_MAX 10000
#define DE_KV_TTL_MIN_NS       UINT64_C(1000000)
#define DE_KV_TTL_MAX_NS       (UINT64_C(1) << 58) /* nine years */

enum de_kv_command_type {
    DE_KV_WRITE = 1,
    DE_KV_CAS = 2,
    DE_KV_TXN = 3,
    DE_KV_LEASE_GRANT = 4,
    DE_KV_LEASE_KEEP = 5,
    DE_KV_LEASE_REVOKE = 6,
    DE_KV_EXPIRE = 7,
};

enum de_kv_op_type {
    DE_KV_PUT = 1,
    DE_KV_DELETE = 2,
    DE_KV_DELETE_RANGE = 3,
    DE_KV_GET = 4,
    DE_KV_RANGE = 5,
};

enum de_kv_compare_target {
    DE_KV_COMPARE_VALUE = 1,   /* false when there is no such key */
    DE_KV_COMPARE_ABSENCE = 2, /* EQUAL: there is no such key; NOT_EQUAL: there is one */
    DE_KV_COMPARE_VERSION = 3, /* these three are 0 when there is no such key */
    DE_KV_COMPARE_CREATE = 4,
    DE_KV_COMPARE_MOD = 5,
};

enum de_kv_compare_relation {
    DE_KV_EQUAL = 1,
    DE_KV_NOT_EQUAL = 2,
    DE_KV_LESS = 3,
    DE_KV_GREATER = 4,
};

/* One step. */
struct de_kv_op {
    uint32_t type;
    struct dengine_slice key;   /* 1 .. DE_KV_USER_KEY_MAX bytes; of a range the first, may be "" */
    struct dengine_slice end;   /* ranges: the first key that is not in it; "": no end */
    struct dengine_slice value; /* PUT */
    uint64_t lease;             /* PUT: the key ends with it; 0 = none */
    uint64_t ttl_ns;            /* PUT: the key ends after so long; 0 = never */
    uint32_t limit;             /* RANGE */
    bool want_previous;         /* answer what was there before */
    bool keys_only;
    bool count_only;
};

struct de_kv_compare {
    uint32_t target;
    uint32_t relation;
    struct dengine_slice key;
    struct dengine_slice value; /* VALUE */
    uint64_t number;            /* VERSION, CREATE, MOD */
};

/* Comparisons or operations, encoded one after the other. */
struct de_kv_list {
    struct dengine_slice bytes;
    uint32_t count;
};

struct de_kv_command {
    uint32_t type;
    uint64_t session; /* 0 = none */
    uint64_t sequence;
    uint64_t acknowledged;        /* the client has the results of all up to this one */
    struct de_kv_op op;           /* WRITE, CAS */
    struct de_kv_compare compare; /* CAS */
    struct de_kv_list compares;   /* TXN: if all are true ... */
    struct de_kv_list then_ops;
    struct de_kv_list else_ops;
    bool with_session; /* LEASE_GRANT */
    uint64_t ttl_ns;   /* LEASE_GRANT */
    uint64_t lease;    /* LEASE_KEEP, LEASE_REVOKE */
};

/* The three most frequent commands. They borrow. expected NULL: the key must not exist. */
struct de_kv_command de_kv_put(struct dengine_slice key, struct dengine_slice value);
struct de_kv_command de_kv_delete(struct dengine_slice key);
struct de_kv_command de_kv_cas(struct dengine_slice key, const struct dengine_slice *expected,
                               struct dengine_slice value);

/* 0, INVALID (makes no sense: no key, unknown type, an empty range), or TOO_LARGE (a key, a list, a
 * time to live; or a value over value_max bytes). */
int de_kv_command_check(const struct de_kv_command *command, size_t value_max);

/* Bytes that the encoded command takes. */
size_t de_kv_command_size(const struct de_kv_command *command);

/* Encodes a command that passes de_kv_command_check into a buffer of at least de_kv_command_size()
 * bytes; returns the bytes written. */
size_t de_kv_command_encode(const struct de_kv_command *command, void *buffer, size_t capacity);

/* Decodes; slices borrow from bytes. VERSION or PROTOCOL when it is not a command. */
int de_kv_command_decode(struct dengine_slice bytes, struct de_kv_command *command);

/* Adds an item to a list that is being made: checked as by de_kv_command_check; NO_SPACE when the
 * writer is too small. The list borrows the writer's bytes. */
int de_kv_list_add_op(struct de_kv_list *list, struct de_writer *writer, const struct de_kv_op *op,
                      size_t value_max);
int de_kv_list_add_compare(struct de_kv_list *list, struct de_writer *writer,
                           const struct de_kv_compare *compare, size_t value_max);

/* Reads the items of a list of a decoded command in turn; the reader starts at its bytes. False:
 * it is not an item. */
bool de_kv_op_read(struct de_reader *reader, struct de_kv_op *op);
bool de_kv_compare_read(struct de_reader *reader, struct de_kv_compare *compare);

/* ---- op.c, for command.c ---- */

int de_kv_op_check(const struct de_kv_op *op, size_t value_max);
size_t de_kv_op_size(const struct de_kv_op *op);
void de_kv_op_write(struct de_writer *writer, const struct de_kv_op *op);
int de_kv_compare_check(const struct de_kv_compare *compare, size_t value_max);
size_t de_kv_compare_size(const struct de_kv_compare *compare);
void de_kv_compare_write(struct de_writer *writer, const struct de_kv_compare *compare);

#ifdef __cplusplus
}
#endif

#endif
