/* Simulated clients that have the policy of the production client (client/policy): which answers
 * may be followed by another attempt, when, and to whom. Only what carries their requests is
 * simulated: a connection stands from the first answer of a node until an answer is overdue, which
 * is how a broken one shows; and who leads is a question of its own.
 *
 * Every call must end once, in time, and with an outcome that is true: one that surely was not done
 * is taken out of the history, where its value must then never be seen. */
#include "client/policy/retry.h"
#include "client/policy/route.h"
#include "core/base/assert.h"
#include "core/base/random.h"
#include "runtime/sim/memory.h"
#include "runtime/sim/workload_internal.h"

/* Contents of the event that wakes a client: something is due; or the deadline of an operation,
 * then its number is in the lower bits. */
#define WAKE     UINT64_MAX
#define DEADLINE (UINT64_C(1) << 63)

struct de_remote_client {
    struct de_route route;
    struct de_retry retry;
    uint64_t ready;                         /* members with a connection that stands */
    uint64_t connecting;                    /* being connected to */
    uint64_t asking;                        /* being asked who leads */
    uint64_t questions[DE_ROUTE_PEERS_MAX]; /* of each of these the attempt's number */
    bool parked;                            /* the call waits to be sent */
    uint32_t flying;                        /* or has been sent to this member; else NOBODY */
    uint64_t call;                          /* its attempt's number */
    uint64_t woken_ns;                      /* when the next wake-up comes */
};

void de_workload_remote_init(struct de_workload *workload, struct de_client *client)
{
    struct de_remote_client *remote = de_sim_allocate_zeroed(sizeof(*remote));

    de_route_init(&remote->route, de_mix64(workload->kernel->seed ^ de_mix64(client->endpoint)));
    for (uint32_t id = 1; id <= workload->options.nodes; id++) {
        const uint32_t peer = de_route_add(&remote->route);

        DE_ASSERT(peer == id - 1);
    }
    remote->route.turn = client->endpoint % workload->options.nodes;
    remote->flying = DE_ROUTE_NOBODY;
    remote->woken_ns = UINT64_MAX;
    client->remote = remote;
    de_workload_session_init(workload, client);
}

static void settle(struct de_workload *workload, struct de_client *client);

/* The operation has ended; err as the production client would report it. */
void de_workload_remote_end(struct de_workload *workload, struct de_client *client, int err,
                            const struct de_rpc_reply *reply)
{
    const bool read = client->function == DE_HISTORY_READ;

    if (err == 0 && read) {
        de_workload_end(workload, client, DE_HISTORY_OK, de_workload_value_in(reply));
    } else if (err == 0) {
        de_workload_end(workload, client, reply->succeeded ? DE_HISTORY_OK : DE_HISTORY_FAIL, 0);
    } else if (client->final) {
        de_workload_remote_begin(workload, client); /* until it has an answer */
    } else if (read || dengine_outcome(err) == DENGINE_NOT_DONE) {
        de_workload_withdraw(workload, client);
    } else {
        de_workload_end(workload, client, DE_HISTORY_INFO, 0);
    }
}

/* The call has ended. */
static void finish(struct de_workload *workload, struct de_client *client, int err,
                   const struct de_rpc_reply *reply)
{
    struct de_remote_client *remote = client->remote;
    const uint64_t now_ns = workload->kernel->now_ns;

    if (!client->busy) {
        de_verdict_fail(workload->verdict, DE_VERDICT_CORRECTNESS, now_ns, "one-outcome",
                        "a call of client %u ends twice", client->endpoint);
        return;
    }
    if (now_ns > remote->retry.deadline_ns) {
        de_verdict_fail(workload->verdict, DE_VERDICT_CORRECTNESS, now_ns, "deadline",
                        "a call of client %u ends after its deadline", client->endpoint);
    }
    remote->parked = false;
    remote->flying = DE_ROUTE_NOBODY;
    if (client->session != NULL && client->function != DE_HISTORY_READ) {
        de_workload_session_ended(workload, client, err, reply);
    } else {
        de_workload_remote_end(workload, client, err, reply);
    }
}

static void send_call(struct de_workload *workload, struct de_client *client, uint32_t peer)
{
    struct de_remote_client *remote = client->remote;

    DE_ASSERT(remote->parked && remote->flying == DE_ROUTE_NOBODY);
    remote->parked = false;
    remote->flying = peer;
    remote->call = ++client->attempt;
    (void)de_network_send(workload->network, client->endpoint, peer + 1,
                          de_workload_request(workload, client));
    de_kernel_post(workload->kernel, workload->kernel->now_ns + workload->options.attempt_ns,
                   DE_CLIENT_TIMEOUT, client->endpoint, remote->call, NULL);
}

