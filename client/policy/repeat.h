/* client/policy/repeat.h - one write of a session through all its attempts: what may be sent again,
 * when, and how it ends.
 *
 * An attempt is a call of the client below, with that client's own policy (retry.h), which sends no
 * write again that may have been carried out. A session may, since the cluster carries out each
 * number once (numbers.h): so here it is the other way round, everything is sent again that leaves
 * open what became of the write, under the same number, until an answer says it or time is up. What
 * is left open then ends as UNKNOWN, also when the last attempt surely was not carried out.
 *
 * Times are nanoseconds of a monotonic clock. Threads: none of its own; one at a time. */
#ifndef DE_CLIENT_POLICY_REPEAT_H
#define DE_CLIENT_POLICY_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "client/policy/numbers.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_repeat {
    uint64_t number;
    uint64_t deadline_ns;
    uint64_t again_ns; /* when to send it again; 0 = it is under way */
    uint32_t attempts;
    bool doubtful; /* an earlier attempt may have been carried out */
};

void de_repeat_init(struct de_repeat *repeat, uint64_t number, uint64_t deadline_ns);

/* What an attempt says to the cluster, and how long it may take: it may be stuck where its answer
 * never comes from. */
struct de_repeat_attempt {
    uint64_t number;
    uint64_t acknowledged;
    uint32_t timeout_ms;
};

/* An attempt leaves now. */
void de_repeat_send(struct de_repeat *repeat, const struct de_numbers *numbers, uint64_t now_ns,
                    struct de_repeat_attempt *attempt);

/* The attempt under way was answered with status (0 or DENGINE_E_*). True: there will be another
 * one, at again_ns. False: that was the last (always so when closing), and the write ends with
 * *err. */
bool de_repeat_answered(struct de_repeat *repeat, int status, bool closing, uint64_t now_ns,
                        int *err);

/* What a write ends with that cannot go on because of err. */
int de_repeat_verdict(const struct de_repeat *repeat, int err);

#ifdef __cplusplus
}
#endif

#endif
