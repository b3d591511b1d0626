#include "runtime/sim/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ARRIVALS_MAX 20000

struct arrival {
    uint64_t time_ns;
    uint32_t from;
    uint32_t to;
    uint32_t number;
};

struct bench {
    struct de_kernel kernel;
    struct de_network network;
    struct arrival arrivals[ARRIVALS_MAX];
    size_t count;
};

static void arrive(void *context, uint32_t from, uint32_t to, struct dengine_slice bytes)
{
    struct bench *bench = context;
    struct arrival arrival = {bench->kernel.now_ns, from, to, 0};

    memcpy(&arrival.number, bytes.data, sizeof(arrival.number));
    assert_true(bench->count < ARRIVALS_MAX);
    bench->arrivals[bench->count++] = arrival;
}

static void start(struct bench *bench, bool stream)
{
    struct de_network_options options = {0};

    options.stream = stream;
    options.latency_ns = DE_NS_PER_MS;
    options.tail_ns = 100 * DE_NS_PER_MS;
    options.replay_ns = DE_NS_PER_S;
    options.in_flight_max = 1000;
    options.once_from = 16;
    de_kernel_init(&bench->kernel, 11);
    de_network_init(&bench->network, &bench->kernel, 1, &options, arrive, bench);
    bench->count = 0;
}

static int setup(void **state)
{
    static struct bench bench;

    start(&bench, false);
    *state = &bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    de_kernel_deinit(&bench->kernel);
    return 0;
}

static bool send_one(struct bench *bench, uint32_t from, uint32_t to, uint32_t number)
{
    uint8_t *bytes;
    struct de_packet *packet = de_packet_new(sizeof(number), &bytes);

    memcpy(bytes, &number, sizeof(number));
    return de_network_send(&bench->network, from, to, packet);
}

static void run_for(struct bench *bench, uint64_t time_ns)
{
    uint64_t until_ns = bench->kernel.now_ns + time_ns;

    while (de_kernel_run_one(&bench->kernel, until_ns)) {
    }
    de_kernel_advance(&bench->kernel, until_ns);
}

static void send_many(struct bench *bench, uint32_t from, uint32_t to, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)send_one(bench, from, to, i);
        run_for(bench, DE_NS_PER_MS / 4);
    }
    run_for(bench, 10 * DE_NS_PER_S);
}

static void test_everything_arrives_once_in_a_healthy_network(void **state)
{
    struct bench *bench = *state;

    send_many(bench, 1, 2, 1000);
    assert_int_equal(bench->count, 1000);
}

static bool ordered(const struct bench *bench)
{
    for (size_t i = 1; i < bench->count; i++) {
        if (bench->arrivals[i].number < bench->arrivals[i - 1].number) {
            return false;
        }
    }
    return true;
}

static void test_datagrams_overtake_and_streams_do_not(void **state)
{
    struct bench *bench = *state;

    send_many(bench, 1, 2, 1000);
    assert_false(ordered(bench));
    de_kernel_deinit(&bench->kernel);
    start(bench, true);
    send_many(bench, 1, 2, 1000);
    assert_true(ordered(bench));
}

static void test_a_cut_link_is_cut_one_way(void **state)
{
    struct bench *bench = *state;

    de_network_block(&bench->network, 1, 2);
    assert_false(send_one(bench, 1, 2, 1));
    assert_true(send_one(bench, 2, 1, 2));
    run_for(bench, DE_NS_PER_S);
    assert_int_equal(bench->count, 1);
    assert_int_equal(bench->arrivals[0].from, 2);
    de_network_unblock(&bench->network, 1, 2);
    assert_true(send_one(bench, 1, 2, 3));
    run_for(bench, DE_NS_PER_S);
    assert_int_equal(bench->count, 2);
}

static void test_two_cuts_need_two_repairs(void **state)
{
    struct bench *bench = *state;

    de_network_block(&bench->network, 1, 2);
    de_network_block(&bench->network, 1, 2);
    de_network_unblock(&bench->network, 1, 2);
    assert_false(send_one(bench, 1, 2, 1));
    de_network_unblock(&bench->network, 1, 2);
    assert_true(send_one(bench, 1, 2, 1));
}

static void test_what_is_under_way_when_the_link_is_cut_is_lost(void **state)
{
    struct bench *bench = *state;

    (void)send_one(bench, 1, 2, 1);
    de_network_block(&bench->network, 1, 2);
    run_for(bench, DE_NS_PER_S);
    assert_int_equal(bench->count, 0);
}

