/* Configurations: every step keeps an overlap of quorums, tried out over all subsets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/raft/configuration.h"
#include "core/raft/quorum.h"

#define CASES 30000
#define IDS   6

static struct de_raft_configuration make(uint32_t count, const uint32_t *flags)
{
    struct de_raft_configuration configuration;

    memset(&configuration, 0, sizeof(configuration));
    for (uint32_t i = 0; i < count; i++) {
        if (flags[i] != 0) {
            configuration.members[configuration.count].id = i + 1;
            configuration.members[configuration.count++].flags = flags[i];
        }
    }
    return configuration;
}

static bool is_quorum(const struct de_raft_configuration *configuration, uint32_t subset)
{
    uint64_t yes[DE_RAFT_MEMBERS_MAX] = {0};

    for (uint32_t i = 0; i < configuration->count; i++) {
        yes[i] = subset >> configuration->members[i].id & 1;
    }
    return de_quorum_reached(configuration, yes) == 1;
}

/* No set is a quorum of one while the rest is a quorum of the other. */
static bool quorums_overlap(const struct de_raft_configuration *a,
                            const struct de_raft_configuration *b)
{
    for (uint32_t subset = 0; subset < 1U << (IDS + 1); subset++) {
        if (is_quorum(a, subset) && is_quorum(b, ~subset)) {
            return false;
        }
    }
    return true;
}

static struct de_raft_configuration random_configuration(struct de_random *random)
{
    static const uint32_t kinds[] = {0, DE_RAFT_VOTER, DE_RAFT_VOTER, DE_RAFT_LEARNER,
                                     DE_RAFT_LEARNER | DE_RAFT_READ_ONLY};
    uint32_t flags[IDS];

    for (uint32_t i = 0; i < IDS; i++) {
        flags[i] = kinds[de_random_below(random, 5)];
    }
    flags[de_random_below(random, IDS)] = DE_RAFT_VOTER;
    return make(IDS, flags);
}

static void test_steps_keep_an_overlap(void **state)
{
    struct de_random random;
    int joint = 0;
    int refused = 0;

    (void)state;
    de_random_init(&random, 8);
    for (int n = 0; n < CASES; n++) {
        struct de_raft_configuration from = random_configuration(&random);
        struct de_raft_configuration target = random_configuration(&random);
        struct de_raft_configuration step;
        struct de_raft_configuration end;
        if (!de_configuration_step(&from, &target, &step)) {
            refused++;
            continue;
        }
        assert_true(de_configuration_is_valid(&step));
        assert_true(quorums_overlap(&from, &step));
        if (de_configuration_is_joint(&step)) {
            joint++;
            de_configuration_leave(&step, &end);
            assert_true(quorums_overlap(&step, &end));
            assert_true(de_configuration_equal(&end, &target));
        } else {
            assert_true(de_configuration_equal(&step, &target));
        }
    }
    assert_true(joint > CASES / 10 && refused > CASES / 100 && joint + refused < CASES);
}

static void test_one_voter_needs_no_joint(void **state)
{
    const uint32_t three[] = {DE_RAFT_VOTER, DE_RAFT_VOTER, DE_RAFT_VOTER, DE_RAFT_LEARNER};
    const uint32_t four[] = {DE_RAFT_VOTER, DE_RAFT_VOTER, DE_RAFT_VOTER, DE_RAFT_VOTER};
    const uint32_t swapped[] = {0, DE_RAFT_VOTER, DE_RAFT_VOTER, DE_RAFT_VOTER};
    struct de_raft_configuration from = make(4, three);
    struct de_raft_configuration target = make(4, four);
    struct de_raft_configuration step;

    (void)state;
    assert_true(de_configuration_step(&from, &target, &step));
    assert_false(de_configuration_is_joint(&step));
    target = make(4, swapped);
    assert_true(de_configuration_step(&from, &target, &step));
    assert_true(de_configuration_is_joint(&step));
    assert_int_equal(step.members[0].flags, DE_RAFT_VOTER_OLD);
    assert_int_equal(step.members[3].flags, DE_RAFT_VOTER);
}