/* To connect is to ask, too: what the answer says then is not looked at. */
static void ask(struct de_workload *workload, struct de_client *client, uint32_t peer, bool connect)
{
    struct de_remote_client *remote = client->remote;
    struct de_rpc_request request = {.type = DE_RPC_LEADER};

    *(connect ? &remote->connecting : &remote->asking) |= UINT64_C(1) << peer;
    request.attempt = ++client->attempt;
    remote->questions[peer] = request.attempt;
    (void)de_network_send(workload->network, client->endpoint, peer + 1,
                          de_rpc_request_encode(&request));
    de_kernel_post(workload->kernel, workload->kernel->now_ns + workload->options.attempt_ns,
                   DE_CLIENT_TIMEOUT, client->endpoint, request.attempt, NULL);
}

/* As remote_call.c does with what an attempt has come to. */
static void judged(struct de_workload *workload, struct de_client *client,
                   const struct de_answer *answer, const struct de_rpc_reply *reply)
{
    struct de_remote_client *remote = client->remote;
    const struct de_judgement verdict = de_judge(answer);
    const bool hinted = reply != NULL && verdict.err == DENGINE_E_NOT_LEADER &&
                        reply->leader != 0 && reply->leader <= workload->options.nodes;

    DE_ASSERT(remote->flying != DE_ROUTE_NOBODY);
    if (verdict.leader_doubtful) {
        (void)de_route_doubt(&remote->route, remote->flying);
    }
    if (hinted) {
        de_route_lead(&remote->route, (uint32_t)reply->leader - 1);
    }
    remote->flying = DE_ROUTE_NOBODY;
    if (!verdict.again ||
        !de_retry_again(&remote->retry, &verdict, hinted, de_random_next(&remote->route.random),
                        workload->kernel->now_ns)) {
        finish(workload, client, verdict.err, reply);
        return;
    }
    remote->parked = true;
}

static void pursue(struct de_workload *workload, struct de_client *client, uint32_t peer,
                   bool asked, uint64_t *due_ns)
{
    struct de_remote_client *remote = client->remote;

    if (((remote->connecting | remote->asking) >> peer & 1) != 0) {
        return;
    }
    switch (de_route_pursue(&remote->route, peer, remote->ready, asked, workload->kernel->now_ns,
                            due_ns)) {
    case DE_ROUTE_REST:
        break;
    case DE_ROUTE_CONNECT:
        ask(workload, client, peer, true);
        break;
    case DE_ROUTE_ASK:
        ask(workload, client, peer, false);
        break;
    }
}

/* As remote_route.c settles: the call goes, or what it waits for is worked on. */
static void settle(struct de_workload *workload, struct de_client *client)
{
    struct de_remote_client *remote = client->remote;
    const uint64_t now_ns = workload->kernel->now_ns;
    uint64_t due_ns = UINT64_MAX;
    uint32_t to;

    if (!client->busy || !remote->parked) {
        return;
    }
    if (remote->retry.deadline_ns <= now_ns) {
        finish(workload, client, de_retry_expired(&remote->retry, remote->ready != 0), NULL);
        return;
    }
    to = de_route_choose(&remote->route, remote->ready, false);
    if (remote->retry.not_before_ns > now_ns) {
        due_ns = remote->retry.not_before_ns;
    } else if (to != DE_ROUTE_NOBODY) {
        send_call(workload, client, to);
        return;
    }
    if (de_route_must_ask(&remote->route, remote->ready)) {
        for (uint32_t peer = 0; peer < remote->route.count; peer++) {
            pursue(workload, client, peer, true, &due_ns);
        }
    } else {
        pursue(workload, client, remote->route.leader, false, &due_ns);
    }
    if (due_ns < remote->woken_ns) {
        remote->woken_ns = due_ns;
        de_kernel_post(workload->kernel, due_ns, DE_CLIENT_RETRY, client->endpoint, WAKE, NULL);
    }
}

void de_workload_remote_call(struct de_workload *workload, struct de_client *client,
                             uint64_t deadline_ns)
{
    struct de_remote_client *remote = client->remote;

    DE_ASSERT(remote->flying == DE_ROUTE_NOBODY && !remote->parked);
    de_retry_init(&remote->retry, deadline_ns);
    remote->parked = true;
    de_kernel_post(workload->kernel, deadline_ns, DE_CLIENT_RETRY, client->endpoint,
                   DEADLINE | client->operations, NULL);
    settle(workload, client);
}

