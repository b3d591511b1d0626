/* Three engines in one process, over loopback gRPC: replication, fail-over, catching up, deadlines
 * without a quorum. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <dengine/lock.h>

#include "engine/engine_test_support.h"

#define NODES    3
#define READY_MS 30000

struct cluster {
    uint16_t ports[NODES];
    struct dengine *engines[NODES]; /* NULL: closed */
};

static void open_node(struct cluster *cluster, uint32_t node)
{
    char directory[32];
    struct dengine_config *config;

    (void)snprintf(directory, sizeof(directory), "cluster.node%u", (unsigned)node + 1);
    config = de_test_cluster_config(node + 1, cluster->ports, NODES, directory);
    cluster->engines[node] = de_test_open(config);
    dengine_config_free(config);
}

static void close_node(struct cluster *cluster, uint32_t node)
{
    struct dengine *engine = cluster->engines[node];

    cluster->engines[node] = NULL;
    assert_int_equal(dengine_close(engine), 0);
}

static void remove_data(void)
{
    de_test_remove_tree("cluster.node1");
    de_test_remove_tree("cluster.node2");
    de_test_remove_tree("cluster.node3");
    de_test_remove_tree("cluster.stranger");
}

static int setup(void **state)
{
    struct cluster *cluster = calloc(1, sizeof(*cluster));
    uint32_t i;

    assert_non_null(cluster);
    remove_data();
    de_test_free_ports(cluster->ports, NODES);
    for (i = 0; i < NODES; i++) {
        open_node(cluster, i);
    }
    *state = cluster;
    return 0;
}

static int teardown(void **state)
{
    struct cluster *cluster = *state;
    uint32_t i;

    for (i = 0; i < NODES; i++) {
        if (cluster->engines[i] != NULL) {
            close_node(cluster, i);
        }
    }
    free(cluster);
    remove_data();
    return 0;
}

/* Puts through whichever open node takes it, until one does. Asserts on anything that is not a
 * question of who leads. Returns the node that leads then. */
static uint32_t put_somewhere(struct cluster *cluster, const char *key, const char *value)
{
    struct dengine_call_options options = {2000};
    time_t give_up = time(NULL) + READY_MS / 1000;
    uint32_t node;

    for (node = 0; time(NULL) < give_up; node = (node + 1) % NODES) {
        int err;

        if (cluster->engines[node] == NULL) {
            continue;
        }
        err = dengine_put(dengine_client_of(cluster->engines[node]), DENGINE_STR(key),
                          DENGINE_STR(value), &options);
        if (err == 0) {
            const uint64_t leader = dengine_leader(cluster->engines[node]);

            if (leader != 0 && cluster->engines[leader - 1] != NULL) {
                return (uint32_t)leader - 1;
            }
            continue;
        }
        if (err != DENGINE_E_NOT_LEADER && err != DENGINE_E_TIMEOUT && err != DENGINE_E_UNKNOWN &&
            err != DENGINE_E_SUPERSEDED) {
            fail_msg("put: %s", dengine_strerror(err));
        }
        (void)sched_yield();
    }
    fail_msg("no node takes a put");
    return NODES;
}

static void check_get(struct dengine *engine, enum dengine_consistency consistency, const char *key,
                      const char *expected)
{
    struct dengine_value value;
    int err = dengine_get(dengine_client_of(engine), DENGINE_STR(key), consistency, NULL, &value);

    if (err != 0) {
        fail_msg("get %s: %s", key, dengine_strerror(err));
    }
    assert_int_equal(value.size, strlen(expected));
    assert_memory_equal(value.data, expected, value.size);
    dengine_value_free(&value);
}

/* Until the node has applied what the other had applied. */
static void wait_applied(struct dengine *engine, uint64_t index)
{
    struct dengine_status status;
    time_t give_up = time(NULL) + READY_MS / 1000;

    do {
        dengine_status(engine, &status);
        assert_false(status.halted);
        assert_true(time(NULL) < give_up);
        (void)sched_yield();
    } while (status.applied_index < index);
}

