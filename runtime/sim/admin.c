#include "runtime/sim/admin.h"

#include <stdio.h>

#include "core/base/assert.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/rpc.h"

/* How often one request is tried before the operator thinks of another. */
#define TRIES_MAX 12u
/* Voters at most: as many as a cluster starts with at most (README). */
#define VOTERS_MAX 7u

static void admin_dice(const struct de_admin *admin, struct de_dice *dice, uint64_t purpose)
{
    de_dice_init(dice, admin->kernel->seed, DE_DICE_ADMIN, purpose << 48 | admin->attempt);
}

/* ---- what to ask for ---- */

/* The members with the flags that are wanted, among them one drawn; 0 = there is none. */
static uint64_t draw_member(const struct de_raft_configuration *configuration, struct de_dice *dice,
                            uint32_t flags)
{
    uint64_t found[DE_RAFT_MEMBERS_MAX];
    uint32_t count = 0;

    for (uint32_t i = 0; i < configuration->count; i++) {
        if (configuration->members[i].flags == flags) {
            found[count++] = configuration->members[i].id;
        }
    }
    return count == 0 ? 0 : found[de_dice_below(dice, count)];
}

static uint32_t count_members(const struct de_raft_configuration *configuration, uint32_t flags)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < configuration->count; i++) {
        count += configuration->members[i].flags == flags ? 1 : 0;
    }
    return count;
}

/* Asks for a server to be added, and switches it on: some time before, or after. */
static bool join(struct de_admin *admin, struct de_dice *dice)
{
    uint64_t id = de_oracle_last_config(admin->oracle)->highest_id + 1;

    if (id > admin->host_count) {
        return false;
    }
    admin->change.kind = DE_CHANGE_ADD_LEARNER;
    admin->change.id = id;
    admin->change.read_only = de_dice_chance(dice, 100000);
    admin->change.addresses = de_host_addresses(id);
    if (admin->hosts[id].absent) {
        de_kernel_post(admin->kernel,
                       admin->kernel->now_ns + de_dice_exponential(dice, 100 * DE_NS_PER_MS),
                       DE_ADMIN_START, (uint32_t)id, admin->hosts[id].lives, NULL);
    }
    return true;
}

static bool grow(struct de_admin *admin, const struct de_raft_configuration *now,
                 struct de_dice *dice)
{
    uint64_t learner = draw_member(now, dice, DE_RAFT_LEARNER);

    if (learner == 0) {
        return join(admin, dice);
    }
    admin->change.kind = DE_CHANGE_PROMOTE;
    admin->change.id = learner;
    return true;
}

static bool shrink(struct de_admin *admin, const struct de_raft_configuration *now,
                   struct de_dice *dice)
{
    admin->change.kind = DE_CHANGE_REMOVE;
    admin->change.id = draw_member(now, dice, DE_RAFT_VOTER);
    return admin->change.id != 0;
}

static bool replace(struct de_admin *admin, const struct de_raft_configuration *now,
                    struct de_dice *dice)
{
    admin->change.kind = DE_CHANGE_REPLACE;
    admin->change.id = draw_member(now, dice, DE_RAFT_VOTER);
    admin->change.by = draw_member(now, dice, DE_RAFT_LEARNER);
    return admin->change.by != 0 || join(admin, dice);
}

/* Some of those who may vote, at least one. */
static bool set_voters(struct de_admin *admin, const struct de_raft_configuration *now,
                       struct de_dice *dice)
{
    struct de_change *change = &admin->change;

    change->kind = DE_CHANGE_SET_VOTERS;
    for (uint32_t i = 0; i < now->count && change->voter_count < VOTERS_MAX; i++) {
        if ((now->members[i].flags & DE_RAFT_READ_ONLY) == 0 && de_dice_chance(dice, 650000)) {
            change->voters[change->voter_count++] = now->members[i].id;
        }
    }
    return change->voter_count > 0;
}

/* A member moves; in the simulator everybody is found by id all the same. */
static bool move(struct de_admin *admin, const struct de_raft_configuration *now,
                 struct de_dice *dice)
{
    struct de_change *change = &admin->change;
    const uint64_t port = de_dice_below(dice, 1000);

    DE_ASSERT(now->count > 0);
    change->kind = DE_CHANGE_ADDRESSES;
    change->id = now->members[de_dice_below(dice, now->count)].id;
    change->addresses = de_host_addresses(change->id);
    (void)snprintf(change->addresses.client, sizeof change->addresses.client, "node%llu:%llu",
                   (unsigned long long)change->id, (unsigned long long)port);
    return true;
}

