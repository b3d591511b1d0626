/* Snapshots: taken, sent, received, installed; what a crash leaves at each step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/node/config_codec.h"
#include "core/node/node_test_harness.h"

static struct harness *small(uint32_t count, uint64_t seed)
{
    struct harness *h = harness_new(count, seed);

    h->limits.snapshot_log_bytes_min = UINT64_MAX; /* on demand only */
    h->limits.snapshot_trailing_entries = 0;
    h->limits.snapshot_chunk_bytes = 50;
    h->limits.snapshot_window_bytes = 150;
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(harness_start(h, i, NULL, 0), 0);
    }
    return h;
}

static void write_some(struct harness *h, uint32_t i, int count)
{
    for (int k = 0; k < count; k++) {
        struct harness_request *w = harness_write(h, i, 16);

        harness_flush(h, i);
        harness_settle(h);
        assert_int_equal(w->status, 0);
        assert_int_equal(w->outcomes, 1);
    }
}

/* The index of a snapshot of i, taken now. */
static uint64_t take(struct harness *h, uint32_t i)
{
    struct harness_request *r = harness_snapshot(h, i);

    harness_flush(h, i);
    harness_drain(h, i);
    assert_int_equal(r->outcomes, 1);
    assert_int_equal(r->status, 0);
    return r->result.revision;
}

/* Timers go off, messages come, until i has applied index. */
static void run_until_applied(struct harness *h, uint32_t i, uint64_t index)
{
    for (int n = 0; n < 300 && h->members[i].machine.index < index; n++) {
        for (uint32_t k = 0; k < h->count; k++) {
            if (h->members[k].node != NULL &&
                h->members[k].deadline_ns <= h->now_ns + 5 * HARNESS_MS) {
                harness_fire(h, k);
            }
        }
        h->now_ns += 2 * HARNESS_MS;
        harness_settle(h);
    }
    assert_int_equal(h->members[i].machine.index, index);
}

static void test_a_snapshot_on_demand_covers_what_was_applied(void **state)
{
    struct harness *h = small(1, 1);
    struct harness_request *early = harness_snapshot(h, 0);
    uint64_t index;

    (void)state;
    harness_flush(h, 0);
    assert_int_equal(early->status, DENGINE_E_NOT_FOUND);
    harness_elect(h, 0);
    write_some(h, 0, 5);
    index = take(h, 0);
    assert_int_equal(index, 6);
    assert_int_equal(harness_snapshots_newest(&h->members[0].snapshots), 6);
    assert_int_equal(h->members[0].log.first_index, 7); /* compacted */
    assert_int_equal(harness_status(h, 0).raft.base_index, 6);
    assert_int_equal(harness_status(h, 0).snapshot.taken, 1);
    assert_int_equal(take(h, 0), 6); /* nothing new: no second one */
    assert_int_equal(harness_status(h, 0).snapshot.taken, 1);
    write_some(h, 0, 1);
    assert_int_equal(take(h, 0), 7);
    harness_free(h);
}

static void test_a_snapshot_without_a_store_is_refused(void **state)
{
    struct harness *h = harness_new(1, 1);
    struct harness_request *r;

    (void)state;
    h->no_snapshots = true;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    r = harness_snapshot(h, 0);
    assert_int_equal(r->status, DENGINE_E_INVALID);
    harness_free(h);
}

static void test_snapshots_are_taken_by_the_size_of_the_log(void **state)
{
    struct harness *h = small(1, 1);
    size_t images;

    (void)state;
    harness_elect(h, 0);
    harness_crash(h, 0);
    h->limits.snapshot_log_bytes_min = 1000;
    h->limits.snapshot_trailing_entries = 3;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 0);
    write_some(h, 0, 60);
    images = harness_status(h, 0).snapshot.taken;
    assert_true(images >= 2 && images <= 8);
    /* What trails is still there. */
    assert_int_equal(h->members[0].log.first_index,
                     harness_snapshots_newest(&h->members[0].snapshots) - 3 + 1);
    harness_free(h);
}

