/* runtime/sim/verdict.h - what a run has shown.
 *
 * The first failure wins: what follows a broken invariant proves nothing. The sentence speaks of
 * keys, clients and nodes, so that the reader need not know the simulator. */
#ifndef DE_RUNTIME_SIM_VERDICT_H
#define DE_RUNTIME_SIM_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Exit statuses of the tools. */
enum de_verdict_status {
    DE_VERDICT_OK = 0,
    DE_VERDICT_USAGE = 1,
    DE_VERDICT_CRASH = 127,
    DE_VERDICT_LIVENESS = 128,
    DE_VERDICT_CORRECTNESS = 129,
    DE_VERDICT_UNKNOWN = 130,
    DE_VERDICT_NONDETERMINISM = 131,
};

struct de_verdict {
    uint32_t status;    /* enum de_verdict_status */
    uint64_t time_ns;   /* virtual time of the failure */
    char oracle[32];    /* which check failed; "" when ok */
    char sentence[480]; /* what is wrong; "" when ok */
};

void de_verdict_init(struct de_verdict *verdict);

/* Records a failure unless there is one already. oracle is a short name. */
__attribute__((format(printf, 5, 6))) void de_verdict_fail(struct de_verdict *verdict,
                                                           uint32_t status, uint64_t time_ns,
                                                           const char *oracle, const char *format,
                                                           ...);

static inline bool de_verdict_failed(const struct de_verdict *verdict)
{
    return verdict->status != DE_VERDICT_OK;
}

/* "ok", "correctness" and so on. Static. */
const char *de_verdict_name(uint32_t status);

#ifdef __cplusplus
}
#endif

#endif
