#include "runtime/sim/service.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/base/assert.h"
#include "core/kv/kv.h"
#include "core/node/node.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/lease_look.h"
#include "runtime/sim/rpc.h"
#include "runtime/sim/workload.h"

#define ULL(x)    ((unsigned long long)(x))
#define NAME_MAX  32
#define PPM       1000000u
#define WINDOW    8u /* results that a client leaves unacknowledged for a while */
#define LISTS_MAX 200

static void client_dice(const struct de_service *service, const struct de_service_client *client,
                        struct de_dice *dice, uint64_t purpose)
{
    de_dice_init(dice, service->kernel->seed, DE_DICE_SERVICE,
                 (uint64_t)client->endpoint << 56 | purpose << 48 | client->operations);
}

static void fail(struct de_service *service, const struct de_service_client *client,
                 const char *oracle, const char *what)
{
    de_verdict_fail(service->verdict, DE_VERDICT_CORRECTNESS, service->kernel->now_ns, oracle,
                    "client %u: %s (lease %llu, surely until %llu us)", client->endpoint, what,
                    ULL(client->lease), ULL(client->certain_ns / 1000));
}

/* How long ttl_ns lasts for sure: leaders' clocks may run fast, as fast as they promise. */
static uint64_t sure_ns(const struct de_service *service, uint64_t ttl_ns)
{
    return ttl_ns - ttl_ns / PPM * service->drift_ppm - PPM;
}

static bool surely_lives(const struct de_service *service, const struct de_service_client *client)
{
    return service->options.clocks_kept && client->lease != 0 &&
           service->kernel->now_ns < client->certain_ns;
}

/* ---- commands ---- */

static struct dengine_slice print(char name[NAME_MAX], const char *kind, uint64_t a, uint64_t b)
{
    (void)snprintf(name, NAME_MAX, "%s%" PRIu64 ".%" PRIu64, kind, a, b);
    return dengine_str(name);
}

static struct dengine_slice lock_name(char name[NAME_MAX], uint32_t lock)
{
    return print(name, "lock", lock, 0);
}

static struct dengine_slice ttl_name(char name[NAME_MAX], const struct de_service_client *client)
{
    return print(name, "ttl", client->endpoint, client->ttl_generation);
}

static void add_op(struct de_kv_list *list, struct de_writer *writer, const struct de_kv_op *op)
{
    int err = de_kv_list_add_op(list, writer, op, SIZE_MAX);

    DE_ASSERT(err == 0);
}

static void in_session(struct de_service_client *client, struct de_dice *dice,
                       struct de_kv_command *command)
{
    const uint64_t kept = de_dice_chance(dice, 500000) ? 0 : de_dice_below(dice, WINDOW);

    command->session = client->lease;
    command->sequence = ++client->sequence;
    command->acknowledged = client->sequence - 1 > kept ? client->sequence - 1 - kept : 0;
}

static void set_command(struct de_service_client *client, const struct de_kv_command *command)
{
    DE_ASSERT(de_kv_command_check(command, SIZE_MAX) == 0);
    DE_ASSERT(de_kv_command_size(command) <= sizeof(client->bytes));
    client->size = de_kv_command_encode(command, client->bytes, sizeof(client->bytes));
}

static void make_release(struct de_service_client *client, struct de_kv_command *command,
                         struct de_dice *dice)
{
    uint8_t compares[LISTS_MAX];
    uint8_t ops[LISTS_MAX];
    char name[NAME_MAX];
    struct de_writer writer;
    const struct de_kv_compare mine = {
        .target = DE_KV_COMPARE_MOD,
        .relation = DE_KV_EQUAL,
        .key = lock_name(name, client->lock),
        .number = client->fence,
    };
    const struct de_kv_op delete = {.type = DE_KV_DELETE, .key = mine.key};
    int err;

    *command = (struct de_kv_command){.type = DE_KV_TXN};
    de_writer_init(&writer, compares, sizeof(compares));
    err = de_kv_list_add_compare(&command->compares, &writer, &mine, SIZE_MAX);
    DE_ASSERT(err == 0);
    de_writer_init(&writer, ops, sizeof(ops));
    add_op(&command->then_ops, &writer, &delete);
    in_session(client, dice, command);
    set_command(client, command);
}

