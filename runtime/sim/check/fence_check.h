/* runtime/sim/check/fence_check.h - locks that outlive their holders' attention, and the tokens
 * that make up for it.
 *
 * A lock is tied to a lease; a holder that is paused may find itself one of two. So each grant has
 * a token that is greater than all before it (the revision of the grant), and what the lock
 * protects refuses a smaller token after a greater one.
 *
 *   fence-token      a grant's token is not greater than that of a grant that was over before it
 * was asked for, or is that of another grant fence-accepted   a resource accepted a token smaller
 * than one that it had accepted before fence-overlap    two holders at one time, each within the
 * time for which it surely held the lock. Only while all clocks keep the promised drift is that an
 * error: otherwise it is what tokens are for
 *
 * Times are nanoseconds of real (simulated) time. Pure; one thread. */
#ifndef DE_RUNTIME_SIM_CHECK_FENCE_CHECK_H
#define DE_RUNTIME_SIM_CHECK_FENCE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/finding.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A lock that was granted. */
struct de_fence_grant {
    uint64_t lock;
    uint64_t holder;
    uint64_t token;
    uint64_t call_ns;
    uint64_t return_ns; /* from now on it surely holds the lock */
    uint64_t until_ns;  /* and until now: the call of its release, or certain until of its lease */
    bool released;
};

/* A resource, and the greatest token that it accepted. */
struct de_fence_resource {
    uint64_t resource;
    uint64_t token;
    uint64_t holder;
};

struct de_fence_check {
    struct de_fence_grant *grants;
    size_t count;
    size_t capacity;
    struct de_fence_resource *resources;
    size_t resources_count;
    size_t resources_capacity;
};

void de_fence_check_init(struct de_fence_check *check);
void de_fence_check_deinit(struct de_fence_check *check);

/* holder is told that it has lock, with token. until_ns: certain until of its lease, as far as is
 * known now. False with a finding. */
bool de_fence_check_granted(struct de_fence_check *check, uint64_t lock, uint64_t holder,
                            uint64_t token, uint64_t call_ns, uint64_t return_ns, uint64_t until_ns,
                            struct de_finding *finding);

/* The lease of this grant was renewed: the holder has the lock until until_ns, if that is later
 * than what was known, and if it has not released it. */
void de_fence_check_renewed(struct de_fence_check *check, uint64_t lock, uint64_t token,
                            uint64_t until_ns);

/* The holder of this grant gives it up (or stops counting on it): it calls release at now_ns. */
void de_fence_check_released(struct de_fence_check *check, uint64_t lock, uint64_t token,
                             uint64_t now_ns);

/* resource accepts a write with token. In the order in which it does. False with a finding. */
bool de_fence_check_accepted(struct de_fence_check *check, uint64_t resource, uint64_t holder,
                             uint64_t token, struct de_finding *finding);

/* The run is over, and all clocks kept the promise: no two surely held one lock at one time. */
bool de_fence_check_finish(const struct de_fence_check *check, struct de_finding *finding);

#ifdef __cplusplus
}
#endif

#endif
