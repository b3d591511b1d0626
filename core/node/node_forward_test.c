/* Writes and reads that come to a follower. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/node/batch.h"
#include "core/node/node_test_harness.h"

enum {
    RUNS = 24, /* more than a leader remembers */
};

static struct harness *elected(uint32_t count, uint64_t seed)
{
    struct harness *h = harness_new(count, seed);

    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(harness_start(h, i, NULL, 0), 0);
    }
    harness_elect(h, 0);
    harness_settle(h);
    return h;
}

/* Heartbeats until the request has ended. */
static void wait_for(struct harness *h, const struct harness_request *r)
{
    for (int n = 0; n < 100 && r->outcomes == 0; n++) {
        harness_fire(h, 0);
        harness_settle(h);
    }
    assert_int_equal(r->outcomes, 1);
}

/* The position of the first message of that type; there is one. */
static size_t find(const struct harness *h, uint32_t type)
{
    size_t i = 0;

    while (i < h->message_count && h->messages[i]->message.raft.type != type) {
        i++;
    }
    assert_true(i < h->message_count);
    return i;
}

static void test_a_write_at_a_follower_is_done_and_answered_there(void **state)
{
    struct harness *h = elected(3, 1);
    struct harness_request *w[3];
    struct harness_request *r;

    (void)state;
    for (int i = 0; i < 3; i++) {
        w[i] = harness_write(h, 1, 16);
    }
    harness_flush(h, 1);
    assert_int_equal(w[0]->outcomes, 0);
    harness_settle(h);
    wait_for(h, w[2]);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(w[i]->status, 0);
        assert_int_equal(w[i]->result.revision, w[0]->result.revision); /* one entry */
        assert_int_equal(harness_applied_count(h, 0, w[i]->number), 1);
        assert_int_equal(harness_applied_count(h, 1, w[i]->number), 1);
    }
    r = harness_read(h, 2);
    harness_flush(h, 2);
    assert_int_equal(r->outcomes, 0); /* it has to ask */
    harness_settle(h);
    wait_for(h, r);
    assert_int_equal(r->status, 0);
    assert_int_equal(harness_applied_count(h, 2, w[0]->number), 1);
    harness_free(h);
}

static void test_a_message_that_comes_twice_is_carried_out_once(void **state)
{
    struct harness *h = elected(3, 2);
    struct harness_request *w = harness_write(h, 1, 16);
    struct harness_request *later;

    (void)state;
    harness_flush(h, 1);
    harness_repeat(h, find(h, DE_NODE_MSG_FORWARD));
    harness_repeat(h, find(h, DE_NODE_MSG_FORWARD));
    harness_settle(h);
    wait_for(h, w);
    assert_int_equal(w->status, 0);
    assert_int_equal(harness_applied_count(h, 0, w->number), 1);
    assert_int_equal(harness_applied_count(h, 1, w->number), 1);
    /* Also when a copy comes after a later one. */
    w = harness_write(h, 1, 16);
    harness_flush(h, 1);
    harness_deliver(h, find(h, DE_NODE_MSG_FORWARD));
    later = harness_write(h, 1, 16);
    harness_flush(h, 1);
    harness_repeat(h, find(h, DE_NODE_MSG_FORWARD));
    harness_settle(h);
    wait_for(h, w);
    wait_for(h, later);
    assert_int_equal(w->status, 0);
    assert_int_equal(later->status, 0);
    assert_int_equal(harness_applied_count(h, 0, w->number), 1);
    assert_int_equal(harness_applied_count(h, 0, later->number), 1);
    harness_free(h);
}

static void test_a_copy_from_before_a_restart_is_dropped(void **state)
{
    struct harness *h = elected(3, 3);
    struct harness_request *w = harness_write(h, 1, 16);
    struct harness_request *later;

    (void)state;
    harness_flush(h, 1);
    harness_repeat(h, find(h, DE_NODE_MSG_FORWARD));
    harness_deliver(h, find(h, DE_NODE_MSG_FORWARD));
    harness_drain(h, 0);
    harness_crash(h, 1);
    h->now_ns += 1;
    assert_int_equal(harness_start(h, 1, NULL, 0), 0);
    later = harness_write(h, 1, 16); /* it knows no leader yet */
    harness_flush(h, 1);
    assert_int_equal(later->status, DENGINE_E_NO_LEADER);
    harness_fire(h, 0);
    harness_settle(h);
    later = harness_write(h, 1, 16);
    harness_flush(h, 1);
    harness_settle(h);
    wait_for(h, later);
    assert_int_equal(later->status, 0);
    assert_int_equal(harness_applied_count(h, 0, w->number), 1);
    assert_int_equal(harness_applied_count(h, 0, later->number), 1);
    harness_free(h);
}

