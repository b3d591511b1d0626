/* What happens to one machine: its process, its disk, its clock. */
#include "core/base/assert.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/nemesis_faults.h"

static struct de_host *target_of(const struct de_nemesis_work *work)
{
    return &work->nemesis->hosts[work->state->target];
}

static bool is_minority(const struct de_nemesis *nemesis, uint64_t mask)
{
    uint32_t count = 0;

    for (uint32_t id = 1; id <= nemesis->nodes; id++) {
        count += (uint32_t)(mask >> id & 1);
    }
    return count <= (nemesis->nodes - 1) / 2;
}

uint64_t de_nemesis_forgetting(const struct de_nemesis *nemesis)
{
    uint64_t mask = 0;

    for (uint32_t id = 1; id <= nemesis->nodes; id++) {
        const struct de_host *host = &nemesis->hosts[id];
        struct de_raft_view view = {.recovering = true};

        if (host->running && host->node != NULL) {
            de_host_view(host, &view);
        }
        if (view.recovering || host->trap != DE_TRAP_NONE) {
            mask |= UINT64_C(1) << id;
        }
    }
    return mask;
}

static uint64_t until(const struct de_nemesis_work *work)
{
    return work->nemesis->kernel->now_ns + work->fault->duration_ns;
}

struct de_host_crash de_nemesis_crash_of(uint64_t a)
{
    struct de_host_crash crash = {a != 0, DE_DISK_CUT_ALL};

    if (a != 0) {
        crash.cut = (enum de_disk_cut)((a - 1) % DE_DISK_CUT_KINDS);
    }
    return crash;
}

void de_nemesis_restart_later(struct de_nemesis *nemesis, uint32_t id, uint64_t down_ns)
{
    de_kernel_post(nemesis->kernel, nemesis->kernel->now_ns + down_ns, DE_NEMESIS_RESTART, id,
                   nemesis->hosts[id].lives, NULL);
}

static bool may_forget(const struct de_nemesis *nemesis, uint32_t id)
{
    uint64_t forgetting = de_nemesis_forgetting(nemesis) | UINT64_C(1) << id;

    if (!nemesis->forgetful) {
        return true;
    }
    return nemesis->members_vary
               ? de_oracle_may_forget(nemesis->hosts[id].shared->oracle, forgetting)
               : is_minority(nemesis, forgetting);
}

void de_nemesis_changed(struct de_nemesis *nemesis)
{
    for (uint32_t id = 1; id <= nemesis->nodes; id++) {
        struct de_host *host = &nemesis->hosts[id];

        if (host->trap != DE_TRAP_NONE && !may_forget(nemesis, id)) {
            host->trap = DE_TRAP_NONE;
        }
    }
}

void de_nemesis_crash(struct de_nemesis *nemesis, uint32_t id, uint64_t a, uint64_t down_ns)
{
    struct de_host_crash how = de_nemesis_crash_of(a);

    if (nemesis->hosts[id].running && may_forget(nemesis, id)) {
        de_host_crash(&nemesis->hosts[id], &how);
        de_nemesis_restart_later(nemesis, id, down_ns);
    }
}

void de_start_crash(struct de_nemesis_work *work)
{
    de_nemesis_crash(work->nemesis, work->state->target, work->fault->a, work->fault->duration_ns);
}

/* What the target does when something stops it. */
static void stops_with(struct de_nemesis_work *work)
{
    target_of(work)->trap_crash = de_nemesis_crash_of(work->fault->a);
    work->nemesis->down_ns[work->state->target] = work->fault->duration_ns;
}

void de_start_trap(struct de_nemesis_work *work)
{
    if (may_forget(work->nemesis, work->state->target)) {
        target_of(work)->trap = (uint32_t)(work->fault->b % (DE_TRAP_IN_RECEIVE + 1));
        stops_with(work);
    }
}

void de_start_blackout(struct de_nemesis_work *work)
{
    struct de_dice dice;

    for (uint32_t id = 1; id <= work->nemesis->nodes; id++) {
        de_dice_init(&dice, work->nemesis->kernel->seed, DE_DICE_GUIDED,
                     work->fault->start_ns ^ (uint64_t)id << 56);
        de_nemesis_crash(work->nemesis, id, work->fault->a,
                         de_dice_exponential(&dice, work->fault->duration_ns));
    }
}

void de_start_crash_loop(struct de_nemesis_work *work)
{
    de_nemesis_step_later(work, 0);
}

/* Up for one period, down for half of one. */
void de_step_crash_loop(struct de_nemesis_work *work)
{
    uint64_t period_ns = (work->fault->b == 0 ? 1 : work->fault->b) * DE_NS_PER_US;

    de_nemesis_crash(work->nemesis, work->state->target, work->fault->a, period_ns / 2);
    de_nemesis_step_later(work, period_ns + period_ns / 2);
}

void de_start_pause(struct de_nemesis_work *work)
{
    de_host_pause(target_of(work), until(work));
}

void de_start_suspend(struct de_nemesis_work *work)
{
    de_host_suspend(target_of(work), until(work));
}

void de_end_clock(struct de_nemesis_work *work)
{
    de_host_clock_rate(target_of(work), target_of(work)->clock.natural_ppm);
}

static uint64_t factor(const struct de_nemesis_work *work)
{
    return work->fault->a < 1 ? 1 : work->fault->a < 10000 ? work->fault->a : 10000;
}

void de_start_slow_node(struct de_nemesis_work *work)
{
    target_of(work)->slowness = factor(work);
}