/* Two keys that are only written together, and read together. */
static void make_pair(struct de_service_client *client, bool put)
{
    struct de_kv_command command = {.type = DE_KV_TXN};
    uint8_t ops[LISTS_MAX];
    char value[NAME_MAX];
    struct de_writer writer;
    struct de_kv_op op = {.type = put ? DE_KV_PUT : DE_KV_GET};

    if (put) {
        op.value = print(value, "v", client->endpoint, client->operations);
    }
    de_writer_init(&writer, ops, sizeof(ops));
    op.key = dengine_str("pair0");
    add_op(&command.then_ops, &writer, &op);
    op.key = dengine_str("pair1");
    add_op(&command.then_ops, &writer, &op);
    set_command(client, &command);
}

static void make_put_ttl(struct de_service_client *client, struct de_dice *dice)
{
    char name[NAME_MAX];
    struct de_kv_command command = de_kv_put(ttl_name(name, client), dengine_str("x"));

    client->ttl_ns = DE_NS_PER_MS * de_dice_between(dice, 200, 2000);
    command.op.ttl_ns = client->ttl_ns;
    set_command(client, &command);
}

static void make_acquire(struct de_service *service, struct de_service_client *client,
                         struct de_dice *dice)
{
    char name[NAME_MAX];
    char value[NAME_MAX];
    struct de_kv_command command;

    (void)service;
    client->lock = (uint32_t)de_dice_below(dice, DE_SERVICE_LOCKS);
    command = de_kv_cas(lock_name(name, client->lock), NULL,
                        print(value, "c", client->endpoint, client->operations));
    command.op.lease = client->lease;
    client->repeatable = de_dice_chance(dice, 500000);
    if (client->repeatable) {
        in_session(client, dice, &command);
    }
    set_command(client, &command);
}

static void make_bank(struct de_service_client *client, struct de_dice *dice)
{
    struct de_kv_command command = {.type = 0};
    struct de_bank_lists lists;

    client->doomed = false;
    if (client->kind == DE_SERVICE_AUDIT) {
        de_bank_audit(&command, &lists);
    } else {
        client->doomed = de_dice_chance(dice, 300000);
        de_bank_transfer(&client->accounts, dice, client->doomed, &command, &lists);
        client->accounts.known = false;
        in_session(client, dice, &command);
    }
    set_command(client, &command);
}

static void make_hoard(struct de_service_client *client, struct de_dice *dice)
{
    struct de_kv_command command = {.type = 0};
    uint8_t ops[DE_HOARD_LIST_BYTES];

    de_hoard_put(&client->hoard, client->endpoint, &command, ops);
    if (client->session) { /* without one it does no harm twice either */
        in_session(client, dice, &command);
    }
    set_command(client, &command);
}

static void make_look(struct de_service_client *client)
{
    char name[DE_HOARD_NAME_MAX];
    struct dengine_slice prefix = {NULL, 0};

    if (client->hoards) {
        prefix = de_hoard_prefix(&client->hoard, client->endpoint, name);
        memcpy(client->bytes + sizeof(client->lease), prefix.data, prefix.size);
    }
    de_store_u64(client->bytes, client->hoards ? client->hoard.lease : client->lease);
    client->size = sizeof(client->lease) + prefix.size;
}

static void make(struct de_service *service, struct de_service_client *client, struct de_dice *dice)
{
    struct de_kv_command command = {.type = DE_KV_LEASE_KEEP, .lease = client->lease};
    char name[NAME_MAX];

    client->repeatable = client->kind != DE_SERVICE_GRANT && client->kind != DE_SERVICE_PUT_TTL &&
                         client->kind != DE_SERVICE_PUT_PAIR;
    switch (client->kind) {
    case DE_SERVICE_GRANT:
        client->ttl_ns = DE_NS_PER_MS * de_dice_between(dice, 300, 2500);
        client->session = !client->hoards || de_dice_chance(dice, 500000);
        command = (struct de_kv_command){
            .type = DE_KV_LEASE_GRANT, .ttl_ns = client->ttl_ns, .with_session = client->session};
        break;
    case DE_SERVICE_KEEP:
        break;
    case DE_SERVICE_REVOKE:
        command.type = DE_KV_LEASE_REVOKE;
        client->lease = 0;
        client->hoard.let_go = true;
        client->holds = false;
        break;
    case DE_SERVICE_ACQUIRE:
        make_acquire(service, client, dice);
        return;
    case DE_SERVICE_RELEASE:
        make_release(client, &command, dice);
        client->holds = false; /* whether or not it will be told so */
        return;
    case DE_SERVICE_ONCE:
        command = de_kv_cas(print(name, "once", client->endpoint, client->operations), NULL,
                            dengine_str("1"));
        command.op.ttl_ns = DE_NS_PER_S; /* or they would fill the state */
        in_session(client, dice, &command);
        break;
    case DE_SERVICE_PUT_TTL:
        make_put_ttl(client, dice);
        return;
    case DE_SERVICE_READ_TTL:
        client->size = ttl_name(name, client).size;
        memcpy(client->bytes, name, client->size);
        return;
    case DE_SERVICE_LOOK:
        make_look(client);
        return;
    case DE_SERVICE_PUT_PAIR:
    case DE_SERVICE_GET_PAIR:
        make_pair(client, client->kind == DE_SERVICE_PUT_PAIR);
        return;
    case DE_SERVICE_TRANSFER:
    case DE_SERVICE_AUDIT:
        make_bank(client, dice);
        return;
    case DE_SERVICE_HOARD:
        make_hoard(client, dice);
        return;
    }
    set_command(client, &command);
}

