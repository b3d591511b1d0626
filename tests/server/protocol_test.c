/* The public protocol as d-engine's clients speak it, byte for byte, against dengine-server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>

#include "engine/engine_test_support.h"
#include "tests/cluster/cluster.h"
#include "tests/processes/process.h"
#include "tests/server/one_server.h"
#include "tests/server/raw_call.h"

#define TIMEOUT_MS 20000
#define DIRECTORY  "protocol_test.data"

static struct de_process *server;
static char endpoint[64]; /* of it */
static struct de_raw_channel raw;

/* A cluster of one; the first write waits until it leads. */
static int start_one(void **state)
{
    (void)state;
    server = de_one_server_start(DIRECTORY, endpoint);
    de_raw_open(&raw, endpoint, false);
    return de_raw_put(&raw, "ready", DENGINE_STR("yes"));
}

static int stop_one(void **state)
{
    (void)state;
    de_raw_close(&raw);
    de_one_server_stop(server, DIRECTORY);
    return 0;
}

static void free_reply(DEngine__Client__ClientResponse *reply)
{
    d_engine__client__client_response__free_unpacked(reply, NULL);
}

static void assert_result(const DEngine__Client__ClientResult *result, const char *key,
                          const char *value)
{
    assert_int_equal(result->key.len, strlen(key));
    assert_memory_equal(result->key.data, key, strlen(key));
    assert_int_equal(result->value.len, strlen(value));
    if (value[0] != '\0') {
        assert_memory_equal(result->value.data, value, strlen(value));
    }
}

static void test_several_keys_missing_ones_left_out(void **state)
{
    static const char *const keys[] = {"b", "missing", "empty", "a", "b"};
    DEngine__Client__ClientResponse *reply;

    (void)state;
    assert_int_equal(de_raw_put(&raw, "a", DENGINE_STR("1")), 0);
    assert_int_equal(de_raw_put(&raw, "b", DENGINE_STR("2")), 0);
    assert_int_equal(de_raw_put(&raw, "empty", DENGINE_STR("")), 0);
    assert_int_equal(de_raw_read(&raw, keys, 5, -1, &reply), GRPC_STATUS_OK);
    assert_int_equal(reply->error, 0);
    assert_int_equal(reply->success_result_case,
                     D_ENGINE__CLIENT__CLIENT_RESPONSE__SUCCESS_RESULT_READ_DATA);
    assert_int_equal(reply->read_data->n_results, 4);
    assert_result(reply->read_data->results[0], "b", "2");
    assert_result(reply->read_data->results[1], "empty", "");
    assert_result(reply->read_data->results[2], "a", "1");
    assert_result(reply->read_data->results[3], "b", "2");
    free_reply(reply);
}

static void test_nothing_found_is_read_data_all_the_same(void **state)
{
    static const char *const keys[] = {"missing"};
    DEngine__Client__ClientResponse *reply;
    int policy;

    (void)state;
    for (policy = -1; policy <= 2; policy++) {
        assert_int_equal(de_raw_read(&raw, keys, 1, policy, &reply), GRPC_STATUS_OK);
        assert_int_equal(reply->error, 0);
        assert_int_equal(reply->success_result_case,
                         D_ENGINE__CLIENT__CLIENT_RESPONSE__SUCCESS_RESULT_READ_DATA);
        assert_int_equal(reply->read_data->n_results, 0);
        free_reply(reply);
    }
}

static void test_an_unknown_policy_is_invalid(void **state)
{
    static const char *const keys[] = {"ready"};
    DEngine__Client__ClientResponse *reply;

    (void)state;
    assert_int_equal(de_raw_read(&raw, keys, 1, 7, &reply), GRPC_STATUS_OK);
    assert_int_equal(reply->error, 4003);
    free_reply(reply);
}