/* However often a follower starts anew while the same leader leads. */
static void test_a_follower_may_restart_as_often_as_it_likes(void **state)
{
    struct harness *h = elected(3, 10);
    struct harness_message *copies[RUNS];
    struct harness_request *w[RUNS];

    (void)state;
    for (size_t run = 0; run < RUNS; run++) {
        w[run] = harness_write(h, 1, 16);
        harness_flush(h, 1);
        harness_repeat(h, find(h, DE_NODE_MSG_FORWARD));
        copies[run] = harness_hold(h, find(h, DE_NODE_MSG_FORWARD));
        harness_settle(h);
        wait_for(h, w[run]);
        assert_int_equal(w[run]->status, 0);
        harness_crash(h, 1);
        h->now_ns += 1;
        assert_int_equal(harness_start(h, 1, NULL, 0), 0);
        harness_fire(h, 0);
        harness_settle(h);
    }
    /* No copy of any run is carried out, remembered or not. */
    for (size_t run = 0; run < RUNS; run++) {
        harness_put_back(h, copies[run]);
        harness_settle(h);
    }
    for (int n = 0; n < 10; n++) {
        harness_fire(h, 0);
        harness_settle(h);
    }
    for (size_t run = 0; run < RUNS; run++) {
        assert_int_equal(harness_applied_count(h, 0, w[run]->number), 1);
    }
    harness_free(h);
}

static struct harness_request *ask_change(struct harness *h, uint32_t kind, uint64_t id)
{
    const struct de_change change = {.kind = kind, .id = id, .addresses = harness_addresses(id)};
    struct harness_request *r = harness_admin(h, 0, DE_REQUEST_CHANGE, &change, 0);

    harness_flush(h, 0);
    return r;
}

static void change(struct harness *h, uint32_t kind, uint64_t id)
{
    const struct harness_request *r = ask_change(h, kind, id);

    harness_settle(h);
    wait_for(h, r);
    assert_int_equal(r->status, 0);
}

/* Member 1 is handed the kept batch as the first one of member id, which does not run here. */
static void forward_as(struct harness *h, struct harness_message *kept, uint64_t id)
{
    kept->message.raft.from = id;
    harness_put_back(h, kept);
    harness_repeat(h, h->message_count - 1);
    assert_ptr_equal(harness_hold(h, h->message_count - 2), kept);
    harness_deliver(h, h->message_count - 1);
}

/* A batch with one write of member 2, which is not on its way any more. */
static struct harness_message *keep_batch(struct harness *h, uint64_t *number)
{
    *number = harness_write(h, 1, 16)->number;
    harness_flush(h, 1);
    return harness_hold(h, find(h, DE_NODE_MSG_FORWARD));
}

/* More than a configuration has room for, one after the other, under one leader. */
static void test_members_may_come_and_go_as_often_as_they_like(void **state)
{
    struct harness *h = elected(3, 11);
    const struct harness_request *w;
    struct harness_message *kept;
    size_t times = 0;
    uint64_t number;

    (void)state;
    kept = keep_batch(h, &number);
    for (uint64_t id = 4; id < 4 + DE_RAFT_MEMBERS_MAX + 3; id++) {
        change(h, DE_CHANGE_ADD_LEARNER, id);
        for (int copies = 0; copies < 2; copies++) {
            forward_as(h, kept, id);
            harness_settle(h);
        }
        times++;
        assert_int_equal(harness_applied_count(h, 0, number), times);
        change(h, DE_CHANGE_REMOVE, id);
        forward_as(h, kept, id); /* late */
        harness_settle(h);
        assert_int_equal(harness_applied_count(h, 0, number), times);
    }
    w = harness_write(h, 2, 16); /* its first */
    harness_flush(h, 2);
    harness_settle(h);
    wait_for(h, w);
    assert_int_equal(w->status, 0);
    harness_put_back(h, kept);
    harness_free(h);
}