/* The index of the entry that put the key last, as that node reads it; a status may be a moment
 * older than what is acknowledged. */
static uint64_t index_of(struct dengine *engine, const char *key)
{
    struct dengine_value value;
    uint64_t index;

    assert_int_equal(dengine_get(dengine_client_of(engine), dengine_str(key), DENGINE_LINEARIZABLE,
                                 NULL, &value),
                     0);
    index = value.revision;
    dengine_value_free(&value);
    assert_true(index > 0);
    return index;
}

static void what_one_node_takes_all_nodes_have(void **state)
{
    struct cluster *cluster = *state;
    uint64_t leader = 0;
    uint64_t index;
    uint32_t i;

    for (i = 0; i < NODES; i++) {
        assert_int_equal(dengine_wait_ready(cluster->engines[i], READY_MS, &leader), 0);
        assert_in_range(leader, 1, NODES);
    }
    i = put_somewhere(cluster, "k", "v");
    check_get(cluster->engines[i], DENGINE_LINEARIZABLE, "k", "v");
    index = index_of(cluster->engines[i], "k");
    for (i = 0; i < NODES; i++) {
        wait_applied(cluster->engines[i], index);
        check_get(cluster->engines[i], DENGINE_EVENTUAL, "k", "v");
    }
}

static void another_node_leads_when_the_leader_is_closed(void **state)
{
    struct cluster *cluster = *state;
    uint32_t first = put_somewhere(cluster, "a", "1");
    uint32_t second;
    uint64_t term = dengine_term(cluster->engines[first]);

    close_node(cluster, first);
    second = put_somewhere(cluster, "b", "2");
    assert_int_not_equal(first, second);
    assert_true(dengine_term(cluster->engines[second]) > term);
    check_get(cluster->engines[second], DENGINE_LINEARIZABLE, "a", "1");

    open_node(cluster, first);
    assert_int_equal(dengine_wait_ready(cluster->engines[first], READY_MS, NULL), 0);
    wait_applied(cluster->engines[first], index_of(cluster->engines[second], "b"));
    check_get(cluster->engines[first], DENGINE_EVENTUAL, "b", "2");
}

static void a_follower_takes_writes_and_names_the_leader(void **state)
{
    struct cluster *cluster = *state;
    struct dengine_cluster_status status;
    struct dengine_client *client;
    uint32_t leader = put_somewhere(cluster, "k", "v");
    uint32_t follower = (leader + 1) % NODES;
    char name[32];

    assert_int_equal(dengine_wait_ready(cluster->engines[follower], READY_MS, NULL), 0);
    client = dengine_client_of(cluster->engines[follower]);
    assert_int_equal(dengine_put(client, DENGINE_STR("k"), DENGINE_STR("w"), NULL), 0);
    check_get(cluster->engines[follower], DENGINE_EVENTUAL, "k", "w"); /* it was answered here */
    check_get(cluster->engines[follower], DENGINE_LINEARIZABLE, "k", "w");
    check_get(cluster->engines[leader], DENGINE_LINEARIZABLE, "k", "w");
    (void)snprintf(name, sizeof(name), "127.0.0.1:%u", (unsigned)cluster->ports[leader]);
    assert_int_equal(dengine_cluster_status(client, NULL, &status), 0);
    assert_int_equal(status.member_count, NODES);
    assert_int_equal(status.leader, leader + 1);
    assert_string_equal(status.members[leader].address, name);
    assert_true(status.members[leader].leader);
}