/* A compare-and-swap of "cas"; expected NULL = absent. Whether it succeeded. */
static bool swap(const char *expected, const char *value)
{
    DEngine__Client__WriteCommand__CompareAndSwap cas =
        D_ENGINE__CLIENT__WRITE_COMMAND__COMPARE_AND_SWAP__INIT;
    DEngine__Client__WriteCommand command = D_ENGINE__CLIENT__WRITE_COMMAND__INIT;
    DEngine__Client__ClientResponse *reply;
    char key_text[] = "cas";
    char expected_text[16] = "";
    char value_text[16];
    bool succeeded;

    (void)snprintf(value_text, sizeof value_text, "%s", value);
    cas.key.data = (uint8_t *)key_text;
    cas.key.len = 3;
    cas.new_value.data = (uint8_t *)value_text;
    cas.new_value.len = strlen(value_text);
    if (expected != NULL) {
        (void)snprintf(expected_text, sizeof expected_text, "%s", expected);
        cas.has_expected_value_case =
            D_ENGINE__CLIENT__WRITE_COMMAND__COMPARE_AND_SWAP__HAS_EXPECTED_VALUE_EXPECTED_VALUE;
        cas.expected_value.data = (uint8_t *)expected_text;
        cas.expected_value.len = strlen(expected_text);
    }
    command.operation_case = D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_COMPARE_AND_SWAP;
    command.compare_and_swap = &cas;
    assert_int_equal(de_raw_write(&raw, &command, &reply), GRPC_STATUS_OK);
    assert_int_equal(reply->error, 0);
    assert_int_equal(reply->success_result_case,
                     D_ENGINE__CLIENT__CLIENT_RESPONSE__SUCCESS_RESULT_WRITE_RESULT);
    succeeded = reply->write_result->succeeded != 0;
    free_reply(reply);
    return succeeded;
}

static void test_compare_and_swap_tells_absent_from_empty(void **state)
{
    (void)state;
    assert_false(swap("", "v"));
    assert_true(swap(NULL, ""));
    assert_false(swap(NULL, "v"));
    assert_true(swap("", "v"));
    assert_false(swap("w", "x"));
    assert_true(swap("v", "x"));
}

static void test_deleting_what_is_not_there_succeeds(void **state)
{
    DEngine__Client__WriteCommand__Delete remove = D_ENGINE__CLIENT__WRITE_COMMAND__DELETE__INIT;
    DEngine__Client__WriteCommand command = D_ENGINE__CLIENT__WRITE_COMMAND__INIT;
    DEngine__Client__ClientResponse *reply;
    char key_text[] = "nobody";

    (void)state;
    remove.key.data = (uint8_t *)key_text;
    remove.key.len = 6;
    command.operation_case = D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_DELETE;
    command.delete_ = &remove;
    assert_int_equal(de_raw_write(&raw, &command, &reply), GRPC_STATUS_OK);
    assert_int_equal(reply->error, 0);
    assert_true(reply->write_result->succeeded);
    free_reply(reply);
}

static void test_requests_that_are_none(void **state)
{
    DEngine__Client__WriteCommand nothing = D_ENGINE__CLIENT__WRITE_COMMAND__INIT;
    DEngine__Client__ClientResponse *reply;
    uint8_t *response;
    size_t size;

    (void)state;
    assert_int_equal(de_raw_write(&raw, NULL, &reply), GRPC_STATUS_INVALID_ARGUMENT);
    assert_int_equal(de_raw_write(&raw, &nothing, &reply), GRPC_STATUS_INVALID_ARGUMENT);
    assert_int_equal(de_raw_call(&raw, "/d_engine.client.RaftClientService/HandleClientWrite",
                                 DENGINE_STR("\xff\xff\xff"), TIMEOUT_MS, &response, &size),
                     GRPC_STATUS_INVALID_ARGUMENT);
    assert_int_equal(de_raw_call(&raw, "/d_engine.client.RaftClientService/HandleClientRead",
                                 DENGINE_STR("\xff\xff\xff"), TIMEOUT_MS, &response, &size),
                     GRPC_STATUS_INVALID_ARGUMENT);
    assert_int_equal(de_raw_call(&raw, "/d_engine.client.RaftClientService/NoSuchMethod",
                                 DENGINE_STR(""), TIMEOUT_MS, &response, &size),
                     GRPC_STATUS_UNIMPLEMENTED);
}

static void test_limits_are_4003(void **state)
{
    static char bytes[1024 * 1024 + 1];
    static char long_key[512];
    static const char *const keys[] = {long_key};
    DEngine__Client__ClientResponse *reply;

    (void)state;
    memset(long_key, 'k', sizeof long_key - 1);
    assert_int_equal(de_raw_put(&raw, "", DENGINE_STR("v")), 4003);
    assert_int_equal(de_raw_put(&raw, long_key, DENGINE_STR("v")), 4003);
    assert_int_equal(de_raw_put(&raw, "k", dengine_bytes(bytes, sizeof bytes)), 4003);
    assert_int_equal(de_raw_put(&raw, "k", dengine_bytes(bytes, sizeof bytes - 1)), 0);
    assert_int_equal(de_raw_read(&raw, keys, 1, -1, &reply), GRPC_STATUS_OK);
    assert_int_equal(reply->error, 4003);
    assert_non_null(reply->metadata);
    assert_non_null(strstr(reply->metadata->debug_message, "511 bytes"));
    free_reply(reply);
}

