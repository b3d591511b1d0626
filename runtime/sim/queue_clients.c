#include "runtime/sim/queue_clients.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/kv/command.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/kernel.h"
#include "runtime/sim/queue_request.h"
#include "runtime/sim/workload.h"

/* How long who is first stays so, between two things that it does. */
#define USE_NS (30 * DE_NS_PER_MS)
/* Where they begin together, they do at the multiples of this. */
#define TOGETHER_NS (UINT64_C(512) * DE_NS_PER_MS)

static void client_dice(const struct de_queue_clients *queues, struct de_queue_client *client,
                        struct de_dice *dice)
{
    de_dice_init(dice, queues->caller.kernel->seed, DE_DICE_QUEUE,
                 (uint64_t)client->endpoint << 56 | ++client->draws);
}

static uint64_t now_of(const struct de_queue_clients *queues)
{
    return queues->caller.kernel->now_ns;
}

static bool sure(const struct de_queue_clients *queues, const struct de_queue_client *client)
{
    return de_queue_books_sure(queues, client);
}

/* Goes on at that time, not before it is awake. */
static void post_next(struct de_queue_clients *queues, struct de_queue_client *client,
                      uint64_t at_ns)
{
    at_ns = at_ns > client->held_up_until_ns ? at_ns : client->held_up_until_ns;
    de_kernel_post(queues->caller.kernel, at_ns, DE_QUEUE_NEXT, client->endpoint, ++client->next,
                   NULL);
}

static void ask(struct de_queue_clients *queues, struct de_queue_client *client,
                enum de_queue_aim aim, uint64_t patience_ns)
{
    client->aim = aim;
    de_queue_call_begin(&queues->caller, &client->call, now_of(queues) + patience_ns);
}

/* ---- rounds ---- */

/* The round is over. */
static void rest(struct de_queue_clients *queues, struct de_queue_client *client)
{
    struct de_dice dice;
    uint64_t think_ns;
    uint64_t at_ns;

    client->queues = false;
    client_dice(queues, client, &dice);
    think_ns = de_dice_exponential(&dice, queues->options.think_ns);
    at_ns = now_of(queues) + think_ns;
    if (queues->options.together && !client->observes && de_dice_chance(&dice, 500000)) {
        at_ns = (at_ns / TOGETHER_NS + 1) * TOGETHER_NS;
    }
    post_next(queues, client, de_load_next_ns(queues->load, client->endpoint, at_ns, think_ns));
}

static void end_lease(struct de_queue_clients *queues, struct de_queue_client *client)
{
    if (client->lease == 0) {
        de_turn_lease_ended(&client->turn);
        rest(queues, client);
        return;
    }
    de_queue_request_lease(&client->call, DE_KV_LEASE_REVOKE, client->lease);
    client->lease = 0;
    client->keeping.busy = false;
    de_turn_lease_ended(&client->turn);
    ask(queues, client, DE_QUEUE_REVOKE, queues->caller.attempt_ns);
}

static void leave(struct de_queue_clients *queues, struct de_queue_client *client, int err)
{
    enum de_turn_leave what = de_turn_leave(&client->turn, sure(queues, client));

    what = err == DENGINE_E_NO_LEASE ? DE_TURN_END_LEASE : what;
    switch (what) {
    case DE_TURN_STAYS_OUT:
        rest(queues, client);
        break;
    case DE_TURN_DELETE:
        de_queue_request_delete(client);
        ask(queues, client, DE_QUEUE_DELETE, queues->caller.attempt_ns);
        break;
    case DE_TURN_END_LEASE:
        end_lease(queues, client);
        break;
    }
}

static bool in_time(const struct de_queue_clients *queues, const struct de_queue_client *client)
{
    return !queues->stopped && now_of(queues) < client->join_until_ns;
}

