/* One node by itself: requests, group commit, limits, reads, stop, halt, restart. */
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

static void test_a_single_node_elects_itself_and_applies_a_write(void **state)
{
    struct harness *h = single();
    struct harness_request *r = harness_write(h, 0, 16);

    (void)state;
    assert_int_equal(r->outcomes, 0);
    harness_flush(h, 0);
    assert_int_equal(r->outcomes, 0);
    harness_drain(h, 0);
    assert_int_equal(r->outcomes, 1);
    assert_int_equal(r->status, 0);
    assert_true(r->result.succeeded);
    assert_int_equal(r->result.revision, 2); /* after the NOOP of the term */
    assert_int_equal(harness_applied_count(h, 0, r->number), 1);
    assert_int_equal(harness_status(h, 0).pending_requests, 0);
    assert_int_equal(harness_status(h, 0).pending_bytes, 0);
    harness_free(h);
}

/* Rule R4, seen from above: nothing is answered before it is durable. */
static void test_no_answer_before_the_write_is_durable(void **state)
{
    struct harness *h = single();
    struct harness_request *r = harness_write(h, 0, 16);

    (void)state;
    harness_flush(h, 0);
    assert_false(harness_run_apply(h, 0));
    assert_true(harness_run_persist(h, 0));
    assert_false(harness_run_apply(h, 0)); /* written, but not reported */
    assert_true(harness_report_persist(h, 0, 0));
    assert_true(harness_run_apply(h, 0));
    assert_int_equal(r->outcomes, 1); /* on the applier, before the loop knows */
    assert_int_equal(harness_status(h, 0).pending_requests, 1);
    assert_true(harness_report_apply(h, 0));
    assert_int_equal(harness_status(h, 0).pending_requests, 0);
    harness_free(h);
}

static void test_requests_that_arrive_during_a_write_form_one_entry(void **state)
{
    struct harness *h = single();
    struct harness_request *r[6];
    size_t writes;

    (void)state;
    r[0] = harness_write(h, 0, 16);
    harness_flush(h, 0);
    writes = h->members[0].log.writes;
    for (int i = 1; i < 6; i++) {
        r[i] = harness_write(h, 0, 16);
        harness_flush(h, 0);
    }
    assert_int_equal(h->members[0].persist_count, 1);
    harness_drain(h, 0);
    assert_int_equal(h->members[0].log.writes - writes, 2);
    assert_int_equal(r[0]->result.revision, 2);
    for (int i = 1; i < 6; i++) {
        assert_int_equal(r[i]->status, 0);
        assert_int_equal(r[i]->result.revision, 3);
    }
    harness_free(h);
}

static void test_more_writes_in_flight_when_allowed(void **state)
{
    struct harness *h = harness_new(1, 1);

    (void)state;
    h->limits.persist_jobs_max = 2;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 0);
    for (int i = 0; i < 4; i++) {
        (void)harness_write(h, 0, 16);
        harness_flush(h, 0);
    }
    assert_int_equal(h->members[0].persist_count, 2);
    harness_drain(h, 0);
    harness_free(h);
}

static void test_a_batch_is_bounded_by_commands_and_bytes(void **state)
{
    struct harness *h = harness_new(1, 1);
    struct harness_request *r[8];

    (void)state;
    h->limits.batch_commands_max = 3;
    h->limits.batch_bytes_max = 100;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 0);
    for (int i = 0; i < 4; i++) {
        r[i] = harness_write(h, 0, 8);
    }
    for (int i = 4; i < 8; i++) {
        r[i] = harness_write(h, 0, 50);
    }
    harness_flush(h, 0);
    harness_drain(h, 0);
    assert_int_equal(r[2]->result.revision, 2);
    assert_int_equal(r[3]->result.revision, 3); /* three commands were enough */
    assert_int_equal(r[4]->result.revision, 3);
    assert_int_equal(r[5]->result.revision, 4); /* 108 bytes were too many */
    assert_int_equal(r[6]->result.revision, 4);
    assert_int_equal(r[7]->result.revision, 5);
    harness_free(h);
}