static void test_a_restart_goes_on_from_snapshot_and_log(void **state)
{
    struct harness *h = small(1, 1);

    (void)state;
    harness_elect(h, 0);
    write_some(h, 0, 5);
    (void)take(h, 0);
    write_some(h, 0, 3);
    for (int lost = 0; lost < 2; lost++) {
        const uint64_t applied = h->members[0].machine.index;

        harness_crash(h, 0);
        if (lost == 1) {
            harness_lose_state(h, 0);
        }
        assert_int_equal(harness_start(h, 0, NULL, 0), 0);
        harness_elect(h, 0);
        harness_settle(h);
        assert_int_equal(h->members[0].machine.index, applied + 1);
        assert_int_equal(h->members[0].machine.count, 8);
        assert_int_equal(h->members[0].machine.restores, lost);
        assert_int_equal(harness_status(h, 0).snapshot.index, 6);
        assert_true(harness_status(h, 0).snapshot.image_bytes > 0);
    }
    harness_free(h);
}

/* Member 2 is down while the others write, and cut their log. */
static struct harness *with_straggler(uint64_t seed, int writes)
{
    struct harness *h = small(3, seed);

    harness_elect(h, 0);
    write_some(h, 0, 2);
    harness_crash(h, 2);
    write_some(h, 0, writes);
    (void)take(h, 0);
    harness_drop_all(h);
    assert_int_equal(harness_start(h, 2, NULL, 0), 0);
    return h;
}

static void test_a_follower_behind_the_log_catches_up_by_snapshot(void **state)
{
    struct harness *h = with_straggler(1, 20);

    (void)state;
    run_until_applied(h, 2, 23);
    assert_int_equal(h->members[2].machine.restores, 1);
    assert_int_equal(h->members[2].machine.count, 22);
    assert_int_equal(h->members[2].log.resets, 1);
    assert_int_equal(harness_status(h, 2).snapshot.installed, 1);
    assert_int_equal(harness_status(h, 0).snapshot.sent, 1);
    assert_int_equal(harness_status(h, 0).snapshot.sending, 0);
    write_some(h, 0, 3);
    run_until_applied(h, 2, 26);
    assert_int_equal(h->members[2].machine.restores, 1); /* the rest came from the log */
    harness_crash(h, 2);
    assert_int_equal(harness_start(h, 2, NULL, 0), 0);
    run_until_applied(h, 2, 26);
    harness_free(h);
}

/* Until member 2 has taken at least `bytes` of the image. */
static void transfer_some(struct harness *h, size_t bytes)
{
    for (int n = 0; n < 2000 && h->members[2].snapshots.received < bytes; n++) {
        for (uint32_t i = 0; i < 3; i++) {
            if (h->members[i].node != NULL) {
                harness_drain(h, i);
            }
        }
        if (h->message_count > 0) {
            harness_deliver(h, 0);
        } else {
            h->now_ns += 2 * HARNESS_MS;
            for (uint32_t i = 0; i < 3; i++) {
                if (h->members[i].node != NULL && h->members[i].deadline_ns <= h->now_ns) {
                    harness_fire(h, i);
                }
            }
        }
    }
    assert_true(h->members[2].snapshots.received >= bytes);
    assert_int_equal(h->members[2].machine.restores, 0);
}

static void test_a_transfer_goes_on_where_it_was_broken_off(void **state)
{
    struct harness *h = with_straggler(2, 40);
    const uint64_t image_bytes = harness_status(h, 0).snapshot.image_bytes;

    (void)state;
    transfer_some(h, 300);
    harness_drop_all(h);
    harness_crash(h, 2);
    assert_int_equal(h->members[2].snapshots.opened, 0);
    assert_int_equal(harness_start(h, 2, NULL, 0), 0);
    run_until_applied(h, 2, 43);
    assert_int_equal(h->members[2].machine.restores, 1);
    assert_int_equal(h->members[2].snapshots.received, image_bytes); /* nothing came twice */
    harness_free(h);
}

static void test_another_sender_goes_on_with_the_same_image(void **state)
{
    struct harness *h = with_straggler(3, 40);
    const uint64_t image_bytes = harness_status(h, 0).snapshot.image_bytes;

    (void)state;
    harness_settle(h); /* member 1 learns the commit index with the next heartbeat */
    assert_int_equal(h->members[2].machine.restores, 0);
    harness_fire(h, 0);
    harness_drop_all(h);
    transfer_some(h, 300);
    harness_drop_all(h);
    assert_int_equal(take(h, 1), 43);
    harness_crash(h, 0);
    h->now_ns += 1000 * HARNESS_MS;
    for (int n = 0; n < 300 && h->members[2].machine.restores == 0; n++) {
        const uint32_t k = n % 3 == 2 && harness_status(h, 1).raft.role == DE_RAFT_LEADER ? 2 : 1;

        if (k == 1) {
            harness_fire(h, 1);
        }
        harness_settle(h);
    }
    assert_int_equal(h->members[2].machine.restores, 1);
    assert_int_equal(h->members[2].snapshots.received, image_bytes);
    harness_free(h);
}

