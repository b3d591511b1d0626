/* One simulated machine with the real node, log and state machine: what survives which crash. */
#include "runtime/sim/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runtime/sim/rpc.h"
#include "runtime/sim/world.h"
#include "sim-tests/tool/stores.h"

#define CLIENT 16u
#define PACKET 17u

struct bench {
    struct de_kernel kernel;
    struct de_network network;
    struct de_oracle oracle;
    struct de_verdict verdict;
    struct de_sim_stores stores;
    struct de_host_shared shared;
    struct de_host hosts[2];
    struct de_rpc_reply reply; /* the last; its value is copied */
    char value[16];
    unsigned replies;
};

static void deliver(void *context, uint32_t from, uint32_t to, struct dengine_slice bytes)
{
    struct bench *bench = context;

    if (to != CLIENT) {
        de_host_receive(&bench->hosts[1], from, from == CLIENT, bytes);
        return;
    }
    assert_true(de_rpc_reply_decode(bytes, &bench->reply));
    assert_true(bench->reply.value.size < sizeof(bench->value));
    memset(bench->value, 0, sizeof(bench->value));
    memcpy(bench->value, bench->reply.value.data, bench->reply.value.size);
    bench->replies++;
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct de_network_options options = {.latency_ns = 1000, .in_flight_max = 100};
    struct de_member_addresses self;
    struct de_cluster cluster;

    de_verdict_init(&bench->verdict);
    de_kernel_init(&bench->kernel, 5);
    de_network_init(&bench->network, &bench->kernel, PACKET, &options, deliver, bench);
    de_oracle_init(&bench->oracle, &bench->verdict, 1);
    de_cluster_draw(&cluster, de_scenario_find("register"), 5);
    bench->stores = de_tool_stores();
    bench->shared.kernel = &bench->kernel;
    bench->shared.network = &bench->network;
    bench->shared.oracle = &bench->oracle;
    bench->shared.verdict = &bench->verdict;
    bench->shared.stores = &bench->stores;
    bench->shared.raft = cluster.raft;
    bench->shared.limits = cluster.limits;
    bench->shared.segment_bytes = 65536;
    bench->shared.disk_latency_ns = 100 * DE_NS_PER_US;
    bench->shared.cpu_latency_ns = 5 * DE_NS_PER_US;
    self = de_host_addresses(1);
    assert_true(de_membership_add(&bench->shared.initial_membership, 1, DE_RAFT_VOTER, &self));
    de_host_register(&bench->kernel, bench->hosts);
    de_host_init(&bench->hosts[1], &bench->shared, 1);
    de_host_start(&bench->hosts[1]);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    struct de_host_crash how = {false, DE_DISK_CUT_ALL};

    de_host_crash(&bench->hosts[1], &how);
    de_host_deinit(&bench->hosts[1]);
    de_kernel_deinit(&bench->kernel);
    de_oracle_deinit(&bench->oracle);
    free(bench);
    return 0;
}

static void run_for(struct bench *bench, uint64_t time_ns)
{
    uint64_t until_ns = bench->kernel.now_ns + time_ns;

    while (de_kernel_run_one(&bench->kernel, until_ns)) {
    }
    de_kernel_advance(&bench->kernel, until_ns);
    assert_string_equal(bench->verdict.sentence, "");
}

static void send_put(struct bench *bench, const char *value)
{
    const struct de_kv_command command = de_kv_put(dengine_str("k"), dengine_str(value));
    uint8_t bytes[64];
    struct de_rpc_request request = {DE_REQUEST_WRITE, 1, 0, {bytes, 0}};

    request.body.size = de_kv_command_encode(&command, bytes, sizeof(bytes));
    (void)de_network_send(&bench->network, CLIENT, 1, de_rpc_request_encode(&request));
}

static void put(struct bench *bench, const char *value)
{
    unsigned before = bench->replies;

    send_put(bench, value);
    run_for(bench, DE_NS_PER_S);
    assert_int_equal(bench->replies, before + 1);
    assert_int_equal(bench->reply.status, 0);
}

static const char *get(struct bench *bench)
{
    struct de_rpc_request request = {DE_REQUEST_READ, 2, 0, dengine_str("k")};
    unsigned before = bench->replies;

    (void)de_network_send(&bench->network, CLIENT, 1, de_rpc_request_encode(&request));
    run_for(bench, DE_NS_PER_S);
    assert_int_equal(bench->replies, before + 1);
    assert_int_equal(bench->reply.status, 0);
    return bench->value;
}

static void crash_and_restart(struct bench *bench, bool power_cut, enum de_disk_cut cut)
{
    struct de_host_crash how = {power_cut, cut};

    de_host_crash(&bench->hosts[1], &how);
    assert_false(bench->hosts[1].running);
    de_host_start(&bench->hosts[1]);
    run_for(bench, 5 * DE_NS_PER_S);
}

