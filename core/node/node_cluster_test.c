/* Several nodes: one outcome for each request, whatever is lost; peers that are far behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/node/config_codec.h"
#include "core/node/node_test_harness.h"

static struct harness *started(uint32_t count, uint64_t seed)
{
    struct harness *h = harness_new(count, seed);

    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(harness_start(h, i, NULL, 0), 0);
    }
    return h;
}

static void test_three_nodes_replicate_and_apply_everywhere(void **state)
{
    struct harness *h = started(3, 1);
    struct harness_request *w;
    struct harness_request *r;

    (void)state;
    harness_elect(h, 0);
    w = harness_write(h, 0, 16);
    harness_flush(h, 0);
    harness_settle(h);
    assert_int_equal(w->status, 0);
    r = harness_read(h, 0);
    harness_flush(h, 0);
    assert_int_equal(r->outcomes, 0); /* a quorum has to confirm (zoo 40) */
    harness_settle(h);
    assert_int_equal(r->status, 0);
    assert_int_equal(r->outcomes, 1);
    harness_fire(h, 0); /* the heartbeat carries the commit index */
    harness_settle(h);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(harness_applied_count(h, i, w->number), 1);
    }
    harness_free(h);
}

/* A follower whose log is full stays with its leader, and votes, but takes no commands. */
static void test_a_follower_without_room_takes_no_commands(void **state)
{
    struct harness *h = started(3, 4);
    struct harness_request *w;
    uint64_t last;

    (void)state;
    harness_elect(h, 0);
    harness_settle(h);
    last = harness_status(h, 1).raft.last_index;
    de_node_log_room(h->members[1].node, DENGINE_LOG_ROOM_NONE, h->now_ns);
    for (int i = 0; i < 5; i++) {
        w = harness_write(h, 0, 16);
        harness_flush(h, 0);
        harness_settle(h);
        assert_int_equal(w->status, 0); /* the other two are a quorum */
        harness_fire(h, 0);
        harness_settle(h);
    }
    assert_int_equal(harness_status(h, 1).raft.last_index, last);
    assert_int_equal(harness_status(h, 1).raft.leader, 1);
    assert_int_equal(h->members[1].halts, 0);
    de_node_log_room(h->members[1].node, DENGINE_LOG_ROOM_LOW, h->now_ns);
    for (int i = 0; i < 5; i++) {
        harness_fire(h, 0);
        harness_settle(h);
    }
    assert_int_equal(harness_status(h, 1).raft.last_index, harness_status(h, 0).raft.last_index);
    assert_int_equal(harness_applied_count(h, 1, w->number), 1);
    harness_free(h);
}

/* All disks fill up at much the same time. A new leader can be elected and reads be served. */
static void test_a_cluster_without_room_elects_and_reads(void **state)
{
    struct harness *h = started(3, 5);
    struct harness_request *w;
    struct harness_request *r;

    (void)state;
    harness_elect(h, 0);
    harness_settle(h);
    for (uint32_t i = 0; i < 3; i++) {
        de_node_log_room(h->members[i].node, DENGINE_LOG_ROOM_NONE, h->now_ns);
    }
    harness_crash(h, 0);
    harness_elect(h, 2);
    w = harness_write(h, 2, 16);
    r = harness_read(h, 2);
    harness_flush(h, 2);
    harness_settle(h);
    assert_int_equal(w->status, DENGINE_E_NO_SPACE);
    assert_int_equal(r->status, 0);
    assert_int_equal(r->outcomes, 1);
    harness_free(h);
}

static void test_a_follower_names_the_error(void **state)
{
    struct harness *h = harness_new(3, 2);
    struct harness_request *w;
    struct harness_request *r;

    (void)state;
    h->no_forwarding = true;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(harness_start(h, i, NULL, 0), 0);
    }
    harness_elect(h, 0);
    w = harness_write(h, 1, 16);
    r = harness_read(h, 1);
    harness_flush(h, 1);
    assert_int_equal(w->status, DENGINE_E_NOT_LEADER);
    assert_int_equal(r->status, DENGINE_E_NOT_LEADER);
    assert_int_equal(harness_status(h, 1).raft.leader, 1);
    harness_free(h);
}

/* Leads node 0 to a write that only it has, then lets node 1 take over without it. */
static struct harness_request *depose(struct harness *h, struct harness_request **read)
{
    struct harness_request *w;

