/* The published lease: when there is one, from which index it counts, and that it ends before
 * anything leaves that may end it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/node/node_test_harness.h"

static struct harness *elected(uint32_t count, uint64_t seed)
{
    struct harness *h = harness_new(count, seed);

    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(harness_start(h, i, NULL, 0), 0);
    }
    harness_elect(h, 0);
    return h;
}

/* Whatever can happen without time and without appliers. */
static void settle_without_appliers(struct harness *h)
{
    bool any = true;

    while (any) {
        any = h->message_count > 0;
        if (any) {
            harness_deliver(h, 0);
        }
        for (uint32_t i = 0; i < h->count; i++) {
            while (harness_run_persist(h, i) || harness_report_persist(h, i, 0)) {
                any = true;
            }
        }
    }
}

static void test_a_view_must_reach_the_lease_and_the_clock_must_not(void **state)
{
    const struct de_node_lease lease = {100, 7, 1};
    const struct de_node_lease none = {0};

    (void)state;
    assert_true(de_node_lease_covers(&lease, 7, 99));
    assert_true(de_node_lease_covers(&lease, 8, 0));
    assert_false(de_node_lease_covers(&lease, 6, 99));
    assert_false(de_node_lease_covers(&lease, 7, 100));
    assert_false(de_node_lease_covers(&none, UINT64_MAX, 0));
}

static void test_who_is_alone_has_a_lease_without_end(void **state)
{
    struct harness *h = elected(1, 1);

    (void)state;
    assert_int_equal(h->members[0].lease.until_ns, UINT64_MAX);
    assert_true(h->members[0].lease.index > 0);
    harness_crash(h, 0);
    assert_int_equal(h->members[0].lease.until_ns, 0); /* who has stopped promises nothing */
    harness_free(h);
}

static void test_a_lease_grows_with_answers_and_ends_without(void **state)
{
    struct harness *h = elected(3, 2);
    const struct de_node_lease *lease = &h->members[0].lease;
    uint64_t until_ns;

    (void)state;
    harness_fire(h, 0);
    harness_settle(h);
    until_ns = lease->until_ns;
    assert_true(until_ns > h->now_ns);
    assert_true(until_ns < h->now_ns + h->raft.election_timeout_min_ns);
    assert_int_equal(lease->term, harness_status(h, 0).raft.term);
    h->members[1].deadline_ns = UINT64_MAX;
    h->members[2].deadline_ns = UINT64_MAX;
    while (harness_status(h, 0).raft.role == DE_RAFT_LEADER) {
        harness_fire(h, 0); /* nobody answers */
        harness_drop_all(h);
        assert_true(lease->until_ns == until_ns || lease->until_ns == 0);
    }
    assert_int_equal(lease->until_ns, 0);
    assert_int_equal(h->members[1].lease.until_ns, 0);
    harness_free(h);
}

/* What a leader of before has acknowledged stands before the first entry of the new term: whoever
 * has not applied that one must not answer, though it leads and has a lease. */
static void test_a_new_leader_has_to_apply_first(void **state)
{
    struct harness *h = elected(3, 3);
    struct harness_request *w = harness_write(h, 0, 16);

    (void)state;
    harness_flush(h, 0);
    harness_settle(h);
    assert_int_equal(w->status, 0);
    harness_crash(h, 0);
    while (h->members[1].lease.until_ns == 0) { /* node 2 applies nothing */
        if (h->message_count > 0) {
            harness_deliver(h, 0);
        } else if (!harness_run_persist(h, 1) && !harness_report_persist(h, 1, 0)) {
            h->members[2].deadline_ns += 10000 * HARNESS_MS;
            harness_fire(h, 1);
        }
        (void)harness_run_persist(h, 2);
        (void)harness_report_persist(h, 2, 0);
    }
    assert_true(harness_status(h, 1).applied < h->members[1].lease.index);
    assert_false(de_node_lease_covers(&h->members[1].lease, harness_status(h, 1).applied, 0));
    harness_settle(h);
    assert_true(de_node_lease_covers(&h->members[1].lease, harness_status(h, 1).applied, 0));
    harness_free(h);
}