static void test_loss_and_duplication_have_their_rates(void **state)
{
    struct bench *bench = *state;
    struct de_network_trouble loss = {.loss_ppm = 200000};
    struct de_network_trouble twice = {.duplicate_ppm = 300000};

    de_network_add_trouble(&bench->network, &loss, 1);
    send_many(bench, 1, 2, 2000);
    assert_in_range(bench->count, 1500, 1700);
    de_network_add_trouble(&bench->network, &loss, -1);
    de_network_add_trouble(&bench->network, &twice, 1);
    bench->count = 0;
    send_many(bench, 1, 2, 2000);
    assert_in_range(bench->count, 2500, 2700);
}

static void test_a_replay_comes_much_later(void **state)
{
    struct bench *bench = *state;
    struct de_network_trouble replay = {.replay_ppm = 900000};

    de_network_add_trouble(&bench->network, &replay, 1);
    for (uint32_t i = 0; i < 100; i++) {
        (void)send_one(bench, 1, 2, i);
    }
    run_for(bench, 200 * DE_NS_PER_MS);
    assert_in_range(bench->count, 100, 140);
    run_for(bench, DE_NS_PER_S);
    assert_in_range(bench->count, 170, 200);
}

static void test_nothing_comes_twice_on_a_connection_of_a_client(void **state)
{
    struct bench *bench = *state;
    struct de_network_trouble both = {.duplicate_ppm = 900000, .replay_ppm = 900000};

    de_network_add_trouble(&bench->network, &both, 1);
    send_many(bench, 17, 2, 200);
    send_many(bench, 2, 17, 200);
    assert_int_equal(bench->count, 400);
}

static void test_a_clog_holds_back_and_releases_at_once(void **state)
{
    struct bench *bench = *state;

    de_network_clog(&bench->network, 1, 2, DE_NS_PER_S);
    for (uint32_t i = 0; i < 10; i++) {
        (void)send_one(bench, 1, 2, i);
    }
    run_for(bench, DE_NS_PER_S - 1);
    assert_int_equal(bench->count, 0);
    run_for(bench, 1);
    assert_int_equal(bench->count, 10);
}

static void test_a_clogged_stream_keeps_its_order(void **state)
{
    struct bench *bench = *state;

    de_kernel_deinit(&bench->kernel);
    start(bench, true);
    de_network_clog(&bench->network, 1, 2, 100 * DE_NS_PER_MS);
    send_many(bench, 1, 2, 500);
    assert_int_equal(bench->count, 500);
    assert_true(ordered(bench));
}

static void test_a_full_link_loses_what_exceeds_it(void **state)
{
    struct bench *bench = *state;

    for (uint32_t i = 0; i < 1500; i++) {
        (void)send_one(bench, 1, 2, i);
    }
    run_for(bench, DE_NS_PER_S);
    assert_int_equal(bench->count, 1000);
    assert_int_equal(bench->network.stats.overflowed, 500);
}

static void test_traffic_on_one_link_changes_nothing_on_another(void **state)
{
    struct bench *bench = *state;
    struct de_network_trouble loss = {.loss_ppm = 300000, .tail_ppm = 100000};
    uint64_t times[300];
    size_t count;
    size_t same = 0;

    de_network_add_trouble(&bench->network, &loss, 1);
    for (uint32_t i = 0; i < 300; i++) {
        (void)send_one(bench, 1, 2, i);
    }
    run_for(bench, DE_NS_PER_S);
    count = bench->count;
    for (size_t i = 0; i < count; i++) {
        times[i] = bench->arrivals[i].time_ns;
    }
    de_kernel_deinit(&bench->kernel);
    start(bench, false);
    de_network_add_trouble(&bench->network, &loss, 1);
    for (uint32_t i = 0; i < 300; i++) {
        (void)send_one(bench, 3, 2, i);
        (void)send_one(bench, 1, 2, i);
        (void)send_one(bench, 2, 1, i);
    }
    run_for(bench, DE_NS_PER_S);
    for (size_t i = 0; i < bench->count; i++) {
        if (bench->arrivals[i].from == 1 && bench->arrivals[i].to == 2) {
            assert_true(same < count);
            assert_int_equal(bench->arrivals[i].time_ns, times[same]);
            same++;
        }
    }
    assert_int_equal(same, count);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_everything_arrives_once_in_a_healthy_network),
        TEST(test_datagrams_overtake_and_streams_do_not),
        TEST(test_a_cut_link_is_cut_one_way),
        TEST(test_two_cuts_need_two_repairs),
        TEST(test_what_is_under_way_when_the_link_is_cut_is_lost),
        TEST(test_loss_and_duplication_have_their_rates),
        TEST(test_a_replay_comes_much_later),
        TEST(test_nothing_comes_twice_on_a_connection_of_a_client),
        TEST(test_a_clog_holds_back_and_releases_at_once),
        TEST(test_a_clogged_stream_keeps_its_order),
        TEST(test_a_full_link_loses_what_exceeds_it),
        TEST(test_traffic_on_one_link_changes_nothing_on_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
