/* Settings: where they come from, and what is said of wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/config.h"
#include "engine/plan.h"

static int setup(void **state)
{
    *state = dengine_config_new();
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    dengine_config_free(*state);
    return 0;
}

static void check_set(struct dengine_config *config, const char *key, const char *value)
{
    if (dengine_config_set(config, key, value) != 0) {
        fail_msg("%s", dengine_config_message(config));
    }
}

static void check_refused(int err, const struct dengine_config *config, const char *part)
{
    assert_int_equal(err, DENGINE_E_CONFIG);
    if (strstr(dengine_config_message(config), part) == NULL) {
        fail_msg("\"%s\" does not contain \"%s\"", dengine_config_message(config), part);
    }
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void every_initial_value_is_a_good_one(void **state)
{
    const struct de_config_key *keys = de_config_keys();
    uint32_t id;

    for (id = 0; id < DE_CONFIG_COUNT; id++) {
        char name[DE_CONFIG_NAME_BYTES];

        de_config_name(id, name);
        check_set(*state, name, keys[id].initial);
        assert_true(strlen(keys[id].help) > 0);
    }
}

static void an_unknown_key_names_the_nearest(void **state)
{
    struct dengine_config *config = *state;

    check_refused(dengine_config_set(config, "raft.election.electon_timeout_min", "500"), config,
                  "\"raft.election.election_timeout_min\"");
    check_refused(dengine_config_set(config, "raft.listen_address", "h:1"), config,
                  "\"cluster.listen_address\"");
    check_refused(dengine_config_set(config, "cluster.nodeid", "1"), config, "\"cluster.node_id\"");
    check_refused(dengine_config_set(config, "node_id", "1"), config, "\"cluster.node_id\"");
}

static void an_unknown_key_near_none_names_none(void **state)
{
    static const char *const keys[] = {"foo", "cluster.foo", "raft.election.x", "", ".", "cluster"};
    struct dengine_config *config = *state;
    size_t i;

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        check_refused(dengine_config_set(config, keys[i], "1"), config,
                      "--check-config prints all");
        assert_null(strstr(dengine_config_message(config), "did you mean"));
    }
}

static void a_number_out_of_range_says_the_range(void **state)
{
    struct dengine_config *config = *state;

    check_refused(dengine_config_set(config, "raft.election.election_timeout_min", "19"), config,
                  "from 20 to 600000 ms");
    check_refused(dengine_config_set(config, "cluster.node_id", "0"), config, "from 1 to");
    check_refused(dengine_config_set(config, "cluster.node_id", "-1"), config, "from 1 to");
    check_refused(dengine_config_set(config, "cluster.node_id", ""), config, "from 1 to");
    check_refused(dengine_config_set(config, "cluster.node_id", "1x"), config, "from 1 to");
    check_refused(dengine_config_set(config, "cluster.node_id", "99999999999999999999"), config,
                  "from 1 to");
    assert_string_equal(dengine_config_get(config, "cluster.node_id"), "1");
}

static void what_may_not_be_empty_is_refused(void **state)
{
    struct dengine_config *config = *state;

    check_refused(dengine_config_set(config, "monitoring.prometheus_address", ""), config,
                  "monitoring.prometheus_address is empty");
    check_set(config, "cluster.advertise_address", "");
}

static void persistence_has_two_strategies(void **state)
{
    struct dengine_config *config = *state;

    assert_int_equal(dengine_config_set(config, "raft.persistence.strategy", "MemFirst"), 0);
    assert_int_equal(dengine_config_set(config, "raft.persistence.flush_policy_interval_ms", "5"),
                     0);
    check_refused(dengine_config_set(config, "raft.persistence.flush_policy_bytes", "4095"), config,
                  "from 4096 to 67108864");
    check_refused(dengine_config_set(config, "raft.persistence.strategy", "Never"), config,
                  "must be one of DiskFirst|MemFirst");
}

static void a_file_sets_all_kinds_of_values(void **state)
{
    struct dengine_config *config = *state;
    struct de_plan plan;
    char message[256];

    write_file("good.toml", "# a node\n"
                            "[cluster]\n"
                            "node_id = 2\n"
                            "initial_cluster = [\n"
                            "  \"3=c:9083\",\n"
                            "  { id = 1, address = \"a:9081\", role = 1, status = 3 },\n"
                            "  { id = 2, address = \"b:9082\" },\n"
                            "]\n"
                            "db_root_dir = \"./data\"\n"
                            "[raft.election]\n"
                            "election_timeout_min = 1_000\n"
                            "election_timeout_max = 2_000\n"
                            "[raft.read_consistency]\n"
                            "default_policy = \"EventualConsistency\"\n"
                            "allow_client_override = false\n");
    if (dengine_config_load(config, "good.toml") != 0) {
        fail_msg("%s", dengine_config_message(config));
    }
    assert_int_equal(de_plan_make(config, &plan, message, sizeof(message)), 0);
    assert_int_equal(plan.node_id, 2);
    assert_int_equal(plan.member_count, 3);
    assert_string_equal(plan.members[0].address, "a:9081");
    assert_string_equal(plan.members[2].address, "c:9083");
    assert_string_equal(plan.listen_address, "b:9082");
    assert_string_equal(plan.advertise_address, "b:9082");
    assert_int_equal(plan.raft.election_timeout_min_ns, 1000000000);
    assert_int_equal(plan.default_consistency, DENGINE_EVENTUAL);
    assert_false(plan.allow_override);
    assert_false(plan.alone);
    assert_true((plan.cluster_id & DE_CLUSTER_OF_SEVERAL) != 0);
}

static void a_fault_in_a_file_has_its_place(void **state)
{
    struct dengine_config *config = *state;

    write_file("bad.toml", "[cluster]\nnode_id = 1\nlisten = \"h:1\"\n");
    check_refused(dengine_config_load(config, "bad.toml"), config, "bad.toml:3: there is no");
    write_file("bad.toml", "[cluster]\n\nnode_id = \n");
    check_refused(dengine_config_load(config, "bad.toml"), config, "bad.toml:3: ");
    write_file("bad.toml", "[raft.election]\nelection_timeout_min = 1.5\n");
    check_refused(dengine_config_load(config, "bad.toml"), config, "bad.toml:2: ");
    write_file("bad.toml", "[cluster]\ninitial_cluster = [ { id = 1, adress = \"h:1\" } ]\n");
    check_refused(dengine_config_load(config, "bad.toml"), config, "bad.toml:2: ");
}

static void a_missing_file_is_not_found(void **state)
{
    struct dengine_config *config = *state;

    assert_int_equal(dengine_config_load(config, "none.toml"), DENGINE_E_NOT_FOUND);
    assert_non_null(strstr(dengine_config_message(config), "none.toml"));
}

static void the_environment_sets_and_is_checked(void **state)
{
    struct dengine_config *config = *state;

    assert_int_equal(setenv("RAFT__ELECTION__ELECTION_TIMEOUT_MIN", "777", 1), 0);
    assert_int_equal(setenv("RAFT__CLUSTER__NODE_ID", "5", 1), 0);
    assert_int_equal(dengine_config_load_environment(config), 0);
    assert_string_equal(dengine_config_get(config, "raft.election.election_timeout_min"), "777");
    assert_string_equal(dengine_config_get(config, "cluster.node_id"), "5");
    assert_int_equal(setenv("RAFT__CLUSTER__NODE_IDS", "5", 1), 0);
    check_refused(dengine_config_load_environment(config), config, "RAFT__CLUSTER__NODE_ID?");
    assert_int_equal(unsetenv("RAFT__CLUSTER__NODE_IDS"), 0);
    assert_int_equal(setenv("RAFT__FOO", "5", 1), 0);
    check_refused(dengine_config_load_environment(config), config,
                  "RAFT__FOO is no setting, and RAFT__ stands before settings");
    assert_int_equal(unsetenv("RAFT__FOO"), 0);
    assert_int_equal(setenv("RAFT__CLUSTER__NODE_ID", "x", 1), 0);
    check_refused(dengine_config_load_environment(config), config, "RAFT__CLUSTER__NODE_ID: ");
    assert_int_equal(unsetenv("RAFT__CLUSTER__NODE_ID"), 0);
    assert_int_equal(unsetenv("RAFT__ELECTION__ELECTION_TIMEOUT_MIN"), 0);
}

/* ---- the whole ---- */