/* What makes no sense at all, whatever the membership is. */
static bool nonsense(struct de_admin *admin, const struct de_oracle_config *last,
                     struct de_dice *dice)
{
    const uint64_t stranger = DE_ORACLE_NODES_MAX + 1;
    const uint64_t voter = draw_member(&last->configuration, dice, DE_RAFT_VOTER);
    static const uint32_t kinds[] = {0,
                                     77,
                                     DE_CHANGE_ADD_LEARNER,
                                     DE_CHANGE_REMOVE,
                                     DE_CHANGE_REPLACE,
                                     DE_CHANGE_REPLACE,
                                     DE_CHANGE_SET_VOTERS,
                                     DE_CHANGE_SET_VOTERS,
                                     DE_CHANGE_SET_VOTERS,
                                     DE_CHANGE_ADDRESSES};
    const uint64_t which = de_dice_below(dice, DE_ARRAY_SIZE(kinds));
    struct de_change *change = &admin->change;

    change->kind = kinds[which];
    change->id = change->kind == DE_CHANGE_ADD_LEARNER ? 0 : stranger;
    change->by = stranger;
    change->addresses = de_host_addresses(stranger);
    if (change->kind == DE_CHANGE_REPLACE && de_dice_chance(dice, 500000) && voter != 0) {
        change->id = voter;
    }
    if (change->kind == DE_CHANGE_SET_VOTERS) { /* nobody, somebody strange, too many */
        change->voter_count = (uint32_t)de_dice_below(dice, 3) * (DE_RAFT_MEMBERS_MAX + 1) / 2;
        change->voters[0] = stranger;
    }
    admin->hopeless = true;
    return true;
}

/* What nobody may grant. */
static bool hopeless(struct de_admin *admin, const struct de_oracle_config *last,
                     struct de_dice *dice)
{
    struct de_change *change = &admin->change;
    uint64_t id = 1 + de_dice_below(dice, last->highest_id);

    change->kind = DE_CHANGE_ADD_LEARNER;
    change->id = id; /* a member, or one that was removed */
    change->addresses = de_host_addresses(id);
    if (de_dice_chance(dice, 500000)) {
        change->kind = DE_CHANGE_PROMOTE;
        change->id = draw_member(&last->configuration, dice, DE_RAFT_LEARNER | DE_RAFT_READ_ONLY);
        change->id = change->id != 0 ? change->id : DE_ORACLE_NODES_MAX + 1;
    }
    admin->hopeless = true;
    return true;
}

/* A snapshot of any node's state, now. */
static bool ask_snapshot(struct de_admin *admin)
{
    admin->type = DE_REQUEST_SNAPSHOT;
    return true;
}

static bool transfer(struct de_admin *admin, struct de_dice *dice)
{
    admin->type = DE_REQUEST_TRANSFER;
    admin->transfer_to = de_dice_below(dice, admin->host_count + 1);
    if (de_dice_chance(dice, 200000)) {
        admin->transfer_to = DE_ORACLE_NODES_MAX + 1; /* a stranger */
        admin->hopeless = true;
    }
    return true;
}

static bool choose_change(struct de_admin *admin, struct de_dice *dice)
{
    static const uint32_t goals[] = {3, 5, 4, 3, 1, 2, 6, 5};
    const struct de_oracle_config *last = de_oracle_last_config(admin->oracle);
    const struct de_raft_configuration *now = &last->configuration;
    uint32_t voters = count_members(now, DE_RAFT_VOTER);

    if (voters == admin->goal) {
        admin->goal = goals[de_dice_below(dice, DE_ARRAY_SIZE(goals))];
    }
    switch (de_dice_below(dice, 16)) {
    case 0:
    case 1:
        return replace(admin, now, dice);
    case 2:
    case 3:
        return set_voters(admin, now, dice);
    case 4:
        return hopeless(admin, last, dice);
    case 5:
        return join(admin, dice);
    case 6:
        return shrink(admin, now, dice);
    case 9:
        return move(admin, now, dice);
    case 7:
    case 8:
        return transfer(admin, dice);
    default:
        return voters < admin->goal ? grow(admin, now, dice) : shrink(admin, now, dice);
    }
}

