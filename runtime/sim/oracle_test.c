/* Each oracle is fed a violation and must see it, and the lawful neighbour of it, and must not. */
#include "runtime/sim/test/oracle_bench.h"

#include "core/base/codec.h"
#include "core/node/batch.h"

static void test_two_leaders_in_one_term(void **state)
{
    struct bench *bench = *state;

    lead(bench, 1, 1, 0);
    lead(bench, 2, 2, 0);
    expect(bench, "");
    step(bench, 3, DE_RAFT_LEADER, 2, 0);
    expect(bench, "election-safety");
}

static void test_a_leader_that_a_quorum_did_not_vote_for(void **state)
{
    struct bench *bench = *state;

    give_vote(bench, 1, 1, 1);
    give_vote(bench, 2, 1, 1);
    step(bench, 1, DE_RAFT_LEADER, 1, 0);
    expect(bench, "");
    give_vote(bench, 3, 3, 2);
    give_vote(bench, 2, 1, 2); /* for another */
    step(bench, 3, DE_RAFT_LEADER, 2, 0);
    expect(bench, "election-quorum");
}

static void test_a_leader_whose_own_vote_is_not_durable(void **state)
{
    struct bench *bench = *state;

    give_vote(bench, 2, 1, 1);
    submit(bench, 1, 1, 1, 0, NULL);
    step(bench, 1, DE_RAFT_LEADER, 1, 0);
    expect(bench, "election-quorum");
}

static void test_two_votes_in_one_term_across_a_restart(void **state)
{
    struct bench *bench = *state;
    struct de_log_mirror found;

    store(bench, 1, 1, 2, 0, NULL);
    vote(bench, 1, 2, 1);
    vote(bench, 1, 2, 1); /* the same again is no other vote */
    expect(bench, "");
    de_log_mirror_init(&found);
    found.term = 1;
    found.vote = 2;
    de_oracle_crashed(&bench->oracle, 1);
    de_oracle_booted(&bench->oracle, 2, 1, &found);
    expect(bench, "");
    vote(bench, 1, 3, 1);
    expect(bench, "single-vote");
}

static void test_a_vote_that_is_not_durable(void **state)
{
    struct bench *bench = *state;

    submit(bench, 1, 1, 2, 0, NULL);
    vote(bench, 1, 2, 1);
    expect(bench, "vote-durable");
}

static void test_one_index_and_term_with_two_contents(void **state)
{
    struct bench *bench = *state;

    store(bench, 1, 1, 0, 1, "x");
    store(bench, 2, 1, 0, 1, "x");
    expect(bench, "");
    store(bench, 3, 1, 0, 1, "y");
    expect(bench, "log-matching");
}

static void test_one_index_and_term_with_two_predecessors(void **state)
{
    struct bench *bench = *state;

    store(bench, 1, 1, 0, 1, "x");
    store(bench, 1, 3, 0, 3, "z");
    store(bench, 2, 2, 0, 2, "y");
    expect(bench, "");
    store(bench, 2, 3, 0, 3, "z");
    expect(bench, "log-matching");
}

static void test_a_leader_without_a_committed_entry(void **state)
{
    struct bench *bench = *state;

    store(bench, 1, 1, 0, 1, "x");
    store(bench, 2, 1, 0, 1, "x");
    lead(bench, 1, 1, 1);
    lead(bench, 2, 2, 0);
    expect(bench, "");
    lead(bench, 3, 3, 0);
    expect(bench, "leader-completeness");
}

static void test_a_leader_of_a_lower_term_need_not_have_it(void **state)
{
    struct bench *bench = *state;

    give_vote(bench, 3, 3, 4);
    give_vote(bench, 2, 3, 4);
    store(bench, 1, 5, 0, 5, "x");
    store(bench, 2, 5, 0, 5, "x");
    lead(bench, 1, 5, 1);
    step(bench, 3, DE_RAFT_LEADER, 4, 0);
    expect(bench, "");
}

