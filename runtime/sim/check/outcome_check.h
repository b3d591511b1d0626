/* runtime/sim/check/outcome_check.h - every request ends exactly once, and a write of a session
 * happens at most once.
 *
 *   one-outcome     a request that began ends once: not twice, not without a beginning, and at the
 *                   end of a run none is open
 *   applied-twice   a command that names a session and a sequence number takes effect at most once
 *   other-answer    whoever asks again with that number gets the answer of the first time
 *   answer-invented an answer is told of a number that was applied
 *
 * Pure; one thread. */
#ifndef DE_RUNTIME_SIM_CHECK_OUTCOME_CHECK_H
#define DE_RUNTIME_SIM_CHECK_OUTCOME_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/finding.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is known of a pair of numbers; the second is 0 for a request. */
struct de_outcome {
    uint64_t first;
    uint64_t second;
    uint64_t revision; /* of a session's command: where it took effect */
    uint64_t answer;   /* of a session's command */
    bool used;
    bool ended; /* of a request */
};

/* A hash table by the pair. */
struct de_outcome_check {
    struct de_outcome *cells;
    size_t count;
    size_t capacity; /* a power of two, or 0 */
    size_t open;     /* requests */
};

void de_outcome_check_init(struct de_outcome_check *check);
void de_outcome_check_deinit(struct de_outcome_check *check);

/* Requests. Ids are unique within a check. All return false with a finding. */
bool de_outcome_check_begun(struct de_outcome_check *check, uint64_t request,
                            struct de_finding *finding);
bool de_outcome_check_ended(struct de_outcome_check *check, uint64_t request,
                            struct de_finding *finding);
/* The run is over. */
bool de_outcome_check_finish(const struct de_outcome_check *check, struct de_finding *finding);

/* Sessions. The committed log is followed once: the command of (session, sequence > 0) took effect
 * at revision, with an answer that is this number (a hash of it). Its repetitions in the log, which
 * do nothing, are not told. */
bool de_outcome_check_applied(struct de_outcome_check *check, uint64_t session, uint64_t sequence,
                              uint64_t revision, uint64_t answer, struct de_finding *finding);
/* A client was told this answer. To be called when the log has been followed up to there. */
bool de_outcome_check_answered(const struct de_outcome_check *check, uint64_t session,
                               uint64_t sequence, uint64_t answer, struct de_finding *finding);

#ifdef __cplusplus
}
#endif

#endif
