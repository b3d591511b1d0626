/* Majorities against a model that counts on its fingers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/raft/quorum.h"

#define CASES 400000

static struct de_raft_configuration voters(uint32_t count)
{
    struct de_raft_configuration configuration;

    memset(&configuration, 0, sizeof(configuration));
    configuration.count = count;
    for (uint32_t i = 0; i < count; i++) {
        configuration.members[i].id = i + 1;
        configuration.members[i].flags = DE_RAFT_VOTER;
    }
    return configuration;
}

static void random_members(struct de_random *random, struct de_raft_configuration *configuration)
{
    static const uint32_t flags[] = {
        DE_RAFT_VOTER,   DE_RAFT_VOTER | DE_RAFT_VOTER_OLD,   DE_RAFT_VOTER_OLD,
        DE_RAFT_LEARNER, DE_RAFT_VOTER_OLD | DE_RAFT_LEARNER, DE_RAFT_LEARNER | DE_RAFT_READ_ONLY};
    uint64_t kinds = de_random_below(random, 2) == 0 ? 1 : 6; /* often voters only */

    *configuration = voters((uint32_t)de_random_below(random, 10));
    for (uint32_t i = 0; i < configuration->count; i++) {
        configuration->members[i].flags = flags[de_random_below(random, kinds)];
    }
}

/* More than half of those that have the bit say yes; none of them is fine too. */
static bool is_majority(const struct de_raft_configuration *configuration, uint32_t bit,
                        const bool *yes)
{
    int all = 0;
    int for_it = 0;

    for (uint32_t i = 0; i < configuration->count; i++) {
        if ((configuration->members[i].flags & bit) != 0) {
            all++;
            for_it += yes[i];
        }
    }
    return all == 0 || 2 * for_it > all;
}

static bool is_quorum(const struct de_raft_configuration *configuration, const bool *yes)
{
    bool has_voter = false;

    for (uint32_t i = 0; i < configuration->count; i++) {
        has_voter = has_voter ||
                    (configuration->members[i].flags & (DE_RAFT_VOTER | DE_RAFT_VOTER_OLD)) != 0;
    }
    return has_voter && is_majority(configuration, DE_RAFT_VOTER, yes) &&
           is_majority(configuration, DE_RAFT_VOTER_OLD, yes);
}

static void test_reached_equals_the_model(void **state)
{
    struct de_random random;
    struct de_raft_configuration configuration;

    (void)state;
    de_random_init(&random, 1);
    for (int n = 0; n < CASES; n++) {
        uint64_t values[DE_RAFT_MEMBERS_MAX] = {0};
        uint64_t best = 0;
        random_members(&random, &configuration);
        for (uint32_t i = 0; i < configuration.count; i++) {
            values[i] = de_random_below(&random, 6);
        }
        for (uint64_t value = 1; value < 6; value++) {
            bool yes[DE_RAFT_MEMBERS_MAX] = {false};
            for (uint32_t i = 0; i < configuration.count; i++) {
                yes[i] = values[i] >= value;
            }
            best = is_quorum(&configuration, yes) ? value : best;
        }
        assert_int_equal(de_quorum_reached(&configuration, values), best);
        bool only[DE_RAFT_MEMBERS_MAX] = {false};
        uint64_t at = de_random_below(&random, 10);
        only[at] = true; /* nobody, when there are fewer */
        assert_int_equal(de_quorum_is_alone(&configuration, at + 1),
                         is_quorum(&configuration, only));
    }
}

