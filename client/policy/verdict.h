/* client/policy/verdict.h - what an answer of a server means for the call: over, or again.
 *
 * The rule that everything here serves: a write is sent again only when the answer says for certain
 * that it was not done and never will be. Whatever leaves that open ends it as UNKNOWN. (Blind
 * retries of a compare-and-swap are a classic way to apply it twice.) A read may always be sent
 * again.
 *
 * Threads: pure functions. */
#ifndef DE_CLIENT_POLICY_VERDICT_H
#define DE_CLIENT_POLICY_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include <dengine/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longest that a server's "retry after" is obeyed for. */
#define DE_RETRY_AFTER_MAX_MS 2000

/* How a call over gRPC ended: the numbers of its statuses on the wire (grpc/status.h). */
enum de_answer_status {
    DE_ANSWER_OK = 0,
    DE_ANSWER_CANCELLED = 1,
    DE_ANSWER_INVALID_ARGUMENT = 3,
    DE_ANSWER_DEADLINE_EXCEEDED = 4,
    DE_ANSWER_PERMISSION_DENIED = 7,
    DE_ANSWER_RESOURCE_EXHAUSTED = 8,
    DE_ANSWER_UNIMPLEMENTED = 12,
    DE_ANSWER_UNAVAILABLE = 14,
    DE_ANSWER_UNAUTHENTICATED = 16,
};

/* How an attempt ended. */
struct de_answer {
    bool write;
    int status;              /* enum de_answer_status, or any other status of gRPC */
    bool understood;         /* status OK: the reply was a message of the right kind */
    int err;                 /* status OK and understood: what the reply says; 0 or DENGINE_E_* */
    uint64_t retry_after_ms; /* of the reply; 0 = it says nothing */
};

struct de_judgement {
    int err;              /* what the call ends with, if it ends (also when time runs out) */
    bool again;           /* send it again, if there is time */
    bool leader_doubtful; /* whoever was asked may not be the leader any more */
    uint32_t delay_ms;    /* again: not sooner than this; 0 = as usual */
};

struct de_judgement de_judge(const struct de_answer *answer);

/* How long to wait before the attempt after `failures` failed ones: exponential, with jitter from
 * the given random number. Milliseconds, 5..1000. */
uint32_t de_backoff_ms(uint32_t failures, uint64_t random);

#ifdef __cplusplus
}
#endif

#endif
