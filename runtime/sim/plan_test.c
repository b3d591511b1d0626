/* Schedule files: what is written is what is read, and what is wrong is said with its line. */
#include "runtime/sim/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void parse_fails(const char *text, const char *expected)
{
    char message[DE_PLAN_MESSAGE_MAX] = "";
    struct de_plan plan;

    assert_false(de_plan_parse(dengine_str(text), &plan, message));
    assert_non_null(strstr(message, expected));
}

static void print(const struct de_plan *plan, struct de_text *text)
{
    de_text_init(text);
    de_plan_print(plan, text);
    assert_false(text->failed);
}

static void every_drawn_plan_survives_its_file(void **state)
{
    (void)state;
    for (const struct de_scenario *scenario = de_scenarios(); scenario->name != NULL; scenario++) {
        for (uint64_t seed = 1; seed <= 40; seed++) {
            char message[DE_PLAN_MESSAGE_MAX] = "";
            struct de_plan plan;
            struct de_plan again;
            struct de_text first;
            struct de_text second;

            de_plan_draw(&plan, scenario, seed);
            print(&plan, &first);
            if (!de_plan_parse(dengine_bytes(first.data, first.size), &again, message)) {
                fail_msg("%s %llu: %s", scenario->name, (unsigned long long)seed, message);
            }
            print(&again, &second);
            assert_string_equal(first.data, second.data);
            assert_memory_equal(&plan.cluster, &again.cluster, sizeof(plan.cluster));
            assert_int_equal(plan.schedule.count, again.schedule.count);
            for (size_t i = 0; i < plan.schedule.count; i++) {
                assert_memory_equal(&plan.schedule.faults[i], &again.schedule.faults[i],
                                    sizeof(plan.schedule.faults[i]));
            }
            de_text_deinit(&first);
            de_text_deinit(&second);
            de_plan_deinit(&plan);
            de_plan_deinit(&again);
        }
    }
}

static void a_file_may_leave_out_what_the_seed_draws(void **state)
{
    const char *text = "dengine-schedule 1\n"
                       "# a remark\n"
                       "\n"
                       "scenario register\n"
                       "seed 7   # as good as any\r\n"
                       "set nodes 4\n"
                       "fault 2000000 1000 isolate 2 0 0";
    char message[DE_PLAN_MESSAGE_MAX] = "";
    struct de_plan drawn;
    struct de_plan plan;

    (void)state;
    assert_true(de_plan_parse(dengine_str(text), &plan, message));
    de_plan_draw(&drawn, de_scenario_find("register"), 7);
    assert_int_equal(plan.cluster.nodes, 4);
    assert_int_equal(plan.cluster.workload.nodes, 4);
    assert_int_equal(plan.cluster.raft.size_ring, drawn.cluster.raft.size_ring);
    assert_int_equal(plan.schedule.count, 1);
    assert_int_equal(plan.schedule.faults[0].kind, DE_FAULT_ISOLATE);
    assert_int_equal(plan.schedule.faults[0].start_ns, 2 * DE_NS_PER_S);
    de_plan_deinit(&plan);
    assert_true(de_plan_parse(dengine_str("dengine-schedule 1\nseed 7\nscenario register\n"), &plan,
                              message));
    assert_int_equal(plan.schedule.count, drawn.schedule.count);
    de_plan_deinit(&plan);
    assert_true(
        de_plan_parse(dengine_str("dengine-schedule 1\nseed 7\nscenario register\nfaults none\n"),
                      &plan, message));
    assert_int_equal(plan.schedule.count, 0);
    de_plan_deinit(&plan);
    de_plan_deinit(&drawn);
}

