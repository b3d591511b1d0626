#include "runtime/sim/queue_call.h"

#include <dengine/error.h>

#include "client/policy/turn.h"
#include "core/base/assert.h"
#include "core/node/node.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/kernel.h"

static void call_dice(const struct de_queue_caller *caller, const struct de_queue_call *call,
                      struct de_dice *dice, uint64_t purpose)
{
    de_dice_init(dice, caller->kernel->seed, DE_DICE_QUEUE,
                 (uint64_t)call->endpoint << 56 | purpose << 48 | call->attempt);
}

static void send_attempt(const struct de_queue_caller *caller, struct de_queue_call *call)
{
    struct de_rpc_request request = {.type = call->type, .body = {call->bytes, call->size}};
    const uint64_t now_ns = caller->kernel->now_ns;
    uint64_t until_ns = now_ns + caller->attempt_ns;
    struct de_dice dice;

    if (now_ns < call->deadline_ns && call->deadline_ns < until_ns) {
        until_ns = call->deadline_ns;
    }
    call->attempt += 2;
    request.attempt = call->attempt;
    if (call->target == 0) {
        call_dice(caller, call, &dice, 1);
        call->target = 1 + (uint32_t)de_dice_below(&dice, caller->nodes);
    }
    (void)de_network_send(caller->network, call->endpoint, call->target,
                          de_rpc_request_encode(&request));
    de_kernel_post(caller->kernel, until_ns, DE_QUEUE_TIMEOUT, call->endpoint, call->attempt, NULL);
}

void de_queue_call_begin(const struct de_queue_caller *caller, struct de_queue_call *call,
                         uint64_t deadline_ns)
{
    DE_ASSERT(!call->busy && call->size <= sizeof(call->bytes));
    call->busy = true;
    call->begun_ns = caller->kernel->now_ns;
    call->deadline_ns = deadline_ns;
    send_attempt(caller, call);
}

static bool end(struct de_queue_call *call, int what, int *err)
{
    DE_ASSERT(call->busy);
    call->busy = false;
    *err = what;
    return true;
}

/* The last attempt did nothing, or the call is one that may be repeated. */
static bool try_elsewhere(const struct de_queue_caller *caller, struct de_queue_call *call,
                          uint64_t hint, int *err)
{
    struct de_dice dice;

    call->target = hint <= caller->nodes ? (uint32_t)hint : 0;
    if (caller->kernel->now_ns >= call->deadline_ns) {
        return end(call, DENGINE_E_TIMEOUT, err);
    }
    call->attempt += 2; /* late answers are ignored */
    call_dice(caller, call, &dice, 2);
    de_kernel_post(caller->kernel,
                   caller->kernel->now_ns + DE_NS_PER_MS +
                       de_dice_below(&dice, caller->attempt_ns / 8),
                   DE_QUEUE_RETRY, call->endpoint, call->attempt, NULL);
    return false;
}

bool de_queue_call_answered(const struct de_queue_caller *caller, struct de_queue_call *call,
                            const struct de_rpc_reply *reply, int *err)
{
    const bool write = call->type == DE_REQUEST_WRITE;

    DE_ASSERT(call->busy && reply->attempt == call->attempt);
    if (reply->status == 0) {
        return end(call, 0, err);
    }
    if (!write || dengine_outcome(reply->status) == DENGINE_NOT_DONE) {
        if (!write || de_turn_passes(reply->status)) {
            return try_elsewhere(caller, call, reply->leader, err);
        }
        return end(call, reply->status, err);
    }
    call->target = 0;
    return end(call, DENGINE_E_UNKNOWN, err);
}

bool de_queue_call_timeout(const struct de_queue_caller *caller, struct de_queue_call *call,
                           uint64_t attempt, int *err)
{
    if (!call->busy || call->attempt != attempt) {
        return false;
    }
    if (call->type != DE_REQUEST_WRITE) {
        return try_elsewhere(caller, call, 0, err);
    }
    call->target = 0;
    return end(call, DENGINE_E_UNKNOWN, err);
}

void de_queue_call_retry(const struct de_queue_caller *caller, struct de_queue_call *call,
                         uint64_t attempt)
{
    if (call->busy && call->attempt == attempt) {
        send_attempt(caller, call);
    }
}
