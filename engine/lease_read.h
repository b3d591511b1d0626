/* engine/lease_read.h - whether this node may answer a read by lease from its own state.
 *
 * core/node/lease.h has the rule, and why it holds. Threads: any. */
#ifndef DE_ENGINE_LEASE_READ_H
#define DE_ENGINE_LEASE_READ_H

#include "core/kv/kv.h"
#include "runtime/libev/clock.h"
#include "runtime/libev/replica.h"

#ifdef __cplusplus
extern "C" {
#endif

/* True: a view that is opened from now on may answer a read that has come before this call. */
bool de_lease_read_covered(const struct de_replica *replica, struct de_kv *kv);

/* The same in two parts, for who can do something useful between them. What a view that was opened
 * after the first one has is shown when that was true, and the second one is. */
bool de_lease_read_begin(const struct de_replica *replica, struct de_kv *kv, uint64_t *until_ns);

static inline bool de_lease_read_end(uint64_t until_ns)
{
    return de_clock_now_ns() < until_ns;
}

#ifdef __cplusplus
}
#endif

#endif
