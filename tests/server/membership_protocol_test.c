/* What d-engine's clients and nodes ask about the members: JoinCluster, DiscoverLeader,
 * WatchMembership and GetClusterMetadata of one server. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <grpc/slice.h>

#include "engine/engine_test_support.h"
#include "tests/processes/process.h"
#include "tests/server/raw_call.h"

#define PATIENCE_MS 20000

#define SERVICE "/d_engine.server.cluster.ClusterManagementService/"

static struct de_process *start(char address[32])
{
    uint16_t port;

    de_test_free_ports(&port, 1);
    (void)snprintf(address, 32, "127.0.0.1:%u", port);
    de_test_remove_tree("node");
    const char *const argv[] = {DE_TEST_SERVER, "--data-dir", "node", "--listen", address, NULL};
    struct de_process *server = de_process_start(argv, NULL);

    assert_int_equal(de_process_listening(server, PATIENCE_MS), port);
    return server;
}

/* Asks node 1 to take in node id. The caller frees the answer. */
static DEngine__Server__Cluster__JoinResponse *join(struct de_raw_channel *raw, uint32_t id,
                                                    const char *address)
{
    DEngine__Server__Cluster__JoinRequest request = D_ENGINE__SERVER__CLUSTER__JOIN_REQUEST__INIT;
    DEngine__Server__Cluster__JoinResponse *response;
    uint8_t bytes[200];
    char copy[64];
    uint8_t *answer;
    size_t size;

    (void)snprintf(copy, sizeof copy, "%s", address);
    request.node_id = id;
    request.address = copy;
    size = d_engine__server__cluster__join_request__pack(&request, bytes);
    assert_int_equal(de_raw_call(raw, SERVICE "JoinCluster", dengine_bytes(bytes, size),
                                 PATIENCE_MS, &answer, &size),
                     GRPC_STATUS_OK);
    response = d_engine__server__cluster__join_response__unpack(NULL, size, answer);
    assert_non_null(response);
    free(answer);
    return response;
}

static void expect_join(struct de_raw_channel *raw, uint32_t id, const char *address,
                        const char *error)
{
    DEngine__Server__Cluster__JoinResponse *response = join(raw, id, address);

    assert_int_equal(response->success, error == NULL);
    if (error != NULL) {
        assert_non_null(strstr(response->error, error));
    } else {
        assert_string_equal(response->error, "");
        assert_int_equal(response->config->n_nodes, 2);
        assert_int_equal(response->config_version, response->config->version);
        assert_int_equal(response->leader_id, 1);
    }
    d_engine__server__cluster__join_response__free_unpacked(response, NULL);
}

/* The next snapshot has voter 1, and this learner (0: none); its index. */
static uint64_t expect_snapshot(struct de_raw_watch *watch, uint32_t learner)
{
    DEngine__Client__MembershipSnapshot *snapshot;
    grpc_slice bytes;
    uint64_t index;

    assert_true(de_raw_stream_next(watch, &bytes));
    snapshot = d_engine__client__membership_snapshot__unpack(NULL, GRPC_SLICE_LENGTH(bytes),
                                                             GRPC_SLICE_START_PTR(bytes));
    assert_non_null(snapshot);
    assert_int_equal(snapshot->n_members, 1);
    assert_int_equal(snapshot->members[0], 1);
    assert_int_equal(snapshot->n_learners, learner == 0 ? 0 : 1);
    if (learner != 0) {
        assert_int_equal(snapshot->learners[0], learner);
    }
    index = snapshot->committed_index;
    d_engine__client__membership_snapshot__free_unpacked(snapshot, NULL);
    grpc_slice_unref(bytes);
    return index;
}

static void expect_leader(struct de_raw_channel *raw, const char *address)
{
    const struct dengine_slice none = {NULL, 0};
    DEngine__Server__Cluster__LeaderDiscoveryResponse *response = NULL;
    uint8_t *answer;
    size_t size;

    while (response == NULL) { /* it is being elected */
        if (de_raw_call(raw, SERVICE "DiscoverLeader", none, PATIENCE_MS, &answer, &size) ==
            GRPC_STATUS_OK) {
            response =
                d_engine__server__cluster__leader_discovery_response__unpack(NULL, size, answer);
            assert_non_null(response);
            free(answer);
        }
    }
    assert_int_equal(response->leader_id, 1);
    assert_string_equal(response->leader_address, address);
    assert_true(response->term >= 1);
    d_engine__server__cluster__leader_discovery_response__free_unpacked(response, NULL);
}

static void test_members_join_and_are_watched(void **state)
{
    const struct dengine_slice none = {NULL, 0};
    DEngine__Server__Cluster__ClusterMembership *membership;
    struct de_raw_channel raw;
    struct de_raw_channel other;
    struct de_raw_watch watch;
    struct de_process *server;
    char address[32];
    uint64_t index;

    (void)state;
    server = start(address);
    de_raw_open(&raw, address, false);
    de_raw_open(&other, address, false);
    expect_leader(&raw, address);
    de_raw_stream_open(&other, &watch, "/d_engine.client.RaftClientService/WatchMembership", none);
    index = expect_snapshot(&watch, 0);
    expect_join(&raw, 5, "127.0.0.1:5", NULL);
    assert_true(expect_snapshot(&watch, 5) > index);
    expect_join(&raw, 5, "127.0.0.1:5", "a member already");
    expect_join(&raw, 4, "127.0.0.1:4", "never used twice");
    expect_join(&raw, 6, "nowhere", "host:port");

    assert_int_equal(de_raw_metadata(&raw, &membership), GRPC_STATUS_OK);
    assert_int_equal(membership->n_nodes, 2);
    assert_int_equal(membership->nodes[0]->role, D_ENGINE__COMMON__NODE_ROLE__LEADER);
    assert_int_equal(membership->nodes[1]->role, D_ENGINE__COMMON__NODE_ROLE__LEARNER);
    assert_int_equal(membership->nodes[1]->status, D_ENGINE__COMMON__NODE_STATUS__PROMOTABLE);
    assert_string_equal(membership->nodes[1]->address, "127.0.0.1:5");
    assert_true(membership->cluster_id != 0);
    d_engine__server__cluster__cluster_membership__free_unpacked(membership, NULL);

    de_process_signal(server, SIGTERM);
    assert_int_equal(de_raw_watch_close(&watch, false), GRPC_STATUS_UNAVAILABLE);
    assert_int_equal(de_process_wait(server, PATIENCE_MS), 0);
    de_process_free(server);
    de_raw_close(&other);
    de_raw_close(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_join_and_are_watched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
