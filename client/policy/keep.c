#include "client/policy/keep.h"

#include <dengine/error.h>

#include "core/base/assert.h"

#define NS_PER_MS UINT64_C(1000000)

/* The leader's clock may run faster than ours by one part in so many. */
#define DRIFT_PART 100
/* Renewals in the time of a lease, and attempts in the time of a renewal that has failed. */
#define RENEWALS 3
#define ATTEMPTS 8

/* Until when a lease lives for certain that began anew after begin_ns. */
static uint64_t sure_until(const struct de_keep *keep, uint64_t begin_ns)
{
    DE_ASSERT(keep->ttl_ns > DRIFT_PART);
    return begin_ns + keep->ttl_ns - keep->ttl_ns / DRIFT_PART;
}

void de_keep_init(struct de_keep *keep, uint64_t ttl_ns, uint64_t begin_ns, uint64_t now_ns)
{
    DE_ASSERT(begin_ns <= now_ns);
    *keep = (struct de_keep){.ttl_ns = ttl_ns, .next_ns = now_ns + ttl_ns / RENEWALS};
    keep->sure_until_ns = sure_until(keep, begin_ns);
}

enum de_keep_step de_keep_next(const struct de_keep *keep, uint64_t now_ns, uint64_t *until_ns)
{
    DE_ASSERT(keep->ttl_ns > 0);
    *until_ns = keep->next_ns;
    if (!keep->told && (keep->ended || now_ns >= keep->sure_until_ns)) {
        return DE_KEEP_TELL;
    }
    if (keep->ended) {
        return DE_KEEP_OVER;
    }
    if (now_ns >= keep->next_ns) {
        return DE_KEEP_RENEW;
    }
    if (!keep->told && keep->sure_until_ns < keep->next_ns) {
        *until_ns = keep->sure_until_ns;
    }
    return DE_KEEP_WAIT;
}

void de_keep_told(struct de_keep *keep)
{
    DE_ASSERT(!keep->told);
    keep->told = true;
}

uint32_t de_keep_patience_ms(const struct de_keep *keep, uint64_t now_ns)
{
    const uint64_t pause_ns = keep->ttl_ns / RENEWALS;
    const uint64_t left_ns = de_keep_left_ns(keep, now_ns);

    DE_ASSERT(!keep->ended);
    /* No longer than there is certainty, so that its end is noticed when it comes. */
    return (uint32_t)((left_ns > 0 && left_ns < pause_ns ? left_ns : pause_ns) / NS_PER_MS) + 1;
}

void de_keep_renewed(struct de_keep *keep, int err, uint64_t begin_ns, uint64_t now_ns)
{
    const uint64_t pause_ns = keep->ttl_ns / RENEWALS;

    DE_ASSERT(!keep->ended && begin_ns <= now_ns);
    if (err == DENGINE_E_NO_LEASE) {
        keep->ended = true;
        keep->sure_until_ns = 0;
    } else if (err == 0) {
        keep->sure_until_ns = sure_until(keep, begin_ns);
        keep->told = false;
        keep->next_ns = begin_ns + pause_ns;
    } else {
        keep->next_ns = now_ns + pause_ns / ATTEMPTS;
    }
}

uint64_t de_keep_left_ns(const struct de_keep *keep, uint64_t now_ns)
{
    DE_ASSERT(!keep->ended || keep->sure_until_ns == 0);
    return keep->sure_until_ns > now_ns ? keep->sure_until_ns - now_ns : 0;
}