static void test_limits_are_answered_busy_or_too_large(void **state)
{
    struct harness *h = harness_new(1, 1);
    struct harness_request *r;

    (void)state;
    h->limits.pending_requests_max = 3;
    h->limits.pending_bytes_max = 100;
    h->limits.batch_bytes_max = 90;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 0);
    r = harness_write(h, 0, 91);
    assert_int_equal(r->status, DENGINE_E_TOO_LARGE);
    (void)harness_write(h, 0, 80);
    r = harness_write(h, 0, 21);
    assert_int_equal(r->status, DENGINE_E_BUSY);
    r = harness_write(h, 0, 20);
    assert_int_equal(r->outcomes, 0); /* just allowed */
    r = harness_write(h, 0, 8);
    assert_int_equal(r->status, DENGINE_E_BUSY);
    r = harness_read(h, 0);
    assert_int_equal(r->outcomes, 0);
    r = harness_read(h, 0);
    assert_int_equal(r->status, DENGINE_E_BUSY);
    harness_flush(h, 0);
    harness_drain(h, 0);
    r = harness_write(h, 0, 90);
    assert_int_equal(r->outcomes, 0); /* room again */
    harness_free(h);
}

static void test_the_core_may_be_busy_too(void **state)
{
    struct harness *h = harness_new(1, 1);
    struct harness_request *a;
    struct harness_request *b;

    (void)state;
    h->raft.uncommitted_bytes_max = 200;
    h->limits.persist_jobs_max = 8;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 0);
    a = harness_write(h, 0, 150);
    harness_flush(h, 0);
    b = harness_write(h, 0, 150);
    harness_flush(h, 0);
    assert_int_equal(b->status, DENGINE_E_BUSY);
    harness_drain(h, 0);
    assert_int_equal(a->status, 0);
    harness_free(h);
}

/* Zoo 48: a read sees the write that was acknowledged before it, so it waits for the applier. */
static void test_a_read_waits_until_what_it_must_see_is_applied(void **state)
{
    struct harness *h = single();
    struct harness_request *w = harness_write(h, 0, 16);
    struct harness_request *r;

    (void)state;
    harness_flush(h, 0);
    (void)harness_run_persist(h, 0);
    (void)harness_report_persist(h, 0, 0); /* committed, not applied */
    r = harness_read(h, 0);
    harness_flush(h, 0);
    assert_int_equal(r->outcomes, 0);
    (void)harness_run_apply(h, 0);
    assert_int_equal(w->status, 0);
    assert_int_equal(r->outcomes, 0);
    (void)harness_report_apply(h, 0);
    assert_int_equal(r->outcomes, 1);
    assert_int_equal(r->status, 0);
    r = harness_read(h, 0);
    harness_flush(h, 0);
    assert_int_equal(r->status, 0); /* nothing to wait for */
    assert_int_equal(r->outcomes, 1);
    harness_free(h);
}

static void test_no_leader_is_said_at_once(void **state)
{
    struct harness *h = harness_new(2, 1); /* the other one is not there */
    struct harness_request *w;
    struct harness_request *r;

    (void)state;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    w = harness_write(h, 0, 16);
    r = harness_read(h, 0);
    assert_int_equal(w->outcomes + r->outcomes, 0);
    harness_flush(h, 0);
    assert_int_equal(w->status, DENGINE_E_NO_LEADER);
    assert_int_equal(r->status, DENGINE_E_NO_LEADER);
    harness_free(h);
}

static void test_status_is_told_when_it_changes(void **state)
{
    struct harness *h = single();
    const struct harness_member *member = &h->members[0];
    size_t changes = member->changes;

    (void)state;
    assert_true(changes > 0);
    assert_int_equal(member->status.raft.role, DE_RAFT_LEADER);
    assert_int_equal(member->status.raft.leader, 1);
    assert_true(member->status.raft.ready);
    (void)harness_write(h, 0, 16);
    harness_flush(h, 0);
    harness_drain(h, 0);
    assert_int_equal(member->changes, changes);
    harness_free(h);
}