static void test_lost_doubled_and_late_chunks_do_no_harm(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 60; seed++) {
        struct harness *h = with_straggler(seed, 30);

        for (int n = 0; n < 20000 && h->members[2].machine.restores == 0; n++) {
            for (uint32_t i = 0; i < 3; i++) {
                harness_drain(h, i);
                if (h->members[i].deadline_ns <= h->now_ns) {
                    harness_fire(h, i);
                }
            }
            h->now_ns += HARNESS_MS / 2;
            for (size_t k = 0; k < 3 && h->message_count > 0; k++) {
                const size_t at = (size_t)de_random_below(&h->random, h->message_count);

                if (de_random_below(&h->random, 10) == 0) {
                    harness_drop(h, at);
                } else {
                    harness_deliver(h, at);
                }
            }
        }
        assert_int_equal(h->members[2].machine.restores, 1);
        assert_int_equal(h->members[2].machine.count, 32);
        harness_free(h);
    }
}

/* Nobody writes meanwhile. The store finds the damage when all has come, or as it comes. */
static void test_a_damaged_image_is_made_anew_though_nothing_new_is_written(void **state)
{
    (void)state;
    for (int early = 0; early < 2; early++) {
        struct harness *h = with_straggler(4, 10);
        const uint64_t taken = harness_status(h, 0).snapshot.taken;

        if (early != 0) {
            h->members[2].snapshots.damage = 1;
        } else {
            h->members[0].snapshots.images[0]->bytes[60] ^= 1;
        }
        run_until_applied(h, 2, harness_status(h, 0).raft.applied);
        assert_int_equal(h->members[2].machine.restores, 1);
        assert_int_equal(harness_status(h, 2).snapshot.failures, 1);
        assert_int_equal(harness_status(h, 2).snapshot.last_error, DENGINE_E_CORRUPT);
        assert_int_equal(harness_status(h, 0).snapshot.last_error, DENGINE_E_CORRUPT);
        assert_int_equal(harness_status(h, 0).snapshot.taken, taken + 1);
        assert_int_equal(h->members[2].halts, 0);
        harness_free(h);
    }
}

static void test_an_image_that_cannot_be_read_is_made_anew(void **state)
{
    struct harness *h = with_straggler(4, 10);
    const uint64_t taken = harness_status(h, 0).snapshot.taken;

    (void)state;
    h->members[0].snapshots.error = DENGINE_E_IO;
    h->members[0].snapshots.error_in = 1; /* the first call opens it */
    for (int n = 0; n < 100 && harness_status(h, 0).snapshot.taken == taken; n++) {
        harness_fire(h, 0);
        harness_settle(h);
        h->members[0].snapshots.error =
            harness_status(h, 0).snapshot.failures == 0 ? DENGINE_E_IO : 0;
    }
    assert_int_equal(harness_status(h, 0).snapshot.taken, taken + 1);
    harness_free(h);
}

/* The steps of an installation at member 2, stopped after so many tasks and writes. */
static void install_and_crash(int steps, bool lose)
{
    struct harness *h = with_straggler(5, 10);
    const size_t applied_before = h->members[2].machine.count;
    int taken = 0;

    for (int n = 0; n < 500 && taken < steps; n++) {
        harness_drain(h, 0);
        harness_drain(h, 1);
        if (h->message_count > 0) {
            harness_deliver(h, 0);
            continue;
        }
        if (harness_run_task(h, 2, DE_WORKER_SNAPSHOTS) ||
            (harness_run_persist(h, 2) && harness_report_persist(h, 2, 0)) ||
            harness_run_task(h, 2, DE_WORKER_APPLIER) || harness_run_apply(h, 2) ||
            harness_report_apply(h, 2)) {
            taken++;
            continue;
        }
        harness_fire(h, 0);
    }
    harness_crash(h, 2);
    assert_true(h->members[2].machine.count == applied_before ||
                h->members[2].machine.count == 12); /* the old or the new */
    assert_false(h->members[2].machine.restoring);
    if (lose) {
        harness_lose_state(h, 2);
    }
    harness_drop_all(h);
    assert_int_equal(harness_start(h, 2, NULL, 0), 0);
    run_until_applied(h, 2, 13);
    assert_int_equal(h->members[2].machine.count, 12);
    assert_int_equal(h->members[2].halts, 0);
    harness_free(h);
}

