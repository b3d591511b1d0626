/* runtime/sim/range.h - ranges of keys: what simulated clients ask a host for, and what they get.
 *
 *   query  u8 flags (bit 0 = from is excluded, 1 = reverse, 2 = keys only, 3 = count only, 4 = the
 *          keys that are named), u32 limit, slice from, slice end, u32 keys, a slice for each
 *   page   u64 revision, u64 total, u8 1 = there is more, u32 pairs, the pairs (answer.h)
 *
 * Little-endian; a slice is a u32 length and that many bytes. The keys of all this are few: they
 * begin with "z", so that nobody else's lie among them or behind them, and some are prefixes of
 * others, or end with the first or the last byte that there is. */
#ifndef DE_RUNTIME_SIM_RANGE_H
#define DE_RUNTIME_SIM_RANGE_H

#include "core/kv/kv.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_RANGE_KEYS 19u
/* Keys that are named in one query, at most. */
#define DE_RANGE_NAMED_MAX 5u
/* Bytes of an encoded query, at most. */
#define DE_RANGE_QUERY_BYTES 256u

struct de_range_query {
    bool named; /* the keys named, as they are at one revision */
    struct dengine_slice from;
    struct dengine_slice end; /* "": no end */
    bool from_excluded;
    bool reverse;
    bool keys_only;
    bool count_only;
    uint32_t limit; /* 0: none */
    uint32_t name_count;
    struct dengine_slice names[DE_RANGE_NAMED_MAX];
};

struct de_range_page {
    uint64_t revision;
    uint64_t total;
    bool more;
    uint32_t count;
    struct de_kv_pair pairs[DE_RANGE_KEYS];
};

/* Keys 0 .. DE_RANGE_KEYS - 1, ascending. Static. */
struct dengine_slice de_range_key(uint32_t number);
/* DE_RANGE_KEYS: it is none of them. */
uint32_t de_range_number(struct dengine_slice key);
int de_range_order(struct dengine_slice a, struct dengine_slice b);
/* For people: bytes that are not printable as \xNN. */
#define DE_RANGE_TEXT_MAX 24u
const char *de_range_text(struct dengine_slice key, char text[DE_RANGE_TEXT_MAX]);

/* Into buffer of DE_RANGE_QUERY_BYTES; returns how many. */
size_t de_range_query_encode(const struct de_range_query *query, uint8_t *buffer);
/* False: it is none. Borrows from bytes. */
bool de_range_query_decode(struct dengine_slice bytes, struct de_range_query *query);

/* Reads the page, or the named keys, from view. The caller frees *bytes with de_sim_free. */
void de_range_read(struct de_kv_view *view, const struct de_range_query *query, uint8_t **bytes,
                   size_t *size);
/* False: it is no page, or has more pairs than there are keys. Borrows from bytes. */
bool de_range_page_decode(struct dengine_slice bytes, struct de_range_page *page);

#ifdef __cplusplus
}
#endif

#endif
