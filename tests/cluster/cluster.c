#include "tests/cluster/cluster.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine_test_support.h"

#define START_MS 20000

static void require(struct de_cluster *cluster, bool condition, const char *what, uint64_t node)
{
    if (!condition) {
        (void)fprintf(stderr, "cluster: node %u: %s\n", (unsigned)node, what);
        if (cluster != NULL) {
            de_cluster_dump(cluster);
        }
        exit(1);
    }
}

static void start_node(struct de_cluster *cluster, uint64_t node)
{
    char id[8];
    char directory[16];
    const char *argv[14 + DE_CLUSTER_FLAGS_MAX] = {cluster->server,
                                                   "--node-id",
                                                   id,
                                                   "--data-dir",
                                                   directory,
                                                   "--initial-cluster",
                                                   cluster->members,
                                                   "--election-timeout-min",
                                                   "300",
                                                   "--election-timeout-max",
                                                   "600",
                                                   "--heartbeat",
                                                   "50"};
    size_t i;

    for (i = 0; cluster->flags != NULL && cluster->flags[i] != NULL; i++) {
        require(cluster, i < DE_CLUSTER_FLAGS_MAX, "has too many flags", node);
        argv[13 + i] = cluster->flags[i];
    }

    (void)snprintf(id, sizeof id, "%u", (unsigned)node);
    (void)snprintf(directory, sizeof directory, "node%u", (unsigned)node);
    cluster->nodes[node - 1] = de_process_start(argv, NULL);
    require(cluster, de_process_listening(cluster->nodes[node - 1], START_MS) != 0,
            "does not come up", node);
}

void de_cluster_start(struct de_cluster *cluster, const char *server, const char *const *flags)
{
    uint64_t node;

    memset(cluster, 0, sizeof *cluster);
    cluster->server = server;
    cluster->flags = flags;
    de_test_free_ports(cluster->ports, DE_CLUSTER_NODES);
    for (node = 1; node <= DE_CLUSTER_NODES; node++) {
        const unsigned port = cluster->ports[node - 1];
        const char *comma = node > 1 ? "," : "";
        char directory[16];
        size_t at = strlen(cluster->members);

        (void)snprintf(cluster->members + at, sizeof cluster->members - at, "%s%u=127.0.0.1:%u",
                       comma, (unsigned)node, port);
        at = strlen(cluster->endpoints);
        (void)snprintf(cluster->endpoints + at, sizeof cluster->endpoints - at, "%s127.0.0.1:%u",
                       comma, port);
        (void)snprintf(directory, sizeof directory, "node%u", (unsigned)node);
        de_test_remove_tree(directory);
    }
    for (node = 1; node <= DE_CLUSTER_NODES; node++) {
        start_node(cluster, node);
    }
}

void de_cluster_stop(struct de_cluster *cluster)
{
    uint64_t node;

    for (node = 1; node <= DE_CLUSTER_NODES; node++) {
        de_process_signal(cluster->nodes[node - 1], SIGTERM);
    }
    for (node = 1; node <= DE_CLUSTER_NODES; node++) {
        require(cluster, de_process_wait(cluster->nodes[node - 1], START_MS) == 0,
                "does not stop with status 0", node);
    }
    for (node = 1; node <= DE_CLUSTER_NODES; node++) {
        de_process_free(cluster->nodes[node - 1]);
        cluster->nodes[node - 1] = NULL;
    }
}

void de_cluster_kill(struct de_cluster *cluster, uint64_t node)
{
    struct de_process *process = cluster->nodes[node - 1];

    de_process_signal(process, SIGKILL);
    require(cluster, de_process_wait(process, START_MS) == DE_PROCESS_SIGNALLED + SIGKILL,
            "was not killed by us", node);
}

void de_cluster_restart(struct de_cluster *cluster, uint64_t node)
{
    de_process_free(cluster->nodes[node - 1]);
    start_node(cluster, node);
}

uint64_t de_cluster_leader(struct dengine_client *client, uint32_t timeout_ms)
{
    const uint64_t until_ms = de_now_ms() + timeout_ms;
    struct dengine_cluster_status status = {0};

    while (status.leader == 0) {
        require(NULL, de_now_ms() < until_ms, "no leader is known in time", 0);
        (void)dengine_cluster_status(client, NULL, &status);
    }
    return status.leader;
}

void de_cluster_caught_up(const struct de_cluster *cluster, uint64_t node, const char *key,
                          const char *value, uint32_t timeout_ms)
{
    const uint64_t until_ms = de_now_ms() + timeout_ms;
    struct dengine_client *client;
    char endpoint[32];
    bool there = false;

    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", cluster->ports[node - 1]);
    require(NULL, dengine_connect(endpoint, NULL, &client) == 0, "no client", node);
    while (!there) {
        struct dengine_value seen;

        require(NULL, de_now_ms() < until_ms, "does not catch up in time", node);
        if (dengine_get(client, dengine_str(key), DENGINE_EVENTUAL, NULL, &seen) == 0) {
            there = seen.size == strlen(value) && memcmp(seen.data, value, seen.size) == 0;
            dengine_value_free(&seen);
        }
    }
    dengine_disconnect(client);
}

int de_cluster_cli(const char *cli, const char *const *words)
{
    const char *argv[16] = {cli};
    struct de_process *process;
    size_t count = 1;
    int status;

    while (words[count - 1] != NULL) {
        argv[count] = words[count - 1];
        count++;
        require(NULL, count < 16, "too many words for the program", 0);
    }
    process = de_process_run(argv, NULL, START_MS, &status);
    if (status != 0) {
        (void)printf("%s", de_process_errors(process));
    }
    de_process_free(process);
    return status;
}

/* Of the leader: a follower may be a little behind what was acknowledged. */
void de_cluster_save(struct de_cluster *cluster, const char *cli, const char *backup,
                     uint32_t timeout_ms)
{
    char endpoint[32];
    const char *const words[] = {"--endpoints", endpoint, "snapshot", "save", backup, NULL};
    struct dengine_client *client;
    uint64_t leader;

    require(cluster, dengine_connect(cluster->endpoints, NULL, &client) == 0, "no client", 0);
    leader = de_cluster_leader(client, timeout_ms);
    dengine_disconnect(client);
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", cluster->ports[leader - 1]);
    require(cluster, de_cluster_cli(cli, words) == 0, "no backup", leader);
}

int de_cluster_restore(const struct de_cluster *cluster, const char *cli, const char *backup,
                       uint64_t node, const char *name)
{
    char directory[16];
    char id[8];
    const char *const words[] = {"snapshot",
                                 "restore",
                                 backup,
                                 "--data-dir",
                                 directory,
                                 "--node-id",
                                 id,
                                 "--initial-cluster",
                                 cluster->members,
                                 name != NULL ? "--cluster-name" : NULL,
                                 name,
                                 NULL};

    (void)snprintf(directory, sizeof directory, "node%u", (unsigned)node);
    (void)snprintf(id, sizeof id, "%u", (unsigned)node);
    de_test_remove_tree(directory);
    return de_cluster_cli(cli, words);
}

void de_cluster_dump(struct de_cluster *cluster)
{
    uint64_t node;

    for (node = 1; node <= DE_CLUSTER_NODES; node++) {
        if (cluster->nodes[node - 1] != NULL) {
            (void)fprintf(stderr, "---- node %u\n%s", (unsigned)node,
                          de_process_errors(cluster->nodes[node - 1]));
        }
    }
}