static void test_a_crash_at_any_step_leaves_what_boot_goes_on_from(void **state)
{
    (void)state;
    for (int steps = 0; steps < 30; steps++) {
        install_and_crash(steps, false);
        install_and_crash(steps, true);
    }
}

/* The three states that a crash can leave, by hand. */
static void test_boot_finishes_an_installation(void **state)
{
    (void)state;
    for (int done = 0; done < 3; done++) {
        struct harness *h = with_straggler(6, 10);
        struct harness_member *from = &h->members[0];
        struct harness_member *to = &h->members[2];
        struct dengine_snapshot_store source = harness_snapshot_store(&from->snapshots);
        struct dengine_snapshot_store target = harness_snapshot_store(&to->snapshots);
        struct dengine_snapshot_reader *reader;
        struct dengine_snapshot_receiver *receiver;
        struct dengine_snapshot_meta meta;
        uint8_t image[4096];
        uint64_t bytes;
        size_t size;

        harness_crash(h, 2);
        assert_int_equal(source.ops->open(source.object, 0, &reader, &meta, &bytes), 0);
        assert_int_equal(
            target.ops->receive(target.object, meta.index, meta.term, bytes, &receiver, &bytes), 0);
        assert_int_equal(
            source.ops->read_image(source.object, reader, 0, image, sizeof image, &size), 0);
        assert_int_equal(
            target.ops->receive_write(target.object, receiver, dengine_bytes(image, size)), 0);
        assert_int_equal(target.ops->receive_finish(target.object, receiver, &meta), 0);
        source.ops->close_reader(source.object, reader);
        if (done >= 1) {
            harness_log_reset(&to->log, meta.index, meta.term);
            to->log.hard_state.commit = meta.index;
        }
        if (done >= 2) {
            harness_lose_state(h, 2);
        }
        assert_int_equal(harness_start(h, 2, NULL, 0), 0);
        assert_int_equal(harness_status(h, 2).applied, 13);
        assert_int_equal(to->machine.count, 12);
        assert_int_equal(to->log.first_index, 14);
        assert_int_equal(harness_status(h, 2).raft.commit, 13);
        assert_int_equal(harness_status(h, 2).raft.configuration->count, 3);
        harness_free(h);
    }
}

static void test_a_gap_that_no_snapshot_covers_is_refused(void **state)
{
    struct harness *h = small(1, 1);
    char message[256] = "";

    (void)state;
    harness_elect(h, 0);
    write_some(h, 0, 5);
    (void)take(h, 0);
    harness_crash(h, 0);
    harness_snapshots_free(&h->members[0].snapshots);
    assert_int_equal(harness_start(h, 0, message, sizeof message), DENGINE_E_CORRUPT);
    assert_string_equal(message,
                        "the log begins after entry 6, and no snapshot covers what was before: "
                        "let a server with a new id take this node's place, or restore a backup");
    harness_free(h);
}

static void test_a_snapshot_of_another_cluster_is_refused(void **state)
{
    struct harness *h = small(1, 1);
    char message[256] = "";

    (void)state;
    harness_elect(h, 0);
    (void)take(h, 0);
    harness_crash(h, 0);
    h->raft.cluster_id++;
    assert_int_equal(harness_start(h, 0, message, sizeof message), DENGINE_E_FOREIGN);
    assert_string_equal(message, "the snapshot belongs to another cluster");
    harness_free(h);
}

/* Proposed by a leader that was cut off; the others went on and cut their log. What a snapshot
 * covers, nobody can say of a single entry. */