/* Who may be a member again is not forgotten: that its batch was not taken would be a lie. */
static void test_a_removal_that_is_undone_makes_nobody_forget(void **state)
{
    struct harness *h = elected(3, 12);
    struct harness_message *kept;
    uint64_t number;

    (void)state;
    kept = keep_batch(h, &number);
    change(h, DE_CHANGE_ADD_LEARNER, 4);
    forward_as(h, kept, 4);
    harness_settle(h);
    assert_int_equal(harness_applied_count(h, 0, number), 1);
    (void)ask_change(h, DE_CHANGE_REMOVE, 4); /* of which the others do not learn */
    harness_drop_all(h);
    (void)harness_write(h, 2, 16);
    harness_flush(h, 2);
    harness_deliver(h, find(h, DE_NODE_MSG_FORWARD));
    harness_drop_all(h);
    h->members[0].deadline_ns += 10000 * HARNESS_MS;
    harness_elect(h, 1);
    for (int n = 0; n < 3; n++) {
        harness_fire(h, 1);
        harness_settle(h);
    }
    assert_int_not_equal(harness_status(h, 0).raft.role, DE_RAFT_LEADER);
    assert_int_equal(harness_status(h, 0).raft.configuration->count, 4);
    harness_drop_all(h);
    forward_as(h, kept, 4);
    harness_flush(h, 0);
    assert_int_equal(h->message_count, 0); /* no answer */
    harness_put_back(h, kept);
    harness_free(h);
}

static void hand_over(struct harness *h, uint32_t from, uint32_t to)
{
    struct harness_request *r = harness_admin(h, from, DE_REQUEST_TRANSFER, NULL, to + 1);

    harness_flush(h, from);
    harness_settle(h);
    for (int n = 0; n < 100 && (r->outcomes == 0 || !harness_status(h, to).raft.ready); n++) {
        harness_fire(h, to);
        harness_settle(h);
    }
    assert_int_equal(r->status, 0);
}

static void test_a_copy_for_an_earlier_term_is_dropped(void **state)
{
    struct harness *h = elected(3, 8);
    struct harness_request *w = harness_write(h, 1, 16);
    struct harness_message *copy;

    (void)state;
    harness_flush(h, 1);
    harness_repeat(h, find(h, DE_NODE_MSG_FORWARD));
    copy = harness_hold(h, find(h, DE_NODE_MSG_FORWARD));
    harness_settle(h);
    wait_for(h, w);
    assert_int_equal(w->status, 0);
    hand_over(h, 0, 2);
    hand_over(h, 2, 0);
    harness_put_back(h, copy);
    for (int n = 0; n < 10; n++) {
        harness_fire(h, 0);
        harness_settle(h);
    }
    assert_int_equal(harness_applied_count(h, 0, w->number), 1);
    harness_free(h);
}

static void test_what_comes_too_late_goes_to_the_next_leader(void **state)
{
    struct harness *h = elected(3, 9);
    struct harness_request *w = harness_write(h, 1, 16);
    struct harness_message *late;

    (void)state;
    harness_flush(h, 1);
    late = harness_hold(h, find(h, DE_NODE_MSG_FORWARD));
    hand_over(h, 0, 2);
    assert_int_equal(w->outcomes, 0);
    harness_put_back(h, late);
    harness_settle(h);
    for (int n = 0; n < 20 && w->outcomes == 0; n++) {
        harness_fire(h, 2);
        harness_settle(h);
    }
    assert_int_equal(w->status, 0);
    assert_int_equal(harness_applied_count(h, 1, w->number), 1);
    harness_free(h);
}

static void test_without_an_answer_it_is_unknown(void **state)
{
    struct harness *h = elected(3, 4);
    struct harness_request *w = harness_write(h, 1, 16);
    const uint64_t sent_ns = h->now_ns;

    (void)state;
    harness_flush(h, 1);
    harness_drop(h, find(h, DE_NODE_MSG_FORWARD));
    for (int n = 0; n < 1000 && w->outcomes == 0; n++) {
        harness_fire(h, n % 2 == 0 ? 0 : 1);
        harness_settle(h);
    }
    assert_int_equal(w->status, DENGINE_E_UNKNOWN);
    assert_true(h->now_ns <= sent_ns + 3 * h->raft.election_timeout_max_ns);
    assert_int_equal(harness_applied_count(h, 0, w->number), 0);
    harness_free(h);
}

static void test_an_answer_that_the_entry_has_overtaken_is_unknown(void **state)
{
    struct harness *h = elected(3, 5);
    struct harness_request *w = harness_write(h, 1, 16);

    (void)state;
    harness_flush(h, 1);
    harness_deliver(h, find(h, DE_NODE_MSG_FORWARD));
    for (int n = 0; n < 2000 && harness_applied_count(h, 1, w->number) == 0; n++) {
        harness_drain(h, 0);
        harness_drain(h, 1);
        harness_drain(h, 2);
        if (h->message_count > 1) {
            harness_deliver(h, find(h, DE_NODE_MSG_FORWARD_REPLY) == 0 ? 1 : 0);
        } else {
            harness_fire(h, 0);
        }
    }
    assert_int_equal(harness_applied_count(h, 1, w->number), 1);
    assert_int_equal(w->outcomes, 0);
    harness_settle(h);
    assert_int_equal(w->status, DENGINE_E_UNKNOWN);
    harness_free(h);
}

