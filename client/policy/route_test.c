#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/policy/retry.h"
#include "client/policy/route.h"

#define SECOND UINT64_C(1000000000)

static struct de_route three(void)
{
    struct de_route route;

    de_route_init(&route, 7);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(de_route_add(&route), i);
    }
    return route;
}

static void test_who_knows_no_leader_sends_nothing_and_asks(void **state)
{
    struct de_route route = three();
    uint64_t due_ns = UINT64_MAX;

    (void)state;
    assert_int_equal(de_route_choose(&route, 7, false), DE_ROUTE_NOBODY);
    assert_true(de_route_must_ask(&route, 7));
    assert_int_equal(de_route_pursue(&route, 1, 2, true, SECOND, &due_ns), DE_ROUTE_ASK);
    assert_int_equal(de_route_pursue(&route, 1, 0, true, SECOND, &due_ns), DE_ROUTE_CONNECT);
    assert_int_equal(due_ns, UINT64_MAX);
}

static void test_a_leader_is_sent_to_only_over_a_connection(void **state)
{
    struct de_route route = three();

    (void)state;
    de_route_lead(&route, 2);
    assert_int_equal(de_route_choose(&route, 3, false), DE_ROUTE_NOBODY);
    assert_int_equal(de_route_choose(&route, 4, false), 2);
    assert_false(de_route_must_ask(&route, 4));
    assert_false(de_route_must_ask(&route, 0)); /* it is only being connected to */
    de_route_failed(&route, 2, SECOND);
    assert_true(de_route_must_ask(&route, 0)); /* it may be dead */
}

static void test_what_fails_waits_longer_each_time(void **state)
{
    struct de_route route = three();
    uint64_t before_ns = 0;

    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        uint64_t due_ns = UINT64_MAX;

        de_route_failed(&route, 0, SECOND);
        assert_int_equal(de_route_pursue(&route, 0, 0, true, SECOND, &due_ns), DE_ROUTE_REST);
        assert_true(due_ns >= SECOND + before_ns);
        assert_true(due_ns <= SECOND + 320 * SECOND / 1000);
        before_ns = (due_ns - SECOND) / 2;
    }
    de_route_connected(&route, 0);
    assert_int_equal(de_route_pursue(&route, 0, 0, true, SECOND, &before_ns), DE_ROUTE_CONNECT);
}

static void test_doubt_lets_the_others_be_asked_at_once(void **state)
{
    struct de_route route = three();

    (void)state;
    de_route_failed(&route, 1, SECOND);
    de_route_lead(&route, 0);
    assert_false(de_route_doubt(&route, 1));
    assert_true(de_route_doubt(&route, 0));
    assert_int_equal(route.leader, DE_ROUTE_NOBODY);
    assert_int_equal(route.peers[1].next_ns, 0);
    assert_false(de_route_doubt(&route, DE_ROUTE_NOBODY));
}

static void test_to_name_a_dead_leader_is_a_failure(void **state)
{
    struct de_route route = three();

    (void)state;
    assert_true(de_route_heard(&route, 0, 2, 1, SECOND));
    assert_int_equal(route.leader, 2);
    assert_false(de_route_heard(&route, 0, 2, 1, SECOND)); /* no connection to it */
    assert_int_equal(route.peers[0].failures, 1);
    assert_true(de_route_heard(&route, 0, 2, 5, SECOND));
    assert_true(de_route_heard(&route, 0, 1, 5, SECOND)); /* 2 is there: it stays */
    assert_int_equal(route.leader, 2);
    assert_true(de_route_heard(&route, 0, 1, 1, SECOND)); /* it is not: the other one is news */
    assert_int_equal(route.leader, 1);
    assert_false(de_route_heard(&route, 2, DE_ROUTE_NOBODY, 7, SECOND));
}

static void test_anywhere_takes_turns(void **state)
{
    struct de_route route = three();

    (void)state;
    assert_int_equal(de_route_choose(&route, 5, true), 0);
    assert_int_equal(de_route_choose(&route, 5, true), 2);
    assert_int_equal(de_route_choose(&route, 5, true), 0);
    assert_int_equal(de_route_choose(&route, 0, true), DE_ROUTE_NOBODY);
}

