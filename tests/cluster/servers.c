#include "tests/cluster/servers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine_test_support.h"

#define START_MS    20000
#define PATIENCE_MS 30000

#define WORDS_MAX 24

void de_servers_require(struct de_servers *servers, bool condition, const char *what)
{
    if (condition) {
        return;
    }
    (void)fprintf(stderr, "servers: %s\n", what);
    for (uint64_t id = 1; id <= DE_SERVERS_MAX; id++) {
        if (servers->processes[id - 1] != NULL) {
            (void)fprintf(stderr, "---- server %u\n%s", (unsigned)id,
                          de_process_errors(servers->processes[id - 1]));
        }
    }
    exit(1);
}

static void address_of(uint16_t port, char address[32])
{
    (void)snprintf(address, 32, "127.0.0.1:%u", port);
}

/* "1=host:port,..." of the founders, or "host:port,..." of servers 1 and 2. */
static void list_servers(const struct de_servers *servers, bool ids, uint32_t count, char *list,
                         size_t size)
{
    size_t at = 0;

    list[0] = '\0';
    for (uint64_t id = 1; id <= count; id++) {
        char address[32];
        int written;

        address_of(servers->first_ports[id - 1], address);
        written = ids ? snprintf(list + at, size - at, "%s%u=%s", id > 1 ? "," : "", (unsigned)id,
                                 address)
                      : snprintf(list + at, size - at, "%s%s", id > 1 ? "," : "", address);
        at += (size_t)written;
    }
}

void de_servers_start_with(struct de_servers *servers, uint64_t id, const char *flag,
                           const char *value)
{
    char number[8];
    char directory[16];
    char address[32];
    char others[300];
    const char *argv[WORDS_MAX] = {servers->server,
                                   "--node-id",
                                   number,
                                   "--data-dir",
                                   directory,
                                   "--election-timeout-min",
                                   "300",
                                   "--election-timeout-max",
                                   "600",
                                   "--heartbeat",
                                   "50",
                                   "--set",
                                   "storage.wal_segment_bytes=16777216"};
    size_t words = 13;

    (void)snprintf(number, sizeof number, "%u", (unsigned)id);
    (void)snprintf(directory, sizeof directory, "node%u", (unsigned)id);
    address_of(servers->ports[id - 1], address);
    if (id <= servers->founders && servers->founders > 1) {
        list_servers(servers, true, servers->founders, others, sizeof others);
        argv[words++] = "--initial-cluster";
        argv[words++] = others;
    } else {
        if (flag == NULL || strcmp(flag, "--listen") != 0) {
            argv[words++] = "--listen";
            argv[words++] = address;
        }
        if (id > servers->founders) {
            list_servers(servers, false, 2, others, sizeof others);
            argv[words++] = "--join";
            argv[words++] = others;
        }
    }
    if (flag != NULL) {
        argv[words++] = flag;
        argv[words++] = value;
    }
    de_process_free(servers->processes[id - 1]);
    servers->processes[id - 1] = de_process_start(argv, NULL);
    de_servers_require(servers, de_process_listening(servers->processes[id - 1], START_MS) != 0,
                       "a server does not come up");
}

void de_servers_start(struct de_servers *servers, uint64_t id)
{
    de_servers_start_with(servers, id, NULL, NULL);
}

static void remove_data(void)
{
    for (uint64_t id = 1; id <= DE_SERVERS_MAX; id++) {
        char directory[16];

        (void)snprintf(directory, sizeof directory, "node%u", (unsigned)id);
        de_test_remove_tree(directory);
    }
}

void de_servers_begin(struct de_servers *servers, const char *server, const char *cli,
                      uint32_t founders)
{
    memset(servers, 0, sizeof *servers);
    servers->server = server;
    servers->cli = cli;
    servers->founders = founders;
    de_test_free_ports(servers->ports, DE_SERVERS_MAX + 2);
    memcpy(servers->first_ports, servers->ports, sizeof servers->ports);
    list_servers(servers, false, DE_SERVERS_MAX + 2, servers->endpoints, sizeof servers->endpoints);
    remove_data();
    for (uint64_t id = 1; id <= founders; id++) {
        de_servers_start(servers, id);
    }
}

static void forget(struct de_servers *servers, uint64_t id)
{
    de_process_free(servers->processes[id - 1]);
    servers->processes[id - 1] = NULL;
}

void de_servers_kill(struct de_servers *servers, uint64_t id)
{
    struct de_process *process = servers->processes[id - 1];

    de_process_signal(process, SIGKILL);
    de_servers_require(servers,
                       de_process_wait(process, START_MS) == DE_PROCESS_SIGNALLED + SIGKILL,
                       "a server was not killed by us");
    forget(servers, id);
}