static void test_another_entry_is_committed_at_the_same_index(void **state)
{
    struct bench *bench = *state;

    store(bench, 1, 1, 0, 1, "x");
    store(bench, 2, 1, 0, 1, "x");
    lead(bench, 1, 1, 1);
    store(bench, 3, 2, 0, 2, "y");
    expect(bench, "");
    step(bench, 3, DE_RAFT_FOLLOWER, 2, 1);
    expect(bench, "committed");
}

static void test_a_commit_without_a_durable_majority(void **state)
{
    struct bench *bench = *state;

    lead(bench, 1, 1, 0);
    store(bench, 1, 1, 0, 1, "x");
    submit(bench, 2, 1, 0, 1, "x");
    step(bench, 1, DE_RAFT_LEADER, 1, 1);
    expect(bench, "commit-quorum");
}

static void test_a_commit_index_that_shrinks(void **state)
{
    struct bench *bench = *state;

    store(bench, 1, 1, 0, 1, "x");
    store(bench, 2, 1, 0, 1, "x");
    lead(bench, 1, 1, 1);
    step(bench, 1, DE_RAFT_LEADER, 1, 0);
    expect(bench, "commit-monotonic");
}

static void test_an_acknowledgement_of_another_log(void **state)
{
    struct bench *bench = *state;

    store(bench, 1, 2, 0, 2, "x");
    store(bench, 2, 1, 0, 1, "y");
    lead(bench, 1, 2, 0);
    acknowledge(bench, 2, 1, 2, 0);
    expect(bench, "");
    acknowledge(bench, 2, 1, 2, 1);
    expect(bench, "ack-prefix");
}

static void test_an_acknowledgement_of_what_is_not_durable(void **state)
{
    struct bench *bench = *state;

    lead(bench, 1, 1, 0);
    store(bench, 1, 1, 0, 1, "x");
    submit(bench, 2, 1, 0, 1, "x");
    acknowledge(bench, 2, 1, 1, 1);
    expect(bench, "ack-prefix");
}

static void test_a_core_that_believes_in_more_than_is_durable(void **state)
{
    struct bench *bench = *state;
    struct de_raft_view view = {.role = DE_RAFT_FOLLOWER, .halt_reason = ""};

    submit(bench, 1, 1, 0, 1, "x");
    view.term = 1;
    view.last_index = 1;
    view.last_term = 1;
    de_oracle_stepped(&bench->oracle, 1, 1, &view);
    expect(bench, "");
    view.durable_index = 1;
    de_oracle_stepped(&bench->oracle, 1, 1, &view);
    expect(bench, "durable-view");
}

static void test_a_log_that_lost_what_was_durable(void **state)
{
    struct bench *bench = *state;
    struct de_log_mirror found;

    store(bench, 1, 1, 0, 1, "x");
    de_log_mirror_init(&found);
    found.term = 1;
    de_oracle_crashed(&bench->oracle, 1);
    de_oracle_booted(&bench->oracle, 2, 1, &found);
    expect(bench, "durability");
}

static void test_a_write_under_way_may_be_there_or_not_but_whole(void **state)
{
    struct bench *bench = *state;
    struct de_log_mirror found;

    store(bench, 1, 1, 0, 1, "x");
    submit(bench, 1, 2, 3, 2, "y");
    de_log_mirror_init(&found);
    de_log_mirror_copy(&found, &bench->oracle.nodes[1].memory);
    found.term = 2;
    found.vote = 3;
    de_oracle_crashed(&bench->oracle, 1);
    de_oracle_booted(&bench->oracle, 2, 1, &found); /* all of it */
    expect(bench, "");
    submit(bench, 1, 3, 1, 0, NULL);
    de_oracle_crashed(&bench->oracle, 1);
    de_oracle_booted(&bench->oracle, 2, 1, &found); /* nothing of it */
    expect(bench, "");
    submit(bench, 1, 3, 1, 0, NULL);
    found.vote = 1; /* the new vote with the old term */
    de_oracle_crashed(&bench->oracle, 1);
    de_oracle_booted(&bench->oracle, 2, 1, &found);
    expect(bench, "durability");
    de_log_mirror_deinit(&found);
}

