#include "runtime/sim/plan.h"

#include "core/base/assert.h"

/* How often the kinds of faults are a set that goes deep together. */
#define THEMED_PPM 350000

/* Where time-outs are much alike and packets late, votes are split over and over at first. */
#define HASTY_ELECTIONS 12

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
