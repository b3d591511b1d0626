/* Requests to change the membership: each kind, each refusal, and a naive model with random
 * requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/node/membership.h"
#include "core/raft/configuration.h"

#define MODEL_IDS   12u
#define MODEL_CASES 20000

/* Voters 1, 2, 3, the learner 5, the read-only learner 6; 4 and 7 have left. */
static struct de_membership five_members(void)
{
    const struct de_member_addresses five = {"five:1", "five:2"};
    struct de_membership membership;

    memset(&membership, 0, sizeof membership);
    assert_true(de_membership_add(&membership, 7, DE_RAFT_LEARNER, NULL));
    memset(&membership.configuration, 0, sizeof membership.configuration);
    assert_true(de_membership_add(&membership, 2, DE_RAFT_VOTER, NULL));
    assert_true(de_membership_add(&membership, 1, DE_RAFT_VOTER, NULL));
    assert_true(de_membership_add(&membership, 3, DE_RAFT_VOTER, NULL));
    assert_true(de_membership_add(&membership, 5, DE_RAFT_LEARNER, &five));
    assert_true(de_membership_add(&membership, 6, DE_RAFT_LEARNER | DE_RAFT_READ_ONLY, NULL));
    assert_int_equal(membership.highest_id, 7);
    return membership;
}

static void assert_refused(const struct de_change *change, const char *reason)
{
    const struct de_membership from = five_members();
    struct de_membership target;
    const char *said = de_membership_change(&from, change, &target);

    assert_non_null(said);
    assert_non_null(strstr(said, reason));
}

static struct de_membership changed(const struct de_change *change)
{
    const struct de_membership from = five_members();
    struct de_membership target;

    assert_null(de_membership_change(&from, change, &target));
    return target;
}

static uint32_t flags_of(const struct de_membership *membership, uint64_t id)
{
    const int at = de_configuration_find(&membership->configuration, id);

    return at < 0 ? 0 : membership->configuration.members[at].flags;
}

static void test_each_change_does_what_it_says(void **state)
{
    struct de_change change = {
        .kind = DE_CHANGE_ADD_LEARNER, .id = 8, .read_only = true, .addresses = {"eight:1", ""}};
    struct de_membership target;

    (void)state;
    target = changed(&change);
    assert_int_equal(flags_of(&target, 8), DE_RAFT_LEARNER | DE_RAFT_READ_ONLY);
    assert_int_equal(target.highest_id, 8);
    assert_string_equal(de_membership_addresses(&target, 8)->peer, "eight:1");
    assert_string_equal(de_membership_addresses(&target, 5)->peer, "five:1");

    change = (struct de_change){.kind = DE_CHANGE_PROMOTE, .id = 5};
    target = changed(&change);
    assert_int_equal(flags_of(&target, 5), DE_RAFT_VOTER);

    change = (struct de_change){.kind = DE_CHANGE_REMOVE, .id = 2};
    target = changed(&change);
    assert_int_equal(flags_of(&target, 2), 0);
    assert_int_equal(target.highest_id, 7);
    assert_string_equal(de_membership_addresses(&target, 5)->client, "five:2");

    change = (struct de_change){.kind = DE_CHANGE_REPLACE, .id = 1, .by = 5};
    target = changed(&change);
    assert_int_equal(flags_of(&target, 1), 0);
    assert_int_equal(flags_of(&target, 5), DE_RAFT_VOTER);

    change = (struct de_change){.kind = DE_CHANGE_SET_VOTERS, .voter_count = 2, .voters = {5, 3}};
    target = changed(&change);
    assert_int_equal(target.configuration.count, 3);
    assert_int_equal(flags_of(&target, 3), DE_RAFT_VOTER);
    assert_int_equal(flags_of(&target, 5), DE_RAFT_VOTER);
    assert_int_equal(flags_of(&target, 6), DE_RAFT_LEARNER | DE_RAFT_READ_ONLY);

    change =
        (struct de_change){.kind = DE_CHANGE_ADDRESSES, .id = 5, .addresses = {"five:3", "five:4"}};
    target = changed(&change);
    assert_int_equal(target.configuration.count, 5);
    assert_string_equal(de_membership_addresses(&target, 5)->peer, "five:3");
    assert_string_equal(de_membership_addresses(&target, 5)->client, "five:4");
    assert_string_equal(de_membership_addresses(&target, 6)->peer, "");
}