static enum de_service_kind choose_for_bank(const struct de_service_client *client, uint64_t point)
{
    if (client->lease == 0) {
        return point < 80 ? DE_SERVICE_GRANT : DE_SERVICE_AUDIT;
    }
    if (point < 20) {
        return point < 18 ? DE_SERVICE_KEEP : DE_SERVICE_REVOKE;
    }
    return point < 85 && client->accounts.known ? DE_SERVICE_TRANSFER : DE_SERVICE_AUDIT;
}

/* Puts, gives up or lets run out, and looks until all is gone. */
static enum de_service_kind choose_for_hoard(struct de_service_client *client, uint64_t point)
{
    struct de_hoard *hoard = &client->hoard;

    if (hoard->lease == 0) {
        return DE_SERVICE_GRANT;
    }
    if (client->lease == 0 || hoard->let_go) {
        return DE_SERVICE_LOOK;
    }
    if (hoard->sure < hoard->wanted) {
        return point < 75 ? DE_SERVICE_HOARD : point < 95 ? DE_SERVICE_KEEP : DE_SERVICE_LOOK;
    }
    hoard->let_go = point < 30;
    return point < 70 ? DE_SERVICE_LOOK : DE_SERVICE_REVOKE;
}

/* What the client does next. */
static enum de_service_kind choose(struct de_service_client *client, bool bank,
                                   struct de_dice *dice)
{
    const uint64_t point = de_dice_below(dice, 100);

    if (client->hoards) {
        return choose_for_hoard(client, point);
    }
    if (bank) {
        return choose_for_bank(client, point);
    }
    if (client->lease == 0) {
        return point < 80 ? DE_SERVICE_GRANT : DE_SERVICE_GET_PAIR;
    }
    if (point < 30) {
        return DE_SERVICE_KEEP;
    }
    if (point < 50) {
        return client->holds ? DE_SERVICE_KEEP : DE_SERVICE_ACQUIRE;
    }
    if (point < 60) {
        return client->holds ? DE_SERVICE_RELEASE : DE_SERVICE_ONCE;
    }
    if (point < 75) {
        return DE_SERVICE_ONCE;
    }
    if (point < 80) {
        return DE_SERVICE_PUT_TTL;
    }
    if (point < 88) {
        return point < 85 ? DE_SERVICE_READ_TTL : DE_SERVICE_LOOK;
    }
    return point < 93 ? DE_SERVICE_PUT_PAIR : point < 98 ? DE_SERVICE_GET_PAIR : DE_SERVICE_REVOKE;
}

/* ---- attempts ---- */

static void send_attempt(struct de_service *service, struct de_service_client *client)
{
    struct de_rpc_request request = {.body = {client->bytes, client->size}};
    struct de_dice dice;

    client->attempt++;
    request.attempt = client->attempt;
    request.type = client->kind == DE_SERVICE_READ_TTL ? (uint8_t)DE_REQUEST_READ
                   : client->kind == DE_SERVICE_LOOK   ? (uint8_t)DE_RPC_LEASE_LOOK
                                                       : (uint8_t)DE_REQUEST_WRITE;
    if (client->target == 0) {
        client_dice(service, client, &dice, 2 + client->attempt % 64);
        client->target = 1 + (uint32_t)de_dice_below(&dice, service->nodes);
    }
    (void)de_network_send(service->network, client->endpoint, client->target,
                          de_rpc_request_encode(&request));
    de_kernel_post(service->kernel, service->kernel->now_ns + service->attempt_ns,
                   DE_SERVICE_TIMEOUT, client->endpoint, client->attempt, NULL);
}

