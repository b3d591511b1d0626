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

/* What a round of reads came to. */
struct round {
    bool all; /* of those that should be answered were */
    char trouble[256];
};

static void note_failure(struct round *round, const char *read, int asked,
                         const struct policy *policy, bool allow, int err)
{
    round->all = false;
    (void)snprintf(round->trouble, sizeof round->trouble,
                   "%s, asked for %d of a server that %s %d: %s", read, asked,
                   allow ? "allows that, by default" : "always does", (int)policy->consistency,
                   dengine_strerror(err));
}

/* Reads in every way, at every consistency, which should be answered or not: those that get at
 * least answered_from are. */
static void read_all(struct dengine_client *client, const struct policy *policy, bool allow,
                     enum dengine_consistency answered_from, bool answered, struct round *round)
{
    size_t count;
    const struct de_test_read *reads = de_test_reads(&count);

    *round = (struct round){.all = true};
    for (size_t i = 0; i < count; i++) {
        for (int asked = DENGINE_DEFAULT; asked <= DENGINE_EVENTUAL; asked++) {
            const enum dengine_consistency got =
                expected(policy->consistency, allow, (enum dengine_consistency)asked);
            bool here = false;
            int err;

            if ((got >= answered_from) != answered) {
                continue;
            }
            err = reads[i].run(client, (enum dengine_consistency)asked,
                               answered ? TIMEOUT_MS : SHORT_MS, &here);
            if ((err == 0) != answered) {
                note_failure(round, reads[i].name, asked, policy, allow, err);
            }
        }
    }
}

static void check_round(const struct round *round)
{
    if (!round->all) {
        fail_msg("%s", round->trouble);
    }
}

static void check_reads(struct dengine_client *client, const struct policy *policy, bool allow,
                        enum dengine_consistency answered_from)
{
    struct round round;

    read_all(client, policy, allow, answered_from, true, &round);
    check_round(&round);
    read_all(client, policy, allow, answered_from, false, &round);
    check_round(&round);
}

/* Whether d-engine's HandleClientScan, which names no consistency, is answered. */
static bool raw_scan(const char *address)
{
    DEngine__Client__ScanResponse *reply = NULL;
    struct de_raw_channel raw;
    grpc_status_code status;

    de_raw_open(&raw, address, false);
    status = de_raw_scan(&raw, "k", &reply);
    if (reply != NULL) {
        d_engine__client__scan_response__free_unpacked(reply, NULL);
    }
    de_raw_close(&raw);
    return status == GRPC_STATUS_OK;
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
    assert_int_equal(raw_scan(address), policy->consistency == DENGINE_EVENTUAL);
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

/* How long a lease runs, at least: so long that all can be read meanwhile, which is found out. */
#define LEASE_MS     1000u
#define LEASE_MS_MAX 64000u

/* Kills the others than the leader, which it returns. */
static uint64_t leave_alone(struct de_cluster *cluster)
{
    struct dengine_client *client;
    uint64_t leader;

    assert_int_equal(dengine_connect(cluster->endpoints, NULL, &client), 0);
    leader = de_cluster_leader(client, 6 * LEASE_MS_MAX);
    assert_int_equal(dengine_put(client, DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    dengine_disconnect(client);
    for (uint64_t node = 1; node <= DE_CLUSTER_NODES; node++) {
        if (node != leader) {
            de_cluster_kill(cluster, node);
        }
    }
    return leader;
}

static bool has_lease(struct dengine_client *client)
{
    const struct dengine_call_options brief = {.timeout_ms = SHORT_MS};
    struct dengine_value value;
    const int err = dengine_get(client, DENGINE_STR("k"), DENGINE_LEASE, &brief, &value);

    dengine_value_free(&value);
    return err == 0;
}

/* Reads while the lease runs, and after it. A lease that still runs when all has been read ran all
 * the time, since there is nobody to renew it. False when it does not: that proves nothing. */
static bool read_alone(struct dengine_client *client, const char *address,
                       const struct policy *policy, bool allow)
{
    const bool reads_by_lease =
        expected(policy->consistency, allow, DENGINE_LEASE) == DENGINE_LEASE;
    struct round round;
    bool scanned;

    scanned = policy->consistency < DENGINE_LEASE || raw_scan(address);
    read_all(client, policy, allow, DENGINE_LEASE, true, &round);
    if (reads_by_lease && !has_lease(client)) {
        return false;
    }
    assert_true(scanned);
    check_round(&round);
    read_all(client, policy, allow, DENGINE_LEASE, false, &round);
    check_round(&round);
    while (reads_by_lease && has_lease(client)) {
        /* It ends by itself. */
    }
    assert_int_equal(raw_scan(address), policy->consistency == DENGINE_EVENTUAL);
    check_reads(client, policy, allow, DENGINE_EVENTUAL);
    return true;
}

static bool check_leader_with(const struct policy *policy, bool allow, uint32_t lease_ms)
{
    struct dengine_client *client;
    struct de_cluster cluster;
    char address[64];
    char least[16];
    char most[16];
    uint64_t leader;
    const char *const flags[] = {"--election-timeout-min",
                                 least,
                                 "--election-timeout-max",
                                 most,
                                 "--set",
                                 policy->flag,
                                 "--set",
                                 override_flag(allow),
                                 NULL};
    bool judged;

    (void)snprintf(least, sizeof least, "%u", lease_ms);
    (void)snprintf(most, sizeof most, "%u", lease_ms + lease_ms / 2);
    de_cluster_start(&cluster, DE_TEST_SERVER, flags);
    leader = leave_alone(&cluster);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", cluster.ports[leader - 1]);
    assert_int_equal(dengine_connect(address, NULL, &client), 0);
    judged = read_alone(client, address, policy, allow);
    dengine_disconnect(client);
    for (uint64_t node = 1; node <= DE_CLUSTER_NODES; node++) {
        if (node != leader) {
            de_cluster_restart(&cluster, node);
        }
    }
    de_cluster_stop(&cluster);
    return judged;
}

static void check_leader(const struct policy *policy, bool allow)
{
    uint32_t lease_ms = LEASE_MS;

    while (!check_leader_with(policy, allow, lease_ms)) {
        lease_ms *= 2;
        if (lease_ms > LEASE_MS_MAX) {
            fail_msg("no lease is long enough to read all that is to be read");
        }
    }
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
