#include "client/policy/retry.h"

#include <string.h>

#include "core/base/assert.h"

/* So many hints are followed at once; after that not round and round. */
#define HINTS_MAX 3u

void de_retry_init(struct de_retry *retry, uint64_t deadline_ns)
{
    memset(retry, 0, sizeof *retry);
    retry->deadline_ns = deadline_ns;
    DE_ASSERT(retry->err == 0);
}

bool de_retry_again(struct de_retry *retry, const struct de_judgement *verdict, bool hinted,
                    uint64_t random, uint64_t now_ns)
{
    uint64_t wait_ms = verdict->delay_ms;

    DE_ASSERT(verdict->again && verdict->err != 0);
    retry->err = verdict->err;
    if (!hinted || retry->failures >= HINTS_MAX) {
        wait_ms += de_backoff_ms(retry->failures, random);
    }
    retry->failures++;
    retry->not_before_ns = now_ns + wait_ms * 1000000;
    return retry->not_before_ns < retry->deadline_ns;
}

int de_retry_expired(const struct de_retry *retry, bool reachable)
{
    if (retry->err != 0) {
        return retry->err;
    }
    /* Never sent: because nobody was there, or because nobody led? */
    DE_ASSERT(retry->failures == 0);
    return reachable ? DENGINE_E_NO_LEADER : DENGINE_E_UNAVAILABLE;
}
