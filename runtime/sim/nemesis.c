#include "runtime/sim/nemesis.h"

#include "core/base/assert.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/memory.h"

enum direction { INWARD = 1, OUTWARD = 2 };

uint32_t de_nemesis_leader(const struct de_nemesis *nemesis)
{
    uint32_t leader = 0;

    for (uint32_t id = 1; id <= nemesis->nodes; id++) {
        const struct de_host *host = &nemesis->hosts[id];

        if (host->running && host->role == DE_RAFT_LEADER &&
            (leader == 0 || host->term > nemesis->hosts[leader].term)) {
            leader = id;
        }
    }
    return leader;
}

/* Cuts (or joins) target and the nodes outside mask. Clients still reach it: a cut-off leader that
 * answers them is what stale reads are made of. */
static void cut(struct de_nemesis *nemesis, uint32_t target, uint32_t spare, uint32_t directions,
                bool block)
{
    void (*change)(struct de_network *, uint32_t, uint32_t) =
        block ? de_network_block : de_network_unblock;

    for (uint32_t id = 1; id <= nemesis->nodes; id++) {
        if (id == target || (spare >> id & 1) != 0) {
            continue;
        }
        if ((directions & INWARD) != 0) {
            change(nemesis->network, id, target);
        }
        if ((directions & OUTWARD) != 0) {
            change(nemesis->network, target, id);
        }
    }
}

static void split(struct de_nemesis *nemesis, uint64_t mask, bool block)
{
    uint32_t outside = ~(uint32_t)mask;

    for (uint32_t id = 1; id <= nemesis->nodes; id++) {
        if ((outside >> id & 1) != 0) {
            cut(nemesis, id, outside, INWARD | OUTWARD, block);
        }
    }
}

static void trouble(struct de_nemesis *nemesis, const struct de_fault *fault, int sign)
{
    struct de_network_trouble change = {0};
    uint32_t rate = (uint32_t)fault->a;

    change.loss_ppm = fault->kind == DE_FAULT_LOSS ? rate : 0;
    change.duplicate_ppm = fault->kind == DE_FAULT_DUPLICATE ? rate : 0;
    change.replay_ppm = fault->kind == DE_FAULT_REPLAY ? rate : 0;
    change.tail_ppm = fault->kind == DE_FAULT_TAIL ? rate : 0;
    de_network_add_trouble(nemesis->network, &change, sign);
}

static struct de_host_crash crash_of(uint64_t a)
{
    struct de_host_crash crash = {a != 0, a != 0 ? (enum de_disk_cut)(a - 1) : DE_DISK_CUT_ALL};

    return crash;
}

static void restart_later(struct de_nemesis *nemesis, uint32_t id, uint64_t down_ns)
{
    de_kernel_post(nemesis->kernel, nemesis->kernel->now_ns + down_ns, DE_NEMESIS_RESTART, id,
                   nemesis->hosts[id].lives, NULL);
}

static void crash(struct de_nemesis *nemesis, uint32_t id, uint64_t a, uint64_t down_ns)
{
    struct de_host_crash how = crash_of(a);

    if (nemesis->hosts[id].running) {
        de_host_crash(&nemesis->hosts[id], &how);
        restart_later(nemesis, id, down_ns);
    }
}

static void blackout(struct de_nemesis *nemesis, const struct de_fault *fault)
{
    struct de_dice dice;

    for (uint32_t id = 1; id <= nemesis->nodes; id++) {
        de_dice_init(&dice, nemesis->kernel->seed, DE_DICE_GUIDED,
                     fault->start_ns ^ (uint64_t)id << 56);
        crash(nemesis, id, fault->a, de_dice_exponential(&dice, fault->duration_ns));
    }
}

static void set_trap(struct de_nemesis *nemesis, const struct de_fault *fault, uint32_t target)
{
    struct de_host *host = &nemesis->hosts[target];

    host->trap = (uint32_t)fault->b;
    host->trap_crash = crash_of(fault->a);
    nemesis->down_ns[target] = fault->duration_ns;
}