void de_servers_stop(struct de_servers *servers, uint64_t id)
{
    struct de_process *process = servers->processes[id - 1];

    de_process_signal(process, SIGTERM);
    de_servers_require(servers, de_process_wait(process, START_MS) == 0,
                       "a server does not stop with status 0");
    forget(servers, id);
}

void de_servers_end_removed(struct de_servers *servers, uint64_t id)
{
    struct de_process *process = servers->processes[id - 1];
    const int status = de_process_wait(process, START_MS);

    de_servers_require(servers, status == 8, "a removed server does not exit with 8");
    de_servers_require(servers,
                       strstr(de_process_errors(process),
                              "this node was removed from the cluster and stops") != NULL,
                       "a removed server does not say so");
    forget(servers, id);
}

void de_servers_end(struct de_servers *servers)
{
    for (uint64_t id = 1; id <= DE_SERVERS_MAX; id++) {
        if (servers->processes[id - 1] != NULL) {
            de_servers_stop(servers, id);
        }
    }
    remove_data();
}

int de_servers_cli(const struct de_servers *servers, char *text, size_t size,
                   const char *const *words)
{
    const char *argv[WORDS_MAX] = {servers->cli, "--endpoints", servers->endpoints, "--timeout",
                                   "20000"};
    struct de_process *process;
    size_t bytes;
    int status;

    for (size_t i = 0; words[i] != NULL && i + 6 < WORDS_MAX; i++) {
        argv[5 + i] = words[i];
    }
    process = de_process_run(argv, NULL, PATIENCE_MS, &status);
    (void)snprintf(text, size, "%s%s", de_process_output(process, &bytes),
                   de_process_errors(process));
    de_process_free(process);
    return status;
}

void de_servers_do(struct de_servers *servers, const char *const *words)
{
    char text[1000];
    const int status = de_servers_cli(servers, text, sizeof text, words);

    if (status != 0) {
        (void)fprintf(stderr, "dengine-cli %s %s: status %d: %s\n", words[0],
                      words[1] != NULL ? words[1] : "", status, text);
    }
    de_servers_require(servers, status == 0, "a command fails");
}

static struct dengine_client *connect_to(struct de_servers *servers, const char *endpoints)
{
    const struct dengine_connect_options options = {.timeout_ms = 2000};
    struct dengine_client *client;

    de_servers_require(servers, dengine_connect(endpoints, &options, &client) == 0, "no client");
    return client;
}

static bool has_voters(const struct dengine_cluster_status *status, const char *voters)
{
    char text[64] = "";

    for (uint32_t i = 0; i < status->member_count; i++) {
        const size_t at = strlen(text);

        if (status->members[i].kind == DENGINE_MEMBER_VOTER) {
            (void)snprintf(text + at, sizeof text - at, "%s%u", at > 0 ? " " : "",
                           (unsigned)status->members[i].id);
        }
    }
    return !status->changing && status->leader != 0 && strcmp(text, voters) == 0;
}

void de_servers_wait_voters(struct de_servers *servers, const char *voters)
{
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;
    struct dengine_client *client = connect_to(servers, servers->endpoints);
    struct dengine_cluster_status status = {0};

    while (!has_voters(&status, voters)) {
        de_servers_require(servers, de_now_ms() < until_ms, "the voters are not the ones expected");
        (void)dengine_cluster_status(client, NULL, &status);
    }
    dengine_disconnect(client);
}

uint64_t de_servers_leader(struct de_servers *servers)
{
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;
    struct dengine_client *client = connect_to(servers, servers->endpoints);
    struct dengine_cluster_status status = {0};

    while (status.leader == 0) {
        de_servers_require(servers, de_now_ms() < until_ms, "no leader is known in time");
        (void)dengine_cluster_status(client, NULL, &status);
    }
    dengine_disconnect(client);
    return status.leader;
}

void de_servers_caught_up(struct de_servers *servers, uint64_t id, const char *key,
                          const char *value)
{
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;
    struct dengine_client *client;
    char address[32];
    bool there = false;

    address_of(servers->ports[id - 1], address);
    client = connect_to(servers, address);
    while (!there) {
        struct dengine_value seen;

        de_servers_require(servers, de_now_ms() < until_ms, "a server does not catch up in time");
        if (dengine_get(client, dengine_str(key), DENGINE_EVENTUAL, NULL, &seen) == 0) {
            there = seen.size == strlen(value) && memcmp(seen.data, value, seen.size) == 0;
            dengine_value_free(&seen);
        }
    }
    dengine_disconnect(client);
}