static void test_a_write_that_an_installation_replaces_ends_as_unknown(void **state)
{
    struct harness *h = small(3, 7);
    struct harness_request *w;

    (void)state;
    harness_elect(h, 0);
    write_some(h, 0, 2);
    w = harness_write(h, 0, 16);
    harness_flush(h, 0);
    harness_drain(h, 0);
    harness_drop_all(h);
    h->isolated = 1;
    h->now_ns += 1000 * HARNESS_MS;
    for (int n = 0; n < 100 && !harness_status(h, 1).raft.ready; n++) {
        harness_fire(h, 1);
        while (h->message_count > 0) {
            const struct de_raft_message *m = &h->messages[0]->message.raft;

            if (m->from == 1 || m->to == 1) {
                harness_drop(h, 0);
            } else {
                harness_deliver(h, 0);
            }
            harness_drain(h, 1);
            harness_drain(h, 2);
        }
    }
    assert_int_equal(w->outcomes, 0);
    for (int n = 0; n < 5; n++) {
        struct harness_request *more = harness_write(h, 1, 16);

        harness_flush(h, 1);
        while (more->outcomes == 0) {
            harness_drain(h, 1);
            harness_drain(h, 2);
            for (size_t k = 0; k < h->message_count;) {
                const struct de_raft_message *m = &h->messages[k]->message.raft;

                if (m->from == 1 || m->to == 1) {
                    harness_drop(h, k);
                } else {
                    harness_deliver(h, k);
                }
            }
        }
    }
    (void)take(h, 1);
    run_until_applied(h, 0, h->members[1].machine.index);
    assert_int_equal(h->members[0].machine.restores, 1);
    assert_int_equal(w->outcomes, 1);
    assert_int_equal(w->status, DENGINE_E_UNKNOWN);
    harness_free(h);
}

static void test_the_configuration_of_a_snapshot_takes_the_place_of_the_initial_one(void **state)
{
    static uint8_t payload[DE_CONFIG_BYTES_MAX];
    static struct de_membership four;
    struct harness *h = harness_new(5, 1); /* but one is started */

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        const struct de_member_addresses addresses = harness_addresses(i + 1);

        assert_true(
            de_membership_add(&four, i + 1, i == 0 ? DE_RAFT_VOTER : DE_RAFT_LEARNER, &addresses));
    }
    harness_append_command(h, 0, 1, 77);
    harness_append(h, 0, 1, DENGINE_ENTRY_CONFIG, payload,
                   de_config_encode(&four, payload, sizeof payload));
    harness_append_command(h, 0, 1, 78);
    h->limits.snapshot_log_bytes_min = UINT64_MAX;
    h->limits.snapshot_trailing_entries = 0;
    h->limits.cache_bytes_max = 0; /* so the entries are read back to be applied */
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    harness_elect(h, 0);
    harness_drain(h, 0);
    assert_int_equal(take(h, 0), 4);
    harness_crash(h, 0);
    for (int lost = 0; lost < 2; lost++) {
        if (lost == 1) {
            harness_lose_state(h, 0);
        }
        assert_int_equal(harness_start(h, 0, NULL, 0), 0);
        assert_int_equal(harness_status(h, 0).raft.configuration->count, 4);
        assert_string_equal(harness_status(h, 0).membership->addresses[3].peer,
                            harness_addresses(4).peer);
        harness_crash(h, 0);
    }
    harness_free(h);
}

static void test_failures_of_saving_are_reported_and_retried(void **state)
{
    static const int errors[] = {DENGINE_E_NO_SPACE, DENGINE_E_IO, DENGINE_E_NO_MEMORY};

    (void)state;
    for (size_t k = 0; k < DE_ARRAY_SIZE(errors); k++) {
        for (size_t after = 0; after < 5; after++) {
            struct harness *h = small(1, 1);
            struct harness_member *member = &h->members[0];
            struct harness_request *r;
            bool machine = after == 4;

            harness_elect(h, 0);
            write_some(h, 0, 3);
            member->snapshots.error = machine ? 0 : errors[k];
            member->snapshots.error_in = after;
            member->machine.save_error = machine ? errors[k] : 0;
            r = harness_snapshot(h, 0);
            harness_flush(h, 0);
            harness_drain(h, 0);
            assert_int_equal(r->outcomes, 1);
            assert_int_equal(r->status, errors[k]);
            assert_int_equal(member->halts, 0);
            assert_int_equal(member->machine.saves, 0);
            assert_int_equal(member->snapshots.opened, 0);
            assert_int_equal(harness_status(h, 0).snapshot.last_error, errors[k]);
            member->snapshots.error = 0;
            member->machine.save_error = 0;
            for (int n = 0; n < 50 && harness_status(h, 0).snapshot.taken == 0; n++) {
                h->now_ns += 20 * HARNESS_MS;
                harness_fire(h, 0);
                harness_drain(h, 0);
            }
            assert_int_equal(harness_status(h, 0).snapshot.taken, 1);
            harness_free(h);
        }
    }
}