static void start_fault(struct de_nemesis *nemesis, const struct de_fault *fault, uint32_t target)
{
    switch ((enum de_fault_kind)fault->kind) {
    case DE_FAULT_ISOLATE:
        cut(nemesis, target, 0, INWARD | OUTWARD, true);
        break;
    case DE_FAULT_DEAF:
        cut(nemesis, target, 0, INWARD, true);
        break;
    case DE_FAULT_MUTE:
        cut(nemesis, target, 0, OUTWARD, true);
        break;
    case DE_FAULT_SPLIT:
        split(nemesis, fault->a, true);
        break;
    case DE_FAULT_LINK:
        de_network_block(nemesis->network, target, (uint32_t)fault->a);
        break;
    case DE_FAULT_LOSS:
    case DE_FAULT_DUPLICATE:
    case DE_FAULT_REPLAY:
    case DE_FAULT_TAIL:
        trouble(nemesis, fault, 1);
        break;
    case DE_FAULT_CLOG:
        for (uint32_t from = 0; from < DE_NETWORK_ENDPOINTS_MAX; from++) {
            de_network_clog(nemesis->network, from, target,
                            nemesis->kernel->now_ns + fault->duration_ns);
        }
        break;
    case DE_FAULT_CRASH:
        crash(nemesis, target, fault->a, fault->duration_ns);
        break;
    case DE_FAULT_TRAP:
        set_trap(nemesis, fault, target);
        break;
    case DE_FAULT_PAUSE:
        de_host_pause(&nemesis->hosts[target], nemesis->kernel->now_ns + fault->duration_ns);
        break;
    case DE_FAULT_SLOW_DISK:
        nemesis->hosts[target].disk_slowness = fault->a;
        break;
    case DE_FAULT_BLACKOUT:
        blackout(nemesis, fault);
        break;
    case DE_FAULT_CHURN:
        nemesis->churning = true;
        nemesis->churn = *fault;
        break;
    case DE_FAULT_KINDS:
        DE_ASSERT(false);
        break;
    }
}

static void churn_release(struct de_nemesis *nemesis)
{
    if (nemesis->cut_off != 0) {
        uint32_t friends = UINT32_C(1) << nemesis->cut_friend; /* bit 0: none */

        cut(nemesis, nemesis->cut_off, friends, INWARD | OUTWARD, false);
        if (nemesis->cut_friend != 0) {
            cut(nemesis, nemesis->cut_friend, UINT32_C(1) << nemesis->cut_off, INWARD | OUTWARD,
                false);
        }
        nemesis->cut_off = 0;
        nemesis->cut_friend = 0;
    }
}

static void end_fault(struct de_nemesis *nemesis, const struct de_fault *fault, uint32_t target)
{
    switch ((enum de_fault_kind)fault->kind) {
    case DE_FAULT_ISOLATE:
        cut(nemesis, target, 0, INWARD | OUTWARD, false);
        break;
    case DE_FAULT_DEAF:
        cut(nemesis, target, 0, INWARD, false);
        break;
    case DE_FAULT_MUTE:
        cut(nemesis, target, 0, OUTWARD, false);
        break;
    case DE_FAULT_SPLIT:
        split(nemesis, fault->a, false);
        break;
    case DE_FAULT_LINK:
        de_network_unblock(nemesis->network, target, (uint32_t)fault->a);
        break;
    case DE_FAULT_LOSS:
    case DE_FAULT_DUPLICATE:
    case DE_FAULT_REPLAY:
    case DE_FAULT_TAIL:
        trouble(nemesis, fault, -1);
        break;
    case DE_FAULT_SLOW_DISK:
        nemesis->hosts[target].disk_slowness = 1;
        break;
    case DE_FAULT_CHURN:
        nemesis->churning = false;
        churn_release(nemesis);
        break;
    case DE_FAULT_CLOG:
    case DE_FAULT_CRASH:
    case DE_FAULT_TRAP:
    case DE_FAULT_PAUSE:
    case DE_FAULT_BLACKOUT:
    case DE_FAULT_KINDS:
        break; /* end by themselves */
    }
}

