/* client/policy/retry.h - one call through all its attempts: when it goes again, and how it ends.
 *
 * Times are nanoseconds of a monotonic clock. Threads: none of its own; one at a time. */
#ifndef DE_CLIENT_POLICY_RETRY_H
#define DE_CLIENT_POLICY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "client/policy/verdict.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_retry {
    uint64_t deadline_ns;
    uint64_t not_before_ns; /* of the next attempt */
    uint32_t failures;
    int err; /* what it ends with when its time runs out; 0 = no attempt has failed yet */
};

void de_retry_init(struct de_retry *retry, uint64_t deadline_ns);

/* An attempt was judged to go again. hinted: its answer named another leader. random: any number.
 * False: its time would be over by then; the call ends with the verdict's err. */
bool de_retry_again(struct de_retry *retry, const struct de_judgement *verdict, bool hinted,
                    uint64_t random, uint64_t now_ns);

/* Its time has run out while it waited to be sent: what it ends with. reachable: some member has a
 * connection that stands. */
int de_retry_expired(const struct de_retry *retry, bool reachable);

#ifdef __cplusplus
}
#endif

#endif