/* What a step brought: an error that passes is a reason to rest, any other to leave. */
static void rest_or_leave(struct de_queue_clients *queues, struct de_queue_client *client, int err)
{
    if (in_time(queues, client) && (err == 0 || de_turn_passes(err))) {
        post_next(queues, client, now_of(queues) + de_turn_pause(&client->turn));
    } else {
        leave(queues, client, err);
    }
}

static void begin_look(struct de_queue_clients *queues, struct de_queue_client *client,
                       enum de_queue_aim aim)
{
    client->look = (struct de_look){.own = client->turn.place};
    client->look_ns = now_of(queues);
    client->page_from_size = 0;
    de_queue_request_page(client);
    ask(queues, client, aim, 2 * queues->caller.attempt_ns);
}

/* It is first, for some time. */
static void be_first(struct de_queue_clients *queues, struct de_queue_client *client)
{
    struct de_dice dice;

    de_queue_books_first(queues, client);
    client_dice(queues, client, &dice);
    client->uses = (uint32_t)de_dice_below(&dice, 6);
    post_next(queues, client, now_of(queues) + de_dice_exponential(&dice, USE_NS));
}

static void step(struct de_queue_clients *queues, struct de_queue_client *client)
{
    const uint64_t now_ns = now_of(queues);
    uint64_t patience_ns = 2 * queues->caller.attempt_ns;

    if (client->join_until_ns > now_ns && client->join_until_ns - now_ns < patience_ns) {
        patience_ns = client->join_until_ns - now_ns;
    }
    switch (client->turn.step) {
    case DE_TURN_ENTER:
        client->left_ns[client->queue] = 0;
        de_queue_request_put(client, 0, "wait");
        ask(queues, client, DE_QUEUE_ENTER, patience_ns);
        break;
    case DE_TURN_LOOK_BEFORE:
        de_queue_request_before(client);
        ask(queues, client, DE_QUEUE_LOOK_BEFORE, patience_ns);
        break;
    case DE_TURN_LOOK:
        begin_look(queues, client, DE_QUEUE_LOOK);
        break;
    case DE_TURN_TAKE_OFFICE:
        de_queue_request_put(client, client->turn.place.joined, "lead");
        ask(queues, client, DE_QUEUE_TAKE_OFFICE, patience_ns);
        break;
    case DE_TURN_REST:
        rest_or_leave(queues, client, 0);
        break;
    case DE_TURN_FIRST:
        be_first(queues, client);
        break;
    }
}

static void go_on(struct de_queue_clients *queues, struct de_queue_client *client)
{
    if (client->lease == 0) {
        de_queue_request_grant(client, queues->options.ttl_ns);
        ask(queues, client, DE_QUEUE_GRANT, 2 * queues->caller.attempt_ns);
        return;
    }
    de_turn_begin(&client->turn, sure(queues, client));
    step(queues, client);
}

static void begin_round(struct de_queue_clients *queues, struct de_queue_client *client)
{
    struct de_dice dice;

    client_dice(queues, client, &dice);
    client->queues = true;
    client->queue = (uint32_t)de_dice_below(&dice, DE_QUEUES);
    queues->load->begun++;
    if (client->observes) {
        client->floor = queues->said[client->queue];
        begin_look(queues, client, DE_QUEUE_OBSERVE);
        return;
    }
    client->join_until_ns = now_of(queues) + DE_NS_PER_MS * de_dice_between(&dice, 200, 6000);
    if (de_dice_chance(&dice, 200000)) { /* so hasty that it leaves puts open behind it */
        client->join_until_ns = now_of(queues) + DE_NS_PER_MS * de_dice_between(&dice, 5, 60);
    }
    de_turn_join(&client->turn);
    go_on(queues, client);
}

