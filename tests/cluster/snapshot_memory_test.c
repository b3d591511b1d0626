/* A snapshot of any size goes to a member in bounded memory, on both sides, and without a change of
 * the leader: with no limit of bandwidth, and with values that fill the disks with many times the
 * memory that is allowed. (What is mapped from a file is not counted: it is the kernel's to take
 * back.)
 *
 *     snapshot_memory_test SERVER CLI MIB */
#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cluster/cluster.h"

/* For one step, however busy the machine is. */
#define PATIENCE_MS 240000

#define VALUE_BYTES    65536u
#define VALUES_PER_MIB 16u

/* A member that has not answered for this long holds no log back (longest election time-out: 600).
 */
#define FORGOTTEN_MS 1500

/* What the transfer may cost the sender, whose caches are full of what was written, and what the
 * receiver may have in all. Installing holds 4 MiB of new pages; on its way are some chunks of
 * 256 KiB. */
#define SENDER_MAX_KIB   16384
#define RECEIVER_MAX_KIB 32768

static const char *const flags[] = {"--set", "raft.snapshot.retained_log_entries=1", NULL};

struct watched {
    long pid;
    long first_kib;
    atomic_long most_kib;
};

struct test {
    struct de_cluster cluster;
    struct dengine_client *client;
    const char *cli;
    uint32_t values;
    struct watched sender;
    struct watched receiver;
    atomic_bool stop;
};

static void require(struct test *test, bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "snapshot_memory_test: %s\n", what);
        de_cluster_dump(&test->cluster);
        exit(1);
    }
}

/* The process's own memory, without mapped files; 0: there is no such process. */
static long anonymous_kib(long pid)
{
    char path[64];
    char line[256];
    long kib = 0;
    FILE *file;

    (void)snprintf(path, sizeof path, "/proc/%ld/status", pid);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "RssAnon:", 8) == 0) {
            kib = strtol(line + 8, NULL, 10);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return kib;
}

static void sample(struct watched *watched)
{
    const long kib = anonymous_kib(watched->pid);

    if (kib > atomic_load(&watched->most_kib)) {
        atomic_store(&watched->most_kib, kib);
    }
}

static void *watch(void *context)
{
    struct test *test = context;

    while (!atomic_load(&test->stop)) {
        sample(&test->sender);
        sample(&test->receiver);
        (void)sched_yield();
    }
    return NULL;
}

static void put(struct test *test, const char *key, struct dengine_slice value)
{
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;

    while (dengine_put(test->client, dengine_str(key), value, NULL) != 0) {
        require(test, de_now_ms() < until_ms, "writes do not get through");
    }
}

static void fill(struct test *test, uint64_t killed_ms)
{
    static char value[VALUE_BYTES];
    uint32_t number = 0;

    while (number < test->values || de_now_ms() - killed_ms < FORGOTTEN_MS) {
        char key[16];

        memset(value, 'a' + (int)(number % 26), sizeof value);
        (void)snprintf(key, sizeof key, "key %u", (unsigned)(number % test->values));
        put(test, key, dengine_bytes(value, sizeof value));
        number++;
    }
}

static void save(struct test *test, uint64_t node)
{
    char endpoint[32];
    const char *const argv[] = {test->cli,  "--endpoints", endpoint, "--timeout", "200000",
                                "snapshot", "save",        "backup", NULL};
    int status;

    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", test->cluster.ports[node - 1]);
    de_process_free(de_process_run(argv, NULL, PATIENCE_MS, &status));
    (void)remove("backup");
    require(test, status == 0, "a snapshot is not saved");
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

static bool has_snapshot(uint64_t node)
{
    char path[64];
    const struct dirent *entry;
    bool found = false;
    DIR *directory;

    (void)snprintf(path, sizeof path, "node%" PRIu64 "/snapshots", node);
    directory = opendir(path);
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        found = found || strstr(entry->d_name, ".snap") != NULL;
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return found;
}

/* A member that was killed comes back when only a snapshot can help it. */
static void run(struct test *test)
{
    const uint64_t leader = de_cluster_leader(test->client, PATIENCE_MS);
    const uint64_t behind = leader % DE_CLUSTER_NODES + 1;
    pthread_t watcher;
    uint32_t before;
    uint64_t start_ms;

    require(test, !has_snapshot(behind), "there is a snapshot already");
    de_cluster_kill(&test->cluster, behind);
    fill(test, de_now_ms());
    for (uint64_t node = 1; node <= DE_CLUSTER_NODES; node++) {
        if (node != behind) {
            save(test, node);
        }
    }
    put(test, "marker", dengine_str("end"));
    require(test, de_cluster_leader(test->client, PATIENCE_MS) == leader, "the leader changed");
    before = changes(test, leader);
    start_ms = de_now_ms();
    de_cluster_restart(&test->cluster, behind);
    test->sender.pid = de_process_id(test->cluster.nodes[leader - 1]);
    test->receiver.pid = de_process_id(test->cluster.nodes[behind - 1]);
    test->sender.first_kib = anonymous_kib(test->sender.pid);
    require(test, pthread_create(&watcher, NULL, watch, test) == 0, "no thread");
    de_cluster_caught_up(&test->cluster, behind, "marker", "end", PATIENCE_MS);
    atomic_store(&test->stop, true);
    (void)pthread_join(watcher, NULL);
    (void)printf("%u MiB in %" PRIu64
                 " ms; %ld KiB more than %ld at the sender, %ld at the receiver\n",
                 (unsigned)(test->values / VALUES_PER_MIB), de_now_ms() - start_ms,
                 atomic_load(&test->sender.most_kib) - test->sender.first_kib,
                 test->sender.first_kib, atomic_load(&test->receiver.most_kib));
    require(test, changes(test, leader) == before, "the leader changed meanwhile");
    require(test, has_snapshot(behind), "it has caught up, but without a snapshot");
    require(test,
            atomic_load(&test->sender.most_kib) > 0 && atomic_load(&test->receiver.most_kib) > 0,
            "nothing was seen of the two");
}

int main(int argc, char **argv)
{
    const struct dengine_connect_options options = {.timeout_ms = 20000};
    static struct test test;

    if (argc != 4) {
        (void)fprintf(stderr, "usage: snapshot_memory_test SERVER CLI MIB\n");
        return 2;
    }
    test.cli = argv[2];
    test.values = (uint32_t)strtoul(argv[3], NULL, 10) * VALUES_PER_MIB;
    require(&test, test.values > 0, "how many MiB?");
    de_cluster_start(&test.cluster, argv[1], flags);
    require(&test, dengine_connect(test.cluster.endpoints, &options, &test.client) == 0,
            "no client");
    run(&test);
    require(&test, atomic_load(&test.sender.most_kib) - test.sender.first_kib < SENDER_MAX_KIB,
            "the sender takes more");
    require(&test, atomic_load(&test.receiver.most_kib) < RECEIVER_MAX_KIB,
            "the receiver takes more");
    dengine_disconnect(test.client);
    de_cluster_stop(&test.cluster);
    (void)puts("ok");
    return 0;
}
