/* Three real servers and a member that has fallen behind the log: it gets a snapshot, at the speed
 * that the configuration allows and without an election; and whoever is killed while that goes on,
 * the one that receives or the one that sends, it ends with all there is.
 *
 *   snapshot_kill_test SERVER CLI STRATEGY        the paths of dengine-server and dengine-cli
 *
 * With MemFirst a member that was killed has forgotten, and counts as down until it has caught up:
 * then the sender cannot be killed as well.
 */
#include <dirent.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/cluster/cluster.h"

#define PATIENCE_MS 30000

#define VALUES      192u
#define VALUE_BYTES 16384u

/* 16 megabits a second: the image, of some 3 MB, takes a second and a half. */
#define BANDWIDTH_BYTES_PER_S 2000000u

/* A member that has not answered for this long holds no log back (longest election time-out: 600).
 */
#define FORGOTTEN_MS 1500

static const char *flags[] = {"--set",
                              "raft.snapshot.max_bandwidth_mbps=16",
                              "--set",
                              "raft.snapshot.retained_log_entries=1",
                              "--set",
                              "raft.snapshot.chunk_size=16384",
                              "--persistence",
                              NULL,
                              NULL};

#define STRATEGY_AT 7

struct test {
    struct de_cluster cluster;
    struct dengine_client *client;
    const char *cli;
    uint32_t round;
    char marker[32];
};

static void require(struct test *test, bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "snapshot_kill_test: round %u: %s\n", (unsigned)test->round, what);
        de_cluster_dump(&test->cluster);
        exit(1);
    }
}

/* ---- what the nodes have on their disks ---- */

