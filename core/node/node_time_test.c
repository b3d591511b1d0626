/* Cluster time: how entries are stamped, when the state machine is woken; and results in bulk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/node/node_test_harness.h"

static struct harness *single(void)
{
    struct harness *h = harness_new(1, 1);

    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 0);
    return h;
}

/* Writes one command at i and returns the stamp that it was applied with. */
static uint64_t stamp_of_a_write(struct harness *h, uint32_t i)
{
    const struct harness_machine *machine = &h->members[i].machine;
    struct harness_request *r = harness_write(h, i, 16);

    harness_flush(h, i);
    harness_settle(h);
    assert_int_equal(r->outcomes, 1);
    assert_int_equal(r->status, 0);
    assert_int_equal(machine->commands[machine->count - 1].number, r->number);
    return machine->commands[machine->count - 1].time_ns;
}

static void test_stamps_follow_the_clock_of_the_leader(void **state)
{
    struct harness *h = single();
    const uint64_t first = stamp_of_a_write(h, 0);
    uint64_t second;

    (void)state;
    assert_true(first < 10 * HARNESS_MS); /* counted from when it took office */
    h->now_ns += 70 * HARNESS_MS;
    second = stamp_of_a_write(h, 0);
    assert_int_equal(second - first, 70 * HARNESS_MS);
    harness_free(h);
}

static void test_time_stands_still_while_nobody_leads(void **state)
{
    struct harness *h = single();
    uint64_t before;
    uint64_t after;

    (void)state;
    h->now_ns += 500 * HARNESS_MS;
    before = stamp_of_a_write(h, 0);
    assert_true(before >= 500 * HARNESS_MS);
    harness_crash(h, 0);
    h->now_ns += 3600 * 1000 * HARNESS_MS;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 0);
    after = stamp_of_a_write(h, 0);
    assert_true(after >= before);
    assert_true(after - before < 100 * HARNESS_MS);
    harness_free(h);
}

static void test_a_log_longer_than_the_cache_still_gives_the_newest_stamp(void **state)
{
    struct harness *h = harness_new(1, 1);

    (void)state;
    h->limits.cache_bytes_max = 1;
    h->members[0].machine.next_stamp_ns = 900 * HARNESS_MS;
    for (uint64_t n = 1; n <= 20; n++) {
        harness_append_command(h, 0, 1, n);
    }
    harness_append(h, 0, 1, DENGINE_ENTRY_NOOP, NULL, 0);
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 0);
    assert_true(stamp_of_a_write(h, 0) >= 900 * HARNESS_MS);
    harness_free(h);
}

/* The time of later entries is not that of earlier ones, however often all are tried. */
static void test_an_attempt_without_room_does_not_move_time(void **state)
{
    struct harness *h = harness_new(1, 1);
    struct harness_member *member = &h->members[0];

    (void)state;
    member->machine.next_stamp_ns = 100 * HARNESS_MS;
    harness_append_command(h, 0, 1, 1);
    member->machine.next_stamp_ns = 900 * HARNESS_MS;
    harness_append_command(h, 0, 1, 2);
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_fire(h, 0);
    while (member->apply == NULL) {
        assert_true(harness_run_persist(h, 0) || harness_report_persist(h, 0, 0) ||
                    harness_run_read(h, 0));
    }
    member->machine.commit_error = DENGINE_E_NO_SPACE;
    assert_int_equal(de_apply_job_run(member->apply), DENGINE_E_NO_SPACE);
    member->machine.commit_error = 0;
    assert_int_equal(de_apply_job_run(member->apply), 0);
    member->apply_run = true;
    assert_int_equal(member->machine.commands[0].time_ns, 100 * HARNESS_MS);
    assert_int_equal(member->machine.commands[1].time_ns, 900 * HARNESS_MS);
    harness_settle(h);
    harness_free(h);
}

/* A stamp that was truncated must not come back: the leader in between did not know it, and what it
 * promised would end early. */
static void test_a_truncated_stamp_is_forgotten(void **state)
{
    struct harness *h = harness_new(3, 1);
    uint64_t between;
    uint64_t after;

    (void)state;
    h->members[0].machine.next_stamp_ns = 60 * 1000 * HARNESS_MS;
    harness_append_command(h, 0, 1, 1);
    for (uint32_t i = 1; i < 3; i++) {
        harness_append(h, i, 2, DENGINE_ENTRY_NOOP, NULL, 0); /* a leader without that entry */
        assert_int_equal(harness_start(h, i, NULL, 0), 0);
    }
    harness_elect(h, 1);
    (void)stamp_of_a_write(h, 1);
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 1);
    between = stamp_of_a_write(h, 1);
    assert_true(between < 60 * 1000 * HARNESS_MS);
    for (int n = 0; n < 5; n++) {
        harness_fire(h, 1); /* heartbeats find out what node 0 lacks */
        harness_settle(h);
    }
    assert_int_equal(harness_status(h, 0).raft.last_index, harness_status(h, 1).raft.last_index);
    harness_crash(h, 1);
    harness_elect(h, 0);
    after = stamp_of_a_write(h, 0);
    assert_true(after >= between);
    assert_true(after - between < 1000 * HARNESS_MS);
    harness_free(h);
}

