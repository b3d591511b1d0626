/* Starting from what is on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/node/config_codec.h"
#include "core/node/node_test_harness.h"

/* A log of entries 1 .. 6: terms 1 1 2 2 5 5, with a NOOP at 3. */
static struct harness *with_log(void)
{
    struct harness *h = harness_new(1, 1);

    harness_append_command(h, 0, 1, 101);
    harness_append_command(h, 0, 1, 102);
    harness_append(h, 0, 2, DENGINE_ENTRY_NOOP, NULL, 0);
    harness_append_command(h, 0, 2, 104);
    harness_append_command(h, 0, 5, 105);
    harness_append_command(h, 0, 5, 106);
    return h;
}

static void applied_up_to(struct harness *h, uint64_t index, uint64_t term)
{
    h->members[0].machine.index = index;
    h->members[0].machine.term = term;
}

static void assert_refused(struct harness *h, int err, const char *reason)
{
    char message[256] = "";

    assert_int_equal(harness_start(h, 0, message, sizeof message), err);
    assert_string_equal(message, reason);
    assert_null(h->members[0].node);
    assert_int_equal(h->members[0].heap.blocks, 0);
    harness_free(h);
}

static void test_a_log_is_applied_from_its_start(void **state)
{
    struct harness *h = with_log();

    (void)state;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    assert_int_equal(harness_status(h, 0).raft.last_index, 6);
    assert_int_equal(harness_status(h, 0).raft.last_term, 5);
    harness_elect(h, 0);
    harness_drain(h, 0);
    for (uint64_t n = 101; n <= 106; n++) {
        assert_int_equal(harness_applied_count(h, 0, n), n != 103 ? 1 : 0);
    }
    assert_int_equal(harness_status(h, 0).applied, 7);
    harness_free(h);
}

static void test_what_is_applied_is_not_applied_again(void **state)
{
    struct harness *h = with_log();

    (void)state;
    applied_up_to(h, 4, 2);
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    assert_int_equal(harness_status(h, 0).applied, 4);
    harness_elect(h, 0);
    harness_drain(h, 0);
    assert_int_equal(harness_applied_count(h, 0, 104), 0);
    assert_int_equal(harness_applied_count(h, 0, 105), 1);
    assert_int_equal(harness_applied_count(h, 0, 106), 1);
    harness_free(h);
}

/* A log that does not fit the cache is read back to be applied, in pieces. */
static void test_a_long_log_is_applied_through_a_small_cache(void **state)
{
    struct harness *h = harness_new(1, 1);

    (void)state;
    h->limits.cache_bytes_max = 0;
    h->limits.apply_entries_max = 7;
    for (uint64_t n = 1; n <= 200; n++) {
        harness_append_command(h, 0, 1, 1000 + n);
    }
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 0);
    harness_drain(h, 0);
    assert_int_equal(h->members[0].machine.count, 200);
    for (uint64_t n = 1; n <= 200; n++) {
        assert_int_equal(h->members[0].machine.commands[n - 1].number, 1000 + n);
        assert_int_equal(h->members[0].machine.commands[n - 1].index, n);
    }
    harness_free(h);
}

static void test_a_log_that_shrinks_while_it_is_read_back_halts_the_node(void **state)
{
    struct harness *h = harness_new(1, 1);

    (void)state;
    h->limits.cache_bytes_max = 0;
    for (uint64_t n = 1; n <= 20; n++) {
        harness_append_command(h, 0, 1, 1000 + n);
    }
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    h->members[0].log.entries[3].term = 9;
    for (int n = 0; n < 100 && h->members[0].halts == 0; n++) {
        harness_fire(h, 0);
        harness_drain(h, 0);
    }
    assert_int_equal(h->members[0].halt_err, DENGINE_E_CORRUPT);
    harness_free(h);
}

static void test_a_state_machine_ahead_of_the_log_is_refused(void **state)
{
    struct harness *h = with_log();

    (void)state;
    applied_up_to(h, 7, 5);
    assert_refused(h, DENGINE_E_CORRUPT,
                   "the state machine is ahead of the log: it has applied entry 7, "
                   "the log has 1 to 6");
}