/* Bytes of the snapshot that node is receiving; 0: of none. */
static uint64_t received(uint64_t node)
{
    char path[64];
    struct stat info;

    (void)snprintf(path, sizeof path, "node%" PRIu64 "/snapshots/snapshot.part", node);
    return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

/* The index of node's newest snapshot; 0: none. */
static uint64_t newest(uint64_t node)
{
    char path[64];
    struct dirent *entry;
    uint64_t index = 0;
    uint64_t found;
    DIR *directory;

    (void)snprintf(path, sizeof path, "node%" PRIu64 "/snapshots", node);
    directory = opendir(path);
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (sscanf(entry->d_name, "snapshot-%" SCNx64 ".snap", &found) == 1 && found > index) {
            index = found;
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return index;
}

static bool is_restoring(uint64_t node)
{
    char path[64];
    struct stat info;

    (void)snprintf(path, sizeof path, "node%" PRIu64 "/state/next.mdb", node);
    return stat(path, &info) == 0;
}

/* Which file the state is in: another one once a snapshot has been installed. */
static uint64_t state_file(uint64_t node)
{
    char path[64];
    struct stat info;

    (void)snprintf(path, sizeof path, "node%" PRIu64 "/state/data.mdb", node);
    return stat(path, &info) == 0 ? (uint64_t)info.st_ino : 0;
}

/* How often the node's role, term or leader has changed. */
static uint32_t changes(struct test *test, uint64_t node)
{
    const char *at = de_process_errors(test->cluster.nodes[node - 1]);
    uint32_t count = 0;

    while ((at = strstr(at, " state role=")) != NULL) {
        count++;
        at++;
    }
    return count;
}

/* ---- what is done to them ---- */

/* Again until it is done: a put may be repeated. */
static void put(struct test *test, const char *key, struct dengine_slice value)
{
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;

    while (dengine_put(test->client, dengine_str(key), value, NULL) != 0) {
        require(test, de_now_ms() < until_ms, "writes do not get through");
    }
}

static void fill(struct test *test, char *value, uint32_t number)
{
    memset(value, 'a' + (int)((number + test->round) % 26), VALUE_BYTES);
    (void)snprintf(value, VALUE_BYTES, "%u of round %u", (unsigned)number, (unsigned)test->round);
}

static void save(struct test *test, uint64_t node)
{
    char endpoint[32];
    const char *const argv[] = {test->cli,  "--endpoints", endpoint, "--timeout", "20000",
                                "snapshot", "save",        "backup", NULL};
    int status;

    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", test->cluster.ports[node - 1]);
    de_process_free(de_process_run(argv, NULL, PATIENCE_MS, &status));
    require(test, status == 0, "a snapshot is not saved");
}

/* Kills a follower and has the others write, and cut their logs, until it can only be helped by a
 * snapshot. Returns its number; its snapshot directory is as it was. */
static uint64_t leave_behind(struct test *test)
{
    const uint64_t leader = de_cluster_leader(test->client, PATIENCE_MS);
    const uint64_t behind = leader % DE_CLUSTER_NODES + 1;
    char value[VALUE_BYTES];
    char key[16];
    uint64_t killed_ms;
    uint32_t number = 0;

    test->round++;
    de_cluster_kill(&test->cluster, behind);
    killed_ms = de_now_ms();
    do {
        fill(test, value, number % VALUES);
        (void)snprintf(key, sizeof key, "key %u", (unsigned)(number % VALUES));
        put(test, key, dengine_bytes(value, VALUE_BYTES));
        number++;
    } while (number < VALUES || de_now_ms() - killed_ms < FORGOTTEN_MS);
    for (uint64_t node = 1; node <= DE_CLUSTER_NODES; node++) {
        if (node != behind) {
            save(test, node);
        }
    }
    (void)snprintf(test->marker, sizeof test->marker, "round %u", (unsigned)test->round);
    put(test, "marker", dengine_str(test->marker));
    return behind;
}

/* Waits until node has received so much of a snapshot; returns how much it then has. */
static uint64_t wait_received(struct test *test, uint64_t node, uint64_t bytes)
{
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;
    uint64_t have;

    do {
        require(test, de_now_ms() < until_ms, "no snapshot comes in");
        (void)sched_yield();
        have = received(node);
    } while (have < bytes);
    return have;
}

/* node has everything, by its own word. */
static void check(struct test *test, uint64_t node)
{
    struct dengine_client *client;
    char expected[VALUE_BYTES];
    char endpoint[32];
    char key[16];

    de_cluster_caught_up(&test->cluster, node, "marker", test->marker, PATIENCE_MS);
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", test->cluster.ports[node - 1]);
    require(test, dengine_connect(endpoint, NULL, &client) == 0, "no client");
    for (uint32_t i = 0; i < VALUES; i++) {
        struct dengine_value value;

        fill(test, expected, i);
        (void)snprintf(key, sizeof key, "key %u", (unsigned)i);
        require(test,
                dengine_get(client, dengine_str(key), DENGINE_EVENTUAL, NULL, &value) == 0 &&
                    value.size == VALUE_BYTES && memcmp(value.data, expected, VALUE_BYTES) == 0,
                "a value is missing after the snapshot");
        dengine_value_free(&value);
    }
    dengine_disconnect(client);
}

/* ---- the rounds ---- */

static void a_snapshot_goes_over_in_peace(struct test *test)
{
    const uint64_t behind = leave_behind(test);
    const uint64_t had = newest(behind);
    const uint64_t leader = de_cluster_leader(test->client, PATIENCE_MS);
    const uint32_t before = changes(test, leader);
    uint64_t start_ms;
    uint64_t took_ms;
    uint64_t bytes;

    de_cluster_restart(&test->cluster, behind);
    bytes = wait_received(test, behind, 1);
    start_ms = de_now_ms();
    check(test, behind);
    took_ms = de_now_ms() - start_ms;
    require(test, newest(behind) > had, "it has caught up, but without a snapshot");
    bytes = (uint64_t)VALUES * VALUE_BYTES - bytes;
    (void)printf("%" PRIu64 " bytes in %" PRIu64 " ms\n", bytes, took_ms);
    /* A fifth of grace: the limit may let some chunks go ahead. */
    require(test, took_ms >= bytes * 800 / BANDWIDTH_BYTES_PER_S,
            "the bandwidth limit is not kept");
    require(test, changes(test, leader) == before, "the leader changed meanwhile");
}

static void the_receiver_is_killed(struct test *test)
{
    const uint64_t behind = leave_behind(test);

    for (uint64_t part = 1; part <= 2; part++) {
        de_cluster_restart(&test->cluster, behind);
        (void)wait_received(test, behind, part * VALUES * VALUE_BYTES / 4);
        de_cluster_kill(&test->cluster, behind);
    }
    de_cluster_restart(&test->cluster, behind);
    check(test, behind);
}

static void the_sender_is_killed(struct test *test)
{
    const uint64_t behind = leave_behind(test);
    const uint64_t leader = de_cluster_leader(test->client, PATIENCE_MS);

    de_cluster_restart(&test->cluster, behind);
    (void)wait_received(test, behind, VALUES * VALUE_BYTES / 4);
    de_cluster_kill(&test->cluster, leader);
    check(test, behind);
    de_cluster_restart(&test->cluster, leader);
    de_cluster_caught_up(&test->cluster, leader, "marker", test->marker, PATIENCE_MS);
}

/* At the first sight of the finished file, or of the state that is being made from it. Which step
 * the kill then meets is chance; the end has to be the same. */
static void the_receiver_is_killed_while_it_installs(struct test *test, bool restoring)
{
    const uint64_t behind = leave_behind(test);
    const uint64_t had = newest(behind);
    const uint64_t file = state_file(behind);
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;

    de_cluster_restart(&test->cluster, behind);
    while (restoring ? !is_restoring(behind) && state_file(behind) == file
                     : newest(behind) == had) {
        require(test, de_now_ms() < until_ms, "no snapshot is installed");
        (void)sched_yield();
    }
    de_cluster_kill(&test->cluster, behind);
    (void)printf("killed %s\n", is_restoring(behind) ? "while the state was replaced"
                                                     : "before or after the state was replaced");
    de_cluster_restart(&test->cluster, behind);
    check(test, behind);
}

int main(int argc, char **argv)
{
    const struct dengine_connect_options options = {.timeout_ms = 5000};
    static struct test test;

    if (argc != 4) {
        (void)fprintf(stderr, "usage: snapshot_kill_test SERVER CLI STRATEGY\n");
        return 2;
    }
    test.cli = argv[2];
    flags[STRATEGY_AT] = argv[3];
    de_cluster_start(&test.cluster, argv[1], flags);
    require(&test, dengine_connect(test.cluster.endpoints, &options, &test.client) == 0,
            "no client");
    a_snapshot_goes_over_in_peace(&test);
    the_receiver_is_killed(&test);
    if (strcmp(argv[3], "MemFirst") != 0) {
        the_sender_is_killed(&test);
    }
    the_receiver_is_killed_while_it_installs(&test, false);
    the_receiver_is_killed_while_it_installs(&test, true);
    dengine_disconnect(test.client);
    de_cluster_stop(&test.cluster);
    (void)puts("ok");
    return 0;
}