    harness_elect(h, 0);
    w = harness_write(h, 0, 16);
    *read = harness_read(h, 0);
    harness_flush(h, 0);
    harness_drain(h, 0);
    harness_drop_all(h);
    return w;
}

/* Delivers what concerns only nodes a and b; drops the rest. */
static void settle_pair(struct harness *h, uint64_t a, uint64_t b)
{
    for (size_t steps = 0; steps < 1000; steps++) {
        harness_drain(h, (uint32_t)a - 1);
        harness_drain(h, (uint32_t)b - 1);
        if (h->message_count == 0) {
            return;
        }
        {
            const struct de_raft_message *m = &h->messages[0]->message.raft;

            if ((m->from == a || m->from == b) && (m->to == a || m->to == b)) {
                harness_deliver(h, 0);
            } else {
                harness_drop(h, 0);
            }
        }
    }
    fail();
}

/* Time passes for member i and its partner until i leads and is ready. */
static void elect_without_first(struct harness *h, uint32_t i, uint32_t partner)
{
    h->now_ns += 1000 * HARNESS_MS;
    for (int n = 0; n < 200; n++) {
        const struct de_node_status status = harness_status(h, i);

        if (status.raft.role == DE_RAFT_LEADER && status.raft.ready) {
            return;
        }
        harness_fire(h, i);
        settle_pair(h, i + 1, partner + 1);
    }
    fail();
}

static void test_an_overwritten_write_is_superseded_once_that_is_committed(void **state)
{
    struct harness *h = started(3, 3);
    struct harness_request *read;
    struct harness_request *w = depose(h, &read);
    struct harness_request *other;

    (void)state;
    elect_without_first(h, 1, 2);
    assert_int_equal(w->outcomes, 0);
    other = harness_write(h, 1, 16);
    harness_flush(h, 1);
    harness_settle(h);
    harness_fire(h, 1);
    harness_settle(h);
    assert_int_equal(read->status, DENGINE_E_NO_LEADER);
    assert_int_equal(other->status, 0);
    assert_int_equal(w->outcomes, 1);
    assert_int_equal(w->status, DENGINE_E_SUPERSEDED);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(harness_applied_count(h, i, w->number), 0);
        assert_int_equal(harness_applied_count(h, i, other->number), 1);
    }
    harness_free(h);
}

static void test_a_write_of_a_deposed_leader_that_is_committed_is_answered(void **state)
{
    struct harness *h = started(3, 4);
    struct harness_request *w;

    (void)state;
    harness_elect(h, 0);
    w = harness_write(h, 0, 16);
    harness_flush(h, 0);
    settle_pair(h, 1, 2); /* 2 has it; the acknowledgement reaches 1 ... */
    assert_int_equal(w->status, 0);
    w = harness_write(h, 0, 16);
    harness_flush(h, 0);
    harness_drain(h, 0);
    for (size_t i = 0; i < h->message_count;) {
        if (h->messages[i]->message.raft.to == 2) {
            harness_deliver(h, i);
        } else {
            harness_drop(h, i);
        }
        harness_drain(h, 1);
        if (h->message_count > 0 && h->messages[0]->message.raft.from == 2) {
            break; /* ... but not this time */
        }
    }
    harness_drop_all(h);
    assert_int_equal(w->outcomes, 0);
    elect_without_first(h, 1, 2);
    harness_fire(h, 1);
    harness_settle(h);
    harness_fire(h, 1);
    harness_settle(h);
    assert_int_equal(harness_status(h, 0).raft.role, DE_RAFT_FOLLOWER);
    assert_int_equal(w->outcomes, 1);
    assert_int_equal(w->status, 0);
    assert_int_equal(harness_applied_count(h, 0, w->number), 1);
    harness_free(h);
}

