/* Sites of the code (core/base/site.h) in whole runs: each is taken somewhere, none breaks a
 * promise, and a schedule file takes the same ones again. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/sim/world.h"
#include "sim-tests/tool/stores.h"

static void run(const struct de_plan *plan, struct de_run_result *result)
{
    struct de_sim_stores stores = de_tool_stores();
    const struct de_run_options options = {.plan = plan, .stores = &stores, .memory_fill = 0xa5};

    de_run(&options, result);
    if (de_verdict_failed(&result->verdict)) {
        fail_msg("%s, seed %d: %s: %s", plan->scenario->name, (int)plan->seed,
                 result->verdict.oracle, result->verdict.sentence);
    }
}

static void draw(struct de_plan *plan, const char *scenario, uint64_t seed, uint32_t ppm)
{
    de_plan_draw(plan, de_scenario_find(scenario), seed);
    for (int site = 0; site < DE_SITES; site++) {
        plan->cluster.site_ppm[site] = ppm;
    }
}

static void test_every_site_is_taken_and_breaks_nothing(void **state)
{
    static const char *const names[] = {"snapshot", "forward", "watch", "member", "scan"};
    uint64_t taken[DE_SITES] = {0};

    (void)state;
    for (size_t i = 0; i < DE_ARRAY_SIZE(names); i++) {
        for (uint64_t seed = 1; seed <= 3; seed++) {
            struct de_run_result result;
            struct de_plan plan;

            draw(&plan, names[i], seed, 20000);
            run(&plan, &result);
            for (int site = 0; site < DE_SITES; site++) {
                taken[site] += result.sites_taken[site];
            }
            de_plan_deinit(&plan);
        }
    }
    for (int site = 0; site < DE_SITES; site++) {
        if (taken[site] == 0) {
            fail_msg("nothing has come by the site %s", de_site_text((enum de_site_id)site));
        }
    }
}

static void test_a_schedule_file_takes_the_same_sites(void **state)
{
    char message[DE_PLAN_MESSAGE_MAX] = "";
    struct de_run_result first;
    struct de_run_result again;
    struct de_plan plan;
    struct de_plan parsed;
    struct de_text text;

    (void)state;
    draw(&plan, "replicate", 3, 20000);
    run(&plan, &first);
    de_text_init(&text);
    de_plan_print(&plan, &text);
    assert_true(de_plan_parse(dengine_bytes(text.data, text.size), &parsed, message));
    run(&parsed, &again);
    assert_true(first.trace_hash == again.trace_hash);
    assert_memory_equal(first.sites_taken, again.sites_taken, sizeof(first.sites_taken));
    assert_true(again.sites_taken[DE_SITE_SHORT_APPEND] > 0);
    /* Without the line of one it is not taken, and the others are. */
    parsed.cluster.site_ppm[DE_SITE_SHORT_APPEND] = 0;
    run(&parsed, &again);
    assert_int_equal(again.sites_taken[DE_SITE_SHORT_APPEND], 0);
    assert_true(again.sites_taken[DE_SITE_FULL_WINDOW] > 0);
    assert_true(first.trace_hash != again.trace_hash);
    de_text_deinit(&text);
    de_plan_deinit(&plan);
    de_plan_deinit(&parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_site_is_taken_and_breaks_nothing),
        cmocka_unit_test(test_a_schedule_file_takes_the_same_sites),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