/* Being first: writes what the lock guards, says something, or leaves. */
static void use(struct de_queue_clients *queues, struct de_queue_client *client)
{
    struct de_dice dice;

    client_dice(queues, client, &dice);
    if (client->uses == 0 || queues->stopped) {
        leave(queues, client, 0);
        return;
    }
    client->uses--;
    if (de_dice_chance(&dice, 500000)) {
        de_queue_request_use(client); /* without a look at the time, as after a pause */
        ask(queues, client, DE_QUEUE_USE, queues->caller.attempt_ns);
    } else if (de_turn_leads(&client->turn, sure(queues, client))) {
        de_queue_request_put(client, de_turn_guard(&client->turn), "lead");
        ask(queues, client, DE_QUEUE_SAY, queues->caller.attempt_ns);
    } else {
        leave(queues, client, 0);
    }
}

/* ---- the lease ---- */

static void post_keep(struct de_queue_clients *queues, struct de_queue_client *client,
                      uint64_t at_ns)
{
    at_ns = at_ns > client->held_up_until_ns ? at_ns : client->held_up_until_ns;
    de_kernel_post(queues->caller.kernel, at_ns, DE_QUEUE_KEEP, client->endpoint, client->lease,
                   NULL);
}

static void keep(struct de_queue_clients *queues, struct de_queue_client *client)
{
    const uint64_t now_ns = now_of(queues);
    uint64_t until_ns = now_ns;

    switch (de_keep_next(&client->keep, now_ns, &until_ns)) {
    case DE_KEEP_WAIT:
        post_keep(queues, client, until_ns);
        break;
    case DE_KEEP_TELL:
        de_keep_told(&client->keep);
        (void)de_turn_lose(&client->turn);
        post_keep(queues, client, now_ns);
        break;
    case DE_KEEP_RENEW:
        de_queue_request_lease(&client->keeping, DE_KV_LEASE_KEEP, client->lease);
        de_queue_call_begin(&queues->caller, &client->keeping,
                            now_ns + de_keep_patience_ms(&client->keep, now_ns) * DE_NS_PER_MS);
        break;
    case DE_KEEP_OVER:
        break;
    }
}

static void kept(struct de_queue_clients *queues, struct de_queue_client *client, int err)
{
    de_keep_renewed(&client->keep, err, client->keeping.begun_ns, now_of(queues));
    de_queue_books_renewed(queues, client);
    post_keep(queues, client, now_of(queues));
}

static void granted(struct de_queue_clients *queues, struct de_queue_client *client, int err,
                    const struct de_rpc_reply *reply)
{
    if (err != 0) {
        rest(queues, client); /* a lease that nobody knows of ends by itself */
        return;
    }
    client->lease = de_queue_grant_done(reply);
    if (client->lease == 0) {
        de_queue_books_fail(queues, client, "txn", "gets no lease in the answer to a grant");
        return;
    }
    de_keep_init(&client->keep, queues->options.ttl_ns, client->call.begun_ns, now_of(queues));
    post_keep(queues, client, now_of(queues));
    go_on(queues, client);
}

/* ---- answers ---- */

static void looked(struct de_queue_clients *queues, struct de_queue_client *client, int err,
                   const struct de_rpc_reply *reply)
{
    bool more = false;

    err = err != 0 ? err : de_queue_page_done(client, reply, &more);
    if (err == 0 && more) {
        de_queue_request_page(client);
        ask(queues, client, client->aim, 2 * queues->caller.attempt_ns);
        return;
    }
    if (err == 0) {
        de_queue_books_looked(queues, client);
    }
    if (client->aim == DE_QUEUE_OBSERVE) {
        if (err == 0) {
            de_queue_books_seen(queues, client);
        }
        rest(queues, client);
        return;
    }
    err = err != 0 ? err : de_turn_looked(&client->turn, &client->look);
    if (err != 0) {
        rest_or_leave(queues, client, err);
    } else {
        step(queues, client);
    }
}

