/* Snapshots in production: taken as the log grows, gone on from after a restart, sent to a member
 * that was down while the log was compacted. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <dengine/snapshot.h>

#include "engine/engine_test_support.h"

#define NODES       3
#define READY_MS    30000
#define VALUE_BYTES 1000

static void set(struct dengine_config *config, const char *key, const char *value)
{
    if (dengine_config_set(config, key, value) != 0) {
        fail_msg("%s", dengine_config_message(config));
    }
}

static struct dengine *open_node(const uint16_t *ports, uint32_t count, uint32_t node,
                                 const char *bandwidth)
{
    char directory[32];
    struct dengine_config *config;
    struct dengine *engine;

    (void)snprintf(directory, sizeof(directory), "snapshot.node%u", (unsigned)node + 1);
    config = de_test_cluster_config(node + 1, ports, count, directory);
    /* The processor may be busy with other tests. */
    set(config, "raft.election.election_timeout_max", "3000");
    set(config, "raft.election.election_timeout_min", "1500");
    set(config, "raft.snapshot.log_bytes_before_snapshot", "65536");
    set(config, "raft.snapshot.retained_log_entries", "10");
    set(config, "raft.snapshot.chunk_size", "4096");
    set(config, "raft.snapshot.max_bandwidth_mbps", bandwidth);
    engine = de_test_open(config);
    dengine_config_free(config);
    return engine;
}

static void remove_data(void)
{
    de_test_remove_tree("snapshot.node1");
    de_test_remove_tree("snapshot.node2");
    de_test_remove_tree("snapshot.node3");
}

static void make_value(uint32_t number, char *value)
{
    memset(value, 'a' + (int)(number % 26), VALUE_BYTES);
    (void)snprintf(value, VALUE_BYTES, "%u", (unsigned)number);
}

static void put_numbers(struct dengine *engine, uint32_t first, uint32_t count)
{
    char value[VALUE_BYTES];
    char key[16];

    for (uint32_t i = first; i < first + count; i++) {
        int err;

        make_value(i, value);
        (void)snprintf(key, sizeof(key), "key %u", (unsigned)i);
        err = dengine_put(dengine_client_of(engine), DENGINE_STR(key),
                          DENGINE_BYTES(value, VALUE_BYTES), NULL);
        if (err != 0) {
            fail_msg("put %u: %s", (unsigned)i, dengine_strerror(err));
        }
    }
}

static void check_numbers(struct dengine *engine, uint32_t count)
{
    char expected[VALUE_BYTES];
    char key[16];

    for (uint32_t i = 0; i < count; i++) {
        struct dengine_value value;
        int err;

        make_value(i, expected);
        (void)snprintf(key, sizeof(key), "key %u", (unsigned)i);
        err = dengine_get(dengine_client_of(engine), DENGINE_STR(key), DENGINE_EVENTUAL, NULL,
                          &value);
        if (err != 0) {
            fail_msg("get %u: %s", (unsigned)i, dengine_strerror(err));
        }
        assert_int_equal(value.size, VALUE_BYTES);
        assert_memory_equal(value.data, expected, VALUE_BYTES);
        dengine_value_free(&value);
    }
}

/* Until `is` holds of the engine's status. */
static struct dengine_status
wait_status(struct dengine *engine,
            bool (*is)(const struct dengine_status *status, uint64_t number), uint64_t number)
{
    const time_t give_up = time(NULL) + READY_MS / 1000;
    struct dengine_status status;

    dengine_status(engine, &status);
    while (!is(&status, number)) {
        if (time(NULL) > give_up || status.halted) {
            fail_msg("waited in vain: applied %lu of %lu, snapshot %lu, halted: %s",
                     (unsigned long)status.applied_index, (unsigned long)status.commit_index,
                     (unsigned long)status.snapshot_index, status.halt_reason);
        }
        (void)sched_yield();
        dengine_status(engine, &status);
    }
    return status;
}

static bool has_applied(const struct dengine_status *status, uint64_t index)
{
    return status->applied_index >= index;
}

static bool has_sent(const struct dengine_status *status, uint64_t number)
{
    return status->snapshots_sent >= number;
}