/* Dice of their own say whether it is something else this time: what the others mean stays. */
static bool choose(struct de_admin *admin, struct de_dice *dice)
{
    const struct de_oracle_config *last = de_oracle_last_config(admin->oracle);
    struct de_dice other;
    uint64_t point;

    admin_dice(admin, &other, 5);
    point = de_dice_below(&other, 100);
    if (point < 5) {
        return ask_snapshot(admin);
    }
    if (point < 8) {
        return nonsense(admin, last, &other);
    }
    return admin->options.changes ? choose_change(admin, dice) : transfer(admin, dice);
}

/* ---- asking ---- */

static void rest(struct de_admin *admin)
{
    struct de_dice dice;

    admin->busy = false;
    admin_dice(admin, &dice, 1);
    de_kernel_post(admin->kernel,
                   admin->kernel->now_ns + de_dice_exponential(&dice, admin->options.gap_ns),
                   DE_ADMIN_NEXT, DE_ADMIN_ENDPOINT, admin->number, NULL);
}

/* A member, as an operator would ask. */
static uint32_t draw_target(const struct de_admin *admin, struct de_dice *dice)
{
    const struct de_raft_configuration *now = &de_oracle_last_config(admin->oracle)->configuration;

    DE_ASSERT(now->count > 0);
    return (uint32_t)now->members[de_dice_below(dice, now->count)].id;
}

static void attempt(struct de_admin *admin)
{
    struct de_rpc_request request = {0};
    uint8_t body[DE_RPC_CHANGE_BYTES];
    struct de_dice dice;

    admin->attempt++;
    admin->tries++;
    if (admin->target == 0) {
        admin_dice(admin, &dice, 2);
        admin->target = draw_target(admin, &dice);
    }
    request.type = (uint8_t)admin->type;
    request.attempt = admin->attempt;
    request.target = admin->transfer_to;
    if (admin->type == DE_REQUEST_CHANGE) {
        request.body = dengine_bytes(body, de_rpc_change_encode(&admin->change, body));
    }
    (void)de_network_send(admin->network, DE_ADMIN_ENDPOINT, admin->target,
                          de_rpc_request_encode(&request));
    de_kernel_post(admin->kernel, admin->kernel->now_ns + admin->options.attempt_ns,
                   DE_ADMIN_TIMEOUT, DE_ADMIN_ENDPOINT, admin->attempt, NULL);
}

/* Who was removed goes for good, or runs on. */
static void dispose(struct de_admin *admin)
{
    const struct de_host_crash how = {false, DE_DISK_CUT_ALL};
    struct de_host *host = &admin->hosts[admin->change.id];
    struct de_dice dice;

    admin_dice(admin, &dice, 3);
    if (de_dice_chance(&dice, 500000)) {
        host->absent = true;
        *admin->present &= ~(UINT64_C(1) << host->id);
        de_host_crash(host, &how);
    }
}

static void end(struct de_admin *admin, int status)
{
    bool change = admin->type == DE_REQUEST_CHANGE;

    if (status == 0 && admin->hopeless) {
        de_verdict_fail(admin->verdict, DE_VERDICT_CORRECTNESS, admin->kernel->now_ns, "refusal",
                        "a %s that must be refused (kind %u, node %llu) was done",
                        change ? "change" : "transfer", admin->change.kind,
                        (unsigned long long)(change ? admin->change.id : admin->transfer_to));
    }
    admin->done += status == 0 ? 1 : 0;
    admin->unknown += status == DENGINE_E_UNKNOWN ? 1 : 0;
    admin->refused += status != 0 && status != DENGINE_E_UNKNOWN ? 1 : 0;
    if (status == 0 && change &&
        (admin->change.kind == DE_CHANGE_REMOVE || admin->change.kind == DE_CHANGE_REPLACE)) {
        dispose(admin);
    }
    rest(admin);
}

static void try_again(struct de_admin *admin, uint64_t hint, uint64_t wait_ns)
{
    struct de_dice dice;

    admin->target = hint <= admin->host_count ? (uint32_t)hint : 0;
    admin->attempt++; /* late answers to the old one are ignored */
    admin_dice(admin, &dice, 4);
    de_kernel_post(admin->kernel, admin->kernel->now_ns + de_dice_exponential(&dice, wait_ns),
                   DE_ADMIN_RETRY, DE_ADMIN_ENDPOINT, admin->attempt, NULL);
}

