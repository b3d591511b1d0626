/* core/kv/answer.h - what a command answers beyond done or not: dengine_result.bytes.
 *
 * Little-endian; a slice is a u32 length and that many bytes:
 *
 *   offset  size  what
 *        0     1  version, 1
 *        1     1  kind, enum de_kv_answer_kind
 *        2     2  reserved, 0
 *        4     -  LEASE: u64 lease, u64 time to live, nanoseconds
 *                 OPS:   u32 number of operations; for each
 *
 *        0     1  type, enum de_kv_op_type
 *        1     1  flags: bit 0 = there are more keys than the limit let through
 *        2     2  reserved, 0
 *        4     8  count: keys found (GET, RANGE), removed (DELETE, DELETE_RANGE); PUT: there before
 *       12     4  number of pairs; for each: slice key, u64 create revision, u64 modification
 *                 revision, u64 version, u64 lease, slice value
 *
 * A command that was not asked for more than its outcome answers no bytes at all. */
#ifndef DE_CORE_KV_ANSWER_H
#define DE_CORE_KV_ANSWER_H

#include "core/base/codec.h"
#include "core/kv/record.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_KV_ANSWER_VERSION       1
#define DE_KV_ANSWER_HEAD_BYTES    4
#define DE_KV_OP_ANSWER_HEAD_BYTES 16
/* Of one command; TOO_LARGE instead, and the command does nothing. */
#define DE_KV_ANSWER_BYTES_MAX ((size_t)4 << 20)

enum de_kv_answer_kind {
    DE_KV_ANSWER_OPS = 1,
    DE_KV_ANSWER_LEASE = 2,
};

struct de_kv_pair {
    struct dengine_slice key;
    struct de_kv_record record;
};

struct de_kv_answer {
    uint32_t kind;
    uint64_t lease; /* LEASE */
    uint64_t ttl_ns;
    uint32_t ops;            /* OPS: how many */
    struct de_reader reader; /* at the first of them */
};

struct de_kv_op_answer {
    uint32_t type;
    bool more;
    uint64_t count;
    uint32_t pairs; /* how many follow in the reader */
};

/* Checks all of bytes. VERSION or PROTOCOL. Borrows. */
int de_kv_answer_decode(struct dengine_slice bytes, struct de_kv_answer *answer);
/* Reads on in a decoded answer: an operation, then its pairs. False: there is none. */
bool de_kv_op_answer_read(struct de_reader *reader, struct de_kv_op_answer *op);
bool de_kv_pair_read(struct de_reader *reader, struct de_kv_pair *pair);

/* The lease, and the count of the first operation, of what a command answered; 0 where it has none.
 */
void de_kv_answer_outcome(struct dengine_slice bytes, uint64_t *lease, uint64_t *count);

size_t de_kv_pair_size(struct dengine_slice key, struct dengine_slice value);
void de_kv_pair_write(struct de_writer *writer, const struct de_kv_pair *pair);

#ifdef __cplusplus
}
#endif

#endif