/* A put of the own key was to bring it a place, or into office. */
static void was_put(struct de_queue_clients *queues, struct de_queue_client *client, int err,
                    const struct de_rpc_reply *reply)
{
    uint8_t digits[DE_PLACE_DIGITS];
    struct de_turn_put put;

    de_queue_put_done(reply, err, &put);
    if (client->aim == DE_QUEUE_ENTER) {
        de_place_digits(client->lease, digits);
        err = de_turn_entered(&client->turn, &put, digits);
    } else {
        err = de_turn_took_office(&client->turn, &put, sure(queues, client));
        if (put.succeeded) {
            de_queue_books_said(queues, client->queue, put.revision);
        }
    }
    if (err != 0) {
        rest_or_leave(queues, client, err);
    } else {
        step(queues, client);
    }
}

/* Something was done by who is, or was, first. */
static void used(struct de_queue_clients *queues, struct de_queue_client *client, int err,
                 const struct de_rpc_reply *reply)
{
    struct de_turn_put put;
    struct de_dice dice;
    uint64_t before;

    if (client->aim == DE_QUEUE_SAY) {
        de_queue_put_done(reply, err, &put);
        err = de_turn_said(&client->turn, &put);
        if (err == 0) {
            de_queue_books_said(queues, client->queue, put.revision);
        }
    } else if (err == 0 && de_queue_use_done(reply, &before)) {
        de_queue_books_used(queues, client, before);
    } else if (err == 0) {
        err = DENGINE_E_NO_LEASE;
    }
    if (err == DENGINE_E_NO_LEASE) {
        de_queue_books_gone(queues, client);
        leave(queues, client, err);
        return;
    }
    client_dice(queues, client, &dice);
    if (de_dice_chance(&dice, 60000)) {
        client->held_up_until_ns =
            now_of(queues) + de_dice_below(&dice, 2 * queues->options.ttl_ns);
    }
    post_next(queues, client, now_of(queues) + de_dice_exponential(&dice, USE_NS));
}

/* The call under way has ended. */
static void answered(struct de_queue_clients *queues, struct de_queue_client *client, int err,
                     const struct de_rpc_reply *reply)
{
    switch (client->aim) {
    case DE_QUEUE_GRANT:
        granted(queues, client, err, reply);
        break;
    case DE_QUEUE_ENTER:
    case DE_QUEUE_TAKE_OFFICE:
        was_put(queues, client, err, reply);
        break;
    case DE_QUEUE_LOOK_BEFORE:
        if (err != 0) {
            rest_or_leave(queues, client, err);
            break;
        }
        de_turn_looked_before(&client->turn, de_queue_before_done(client, reply));
        step(queues, client);
        break;
    case DE_QUEUE_LOOK:
    case DE_QUEUE_OBSERVE:
        looked(queues, client, err, reply);
        break;
    case DE_QUEUE_USE:
    case DE_QUEUE_SAY:
        used(queues, client, err, reply);
        break;
    case DE_QUEUE_DELETE:
        if (err != 0) {
            end_lease(queues, client);
            break;
        }
        client->left_ns[client->queue] = now_of(queues);
        rest(queues, client); /* the lease serves the next time, too */
        break;
    case DE_QUEUE_REVOKE:
        rest(queues, client);
        break;
    }
}

static struct de_queue_client *client_of(struct de_queue_clients *queues, uint32_t endpoint)
{
    DE_ASSERT(endpoint >= DE_QUEUE_ENDPOINT);
    DE_ASSERT(endpoint - DE_QUEUE_ENDPOINT < queues->options.clients);
    return &queues->clients[endpoint - DE_QUEUE_ENDPOINT];
}

void de_queue_clients_receive(struct de_queue_clients *queues, uint32_t endpoint,
                              struct dengine_slice bytes)
{
    struct de_queue_client *client = client_of(queues, endpoint);
    struct de_rpc_reply reply;
    int err;

    if (!de_rpc_reply_decode(bytes, &reply)) {
        return;
    }
    if (client->call.busy && reply.attempt == client->call.attempt) {
        if (de_queue_call_answered(&queues->caller, &client->call, &reply, &err)) {
            answered(queues, client, err, &reply);
        }
    } else if (client->keeping.busy && reply.attempt == client->keeping.attempt) {
        if (de_queue_call_answered(&queues->caller, &client->keeping, &reply, &err)) {
            kept(queues, client, err);
        }
    }
}