static void test_a_reply_that_no_client_could_take(void **state)
{
    static char bytes[1024 * 1024];
    static const char *const keys[] = {"big", "big", "big", "big"};
    DEngine__Client__ClientResponse *reply;

    (void)state;
    assert_int_equal(de_raw_put(&raw, "big", dengine_bytes(bytes, sizeof bytes)), 0);
    assert_int_equal(de_raw_read(&raw, keys, 3, -1, &reply), GRPC_STATUS_OK);
    assert_int_equal(reply->read_data->n_results, 3);
    free_reply(reply);
    assert_int_equal(de_raw_read(&raw, keys, 4, -1, &reply), GRPC_STATUS_RESOURCE_EXHAUSTED);
}

static void test_a_scan_has_all_keys_with_the_prefix(void **state)
{
    static char bytes[1024 * 1024];
    DEngine__Client__ScanResponse *reply;
    char key[600];
    int i;

    (void)state;
    assert_int_equal(de_raw_put(&raw, "p/2", DENGINE_STR("two")), 0);
    assert_int_equal(de_raw_put(&raw, "p/1", DENGINE_STR("")), 0);
    assert_int_equal(de_raw_put(&raw, "p0", DENGINE_STR("no")), 0);
    assert_int_equal(de_raw_scan(&raw, "p/", &reply), GRPC_STATUS_OK);
    assert_int_equal(reply->n_entries, 2);
    assert_memory_equal(reply->entries[0]->key.data, "p/1", 3);
    assert_int_equal(reply->entries[0]->value.len, 0);
    assert_memory_equal(reply->entries[1]->value.data, "two", 3);
    assert_true(reply->revision > 0);
    d_engine__client__scan_response__free_unpacked(reply, NULL);
    assert_int_equal(de_raw_scan(&raw, "none", &reply), GRPC_STATUS_OK);
    assert_int_equal(reply->n_entries, 0);
    d_engine__client__scan_response__free_unpacked(reply, NULL);
    for (i = 0; i < 4; i++) {
        (void)snprintf(key, sizeof key, "big/%d", i);
        assert_int_equal(de_raw_put(&raw, key, dengine_bytes(bytes, sizeof bytes)), 0);
    }
    assert_int_equal(de_raw_scan(&raw, "big/", &reply), GRPC_STATUS_RESOURCE_EXHAUSTED);
    assert_int_equal(de_raw_scan(&raw, "big/1", &reply), GRPC_STATUS_OK);
    assert_int_equal(reply->n_entries, 1);
    d_engine__client__scan_response__free_unpacked(reply, NULL);
    memset(key, 'k', 501);
    key[501] = '\0';
    assert_int_equal(de_raw_scan(&raw, key, &reply), GRPC_STATUS_INVALID_ARGUMENT);
}

static void test_a_key_ends_after_ttl_secs(void **state)
{
    DEngine__Client__WriteCommand command = D_ENGINE__CLIENT__WRITE_COMMAND__INIT;
    DEngine__Client__WriteCommand__Insert insert = D_ENGINE__CLIENT__WRITE_COMMAND__INSERT__INIT;
    DEngine__Client__ClientResponse *reply;
    DEngine__Client__ScanResponse *left;
    char text[] = "t";
    size_t found = 1;

    (void)state;
    insert.key.data = (uint8_t *)text;
    insert.key.len = 1;
    insert.ttl_secs = 1;
    command.operation_case = D_ENGINE__CLIENT__WRITE_COMMAND__OPERATION_INSERT;
    command.insert = &insert;
    assert_int_equal(de_raw_write(&raw, &command, &reply), GRPC_STATUS_OK);
    assert_int_equal(reply->error, 0);
    free_reply(reply);
    while (found > 0) {
        assert_int_equal(de_raw_scan(&raw, "t", &left), GRPC_STATUS_OK);
        found = left->n_entries;
        d_engine__client__scan_response__free_unpacked(left, NULL);
    }
    insert.ttl_ms = 1; /* both */
    assert_int_equal(de_raw_write(&raw, &command, &reply), GRPC_STATUS_OK);
    assert_int_equal(reply->error, 4003);
    free_reply(reply);
}