static void sites_are_what_the_file_says(void **state)
{
    const char *text = "dengine-schedule 1\nscenario register\nseed 1\nsite resend 77\n";
    const uint32_t none[DE_SITES] = {0};
    char message[DE_PLAN_MESSAGE_MAX] = "";
    struct de_plan plan;

    (void)state;
    assert_true(de_plan_parse(dengine_str(text), &plan, message));
    assert_int_equal(plan.cluster.site_ppm[DE_SITE_RESEND], 77);
    plan.cluster.site_ppm[DE_SITE_RESEND] = 0;
    assert_memory_equal(plan.cluster.site_ppm, none, sizeof(none));
    de_plan_deinit(&plan);
    assert_true(
        de_plan_parse(dengine_str("dengine-schedule 1\nscenario register\nseed 1\nsites none\n"),
                      &plan, message));
    assert_memory_equal(plan.cluster.site_ppm, none, sizeof(none));
    de_plan_deinit(&plan);
}

#define HEAD "dengine-schedule 1\nscenario elect\nseed 1\n"

static void what_is_wrong_is_said_with_its_line(void **state)
{
    char *many = malloc(DE_PLAN_BYTES_MAX + 2);
    char line[DE_PLAN_LINE_MAX + 2];

    (void)state;
    parse_fails("", "the file ends before");
    parse_fails("schedule 1\n", "line 1: no schedule file");
    parse_fails("dengine-schedule 2\n", "line 1: version 2 of the format is not known");
    parse_fails("dengine-schedule 1\nscenario none\n", "line 2: there is no scenario none");
    parse_fails("dengine-schedule 1\nset nodes 3\n", "line 2: `scenario NAME` and");
    parse_fails("dengine-schedule 1\nseed x\n", "line 2: the seed is not a decimal number: x");
    parse_fails("dengine-schedule 1\nseed 18446744073709551616\n", "the seed is too large");
    parse_fails("dengine-schedule 1\nseed 1\nseed 1\n", "line 3: a second seed");
    parse_fails(HEAD "scenario elect\n", "line 4: a second scenario");
    parse_fails(HEAD "set nodes 0\n", "line 4: nodes is 0, less than 1");
    parse_fails(HEAD "set nodes 8\n", "line 4: nodes is 8, more than 7");
    parse_fails(HEAD "set knots 8\n", "line 4: there is no setting knots");
    parse_fails(HEAD "set nodes\n", "line 4: a line of this form is wanted: set NAME NUMBER");
    parse_fails(HEAD "fault 1 1 dance 0 0 0\n", "line 4: there is no fault dance");
    parse_fails(HEAD "fault 1 1 isolate 15 0 0\n", "line 4: the target is 15, more than 14");
    parse_fails(HEAD "fault 3600000001 1 isolate 0 0 0\n", "line 4: the start is 3600000001");
    parse_fails(HEAD "fault 1 isolate 0 0 0\n", "line 4: a line of this form is wanted: fault");
    parse_fails(HEAD "faults some\n", "line 4: a line of this form is wanted: faults none");
    parse_fails(HEAD "site resent 1\n", "line 4: there is no site resent (dengine-sim sites)");
    parse_fails(HEAD "site resend 1000001\n", "line 4: the chance of a site is 1000001");
    parse_fails(HEAD "site resend\n", "line 4: a line of this form is wanted: site NAME PPM");
    parse_fails(HEAD "sites some\n", "line 4: a line of this form is wanted: sites none");
    parse_fails(HEAD "a b c d e f g h i\n", "line 4: more than 8 words");
    parse_fails(HEAD "set \x01 1\n", "line 4: a byte that is not printable ASCII");
    parse_fails(HEAD "hello\n", "line 4: what is `hello`?");
    parse_fails(HEAD "set heartbeat_interval_ns 3600000000000\n", "contradict one another");
    parse_fails(HEAD "set write_ppm 900000\nset cas_ppm 900000\n", "more than 1000000 together");
    memset(line, ' ', sizeof(line));
    line[sizeof(line) - 1] = '\0';
    parse_fails(line, "line 1: a line of more than 200 bytes");
    assert_non_null(many);
    memset(many, '\n', DE_PLAN_BYTES_MAX + 1);
    many[DE_PLAN_BYTES_MAX + 1] = '\0';
    parse_fails(many, "the file is longer than");
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_drawn_plan_survives_its_file),
        cmocka_unit_test(a_file_may_leave_out_what_the_seed_draws),
        cmocka_unit_test(sites_are_what_the_file_says),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