static void test_a_state_machine_of_another_log_is_refused(void **state)
{
    struct harness *h = with_log();

    (void)state;
    applied_up_to(h, 4, 3);
    assert_refused(h, DENGINE_E_CORRUPT,
                   "the state machine belongs to another log: terms differ at entry 4, "
                   "the log has 1 to 6");
}

static void test_a_state_machine_behind_the_log_is_refused(void **state)
{
    struct harness *h = with_log();

    (void)state;
    h->no_snapshots = true;
    h->members[0].log.first_index = 11;
    h->members[0].log.base_term = 1;
    applied_up_to(h, 9, 1);
    assert_refused(h, DENGINE_E_CORRUPT,
                   "the log has dropped entries that the state machine lacks: it has applied "
                   "entry 9, the log has 11 to 16");
}

static void test_a_compacted_log_goes_on_where_the_state_machine_stands(void **state)
{
    struct harness *h = with_log();

    (void)state;
    h->no_snapshots = true;
    h->members[0].log.first_index = 11;
    h->members[0].log.base_term = 1;
    applied_up_to(h, 10, 1);
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 0);
    harness_drain(h, 0);
    assert_int_equal(h->members[0].machine.count, 5);
    assert_int_equal(harness_status(h, 0).applied, 17);
    harness_free(h);
}

static void test_entries_of_no_known_format_are_refused(void **state)
{
    static const char *const reason = "log entry 7: is not an entry of this format";
    struct harness *h = with_log();

    (void)state;
    harness_append(h, 0, 5, DENGINE_ENTRY_COMMAND, "junk", 4);
    assert_refused(h, DENGINE_E_CORRUPT, reason);
    h = with_log();
    harness_append(h, 0, 5, 99, NULL, 0);
    assert_refused(h, DENGINE_E_CORRUPT, reason);
    h = with_log();
    harness_append(h, 0, 5, DENGINE_ENTRY_CONFIG, "junk", 4);
    assert_refused(h, DENGINE_E_VERSION, reason);
    h = with_log();
    harness_append(h, 0, 5, DENGINE_ENTRY_CONFIG, "\1junk", 5);
    assert_refused(h, DENGINE_E_CORRUPT, reason);
    h = with_log();
    harness_append(h, 0, 0, DENGINE_ENTRY_NOOP, NULL, 0);
    assert_refused(h, DENGINE_E_CORRUPT, reason);
}

static void test_failing_stores_are_reported(void **state)
{
    struct harness *h = with_log();

    (void)state;
    h->members[0].log.read_error = DENGINE_E_IO;
    assert_refused(h, DENGINE_E_IO, "the test log was told to fail");
    h = with_log();
    h->members[0].machine.applied_error = DENGINE_E_CORRUPT;
    assert_refused(h, DENGINE_E_CORRUPT, "the test machine was told to fail");
}

static void test_a_hard_state_older_than_the_log_is_refused(void **state)
{
    struct harness *h = with_log();

    (void)state;
    h->members[0].log.hard_state.term = 3;
    assert_refused(h, DENGINE_E_CORRUPT, "the hard state and the log contradict each other");
}

static void append_configuration(struct harness *h, uint32_t members)
{
    struct de_membership configuration = {0};
    uint8_t payload[DE_CONFIG_BYTES_MAX];

    for (uint32_t i = 0; i < members; i++) {
        assert_true(de_membership_add(&configuration, i + 1, DE_RAFT_VOTER, NULL));
    }
    harness_append(h, 0, 6, DENGINE_ENTRY_CONFIG, payload,
                   de_config_encode(&configuration, payload, sizeof payload));
}

static void test_the_newest_configuration_of_the_log_counts(void **state)
{
    struct harness *h = with_log();

    (void)state;
    for (uint32_t i = 1; i <= 20; i++) {
        append_configuration(h, i);
    }
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    assert_int_equal(harness_status(h, 0).raft.config_index, 26);
    assert_int_equal(harness_status(h, 0).raft.configuration->count, 20);
    harness_free(h);
}

