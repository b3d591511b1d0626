/* A cluster of one in this process grows to three, loses its first member and goes on, through the
 * public interface. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <dengine/cluster.h>

#include "engine/engine_test_support.h"

#define NODES       3
#define PATIENCE_MS 20000

static uint16_t ports[NODES + 1];
static struct dengine *engines[NODES + 1]; /* by id, from 1 */

static void address_of(uint64_t id, char address[32])
{
    (void)snprintf(address, 32, "127.0.0.1:%u", ports[id - 1]);
}

static void set(struct dengine_config *config, const char *key, const char *value)
{
    assert_int_equal(dengine_config_set(config, key, value), 0);
}

/* What node id is given for its whole life. */
static struct dengine_config *config_of(uint64_t id)
{
    struct dengine_config *config = dengine_config_new();
    char text[32];

    assert_non_null(config);
    (void)snprintf(text, sizeof text, "%u", (unsigned)id);
    set(config, "cluster.node_id", text);
    (void)snprintf(text, sizeof text, "member_test.%u", (unsigned)id);
    set(config, "cluster.db_root_dir", text);
    address_of(id, text);
    set(config, "cluster.listen_address", text);
    set(config, "raft.election.election_timeout_min", "150");
    set(config, "raft.election.election_timeout_max", "300");
    set(config, "raft.replication.rpc_append_entries_clock_in_ms", "30");
    if (id > 1) {
        address_of(1, text);
        set(config, "cluster.join", text);
    }
    return config;
}

static void open_node(uint64_t id)
{
    struct dengine_config *config = config_of(id);

    engines[id] = de_test_open(config);
    dengine_config_free(config);
    assert_non_null(engines[id]);
}

static void close_node(uint64_t id)
{
    assert_int_equal(dengine_close(engines[id]), 0);
    engines[id] = NULL;
}

static struct dengine_client *leader_of(uint64_t asked)
{
    uint64_t leader = 0;

    assert_int_equal(dengine_wait_ready(engines[asked], PATIENCE_MS, &leader), 0);
    assert_true(leader >= 1 && leader <= NODES);
    assert_int_equal(dengine_wait_ready(engines[leader], PATIENCE_MS, NULL), 0);
    return dengine_client_of(engines[leader]);
}

/* Waits until the node knows that it was removed. */
static void await_removed(uint64_t id)
{
    struct dengine_status status = {0};

    for (int i = 0; i < 2000 && !status.removed; i++) {
        struct dengine_cluster_status members;

        (void)dengine_wait_members(engines[id], UINT64_MAX - 1, 10, &members);
        dengine_status(engines[id], &status);
    }
    assert_true(status.removed);
    assert_int_equal(dengine_wait_ready(engines[id], PATIENCE_MS, NULL), DENGINE_E_REMOVED);
}

/* What a remote client does by itself. */
static int promote(uint64_t id)
{
    int err = DENGINE_E_BUSY;

    for (int i = 0; i < 2000 && err == DENGINE_E_BUSY; i++) {
        const struct dengine_call_options options = {.timeout_ms = PATIENCE_MS};
        struct dengine_cluster_status members;

        err = dengine_member_promote(leader_of(1), id, &options);
        (void)dengine_wait_members(engines[1], UINT64_MAX - 1, 10, &members);
    }
    return err;
}

static void assert_kinds(const struct dengine_cluster_status *members, const char *kinds)
{
    static const char letters[] = {'?', 'v', 'l', 'r', 'x'};
    char seen[DENGINE_MEMBERS_MAX + 1] = "";

    for (uint32_t i = 0; i < members->member_count; i++) {
        seen[i] = letters[members->members[i].kind];
    }
    assert_string_equal(seen, kinds);
}