static void test_stop_ends_everything_by_what_is_known(void **state)
{
    struct harness *h = single();
    struct harness_request *in_job = harness_write(h, 0, 16);
    struct harness_request *proposed;
    struct harness_request *waiting;
    struct harness_request *read;
    struct harness_request *late;

    (void)state;
    harness_flush(h, 0);
    (void)harness_run_persist(h, 0);
    (void)harness_report_persist(h, 0, 0); /* committed: with the applier */
    proposed = harness_write(h, 0, 16);
    harness_flush(h, 0);
    waiting = harness_write(h, 0, 16);
    read = harness_read(h, 0);
    de_node_stop(h->members[0].node);
    assert_int_equal(proposed->status, DENGINE_E_UNKNOWN);
    assert_int_equal(waiting->status, DENGINE_E_SHUTDOWN);
    assert_int_equal(read->status, DENGINE_E_SHUTDOWN);
    assert_int_equal(in_job->outcomes, 0);
    assert_false(de_node_idle(h->members[0].node));
    late = harness_write(h, 0, 16);
    assert_int_equal(late->status, DENGINE_E_SHUTDOWN);
    harness_drain(h, 0);
    assert_int_equal(in_job->status, 0);
    assert_true(de_node_idle(h->members[0].node));
    de_node_stop(h->members[0].node); /* again: nothing */
    assert_true(harness_status(h, 0).stopped);
    /* Inputs after the end are taken and ignored. */
    de_node_timer(h->members[0].node, h->now_ns);
    de_node_flush(h->members[0].node, h->now_ns);
    de_node_unreachable(h->members[0].node, 2, h->now_ns);
    harness_free(h);
}

static void test_a_failed_log_write_halts_the_node(void **state)
{
    struct harness *h = single();
    struct harness_request *proposed = harness_write(h, 0, 16);
    struct harness_request *waiting;
    struct harness_request *late;

    (void)state;
    harness_flush(h, 0);
    waiting = harness_write(h, 0, 16);
    (void)harness_report_persist(h, 0, DENGINE_E_IO);
    assert_int_equal(h->members[0].halts, 1);
    assert_int_equal(h->members[0].halt_err, DENGINE_E_IO);
    assert_string_equal(h->members[0].halt_reason, "the log could not be written: disk on fire");
    assert_int_equal(proposed->status, DENGINE_E_UNKNOWN);
    assert_int_equal(waiting->status, DENGINE_E_HALTED);
    late = harness_read(h, 0);
    assert_int_equal(late->status, DENGINE_E_HALTED);
    assert_int_equal(harness_status(h, 0).halt_err, DENGINE_E_IO);
    harness_free(h);
}

/* The log says beforehand that room runs out; what is under way still goes through. */
static void test_a_full_log_refuses_writes_and_serves_reads(void **state)
{
    struct harness *h = single();
    struct harness_request *before = harness_write(h, 0, 16);
    struct harness_request *w;
    struct harness_request *r;

    (void)state;
    harness_flush(h, 0);
    de_node_log_room(h->members[0].node, DENGINE_LOG_ROOM_LOW, h->now_ns);
    assert_true(harness_status(h, 0).no_space);
    w = harness_write(h, 0, 16);
    r = harness_read(h, 0);
    harness_flush(h, 0);
    assert_int_equal(w->status, DENGINE_E_NO_SPACE);
    harness_drain(h, 0);
    assert_int_equal(before->status, 0);
    assert_int_equal(r->status, 0);
    assert_int_equal(r->outcomes, 1);
    assert_int_equal(h->members[0].halts, 0);
    de_node_log_room(h->members[0].node, DENGINE_LOG_ROOM, h->now_ns);
    assert_false(harness_status(h, 0).no_space);
    w = harness_write(h, 0, 16);
    harness_flush(h, 0);
    harness_drain(h, 0);
    assert_int_equal(w->status, 0);
    harness_free(h);
}

