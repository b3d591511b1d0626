#include "runtime/sim/nemesis.h"

#include "core/base/assert.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/memory.h"
#include "runtime/sim/nemesis_faults.h"

#define START_NS DE_NS_PER_MS

const struct de_nemesis_kind de_nemesis_kinds[DE_FAULT_KINDS] = {
    [DE_FAULT_ISOLATE] = {de_start_isolate, de_end_isolate, NULL},
    [DE_FAULT_DEAF] = {de_start_deaf, de_end_deaf, NULL},
    [DE_FAULT_MUTE] = {de_start_mute, de_end_mute, NULL},
    [DE_FAULT_SPLIT] = {de_start_split, de_end_split, NULL},
    [DE_FAULT_ONE_WAY] = {de_start_one_way, de_end_one_way, NULL},
    [DE_FAULT_BRIDGE] = {de_start_bridge, de_end_bridge, NULL},
    [DE_FAULT_RING] = {de_start_ring, de_end_ring, NULL},
    [DE_FAULT_FLAP] = {de_start_flap, de_end_flap, de_step_flap},
    [DE_FAULT_LINK] = {de_start_link, de_end_link, NULL},
    [DE_FAULT_REPLIES] = {de_start_replies, de_end_replies, NULL},
    [DE_FAULT_LOSS] = {de_start_trouble, de_end_trouble, NULL},
    [DE_FAULT_DUPLICATE] = {de_start_trouble, de_end_trouble, NULL},
    [DE_FAULT_REPLAY] = {de_start_trouble, de_end_trouble, NULL},
    [DE_FAULT_TAIL] = {de_start_trouble, de_end_trouble, NULL},
    [DE_FAULT_CORRUPT] = {de_start_trouble, de_end_trouble, NULL},
    [DE_FAULT_CLOG] = {de_start_clog, NULL, NULL},
    [DE_FAULT_SWIZZLE] = {de_start_swizzle, NULL, de_step_swizzle},
    [DE_FAULT_BANDWIDTH] = {de_start_bandwidth, de_end_bandwidth, NULL},
    [DE_FAULT_RESET] = {de_start_reset, NULL, NULL},
    [DE_FAULT_HALF_OPEN] = {de_start_half_open, de_end_half_open, NULL},
    [DE_FAULT_CRASH] = {de_start_crash, NULL, NULL},
    [DE_FAULT_TRAP] = {de_start_trap, NULL, NULL},
    [DE_FAULT_BLACKOUT] = {de_start_blackout, NULL, NULL},
    [DE_FAULT_CRASH_LOOP] = {de_start_crash_loop, NULL, de_step_crash_loop},
    [DE_FAULT_PAUSE] = {de_start_pause, NULL, NULL},
    [DE_FAULT_SUSPEND] = {de_start_suspend, de_end_clock, NULL},
    [DE_FAULT_SLOW_NODE] = {de_start_slow_node, de_end_slow_node, NULL},
    [DE_FAULT_SLOW_DISK] = {de_start_slow_disk, de_end_slow_disk, NULL},
    [DE_FAULT_STALL] = {de_start_stall, NULL, NULL},
    [DE_FAULT_SYNC_ERROR] = {de_start_sync_error, NULL, NULL},
    [DE_FAULT_WRITE_ERROR] = {de_start_write_error, NULL, NULL},
    [DE_FAULT_READ_ERROR] = {de_start_read_error, NULL, NULL},
    [DE_FAULT_STORE_ERROR] = {de_start_store_error, NULL, NULL},
    [DE_FAULT_NO_SPACE] = {de_start_no_space, de_end_no_space, NULL},
    [DE_FAULT_ROT] = {de_start_rot, NULL, NULL},
    [DE_FAULT_DISK_LOSS] = {de_start_disk_loss, NULL, NULL},
    [DE_FAULT_DRIFT] = {de_start_drift, de_end_clock, NULL},
    [DE_FAULT_STEP] = {de_start_step, NULL, NULL},
    [DE_FAULT_STOP] = {de_start_stop, de_end_clock, NULL},
    [DE_FAULT_CHURN] = {de_start_churn, de_end_churn, NULL},
    [DE_FAULT_STALE] = {de_start_stale, de_end_stale, de_step_stale},
    [DE_FAULT_GARBLE] = {de_start_trouble, de_end_trouble, NULL},
    [DE_FAULT_SNAPSHOT_LOSS] = {de_start_snapshot_loss, NULL, NULL},
    [DE_FAULT_STARVE] = {de_start_starve, NULL, NULL},
    [DE_FAULT_SNAPSHOT_ROT] = {de_start_snapshot_rot, NULL, NULL},
};

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