/* ---- events ---- */

static void run_next(void *context, const struct de_sim_event *event)
{
    struct de_queue_clients *queues = context;
    struct de_queue_client *client = client_of(queues, event->entity);

    if (event->content != client->next) {
        return;
    }
    if (!client->queues) {
        if (!queues->stopped) {
            begin_round(queues, client);
        }
    } else if (client->turn.token != 0) {
        use(queues, client);
    } else if (in_time(queues, client)) {
        go_on(queues, client);
    } else {
        leave(queues, client, 0);
    }
}

static void run_keep(void *context, const struct de_sim_event *event)
{
    struct de_queue_clients *queues = context;
    struct de_queue_client *client = client_of(queues, event->entity);

    /* When all is over nobody keeps a lease any more. */
    if (event->content == client->lease && !client->keeping.busy &&
        (client->queues || !queues->stopped)) {
        keep(queues, client);
    }
}

static void run_timeout(void *context, const struct de_sim_event *event)
{
    struct de_queue_clients *queues = context;
    struct de_queue_client *client = client_of(queues, event->entity);
    int err;

    if (de_queue_call_timeout(&queues->caller, &client->call, event->content, &err)) {
        answered(queues, client, err, NULL);
    } else if (de_queue_call_timeout(&queues->caller, &client->keeping, event->content, &err)) {
        kept(queues, client, err);
    }
}

static void run_retry(void *context, const struct de_sim_event *event)
{
    struct de_queue_clients *queues = context;
    struct de_queue_client *client = client_of(queues, event->entity);

    de_queue_call_retry(&queues->caller, &client->call, event->content);
    de_queue_call_retry(&queues->caller, &client->keeping, event->content);
}

void de_queue_clients_init(struct de_queue_clients *queues, struct de_kernel *kernel,
                           struct de_network *network, struct de_verdict *verdict,
                           const struct de_queue_options *options,
                           const struct de_workload_options *workload, struct de_load *load)
{
    const struct de_kernel_handler next = {"queue-next", queues, run_next, NULL};
    const struct de_kernel_handler keeps = {"queue-keep", queues, run_keep, NULL};
    const struct de_kernel_handler timeout = {"queue-timeout", queues, run_timeout, NULL};
    const struct de_kernel_handler retry = {"queue-retry", queues, run_retry, NULL};

    DE_ASSERT(options->clients <= DE_QUEUE_CLIENTS_MAX);
    memset(queues, 0, sizeof(*queues));
    queues->caller =
        (struct de_queue_caller){kernel, network, workload->nodes, workload->attempt_ns};
    queues->verdict = verdict;
    queues->options = *options;
    queues->load = load;
    de_kernel_set_handler(kernel, DE_QUEUE_NEXT, &next);
    de_kernel_set_handler(kernel, DE_QUEUE_KEEP, &keeps);
    de_kernel_set_handler(kernel, DE_QUEUE_TIMEOUT, &timeout);
    de_kernel_set_handler(kernel, DE_QUEUE_RETRY, &retry);
    for (uint32_t i = 0; i < options->clients; i++) {
        struct de_queue_client *client = &queues->clients[i];

        client->endpoint = DE_QUEUE_ENDPOINT + i;
        client->observes = i > 0 && i == options->clients - 1;
        client->call.endpoint = client->endpoint;
        client->keeping.endpoint = client->endpoint;
        client->keeping.attempt = 1;
        de_turn_init(&client->turn);
        rest(queues, client);
    }
}

void de_queue_clients_stop(struct de_queue_clients *queues)
{
    queues->stopped = true;
}

bool de_queue_clients_idle(const struct de_queue_clients *queues)
{
    for (uint32_t i = 0; i < queues->options.clients; i++) {
        if (queues->clients[i].queues) {
            return false;
        }
    }
    return true;
}