static void test_a_write_is_read_back(void **state)
{
    struct bench *bench = *state;

    run_for(bench, 5 * DE_NS_PER_S);
    put(bench, "1");
    assert_string_equal(get(bench), "1");
}

static void test_a_process_crash_keeps_what_the_state_machine_committed(void **state)
{
    struct bench *bench = *state;
    struct de_host_crash how = {false, DE_DISK_CUT_ALL};

    run_for(bench, 5 * DE_NS_PER_S);
    put(bench, "1");
    de_host_crash(&bench->hosts[1], &how);
    assert_true(bench->hosts[1].kv_exists);
    de_host_start(&bench->hosts[1]);
    assert_true(bench->oracle.nodes[1].applied >= 2); /* before anything was applied again */
    run_for(bench, 5 * DE_NS_PER_S);
    assert_string_equal(get(bench), "1");
}

static void test_a_power_cut_empties_the_state_machine_and_the_log_fills_it(void **state)
{
    struct bench *bench = *state;
    struct de_host_crash how = {true, DE_DISK_CUT_ALL};

    run_for(bench, 5 * DE_NS_PER_S);
    put(bench, "1");
    de_host_crash(&bench->hosts[1], &how);
    assert_false(bench->hosts[1].kv_exists);
    de_host_start(&bench->hosts[1]);
    assert_int_equal(bench->oracle.nodes[1].applied, 0);
    run_for(bench, 5 * DE_NS_PER_S);
    assert_string_equal(get(bench), "1");
}

static void test_acknowledged_writes_survive_every_kind_of_crash(void **state)
{
    struct bench *bench = *state;
    char value[2] = "a";

    run_for(bench, 5 * DE_NS_PER_S);
    for (unsigned i = 0; i < 2 * DE_DISK_CUT_KINDS; i++, value[0]++) {
        put(bench, value);
        crash_and_restart(bench, i % 2 == 0, (enum de_disk_cut)(i / 2));
        assert_string_equal(get(bench), value);
    }
}

static void test_a_trap_in_a_write_leaves_all_or_nothing(void **state)
{
    struct bench *bench = *state;
    unsigned kept = 0;

    run_for(bench, 5 * DE_NS_PER_S);
    for (unsigned i = 0; i < 30; i++) {
        uint64_t before;

        put(bench, "old");
        before = bench->oracle.nodes[1].durable.last;
        bench->hosts[1].trap = DE_TRAP_IN_WRITE;
        bench->hosts[1].trap_crash.power_cut = true;
        bench->hosts[1].trap_crash.cut = (enum de_disk_cut)(i % DE_DISK_CUT_KINDS);
        send_put(bench, "new");
        run_for(bench, DE_NS_PER_S);
        assert_false(bench->hosts[1].running);
        de_host_start(&bench->hosts[1]); /* the durability oracle looks here */
        kept += bench->oracle.nodes[1].durable.last > before ? 1 : 0;
        run_for(bench, 5 * DE_NS_PER_S);
    }
    assert_in_range(kept, 3, 27);
}

static void test_a_crash_after_the_write_keeps_it_unacknowledged(void **state)
{
    struct bench *bench = *state;
    unsigned before;

    run_for(bench, 5 * DE_NS_PER_S);
    put(bench, "old");
    before = bench->replies;
    bench->hosts[1].trap = DE_TRAP_AFTER_WRITE;
    bench->hosts[1].trap_crash.power_cut = true;
    send_put(bench, "new");
    run_for(bench, DE_NS_PER_S);
    assert_false(bench->hosts[1].running);
    assert_int_equal(bench->replies, before);
    de_host_start(&bench->hosts[1]);
    run_for(bench, 5 * DE_NS_PER_S);
    assert_string_equal(get(bench), "new");
}

/* The reserve takes what is under way; then writes are refused and reads served; then both go. */
static void test_a_full_disk_refuses_writes_until_there_is_room(void **state)
{
    struct bench *bench = *state;
    struct de_host *host = &bench->hosts[1];
    unsigned written = 0;
    char value[16];

    run_for(bench, 5 * DE_NS_PER_S);
    /* Enough for the state, which needs little, but not for another segment. */
    de_disk_fill(&host->disk, 3 * DE_DISK_PAGE_BYTES);
    do {
        (void)snprintf(value, sizeof(value), "%u", written);
        send_put(bench, value);
        run_for(bench, 100 * DE_NS_PER_MS);
        written += bench->reply.status == 0;
    } while (bench->reply.status == 0);
    assert_int_equal(bench->reply.status, DENGINE_E_NO_SPACE);
    assert_true(written > 20);
    (void)snprintf(value, sizeof(value), "%u", written - 1);
    assert_string_equal(get(bench), value);
    /* A restart finds all that was acknowledged, and room for its own term. */
    de_host_crash(host, &(struct de_host_crash){true, DE_DISK_CUT_ALL});
    de_host_start(host);
    run_for(bench, 5 * DE_NS_PER_S);
    assert_string_equal(get(bench), value);
    de_disk_mend(&host->disk);
    run_for(bench, DE_NS_PER_S);
    put(bench, "room");
    assert_string_equal(get(bench), "room");
}