/* Bounded: a deposed leader that hears of no decision gives up after one election time-out. */
static void test_a_deposed_leader_answers_unknown_in_bounded_time(void **state)
{
    struct harness *h = started(3, 5);
    struct harness_request *read;
    struct harness_request *w = depose(h, &read);
    struct de_peer_message message = {0};
    uint64_t lost_ns;

    (void)state;
    /* Only a higher term arrives, no log. */
    message.raft.type = DE_RAFT_MSG_APPEND_REPLY;
    message.raft.cluster_id = h->raft.cluster_id;
    message.raft.from = 2;
    message.raft.to = 1;
    message.raft.term = 50;
    de_node_receive(h->members[0].node, &message, h->now_ns);
    lost_ns = h->now_ns;
    harness_drain(h, 0);
    assert_int_equal(harness_status(h, 0).raft.role, DE_RAFT_FOLLOWER);
    assert_int_equal(read->status, DENGINE_E_NO_LEADER);
    assert_int_equal(w->outcomes, 0);
    for (int n = 0; n < 50 && w->outcomes == 0; n++) {
        assert_true(h->members[0].deadline_ns <= lost_ns + h->raft.election_timeout_max_ns);
        harness_fire(h, 0);
        harness_drain(h, 0);
        harness_drop_all(h);
    }
    assert_int_equal(w->outcomes, 1);
    assert_int_equal(w->status, DENGINE_E_UNKNOWN);
    harness_free(h);
}

/* The peer was away while the cache moved on: its entries come back from the log store. */
static void test_a_peer_behind_the_cache_is_fed_from_the_log(void **state)
{
    struct harness *h = harness_new(3, 6);
    struct harness_request *last = NULL;

    (void)state;
    h->raft.size_ring = 16; /* the core forgets sizes: cutting to size is left to the node */
    h->raft.append_bytes_max = 1500;
    h->limits.cache_bytes_max = 600;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(harness_start(h, i, NULL, 0), 0);
    }
    harness_elect(h, 0);
    harness_crash(h, 2);
    for (int i = 0; i < 100; i++) {
        last = harness_write(h, 0, 200);
        harness_flush(h, 0);
        harness_settle(h);
        assert_int_equal(last->status, 0);
    }
    /* One entry that is larger than any reading buffer so far. */
    (void)harness_write(h, 0, 200000);
    harness_flush(h, 0);
    harness_settle(h);
    for (int i = 0; i < 10; i++) {
        last = harness_write(h, 0, 200);
        harness_flush(h, 0);
        harness_settle(h);
    }
    assert_int_equal(harness_start(h, 2, NULL, 0), 0);
    for (int n = 0; n < 500 && harness_applied_count(h, 2, last->number) == 0; n++) {
        harness_fire(h, 0);
        harness_settle(h);
    }
    assert_int_equal(harness_applied_count(h, 2, last->number), 1);
    assert_int_equal(h->members[2].machine.count, h->members[0].machine.count);
    assert_true(h->append_bytes_largest <= h->raft.append_bytes_max);
    harness_free(h);
}

/* Node 0 leads with ten old entries beyond its cache, and has just begun to read them back. */
static struct harness *reading_back(uint64_t seed)
{
    struct harness *h = harness_new(2, seed);

    for (uint64_t i = 0; i < 10; i++) {
        harness_append_command(h, 0, 1, 1000 + i);
    }
    h->limits.cache_bytes_max = 100;
    h->members[1].log.hard_state.term = 1;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    assert_int_equal(harness_start(h, 1, NULL, 0), 0);
    for (int n = 0; n < 1000 && h->members[0].read_count == 0; n++) {
        if (h->message_count == 0) {
            harness_fire(h, 0);
        } else {
            harness_deliver(h, 0);
        }
        for (uint32_t i = 0; i < 2; i++) {
            while (harness_run_persist(h, i)) {
                (void)harness_report_persist(h, i, 0);
            }
        }
    }
    assert_int_equal(h->members[0].read_count, 1);
    return h;
}

/* A heartbeat or newer entries would be rejected if they came before what is read back. */
static void test_nothing_overtakes_an_append_that_waits_for_the_log(void **state)
{
    struct harness *h = reading_back(11);

    (void)state;
    harness_drop_all(h);
    harness_fire(h, 0);
    for (size_t i = 0; i < h->message_count; i++) {
        assert_int_not_equal(h->messages[i]->message.raft.type, DE_RAFT_MSG_APPEND);
    }
    assert_true(harness_run_read(h, 0));
    assert_true(h->message_count > 0);
    assert_int_equal(h->messages[0]->message.raft.type, DE_RAFT_MSG_APPEND);
    assert_true(h->messages[0]->message.raft.entry_count > 0);
    harness_free(h);
}

