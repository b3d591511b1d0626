/* What is left of a plan when a made-up failure needs only some of it. */
#include "runtime/sim/shrink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/sim/scenario.h"

#define RUNS_MAX 10000u

/* A failure that needs two faults of the plan, a site, a client and the load of some time. */
struct failure {
    struct de_fault first;
    struct de_fault second;
    enum de_site_id site;
    uint32_t client;
    uint64_t load_ns;    /* operations have to begin then */
    uint64_t later_ns;   /* ... and the run to go on until then; 0: until after the healing */
    uint64_t one_in;     /* seeds that have it, others with each number of faults */
    uint64_t faults;     /* at first */
    bool fickle;         /* with another number of faults it takes another seed, in any case: */
    uint64_t shown_seed; /* ... than this, which was the one */
    uint64_t shown_faults;
    uint64_t runs;
};

static bool has_fault(const struct de_plan *plan, const struct de_fault *fault)
{
    for (size_t i = 0; i < plan->schedule.count; i++) {
        if (memcmp(&plan->schedule.faults[i], fault, sizeof(*fault)) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether it comes to pass with this seed, if all that it needs is there. */
static bool shows(struct failure *failure, const struct de_plan *plan)
{
    if (!failure->fickle) {
        return (plan->seed + failure->faults - plan->schedule.count) % failure->one_in == 0;
    }
    if (plan->schedule.count == failure->shown_faults) {
        return plan->seed == failure->shown_seed;
    }
    if (plan->seed == failure->shown_seed || plan->seed % failure->one_in != 0) {
        return false;
    }
    failure->shown_seed = plan->seed;
    failure->shown_faults = plan->schedule.count;
    return true;
}

static bool fails(void *context, const struct de_plan *plan)
{
    struct failure *failure = context;
    const struct de_load *load = &plan->cluster.load;
    struct de_load timed = *load;

    failure->runs++;
    timed.heal_ns = plan->warm_ns + plan->chaos_ns;
    return has_fault(plan, &failure->first) && has_fault(plan, &failure->second) &&
           plan->cluster.site_ppm[failure->site] != 0 &&
           de_load_next_ns(&timed, failure->client, failure->load_ns, 1) == failure->load_ns &&
           (plan->until_ns == 0 ||
            (failure->later_ns != 0 && plan->until_ns >= failure->later_ns)) &&
           shows(failure, plan);
}

static void draw(struct de_plan *plan, struct failure *failure)
{
    de_plan_draw(plan, de_scenario_find("chaos"), 4200);
    assert_true(plan->schedule.count > 20);
    memset(plan->cluster.site_ppm, 0, sizeof(plan->cluster.site_ppm));
    for (int site = 0; site < DE_SITES; site += 2) {
        plan->cluster.site_ppm[site] = 1000;
    }
    *failure = (struct failure){
        .first = plan->schedule.faults[3],
        .second = plan->schedule.faults[plan->schedule.count - 5],
        .site = (enum de_site_id)4,
        .client = DE_WORKLOAD_ENDPOINT + 1,
        .load_ns = 7 * DE_NS_PER_S,
        .later_ns = 9 * DE_NS_PER_S,
        .one_in = 1,
        .faults = plan->schedule.count,
    };
}

static void shrink(struct de_plan *plan, struct failure *failure, uint32_t runs_max)
{
    const struct de_shrink_options options = {
        .fails = fails, .context = failure, .runs_max = runs_max};
    uint32_t runs = de_shrink(plan, &options);

    assert_int_equal(runs, failure->runs);
    assert_true(runs <= runs_max);
    assert_true(fails(failure, plan));
}

static void only_what_it_needs_is_left(void **state)
{
    struct failure failure;
    struct de_plan plan;

    (void)state;
    draw(&plan, &failure);
    shrink(&plan, &failure, RUNS_MAX);
    assert_int_equal(plan.schedule.count, 2);
    assert_int_equal(de_shrink_sites(&plan), 1);
    assert_int_equal(plan.cluster.load.clients, UINT64_C(1) << failure.client);
    assert_true(plan.until_ns < failure.later_ns + 100 * DE_NS_PER_MS);
    /* The time of the load is a single slot of it, or so short that slots do not matter. */
    assert_true(__builtin_popcountll(plan.cluster.load.slots) == 1);
    assert_true(plan.cluster.load.until_ns - plan.cluster.load.from_ns < DE_NS_PER_S);
    assert_int_equal(plan.cluster.network.base.loss_ppm, 0);
    assert_int_equal(plan.cluster.admin_gap_ns, 0);
    assert_true(plan.cluster.workload.think_ns >= 10 * DE_NS_PER_S);
    de_plan_deinit(&plan);
}

static void what_fails_after_the_healing_keeps_its_end(void **state)
{
    struct failure failure;
    struct de_plan plan;

    (void)state;
    draw(&plan, &failure);
    failure.later_ns = 0;
    shrink(&plan, &failure, RUNS_MAX);
    assert_int_equal(plan.until_ns, 0);
    assert_int_equal(plan.schedule.count, 2);
    de_plan_deinit(&plan);
}

static void what_few_seeds_show_is_found_again_with_another_seed(void **state)
{
    struct failure failure;
    struct de_plan plan;

    (void)state;
    draw(&plan, &failure);
    failure.one_in = 6;
    shrink(&plan, &failure, RUNS_MAX);
    assert_int_equal(plan.schedule.count, 2);
    assert_int_equal(de_shrink_sites(&plan), 1);
    de_plan_deinit(&plan);
}

/* With the seed that it had no fault at all could be left out. */
static void each_fault_that_is_left_out_may_take_another_seed(void **state)
{
    struct failure failure;
    struct de_plan plan;

    (void)state;
    draw(&plan, &failure);
    failure.one_in = 5;
    failure.fickle = true;
    failure.shown_seed = plan.seed;
    failure.shown_faults = plan.schedule.count;
    shrink(&plan, &failure, RUNS_MAX);
    assert_int_equal(plan.schedule.count, 2);
    assert_int_not_equal(plan.seed, 4200);
    de_plan_deinit(&plan);
}

static void with_few_runs_it_stops_at_what_it_has(void **state)
{
    (void)state;
    for (uint32_t runs_max = 0; runs_max < 40; runs_max++) {
        struct failure failure;
        struct de_plan plan;

        draw(&plan, &failure);
        shrink(&plan, &failure, runs_max);
        de_plan_deinit(&plan);
    }
}

static bool over_after_some(void *context)
{
    const struct failure *failure = context;

    return failure->runs >= 7;
}

static void when_it_is_over_it_stops_at_what_it_has(void **state)
{
    struct failure failure;
    struct de_plan plan;
    const struct de_shrink_options options = {
        .fails = fails, .over = over_after_some, .context = &failure, .runs_max = RUNS_MAX};

    (void)state;
    draw(&plan, &failure);
    assert_int_equal(de_shrink(&plan, &options), 7);
    assert_true(fails(&failure, &plan));
    de_plan_deinit(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_it_needs_is_left),
        cmocka_unit_test(what_fails_after_the_healing_keeps_its_end),
        cmocka_unit_test(what_few_seeds_show_is_found_again_with_another_seed),
        cmocka_unit_test(each_fault_that_is_left_out_may_take_another_seed),
        cmocka_unit_test(with_few_runs_it_stops_at_what_it_has),
        cmocka_unit_test(when_it_is_over_it_stops_at_what_it_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
