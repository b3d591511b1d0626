/* client/policy/keep.h - a lease that is kept alive: when it is renewed, and until when it lives
 * for certain.
 *
 * What is known for certain is counted from before a request left: the cluster lets the lease begin
 * anew after that, and its time runs no faster than a clock that drifts as much as clocks may.
 *
 * Times are nanoseconds of a monotonic clock. Threads: none of its own; one at a time. */
#ifndef DE_CLIENT_POLICY_KEEP_H
#define DE_CLIENT_POLICY_KEEP_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_keep {
    uint64_t ttl_ns;
    uint64_t sure_until_ns; /* it lives for certain */
    uint64_t next_ns;       /* when to renew it */
    bool ended;             /* the cluster said so */
    bool told;              /* the owner knows of this loss */
};

/* It was granted, now, in answer to a call that began at begin_ns. */
void de_keep_init(struct de_keep *keep, uint64_t ttl_ns, uint64_t begin_ns, uint64_t now_ns);

enum de_keep_step {
    DE_KEEP_WAIT,  /* until *until_ns */
    DE_KEEP_TELL,  /* the owner that it may be lost: told() */
    DE_KEEP_RENEW, /* renewed() */
    DE_KEEP_OVER,
};

enum de_keep_step de_keep_next(const struct de_keep *keep, uint64_t now_ns, uint64_t *until_ns);
void de_keep_told(struct de_keep *keep);

/* How long a renewal that begins now may take. */
uint32_t de_keep_patience_ms(const struct de_keep *keep, uint64_t now_ns);
/* The renewal that began at begin_ns has ended with err. */
void de_keep_renewed(struct de_keep *keep, int err, uint64_t begin_ns, uint64_t now_ns);

/* How long it lives for certain. */
uint64_t de_keep_left_ns(const struct de_keep *keep, uint64_t now_ns);

#ifdef __cplusplus
}
#endif

#endif