static bool has_snapshot(const struct dengine_status *status, uint64_t index)
{
    return status->snapshot_index >= index;
}

static void a_node_goes_on_from_snapshot_and_log(void **state)
{
    struct dengine_status status;
    struct dengine *engine;
    uint16_t port;

    (void)state;
    remove_data();
    de_test_free_ports(&port, 1);
    engine = open_node(&port, 1, 0, "0");
    assert_int_equal(dengine_wait_ready(engine, READY_MS, NULL), 0);
    put_numbers(engine, 0, 300);
    status = wait_status(engine, has_snapshot, 100);
    assert_true(status.snapshots_taken >= 1);
    assert_true(status.snapshot_bytes > 50u * VALUE_BYTES);
    assert_int_equal(status.snapshot_failures, 0);
    assert_int_equal(dengine_close(engine), 0);
    for (int lost = 0; lost < 2; lost++) {
        if (lost == 1) {
            de_test_remove_tree("snapshot.node1/state");
        }
        engine = open_node(&port, 1, 0, "0");
        assert_int_equal(dengine_wait_ready(engine, READY_MS, NULL), 0);
        check_numbers(engine, 300);
        dengine_status(engine, &status);
        assert_true(status.snapshot_index >= 100);
        assert_int_equal(dengine_close(engine), 0);
    }
    remove_data();
}

static uint32_t leader_of(struct dengine **engines)
{
    uint64_t leader = 0;

    assert_int_equal(dengine_wait_ready(engines[0], READY_MS, &leader), 0);
    assert_true(leader >= 1 && leader <= NODES);
    assert_int_equal(dengine_wait_ready(engines[leader - 1], READY_MS, NULL), 0);
    return (uint32_t)leader - 1;
}

/* The transfer takes a second or more (at 4 megabits) and is broken off at its beginning; meanwhile
 * the leader leads on. */
static void a_member_that_was_down_catches_up_by_snapshot(void **state)
{
    struct dengine *engines[NODES];
    struct dengine_status before;
    struct dengine_status after;
    uint16_t ports[NODES];
    uint32_t count = 20;
    uint64_t lacks;
    uint32_t leader;
    uint32_t down;

    (void)state;
    remove_data();
    de_test_free_ports(ports, NODES);
    for (uint32_t i = 0; i < NODES; i++) {
        engines[i] = open_node(ports, NODES, i, "4");
    }
    leader = leader_of(engines);
    put_numbers(engines[leader], 0, count);
    down = (leader + 1) % NODES;
    assert_int_equal(dengine_close(engines[down]), 0);
    dengine_status(engines[leader], &before);
    lacks = before.last_index + 1;
    while (before.first_index <= lacks) { /* until the log begins after what it has */
        put_numbers(engines[leader], count, 100);
        count += 100;
        dengine_status(engines[leader], &before);
        assert_true(count < 20000);
    }

    engines[down] = open_node(ports, NODES, down, "4");
    assert_int_equal(dengine_close(engines[down]), 0);
    engines[down] = open_node(ports, NODES, down, "4");
    after = wait_status(engines[down], has_applied, before.applied_index);
    assert_true(after.snapshots_installed >= 1);
    assert_true(after.snapshot_index >= lacks);
    check_numbers(engines[down], count);
    dengine_status(engines[leader], &after);
    assert_int_equal(after.term, before.term); /* heartbeats were not held up */
    assert_int_equal(after.role, DENGINE_LEADER);
    (void)wait_status(engines[leader], has_sent, 1);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(dengine_close(engines[i]), 0);
    }
    remove_data();
}

static struct dengine_config *restored_config(const uint16_t *ports, uint32_t node)
{
    char directory[32];

    (void)snprintf(directory, sizeof(directory), "snapshot.node%u", (unsigned)node + 1);
    return de_test_cluster_config(node + 1, ports, NODES, directory);
}