static void check_whole(struct dengine_config *config, const char *part)
{
    check_refused(dengine_config_check(config), config, part);
}

static void the_whole_is_checked(void **state)
{
    struct dengine_config *config = *state;

    check_whole(config, "cluster.db_root_dir is missing");
    check_set(config, "cluster.db_root_dir", "data");
    assert_int_equal(dengine_config_check(config), 0);
    check_set(config, "raft.election.election_timeout_max", "400");
    check_whole(config, "election_timeout_max must be at least");
    check_set(config, "raft.election.election_timeout_max", "1000");
    check_set(config, "raft.replication.rpc_append_entries_clock_in_ms", "250");
    check_whole(config, "less than half");
    check_set(config, "raft.replication.rpc_append_entries_clock_in_ms", "100");
    check_set(config, "storage.wal_segment_bytes", "16777217");
    check_whole(config, "multiple of 4096");
    check_set(config, "storage.wal_segment_bytes", "16777216");
    check_set(config, "limits.value_bytes_max", "16777216");
    check_whole(config, "wal_segment_bytes must be at least");
}

static void a_node_that_joins_needs_to_be_found(void **state)
{
    struct dengine_config *config = *state;
    char message[DE_CONFIG_MESSAGE_BYTES] = "";
    struct de_plan plan;

    check_set(config, "cluster.db_root_dir", "data");
    check_set(config, "cluster.join", "a:1,b:1");
    check_whole(config, "cluster.node_id is missing");
    check_set(config, "cluster.node_id", "4");
    check_whole(config, "cluster.listen_address is missing");
    check_set(config, "cluster.listen_address", "0.0.0.0:9081");
    check_whole(config, "cluster.advertise_address must be");
    check_set(config, "cluster.advertise_address", "d:0");
    check_whole(config, "cluster.advertise_address must be");
    check_set(config, "cluster.advertise_address", "d:9081");
    assert_int_equal(de_plan_make(config, &plan, message, sizeof(message)), 0);
    assert_false(plan.alone);
    assert_int_equal(plan.member_count, 0);
    assert_int_equal(plan.cluster_id, 0);
    check_set(config, "cluster.initial_cluster", "4=d:9081");
    check_whole(config, "both set");
}

