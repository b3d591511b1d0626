/* The oracles of configurations: each is fed a violation and the lawful neighbour of it. */
#include "runtime/sim/test/oracle_bench.h"

#include "core/node/config_codec.h"
#include "core/node/membership.h"

#define VOTER   ((uint32_t)DE_RAFT_VOTER)
#define OLD     ((uint32_t)DE_RAFT_VOTER_OLD)
#define LEARNER ((uint32_t)DE_RAFT_LEARNER)

/* Node 1 leads term 1 and has committed an entry of it, at index 1. */
static void lead_and_commit(struct bench *bench)
{
    lead(bench, 1, 1, 0);
    store(bench, 1, 1, 1, 1, "x");
    store(bench, 2, 1, 1, 1, "x");
    step(bench, 1, DE_RAFT_LEADER, 1, 1);
    expect(bench, "");
}

/* A configuration: flags[i] are those of member i + 1, 0 = it is none. */
struct config {
    uint64_t highest_id;
    uint32_t flags[4];
};

/* id appends the configuration, durably. */
static void append_config(struct bench *bench, uint32_t id, uint64_t term, struct config config)
{
    struct de_membership *membership = calloc(1, sizeof(*membership));
    struct dengine_entry entry = {term, DENGINE_ENTRY_CONFIG, {NULL, 0}};
    struct dengine_log_write write = {.entries = &entry, .entry_count = 1};
    char buffer[DE_CONFIG_BYTES_MAX];

    for (uint32_t i = 0; i < DE_ARRAY_SIZE(config.flags); i++) {
        if (config.flags[i] != 0) {
            assert_true(de_membership_add(membership, i + 1, config.flags[i], NULL));
        }
    }
    membership->highest_id = config.highest_id;
    entry.data = dengine_bytes(buffer, de_config_encode(membership, buffer, sizeof(buffer)));
    write.first_index = bench->oracle.nodes[id].memory.last + 1;
    de_oracle_submitted(&bench->oracle, 1, id, &write);
    de_oracle_durable(&bench->oracle, 1, id, 1);
    free(membership);
}

/* Nodes 1 and 2 append it, in term 1, and node 1 commits it. */
static void commit_config(struct bench *bench, struct config config)
{
    append_config(bench, 1, 1, config);
    append_config(bench, 2, 1, config);
    step(bench, 1, DE_RAFT_LEADER, 1, bench->oracle.nodes[1].memory.last);
}

static void test_a_change_before_the_one_before_is_committed(void **state)
{
    struct bench *bench = *state;

    lead_and_commit(bench);
    append_config(bench, 1, 1, (struct config){4, {VOTER, VOTER, VOTER, LEARNER}});
    step(bench, 1, DE_RAFT_LEADER, 1, 1);
    expect(bench, "");
    append_config(bench, 1, 1, (struct config){4, {VOTER, VOTER, VOTER, VOTER}});
    step(bench, 1, DE_RAFT_LEADER, 1, 1);
    expect(bench, "one-change");
}

static void test_a_change_before_an_entry_of_the_own_term(void **state)
{
    struct bench *bench = *state;

    lead(bench, 1, 1, 0);
    append_config(bench, 1, 1, (struct config){4, {VOTER, VOTER, VOTER, LEARNER}});
    step(bench, 1, DE_RAFT_LEADER, 1, 0);
    expect(bench, "own-term-first");
}

static void test_a_joint_configuration_keeps_the_old_voters(void **state)
{
    struct bench *bench = *state;

    lead_and_commit(bench);
    commit_config(bench, (struct config){4, {VOTER, VOTER, VOTER, LEARNER}});
    commit_config(bench, (struct config){4, {VOTER | OLD, VOTER | OLD, OLD, VOTER}});
    commit_config(bench, (struct config){4, {VOTER, VOTER, 0, VOTER}});
    expect(bench, "");
    assert_int_equal(de_oracle_last_config(&bench->oracle)->index, 4);
}

static void wrong(struct bench *bench, struct config config, const char *sentence)
{
    commit_config(bench, config);
    expect(bench, "configuration");
    assert_non_null(strstr(bench->verdict.sentence, sentence));
}

static void test_a_joint_configuration_that_leaves_an_old_voter_out(void **state)
{
    lead_and_commit(*state);
    commit_config(*state, (struct config){4, {VOTER, VOTER, VOTER, LEARNER}});
    wrong(*state, (struct config){4, {VOTER | OLD, VOTER | OLD, 0, VOTER}}, "outgoing voters");
}

