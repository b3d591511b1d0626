/* Writes and reads that come to a follower. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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
        cmocka_unit_test(test_a_copy_for_an_earlier_term_is_dropped),
        cmocka_unit_test(test_what_comes_too_late_goes_to_the_next_leader),
        cmocka_unit_test(test_without_an_answer_it_is_unknown),
        cmocka_unit_test(test_an_answer_that_the_entry_has_overtaken_is_unknown),
        cmocka_unit_test(test_what_the_leader_refuses_is_not_done),
        cmocka_unit_test(test_a_lease_reaches_what_a_follower_may_acknowledge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
