/* The end of chaos: a core is well again, the rest stays broken for good. */
#include "core/base/assert.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/nemesis_internal.h"

static void heal_host(struct de_nemesis *nemesis, uint32_t id)
{
    struct de_host *host = &nemesis->hosts[id];

    host->disk_slowness = 1;
    host->slowness = 1;
    host->trap = DE_TRAP_NONE;
    host->starves_in = UINT64_MAX;
    host->paused_until_ns = 0;
    host->stalled_until_ns = 0;
    host->room_hidden = false;
    de_disk_mend(&host->disk);
    de_host_clock_rate(host, host->clock.natural_ppm);
    if (!host->running && !host->lost && !host->absent) {
        de_host_start(host);
    }
}

/* How a node outside of the core stays broken. */
static void leave_broken(struct de_nemesis *nemesis, uint32_t id, struct de_dice *dice)
{
    struct de_host_crash how = {false, DE_DISK_CUT_ALL};
    uint64_t others = de_nemesis_all(nemesis) & ~(UINT64_C(1) << id);

    switch (de_dice_below(dice, 6)) {
    case 0:
        de_host_crash(&nemesis->hosts[id], &how);
        break;
    case 1:
        heal_host(nemesis, id);
        de_nemesis_isolate(nemesis, id, 0, true);
        break;
    case 2:
        heal_host(nemesis, id);
        de_nemesis_cut(nemesis, others, UINT64_C(1) << id, true);
        break;
    case 3:
        heal_host(nemesis, id);
        de_nemesis_cut(nemesis, UINT64_C(1) << id, others, true);
        break;
    case 4:
        heal_host(nemesis, id);
        nemesis->hosts[id].disk_slowness = 8;
        nemesis->hosts[id].slowness = 8;
        break;
    default:
        heal_host(nemesis, id);
        break;
    }
}

/* A quorum of those whose disks are whole, and who have forgotten nothing: with the others alone
 * nobody might be electable (core/raft/recovery.c). */
static uint32_t choose_core(const struct de_nemesis *nemesis, struct de_dice *dice)
{
    const uint64_t unfit =
        nemesis->damaged | (nemesis->forgetful ? de_nemesis_forgetting(nemesis) : 0);
    uint32_t wanted = nemesis->nodes / 2 + 1;
    uint32_t whole = 0;
    uint32_t core = 0;

    for (uint32_t id = 1; id <= nemesis->nodes; id++) {
        whole += (unfit >> id & 1) == 0 ? 1 : 0;
    }
    DE_ASSERT(whole >= wanted); /* the budget of faults */
    for (uint32_t id = nemesis->nodes; id > 0; id--) {
        if ((unfit >> id & 1) != 0) {
            continue;
        }
        /* Selection sampling: each id with wanted / whole. */
        if (de_dice_below(dice, whole) < wanted) {
            core |= UINT32_C(1) << id;
            wanted--;
        }
        whole--;
    }
    DE_ASSERT(wanted == 0);
    return core;
}

uint32_t de_nemesis_heal(struct de_nemesis *nemesis, uint32_t core)
{
    struct de_dice dice;

    de_dice_init(&dice, nemesis->kernel->seed, DE_DICE_HEAL, 0);
    core = core != 0 ? core : choose_core(nemesis, &dice);
    nemesis->healed = true;
    nemesis->core = core;
    nemesis->churning = false;
    de_network_heal(nemesis->network);
    for (uint32_t id = 1; id <= nemesis->nodes; id++) {
        if ((core >> id & 1) != 0) {
            heal_host(nemesis, id);
        } else {
            leave_broken(nemesis, id, &dice);
        }
    }
    return core;
}