static void test_a_log_that_cannot_be_read_back_halts_the_leader(void **state)
{
    struct harness *h = harness_new(2, 7);

    (void)state;
    h->limits.cache_bytes_max = 300;
    h->members[1].log.hard_state.term = 1;
    for (uint64_t i = 0; i < 10; i++) {
        harness_append_command(h, 0, 1, 1000 + i);
    }
    h->limits.cache_bytes_max = 100;
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    assert_int_equal(harness_start(h, 1, NULL, 0), 0);
    h->members[0].log.read_error = DENGINE_E_IO;
    for (int n = 0; n < 300 && h->members[0].halts == 0; n++) {
        harness_fire(h, 0);
        harness_settle(h);
    }
    assert_int_equal(h->members[0].halt_err, DENGINE_E_IO);
    assert_string_equal(h->members[0].halt_reason,
                        "the log could not be read: the test log was told to fail");
    harness_free(h);
}

/* Rule R3 for what was read back: leadership may have ended since. */
static void test_entries_read_back_for_a_lost_term_are_not_sent(void **state)
{
    struct harness *h = reading_back(8);
    struct de_peer_message message = {0};
    size_t sent;

    (void)state;
    message.raft.type = DE_RAFT_MSG_APPEND_REPLY;
    message.raft.cluster_id = h->raft.cluster_id;
    message.raft.from = 2;
    message.raft.to = 1;
    message.raft.term = 50;
    de_node_receive(h->members[0].node, &message, h->now_ns);
    sent = h->appends_sent;
    assert_true(harness_run_read(h, 0));
    assert_int_equal(h->appends_sent, sent);
    assert_true(harness_status(h, 0).dropped_messages > 0);
    harness_free(h);
}

static struct de_peer_message append_from_2(struct harness *h, const struct dengine_entry *entries,
                                            uint32_t count)
{
    struct de_peer_message message = {0};

    message.raft.type = DE_RAFT_MSG_APPEND;
    message.raft.cluster_id = h->raft.cluster_id;
    message.raft.from = 2;
    message.raft.to = 1;
    message.raft.term = 9;
    message.raft.last_index = count;
    message.raft.last_term = count > 0 ? entries[count - 1].term : 0;
    message.raft.entry_count = count;
    message.entries = entries;
    return message;
}

/* Rule R7: bad input from the network is dropped and counted, and changes nothing. */
static void test_bad_appends_are_dropped(void **state)
{
    static const uint8_t batch[] = {2, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0,
                                    0, 0, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    const struct dengine_entry good = {9, DENGINE_ENTRY_COMMAND, {batch, sizeof batch}};
    struct harness *h = started(3, 9);
    struct dengine_entry entry = good;
    struct de_peer_message message;
    uint64_t dropped = 0;

    (void)state;
    for (int what = 0; what < 10; what++) {
        entry = good;
        message = append_from_2(h, &entry, 1);
        switch (what) {
        case 0:
            entry.data.size--; /* not a batch */
            break;
        case 1:
            entry.type = 77;
            break;
        case 2:
            entry.type = DENGINE_ENTRY_NOOP; /* with a payload */
            break;
        case 3:
            entry.type = DENGINE_ENTRY_CONFIG; /* that is none */
            break;
        case 4:
            message.raft.last_index = 2; /* one entry is missing */
            break;
        case 5:
            message.raft.last_term = 8;
            break;
        case 6:
            entry.term = 10; /* beyond the leader's term */
            message.raft.last_term = 10;
            break;
        case 7:
            entry.term = 0;
            break;
        case 8:
            message.raft.type = DE_RAFT_MSG_SNAPSHOT; /* with entries */
            break;
        default:
            message.raft.type = DE_RAFT_MSG_VOTE_REQUEST; /* with entries */
            break;
        }
        de_node_receive(h->members[0].node, &message, h->now_ns);
        assert_int_equal(harness_status(h, 0).dropped_messages, ++dropped);
        assert_int_equal(harness_status(h, 0).raft.last_index, 0);
    }
    entry = good;
    message = append_from_2(h, &entry, 1);
    de_node_receive(h->members[0].node, &message, h->now_ns);
    assert_int_equal(harness_status(h, 0).raft.last_index, 1);
    assert_int_equal(harness_status(h, 0).dropped_messages, dropped);
    harness_free(h);
}

static void test_a_configuration_from_the_leader_takes_effect(void **state)
{
    struct de_membership configuration = {0};
    struct harness *h = started(3, 10);
    uint8_t payload[DE_CONFIG_BYTES_MAX];
    struct dengine_entry entry = {9, DENGINE_ENTRY_CONFIG, {payload, 0}};
    struct de_peer_message message;

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(de_membership_add(&configuration, i + 1,
                                      i < 3 ? DE_RAFT_VOTER : DE_RAFT_LEARNER, NULL));
    }
    entry.data.size = de_config_encode(&configuration, payload, sizeof payload);
    message = append_from_2(h, &entry, 1);
    de_node_receive(h->members[0].node, &message, h->now_ns);
    assert_int_equal(harness_status(h, 0).raft.config_index, 1);
    assert_int_equal(harness_status(h, 0).raft.configuration->count, 4);
    assert_int_equal(h->members[0].status.raft.config_index, 1); /* and it was told */
    harness_drain(h, 0);
    harness_crash(h, 0);
    assert_int_equal(harness_start(h, 0, NULL, 0), 0);
    assert_int_equal(harness_status(h, 0).raft.config_index, 1);
    assert_int_equal(harness_status(h, 0).raft.configuration->count, 4);
    de_node_unreachable(h->members[0].node, 2, h->now_ns);
    harness_free(h);
}