void de_end_slow_node(struct de_nemesis_work *work)
{
    target_of(work)->slowness = 1;
}

void de_start_slow_disk(struct de_nemesis_work *work)
{
    target_of(work)->disk_slowness = factor(work);
}

void de_end_slow_disk(struct de_nemesis_work *work)
{
    target_of(work)->disk_slowness = 1;
}

void de_start_stall(struct de_nemesis_work *work)
{
    target_of(work)->stalled_until_ns = until(work);
}

/* An error waits until the store comes to it. */
static void disk_error(struct de_nemesis_work *work, enum de_disk_operation operation)
{
    stops_with(work);
    de_disk_fail(&target_of(work)->disk, operation, work->fault->b == 0 ? 0 : work->fault->b - 1);
}

void de_start_sync_error(struct de_nemesis_work *work)
{
    disk_error(work, DE_DISK_SYNC);
}

void de_start_write_error(struct de_nemesis_work *work)
{
    disk_error(work, DE_DISK_WRITE);
}

void de_start_read_error(struct de_nemesis_work *work)
{
    disk_error(work, DE_DISK_READ);
}

void de_start_store_error(struct de_nemesis_work *work)
{
    static const int errors[] = {DENGINE_E_IO, DENGINE_E_NO_MEMORY, DENGINE_E_NO_SPACE};
    struct de_host *host = target_of(work);

    stops_with(work);
    host->store.error = errors[work->fault->b % DE_ARRAY_SIZE(errors)];
    host->store.fails_in = work->fault->b;
}

/* Machines of one size fill up together, and not every log store says beforehand that room runs
 * out. A full disk excuses nothing: the node refuses or waits, and goes on when there is room. */
void de_start_no_space(struct de_nemesis_work *work)
{
    for (uint32_t id = 1; id <= work->nemesis->nodes; id++) {
        struct de_host *host = &work->nemesis->hosts[id];

        if (host->lives == 0) {
            continue; /* nobody installs a server where there is no room for its log */
        }
        if (host == target_of(work) || (work->fault->b & 1) != 0) {
            host->room_hidden = (work->fault->b & 2) != 0;
            de_disk_fill(&host->disk, work->fault->a);
        }
    }
}

void de_end_no_space(struct de_nemesis_work *work)
{
    for (uint32_t id = 1; id <= work->nemesis->nodes; id++) {
        struct de_host *host = &work->nemesis->hosts[id];

        if (host == target_of(work) || (work->fault->b & 1) != 0) {
            host->room_hidden = false;
            host->disk.capacity_bytes = UINT64_MAX;
        }
    }
}

/* Whether the target may lose what it promised to keep: of n voters a minority may. */
static bool may_damage(const struct de_nemesis_work *work)
{
    return work->nemesis->beyond ||
           is_minority(work->nemesis, work->nemesis->damaged | UINT64_C(1) << work->state->target);
}

void de_start_rot(struct de_nemesis_work *work)
{
    if (may_damage(work) && de_disk_rot(&target_of(work)->disk, work->fault->b)) {
        work->nemesis->damaged |= UINT64_C(1) << work->state->target;
        de_start_crash(work);
    }
}

void de_start_disk_loss(struct de_nemesis_work *work)
{
    struct de_host_crash how = {true, DE_DISK_CUT_ALL};
    struct de_host *host = target_of(work);

    if (may_damage(work)) {
        work->nemesis->damaged |= UINT64_C(1) << work->state->target;
        de_host_crash(host, &how);
        de_disk_lose(&host->disk);
        host->lost = true;
    }
}

/* Whoever has cut its log behind them must not start again; the others may. */
void de_start_snapshot_loss(struct de_nemesis_work *work)
{
    const struct de_host_crash how = de_nemesis_crash_of(work->fault->a);
    struct de_host *host = target_of(work);

    if (may_damage(work) && host->lives > 0) {
        work->nemesis->damaged |= UINT64_C(1) << work->state->target;
        de_host_crash(host, &how);
        de_disk_lose_files(&host->disk, "snapshot-");
        de_nemesis_restart_later(work->nemesis, host->id, work->fault->duration_ns);
    }
}

/* A start that fails so leaves nothing behind, and the next one succeeds. */
void de_start_starve(struct de_nemesis_work *work)
{
    struct de_host *host = target_of(work);

    de_start_crash(work);
    if (!host->running) {
        host->starves_in = work->fault->b == 0 ? 0 : work->fault->b - 1;
    }
}

/* It goes on: its state is whole, and whoever is sent the image finds out. A start that needs the
 * snapshot does not, and refuses. */
void de_start_snapshot_rot(struct de_nemesis_work *work)
{
    struct de_host *host = target_of(work);

    if (may_damage(work) && de_disk_rot_newest(&host->disk, "snapshot-", work->fault->b)) {
        work->nemesis->damaged |= UINT64_C(1) << work->state->target;
    }
}

void de_start_drift(struct de_nemesis_work *work)
{
    uint64_t rate = work->fault->a;

    de_host_clock_rate(target_of(work), rate < 1 ? 1 : rate < 2000000 ? (uint32_t)rate : 2000000);
}

void de_start_step(struct de_nemesis_work *work)
{
    uint64_t most_us = 3600 * DE_NS_PER_S / DE_NS_PER_US;

    de_host_clock_step(target_of(work),
                       (work->fault->a < most_us ? work->fault->a : most_us) * DE_NS_PER_US);
}

void de_start_stop(struct de_nemesis_work *work)
{
    de_host_clock_rate(target_of(work), 0);
}