static void run_start(void *context, const struct de_sim_event *event)
{
    struct de_nemesis *nemesis = context;
    const struct de_fault *fault = &nemesis->schedule->faults[event->content];
    struct de_nemesis_fault *state = &nemesis->states[event->content];

    if (nemesis->healed) {
        return;
    }
    state->active = true;
    state->target = fault->target;
    if (state->target == DE_FAULT_LEADER) {
        state->target = de_nemesis_leader(nemesis);
    }
    if (state->target == 0 || state->target > nemesis->nodes) {
        state->target = 1 + (uint32_t)(event->content % nemesis->nodes);
    }
    nemesis->started++;
    start_fault(nemesis, fault, state->target);
    de_kernel_post(nemesis->kernel, nemesis->kernel->now_ns + fault->duration_ns, DE_NEMESIS_END, 0,
                   event->content, NULL);
}

static void run_end(void *context, const struct de_sim_event *event)
{
    struct de_nemesis *nemesis = context;
    struct de_nemesis_fault *state = &nemesis->states[event->content];

    if (!nemesis->healed && state->active) {
        state->active = false;
        end_fault(nemesis, &nemesis->schedule->faults[event->content], state->target);
    }
}

static void run_restart(void *context, const struct de_sim_event *event)
{
    struct de_nemesis *nemesis = context;
    struct de_host *host = &nemesis->hosts[event->entity];

    if (!nemesis->healed && !host->running && host->lives == event->content) {
        de_host_start(host);
    }
}

static void run_churn(void *context, const struct de_sim_event *event)
{
    struct de_nemesis *nemesis = context;
    uint32_t id = event->entity;
    struct de_dice dice;
    uint32_t with = 0;

    if (nemesis->healed || !nemesis->churning || !nemesis->hosts[id].running ||
        nemesis->hosts[id].role != DE_RAFT_LEADER || nemesis->hosts[id].term != event->content) {
        return;
    }
    churn_release(nemesis);
    de_dice_init(&dice, nemesis->kernel->seed, DE_DICE_GUIDED,
                 UINT64_C(1) << 60 | nemesis->reactions);
    if ((nemesis->churn.a & 2) != 0 && de_dice_chance(&dice, 250000)) {
        /* Drawn one by one: the order in which arguments are evaluated is the compiler's. */
        uint64_t power = de_dice_below(&dice, 2);

        crash(nemesis, id, power, de_dice_exponential(&dice, 50 * DE_NS_PER_MS));
        return;
    }
    if ((nemesis->churn.a & 1) != 0 && de_dice_chance(&dice, 500000)) {
        with = 1 + (uint32_t)de_dice_below(&dice, nemesis->nodes);
        with = with == id ? 0 : with;
    }
    cut(nemesis, id, UINT32_C(1) << with, INWARD | OUTWARD, true);
    if (with != 0) {
        cut(nemesis, with, UINT32_C(1) << id, INWARD | OUTWARD, true);
    }
    nemesis->cut_off = id;
    nemesis->cut_friend = with;
}

void de_nemesis_elected(struct de_nemesis *nemesis, uint32_t id, uint64_t term)
{
    struct de_dice dice;
    uint64_t delay_us;

    if (!nemesis->churning || nemesis->healed) {
        return;
    }
    nemesis->reactions++;
    de_dice_init(&dice, nemesis->kernel->seed, DE_DICE_GUIDED, nemesis->reactions);
    /* At once, or within the time of a few messages, or later. */
    delay_us = de_dice_chance(&dice, 300000) ? 0 : de_dice_below(&dice, nemesis->churn.b + 1);
    de_kernel_post(nemesis->kernel, nemesis->kernel->now_ns + delay_us * DE_NS_PER_US,
                   DE_NEMESIS_CHURN, id, term, NULL);
}

