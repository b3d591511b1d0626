/* engine/lease_read.h - whether this node may answer a read by lease from its own state.
 *
 * core/node/lease.h has the rule, and why it holds. Threads: any. */
#ifndef DE_ENGINE_LEASE_READ_H
#define DE_ENGINE_LEASE_READ_H

#include "core/kv/kv.h"
#include "runtime/libev/replica.h"

#ifdef __cplusplus
extern "C" {
#endif

/* True: a view that is opened from now on may answer a read that has come before this call. */
bool de_lease_read_covered(const struct de_replica *replica, struct de_kv *kv);

#ifdef __cplusplus
}
#endif

#endif