static void the_members_are_checked(void **state)
{
    struct dengine_config *config = *state;

    check_set(config, "cluster.db_root_dir", "data");
    check_set(config, "cluster.initial_cluster", "1=a:1,2=b:2");
    check_whole(config, "cluster.node_id is missing");
    check_set(config, "cluster.node_id", "3");
    check_whole(config, "does not contain this node");
    check_set(config, "cluster.node_id", "1");
    assert_int_equal(dengine_config_check(config), 0);
    check_set(config, "cluster.initial_cluster", "1=[::1]:9081,2=[fe80::2%eth0]:9082");
    assert_int_equal(dengine_config_check(config), 0);
    assert_string_equal(dengine_config_get(config, "cluster.initial_cluster"),
                        "1=[::1]:9081,2=[fe80::2%eth0]:9082");
    check_set(config, "cluster.initial_cluster", " [ \"1=[::1]:9081\", \"2=[::2]:9082\" ] ");
    assert_string_equal(dengine_config_get(config, "cluster.initial_cluster"),
                        "1=[::1]:9081,2=[::2]:9082");
    check_set(config, "cluster.initial_cluster", "[]");
    assert_string_equal(dengine_config_get(config, "cluster.initial_cluster"), "");
    check_set(config, "cluster.join", "[::1]:9081");
    assert_string_equal(dengine_config_get(config, "cluster.join"), "[::1]:9081");
    check_set(config, "cluster.join", "");
    check_set(config, "cluster.initial_cluster", "1=a:1,1=b:2");
    check_whole(config, "node 1 twice");
    check_set(config, "cluster.initial_cluster", "1=a:1,2=a:1");
    check_whole(config, "same address a:1");
    check_set(config, "cluster.initial_cluster", "1=a:1,2=a");
    check_whole(config, "\"2=a\" is not of the form");
    check_set(config, "cluster.initial_cluster", "1=a:1,2=b:2,3=c:3,4=d:4,5=e:5,6=f:6,7=g:7,8=h:8");
    check_whole(config, "more than 7");
}