static void rest(struct de_service *service, struct de_service_client *client)
{
    struct de_dice dice;
    uint64_t pause_ns;

    client->busy = false;
    client_dice(service, client, &dice, 0);
    pause_ns = de_dice_exponential(&dice, service->options.think_ns);
    if (de_dice_chance(&dice, 15000)) {
        pause_ns += DE_NS_PER_MS * de_dice_between(&dice, 500, 4000); /* its lease runs out */
    }
    de_kernel_post(service->kernel,
                   de_load_next_ns(service->load, client->endpoint,
                                   service->kernel->now_ns + pause_ns, pause_ns),
                   DE_SERVICE_NEXT, client->endpoint, client->operations, NULL);
}

/* The client will never know. */
static void give_up(struct de_service *service, struct de_service_client *client)
{
    if (client->kind == DE_SERVICE_PUT_TTL) {
        /* It may come late, and shorten the life of what is put later. */
        client->ttl_generation++;
        client->ttl_certain_ns = 0;
    }
    rest(service, client);
}

static void try_again(struct de_service *service, struct de_service_client *client, uint32_t hint)
{
    client->target = hint;
    if (service->kernel->now_ns >= client->deadline_ns) {
        give_up(service, client);
        return;
    }
    send_attempt(service, client);
}

/* ---- answers ---- */

static void check_overlap(struct de_service *service, const struct de_service_client *mine)
{
    if (!service->options.clocks_kept || !mine->holds) {
        return;
    }
    for (uint32_t i = 0; i < service->options.clients; i++) {
        const struct de_service_client *other = &service->clients[i];
        uint64_t from_ns;
        uint64_t until_ns;

        if (other == mine || !other->holds || other->lock != mine->lock) {
            continue;
        }
        from_ns = mine->acquired_ns > other->acquired_ns ? mine->acquired_ns : other->acquired_ns;
        until_ns = mine->certain_ns < other->certain_ns ? mine->certain_ns : other->certain_ns;
        if (from_ns < until_ns) {
            fail(service, mine, "lock-overlap", "holds a lock that another one holds for sure");
        }
    }
}

/* The holder, who may be none any more without knowing it, writes to what the lock guards. */
static void use_resource(struct de_service *service, const struct de_service_client *client)
{
    uint64_t *token = &service->tokens[client->lock];

    if (client->fence >= *token) {
        *token = client->fence;
    } else if (service->options.unfenced) {
        fail(service, client, "fencing", "writes to a resource after a later holder of its lock");
    }
}

static void lease_is_gone(struct de_service *service, struct de_service_client *client)
{
    if (surely_lives(service, client)) {
        fail(service, client, "lease-early", "is told that its lease has ended");
    }
    client->lease = 0;
    client->holds = false;
    client->hoard.ended = true;
}

static void lease_lives(struct de_service *service, struct de_service_client *client)
{
    const uint64_t certain_ns = client->sent_ns + sure_ns(service, client->lease_ttl_ns);

    if (certain_ns > client->certain_ns) {
        client->certain_ns = certain_ns;
    }
    check_overlap(service, client);
    if (client->holds) {
        use_resource(service, client);
    }
}

static void got_lease(struct de_service *service, struct de_service_client *client,
                      struct dengine_slice bytes)
{
    struct de_kv_answer answer;
    struct de_dice dice;

    if (de_kv_answer_decode(bytes, &answer) != 0 || answer.kind != DE_KV_ANSWER_LEASE) {
        fail(service, client, "txn", "gets no lease in the answer to a grant");
        return;
    }
    client->lease = answer.lease;
    client->lease_ttl_ns = client->ttl_ns;
    client->certain_ns = 0;
    client->sequence = 0;
    client->holds = false;
    if (client->hoards) {
        client_dice(service, client, &dice, 66);
        de_hoard_begin(&client->hoard, client->lease, &dice);
    }
    lease_lives(service, client);
}

