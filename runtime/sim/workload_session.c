/* Simulated clients whose writes are those of a session, by the rules of the production client's
 * sessions (client/policy): a write keeps its number through all its attempts, and ends as unknown
 * unless an answer says what became of it. Only threads are missing, and that a session keeps
 * itself alive: here the client does that before a write, when it is time.
 *
 * Every attempt is a call as workload_remote.c makes it. So a write may be sent again although an
 * earlier attempt was carried out: the histories are linearizable only if the cluster does each
 * number once, and if the client gives the same number to all attempts. */
#include "client/policy/numbers.h"
#include "client/policy/repeat.h"
#include "core/base/assert.h"
#include "core/kv/answer.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/memory.h"
#include "runtime/sim/workload_internal.h"

/* What the call under way is for. */
enum step { STEP_OPEN, STEP_KEEP, STEP_WRITE };

struct de_session_client {
    struct de_numbers numbers;
    struct de_repeat repeat; /* of the write under way */
    struct de_repeat_attempt attempt;
    uint64_t lease; /* 0: no session is open */
    uint64_t ttl_ns;
    uint64_t keep_at_ns; /* before a write from then on the session is kept alive */
    uint64_t deadline_ns;
    enum step step;
};

void de_workload_session_init(struct de_workload *workload, struct de_client *client)
{
    struct de_dice dice;

    DE_ASSERT(client->session == NULL);
    de_dice_init(&dice, workload->kernel->seed, DE_DICE_CLIENT,
                 (uint64_t)client->endpoint << 56 | UINT64_C(202) << 48);
    if (de_dice_chance(&dice, workload->options.session_ppm)) {
        client->session = de_sim_allocate_zeroed(sizeof(*client->session));
        /* Some end while a write is sent again and again, most do not. */
        client->session->ttl_ns = 300 * DE_NS_PER_MS << de_dice_below(&dice, 6);
    }
}

void de_workload_session_command(const struct de_client *client, struct de_kv_command *command)
{
    const struct de_session_client *session = client->session;

    DE_ASSERT(session != NULL && client->function != DE_HISTORY_READ);
    if (session->step == STEP_OPEN) {
        *command = (struct de_kv_command){
            .type = DE_KV_LEASE_GRANT, .ttl_ns = session->ttl_ns, .with_session = true};
    } else if (session->step == STEP_KEEP) {
        *command = (struct de_kv_command){.type = DE_KV_LEASE_KEEP, .lease = session->lease};
    } else {
        command->session = session->lease;
        command->sequence = session->attempt.number;
        command->acknowledged = session->attempt.acknowledged;
    }
}

static void call_for(struct de_workload *workload, struct de_client *client, enum step step)
{
    struct de_session_client *session = client->session;
    const uint64_t now_ns = workload->kernel->now_ns;
    uint64_t deadline_ns = session->deadline_ns;

    session->step = step;
    if (step == STEP_WRITE) {
        de_repeat_send(&session->repeat, &session->numbers, now_ns, &session->attempt);
        deadline_ns = now_ns + session->attempt.timeout_ms * DE_NS_PER_MS;
    }
    de_workload_remote_call(workload, client, deadline_ns);
}

/* The session is open: the write gets its number. */
static void write_now(struct de_workload *workload, struct de_client *client)
{
    struct de_session_client *session = client->session;

    DE_ASSERT(session->lease != 0 && de_numbers_room(&session->numbers));
    de_repeat_init(&session->repeat, de_numbers_take(&session->numbers), session->deadline_ns);
    call_for(workload, client, STEP_WRITE);
}

void de_workload_session_begin(struct de_workload *workload, struct de_client *client)
{
    struct de_session_client *session = client->session;
    const uint64_t now_ns = workload->kernel->now_ns;

    session->deadline_ns = now_ns + workload->options.operation_ns;
    if (session->lease == 0) {
        call_for(workload, client, STEP_OPEN);
    } else if (now_ns >= session->keep_at_ns) {
        call_for(workload, client, STEP_KEEP);
    } else {
        write_now(workload, client);
    }
}

static void opened(struct de_workload *workload, struct de_client *client, int err,
                   const struct de_rpc_reply *reply)
{
    struct de_session_client *session = client->session;
    struct de_kv_answer answer;

    if (err != 0) {
        de_workload_withdraw(workload, client); /* it was never sent */
        return;
    }
    if (de_kv_answer_decode(reply->value, &answer) != 0 || answer.kind != DE_KV_ANSWER_LEASE) {
        de_verdict_fail(workload->verdict, DE_VERDICT_CORRECTNESS, workload->kernel->now_ns, "txn",
                        "client %u gets no lease in the answer to a grant", client->endpoint);
        return;
    }
    session->lease = answer.lease;
    session->keep_at_ns = workload->kernel->now_ns + session->ttl_ns / 3;
    de_numbers_init(&session->numbers);
    write_now(workload, client);
}

static void kept(struct de_workload *workload, struct de_client *client, int err)
{
    struct de_session_client *session = client->session;

    if (err == DENGINE_E_NO_LEASE) {
        session->lease = 0;
        call_for(workload, client, STEP_OPEN);
        return;
    }
    if (err == 0) {
        session->keep_at_ns = workload->kernel->now_ns + session->ttl_ns / 3;
    }
    if (workload->kernel->now_ns >= session->deadline_ns) {
        de_workload_withdraw(workload, client); /* it was never sent */
        return;
    }
    write_now(workload, client);
}

static void answered(struct de_workload *workload, struct de_client *client, int err,
                     const struct de_rpc_reply *reply)
{
    struct de_session_client *session = client->session;
    const uint64_t now_ns = workload->kernel->now_ns;

    if (de_repeat_answered(&session->repeat, err, false, now_ns, &err)) {
        de_kernel_post(workload->kernel, session->repeat.again_ns, DE_CLIENT_RETRY,
                       client->endpoint, DE_CLIENT_AGAIN | client->operations, NULL);
        return;
    }
    if (now_ns > session->deadline_ns + DE_NS_PER_MS) { /* attempts have whole milliseconds */
        de_verdict_fail(workload->verdict, DE_VERDICT_CORRECTNESS, now_ns, "deadline",
                        "a write in a session of client %u ends after its deadline",
                        client->endpoint);
    }
    de_numbers_end(&session->numbers, session->repeat.number);
    if (err == DENGINE_E_NO_SESSION || err == DENGINE_E_UNKNOWN) {
        session->keep_at_ns = 0; /* see first whether there still is one */
    }
    de_workload_remote_end(workload, client, err, reply);
}

void de_workload_session_ended(struct de_workload *workload, struct de_client *client, int err,
                               const struct de_rpc_reply *reply)
{
    switch (client->session->step) {
    case STEP_OPEN:
        opened(workload, client, err, reply);
        break;
    case STEP_KEEP:
        kept(workload, client, err);
        break;
    case STEP_WRITE:
        answered(workload, client, err, reply);
        break;
    }
}

void de_workload_session_again(struct de_workload *workload, struct de_client *client)
{
    DE_ASSERT(client->busy && client->session->step == STEP_WRITE);
    DE_ASSERT(client->session->repeat.again_ns <= workload->kernel->now_ns);
    call_for(workload, client, STEP_WRITE);
}
