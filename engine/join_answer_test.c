#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "engine/join_answer.h"

/* Member 4 lives at "four:1". */
static struct dengine_cluster_status cluster(enum dengine_member_kind kind, uint64_t match,
                                             bool changing)
{
    struct dengine_cluster_status status = {.leader = 1, .changing = changing, .member_count = 2};

    status.members[0].id = 1;
    status.members[0].kind = DENGINE_MEMBER_VOTER;
    status.members[1].id = 4;
    status.members[1].kind = kind;
    status.members[1].match_index = match;
    (void)snprintf(status.members[1].peer_address, sizeof status.members[1].peer_address, "%s",
                   "four:1");
    return status;
}

static void expect(const struct dengine_cluster_status *status, const char *address, bool fresh,
                   int expected, const char *sentence)
{
    const struct de_joiner joiner = {4, address, fresh};
    const char *reason = NULL;
    int err = 1;

    assert_true(de_join_answer(status, &joiner, &err, &reason));
    assert_int_equal(err, expected);
    assert_non_null(strstr(reason, sentence));
}

static void test_who_is_no_member_has_to_be_added(void **state)
{
    const struct dengine_cluster_status status = cluster(DENGINE_MEMBER_LEARNER, 0, false);
    const struct de_joiner joiner = {5, "five:1", true};
    const char *reason = NULL;
    int err = 1;

    (void)state;
    assert_false(de_join_answer(&status, &joiner, &err, &reason));
}

static void test_a_learner_without_data_goes_on(void **state)
{
    const struct dengine_cluster_status status = cluster(DENGINE_MEMBER_LEARNER, 0, false);

    (void)state;
    expect(&status, "four:1", true, 0, "");
    expect(&status, "four:2", true, DENGINE_E_INVALID, "another address");
}

static void test_a_member_with_data_is_not_replaced_by_an_empty_directory(void **state)
{
    const struct dengine_cluster_status learner = cluster(DENGINE_MEMBER_LEARNER, 7, false);
    const struct dengine_cluster_status voter = cluster(DENGINE_MEMBER_VOTER, 0, false);

    (void)state;
    expect(&learner, "four:1", true, DENGINE_E_INVALID, "use a new id");
    expect(&voter, "four:1", true, DENGINE_E_INVALID, "use a new id");
    expect(&learner, "four:1", false, 0, "");
    expect(&voter, "four:1", false, 0, "");
}

/* A server that was told that it has joined would wait for ever when the change is rolled back. */
static void test_a_change_that_is_not_committed_is_waited_for(void **state)
{
    const struct dengine_cluster_status status = cluster(DENGINE_MEMBER_LEARNER, 0, true);

    (void)state;
    expect(&status, "four:1", true, DENGINE_E_BUSY, "under way");
    expect(&status, "four:2", true, DENGINE_E_INVALID, "another address");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_no_member_has_to_be_added),
        cmocka_unit_test(test_a_learner_without_data_goes_on),
        cmocka_unit_test(test_a_member_with_data_is_not_replaced_by_an_empty_directory),
        cmocka_unit_test(test_a_change_that_is_not_committed_is_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
