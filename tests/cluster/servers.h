/* tests/cluster/servers.h - dengine-server processes on loopback that come and go: a cluster whose
 * members change. Each server has one set of flags for its whole life, as if they stood in a file
 * that nobody edits.
 *
 * Threads: the main thread. Whatever goes wrong fails the process with a message, and the servers
 * die with it. */
#ifndef DE_TESTS_CLUSTER_SERVERS_H
#define DE_TESTS_CLUSTER_SERVERS_H

#include <stdbool.h>
#include <stdint.h>

#include <dengine/client.h>

#include "tests/processes/process.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_SERVERS_MAX 8

struct de_servers {
    const char *server; /* paths of the programs */
    const char *cli;
    uint16_t ports[DE_SERVERS_MAX + 2];       /* of server id at id - 1; two are spare */
    uint16_t first_ports[DE_SERVERS_MAX + 2]; /* as they were when the flags were written */
    char endpoints[300];                      /* all of them */
    uint32_t founders;                        /* servers 1 .. founders are the cluster at first */
    struct de_process *processes[DE_SERVERS_MAX]; /* NULL: does not run */
};

/* Data of earlier runs below the current directory is removed. Starts the founders: one alone, or
 * several with --initial-cluster. */
void de_servers_begin(struct de_servers *servers, const char *server, const char *cli,
                      uint32_t founders);

/* Starts server id, for the first time or again, and waits until it listens; a server that is no
 * founder joins, at servers 1 and 2. */
void de_servers_start(struct de_servers *servers, uint64_t id);

/* The same, with one flag more ("--listen" and its value, say; NULL: none). */
void de_servers_start_with(struct de_servers *servers, uint64_t id, const char *flag,
                           const char *value);

/* kill -9; or SIGTERM, and it must exit with 0. */
void de_servers_kill(struct de_servers *servers, uint64_t id);
void de_servers_stop(struct de_servers *servers, uint64_t id);

/* Waits until server id, removed from the cluster, has said so and exited with its status. */
void de_servers_end_removed(struct de_servers *servers, uint64_t id);

/* SIGTERM to all that run; their data is removed. */
void de_servers_end(struct de_servers *servers);

/* dengine-cli WORDS... (until NULL): its exit status; what it printed, on both streams, is in text
 * (of size bytes). */
int de_servers_cli(const struct de_servers *servers, char *text, size_t size,
                   const char *const *words);

/* The same for a command that must succeed. */
void de_servers_do(struct de_servers *servers, const char *const *words);
#define DE_SERVERS_DO(servers, ...)                                                                \
    de_servers_do((servers), (const char *const[]){__VA_ARGS__, NULL})

/* Waits until the members are complete, and these voters and no others: "1 2 3", ascending. */
void de_servers_wait_voters(struct de_servers *servers, const char *voters);

/* Who leads, once somebody does. */
uint64_t de_servers_leader(struct de_servers *servers);

/* Waits until server id by itself, without asking others, shows that key has value. */
void de_servers_caught_up(struct de_servers *servers, uint64_t id, const char *key,
                          const char *value);

/* Fails the process, with everything that the servers have logged, unless condition holds. */
void de_servers_require(struct de_servers *servers, bool condition, const char *what);

#ifdef __cplusplus
}
#endif

#endif