static void got_pair(struct de_service *service, struct de_service_client *client,
                     struct dengine_slice bytes)
{
    struct de_kv_answer answer;
    struct de_kv_op_answer op[2];
    struct de_kv_pair pair[2];
    bool good = de_kv_answer_decode(bytes, &answer) == 0 && answer.ops == 2;

    for (size_t i = 0; i < 2 && good; i++) {
        good = de_kv_op_answer_read(&answer.reader, &op[i]) &&
               (op[i].pairs == 0 || de_kv_pair_read(&answer.reader, &pair[i]));
    }
    good = good && op[0].pairs == op[1].pairs;
    if (good && op[0].pairs == 1) {
        good = pair[0].record.mod_revision == pair[1].record.mod_revision &&
               pair[0].record.value.size == pair[1].record.value.size &&
               memcmp(pair[0].record.value.data, pair[1].record.value.data,
                      pair[0].record.value.size) == 0;
    }
    if (!good) {
        fail(service, client, "txn", "reads two keys apart that are only written together");
    }
}

static void got_look(struct de_service *service, struct de_service_client *client,
                     struct dengine_slice bytes)
{
    const uint64_t looked_at = client->hoards ? client->hoard.lease : client->lease;
    struct de_lease_look look;
    const char *wrong = NULL;

    if (!de_lease_look_decode(bytes, &look)) {
        wrong = "gets no look at its lease";
    } else if (!look.found) {
        lease_is_gone(service, client);
    } else {
        wrong = de_lease_look_wrong(&look, looked_at, client->lease_ttl_ns, client->session);
    }
    if (wrong == NULL && client->hoards) {
        wrong = de_hoard_look(&client->hoard, &look);
    }
    if (wrong != NULL) {
        fail(service, client, "lease-look", wrong);
    }
}

static void acquired(struct de_service *service, struct de_service_client *client,
                     const struct de_rpc_reply *reply)
{
    if (!reply->succeeded) {
        return;
    }
    client->holds = true;
    client->acquired_ns = service->kernel->now_ns;
    client->fence = reply->revision;
    check_overlap(service, client);
    use_resource(service, client);
}

static void got_accounts(struct de_service *service, struct de_service_client *client,
                         const struct de_rpc_reply *reply)
{
    const char *wrong = NULL;

    if (client->kind == DE_SERVICE_AUDIT || !reply->succeeded) {
        wrong = de_bank_look(&client->accounts, reply->value);
    } else if (client->doomed) {
        wrong = "is told that a transaction was done that cannot be done";
    }
    if (wrong != NULL) {
        fail(service, client, "txn", wrong);
    }
}

static void done(struct de_service *service, struct de_service_client *client,
                 const struct de_rpc_reply *reply)
{
    service->ok++;
    switch (client->kind) {
    case DE_SERVICE_GRANT:
        got_lease(service, client, reply->value);
        break;
    case DE_SERVICE_KEEP:
        lease_lives(service, client);
        break;
    case DE_SERVICE_REVOKE:
        client->hoard.ended = true;
        break;
    case DE_SERVICE_PUT_PAIR:
        break;
    case DE_SERVICE_ACQUIRE:
        acquired(service, client, reply);
        break;
    case DE_SERVICE_RELEASE:
        if (!reply->succeeded && surely_lives(service, client)) {
            fail(service, client, "lock-lost", "finds a lock gone that it held for sure");
        }
        break;
    case DE_SERVICE_ONCE:
        if (!reply->succeeded) {
            fail(service, client, "exactly-once", "has written a key, and is told it was there");
        }
        break;
    case DE_SERVICE_PUT_TTL:
        client->ttl_certain_ns = client->sent_ns + sure_ns(service, client->ttl_ns);
        break;
    case DE_SERVICE_READ_TTL:
        if (service->options.clocks_kept && !reply->found &&
            service->kernel->now_ns < client->ttl_certain_ns) {
            fail(service, client, "ttl-early", "finds a key gone before its time");
        }
        break;
    case DE_SERVICE_LOOK:
        got_look(service, client, reply->value);
        break;
    case DE_SERVICE_GET_PAIR:
        got_pair(service, client, reply->value);
        break;
    case DE_SERVICE_TRANSFER:
    case DE_SERVICE_AUDIT:
        got_accounts(service, client, reply);
        break;
    case DE_SERVICE_HOARD:
        de_hoard_was_put(&client->hoard);
        break;
    }
    rest(service, client);
}

