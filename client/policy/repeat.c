#include "client/policy/repeat.h"

#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"

#define NS_PER_MS UINT64_C(1000000)

/* The next attempt goes where the client by then thinks that the leader is. */
#define ATTEMPT_MS UINT64_C(2000)

/* Pauses between attempts: doubled up to the greatest. */
#define PAUSE_MS      UINT64_C(10)
#define PAUSE_MS_MAX  UINT64_C(500)
#define DOUBLINGS_MAX 7u

void de_repeat_init(struct de_repeat *repeat, uint64_t number, uint64_t deadline_ns)
{
    DE_ASSERT(number > 0);
    memset(repeat, 0, sizeof *repeat);
    repeat->number = number;
    repeat->deadline_ns = deadline_ns;
}

void de_repeat_send(struct de_repeat *repeat, const struct de_numbers *numbers, uint64_t now_ns,
                    struct de_repeat_attempt *attempt)
{
    uint64_t left_ms =
        repeat->deadline_ns > now_ns ? (repeat->deadline_ns - now_ns) / NS_PER_MS : 0;

    DE_ASSERT(repeat->number > numbers->acknowledged && repeat->number < numbers->next);
    repeat->again_ns = 0;
    repeat->attempts++;
    left_ms = left_ms < ATTEMPT_MS ? left_ms : ATTEMPT_MS;
    attempt->number = repeat->number;
    attempt->acknowledged = numbers->acknowledged;
    attempt->timeout_ms = left_ms > 0 ? (uint32_t)left_ms : 1;
}

/* Whether another attempt may bring more. */
static bool may_change(int err)
{
    switch (err) {
    case DENGINE_E_UNKNOWN:
    case DENGINE_E_PROTOCOL:
    case DENGINE_E_INTERNAL:
    case DENGINE_E_BUSY:
    case DENGINE_E_TIMEOUT:
    case DENGINE_E_NOT_LEADER:
    case DENGINE_E_NO_LEADER:
    case DENGINE_E_UNAVAILABLE:
    case DENGINE_E_SUPERSEDED:
        return true;
    default:
        return false;
    }
}

/* Whether err is the state machine's answer to this very number, and so the answer also when an
 * earlier attempt was the one that was carried out. */
static bool is_result(int err)
{
    return err == DENGINE_E_NO_LEASE || err == DENGINE_E_TOO_LARGE || err == DENGINE_E_INVALID;
}

static uint64_t pause_ns(const struct de_repeat *repeat)
{
    const uint32_t doublings = repeat->attempts < DOUBLINGS_MAX ? repeat->attempts : DOUBLINGS_MAX;
    const uint64_t pause_ms = PAUSE_MS << doublings;

    DE_ASSERT(pause_ms >= PAUSE_MS);
    return (pause_ms < PAUSE_MS_MAX ? pause_ms : PAUSE_MS_MAX) * NS_PER_MS;
}

bool de_repeat_answered(struct de_repeat *repeat, int status, bool closing, uint64_t now_ns,
                        int *err)
{
    const uint64_t again_ns = now_ns + pause_ns(repeat);

    DE_ASSERT(repeat->attempts > 0 && repeat->again_ns == 0);
    *err = status;
    if (status == 0 || is_result(status)) {
        return false;
    }
    repeat->doubtful = repeat->doubtful || dengine_outcome(status) == DENGINE_OUTCOME_UNKNOWN;
    if (may_change(status) && !closing && again_ns < repeat->deadline_ns) {
        repeat->again_ns = again_ns;
        return true;
    }
    *err = de_repeat_verdict(repeat, status);
    return false;
}

int de_repeat_verdict(const struct de_repeat *repeat, int err)
{
    DE_ASSERT(err != 0);
    return repeat->doubtful && dengine_outcome(err) == DENGINE_NOT_DONE ? DENGINE_E_UNKNOWN : err;
}