static void test_two_voters_at_once(void **state)
{
    lead_and_commit(*state);
    wrong(*state, (struct config){3, {VOTER, 0, 0, 0}}, "more than one voter differs");
}

static void test_an_end_that_the_joint_one_did_not_lead_to(void **state)
{
    lead_and_commit(*state);
    commit_config(*state, (struct config){4, {VOTER, VOTER, VOTER, LEARNER}});
    commit_config(*state, (struct config){4, {VOTER | OLD, VOTER | OLD, OLD, VOTER}});
    wrong(*state, (struct config){4, {VOTER, VOTER, VOTER, VOTER}}, "what that one led to");
}

static void test_a_configuration_without_voters(void **state)
{
    lead_and_commit(*state);
    wrong(*state, (struct config){3, {LEARNER, LEARNER, LEARNER, 0}}, "nobody votes");
}

static void test_an_id_that_returns(void **state)
{
    lead_and_commit(*state);
    commit_config(*state, (struct config){3, {VOTER, VOTER, 0, 0}});
    expect(*state, "");
    wrong(*state, (struct config){3, {VOTER, VOTER, LEARNER, 0}}, "has returned");
}

static void test_a_highest_id_that_is_forgotten(void **state)
{
    lead_and_commit(*state);
    wrong(*state, (struct config){2, {VOTER, VOTER, 0, 0}}, "forgets ids");
}

static void test_a_voter_that_was_no_learner(void **state)
{
    lead_and_commit(*state);
    wrong(*state, (struct config){4, {VOTER, VOTER, VOTER, VOTER}}, "no learner");
}

static void test_a_leader_that_votes_no_more(void **state)
{
    struct bench *bench = *state;

    lead_and_commit(bench);
    commit_config(bench, (struct config){3, {VOTER, VOTER, 0, 0}});
    step(bench, 2, DE_RAFT_FOLLOWER, 1, 2);
    store(bench, 3, 1, 0, 1, "x");
    append_config(bench, 3, 1, (struct config){3, {VOTER, VOTER, 0, 0}});
    give_vote(bench, 1, 3, 2);
    give_vote(bench, 2, 3, 2);
    give_vote(bench, 3, 3, 2);
    step(bench, 3, DE_RAFT_FOLLOWER, 2, 0);
    bench->oracle.nodes[3].commit = 2;
    de_oracle_check_votes(&bench->oracle, 3, 3, 2);
    expect(bench, "leader-votes");
}

static void test_a_removal_that_is_not_committed(void **state)
{
    struct bench *bench = *state;

    lead_and_commit(bench);
    append_config(bench, 1, 1, (struct config){3, {VOTER, VOTER, 0, 0}});
    de_oracle_removed(&bench->oracle, 3, 3);
    expect(bench, "removed");
}

static void test_a_removal_that_is(void **state)
{
    struct bench *bench = *state;

    lead_and_commit(bench);
    commit_config(bench, (struct config){3, {VOTER, VOTER, 0, 0}});
    de_oracle_removed(&bench->oracle, 3, 3);
    expect(bench, "");
}

static void test_a_change_that_is_done_is_committed(void **state)
{
    struct bench *bench = *state;
    struct de_change change = {.kind = DE_CHANGE_REMOVE, .id = 3};

    lead_and_commit(bench);
    commit_config(bench, (struct config){3, {VOTER, VOTER, 0, 0}});
    de_oracle_changed(&bench->oracle, 3, 1, &change);
    expect(bench, "");
    change.id = 2;
    de_oracle_changed(&bench->oracle, 3, 1, &change);
    expect(bench, "changed");
}

/* While a change is under way, whoever may win decides by its own configuration. */
static void test_who_has_to_be_well(void **state)
{
    struct bench *bench = *state;
    struct de_oracle *oracle = &bench->oracle;

    lead_and_commit(bench);
    assert_true(de_oracle_may_recover(oracle, 1u << 1 | 1u << 2));
    assert_false(de_oracle_may_recover(oracle, 1u << 1));
    append_config(bench, 1, 1, (struct config){3, {OLD | VOTER, OLD, OLD | VOTER, 0}});
    assert_false(de_oracle_may_recover(oracle, 1u << 1 | 1u << 2));
    assert_true(de_oracle_may_recover(oracle, 1u << 1 | 1u << 3));
}

