/* Which consistency a read of servers gets, on every way to read that the protocol has: see
 * engine/policy_test.c. What a read got is told by what is not there: without a leader only
 * EVENTUAL is answered; a leader that has lost its followers answers LEASE as long as its lease
 * runs, LINEARIZABLE not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dengine/client.h>

#include "engine/engine_test_reads.h"
#include "engine/engine_test_support.h"
#include "tests/cluster/cluster.h"
#include "tests/server/raw_call.h"

#define DIRECTORY  "read_policy.data"
#define TIMEOUT_MS 20000
#define SHORT_MS   40

static const struct policy {
    const char *flag;
    enum dengine_consistency consistency;
} policies[] = {
    {"raft.read_consistency.default_policy=LinearizableRead", DENGINE_LINEARIZABLE},
    {"raft.read_consistency.default_policy=LeaseRead", DENGINE_LEASE},
    {"raft.read_consistency.default_policy=EventualConsistency", DENGINE_EVENTUAL},
};

static const char *override_flag(bool allow)
{
    return allow ? "raft.read_consistency.allow_client_override=true"
                 : "raft.read_consistency.allow_client_override=false";
}

static enum dengine_consistency expected(enum dengine_consistency policy, bool allow,
                                         enum dengine_consistency asked)
{
    return allow && asked != DENGINE_DEFAULT ? asked : policy;
}

/* Reads in every way, at every consistency: those that get at least answered_from are answered. All
 * that are to be answered come first, while a lease runs. */
static void check_reads(struct dengine_client *client, const struct policy *policy, bool allow,
                        enum dengine_consistency answered_from)
{
    size_t count;
    const struct de_test_read *reads = de_test_reads(&count);

    for (size_t i = 0; i < 2 * count; i++) {
        const struct de_test_read *read = &reads[i % count];

        for (int asked = DENGINE_DEFAULT; asked <= DENGINE_EVENTUAL; asked++) {
            const bool answered = expected(policy->consistency, allow,
                                           (enum dengine_consistency)asked) >= answered_from;
            bool here = false;
            int err;

            if (answered != (i < count)) {
                continue;
            }
            err = read->run(client, (enum dengine_consistency)asked,
                            answered ? TIMEOUT_MS : SHORT_MS, &here);
            if ((err == 0) != answered) {
                fail_msg("%s, asked for %d of a server that %s %d: %s", read->name, asked,
                         allow ? "allows that, by default" : "always does",
                         (int)policy->consistency, dengine_strerror(err));
            }
        }
    }
}

/* d-engine's HandleClientScan names no consistency. */
static void check_raw_scan(const char *address, bool answered)
{
    DEngine__Client__ScanResponse *reply = NULL;
    struct de_raw_channel raw;
    grpc_status_code status;

    de_raw_open(&raw, address, false);
    status = de_raw_scan(&raw, "k", &reply);
    assert_int_equal(status == GRPC_STATUS_OK, answered);
    if (reply != NULL) {
        d_engine__client__scan_response__free_unpacked(reply, NULL);
    }
    de_raw_close(&raw);
}

/* ---- one of three ---- */

static void check_alone(const struct policy *policy, bool allow)
{
    const char *argv[] = {DE_TEST_SERVER,
                          "--node-id",
                          "1",
                          "--data-dir",
                          DIRECTORY,
                          "--initial-cluster",
                          NULL,
                          "--set",
                          policy->flag,
                          "--set",
                          NULL,
                          "--set",
                          "limits.request_timeout_ms=100",
                          NULL};
    struct dengine_client *client;
    struct de_process *process;
    char members[128];
    uint16_t ports[3];
    char address[64];

    de_test_remove_tree(DIRECTORY);
    de_test_free_ports(ports, 3);
    (void)snprintf(members, sizeof members, "1=127.0.0.1:%u,2=127.0.0.1:%u,3=127.0.0.1:%u",
                   ports[0], ports[1], ports[2]);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", ports[0]);
    argv[6] = members;
    argv[10] = override_flag(allow);
    process = de_process_start(argv, NULL);
    assert_int_equal(de_process_listening(process, TIMEOUT_MS), ports[0]);
    assert_int_equal(dengine_connect(address, NULL, &client), 0);
    check_reads(client, policy, allow, DENGINE_EVENTUAL);
    check_raw_scan(address, policy->consistency == DENGINE_EVENTUAL);
    dengine_disconnect(client);
    de_process_free(process);
    de_test_remove_tree(DIRECTORY);
}

static void without_a_leader_only_what_the_server_has_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        check_alone(&policies[i], false);
        check_alone(&policies[i], true);
    }
}

/* ---- a leader that has lost its followers ---- */

/* Long enough for all that is read while the lease runs. */
#ifdef __SANITIZE_THREAD__
#define PATIENT "--election-timeout-min", "16000", "--election-timeout-max", "18000"
#else
#define PATIENT "--election-timeout-min", "4000", "--election-timeout-max", "6000"
#endif

/* Kills the others than the leader; the address of that. */
static void leave_alone(struct de_cluster *cluster, uint64_t leader, char address[64])
{
    for (uint64_t node = 1; node <= DE_CLUSTER_NODES; node++) {
        if (node != leader) {
            de_cluster_kill(cluster, node);
        }
    }
    (void)snprintf(address, 64, "127.0.0.1:%u", cluster->ports[leader - 1]);
}

static void check_leader(const struct policy *policy, bool allow)
{
    const char *const flags[] = {PATIENT, "--set", policy->flag, "--set", override_flag(allow),
                                 NULL};
    struct dengine_client *client;
    struct de_cluster cluster;
    char address[64];
    uint64_t leader;
    bool lease = true;

    de_cluster_start(&cluster, DE_TEST_SERVER, flags);
    assert_int_equal(dengine_connect(cluster.endpoints, NULL, &client), 0);
    leader = de_cluster_leader(client, TIMEOUT_MS);
    assert_int_equal(dengine_put(client, DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    dengine_disconnect(client);
    leave_alone(&cluster, leader, address);
    assert_int_equal(dengine_connect(address, NULL, &client), 0);
    if (policy->consistency >= DENGINE_LEASE) {
        check_raw_scan(address, true);
    }
    check_reads(client, policy, allow, DENGINE_LEASE);
    while (lease && expected(policy->consistency, allow, DENGINE_LEASE) == DENGINE_LEASE) {
        const struct dengine_call_options brief = {.timeout_ms = SHORT_MS};
        struct dengine_value value;

        lease = dengine_get(client, DENGINE_STR("k"), DENGINE_LEASE, &brief, &value) == 0;
        dengine_value_free(&value);
    }
    check_raw_scan(address, policy->consistency == DENGINE_EVENTUAL);
    check_reads(client, policy, allow, DENGINE_EVENTUAL);
    dengine_disconnect(client);
    for (uint64_t node = 1; node <= DE_CLUSTER_NODES; node++) {
        if (node != leader) {
            de_cluster_restart(&cluster, node);
        }
    }
    de_cluster_stop(&cluster);
}

static void a_leader_alone_reads_while_its_lease_runs(void **state)
{
    (void)state;
    check_leader(&policies[0], true);
    check_leader(&policies[0], false);
    check_leader(&policies[1], false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_leader_only_what_the_server_has_is_read),
        cmocka_unit_test(a_leader_alone_reads_while_its_lease_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