static void grow(void)
{
    const struct dengine_call_options options = {.timeout_ms = PATIENCE_MS};
    struct dengine_cluster_status members;
    char address[32];

    open_node(1);
    assert_int_equal(dengine_put(leader_of(1), DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    open_node(2);
    assert_int_equal(dengine_wait_members(engines[1], 0, PATIENCE_MS, &members), 0);
    assert_kinds(&members, "vl");
    address_of(2, address);
    assert_string_equal(members.members[1].peer_address, address);
    assert_int_equal(promote(2), 0);
    assert_int_equal(dengine_wait_members(engines[2], members.version, PATIENCE_MS, &members), 0);
    open_node(3);
    /* A learner has itself promoted: what it asks of the leader is tried again meanwhile. */
    assert_int_equal(dengine_wait_members(engines[3], 0, PATIENCE_MS, &members), 0);
    assert_int_equal(dengine_member_promote(dengine_client_of(engines[3]), 3, &options), 0);
    assert_int_equal(dengine_cluster_status(leader_of(1), NULL, &members), 0);
    assert_kinds(&members, "vvv");
}

static void check_refusals(void)
{
    const struct dengine_addresses nowhere = {"nowhere", NULL};
    const struct dengine_addresses somewhere = {"127.0.0.1:1", NULL};
    struct dengine_client *leader = leader_of(1);
    struct dengine_client *other;
    uint64_t id;

    assert_int_equal(dengine_member_add(leader, 4, &nowhere, false, NULL), DENGINE_E_INVALID);
    assert_non_null(strstr(dengine_last_error(leader), "host:port"));
    assert_int_equal(dengine_member_add(leader, 3, &somewhere, false, NULL), DENGINE_E_INVALID);
    assert_non_null(strstr(dengine_last_error(leader), "a member already"));
    assert_int_equal(dengine_member_promote(leader, 0, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_member_remove(leader, 9, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_member_replace(leader, 1, 9, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_member_set_voters(leader, NULL, 0, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_transfer_leadership(leader, 9, NULL), DENGINE_E_INVALID);
    /* Who does not lead asks who does. */
    id = dengine_leader(engines[1]) == 2 ? 3 : 2;
    other = dengine_client_of(engines[id]);
    assert_int_equal(dengine_member_remove(other, 9, NULL), DENGINE_E_INVALID);
    assert_non_null(strstr(dengine_last_error(other), "not a member"));
    assert_int_equal(dengine_transfer_leadership(other, 9, NULL), DENGINE_E_INVALID);
    assert_non_null(strstr(dengine_last_error(other), "another voter"));
}

static int set_up(void **state)
{
    (void)state;
    de_test_free_ports(ports, NODES + 1);
    for (uint64_t id = 1; id <= NODES; id++) {
        char directory[32];

        (void)snprintf(directory, sizeof directory, "member_test.%u", (unsigned)id);
        de_test_remove_tree(directory);
    }
    grow();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (uint64_t id = 1; id <= NODES; id++) {
        if (engines[id] != NULL) {
            close_node(id);
        }
    }
    return 0;
}

static void test_refusals_say_why(void **state)
{
    (void)state;
    check_refusals();
}

static void test_leadership_goes_where_it_is_asked_to_go(void **state)
{
    (void)state;
    for (uint64_t target = 1; target <= NODES; target++) {
        if (dengine_leader(engines[1]) != target) {
            /* Asked of the target itself, which does not lead. */
            struct dengine_client *client = dengine_client_of(engines[target]);

            assert_int_equal(dengine_transfer_leadership(client, target, NULL), 0);
        }
        assert_int_equal(dengine_wait_ready(engines[target], PATIENCE_MS, NULL), 0);
        assert_true(dengine_is_leader(engines[target]));
    }
}

/* All restart with the configuration of their first day; the first one has gone for good. */
static void test_the_first_member_leaves_and_the_others_restart(void **state)
{
    const struct dengine_call_options options = {.timeout_ms = PATIENCE_MS};
    struct dengine_cluster_status members;
    struct dengine_value value;
    struct dengine_status status;

    (void)state;
    assert_int_equal(dengine_member_remove(leader_of(2), 1, &options), 0);
    assert_int_equal(dengine_wait_ready(engines[2], PATIENCE_MS, NULL), 0);
    await_removed(1);
    for (uint64_t id = 1; id <= NODES; id++) {
        close_node(id);
    }
    open_node(3);
    dengine_status(engines[3], &status);
    assert_int_equal(status.role, DENGINE_FOLLOWER);
    open_node(2);
    assert_int_equal(
        dengine_get(leader_of(3), DENGINE_STR("k"), DENGINE_LINEARIZABLE, &options, &value), 0);
    dengine_value_free(&value);
    assert_int_equal(dengine_cluster_status(leader_of(2), NULL, &members), 0);
    assert_kinds(&members, "vv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refusals_say_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leadership_goes_where_it_is_asked_to_go, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_first_member_leaves_and_the_others_restart, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
