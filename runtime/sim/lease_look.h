/* runtime/sim/lease_look.h - what a simulated client is shown of a lease.
 *
 *   question  u64 lease, the rest: a prefix of keys, "" = none
 *   look      u8 1 = it is there, u8 1 = with a session, u8 1 = ending, u64 time to live, u64
 *             deadline, u64 cluster time, u64 keys, u64 keys that are listed, u64 the first lease
 *             that is listed from that one on (0: none), u64 keys that there are with the prefix
 *
 * Little-endian. */
#ifndef DE_RUNTIME_SIM_LEASE_LOOK_H
#define DE_RUNTIME_SIM_LEASE_LOOK_H

#include "core/kv/kv.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_LEASE_LOOK_BYTES 59u
/* Bytes of a prefix of keys, at most. */
#define DE_LEASE_LOOK_PREFIX_MAX 64u

struct de_lease_look {
    bool found;
    bool session;
    bool ending;
    uint64_t ttl_ns;
    uint64_t deadline_ns;
    uint64_t time_ns;
    uint64_t keys;
    uint64_t listed;
    uint64_t first;
    uint64_t held;
};

/* Answers the question from view. */
void de_lease_look_read(struct de_kv_view *view, struct dengine_slice question,
                        uint8_t bytes[DE_LEASE_LOOK_BYTES]);
/* False: it is none. */
bool de_lease_look_decode(struct dengine_slice bytes, struct de_lease_look *look);

/* What is wrong with a look at a lease with this time to live, with or without a session, that is
 * there; NULL: nothing. */
const char *de_lease_look_wrong(const struct de_lease_look *look, uint64_t lease, uint64_t ttl_ns,
                                bool session);

#ifdef __cplusplus
}
#endif

#endif