/* How many wake commands the machine of i has seen. */
static size_t wakes(const struct harness *h, uint32_t i)
{
    return harness_applied_count(h, i, HARNESS_WAKE);
}

static void test_the_leader_wakes_the_machine_once_when_it_is_time(void **state)
{
    struct harness *h = single();
    uint64_t from;

    (void)state;
    from = h->now_ns;
    h->members[0].machine.wake_ns = stamp_of_a_write(h, 0) + 200 * HARNESS_MS;
    (void)stamp_of_a_write(h, 0); /* the node learns it after an apply */
    while (wakes(h, 0) == 0) {
        harness_fire(h, 0);
        harness_settle(h);
        assert_true(h->now_ns <= from + 210 * HARNESS_MS);
    }
    assert_true(h->now_ns >= from + 200 * HARNESS_MS);
    assert_int_equal(wakes(h, 0), 1);
    assert_int_equal(h->members[0].deadline_ns, UINT64_MAX); /* nothing more to wait for */
    harness_free(h);
}

/* A wake that changed nothing is followed by another, one at a time. */
static void test_a_machine_that_stays_due_is_woken_again(void **state)
{
    struct harness *h = single();

    (void)state;
    h->members[0].machine.wake_ns = 1;
    h->members[0].machine.stay_awake = true;
    h->now_ns += HARNESS_MS;
    (void)harness_write(h, 0, 16);
    harness_flush(h, 0);
    for (int n = 0; n < 5; n++) {
        while (harness_run_persist(h, 0) || harness_report_persist(h, 0, 0)) {
        }
        assert_true(harness_run_apply(h, 0));
        assert_true(harness_report_apply(h, 0));
        assert_true(h->members[0].persist_count <= 1);
    }
    assert_true(wakes(h, 0) >= 3);
    h->members[0].machine.stay_awake = false;
    harness_drain(h, 0);
    harness_free(h);
}

static void test_a_follower_does_not_wake(void **state)
{
    struct harness *h = harness_new(3, 1);

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(harness_start(h, i, NULL, 0), 0);
    }
    harness_elect(h, 0);
    h->members[1].machine.wake_ns = 1;
    h->now_ns += HARNESS_MS;
    (void)stamp_of_a_write(h, 0);
    harness_settle(h);
    for (int n = 0; n < 5; n++) {
        harness_fire(h, 0);
        harness_settle(h);
    }
    assert_int_equal(wakes(h, 1), 0);
    harness_crash(h, 0);
    harness_elect(h, 1);
    h->now_ns += HARNESS_MS;
    harness_fire(h, 1); /* what was due all along */
    harness_settle(h);
    assert_int_equal(wakes(h, 1), 1);
    assert_int_equal(wakes(h, 2), 1);
    harness_free(h);
}

/* Results may be large: a job commits and answers before they take more than so much memory. */
static void test_a_job_with_large_results_commits_in_between(void **state)
{
    struct harness *h = harness_new(1, 1);
    struct harness_machine *machine = &h->members[0].machine;
    struct harness_request *r[40];
    size_t commits;

    (void)state;
    h->limits.batch_commands_max = 1;
    h->limits.persist_jobs_max = 64;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 0);
    machine->result_bytes = 1 << 20;
    commits = machine->commits;
    for (int i = 0; i < 40; i++) {
        r[i] = harness_write(h, 0, 16);
    }
    harness_flush(h, 0);
    while (harness_run_persist(h, 0)) {
    }
    while (harness_report_persist(h, 0, 0)) {
    }
    harness_drain(h, 0);
    assert_in_range(machine->commits - commits, 3, 4);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(r[i]->outcomes, 1);
        assert_int_equal(r[i]->result.bytes.size, 1 << 20);
    }
    assert_int_equal(harness_status(h, 0).pending_requests, 0);
    harness_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stamps_follow_the_clock_of_the_leader),
        cmocka_unit_test(test_time_stands_still_while_nobody_leads),
        cmocka_unit_test(test_a_log_longer_than_the_cache_still_gives_the_newest_stamp),
        cmocka_unit_test(test_an_attempt_without_room_does_not_move_time),
        cmocka_unit_test(test_a_truncated_stamp_is_forgotten),
        cmocka_unit_test(test_the_leader_wakes_the_machine_once_when_it_is_time),
        cmocka_unit_test(test_a_machine_that_stays_due_is_woken_again),
        cmocka_unit_test(test_a_follower_does_not_wake),
        cmocka_unit_test(test_a_job_with_large_results_commits_in_between),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