static void test_vote_equals_the_model(void **state)
{
    struct de_random random;
    struct de_raft_configuration configuration;

    (void)state;
    de_random_init(&random, 2);
    for (int n = 0; n < CASES; n++) {
        uint8_t ballots[DE_RAFT_MEMBERS_MAX] = {0};
        bool now[DE_RAFT_MEMBERS_MAX] = {false};
        bool at_best[DE_RAFT_MEMBERS_MAX] = {false};
        bool has_voter = false;
        bool all_granted = true;
        bool any_refused = false;
        random_members(&random, &configuration);
        for (uint32_t i = 0; i < configuration.count; i++) {
            ballots[i] = (uint8_t)de_random_below(&random, 4);
            if (de_random_below(&random, 2) == 0) {
                ballots[i] |= DE_BALLOT_GRANTED;
            }
            now[i] = ballots[i] == DE_BALLOT_GRANTED;
            at_best[i] = ballots[i] <= DE_BALLOT_GRANTED;
            bool is_voter = configuration.members[i].flags == DE_RAFT_VOTER ||
                            (configuration.members[i].flags & DE_RAFT_VOTER_OLD) != 0;
            has_voter = has_voter || is_voter;
            all_granted = all_granted && (!is_voter || (ballots[i] & DE_BALLOT_GRANTED) != 0);
            any_refused = any_refused || (is_voter && ballots[i] == DE_BALLOT_REFUSED);
        }
        enum de_vote_result expected = is_quorum(&configuration, now) ? DE_VOTE_WON
                                       : !has_voter || is_quorum(&configuration, at_best)
                                           ? DE_VOTE_PENDING
                                           : DE_VOTE_LOST;
        assert_int_equal(de_quorum_vote(&configuration, ballots), expected);
        expected = any_refused                ? DE_VOTE_LOST
                   : has_voter && all_granted ? DE_VOTE_WON
                                              : DE_VOTE_PENDING;
        assert_int_equal(de_quorum_unanimous(&configuration, ballots), expected);
    }
}

/* Zoo 9: half is not enough. */
static void test_four_voters_need_three(void **state)
{
    struct de_raft_configuration configuration = voters(4);
    uint64_t values[] = {7, 7, 3, 3};
    uint8_t ballots[] = {DE_BALLOT_GRANTED, DE_BALLOT_GRANTED, 0, 0};

    (void)state;
    assert_int_equal(de_quorum_reached(&configuration, values), 3);
    assert_int_equal(de_quorum_vote(&configuration, ballots), DE_VOTE_PENDING);
    ballots[2] = DE_BALLOT_REFUSED;
    ballots[3] = DE_BALLOT_REFUSED;
    assert_int_equal(de_quorum_vote(&configuration, ballots), DE_VOTE_LOST);
}

/* Zoo 12: both halves of a joint configuration. */
static void test_joint_needs_both_halves(void **state)
{
    struct de_raft_configuration configuration = voters(5);
    uint64_t values[] = {9, 9, 9, 0, 0};

    (void)state;
    configuration.members[3].flags = DE_RAFT_VOTER_OLD;
    configuration.members[4].flags = DE_RAFT_VOTER_OLD;
    assert_int_equal(de_quorum_reached(&configuration, values), 0);
    values[3] = 4;
    values[4] = 5;
    assert_int_equal(de_quorum_reached(&configuration, values), 4);
}

/* Zoo 10. */
static void test_learners_never_count(void **state)
{
    struct de_raft_configuration configuration = voters(3);
    uint64_t values[] = {5, 0, 5};

    (void)state;
    configuration.members[2].flags = DE_RAFT_LEARNER;
    assert_int_equal(de_quorum_reached(&configuration, values), 0);
}

static void test_alone(void **state)
{
    struct de_raft_configuration configuration = voters(2);

    (void)state;
    assert_false(de_quorum_is_alone(&configuration, 1));
    configuration.members[1].flags = DE_RAFT_LEARNER;
    assert_true(de_quorum_is_alone(&configuration, 1));
    assert_false(de_quorum_is_alone(&configuration, 2));
    configuration.members[1].flags = DE_RAFT_VOTER_OLD;
    assert_false(de_quorum_is_alone(&configuration, 1));
    configuration.count = 0;
    assert_false(de_quorum_is_alone(&configuration, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reached_equals_the_model),
        cmocka_unit_test(test_vote_equals_the_model),
        cmocka_unit_test(test_four_voters_need_three),
        cmocka_unit_test(test_joint_needs_both_halves),
        cmocka_unit_test(test_learners_never_count),
        cmocka_unit_test(test_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
