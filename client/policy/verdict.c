#include "client/policy/verdict.h"

#include "core/base/assert.h"

/* The reply is a message of ours and says what happened. */
static struct de_judgement judge_reply(const struct de_answer *answer)
{
    struct de_judgement verdict = {.err = answer->err};

    switch (verdict.err) {
    case DENGINE_E_NOT_LEADER:
    case DENGINE_E_NO_LEADER:
        verdict.again = true;
        verdict.leader_doubtful = true;
        break;
    case DENGINE_E_BUSY:
        verdict.again = true;
        verdict.delay_ms = answer->retry_after_ms < DE_RETRY_AFTER_MAX_MS
                               ? (uint32_t)answer->retry_after_ms
                               : DE_RETRY_AFTER_MAX_MS;
        break;
    case DENGINE_E_UNKNOWN:
        verdict.leader_doubtful = true;
        if (!answer->write) { /* of a read it says only that this node could not */
            verdict.again = true;
            verdict.err = DENGINE_E_UNAVAILABLE;
        }
        break;
    default:
        break;
    }
    return verdict;
}

/* gRPC says that the server refused the request as such: it was not carried out. */
static int refused(int status)
{
    switch (status) {
    case DE_ANSWER_INVALID_ARGUMENT:
        return DENGINE_E_INVALID;
    case DE_ANSWER_UNIMPLEMENTED:
        return DENGINE_E_VERSION;
    case DE_ANSWER_PERMISSION_DENIED:
    case DE_ANSWER_UNAUTHENTICATED:
        return DENGINE_E_PERMISSION;
    case DE_ANSWER_RESOURCE_EXHAUSTED:
        return DENGINE_E_TOO_LARGE;
    default:
        return 0;
    }
}

static struct de_judgement judge_failure(const struct de_answer *answer)
{
    struct de_judgement verdict = {.err = refused(answer->status)};

    if (verdict.err != 0) {
        return verdict;
    }
    /* The request had left when this happened (the client sends only on a connection that
     * stands), so a write may have got there. */
    verdict.leader_doubtful = true;
    if (answer->write) {
        verdict.err = DENGINE_E_UNKNOWN;
        return verdict;
    }
    switch (answer->status) {
    case DE_ANSWER_DEADLINE_EXCEEDED:
        verdict.err = DENGINE_E_TIMEOUT;
        break;
    case DE_ANSWER_UNAVAILABLE:
    case DE_ANSWER_CANCELLED:
        verdict.err = DENGINE_E_UNAVAILABLE;
        verdict.again = true;
        break;
    default:
        verdict.err = DENGINE_E_PROTOCOL;
        break;
    }
    return verdict;
}

struct de_judgement de_judge(const struct de_answer *answer)
{
    struct de_judgement verdict;

    if (answer->status == DE_ANSWER_OK && answer->understood) {
        verdict = judge_reply(answer);
    } else if (answer->status == DE_ANSWER_OK) {
        verdict =
            (struct de_judgement){.err = answer->write ? DENGINE_E_UNKNOWN : DENGINE_E_PROTOCOL};
    } else {
        verdict = judge_failure(answer);
    }
    DE_ASSERT_IMPLIES(verdict.again && answer->write,
                      dengine_outcome(verdict.err) == DENGINE_NOT_DONE);
    return verdict;
}

uint32_t de_backoff_ms(uint32_t failures, uint64_t random)
{
    const uint32_t doublings = failures < 7 ? failures : 7;
    const uint32_t ceiling_ms = UINT32_C(10) << doublings;
    const uint32_t half_ms = (ceiling_ms < 1000 ? ceiling_ms : 1000) / 2;

    /* Half fixed, half random, so that clients that failed together do not come back together. */
    return half_ms + (uint32_t)(random % (half_ms + 1));
}
