/* A backup of three real servers that work, and a new cluster from it, with the same addresses and
 * another name. A writer counts up without pause: what the backup holds is everything that was
 * acknowledged before it was asked for, and nothing with a gap. A member of the old cluster that
 * comes back is none of the new one.
 *
 *   backup_test SERVER CLI        the paths of dengine-server and dengine-cli
 */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine_test_support.h"
#include "tests/cluster/cluster.h"

#define PATIENCE_MS 30000

/* Numbers written before the backup, at least, and while it is made. */
#define NUMBERS 300u

static const char *const renamed[] = {"--cluster-name", "second", NULL};

struct test {
    struct de_cluster cluster;
    const char *cli;
    pthread_t thread;
    atomic_uint acknowledged; /* the last number that is known to be written */
    atomic_bool stop;
};

static void require(struct test *test, bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "backup_test: %s\n", what);
        de_cluster_dump(&test->cluster);
        exit(1);
    }
}

static void key_of(uint32_t number, char key[16])
{
    (void)snprintf(key, 16, "number %u", (unsigned)number);
}

static struct dengine_client *connect_to(struct test *test, const char *endpoints)
{
    const struct dengine_connect_options options = {.timeout_ms = 5000};
    struct dengine_client *client;

    require(test, dengine_connect(endpoints, &options, &client) == 0, "no client");
    return client;
}

/* One number after the other, each until it is done. */
static void *write_numbers(void *context)
{
    struct test *test = context;
    struct dengine_client *client = connect_to(test, test->cluster.endpoints);
    char key[16];

    while (!atomic_load(&test->stop)) {
        const uint32_t number = atomic_load(&test->acknowledged) + 1;

        key_of(number, key);
        if (dengine_put(client, dengine_str(key), dengine_str(key), NULL) == 0) {
            atomic_store(&test->acknowledged, number);
        }
    }
    dengine_disconnect(client);
    return NULL;
}

static void wait_acknowledged(struct test *test, uint32_t number)
{
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;

    while (atomic_load(&test->acknowledged) < number) {
        require(test, de_now_ms() < until_ms, "the writer does not get on");
        (void)sched_yield();
    }
}

/* How many numbers there are; there may be no gap, and nothing behind the last. */
static uint32_t count_numbers(struct test *test, struct dengine_client *client)
{
    uint32_t last = atomic_load(&test->acknowledged) + 1; /* one may have come in unseen */
    uint32_t count = 0;
    uint32_t found = 0;

    for (uint32_t number = 1; number <= last; number++) {
        struct dengine_value value;
        char key[16];
        int err;

        key_of(number, key);
        err = dengine_get(client, dengine_str(key), DENGINE_LINEARIZABLE, NULL, &value);
        require(test, err == 0 || err == DENGINE_E_NOT_FOUND, "a read fails");
        if (err == 0) {
            dengine_value_free(&value);
            count = number;
            found++;
        }
    }
    require(test, found == count, "the backup has a gap");
    return count;
}

static void restore(struct test *test, uint64_t node)
{
    const struct de_cluster *cluster = &test->cluster;

    require(test, de_cluster_restore(cluster, test->cli, "backup", node, NULL) == 2,
            "the old cluster's id is given out again");
    require(test, de_cluster_restore(cluster, test->cli, "backup", node, renamed[1]) == 0,
            "a member is not restored");
}

/* Node 3 stays what it was. The other two are a majority of the new cluster without it. */
static void start_new(struct test *test)
{
    for (uint64_t node = 1; node <= DE_CLUSTER_NODES; node++) {
        if (node == 3) {
            test->cluster.flags = NULL;
        } else {
            restore(test, node);
            test->cluster.flags = renamed;
        }
        de_cluster_restart(&test->cluster, node);
    }
}

int main(int argc, char **argv)
{
    static struct test test;
    struct dengine_client *client;
    struct dengine_value value;
    uint32_t before;
    uint32_t count;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: backup_test SERVER CLI\n");
        return 2;
    }
    test.cli = argv[2];
    de_cluster_start(&test.cluster, argv[1], NULL);
    require(&test, pthread_create(&test.thread, NULL, write_numbers, &test) == 0, "no thread");
    wait_acknowledged(&test, NUMBERS);
    before = atomic_load(&test.acknowledged);
    de_cluster_save(&test.cluster, test.cli, "backup", PATIENCE_MS);
    wait_acknowledged(&test, before + NUMBERS);
    atomic_store(&test.stop, true);
    require(&test, pthread_join(test.thread, NULL) == 0, "no end");
    de_cluster_stop(&test.cluster);

    start_new(&test);
    client = connect_to(&test, test.cluster.endpoints);
    require(&test, dengine_put(client, dengine_str("new"), dengine_str("yes"), NULL) == 0,
            "the new cluster does not write");
    count = count_numbers(&test, client);
    dengine_disconnect(client);
    (void)printf("%u acknowledged before, %u in the backup, %u in all\n", (unsigned)before,
                 (unsigned)count, (unsigned)atomic_load(&test.acknowledged));
    require(&test, count >= before, "what was acknowledged is not in the backup");
    require(&test, count < atomic_load(&test.acknowledged), "the backup was not made meanwhile");
    client = connect_to(&test, strrchr(test.cluster.endpoints, ',') + 1); /* node 3, as it was */
    require(&test, dengine_get(client, dengine_str("new"), DENGINE_EVENTUAL, NULL, &value) != 0,
            "a node of the old cluster has joined the new one");
    dengine_disconnect(client);
    de_cluster_stop(&test.cluster);
    (void)puts("ok");
    return 0;
}