static void test_what_makes_no_sense_is_refused_with_a_sentence(void **state)
{
    static const struct {
        struct de_change change;
        const char *reason;
    } cases[] = {
        {{.kind = 0}, "no such kind"},
        {{.kind = DE_CHANGE_ADD_LEARNER, .id = 0}, "ids begin at 1"},
        {{.kind = DE_CHANGE_ADD_LEARNER, .id = 3}, "a member already"},
        {{.kind = DE_CHANGE_ADD_LEARNER, .id = 4}, "never used twice"},
        {{.kind = DE_CHANGE_ADD_LEARNER, .id = 7}, "never used twice"},
        {{.kind = DE_CHANGE_PROMOTE, .id = 3}, "a voter already"},
        {{.kind = DE_CHANGE_PROMOTE, .id = 6}, "read-only"},
        {{.kind = DE_CHANGE_PROMOTE, .id = 9}, "not a member"},
        {{.kind = DE_CHANGE_REMOVE, .id = 9}, "not a member"},
        {{.kind = DE_CHANGE_REPLACE, .id = 5, .by = 6}, "is not a voter"},
        {{.kind = DE_CHANGE_REPLACE, .id = 1, .by = 2}, "only a learner"},
        {{.kind = DE_CHANGE_REPLACE, .id = 1, .by = 9}, "only a learner"},
        {{.kind = DE_CHANGE_REPLACE, .id = 1, .by = 6}, "read-only"},
        {{.kind = DE_CHANGE_ADDRESSES, .id = 9, .addresses = {"nine:1", ""}}, "not a member"},
        {{.kind = DE_CHANGE_ADDRESSES, .id = 5, .addresses = {"five:1", "five:2"}},
         "in use already"},
        {{.kind = DE_CHANGE_SET_VOTERS}, "last voter"},
        {{.kind = DE_CHANGE_SET_VOTERS, .voter_count = 1, .voters = {9}}, "not a member"},
        {{.kind = DE_CHANGE_SET_VOTERS, .voter_count = 33}, "more voters"},
        {{.kind = DE_CHANGE_SET_VOTERS, .voter_count = 3, .voters = {3, 1, 2}}, "in use already"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_refused(&cases[i].change, cases[i].reason);
    }
}

static void test_the_last_voter_stays(void **state)
{
    const struct de_change change = {.kind = DE_CHANGE_REMOVE, .id = 1};
    struct de_membership from = {0};
    struct de_membership target;

    (void)state;
    assert_true(de_membership_add(&from, 1, DE_RAFT_VOTER, NULL));
    assert_true(de_membership_add(&from, 2, DE_RAFT_LEARNER, NULL));
    assert_non_null(strstr(de_membership_change(&from, &change, &target), "last voter"));
}

static void test_a_full_cluster_takes_nobody(void **state)
{
    const struct de_change change = {.kind = DE_CHANGE_ADD_LEARNER, .id = 100};
    struct de_membership from = {0};
    struct de_membership target;

    (void)state;
    for (uint64_t id = 1; id <= DE_RAFT_MEMBERS_MAX; id++) {
        assert_true(de_membership_add(&from, id, DE_RAFT_VOTER, NULL));
    }
    assert_non_null(strstr(de_membership_change(&from, &change, &target), "as many members"));
}

static void test_a_joint_step_keeps_all_addresses(void **state)
{
    const struct de_change change = {.kind = DE_CHANGE_REPLACE, .id = 1, .by = 5};
    const struct de_membership from = five_members();
    struct de_membership target;
    struct de_membership complete;
    struct de_raft_configuration step;

    (void)state;
    assert_null(de_membership_change(&from, &change, &target));
    assert_true(de_configuration_step(&from.configuration, &target.configuration, &step));
    assert_true(de_configuration_is_joint(&step));
    de_membership_complete(&step, &from, &target, &complete);
    assert_int_equal(complete.configuration.count, 5);
    assert_int_equal(complete.highest_id, 7);
    assert_string_equal(de_membership_addresses(&complete, 5)->peer, "five:1");
}

/* ---- against a naive model ---- */

struct model {
    uint32_t flags[MODEL_IDS + 1]; /* by id; 0 = no member */
    bool used[MODEL_IDS + 1];
};

static bool model_may_vote(const struct model *model, uint64_t id)
{
    return id >= 1 && id <= MODEL_IDS &&
           (model->flags[id] == DE_RAFT_VOTER || model->flags[id] == DE_RAFT_LEARNER);
}

/* false: refused. */
static bool model_change(struct model *model, const struct de_change *change)
{
    struct model next = *model;
    uint32_t voters = 0;

    switch (change->kind) {
    case DE_CHANGE_ADD_LEARNER:
        for (uint64_t id = change->id; id <= MODEL_IDS; id++) {
            if (model->used[id]) {
                return false;
            }
        }
        next.flags[change->id] = DE_RAFT_LEARNER | (change->read_only ? DE_RAFT_READ_ONLY : 0);
        next.used[change->id] = true;
        break;
    case DE_CHANGE_PROMOTE:
        if (model->flags[change->id] != DE_RAFT_LEARNER) {
            return false;
        }
        next.flags[change->id] = DE_RAFT_VOTER;
        break;
    case DE_CHANGE_REMOVE:
        next.flags[change->id] = 0;
        break;
    case DE_CHANGE_REPLACE:
        if (model->flags[change->id] != DE_RAFT_VOTER ||
            model->flags[change->by] != DE_RAFT_LEARNER) {
            return false;
        }
        next.flags[change->id] = 0;
        next.flags[change->by] = DE_RAFT_VOTER;
        break;
    default:
        for (uint64_t id = 1; id <= MODEL_IDS; id++) {
            next.flags[id] = next.flags[id] == DE_RAFT_VOTER ? 0 : next.flags[id];
        }
        for (uint32_t v = 0; v < change->voter_count; v++) {
            if (!model_may_vote(model, change->voters[v])) {
                return false;
            }
            next.flags[change->voters[v]] = DE_RAFT_VOTER;
        }
    }
    for (uint64_t id = 1; id <= MODEL_IDS; id++) {
        voters += next.flags[id] == DE_RAFT_VOTER ? 1 : 0;
    }
    if (voters == 0 || memcmp(next.flags, model->flags, sizeof next.flags) == 0) {
        return false;
    }
    *model = next;
    return true;
}

static struct de_change random_change(struct de_random *random)
{
    struct de_change change;

    memset(&change, 0, sizeof change);
    change.kind = 1 + (uint32_t)de_random_below(random, 5);
    change.id = 1 + de_random_below(random, MODEL_IDS);
    change.by = 1 + de_random_below(random, MODEL_IDS);
    change.read_only = de_random_below(random, 4) == 0;
    change.voter_count = (uint32_t)de_random_below(random, 4);
    for (uint32_t v = 0; v < change.voter_count; v++) {
        change.voters[v] = 1 + de_random_below(random, MODEL_IDS);
    }
    return change;
}

static void test_changes_agree_with_a_model(void **state)
{
    struct de_random random;
    size_t taken = 0;

    (void)state;
    de_random_init(&random, 1);
    for (size_t i = 0; i < MODEL_CASES; i++) {
        struct model model = {.flags = {0, DE_RAFT_VOTER}, .used = {false, true}};
        struct de_membership membership = {0};

        assert_true(de_membership_add(&membership, 1, DE_RAFT_VOTER, NULL));
        for (size_t step = 0; step < 20; step++) {
            const struct de_change change = random_change(&random);
            struct de_membership target;
            const char *reason = de_membership_change(&membership, &change, &target);

            assert_int_equal(reason == NULL, model_change(&model, &change));
            if (reason == NULL) {
                membership = target;
                taken++;
            }
            for (uint64_t id = 1; id <= MODEL_IDS; id++) {
                assert_int_equal(flags_of(&membership, id), model.flags[id]);
            }
        }
    }
    assert_true(taken > MODEL_CASES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_change_does_what_it_says),
        cmocka_unit_test(test_what_makes_no_sense_is_refused_with_a_sentence),
        cmocka_unit_test(test_the_last_voter_stays),
        cmocka_unit_test(test_a_full_cluster_takes_nobody),
        cmocka_unit_test(test_a_joint_step_keeps_all_addresses),
        cmocka_unit_test(test_changes_agree_with_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