/* Members that were given the same, in whatever order, agree; others do not. */
static void the_cluster_id_comes_from_name_and_members(void **state)
{
    struct dengine_config *config = *state;
    struct de_plan a;
    struct de_plan b;
    char message[256];

    check_set(config, "cluster.db_root_dir", "data");
    check_set(config, "cluster.node_id", "1");
    check_set(config, "cluster.initial_cluster", "1=a:1,2=b:2");
    assert_int_equal(de_plan_make(config, &a, message, sizeof(message)), 0);
    check_set(config, "cluster.initial_cluster", "2=b:2,1=a:1");
    check_set(config, "cluster.node_id", "2");
    assert_int_equal(de_plan_make(config, &b, message, sizeof(message)), 0);
    assert_true(a.cluster_id == b.cluster_id);
    check_set(config, "cluster.name", "other");
    assert_int_equal(de_plan_make(config, &b, message, sizeof(message)), 0);
    assert_true(a.cluster_id != b.cluster_id);
}

struct lines {
    FILE *file;
    const char *section;
};

static void write_line(void *context, const char *section, const char *key, const char *value)
{
    struct lines *lines = context;

    if (lines->section == NULL || strcmp(lines->section, section) != 0) {
        (void)fprintf(lines->file, "[%s]\n", section);
        lines->section = section;
    }
    (void)fprintf(lines->file, "%s = %s\n", key, value);
}

static void what_visit_shows_can_be_read_back(void **state)
{
    struct dengine_config *config = *state;
    struct dengine_config *copy = dengine_config_new();
    struct lines lines = {NULL, NULL};
    uint32_t id;

    assert_non_null(copy);
    check_set(config, "cluster.name", "a \\ \"b");
    check_set(config, "cluster.initial_cluster", "1=a:1,2=b:2");
    lines.file = fopen("visit.toml", "w");
    assert_non_null(lines.file);
    dengine_config_visit(config, write_line, &lines);
    assert_int_equal(fclose(lines.file), 0);
    if (dengine_config_load(copy, "visit.toml") != 0) {
        fail_msg("%s", dengine_config_message(copy));
    }
    for (id = 0; id < DE_CONFIG_COUNT; id++) {
        assert_string_equal(de_config_text(copy, (enum de_config_id)id),
                            de_config_text(config, (enum de_config_id)id));
    }
    dengine_config_free(copy);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_initial_value_is_a_good_one),
        CASE(an_unknown_key_names_the_nearest),
        CASE(an_unknown_key_near_none_names_none),
        CASE(a_number_out_of_range_says_the_range),
        CASE(what_may_not_be_empty_is_refused),
        CASE(persistence_has_two_strategies),
        CASE(a_file_sets_all_kinds_of_values),
        CASE(a_fault_in_a_file_has_its_place),
        CASE(a_missing_file_is_not_found),
        CASE(the_environment_sets_and_is_checked),
        CASE(the_whole_is_checked),
        CASE(the_members_are_checked),
        CASE(a_node_that_joins_needs_to_be_found),
        CASE(the_cluster_id_comes_from_name_and_members),
        CASE(what_visit_shows_can_be_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