static void test_a_log_that_fails_between_writes_halts_the_node(void **state)
{
    struct harness *h = single();

    (void)state;
    de_node_log_failed(h->members[0].node, DENGINE_E_IO, "rename failed", h->now_ns);
    assert_int_equal(h->members[0].halt_err, DENGINE_E_IO);
    assert_string_equal(h->members[0].halt_reason, "the log has failed: rename failed");
    harness_free(h);
}

/* What is committed waits for room and is answered when it is applied at last. */
static void run_without_room(int *error_of(struct harness_machine *machine))
{
    struct harness *h = single();
    struct harness_request *w = harness_write(h, 0, 16);
    struct harness_request *refused;

    harness_flush(h, 0);
    (void)harness_run_persist(h, 0);
    (void)harness_report_persist(h, 0, 0);
    *error_of(&h->members[0].machine) = DENGINE_E_NO_SPACE;
    assert_int_equal(de_apply_job_run(h->members[0].apply), DENGINE_E_NO_SPACE);
    de_node_machine_full(h->members[0].node, true, h->now_ns);
    refused = harness_write(h, 0, 16);
    harness_flush(h, 0);
    assert_int_equal(refused->status, DENGINE_E_NO_SPACE);
    assert_int_equal(w->outcomes, 0);
    *error_of(&h->members[0].machine) = 0;
    assert_int_equal(de_apply_job_run(h->members[0].apply), 0);
    assert_int_equal(w->status, 0);
    assert_int_equal(w->outcomes, 1);
    h->members[0].apply_run = true;
    de_node_machine_full(h->members[0].node, false, h->now_ns);
    harness_drain(h, 0);
    assert_int_equal(harness_applied_count(h, 0, w->number), 1);
    assert_int_equal(h->members[0].halts, 0);
    harness_free(h);
}

static void halt_by_machine(int *error_of(struct harness_machine *machine))
{
    struct harness *h = single();
    struct harness_request *w = harness_write(h, 0, 16);
    struct harness_request *r;

    harness_flush(h, 0);
    *error_of(&h->members[0].machine) = DENGINE_E_CORRUPT;
    (void)harness_run_persist(h, 0);
    (void)harness_report_persist(h, 0, 0);
    r = harness_read(h, 0);
    harness_flush(h, 0);
    harness_drain(h, 0);
    assert_int_equal(h->members[0].halts, 1);
    assert_int_equal(h->members[0].halt_err, DENGINE_E_CORRUPT);
    assert_string_equal(h->members[0].halt_reason,
                        "the state machine failed: the test machine was told to fail");
    assert_int_equal(w->status, DENGINE_E_UNKNOWN);
    assert_int_equal(r->status, DENGINE_E_HALTED);
    assert_int_equal(harness_status(h, 0).pending_requests, 0);
    harness_free(h);
}

static int *begin_error(struct harness_machine *machine)
{
    return &machine->begin_error;
}

static int *apply_error(struct harness_machine *machine)
{
    return &machine->apply_error;
}

static int *commit_error(struct harness_machine *machine)
{
    return &machine->commit_error;
}

static void test_a_state_machine_without_room_is_tried_again(void **state)
{
    (void)state;
    run_without_room(begin_error);
    run_without_room(apply_error);
    run_without_room(commit_error);
}

static void test_a_failing_state_machine_halts_the_node(void **state)
{
    (void)state;
    halt_by_machine(begin_error);
    halt_by_machine(apply_error);
    halt_by_machine(commit_error);
}

static void test_restart_finds_what_was_acknowledged(void **state)
{
    struct harness *h = single();
    struct harness_request *r[5];

    (void)state;
    for (int i = 0; i < 5; i++) {
        r[i] = harness_write(h, 0, 16);
        harness_flush(h, 0);
        if (i < 4) {
            harness_drain(h, 0);
        }
    }
    harness_crash(h, 0); /* the fifth was never written */
    assert_int_equal(r[4]->status, DENGINE_E_UNKNOWN);
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(harness_applied_count(h, 0, r[i]->number), i < 4 ? 1 : 0);
    }
    harness_free(h);
}