static int64_t now_ms(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Without a quorum nothing is acknowledged, every call ends by its deadline, and says what is known
 * of its effect. */
static void without_a_quorum_calls_end_by_their_deadline(void **state)
{
    struct cluster *cluster = *state;
    struct dengine_call_options options = {300};
    uint32_t leader = put_somewhere(cluster, "k", "v");
    struct dengine_client *client = dengine_client_of(cluster->engines[leader]);
    struct dengine_value value;
    int64_t begin;
    int err;
    int i;

    for (i = 0; i < NODES; i++) {
        if ((uint32_t)i != leader) {
            close_node(cluster, (uint32_t)i);
        }
    }
    /* At first it still thinks that it leads, later it knows of no leader; both take their time. */
    for (i = 0; i < 8; i++) {
        begin = now_ms();
        err = dengine_put(client, DENGINE_STR("k"), DENGINE_STR("w"), &options);
        assert_true(err == DENGINE_E_UNKNOWN || err == DENGINE_E_TIMEOUT);
        assert_in_range(now_ms() - begin, 0, 5000);
        err = dengine_get(client, DENGINE_STR("k"), DENGINE_LINEARIZABLE, &options, &value);
        assert_int_equal(err, DENGINE_E_TIMEOUT);
    }
    assert_int_equal(err, DENGINE_E_TIMEOUT);
    assert_int_equal(dengine_put(client, DENGINE_STR("k"), DENGINE_STR("w"), &options),
                     DENGINE_E_TIMEOUT);
    /* What is here can be read all the same. */
    check_get(cluster->engines[leader], DENGINE_EVENTUAL, "k", "v");
}

/* Big enough that appends are cut and that the follower is beyond the leader's window. */
static void a_node_that_was_away_catches_up(void **state)
{
    struct cluster *cluster = *state;
    uint32_t leader = put_somewhere(cluster, "first", "1");
    uint32_t away = (leader + 1) % NODES;
    size_t size = 200 * 1024;
    char *big = malloc(size + 1);
    int i;

    assert_non_null(big);
    memset(big, 'x', size);
    big[size] = '\0';
    close_node(cluster, away);
    for (i = 0; i < 60; i++) {
        leader = put_somewhere(cluster, "big", big);
    }
    leader = put_somewhere(cluster, "last", "2");
    open_node(cluster, away);
    wait_applied(cluster->engines[away], index_of(cluster->engines[leader], "last"));
    check_get(cluster->engines[away], DENGINE_EVENTUAL, "last", "2");
    check_get(cluster->engines[away], DENGINE_EVENTUAL, "big", big);
    free(big);
}

/* A call that was under way when the engine was closed ends, once, and says what it knows. */
static void ended(void *context, struct dengine_reply *reply)
{
    int *status = context;

    dengine_value_free(&reply->value);
    __atomic_store_n(status, reply->status, __ATOMIC_RELEASE);
}

static void closing_ends_what_is_under_way(void **state)
{
    struct cluster *cluster = *state;
    uint32_t leader = put_somewhere(cluster, "k", "v");
    struct dengine_client *client = dengine_client_of(cluster->engines[leader]);
    int put_status = 1;
    int get_status = 1;

    close_node(cluster, (leader + 1) % NODES);
    close_node(cluster, (leader + 2) % NODES);
    assert_int_equal(
        dengine_put_async(client, DENGINE_STR("k"), DENGINE_STR("w"), NULL, ended, &put_status), 0);
    assert_int_equal(
        dengine_get_async(client, DENGINE_STR("k"), DENGINE_LINEARIZABLE, NULL, ended, &get_status),
        0);
    close_node(cluster, leader);
    put_status = __atomic_load_n(&put_status, __ATOMIC_ACQUIRE);
    assert_true(put_status == DENGINE_E_UNKNOWN || put_status == DENGINE_E_SHUTDOWN);
    assert_int_equal(__atomic_load_n(&get_status, __ATOMIC_ACQUIRE), DENGINE_E_SHUTDOWN);
}

/* It has the address and the id of a member, and another cluster's name. */
static void a_server_of_another_cluster_is_refused(void **state)
{
    struct cluster *cluster = *state;
    const uint32_t leader = put_somewhere(cluster, "k", "v");
    const uint32_t away = (leader + 1) % NODES;
    struct dengine_config *config =
        de_test_cluster_config(away + 1, cluster->ports, NODES, "cluster.stranger");
    struct dengine_status status;
    struct dengine *stranger;

    close_node(cluster, away);
    assert_int_equal(dengine_config_set(config, "cluster.name", "another"), 0);
    stranger = de_test_open(config);
    dengine_config_free(config);
    /* It hears nobody and elects nobody, for as long as several elections would take. */
    assert_int_equal(dengine_wait_ready(stranger, 3000, NULL), DENGINE_E_TIMEOUT);
    dengine_status(stranger, &status);
    assert_int_equal(status.term, 0);
    assert_int_equal(status.last_index, 0);
    (void)put_somewhere(cluster, "k", "v");
    assert_int_equal(dengine_close(stranger), 0);
    open_node(cluster, away);
    (void)put_somewhere(cluster, "k", "w");
    wait_applied(cluster->engines[away], index_of(cluster->engines[leader], "k"));
}

/* The revision that a call told, or its error; 0: it has not ended. Twice is too often. */
static void granted(void *context, struct dengine_reply *reply)
{
    int64_t *told = context;
    const int64_t what = reply->status == 0 ? (int64_t)reply->revision : reply->status;

    assert_int_equal(__atomic_exchange_n(told, what, __ATOMIC_RELEASE), 0);
}

static uint64_t count_keys(struct dengine *engine, const char *from, const char *end)
{
    const struct dengine_scan scan = {
        .from = dengine_str(from), .end = dengine_str(end), .count_only = true};
    struct dengine_page page;
    uint64_t total;

    assert_int_equal(dengine_scan(dengine_client_of(engine), &scan, NULL, &page), 0);
    total = page.total;
    dengine_page_free(&page);
    return total;
}

/* The holder goes with the leader; the lock is free when its lease has ended under the next. */
static void a_lock_that_is_waited_for_outlives_a_leader(void **state)
{
    const struct dengine_lock_options options = {.lease_ms = 3000};
    struct cluster *cluster = *state;
    const uint32_t leader = put_somewhere(cluster, "k", "v");
    struct dengine *other = cluster->engines[(leader + 1) % NODES];
    struct dengine_lock *holder;
    struct dengine_lock *waiter;
    int64_t told = 0;

    assert_int_equal(dengine_lock_open(dengine_client_of(cluster->engines[leader]),
                                       DENGINE_STR("l"), &options, &holder),
                     0);
    assert_int_equal(dengine_lock_open(dengine_client_of(other), DENGINE_STR("l"), NULL, &waiter),
                     0);
    assert_int_equal(dengine_lock_acquire(holder, READY_MS), 0);
    assert_int_equal(dengine_lock_acquire_async(waiter, READY_MS, granted, &told), 0);
    while (count_keys(other, "l/", "l0") < 2) {
        (void)sched_yield();
    }
    close_node(cluster, leader);
    assert_int_not_equal(dengine_lock_acquire(holder, 0), 0);
    (void)dengine_lock_close(holder);
    while (__atomic_load_n(&told, __ATOMIC_ACQUIRE) == 0) {
        (void)sched_yield();
    }
    assert_true(told > 0);
    assert_int_equal(told, dengine_lock_token(waiter));
    assert_int_equal(dengine_lock_close(waiter), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_one_node_takes_all_nodes_have),
        CASE(another_node_leads_when_the_leader_is_closed),
        CASE(a_follower_takes_writes_and_names_the_leader),
        CASE(without_a_quorum_calls_end_by_their_deadline),
        CASE(a_node_that_was_away_catches_up),
        CASE(closing_ends_what_is_under_way),
        CASE(a_server_of_another_cluster_is_refused),
        CASE(a_lock_that_is_waited_for_outlives_a_leader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