/* 1 goes by a change that makes 3 a voter; 3 has a longer log, in which it is none. */
static void test_a_quorum_of_which_nobody_is_electable(void **state)
{
    struct bench *bench = *state;
    struct de_oracle *oracle = &bench->oracle;

    lead_and_commit(bench);
    append_config(bench, 1, 1, (struct config){3, {VOTER, VOTER, VOTER, 0}});
    append_config(bench, 3, 2, (struct config){3, {VOTER, VOTER, LEARNER, 0}});
    assert_false(de_oracle_may_elect(oracle, 1u << 1));
    assert_false(de_oracle_may_elect(oracle, 1u << 1 | 1u << 3));
    assert_true(de_oracle_may_elect(oracle, 1u << 1 | 1u << 2));
}

/* Of every quorum somebody has to remember. */
static void test_who_may_forget(void **state)
{
    struct bench *bench = *state;
    struct de_oracle *oracle = &bench->oracle;

    lead_and_commit(bench);
    assert_true(de_oracle_may_forget(oracle, 1u << 2));
    assert_false(de_oracle_may_forget(oracle, 1u << 2 | 1u << 3));
    append_config(bench, 1, 1, (struct config){3, {OLD | VOTER, OLD, OLD, 0}});
    assert_true(de_oracle_may_forget(oracle, 1u << 1));
    assert_false(de_oracle_may_forget(oracle, 1u << 1 | 1u << 3));
}

/* 1 sends an append to `to`, in the step that commits up to commit. */
static void send_append(struct bench *bench, uint64_t to, uint64_t commit)
{
    const struct de_raft_message message = {
        .type = DE_RAFT_MSG_APPEND, .from = 1, .to = to, .term = 1};

    de_oracle_message(&bench->oracle, 3, &message);
    step(bench, 1, DE_RAFT_LEADER, 1, commit);
}

static void test_a_server_whose_id_is_not_used_yet(void **state)
{
    struct bench *bench = *state;

    de_oracle_set_initial(&bench->oracle, 2);
    lead_and_commit(bench);
    append_config(bench, 1, 1, (struct config){3, {VOTER, VOTER, LEARNER, 0}});
    append_config(bench, 2, 1, (struct config){3, {VOTER, VOTER, LEARNER, 0}});
    send_append(bench, 2, 1);
    expect(bench, "");
    send_append(bench, 3, 1);
    expect(bench, "unused-id");
}

static void test_a_server_whose_id_is_used(void **state)
{
    struct bench *bench = *state;

    de_oracle_set_initial(&bench->oracle, 2);
    lead_and_commit(bench);
    append_config(bench, 1, 1, (struct config){3, {VOTER, VOTER, LEARNER, 0}});
    append_config(bench, 2, 1, (struct config){3, {VOTER, VOTER, LEARNER, 0}});
    send_append(bench, 3, 2);
    expect(bench, "");
    append_config(bench, 1, 1, (struct config){3, {VOTER, VOTER, 0, 0}});
    append_config(bench, 2, 1, (struct config){3, {VOTER, VOTER, 0, 0}});
    send_append(bench, 3, 3); /* it may be told that it was removed */
    expect(bench, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_change_before_the_one_before_is_committed),
        TEST(test_a_change_before_an_entry_of_the_own_term),
        TEST(test_a_joint_configuration_that_leaves_an_old_voter_out),
        TEST(test_a_joint_configuration_keeps_the_old_voters),
        TEST(test_two_voters_at_once),
        TEST(test_an_end_that_the_joint_one_did_not_lead_to),
        TEST(test_a_configuration_without_voters),
        TEST(test_an_id_that_returns),
        TEST(test_a_highest_id_that_is_forgotten),
        TEST(test_a_voter_that_was_no_learner),
        TEST(test_a_leader_that_votes_no_more),
        TEST(test_a_removal_that_is_not_committed),
        TEST(test_a_removal_that_is),
        TEST(test_a_change_that_is_done_is_committed),
        TEST(test_who_has_to_be_well),
        TEST(test_a_quorum_of_which_nobody_is_electable),
        TEST(test_who_may_forget),
        TEST(test_a_server_whose_id_is_not_used_yet),
        TEST(test_a_server_whose_id_is_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