static void test_a_restore_that_fails_for_good_halts(void **state)
{
    struct harness *h = with_straggler(8, 10);

    (void)state;
    h->members[2].machine.restore_error = DENGINE_E_NO_SPACE;
    for (int n = 0; n < 100 && harness_status(h, 2).snapshot.failures == 0; n++) {
        harness_fire(h, 0);
        harness_settle(h);
    }
    assert_int_equal(h->members[2].halts, 0); /* there may be room later */
    h->members[2].machine.restore_error = DENGINE_E_IO;
    for (int n = 0; n < 100 && h->members[2].halts == 0; n++) {
        harness_fire(h, 0);
        if (h->members[2].deadline_ns <= h->now_ns) {
            harness_fire(h, 2);
        }
        harness_settle(h);
    }
    assert_int_equal(h->members[2].halts, 1);
    assert_string_equal(h->members[2].halt_reason, "the snapshot could not be installed: the test "
                                                   "machine was told to fail");
    harness_free(h);
}

static void test_a_log_that_cannot_be_compacted_halts(void **state)
{
    struct harness *h = small(1, 1);

    (void)state;
    harness_elect(h, 0);
    write_some(h, 0, 3);
    h->members[0].log.compact_error = DENGINE_E_NO_SPACE;
    (void)take(h, 0);
    assert_int_equal(h->members[0].halts, 0);
    assert_int_equal(h->members[0].log.first_index, 1);
    h->members[0].log.compact_error = DENGINE_E_IO;
    for (int n = 0; n < 30 && h->members[0].halts == 0; n++) {
        h->now_ns += 20 * HARNESS_MS;
        harness_fire(h, 0);
        harness_drain(h, 0);
    }
    assert_int_equal(h->members[0].halts, 1);
    assert_string_equal(h->members[0].halt_reason,
                        "the log could not be compacted: the test log was told to fail");
    harness_free(h);
}

/* The straggler, or its feeder, gets no memory from its nth piece on, for a while. */
static bool catch_up_without(uint32_t poor, size_t n)
{
    struct harness *h = with_straggler(9, 10);
    struct de_test_heap *heap = &h->members[poor].heap;
    const size_t before = heap->resizes;
    bool reached;

    heap->resizes_max = heap->resizes + n;
    for (int k = 0; k < 40; k++) {
        harness_fire(h, 0);
        harness_settle(h);
        if (h->members[2].deadline_ns <= h->now_ns) {
            harness_fire(h, 2);
        }
    }
    reached = heap->resizes - before >= n;
    heap->resizes_max = SIZE_MAX;
    (void)harness_snapshot(h, poor);
    harness_flush(h, poor);
    harness_settle(h);
    harness_elect(h, 0);
    run_until_applied(h, 2, h->members[0].machine.index);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(h->members[i].halts, 0);
    }
    harness_free(h);
    return reached;
}

static void test_a_lack_of_memory_only_delays(void **state)
{
    (void)state;
    for (uint32_t poor = 0; poor < 3; poor += 2) {
        size_t n = 0;

        while (catch_up_without(poor, n)) {
            n++;
        }
        assert_true(n > (poor == 0 ? 0 : 10));
    }
}

/* Image bytes in messages to member 3 that are under way. */
static size_t bytes_under_way(const struct harness *h)
{
    size_t bytes = 0;

    for (size_t i = 0; i < h->message_count; i++) {
        const struct de_peer_message *message = &h->messages[i]->message;

        if (message->raft.type == DE_NODE_MSG_CHUNK && message->raft.to == 3) {
            bytes += message->chunk.data.size;
        }
    }
    return bytes;
}

/* All messages of member id that are under way come. */
static void deliver_from(struct harness *h, uint64_t id)
{
    for (size_t i = h->message_count; i-- > 0;) {
        if (h->messages[i]->message.raft.from == id) {
            harness_deliver(h, i);
        }
    }
}

/* While nobody says that chunks have come, a window of them is sent and no more; and a leader with
 * such a window full is heard as often as any. */