static void test_what_the_leader_refuses_is_not_done(void **state)
{
    struct harness *h = elected(3, 6);
    struct harness_request *w;

    (void)state;
    de_node_log_room(h->members[0].node, DENGINE_LOG_ROOM_LOW, h->now_ns);
    w = harness_write(h, 1, 16);
    harness_flush(h, 1);
    harness_settle(h);
    assert_int_equal(w->status, DENGINE_E_NO_SPACE);
    harness_free(h);
}

/* What followers have forwarded and the leader has not begun is bounded there, to the last byte. */
static void test_a_leader_takes_as_much_from_others_as_configured(void **state)
{
    struct harness *h = harness_new(3, 8);
    struct harness_request *w[4];

    (void)state;
    h->limits.persist_jobs_max = 1;
    h->limits.pending_bytes_max = de_batch_size(1, 100) + de_batch_size(1, 40);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(harness_start(h, i, NULL, 0), 0);
    }
    harness_elect(h, 0);
    harness_settle(h);
    (void)harness_write(h, 0, 8); /* which others have to wait behind */
    harness_flush(h, 0);
    for (uint32_t i = 0; i < 4; i++) {
        static const size_t sizes[] = {100, 41, 40, 8};

        w[i] = harness_write(h, 1 + i % 2, sizes[i]);
        harness_flush(h, 1 + i % 2);
        harness_deliver(h, find(h, DE_NODE_MSG_FORWARD));
    }
    harness_settle(h);
    for (uint32_t i = 0; i < 4; i++) {
        wait_for(h, w[i]);
        assert_int_equal(w[i]->status, i % 2 == 0 ? 0 : DENGINE_E_BUSY);
    }
    w[0] = harness_write(h, 1, 100); /* room again */
    harness_flush(h, 1);
    harness_settle(h);
    wait_for(h, w[0]);
    assert_int_equal(w[0]->status, 0);
    harness_free(h);
}

/* The leader has not applied what a follower has acknowledged: its lease covers no older view. */
static void test_a_lease_reaches_what_a_follower_may_acknowledge(void **state)
{
    struct harness *h = elected(3, 7);
    struct harness_request *w;
    const struct de_node_lease *lease = &h->members[0].lease;

    (void)state;
    harness_fire(h, 0);
    harness_settle(h);
    w = harness_write(h, 1, 16);
    harness_flush(h, 1);
    for (int n = 0; n < 2000 && w->outcomes == 0; n++) {
        /* Everything but the leader's applier goes on. */
        while (harness_run_persist(h, 0) || harness_report_persist(h, 0, 0)) {
        }
        harness_drain(h, 1);
        harness_drain(h, 2);
        if (h->message_count > 0) {
            harness_deliver(h, 0);
        } else {
            harness_fire(h, 0);
        }
    }
    assert_int_equal(w->status, 0);
    assert_int_equal(harness_applied_count(h, 0, w->number), 0);
    assert_true(lease->until_ns > 0);
    assert_true(lease->index >= w->result.revision);
    harness_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_write_at_a_follower_is_done_and_answered_there),
        cmocka_unit_test(test_a_message_that_comes_twice_is_carried_out_once),
        cmocka_unit_test(test_a_copy_from_before_a_restart_is_dropped),
        cmocka_unit_test(test_a_follower_may_restart_as_often_as_it_likes),
        cmocka_unit_test(test_members_may_come_and_go_as_often_as_they_like),
        cmocka_unit_test(test_a_removal_that_is_undone_makes_nobody_forget),
        cmocka_unit_test(test_a_copy_for_an_earlier_term_is_dropped),
        cmocka_unit_test(test_what_comes_too_late_goes_to_the_next_leader),
        cmocka_unit_test(test_without_an_answer_it_is_unknown),
        cmocka_unit_test(test_an_answer_that_the_entry_has_overtaken_is_unknown),
        cmocka_unit_test(test_what_the_leader_refuses_is_not_done),
        cmocka_unit_test(test_a_leader_takes_as_much_from_others_as_configured),
        cmocka_unit_test(test_a_lease_reaches_what_a_follower_may_acknowledge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