/* The harness looks when TIMEOUT_NOW leaves (env_send). */
static void test_a_transfer_ends_the_lease_before_it_begins(void **state)
{
    struct harness *h = elected(3, 4);
    struct harness_request *r;

    (void)state;
    harness_fire(h, 0);
    harness_settle(h);
    assert_true(h->members[0].lease.until_ns > h->now_ns);
    r = harness_admin(h, 0, DE_REQUEST_TRANSFER, NULL, 2);
    harness_flush(h, 0);
    assert_int_equal(h->members[0].lease.until_ns, 0);
    harness_settle(h);
    assert_int_equal(r->status, 0);
    assert_true(h->timeouts_sent > 0);
    harness_free(h);
}

/* What we tell others is committed they may show before we have applied it ourselves. The harness
 * looks, whenever a message leaves, whether the index was published before (env_send). */
static void test_the_index_is_what_is_committed(void **state)
{
    struct harness *h = elected(3, 5);
    struct harness_request *w = harness_write(h, 0, 16);
    const struct de_node_lease *lease = &h->members[0].lease;

    (void)state;
    harness_flush(h, 0);
    while (harness_status(h, 0).raft.commit < harness_status(h, 0).raft.last_index) {
        for (uint32_t i = 0; i < 3; i++) {
            (void)harness_run_persist(h, i);
            (void)harness_report_persist(h, i, 0);
        }
        harness_deliver(h, 0);
    }
    assert_true(lease->until_ns > h->now_ns);
    assert_int_equal(lease->index, harness_status(h, 0).raft.commit);
    assert_true(harness_status(h, 0).applied < lease->index);
    assert_false(de_node_lease_covers(lease, harness_status(h, 0).applied, h->now_ns));
    harness_settle(h);
    assert_int_equal(w->status, 0);
    assert_true(de_node_lease_covers(lease, harness_status(h, 0).applied, h->now_ns));
    harness_free(h);
}

/* A leader of before, whose read was confirmed, and which waits for its applier, follows the next
 * one meanwhile and shows what that one has committed and not applied yet. */
static void test_a_deposed_leader_may_show_more_than_the_next_one(void **state)
{
    struct harness *h = elected(3, 6);
    struct harness_request *first = harness_write(h, 0, 16);
    struct harness_request *read;
    struct harness_request *w;
    const struct de_node_lease *lease = &h->members[1].lease;

    (void)state;
    harness_flush(h, 0);
    while (harness_status(h, 0).raft.commit < harness_status(h, 0).raft.last_index) {
        settle_without_appliers(h);
    }
    read = harness_read(h, 0);
    harness_flush(h, 0);
    settle_without_appliers(h); /* confirmed; node 1 has not applied the write */
    assert_int_equal(first->outcomes + read->outcomes, 0);
    (void)harness_admin(h, 0, DE_REQUEST_TRANSFER, NULL, 2);
    harness_flush(h, 0);
    while (lease->until_ns == 0) {
        settle_without_appliers(h);
        harness_fire(h, 1);
    }
    harness_drain(h, 1); /* and all that was committed before */
    settle_without_appliers(h);
    assert_true(de_node_lease_covers(lease, harness_status(h, 1).applied, h->now_ns));
    w = harness_write(h, 1, 16);
    harness_flush(h, 1);
    settle_without_appliers(h);
    harness_fire(h, 1);
    settle_without_appliers(h);
    harness_drain(h, 0); /* all that it knows to be committed */
    assert_int_equal(read->outcomes, 1);
    assert_int_equal(read->status, 0);
    assert_int_equal(harness_applied_count(h, 0, w->number), 1);
    assert_int_equal(harness_applied_count(h, 1, w->number), 0);
    assert_true(lease->until_ns > h->now_ns);
    assert_false(de_node_lease_covers(lease, harness_status(h, 1).applied, h->now_ns));
    harness_settle(h);
    harness_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_view_must_reach_the_lease_and_the_clock_must_not),
        cmocka_unit_test(test_who_is_alone_has_a_lease_without_end),
        cmocka_unit_test(test_a_lease_grows_with_answers_and_ends_without),
        cmocka_unit_test(test_a_new_leader_has_to_apply_first),
        cmocka_unit_test(test_a_transfer_ends_the_lease_before_it_begins),
        cmocka_unit_test(test_the_index_is_what_is_committed),
        cmocka_unit_test(test_a_deposed_leader_may_show_more_than_the_next_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