void de_workload_remote_begin(struct de_workload *workload, struct de_client *client)
{
    if (client->session != NULL && client->function != DE_HISTORY_READ) {
        de_workload_session_begin(workload, client);
    } else {
        de_workload_remote_call(workload, client,
                                workload->kernel->now_ns + workload->options.operation_ns);
    }
}

static void answered(struct de_workload *workload, struct de_client *client, uint32_t peer,
                     const struct de_rpc_reply *reply)
{
    struct de_remote_client *remote = client->remote;
    const uint64_t bit = UINT64_C(1) << peer;
    const bool names = reply->leader != 0 && reply->leader <= remote->route.count;

    remote->ready |= bit;
    if ((remote->connecting & bit) != 0) {
        de_route_connected(&remote->route, peer);
    } else {
        (void)de_route_heard(&remote->route, peer,
                             names ? (uint32_t)reply->leader - 1 : DE_ROUTE_NOBODY, remote->ready,
                             workload->kernel->now_ns);
    }
    remote->connecting &= ~bit;
    remote->asking &= ~bit;
}

/* The member whose question has this number; NOBODY. */
static uint32_t asked(const struct de_remote_client *remote, uint64_t attempt)
{
    for (uint32_t peer = 0; peer < remote->route.count; peer++) {
        if (remote->questions[peer] == attempt &&
            ((remote->connecting | remote->asking) >> peer & 1) != 0) {
            return peer;
        }
    }
    return DE_ROUTE_NOBODY;
}

void de_workload_remote_receive(struct de_workload *workload, struct de_client *client,
                                const struct de_rpc_reply *reply)
{
    struct de_remote_client *remote = client->remote;
    const uint32_t peer = asked(remote, reply->attempt);

    if (peer != DE_ROUTE_NOBODY) {
        answered(workload, client, peer, reply);
    } else if (client->busy && remote->flying != DE_ROUTE_NOBODY &&
               remote->call == reply->attempt) {
        struct de_answer answer = {.write = client->function != DE_HISTORY_READ,
                                   .status = DE_ANSWER_OK,
                                   .understood = true,
                                   .err = reply->status};

        /* As the server puts it (proto/error_codes.h). */
        if (answer.write && answer.err != 0 && dengine_outcome(answer.err) != DENGINE_NOT_DONE) {
            answer.err = DENGINE_E_UNKNOWN;
        }
        judged(workload, client, &answer, reply);
    }
    settle(workload, client);
}

void de_workload_remote_timeout(struct de_workload *workload, struct de_client *client,
                                uint64_t attempt)
{
    struct de_remote_client *remote = client->remote;
    uint32_t peer = asked(remote, attempt);

    if (peer != DE_ROUTE_NOBODY) {
        remote->connecting &= ~(UINT64_C(1) << peer);
        remote->asking &= ~(UINT64_C(1) << peer);
        remote->ready &= ~(UINT64_C(1) << peer);
        de_route_failed(&remote->route, peer, workload->kernel->now_ns);
        (void)de_route_doubt(&remote->route, peer);
    } else if (client->busy && remote->flying != DE_ROUTE_NOBODY && remote->call == attempt) {
        const struct de_answer answer = {.write = client->function != DE_HISTORY_READ,
                                         .status = DE_ANSWER_UNAVAILABLE};

        remote->ready &= ~(UINT64_C(1) << remote->flying);
        judged(workload, client, &answer, NULL);
    }
    settle(workload, client);
}

void de_workload_remote_wake(struct de_workload *workload, struct de_client *client,
                             uint64_t content)
{
    struct de_remote_client *remote = client->remote;

    if (content == WAKE) {
        remote->woken_ns = UINT64_MAX;
    } else if (client->busy && content == (DE_CLIENT_AGAIN | client->operations)) {
        de_workload_session_again(workload, client);
    } else if (client->busy && content == (DEADLINE | client->operations) &&
               remote->flying != DE_ROUTE_NOBODY &&
               workload->kernel->now_ns >= remote->retry.deadline_ns) {
        const struct de_answer answer = {.write = client->function != DE_HISTORY_READ,
                                         .status = DE_ANSWER_DEADLINE_EXCEEDED};

        judged(workload, client, &answer, NULL);
    }
    settle(workload, client);
}