static void test_the_cache_lets_go_of_applied_entries(void **state)
{
    struct harness *h = harness_new(1, 1);
    struct dengine_entry entry;

    (void)state;
    h->limits.cache_bytes_max = 500;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 0);
    for (int i = 0; i < 20; i++) {
        (void)harness_write(h, 0, 100);
        harness_flush(h, 0);
        harness_drain(h, 0);
    }
    assert_int_equal(de_node_peek_entry(h->members[0].node, 1, &entry), DENGINE_E_NOT_FOUND);
    assert_int_equal(de_node_peek_entry(h->members[0].node, 21, &entry), 0);
    assert_int_equal(entry.type, DENGINE_ENTRY_COMMAND);
    assert_int_equal(entry.data.size, 16 + 4 + 100);
    assert_int_equal(de_node_peek_entry(h->members[0].node, 22, &entry), DENGINE_E_NOT_FOUND);
    assert_non_null(de_node_raft(h->members[0].node));
    harness_free(h);
}

static void test_wrong_options_are_refused_with_a_reason(void **state)
{
    struct harness *h = harness_new(1, 1);
    const struct de_node_limits good = h->limits;
    char message[128];

    (void)state;
    h->limits.pending_requests_max = 0;
    assert_int_equal(harness_start(h, 0, message, sizeof message), DENGINE_E_CONFIG);
    assert_string_equal(message, "limits on pending requests must be at least 1");
    h->limits = good;
    h->limits.batch_bytes_max = 0;
    assert_int_equal(harness_start(h, 0, message, sizeof message), DENGINE_E_CONFIG);
    h->limits.batch_bytes_max = UINT32_MAX;
    assert_int_equal(harness_start(h, 0, message, sizeof message), DENGINE_E_CONFIG);
    h->limits = good;
    h->limits.persist_jobs_max = 0;
    assert_int_equal(harness_start(h, 0, message, sizeof message), DENGINE_E_CONFIG);
    h->limits = good;
    h->raft.heartbeat_interval_ns = h->raft.election_timeout_max_ns;
    message[0] = '\0';
    assert_int_equal(harness_start(h, 0, message, sizeof message), DENGINE_E_CONFIG);
    assert_true(strlen(message) > 0);
    assert_null(h->members[0].node);
    de_node_free(NULL);
    harness_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_single_node_elects_itself_and_applies_a_write),
        cmocka_unit_test(test_no_answer_before_the_write_is_durable),
        cmocka_unit_test(test_requests_that_arrive_during_a_write_form_one_entry),
        cmocka_unit_test(test_more_writes_in_flight_when_allowed),
        cmocka_unit_test(test_a_batch_is_bounded_by_commands_and_bytes),
        cmocka_unit_test(test_limits_are_answered_busy_or_too_large),
        cmocka_unit_test(test_the_core_may_be_busy_too),
        cmocka_unit_test(test_a_read_waits_until_what_it_must_see_is_applied),
        cmocka_unit_test(test_no_leader_is_said_at_once),
        cmocka_unit_test(test_status_is_told_when_it_changes),
        cmocka_unit_test(test_stop_ends_everything_by_what_is_known),
        cmocka_unit_test(test_a_failed_log_write_halts_the_node),
        cmocka_unit_test(test_a_full_log_refuses_writes_and_serves_reads),
        cmocka_unit_test(test_a_log_that_fails_between_writes_halts_the_node),
        cmocka_unit_test(test_a_state_machine_without_room_is_tried_again),
        cmocka_unit_test(test_a_failing_state_machine_halts_the_node),
        cmocka_unit_test(test_restart_finds_what_was_acknowledged),
        cmocka_unit_test(test_the_cache_lets_go_of_applied_entries),
        cmocka_unit_test(test_wrong_options_are_refused_with_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