/* Node 1 has three entries, of which the first was flushed, and crashes; the store says that its
 * end may be missing. What is found is cut to so many entries. */
static void forget(struct bench *bench, size_t left, uint64_t vote, bool says_so)
{
    struct de_log_mirror found;

    store(bench, 1, 1, 2, 1, "x");
    de_oracle_flushed(&bench->oracle, 1);
    store(bench, 1, 1, 2, 1, "y");
    store(bench, 1, 1, 2, 1, "z");
    de_log_mirror_init(&found);
    de_log_mirror_copy(&found, &bench->oracle.nodes[1].memory);
    found.last = left;
    found.vote = vote;
    de_oracle_crashed(&bench->oracle, 1);
    if (says_so) {
        de_oracle_forgetful(&bench->oracle, 1);
    }
    de_oracle_booted(&bench->oracle, 2, 1, &found);
    de_log_mirror_deinit(&found);
}

static void test_a_log_that_says_so_may_lack_what_was_not_flushed(void **state)
{
    forget(*state, 1, 2, true);
    expect(*state, "");
}

static void test_a_log_may_not_lack_its_end_in_silence(void **state)
{
    forget(*state, 2, 2, false);
    expect(*state, "durability");
}

static void test_a_log_may_not_lack_what_was_flushed(void **state)
{
    forget(*state, 0, 2, true);
    expect(*state, "durability");
}

static void test_a_vote_is_never_forgotten(void **state)
{
    forget(*state, 2, 0, true);
    expect(*state, "durability");
}

static void test_a_term_that_shrinks(void **state)
{
    struct bench *bench = *state;

    step(bench, 1, DE_RAFT_FOLLOWER, 2, 0);
    step(bench, 1, DE_RAFT_FOLLOWER, 1, 0);
    expect(bench, "term-monotonic");
}

static void test_an_entry_applied_before_it_is_committed(void **state)
{
    struct bench *bench = *state;

    store(bench, 1, 1, 0, 1, "x");
    store(bench, 2, 1, 0, 1, "x");
    lead(bench, 1, 1, 1);
    de_oracle_applying(&bench->oracle, 1, 1, 1, 1, dengine_str("x"));
    de_oracle_applied(&bench->oracle, 1, 1, 1, 77);
    expect(bench, "");
    de_oracle_applying(&bench->oracle, 1, 1, 2, 1, dengine_str("y"));
    expect(bench, "apply-committed");
}

static void test_an_entry_applied_twice(void **state)
{
    struct bench *bench = *state;

    store(bench, 1, 1, 0, 1, "x");
    store(bench, 2, 1, 0, 1, "x");
    lead(bench, 1, 1, 1);
    de_oracle_applied(&bench->oracle, 1, 1, 1, 77);
    de_oracle_applying(&bench->oracle, 1, 1, 1, 1, dengine_str("x"));
    expect(bench, "apply-committed");
}

static void test_two_states_after_the_same_entries(void **state)
{
    struct bench *bench = *state;

    store(bench, 1, 1, 0, 1, "x");
    store(bench, 2, 1, 0, 1, "x");
    lead(bench, 1, 1, 1);
    de_oracle_applied(&bench->oracle, 1, 1, 1, 77);
    de_oracle_applied(&bench->oracle, 1, 2, 1, 77);
    expect(bench, "");
    de_oracle_applied(&bench->oracle, 1, 3, 1, 78);
    expect(bench, "state-digest");
}

static void test_other_events_of_the_same_revision(void **state)
{
    struct bench *bench = *state;

    de_oracle_events(&bench->oracle, 1, 1, 7, 77);
    de_oracle_events(&bench->oracle, 1, 1, 8, 78);
    de_oracle_events(&bench->oracle, 1, 2, 7, 77);
    expect(bench, "");
    de_oracle_events(&bench->oracle, 1, 2, 8, 77);
    expect(bench, "event-digest");
}

