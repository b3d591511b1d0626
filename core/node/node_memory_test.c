/* Out of memory at any point: a request is refused, a message is lost, nothing breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/node/node_test_harness.h"

/* From now on member i gets `more` pieces of memory, then none. */
static void limit(struct harness *h, uint32_t i, size_t more)
{
    h->members[i].heap.resizes_max = h->members[i].heap.resizes + more;
}

static void unlimit(struct harness *h, uint32_t i)
{
    h->members[i].heap.resizes_max = SIZE_MAX;
}

/* Boots; the nth allocation fails. False when it was not reached. */
static bool boot_without(size_t n)
{
    struct harness *h = harness_new(1, 1);
    char message[64] = "";
    int rc;

    for (uint64_t k = 0; k < 70; k++) {
        harness_append_command(h, 0, 1 + k, 100 + k);
    }
    h->members[0].log.hard_state.commit = 70;
    limit(h, 0, n);
    rc = harness_start(h, 0, message, sizeof message);
    if (rc != 0) {
        assert_int_equal(rc, DENGINE_E_NO_MEMORY);
        assert_string_equal(message, "out of memory");
        assert_int_equal(h->members[0].heap.blocks, 0);
    }
    unlimit(h, 0);
    harness_free(h);
    return rc != 0;
}

static void test_boot_without_memory_makes_nothing(void **state)
{
    size_t n = 0;

    (void)state;
    while (boot_without(n)) {
        n++;
    }
    assert_true(n > 70);
}

/* Two nodes with small caches: elect, write, read, a peer that catches up from the log. Member
 * `poor` has no memory from its nth allocation on, for a while. */
static void scenario_without(uint32_t poor, size_t n, bool *reached)
{
    struct harness *h = harness_new(3, n);
    struct harness_request *r = NULL;
    size_t resizes;
    int steps;

    h->limits.cache_bytes_max = 200;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(harness_start(h, i, NULL, 0), 0);
    }
    limit(h, poor, n);
    resizes = h->members[poor].heap.resizes;
    for (steps = 0; steps < 40; steps++) {
        for (uint32_t i = 0; i < 3; i++) {
            if (h->members[i].node == NULL) {
                continue;
            }
            (void)harness_write(h, i, 100);
            (void)harness_read(h, i);
            harness_flush(h, i);
            if (i == 0 || steps % 5 != 4) {
                harness_settle(h);
            }
        }
        if (steps == 15) {
            harness_crash(h, 2);
        } else if (steps == 25 && h->members[2].node == NULL) {
            unlimit(h, 2);
            assert_int_equal(harness_start(h, 2, NULL, 0), 0);
        }
        for (uint32_t i = 0; i < 3; i++) {
            if (h->members[i].node != NULL &&
                h->members[i].deadline_ns < h->now_ns + 60 * HARNESS_MS) {
                harness_fire(h, i);
            }
        }
        h->now_ns += 15 * HARNESS_MS;
    }
    *reached = h->members[poor].heap.resizes_max != SIZE_MAX &&
               h->members[poor].heap.resizes - resizes >= n;
    unlimit(h, poor);
    for (steps = 0; steps < 4000 && (r == NULL || r->status != 0 || r->outcomes == 0); steps++) {
        harness_random_step(h, false);
        if (steps % 50 == 49) {
            const uint32_t i = (uint32_t)(steps / 50) % 3;

            harness_settle(h);
            if (harness_status(h, i).raft.ready) {
                r = harness_write(h, i, 100);
                harness_flush(h, i);
                harness_settle(h);
            }
        }
    }
    assert_true(steps < 4000);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(h->members[i].halts, 0);
    }
    harness_free(h); /* asserts one outcome each, and that no block is left */
}

static void test_a_node_survives_without_memory_and_recovers(void **state)
{
    (void)state;
    for (uint32_t poor = 0; poor < 3; poor++) {
        bool reached = true;

        for (size_t n = 0; reached && n < 1000; n += n < 100 ? 1 : 7) {
            scenario_without(poor, n, &reached);
        }
    }
}

/* A single node, by hand, step by step: each kind of refusal. */
static void test_a_write_without_memory_is_refused(void **state)
{
    size_t refused = 0;

    (void)state;
    for (size_t n = 0; n < 12; n++) {
        struct harness *h = harness_new(1, 1);
        struct harness_request *w;
        struct harness_request *r;

        assert_int_equal(harness_start(h, 0, NULL, 0), 0);
        harness_elect(h, 0);
        limit(h, 0, n);
        w = harness_write(h, 0, 100);
        r = harness_read(h, 0);
        harness_flush(h, 0);
        harness_drain(h, 0);
        unlimit(h, 0);
        for (int k = 0; k < 4 && h->members[0].deadline_ns != UINT64_MAX; k++) {
            harness_fire(h, 0); /* what could not be told is told now */
            harness_drain(h, 0);
        }
        assert_int_equal(w->outcomes, 1);
        assert_int_equal(r->outcomes, 1);
        assert_true(w->status == 0 || w->status == DENGINE_E_NO_MEMORY);
        assert_true(r->status == 0 || r->status == DENGINE_E_NO_MEMORY);
        assert_int_equal(harness_applied_count(h, 0, w->number), w->status == 0 ? 1 : 0);
        refused += w->status != 0 ? 1 : 0;
        harness_free(h);
    }
    assert_true(refused > 0);
}

/* A completion cannot be refused: it is told when there is memory again. */
static void test_a_completion_without_memory_is_told_later(void **state)
{
    struct harness *h = harness_new(1, 1);

    (void)state;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    for (int n = 0; n < 10 && harness_status(h, 0).raft.last_index == 0; n++) {
        while (harness_run_persist(h, 0)) {
            (void)harness_report_persist(h, 0, 0);
        }
        if (harness_status(h, 0).raft.last_index == 0) {
            harness_fire(h, 0);
        }
    }
    harness_drain(h, 0);
    assert_true(harness_status(h, 0).raft.ready);
    harness_crash(h, 0);
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    while (harness_status(h, 0).raft.last_index == 1) {
        harness_fire(h, 0);
        if (harness_status(h, 0).raft.last_index == 1) {
            (void)harness_run_persist(h, 0);
            (void)harness_report_persist(h, 0, 0);
        }
    }
    /* The core has used up the reserve for its NOOP. */
    limit(h, 0, 0);
    (void)harness_run_persist(h, 0);
    (void)harness_report_persist(h, 0, 0);
    assert_false(harness_status(h, 0).raft.ready);
    assert_int_equal(h->members[0].deadline_ns, h->now_ns + h->raft.heartbeat_interval_ns);
    unlimit(h, 0);
    harness_fire(h, 0);
    assert_true(harness_status(h, 0).raft.ready);
    harness_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boot_without_memory_makes_nothing),
        cmocka_unit_test(test_a_node_survives_without_memory_and_recovers),
        cmocka_unit_test(test_a_write_without_memory_is_refused),
        cmocka_unit_test(test_a_completion_without_memory_is_told_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