static void test_demoted_voter_becomes_learner_at_the_end(void **state)
{
    const uint32_t before[] = {DE_RAFT_VOTER, DE_RAFT_VOTER, DE_RAFT_VOTER};
    const uint32_t after[] = {DE_RAFT_VOTER, DE_RAFT_LEARNER, DE_RAFT_LEARNER};
    struct de_raft_configuration from = make(3, before);
    struct de_raft_configuration target = make(3, after);
    struct de_raft_configuration step;

    (void)state;
    assert_true(de_configuration_step(&from, &target, &step));
    assert_int_equal(step.members[1].flags, DE_RAFT_VOTER_OLD | DE_RAFT_LEARNER);
    de_configuration_leave(&step, &from);
    assert_true(de_configuration_equal(&from, &target));
}

static void test_read_only_learner_is_never_promoted(void **state)
{
    const uint32_t before[] = {DE_RAFT_VOTER, DE_RAFT_LEARNER | DE_RAFT_READ_ONLY};
    const uint32_t after[] = {DE_RAFT_VOTER, DE_RAFT_VOTER};
    struct de_raft_configuration from = make(2, before);
    struct de_raft_configuration target = make(2, after);
    struct de_raft_configuration step;

    (void)state;
    assert_false(de_configuration_step(&from, &target, &step));
    assert_false(de_configuration_step(&from, &from, &step)); /* nothing would change */
}

static void test_invalid_configurations_are_told(void **state)
{
    const uint32_t good[] = {DE_RAFT_VOTER, DE_RAFT_VOTER};
    struct de_raft_configuration configuration = make(2, good);

    (void)state;
    assert_true(de_configuration_is_valid(&configuration));
    configuration.members[1].id = 1; /* twice */
    assert_false(de_configuration_is_valid(&configuration));
    configuration = make(2, good);
    configuration.members[0].id = 0;
    assert_false(de_configuration_is_valid(&configuration));
    configuration = make(2, good);
    configuration.members[1].flags = DE_RAFT_VOTER | DE_RAFT_LEARNER;
    assert_false(de_configuration_is_valid(&configuration));
    configuration.members[1].flags = DE_RAFT_READ_ONLY;
    assert_false(de_configuration_is_valid(&configuration));
    configuration.members[1].flags = 0;
    assert_false(de_configuration_is_valid(&configuration));
    configuration = make(2, good);
    configuration.members[0].flags = DE_RAFT_LEARNER;
    configuration.members[1].flags = DE_RAFT_LEARNER;
    assert_false(de_configuration_is_valid(&configuration));
    configuration = make(2, good);
    configuration.count = DE_RAFT_MEMBERS_MAX + 1;
    assert_false(de_configuration_is_valid(&configuration));
    configuration = make(2, good);
    configuration.reserved = 1;
    assert_false(de_configuration_is_valid(&configuration));
}

/* Without room for both halves there is no joint configuration. */
static void test_joint_of_too_many_members_is_refused(void **state)
{
    struct de_raft_configuration from;
    struct de_raft_configuration target;
    struct de_raft_configuration step;

    (void)state;
    memset(&from, 0, sizeof(from));
    from.count = DE_RAFT_MEMBERS_MAX;
    for (uint32_t i = 0; i < from.count; i++) {
        from.members[i].id = i + 1;
        from.members[i].flags = DE_RAFT_VOTER;
    }
    target = from;
    for (uint32_t i = 0; i < target.count; i++) {
        target.members[i].id += 2;
    }
    assert_false(de_configuration_step(&from, &target, &step));
}

static void test_truncation_falls_back_to_the_one_before(void **state)
{
    const uint32_t one[] = {DE_RAFT_VOTER};
    const uint32_t two[] = {DE_RAFT_VOTER, DE_RAFT_VOTER};
    struct de_raft_configuration first = make(1, one);
    struct de_raft_configuration second = make(2, two);
    struct de_configurations configurations;

    (void)state;
    de_configurations_init(&configurations, 3, &first);
    de_configurations_append(&configurations, 7, &second);
    de_configurations_truncate(&configurations, 8);
    assert_int_equal(configurations.current_index, 7);
    de_configurations_truncate(&configurations, 7);
    assert_int_equal(configurations.current_index, 3);
    assert_true(de_configuration_equal(&configurations.current, &first));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_keep_an_overlap),
        cmocka_unit_test(test_one_voter_needs_no_joint),
        cmocka_unit_test(test_demoted_voter_becomes_learner_at_the_end),
        cmocka_unit_test(test_read_only_learner_is_never_promoted),
        cmocka_unit_test(test_invalid_configurations_are_told),
        cmocka_unit_test(test_joint_of_too_many_members_is_refused),
        cmocka_unit_test(test_truncation_falls_back_to_the_one_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