static void test_an_acknowledged_write_that_is_not_in_the_log(void **state)
{
    struct bench *bench = *state;
    char batch[DE_BATCH_HEADER_BYTES + DE_BATCH_COMMAND_OVERHEAD_BYTES + 2] = {0};
    struct dengine_entry entry = {1, DENGINE_ENTRY_COMMAND, {NULL, 0}};
    struct dengine_log_write write = {.first_index = 1, .entries = &entry, .entry_count = 1};
    struct de_writer writer;

    de_writer_init(&writer, batch, sizeof(batch));
    de_batch_start(&writer, 1, 0);
    de_batch_add(&writer, dengine_str("ab"));
    entry.data = dengine_bytes(batch, sizeof(batch));
    for (uint32_t id = 1; id <= 2; id++) {
        de_oracle_submitted(&bench->oracle, 1, id, &write);
        de_oracle_durable(&bench->oracle, 1, id, 1);
    }
    lead(bench, 1, 1, 1);
    de_oracle_acknowledged(&bench->oracle, 1, 1, 16, 1, dengine_str("ab"));
    expect(bench, "");
    de_oracle_acknowledged(&bench->oracle, 1, 1, 16, 1, dengine_str("zz"));
    expect(bench, "acknowledged");
}

static void test_a_node_that_halts(void **state)
{
    struct bench *bench = *state;
    struct de_raft_view view = {.halted = true, .halt_reason = "because"};

    de_oracle_stepped(&bench->oracle, 1, 1, &view);
    expect(bench, "halted");
}

static void test_a_truncated_suffix_may_be_written_anew(void **state)
{
    struct bench *bench = *state;

    store(bench, 1, 1, 0, 1, "x");
    truncate_from(bench, 1, 1);
    store(bench, 1, 2, 0, 2, "y");
    expect(bench, "");
    assert_int_equal(de_log_mirror_term(&bench->oracle.nodes[1].durable, 1), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_two_leaders_in_one_term),
        TEST(test_a_leader_that_a_quorum_did_not_vote_for),
        TEST(test_a_leader_whose_own_vote_is_not_durable),
        TEST(test_two_votes_in_one_term_across_a_restart),
        TEST(test_a_vote_that_is_not_durable),
        TEST(test_one_index_and_term_with_two_contents),
        TEST(test_one_index_and_term_with_two_predecessors),
        TEST(test_a_leader_without_a_committed_entry),
        TEST(test_a_leader_of_a_lower_term_need_not_have_it),
        TEST(test_another_entry_is_committed_at_the_same_index),
        TEST(test_a_commit_without_a_durable_majority),
        TEST(test_a_commit_index_that_shrinks),
        TEST(test_an_acknowledgement_of_another_log),
        TEST(test_an_acknowledgement_of_what_is_not_durable),
        TEST(test_a_core_that_believes_in_more_than_is_durable),
        TEST(test_a_log_that_lost_what_was_durable),
        TEST(test_a_write_under_way_may_be_there_or_not_but_whole),
        TEST(test_a_log_that_says_so_may_lack_what_was_not_flushed),
        TEST(test_a_log_may_not_lack_its_end_in_silence),
        TEST(test_a_log_may_not_lack_what_was_flushed),
        TEST(test_a_vote_is_never_forgotten),
        TEST(test_a_term_that_shrinks),
        TEST(test_an_entry_applied_before_it_is_committed),
        TEST(test_an_entry_applied_twice),
        TEST(test_two_states_after_the_same_entries),
        TEST(test_other_events_of_the_same_revision),
        TEST(test_an_acknowledged_write_that_is_not_in_the_log),
        TEST(test_a_node_that_halts),
        TEST(test_a_truncated_suffix_may_be_written_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
