#include "runtime/sim/plan.h"

#include "core/base/assert.h"

/* How often the kinds of faults are a set that goes deep together. */
#define THEMED_PPM 350000

/* The number of what is drawn for a run beyond the budget of faults. */
#define BEYOND_FIRST (UINT64_C(1) << 33)

/* Where time-outs are much alike and packets late, votes are split over and over at first. */
#define HASTY_ELECTIONS 12

/* In the last second a majority loses its snapshots, behind which the tiny logs were cut. */
static void add_majority(struct de_plan *plan)
{
    const uint32_t nodes = plan->cluster.nodes;
    struct de_dice dice;
    uint32_t first;

    de_dice_init(&dice, plan->seed, DE_DICE_NEMESIS, BEYOND_FIRST);
    first = (uint32_t)de_dice_below(&dice, nodes);
    for (uint32_t i = 0; i < nodes / 2 + 1; i++) {
        struct de_fault fault = {.kind = DE_FAULT_SNAPSHOT_LOSS};

        fault.target = 1 + (first + i) % nodes;
        fault.start_ns = plan->warm_ns + plan->chaos_ns -
                         DE_NS_PER_US * de_dice_between(&dice, 1, DE_NS_PER_S / DE_NS_PER_US);
        fault.start_ns = fault.start_ns / DE_NS_PER_US * DE_NS_PER_US;
        fault.duration_ns = DE_NS_PER_MS * de_dice_between(&dice, 1, 500);
        fault.a = de_dice_below(&dice, 2); /* a process crash, or a power cut */
        de_schedule_add(&plan->schedule, &fault);
    }
}

void de_plan_draw(struct de_plan *plan, const struct de_scenario *scenario, uint64_t seed)
{
    struct de_schedule_options faults = {0};

    plan->seed = seed;
    plan->scenario = scenario;
    plan->until_ns = 0;
    plan->warm_ns = DE_SCENARIO_WARM_NS;
    plan->chaos_ns = scenario->chaos_ns != 0 ? scenario->chaos_ns : DE_SCENARIO_CHAOS_NS;
    de_cluster_draw(&plan->cluster, scenario, seed);
    if (scenario->hasty) {
        plan->warm_ns = HASTY_ELECTIONS * plan->cluster.raft.election_timeout_max_ns;
    }
    de_schedule_init(&plan->schedule);
    faults.traps = scenario->snapshots ? DE_TRAP_IN_RECEIVE : DE_TRAP_AFTER_APPLY;
    faults.seed = seed;
    faults.nodes = plan->cluster.nodes;
    faults.clients = plan->cluster.workload.clients;
    faults.allowed = scenario->faults;
    faults.start_ns = plan->warm_ns;
    faults.end_ns = plan->warm_ns + plan->chaos_ns;
    faults.gap_ns = scenario->fault_gap_ns;
    faults.themed_ppm = scenario->themed_ppm != 0 ? scenario->themed_ppm : THEMED_PPM;
    faults.late_churn = scenario->hasty;
    de_schedule_draw(&plan->schedule, &faults);
    if (scenario->beyond) {
        add_majority(plan);
    }
}

void de_plan_copy(const struct de_plan *plan, struct de_plan *copy)
{
    DE_ASSERT(copy != plan);
    *copy = *plan;
    de_schedule_init(&copy->schedule);
    for (size_t i = 0; i < plan->schedule.count; i++) {
        de_schedule_add(&copy->schedule, &plan->schedule.faults[i]);
    }
}

void de_plan_deinit(struct de_plan *plan)
{
    de_schedule_deinit(&plan->schedule);
}
