/* runtime/sim/service_hoard.h - more keys on one lease than can end with it at once.
 *
 * A hoarder gets a lease, puts keys with it, some hundreds, keeps it alive the while, and then
 * gives it up or lets it run out. The state machine removes so many keys in one entry and the rest
 * in those that follow (core/kv/lease.c); meanwhile the hoarder looks on. One look shows, at one
 * revision, the lease and how many of its keys are there. So each look must show
 *
 *   a lease that lives         with all keys that were put for sure
 *   one that is ending         with as many as it says, and never more than were there before
 *   none                       without any key
 *
 * and what has begun to end, or has ended, comes back no more. One thread. */
#ifndef DE_RUNTIME_SIM_SERVICE_HOARD_H
#define DE_RUNTIME_SIM_SERVICE_HOARD_H

#include "core/kv/command.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/lease_look.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Keys that one transaction puts; with its lists it is shorter than the shortest batch. */
#define DE_HOARD_KEYS_AT_ONCE 100u
/* Keys of one lease: more than end in one entry, or even in two. */
#define DE_HOARD_KEYS_MIN   (DE_KV_EXPIRE_KEYS_MAX + 1u)
#define DE_HOARD_KEYS_MAX   (2u * DE_KV_EXPIRE_KEYS_MAX + DE_HOARD_KEYS_AT_ONCE)
#define DE_HOARD_LIST_BYTES 3600u
/* With this all keys of all hoarders begin, and nobody else's. */
#define DE_HOARD_PREFIX     "hoard"
#define DE_HOARD_PREFIX_END "hoare"
#define DE_HOARD_NAME_MAX   40u

struct de_hoard {
    uint64_t lease;  /* 0 = none: all is gone */
    uint32_t wanted; /* keys */
    uint32_t asked;  /* of them asked for */
    uint32_t sure;   /* of them put for sure */
    bool let_go;     /* given up, or kept alive no more */
    bool ended;      /* that was acknowledged, or somebody was told so */
    bool ending;     /* a look has shown that */
    uint64_t held;   /* keys that it had then */
};

/* Begins anew with this lease. */
void de_hoard_begin(struct de_hoard *hoard, uint64_t lease, struct de_dice *dice);

/* What all keys of this hoard begin with, into name. owner: who it is. */
struct dengine_slice de_hoard_prefix(const struct de_hoard *hoard, uint32_t owner,
                                     char name[DE_HOARD_NAME_MAX]);

/* Makes *command, a transaction that puts the next keys that are not sure; its list borrows bytes
 * of DE_HOARD_LIST_BYTES. */
void de_hoard_put(struct de_hoard *hoard, uint32_t owner, struct de_kv_command *command,
                  uint8_t *bytes);
/* It was done. */
void de_hoard_was_put(struct de_hoard *hoard);

/* What is wrong with a look at the lease of the hoard; NULL: nothing. After a look that shows no
 * lease the hoard has none. */
const char *de_hoard_look(struct de_hoard *hoard, const struct de_lease_look *look);

#ifdef __cplusplus
}
#endif

#endif