/* Whoever is asked for what must be refused, knows that nothing came of it. */
static void check_refusal(struct de_admin *admin, int status)
{
    if (admin->hopeless && status != 0 && dengine_outcome(status) != DENGINE_NOT_DONE) {
        de_verdict_fail(admin->verdict, DE_VERDICT_CORRECTNESS, admin->kernel->now_ns, "refusal",
                        "what must be refused (type %u, kind %u) is answered with %s", admin->type,
                        admin->change.kind, dengine_error_name(status));
    }
}

void de_admin_receive(struct de_admin *admin, struct dengine_slice bytes)
{
    struct de_rpc_reply reply;
    bool elsewhere;

    if (!de_rpc_reply_decode(bytes, &reply) || !admin->busy || reply.attempt != admin->attempt) {
        return;
    }
    elsewhere = reply.status == DENGINE_E_NOT_LEADER || reply.status == DENGINE_E_NO_LEADER;
    if (admin->tries < TRIES_MAX && elsewhere) {
        try_again(admin, reply.leader, 20 * DE_NS_PER_MS);
    } else if (admin->tries < TRIES_MAX && reply.status == DENGINE_E_BUSY) {
        try_again(admin, admin->target, 100 * DE_NS_PER_MS);
    } else {
        check_refusal(admin, reply.status);
        end(admin, reply.status);
    }
}

static void run_next(void *context, const struct de_sim_event *event)
{
    struct de_admin *admin = context;
    struct de_dice dice;
    bool chosen;

    (void)event;
    if (admin->stopped) {
        return;
    }
    admin->number++;
    admin->tries = 0;
    admin->target = 0;
    admin->hopeless = false;
    admin->transfer_to = 0;
    admin->type = DE_REQUEST_CHANGE;
    memset(&admin->change, 0, sizeof(admin->change));
    admin_dice(admin, &dice, 0);
    chosen = choose(admin, &dice);
    if (!chosen) {
        rest(admin);
        return;
    }
    admin->busy = true;
    attempt(admin);
}

static void run_timeout(void *context, const struct de_sim_event *event)
{
    struct de_admin *admin = context;

    if (admin->busy && admin->attempt == event->content) {
        admin->attempt++;
        end(admin, DENGINE_E_UNKNOWN);
    }
}

static void run_retry(void *context, const struct de_sim_event *event)
{
    struct de_admin *admin = context;

    if (admin->busy && admin->attempt == event->content && !admin->stopped) {
        attempt(admin);
    }
}

static void run_start(void *context, const struct de_sim_event *event)
{
    struct de_admin *admin = context;
    struct de_host *host = &admin->hosts[event->entity];

    if (host->absent && host->lives == event->content && !host->running) {
        host->absent = false;
        *admin->present |= UINT64_C(1) << host->id;
        de_host_start(host);
    }
}

void de_admin_init(struct de_admin *admin, struct de_kernel *kernel, struct de_network *network,
                   struct de_oracle *oracle, struct de_host *hosts, uint32_t host_count,
                   uint64_t *present)
{
    const struct de_kernel_handler next = {"admin-next", admin, run_next, NULL};
    const struct de_kernel_handler timeout = {"admin-timeout", admin, run_timeout, NULL};
    const struct de_kernel_handler retry = {"admin-retry", admin, run_retry, NULL};
    const struct de_kernel_handler start = {"admin-start", admin, run_start, NULL};

    memset(admin, 0, sizeof(*admin));
    admin->kernel = kernel;
    admin->network = network;
    admin->oracle = oracle;
    admin->verdict = oracle->verdict;
    admin->hosts = hosts;
    admin->host_count = host_count;
    admin->present = present;
    de_kernel_set_handler(kernel, DE_ADMIN_NEXT, &next);
    de_kernel_set_handler(kernel, DE_ADMIN_TIMEOUT, &timeout);
    de_kernel_set_handler(kernel, DE_ADMIN_RETRY, &retry);
    de_kernel_set_handler(kernel, DE_ADMIN_START, &start);
}

void de_admin_begin(struct de_admin *admin, const struct de_admin_options *options,
                    uint32_t members)
{
    DE_ASSERT(!admin->on && options->gap_ns > 0);
    DE_ASSERT(members <= admin->host_count);
    admin->options = *options;
    admin->on = true;
    admin->goal = members;
    rest(admin);
}

void de_admin_stop(struct de_admin *admin)
{
    admin->stopped = true;
    admin->busy = false;
    for (uint32_t id = 1; id <= admin->host_count; id++) {
        admin->hosts[id].admin_closed = true;
    }
}
