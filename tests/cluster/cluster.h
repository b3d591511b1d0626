/* tests/cluster/cluster.h - three dengine-server processes on loopback.
 *
 * Threads: the main thread. Whatever goes wrong fails the process with a message, and the servers
 * die with it. */
#ifndef DE_TESTS_CLUSTER_CLUSTER_H
#define DE_TESTS_CLUSTER_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include <dengine/client.h>

#include "tests/processes/process.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_CLUSTER_NODES 3

struct de_cluster {
    const char *server;       /* path of the program */
    const char *const *flags; /* NULL, or more flags for every server, with a NULL at the end */
    uint16_t ports[DE_CLUSTER_NODES];
    char members[200];   /* for --initial-cluster */
    char endpoints[200]; /* for dengine_connect */
    struct de_process *nodes[DE_CLUSTER_NODES];
};

/* Flags of one server at most. */
#define DE_CLUSTER_FLAGS_MAX 8

/* Starts three servers with data in node1 .. node3 below the current directory (what is there is
 * removed). flags may be NULL. */
void de_cluster_start(struct de_cluster *cluster, const char *server, const char *const *flags);

/* Stops all by SIGTERM; each must exit with 0. */
void de_cluster_stop(struct de_cluster *cluster);

/* kill -9, and starting again. Nodes are 1 .. DE_CLUSTER_NODES. */
void de_cluster_kill(struct de_cluster *cluster, uint64_t node);
void de_cluster_restart(struct de_cluster *cluster, uint64_t node);

/* Waits until a leader is known; its id. */
uint64_t de_cluster_leader(struct dengine_client *client, uint32_t timeout_ms);

/* Waits until node by itself, without asking others, shows that key has value. */
void de_cluster_caught_up(const struct de_cluster *cluster, uint64_t node, const char *key,
                          const char *value, uint32_t timeout_ms);

/* Runs the program cli with these words (until NULL), and prints what it complains about; its exit
 * status. */
int de_cluster_cli(const char *cli, const char *const *words);

/* Makes a file backup of the leader, with the program cli. */
void de_cluster_save(struct de_cluster *cluster, const char *cli, const char *backup,
                     uint32_t timeout_ms);

/* Makes the data of node anew from a backup, with the same members; name NULL: and the same name.
 * The exit status of the program cli. */
int de_cluster_restore(const struct de_cluster *cluster, const char *cli, const char *backup,
                       uint64_t node, const char *name);

/* Prints what the nodes have logged. */
void de_cluster_dump(struct de_cluster *cluster);

#ifdef __cplusplus
}
#endif

#endif