void de_nemesis_trapped(struct de_nemesis *nemesis, uint32_t id)
{
    if (!nemesis->healed) {
        restart_later(nemesis, id, nemesis->down_ns[id]);
    }
}

void de_nemesis_init(struct de_nemesis *nemesis, struct de_kernel *kernel,
                     struct de_network *network, struct de_host *hosts, uint32_t nodes,
                     const struct de_schedule *schedule)
{
    const struct {
        uint32_t kind;
        struct de_kernel_handler handler;
    } table[] = {
        {DE_NEMESIS_START, {"fault-start", nemesis, run_start, NULL}},
        {DE_NEMESIS_END, {"fault-end", nemesis, run_end, NULL}},
        {DE_NEMESIS_RESTART, {"restart", nemesis, run_restart, NULL}},
        {DE_NEMESIS_CHURN, {"churn", nemesis, run_churn, NULL}},
    };

    memset(nemesis, 0, sizeof(*nemesis));
    nemesis->kernel = kernel;
    nemesis->network = network;
    nemesis->hosts = hosts;
    nemesis->nodes = nodes;
    nemesis->schedule = schedule;
    nemesis->states = de_sim_allocate_zeroed((schedule->count + 1) * sizeof(nemesis->states[0]));
    for (size_t i = 0; i < DE_ARRAY_SIZE(table); i++) {
        de_kernel_set_handler(kernel, table[i].kind, &table[i].handler);
    }
    for (size_t i = 0; i < schedule->count; i++) {
        de_kernel_post(kernel, schedule->faults[i].start_ns, DE_NEMESIS_START, 0, i, NULL);
    }
}

void de_nemesis_deinit(struct de_nemesis *nemesis)
{
    de_sim_free(nemesis->states);
    nemesis->states = NULL;
}

static void heal_host(struct de_nemesis *nemesis, uint32_t id)
{
    struct de_host *host = &nemesis->hosts[id];

    host->disk_slowness = 1;
    host->trap = DE_TRAP_NONE;
    host->paused_until_ns = 0;
    if (!host->running) {
        de_host_start(host);
    }
}

/* How a node outside of the core stays broken. */
static void leave_broken(struct de_nemesis *nemesis, uint32_t id, struct de_dice *dice)
{
    struct de_host_crash how = {false, DE_DISK_CUT_ALL};

    switch (de_dice_below(dice, 5)) {
    case 0:
        de_host_crash(&nemesis->hosts[id], &how);
        break;
    case 1:
        heal_host(nemesis, id);
        cut(nemesis, id, 0, INWARD | OUTWARD, true);
        break;
    case 2:
        heal_host(nemesis, id);
        cut(nemesis, id, 0, INWARD, true);
        break;
    case 3:
        heal_host(nemesis, id);
        cut(nemesis, id, 0, OUTWARD, true);
        break;
    default:
        heal_host(nemesis, id);
        break;
    }
}

uint32_t de_nemesis_heal(struct de_nemesis *nemesis)
{
    struct de_dice dice;
    uint32_t core = 0;
    uint32_t wanted = nemesis->nodes / 2 + 1;

    de_dice_init(&dice, nemesis->kernel->seed, DE_DICE_HEAL, 0);
    for (uint32_t left = nemesis->nodes; left > 0; left--) {
        /* Selection sampling: each id with wanted / left. */
        if (de_dice_below(&dice, left) < wanted) {
            core |= UINT32_C(1) << left;
            wanted--;
        }
    }
    nemesis->healed = true;
    nemesis->churning = false;
    de_network_heal(nemesis->network);
    for (uint32_t id = 1; id <= nemesis->nodes; id++) {
        if ((core >> id & 1) != 0) {
            heal_host(nemesis, id);
        } else {
            leave_broken(nemesis, id, &dice);
        }
    }
    DE_ASSERT(wanted == 0);
    return core;
}