/* More than the reserve: a write that finds no room waits, unacknowledged, and is not lost. */
static void test_a_write_without_room_waits(void **state)
{
    struct bench *bench = *state;
    struct de_host *host = &bench->hosts[1];
    struct dengine_log_write write = {.set_hard_state = true};
    struct dengine_log_state log;
    unsigned before;
    int err;

    run_for(bench, 5 * DE_NS_PER_S);
    de_disk_fill(&host->disk, 0);
    host->log.ops->state(host->log.object, &log);
    write.hard_state = log.hard_state;
    do { /* without the writer, which would notice */
        err = host->log.ops->write(host->log.object, &write, 1);
    } while (err == 0);
    assert_int_equal(err, DENGINE_E_NO_SPACE);
    before = bench->replies;
    send_put(bench, "late");
    run_for(bench, 5 * DE_NS_PER_S);
    assert_int_equal(bench->replies, before);
    assert_true(host->writer_blocked || host->writer_busy);
    de_disk_mend(&host->disk);
    run_for(bench, 5 * DE_NS_PER_S);
    assert_int_equal(bench->replies, before + 1);
    assert_int_equal(bench->reply.status, 0);
    assert_string_equal(get(bench), "late");
}

static void test_a_paused_host_goes_on_later(void **state)
{
    struct bench *bench = *state;

    run_for(bench, 5 * DE_NS_PER_S);
    de_host_pause(&bench->hosts[1], bench->kernel.now_ns + 10 * DE_NS_PER_S);
    send_put(bench, "1");
    run_for(bench, 9 * DE_NS_PER_S);
    assert_int_equal(bench->replies, 0);
    run_for(bench, 5 * DE_NS_PER_S);
    assert_int_equal(bench->replies, 1);
}

static void test_an_orderly_stop_answers_everything(void **state)
{
    struct bench *bench = *state;

    run_for(bench, 5 * DE_NS_PER_S);
    send_put(bench, "1");
    run_for(bench, 20 * DE_NS_PER_US);
    de_host_stop(&bench->hosts[1]);
    while (!de_host_stopped(&bench->hosts[1])) {
        assert_true(de_kernel_run_one(&bench->kernel, UINT64_MAX));
    }
    de_host_finish(&bench->hosts[1]);
    assert_string_equal(bench->verdict.sentence, "");
}

static void test_a_request_without_an_end_is_seen(void **state)
{
    struct bench *bench = *state;

    run_for(bench, 5 * DE_NS_PER_S);
    send_put(bench, "1");
    while (bench->hosts[1].requests == NULL) {
        assert_true(de_kernel_run_one(&bench->kernel, UINT64_MAX));
    }
    de_host_requests_clear(&bench->hosts[1], true);
    assert_string_equal(bench->verdict.oracle, "one-outcome");
}

static void test_a_cluster_that_elects_nobody_in_time_is_seen(void **state)
{
    struct bench *bench = *state;
    struct de_run_options options = {0};
    struct de_run_result result;
    struct de_plan plan;

    de_plan_draw(&plan, de_scenario_find("elect"), 1);
    plan.warm_ns = DE_NS_PER_MS;
    options.plan = &plan;
    options.stores = &bench->stores;
    de_run(&options, &result);
    de_plan_deinit(&plan);
    assert_int_equal(result.verdict.status, DE_VERDICT_LIVENESS);
    assert_string_equal(result.verdict.oracle, "warm-up");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_write_is_read_back),
        TEST(test_a_process_crash_keeps_what_the_state_machine_committed),
        TEST(test_a_power_cut_empties_the_state_machine_and_the_log_fills_it),
        TEST(test_acknowledged_writes_survive_every_kind_of_crash),
        TEST(test_a_trap_in_a_write_leaves_all_or_nothing),
        TEST(test_a_crash_after_the_write_keeps_it_unacknowledged),
        TEST(test_a_full_disk_refuses_writes_until_there_is_room),
        TEST(test_a_write_without_room_waits),
        TEST(test_a_paused_host_goes_on_later),
        TEST(test_an_orderly_stop_answers_everything),
        TEST(test_a_request_without_an_end_is_seen),
        TEST(test_a_cluster_that_elects_nobody_in_time_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