/* ---- random runs ---- */

static void check_prefixes(const struct harness *h)
{
    for (uint32_t i = 1; i < h->count; i++) {
        const struct harness_machine *a = &h->members[0].machine;
        const struct harness_machine *b = &h->members[i].machine;
        const size_t count = a->count < b->count ? a->count : b->count;

        if (count > 0) {
            assert_memory_equal(a->commands, b->commands, count * sizeof a->commands[0]);
        }
    }
}

static bool not_done(int status)
{
    return dengine_outcome(status) == DENGINE_NOT_DONE || status == DENGINE_E_HALTED;
}

/* What was answered against what happened. */
static void check_outcomes(const struct harness *h, uint64_t seed)
{
    for (size_t k = 0; k < h->request_count; k++) {
        const struct harness_request *r = &h->requests[k];
        const bool write = r->command != NULL;

        if (r->outcomes != 1) {
            fail_msg("seed %lu: request %lu has %lu outcomes", (unsigned long)seed,
                     (unsigned long)r->number, (unsigned long)r->outcomes);
        }
        for (uint32_t i = 0; i < h->count; i++) {
            const size_t count = harness_applied_count(h, i, r->number);

            if (count > 1 || (write && r->status == 0 && count != 1) ||
                (write && not_done(r->status) && count != 0)) {
                fail_msg("seed %lu: request %lu was answered %d, applied %lu times at %u",
                         (unsigned long)seed, (unsigned long)r->number, r->status,
                         (unsigned long)count, i);
            }
        }
    }
}

static bool all_ended(const struct harness *h)
{
    size_t open = 0;

    for (size_t k = 0; k < h->request_count; k++) {
        open += h->requests[k].outcomes == 0 ? 1 : 0;
    }
    return open == 0;
}

static bool all_equal(const struct harness *h)
{
    for (uint32_t i = 0; i < h->count; i++) {
        if (h->members[i].node == NULL ||
            h->members[i].machine.index != h->members[0].machine.index) {
            return false;
        }
    }
    return true;
}

/* Two in three runs take snapshots, some of them all the time; then state machines may be lost. */
static void draw_snapshots(struct harness *h, uint64_t seed)
{
    if (seed % 3 == 0) {
        return;
    }
    h->power_cuts = seed % 2 == 0;
    h->limits.snapshot_log_bytes_min = 1 + de_random_below(&h->random, 3000);
    h->limits.snapshot_trailing_entries = de_random_below(&h->random, 20);
    h->limits.snapshot_chunk_bytes = 1 + (uint32_t)de_random_below(&h->random, 200);
    h->limits.snapshot_window_bytes =
        h->limits.snapshot_chunk_bytes * (1 + de_random_below(&h->random, 4));
}