static void test_a_window_of_chunks_is_sent_and_heartbeats_beside_it(void **state)
{
    struct harness *h = with_straggler(11, 40);
    size_t heartbeats = 0;
    size_t most = 0;

    (void)state;
    transfer_some(h, 100);
    deliver_from(h, 3);
    for (int n = 0; n < 200; n++) {
        harness_drain(h, 0);
        if (bytes_under_way(h) > most) {
            most = bytes_under_way(h);
        }
        h->now_ns += HARNESS_MS;
        if (h->members[0].deadline_ns <= h->now_ns) {
            for (size_t i = h->message_count; i-- > 0;) {
                const struct de_raft_message *raft = &h->messages[i]->message.raft;

                if (raft->type == DE_RAFT_MSG_APPEND && raft->to == 2) {
                    heartbeats++;
                    harness_deliver(h, i); /* so that it goes on leading */
                }
            }
            deliver_from(h, 2);
            harness_fire(h, 0);
        }
    }
    assert_true(h->limits.snapshot_window_bytes == 150);
    assert_int_equal(most, 150);
    assert_true(heartbeats >= 200 * HARNESS_MS / h->raft.heartbeat_interval_ns - 2);
    assert_int_equal(harness_status(h, 0).raft.role, DE_RAFT_LEADER);
    harness_free(h);
}

static void test_a_bandwidth_limit_holds(void **state)
{
    struct harness *h = with_straggler(10, 40);
    uint64_t begin_ns;
    uint64_t bytes;

    (void)state;
    harness_crash(h, 0);
    h->limits.snapshot_bytes_per_second = 2000;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    h->members[1].deadline_ns = UINT64_MAX;
    harness_elect(h, 0);
    begin_ns = h->now_ns;
    bytes = harness_status(h, 0).snapshot.image_bytes;
    for (int n = 0; n < 5000 && h->members[2].machine.restores == 0; n++) {
        h->now_ns += HARNESS_MS;
        for (uint32_t i = 0; i < 3; i++) {
            if (h->members[i].deadline_ns <= h->now_ns) {
                harness_fire(h, i);
            }
        }
        harness_settle(h);
    }
    assert_int_equal(h->members[2].machine.restores, 1);
    assert_true(h->now_ns - begin_ns >= (bytes - 100) * 1000000000 / 2000);
    assert_true(h->now_ns - begin_ns <= bytes * 1000000000 / 2000 + 300 * HARNESS_MS);
    harness_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_snapshot_on_demand_covers_what_was_applied),
        cmocka_unit_test(test_a_snapshot_without_a_store_is_refused),
        cmocka_unit_test(test_snapshots_are_taken_by_the_size_of_the_log),
        cmocka_unit_test(test_a_restart_goes_on_from_snapshot_and_log),
        cmocka_unit_test(test_a_follower_behind_the_log_catches_up_by_snapshot),
        cmocka_unit_test(test_a_transfer_goes_on_where_it_was_broken_off),
        cmocka_unit_test(test_another_sender_goes_on_with_the_same_image),
        cmocka_unit_test(test_lost_doubled_and_late_chunks_do_no_harm),
        cmocka_unit_test(test_a_damaged_image_is_made_anew_though_nothing_new_is_written),
        cmocka_unit_test(test_an_image_that_cannot_be_read_is_made_anew),
        cmocka_unit_test(test_a_crash_at_any_step_leaves_what_boot_goes_on_from),
        cmocka_unit_test(test_boot_finishes_an_installation),
        cmocka_unit_test(test_a_gap_that_no_snapshot_covers_is_refused),
        cmocka_unit_test(test_a_snapshot_of_another_cluster_is_refused),
        cmocka_unit_test(test_a_write_that_an_installation_replaces_ends_as_unknown),
        cmocka_unit_test(test_the_configuration_of_a_snapshot_takes_the_place_of_the_initial_one),
        cmocka_unit_test(test_failures_of_saving_are_reported_and_retried),
        cmocka_unit_test(test_a_restore_that_fails_for_good_halts),
        cmocka_unit_test(test_a_log_that_cannot_be_compacted_halts),
        cmocka_unit_test(test_a_lack_of_memory_only_delays),
        cmocka_unit_test(test_a_window_of_chunks_is_sent_and_heartbeats_beside_it),
        cmocka_unit_test(test_a_bandwidth_limit_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