/* Only when somebody who can be asked was, and the one he may have named cannot be reached. */
static void test_reads_go_anywhere_when_nobody_knows_a_leader(void **state)
{
    struct de_route route = three();

    (void)state;
    assert_false(de_route_leaderless(&route, 7)); /* nobody was asked */
    de_route_failed(&route, 1, 0);                /* could not be connected to */
    assert_false(de_route_leaderless(&route, 5));
    assert_false(de_route_heard(&route, 0, DE_ROUTE_NOBODY, 5, 0));
    assert_true(de_route_leaderless(&route, 5));
    assert_false(de_route_leaderless(&route, 4)); /* that one has gone */
    de_route_lead(&route, 1);
    assert_true(de_route_leaderless(&route, 5)); /* dead, it seems */
    assert_false(de_route_leaderless(&route, 7));
    assert_true(de_route_heard(&route, 0, 2, 5, SECOND));
    assert_int_equal(route.leader, 2);
    assert_false(de_route_leaderless(&route, 5));
}

static void test_no_more_members_than_there_is_room_for(void **state)
{
    struct de_route route;

    (void)state;
    de_route_init(&route, 1);
    for (uint32_t i = 0; i < DE_ROUTE_PEERS_MAX; i++) {
        assert_int_equal(de_route_add(&route), i);
    }
    assert_int_equal(de_route_add(&route), DE_ROUTE_NOBODY);
}

static void test_a_call_goes_again_until_its_deadline(void **state)
{
    const struct de_judgement refused = {.err = DENGINE_E_NOT_LEADER, .again = true};
    const struct de_judgement busy = {.err = DENGINE_E_BUSY, .again = true, .delay_ms = 500};
    struct de_retry retry;

    (void)state;
    de_retry_init(&retry, SECOND);
    assert_int_equal(de_retry_expired(&retry, true), DENGINE_E_NO_LEADER);
    assert_int_equal(de_retry_expired(&retry, false), DENGINE_E_UNAVAILABLE);
    assert_true(de_retry_again(&retry, &refused, true, 9, SECOND / 10));
    assert_int_equal(retry.not_before_ns, SECOND / 10); /* a hint is followed at once */
    assert_true(de_retry_again(&retry, &refused, true, 9, SECOND / 10));
    assert_true(de_retry_again(&retry, &refused, true, 9, SECOND / 10));
    assert_true(de_retry_again(&retry, &refused, true, 9, SECOND / 10));
    assert_true(retry.not_before_ns > SECOND / 10); /* but not round and round */
    assert_false(de_retry_again(&retry, &busy, false, 9, SECOND / 2));
    assert_int_equal(de_retry_expired(&retry, true), DENGINE_E_BUSY);
}

/* Two members that each name the other, in virtual time: answers take a millisecond. */
static void test_hints_that_go_round_end_with_the_deadline(void **state)
{
    const struct de_answer answer = {
        .write = true, .status = DE_ANSWER_OK, .understood = true, .err = DENGINE_E_NOT_LEADER};

    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct de_random random;
        struct de_retry retry;
        uint64_t now_ns = 0;
        uint32_t attempts = 0;
        bool again = true;

        de_random_init(&random, seed);
        de_retry_init(&retry, SECOND * 3 / 10);
        while (again) {
            const struct de_judgement verdict = de_judge(&answer);

            attempts++;
            now_ns += SECOND / 1000;
            assert_true(verdict.again);
            again = de_retry_again(&retry, &verdict, true, de_random_next(&random), now_ns);
            now_ns = again ? retry.not_before_ns : now_ns;
        }
        assert_int_equal(retry.err, DENGINE_E_NOT_LEADER);
        assert_true(now_ns < retry.deadline_ns + SECOND / 1000);
        assert_true(attempts >= 5 && attempts <= 7); /* with pauses */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_knows_no_leader_sends_nothing_and_asks),
        cmocka_unit_test(test_a_leader_is_sent_to_only_over_a_connection),
        cmocka_unit_test(test_what_fails_waits_longer_each_time),
        cmocka_unit_test(test_doubt_lets_the_others_be_asked_at_once),
        cmocka_unit_test(test_to_name_a_dead_leader_is_a_failure),
        cmocka_unit_test(test_anywhere_takes_turns),
        cmocka_unit_test(test_reads_go_anywhere_when_nobody_knows_a_leader),
        cmocka_unit_test(test_no_more_members_than_there_is_room_for),
        cmocka_unit_test(test_a_call_goes_again_until_its_deadline),
        cmocka_unit_test(test_hints_that_go_round_end_with_the_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