/* With the same name and members it would have the same id as the cluster that is there. */
static void another_cluster_needs_another_name(struct dengine *engine, const char *path,
                                               const uint16_t *ports)
{
    struct dengine_config *config = restored_config(ports, 0);

    assert_int_equal(dengine_snapshot_save(engine, path, READY_MS, NULL), 0);
    set(config, "cluster.db_root_dir", "snapshot.another");
    de_test_remove_tree("snapshot.another");
    assert_int_equal(dengine_snapshot_restore(path, config), DENGINE_E_CONFIG);
    assert_non_null(strstr(dengine_open_message(), "another cluster.name"));
    set(config, "cluster.name", "another");
    assert_int_equal(dengine_snapshot_restore(path, config), 0);
    dengine_config_free(config);
    de_test_remove_tree("snapshot.another");
}

/* What is no file, or may not be replaced by one, is refused by name. */
static void check_names_of_no_file(struct dengine *engine)
{
    static const char *const names[] = {"", ".", "..", "/", "./", "/dev/null"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(dengine_snapshot_save(engine, names[i], READY_MS, NULL),
                         DENGINE_E_INVALID);
        assert_string_not_equal(dengine_open_message(), "");
        assert_int_equal(dengine_snapshot_check(names[i], NULL), DENGINE_E_INVALID);
        assert_string_not_equal(dengine_open_message(), "");
    }
    (void)unlink("snapshot.link");
    assert_int_equal(symlink("snapshot.backup", "snapshot.link"), 0);
    assert_int_equal(dengine_snapshot_check("snapshot.link", NULL), 0);
    assert_int_equal(unlink("snapshot.link"), 0);
}

static void a_backup_of_one_becomes_a_cluster_of_three(void **state)
{
    const char *const path = "snapshot.backup";
    struct dengine *engines[NODES];
    struct dengine_snapshot_info info;
    struct dengine_snapshot_info none;
    struct dengine_status status;
    uint16_t ports[NODES];
    struct dengine *engine;
    uint64_t index = 0;

    (void)state;
    remove_data();
    de_test_free_ports(ports, NODES);
    engine = open_node(ports, 1, 0, "0");
    assert_int_equal(dengine_wait_ready(engine, READY_MS, NULL), 0);
    put_numbers(engine, 0, 50);
    dengine_status(engine, &status);
    assert_int_equal(dengine_snapshot_take(engine, READY_MS, &index), 0);
    assert_true(index >= status.applied_index);
    assert_int_equal(dengine_snapshot_save(engine, path, READY_MS, &info), 0);
    assert_true(info.index >= index && info.cluster_id == status.cluster_id);
    assert_true(info.state_bytes > 50u * VALUE_BYTES && info.file_bytes > info.state_bytes);
    assert_int_equal(dengine_snapshot_save(engine, "snapshot.none/x", READY_MS, NULL),
                     DENGINE_E_NOT_FOUND);
    assert_int_equal(dengine_snapshot_check("snapshot.none", &none), DENGINE_E_NOT_FOUND);
    assert_non_null(strstr(dengine_open_message(), "snapshot.none"));
    assert_non_null(strstr(dengine_open_message(), "no such file"));
    check_names_of_no_file(engine);
    assert_int_equal(dengine_close(engine), 0);
    remove_data();
    for (uint32_t i = 0; i < NODES; i++) {
        struct dengine_config *config = restored_config(ports, i);

        if (dengine_snapshot_restore(path, config) != 0) {
            fail_msg("%s", dengine_open_message());
        }
        assert_int_equal(dengine_snapshot_restore(path, config), DENGINE_E_FOREIGN);
        engines[i] = de_test_open(config);
        dengine_config_free(config);
    }
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(dengine_wait_ready(engines[i], READY_MS, NULL), 0);
        check_numbers(engines[i], 50);
        dengine_status(engines[i], &status);
        assert_true(status.cluster_id != info.cluster_id);
        assert_true(status.applied_index > info.index);
    }
    put_numbers(engines[leader_of(engines)], 50, 10);
    another_cluster_needs_another_name(engines[0], path, ports);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(dengine_close(engines[i]), 0);
    }
    (void)remove(path);
    remove_data();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_goes_on_from_snapshot_and_log),
        cmocka_unit_test(a_member_that_was_down_catches_up_by_snapshot),
        cmocka_unit_test(a_backup_of_one_becomes_a_cluster_of_three),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