static void test_compressed_requests(void **state)
{
    static char bytes[100000];
    static const char *const keys[] = {"zip"};
    DEngine__Client__ClientResponse *reply;
    struct de_raw_channel zipped;

    (void)state;
    de_raw_open(&zipped, endpoint, true);
    memset(bytes, 'z', sizeof bytes);
    assert_int_equal(de_raw_put(&zipped, "zip", dengine_bytes(bytes, sizeof bytes)), 0);
    assert_int_equal(de_raw_read(&zipped, keys, 1, -1, &reply), GRPC_STATUS_OK);
    assert_int_equal(reply->read_data->results[0]->value.len, sizeof bytes);
    assert_memory_equal(reply->read_data->results[0]->value.data, bytes, sizeof bytes);
    free_reply(reply);
    de_raw_close(&zipped);
}

/* ---- three nodes ---- */

static struct de_cluster cluster;
static struct de_raw_channel channels[DE_CLUSTER_NODES];

/* On a busy machine too, the leader stays the leader for the length of a test. */
#define PATIENT "--election-timeout-min", "1500", "--election-timeout-max", "2500"

static const char *const patient[] = {PATIENT, NULL};

static uint64_t start_three(const char *const *flags)
{
    struct dengine_client *client;
    uint64_t leader;
    uint32_t i;

    de_cluster_start(&cluster, DE_TEST_SERVER, flags);
    assert_int_equal(dengine_connect(cluster.endpoints, NULL, &client), 0);
    leader = de_cluster_leader(client, TIMEOUT_MS);
    assert_int_equal(dengine_put(client, DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    dengine_disconnect(client);
    for (i = 0; i < DE_CLUSTER_NODES; i++) {
        char address[64];

        (void)snprintf(address, sizeof address, "127.0.0.1:%u", cluster.ports[i]);
        de_raw_open(&channels[i], address, false);
        de_cluster_caught_up(&cluster, i + 1, "k", "v", TIMEOUT_MS);
    }
    return leader;
}

static void stop_three(void)
{
    uint32_t i;

    for (i = 0; i < DE_CLUSTER_NODES; i++) {
        de_raw_close(&channels[i]);
    }
    de_cluster_stop(&cluster);
}

/* Any node takes any request: d-engine's clients go to the leader, others need not. */
static void test_followers_take_every_request(void **state)
{
    static const char *const keys[] = {"k"};
    const uint64_t leader = start_three(patient);
    struct de_raw_channel *follower = &channels[leader % DE_CLUSTER_NODES];
    DEngine__Client__ClientResponse *reply;
    DEngine__Client__ScanResponse *scanned;
    int policy;

    (void)state;
    assert_int_equal(de_raw_put(follower, "k", DENGINE_STR("new")), 0);
    for (policy = -1; policy <= 2; policy++) { /* eventually, too: it was answered there */
        assert_int_equal(de_raw_read(follower, keys, 1, policy, &reply), GRPC_STATUS_OK);
        assert_int_equal(reply->error, 0);
        assert_result(reply->read_data->results[0], "k", "new");
        free_reply(reply);
    }
    assert_int_equal(de_raw_scan(follower, "k", &scanned), GRPC_STATUS_OK);
    assert_int_equal(scanned->n_entries, 1);
    d_engine__client__scan_response__free_unpacked(scanned, NULL);
    assert_int_equal(de_raw_read(&channels[leader - 1], keys, 1, 1, &reply), GRPC_STATUS_OK);
    assert_result(reply->read_data->results[0], "k", "new");
    free_reply(reply);
    stop_three();
}

static void test_every_node_names_the_leader(void **state)
{
    const uint64_t leader = start_three(patient);
    uint32_t i;
    uint32_t j;

    (void)state;
    for (i = 0; i < DE_CLUSTER_NODES; i++) {
        DEngine__Server__Cluster__ClusterMembership *reply;

        assert_int_equal(de_raw_metadata(&channels[i], &reply), GRPC_STATUS_OK);
        assert_int_equal(reply->current_leader_id, leader);
        assert_int_equal(reply->n_nodes, DE_CLUSTER_NODES);
        for (j = 0; j < DE_CLUSTER_NODES; j++) {
            char address[64];

            (void)snprintf(address, sizeof address, "127.0.0.1:%u", cluster.ports[j]);
            assert_int_equal(reply->nodes[j]->id, j + 1);
            assert_string_equal(reply->nodes[j]->address, address);
            assert_int_equal(reply->nodes[j]->role, j + 1 == leader ? 3 : 1);
            assert_int_equal(reply->nodes[j]->status, 3);
        }
        d_engine__server__cluster__cluster_membership__free_unpacked(reply, NULL);
    }
    stop_three();
}

static void test_the_servers_policy_can_be_made_the_only_one(void **state)
{
    static const char *const flags[] = {PATIENT,
                                        "--set",
                                        "raft.read_consistency.default_policy=EventualConsistency",
                                        "--set",
                                        "raft.read_consistency.allow_client_override=false",
                                        NULL};
    static const char *const keys[] = {"k"};
    const uint64_t leader = start_three(flags);
    DEngine__Client__ClientResponse *reply;

    (void)state;
    /* Linearizable is asked for, of a follower, which answers from what it has. */
    assert_int_equal(de_raw_read(&channels[leader % DE_CLUSTER_NODES], keys, 1, 1, &reply),
                     GRPC_STATUS_OK);
    assert_int_equal(reply->error, 0);
    assert_result(reply->read_data->results[0], "k", "v");
    free_reply(reply);
    stop_three();
}

/* ---- one of three: no leader can be ---- */

static void test_without_a_leader(void **state)
{
    const char *argv[] = {DE_TEST_SERVER,
                          "--node-id",
                          "1",
                          "--data-dir",
                          DIRECTORY,
                          "--initial-cluster",
                          NULL,
                          "--set",
                          "limits.request_timeout_ms=100",
                          NULL};
    static const char *const keys[] = {"k"};
    DEngine__Server__Cluster__ClusterMembership *membership;
    DEngine__Client__ClientResponse *reply;
    struct de_raw_channel alone;
    struct de_process *process;
    uint16_t ports[3];
    char members[128];
    char address[64];

    (void)state;
    de_test_remove_tree(DIRECTORY);
    de_test_free_ports(ports, 3);
    (void)snprintf(members, sizeof members, "1=127.0.0.1:%u,2=127.0.0.1:%u,3=127.0.0.1:%u",
                   ports[0], ports[1], ports[2]);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", ports[0]);
    argv[6] = members;
    process = de_process_start(argv, NULL);
    assert_int_equal(de_process_listening(process, TIMEOUT_MS), ports[0]);
    de_raw_open(&alone, address, false);
    assert_int_equal(de_raw_metadata(&alone, &membership), GRPC_STATUS_OK);
    assert_int_equal(membership->has_current_leader_id_case,
                     D_ENGINE__SERVER__CLUSTER__CLUSTER_MEMBERSHIP__HAS_CURRENT_LEADER_ID__NOT_SET);
    assert_int_equal(membership->n_nodes, 3);
    d_engine__server__cluster__cluster_membership__free_unpacked(membership, NULL);
    assert_int_equal(de_raw_put(&alone, "k", DENGINE_STR("v")), 4005);
    assert_int_equal(de_raw_read(&alone, keys, 1, 1, &reply), GRPC_STATUS_OK);
    assert_int_equal(reply->error, 4005);
    free_reply(reply);
    assert_int_equal(de_raw_read(&alone, keys, 1, 2, &reply), GRPC_STATUS_OK);
    assert_int_equal(reply->error, 0);
    free_reply(reply);
    de_raw_close(&alone);
    de_process_signal(process, SIGTERM);
    assert_int_equal(de_process_wait(process, TIMEOUT_MS), 0);
    de_process_free(process);
    de_test_remove_tree(DIRECTORY);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, start_one, stop_one)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(test_several_keys_missing_ones_left_out),
        ONE(test_nothing_found_is_read_data_all_the_same),
        ONE(test_an_unknown_policy_is_invalid),
        ONE(test_compare_and_swap_tells_absent_from_empty),
        ONE(test_deleting_what_is_not_there_succeeds),
        ONE(test_requests_that_are_none),
        ONE(test_limits_are_4003),
        ONE(test_a_reply_that_no_client_could_take),
        ONE(test_a_scan_has_all_keys_with_the_prefix),
        ONE(test_a_key_ends_after_ttl_secs),
        ONE(test_compressed_requests),
        cmocka_unit_test(test_followers_take_every_request),
        cmocka_unit_test(test_every_node_names_the_leader),
        cmocka_unit_test(test_the_servers_policy_can_be_made_the_only_one),
        cmocka_unit_test(test_without_a_leader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