/* How often a state machine was restored. */
static size_t run_seed(uint32_t count, uint64_t seed, size_t *statuses)
{
    struct harness *h = harness_new(count, seed);
    struct harness_request *last = NULL;
    size_t restores = 0;
    int steps;

    h->limits.batch_commands_max = 1 + (uint32_t)de_random_below(&h->random, 4);
    h->limits.persist_jobs_max = 1 + (uint32_t)de_random_below(&h->random, 3);
    h->limits.apply_entries_max = 1 + (uint32_t)de_random_below(&h->random, 4);
    h->limits.cache_bytes_max = de_random_below(&h->random, 3000);
    h->limits.pending_requests_max = 5 + (uint32_t)de_random_below(&h->random, 50);
    draw_snapshots(h, seed);
    h->no_forwarding = seed % 4 == 0;
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(harness_start(h, i, NULL, 0), 0);
    }
    for (steps = 0; steps < 1500; steps++) {
        harness_random_step(h, true);
        if (steps % 100 == 0) {
            check_prefixes(h);
        }
    }
    /* Heal: it must come to rest, with everything answered and all nodes alike. */
    for (steps = 0; steps < 40000; steps++) {
        harness_random_step(h, false);
        if (steps % 200 == 199) {
            harness_settle(h);
            for (uint32_t i = 0; i < count && (last == NULL || last->outcomes == 1); i++) {
                if (h->members[i].node != NULL && (last == NULL || last->status != 0) &&
                    harness_status(h, i).raft.ready) {
                    last = harness_write(h, i, 8);
                    harness_flush(h, i);
                    harness_settle(h);
                }
            }
        }
        if (last != NULL && last->outcomes == 1 && last->status == 0 && all_ended(h) &&
            all_equal(h)) {
            break;
        }
    }
    if (steps == 40000) {
        fail_msg("seed %lu: does not come to rest", (unsigned long)seed);
    }
    harness_settle(h); /* an applier that has answered may yet have to tell its node */
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(h->members[i].halts, 0);
        assert_int_equal(harness_status(h, i).pending_requests, 0);
        assert_int_equal(harness_status(h, i).pending_bytes, 0);
    }
    for (uint32_t i = 0; i < count; i++) {
        restores += h->members[i].machine.restores;
    }
    check_prefixes(h);
    check_outcomes(h, seed);
    for (size_t k = 0; k < h->request_count; k++) {
        statuses[-h->requests[k].status]++;
    }
    harness_free(h);
    return restores;
}

static void test_random_runs_end_each_request_once_and_truly(void **state)
{
    const char *only = getenv("DE_NODE_SEED");
    size_t statuses[64] = {0};
    size_t restores = 0;

    (void)state;
    if (only != NULL) {
        (void)run_seed(3, strtoull(only, NULL, 10), statuses);
        return;
    }
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        restores += run_seed(seed % 7 == 0 ? 1 : seed % 5 == 0 ? 5 : 3, seed, statuses);
    }
    print_message("%lu restores; answers: %lu done, %lu not leader, %lu no leader, %lu superseded, "
                  "%lu unknown, %lu busy\n",
                  (unsigned long)restores, (unsigned long)statuses[0],
                  (unsigned long)statuses[-DENGINE_E_NOT_LEADER],
                  (unsigned long)statuses[-DENGINE_E_NO_LEADER],
                  (unsigned long)statuses[-DENGINE_E_SUPERSEDED],
                  (unsigned long)statuses[-DENGINE_E_UNKNOWN],
                  (unsigned long)statuses[-DENGINE_E_BUSY]);
    /* The runs reach every kind of end. */
    assert_true(restores > 100);
    assert_true(statuses[0] > 0);
    assert_true(statuses[-DENGINE_E_NOT_LEADER] > 0);
    assert_true(statuses[-DENGINE_E_NO_LEADER] > 0);
    assert_true(statuses[-DENGINE_E_SUPERSEDED] > 0);
    assert_true(statuses[-DENGINE_E_UNKNOWN] > 0);
    assert_true(statuses[-DENGINE_E_BUSY] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_nodes_replicate_and_apply_everywhere),
        cmocka_unit_test(test_a_follower_without_room_takes_no_commands),
        cmocka_unit_test(test_a_cluster_without_room_elects_and_reads),
        cmocka_unit_test(test_a_follower_names_the_error),
        cmocka_unit_test(test_an_overwritten_write_is_superseded_once_that_is_committed),
        cmocka_unit_test(test_a_write_of_a_deposed_leader_that_is_committed_is_answered),
        cmocka_unit_test(test_a_deposed_leader_answers_unknown_in_bounded_time),
        cmocka_unit_test(test_a_peer_behind_the_cache_is_fed_from_the_log),
        cmocka_unit_test(test_a_log_that_cannot_be_read_back_halts_the_leader),
        cmocka_unit_test(test_nothing_overtakes_an_append_that_waits_for_the_log),
        cmocka_unit_test(test_entries_read_back_for_a_lost_term_are_not_sent),
        cmocka_unit_test(test_bad_appends_are_dropped),
        cmocka_unit_test(test_a_configuration_from_the_leader_takes_effect),
        cmocka_unit_test(test_random_runs_end_each_request_once_and_truly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