/* A snapshot that is taken before anything else is applied has the configuration of the entry that
 * was applied last before the start: it takes that entry's place. */
static void test_a_configuration_applied_last_is_in_the_next_snapshot(void **state)
{
    struct harness *h = harness_new(5, 1); /* but one is started */
    struct harness_request *taken;

    (void)state;
    harness_append_command(h, 0, 1, 101);
    append_configuration(h, 2);
    applied_up_to(h, 2, 6);
    h->limits.snapshot_log_bytes_min = UINT64_MAX; /* on demand only */
    h->limits.snapshot_trailing_entries = 0;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    taken = harness_snapshot(h, 0);
    harness_flush(h, 0);
    harness_drain(h, 0);
    assert_int_equal(taken->status, 0);
    assert_int_equal(taken->result.revision, 2);
    assert_int_equal(h->members[0].log.first_index, 3);
    harness_crash(h, 0);
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    assert_int_equal(harness_status(h, 0).raft.configuration->count, 2);
    harness_free(h);
}

/* However often leadership changed, the log must be readable again. */
static void test_a_log_of_many_terms_is_taken(void **state)
{
    struct harness *h = harness_new(1, 1);

    (void)state;
    for (uint64_t term = 1; term <= 300; term++) {
        harness_append(h, 0, term, DENGINE_ENTRY_NOOP, NULL, 0);
    }
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 0);
    harness_drain(h, 0);
    assert_int_equal(harness_status(h, 0).applied, 301);
    harness_free(h);
}

/* A log that may have lost its end: the core knows, and the store is told when that is over. */
static void test_a_log_that_forgot_is_told_when_the_node_is_whole(void **state)
{
    struct harness *h = with_log();

    (void)state;
    h->members[0].log.recovering = true;
    h->members[0].log.hard_state.commit = 9;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    assert_true(harness_status(h, 0).raft.recovering);
    assert_int_equal(h->members[0].log.wholes, 0);
    harness_elect(h, 0); /* alone: nobody else can remember more */
    harness_drain(h, 0);
    assert_false(harness_status(h, 0).raft.recovering);
    assert_int_equal(h->members[0].log.wholes, 1);
    assert_int_equal(h->members[0].halts, 0);
    harness_free(h);
}

static void test_a_store_that_cannot_note_it_halts_the_node(void **state)
{
    struct harness *h = with_log();

    (void)state;
    h->members[0].log.recovering = true;
    h->members[0].log.whole_error = DENGINE_E_IO;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    for (int n = 0; n < 100 && h->members[0].halts == 0; n++) {
        harness_fire(h, 0);
        harness_drain(h, 0);
    }
    assert_int_equal(h->members[0].halt_err, DENGINE_E_IO);
    harness_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_log_is_applied_from_its_start),
        cmocka_unit_test(test_what_is_applied_is_not_applied_again),
        cmocka_unit_test(test_a_long_log_is_applied_through_a_small_cache),
        cmocka_unit_test(test_a_log_that_shrinks_while_it_is_read_back_halts_the_node),
        cmocka_unit_test(test_a_state_machine_ahead_of_the_log_is_refused),
        cmocka_unit_test(test_a_state_machine_of_another_log_is_refused),
        cmocka_unit_test(test_a_state_machine_behind_the_log_is_refused),
        cmocka_unit_test(test_a_compacted_log_goes_on_where_the_state_machine_stands),
        cmocka_unit_test(test_entries_of_no_known_format_are_refused),
        cmocka_unit_test(test_failing_stores_are_reported),
        cmocka_unit_test(test_a_hard_state_older_than_the_log_is_refused),
        cmocka_unit_test(test_the_newest_configuration_of_the_log_counts),
        cmocka_unit_test(test_a_configuration_applied_last_is_in_the_next_snapshot),
        cmocka_unit_test(test_a_log_of_many_terms_is_taken),
        cmocka_unit_test(test_a_log_that_forgot_is_told_when_the_node_is_whole),
        cmocka_unit_test(test_a_store_that_cannot_note_it_halts_the_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
