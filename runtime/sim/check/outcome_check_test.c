/* Requests end once, session commands happen once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/sim/check/outcome_check.h"

static struct de_finding finding;

static void expect(bool right, const char *rule)
{
    assert_string_equal(finding.rule, rule);
    assert_int_equal(right, rule[0] == '\0');
    de_finding_init(&finding);
}

static void test_requests_end_exactly_once(void **state)
{
    struct de_outcome_check check;
    (void)state;
    de_finding_init(&finding);
    de_outcome_check_init(&check);
    expect(de_outcome_check_finish(&check, &finding), "");
    for (uint64_t id = 1; id <= 500; id++) {
        expect(de_outcome_check_begun(&check, id, &finding), "");
    }
    expect(de_outcome_check_begun(&check, 77, &finding), "one-outcome");
    for (uint64_t id = 1; id <= 500; id++) {
        expect(de_outcome_check_finish(&check, &finding), "one-outcome");
        expect(de_outcome_check_ended(&check, id, &finding), "");
    }
    expect(de_outcome_check_finish(&check, &finding), "");
    expect(de_outcome_check_ended(&check, 3, &finding), "one-outcome");
    expect(de_outcome_check_ended(&check, 501, &finding), "one-outcome");
    de_outcome_check_deinit(&check);
}

static void test_session_commands_happen_once_and_answer_the_same(void **state)
{
    struct de_outcome_check check;
    (void)state;
    de_finding_init(&finding);
    de_outcome_check_init(&check);
    expect(de_outcome_check_answered(&check, 1, 1, 10, &finding), "answer-invented");
    for (uint64_t session = 1; session <= 20; session++) {
        for (uint64_t sequence = 1; sequence <= 20; sequence++) {
            expect(de_outcome_check_applied(&check, session, sequence, session * 100 + sequence,
                                            session ^ sequence, &finding),
                   "");
        }
    }
    expect(de_outcome_check_answered(&check, 7, 3, 7 ^ 3, &finding), "");
    expect(de_outcome_check_answered(&check, 7, 3, 7 ^ 3, &finding), "");
    expect(de_outcome_check_answered(&check, 7, 3, 5, &finding), "other-answer");
    expect(de_outcome_check_answered(&check, 7, 21, 5, &finding), "answer-invented");
    expect(de_outcome_check_applied(&check, 7, 3, 9999, 7 ^ 3, &finding), "applied-twice");
    expect(de_outcome_check_finish(&check, &finding), "");
    expect(de_outcome_check_begun(&check, 7777, &finding), ""); /* told apart from sessions */
    assert_false(de_outcome_check_finish(&check, &finding));
    assert_string_equal(finding.text, "request 7777 never ended, one of 1");
    de_outcome_check_deinit(&check);
}

static void test_the_first_finding_stays(void **state)
{
    (void)state;
    de_finding_init(&finding);
    assert_false(de_finding_set(&finding, "one", "first %d", 1));
    assert_false(de_finding_set(&finding, "two", "second"));
    assert_string_equal(finding.rule, "one");
    assert_string_equal(finding.text, "first 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_end_exactly_once),
        cmocka_unit_test(test_session_commands_happen_once_and_answer_the_same),
        cmocka_unit_test(test_the_first_finding_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