uint64_t de_nemesis_all(const struct de_nemesis *nemesis)
{
    return ((UINT64_C(1) << nemesis->nodes) - 1) << 1;
}

static struct de_nemesis_work work_of(struct de_nemesis *nemesis, uint64_t number)
{
    struct de_nemesis_work work = {nemesis, &nemesis->schedule->faults[number],
                                   &nemesis->states[number], number};

    return work;
}

static void run_start(void *context, const struct de_sim_event *event)
{
    struct de_nemesis *nemesis = context;
    struct de_nemesis_work work = work_of(nemesis, event->content);

    if (nemesis->healed) {
        return;
    }
    work.state->active = true;
    work.state->target = work.fault->target;
    if (work.state->target == DE_FAULT_LEADER) {
        work.state->target = de_nemesis_leader(nemesis);
    }
    if (work.state->target == 0 || work.state->target > nemesis->nodes) {
        work.state->target = 1 + (uint32_t)(event->content % nemesis->nodes);
    }
    nemesis->started++;
    de_nemesis_kinds[work.fault->kind].start(&work);
    de_kernel_post(nemesis->kernel, nemesis->kernel->now_ns + work.fault->duration_ns,
                   DE_NEMESIS_END, 0, event->content, NULL);
}

static void run_end(void *context, const struct de_sim_event *event)
{
    struct de_nemesis *nemesis = context;
    struct de_nemesis_work work = work_of(nemesis, event->content);

    if (!nemesis->healed && work.state->active) {
        work.state->active = false;
        if (de_nemesis_kinds[work.fault->kind].end != NULL) {
            de_nemesis_kinds[work.fault->kind].end(&work);
        }
    }
}

void de_nemesis_step_later(struct de_nemesis_work *work, uint64_t delay_ns)
{
    struct de_kernel *kernel = work->nemesis->kernel;

    de_kernel_post(kernel, kernel->now_ns + delay_ns, DE_NEMESIS_STEP, 0, work->number, NULL);
}

static void run_step(void *context, const struct de_sim_event *event)
{
    struct de_nemesis *nemesis = context;
    struct de_nemesis_work work = work_of(nemesis, event->content);

    if (!nemesis->healed && work.state->active) {
        work.state->steps++;
        de_nemesis_kinds[work.fault->kind].step(&work);
    }
}

/* After the healing only the core: a fault from before may have come out only now. */
static bool may_restart(const struct de_nemesis *nemesis, uint32_t id)
{
    return !nemesis->healed || (nemesis->core >> id & 1) != 0;
}

static void run_restart(void *context, const struct de_sim_event *event)
{
    struct de_nemesis *nemesis = context;
    struct de_host *host = &nemesis->hosts[event->entity];

    if (may_restart(nemesis, event->entity) && !host->running && !host->lost && !host->absent &&
        host->lives == event->content) {
        de_host_start(host);
    }
}

/* To start takes time: one that cannot start would try for ever at one and the same instant. */
void de_nemesis_trapped(struct de_nemesis *nemesis, uint32_t id)
{
    const uint64_t down_ns = nemesis->down_ns[id];

    if (may_restart(nemesis, id)) {
        de_nemesis_restart_later(nemesis, id, down_ns > START_NS ? down_ns : START_NS);
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
        {DE_NEMESIS_CHURN, {"churn", nemesis, de_nemesis_run_churn, NULL}},
        {DE_NEMESIS_STEP, {"fault-step", nemesis, run_step, NULL}},
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