static struct de_service_client *client_of(struct de_service *service, uint32_t endpoint)
{
    DE_ASSERT(endpoint >= DE_SERVICE_ENDPOINT);
    DE_ASSERT(endpoint - DE_SERVICE_ENDPOINT < service->options.clients);
    return &service->clients[endpoint - DE_SERVICE_ENDPOINT];
}

void de_service_receive(struct de_service *service, uint32_t endpoint, struct dengine_slice bytes)
{
    struct de_service_client *client = client_of(service, endpoint);
    struct de_rpc_reply reply;

    if (!de_rpc_reply_decode(bytes, &reply) || !client->busy || reply.attempt != client->attempt) {
        return;
    }
    switch (reply.status) {
    case 0:
        client->target = client->target != 0 ? client->target : (uint32_t)reply.leader;
        done(service, client, &reply);
        return;
    case DENGINE_E_NO_LEASE:
    case DENGINE_E_NO_SESSION:
        if (client->kind == DE_SERVICE_TRANSFER && client->doomed &&
            reply.status == DENGINE_E_NO_LEASE) {
            service->ok++; /* as it must be: it did nothing */
        } else if (client->kind != DE_SERVICE_REVOKE) {
            lease_is_gone(service, client);
        }
        rest(service, client);
        return;
    case DENGINE_E_STALE:
        fail(service, client, "exactly-once", "is told that it has acknowledged a result");
        rest(service, client);
        return;
    default:
        if (dengine_outcome(reply.status) == DENGINE_NOT_DONE || client->repeatable) {
            try_again(service, client, (uint32_t)reply.leader);
        } else {
            client->target = 0;
            give_up(service, client);
        }
        return;
    }
}

/* ---- events ---- */

static void run_next(void *context, const struct de_sim_event *event)
{
    struct de_service *service = context;
    struct de_service_client *client = client_of(service, event->entity);
    struct de_dice dice;

    if (service->stopped || client->busy) {
        return;
    }
    if (client->holds) {
        use_resource(service, client); /* without a look at the time, as after a pause */
    }
    client->operations++;
    service->load->begun++;
    client_dice(service, client, &dice, 1);
    client->kind = choose(client, service->options.bank, &dice);
    client->busy = true;
    client->sent_ns = service->kernel->now_ns;
    client->deadline_ns = client->sent_ns + service->operation_ns;
    make(service, client, &dice);
    send_attempt(service, client);
}

static void run_timeout(void *context, const struct de_sim_event *event)
{
    struct de_service *service = context;
    struct de_service_client *client = client_of(service, event->entity);

    if (!client->busy || client->attempt != event->content) {
        return;
    }
    if (client->repeatable) {
        try_again(service, client, 0);
    } else {
        client->target = 0;
        give_up(service, client);
    }
}

void de_service_init(struct de_service *service, struct de_kernel *kernel,
                     struct de_network *network, struct de_verdict *verdict,
                     const struct de_service_options *options,
                     const struct de_workload_options *workload, struct de_load *load,
                     uint32_t drift_ppm)
{
    const struct de_kernel_handler next = {"service-next", service, run_next, NULL};
    const struct de_kernel_handler timeout = {"service-timeout", service, run_timeout, NULL};

    DE_ASSERT(options->clients <= DE_SERVICE_CLIENTS_MAX);
    memset(service, 0, sizeof(*service));
    service->kernel = kernel;
    service->network = network;
    service->verdict = verdict;
    service->options = *options;
    service->load = load;
    service->nodes = workload->nodes;
    service->drift_ppm = drift_ppm;
    service->attempt_ns = workload->attempt_ns;
    service->operation_ns = 3 * workload->operation_ns; /* longer than a change of leaders */
    de_kernel_set_handler(kernel, DE_SERVICE_NEXT, &next);
    de_kernel_set_handler(kernel, DE_SERVICE_TIMEOUT, &timeout);
    for (uint32_t i = 0; i < options->clients; i++) {
        service->clients[i].endpoint = DE_SERVICE_ENDPOINT + i;
        service->clients[i].hoards = options->hoard && i == 0;
        rest(service, &service->clients[i]);
    }
}

void de_service_stop(struct de_service *service)
{
    service->stopped = true;
}

bool de_service_idle(const struct de_service *service)
{
    for (uint32_t i = 0; i < service->options.clients; i++) {
        if (service->clients[i].busy) {
            return false;
        }
    }
    return true;
}
