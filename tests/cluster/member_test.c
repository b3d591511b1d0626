/* Real servers whose cluster changes under clients that never pause. Each case records what the
 * clients saw; in the end dengine-check finds that linearizable, and every acknowledged write is
 * there.
 *
 *   member_test SERVER CLI CHECK CASE        the paths of dengine-server, -cli and -check
 *
 *   grow       1, 3, 5 and 4 voters; one is down while it becomes a voter
 *   replace    a machine dies for good, another takes its place
 *   asleep     a member is down until it knows nobody of those who are left
 *   joint      kill -9 of the leader in the middle of joint changes
 *   transfer   leadership goes round, and no write of clients with sessions fails
 *   restart    all restart one by one with the flags of their first day; one while all others are
 *              down
 *   removed    a server that slept through its removal, and one that leads, end and disturb nobody
 *   move       a member gets another address
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cluster/recorder.h"
#include "tests/cluster/servers.h"
#include "tests/cluster/workload.h"

#define PATIENCE_MS 30000

/* Operations between two events, at least. */
#define OPERATIONS 400

static const char history_path[] = "history.jsonl";

static struct de_servers servers;
static struct de_workload workload;
static struct de_recorder recorder;

static void require(bool condition, const char *what)
{
    de_servers_require(&servers, condition, what);
}

static void progress(void)
{
    require(de_workload_progress(&workload, OPERATIONS, PATIENCE_MS), "the clients do not get on");
}

/* A command that must be refused with this status and these words. */
static void refused(int status, const char *text, const char *const *words)
{
    char said[1000];
    const int ended = de_servers_cli(&servers, said, sizeof said, words);

    if (ended != status || strstr(said, text) == NULL) {
        (void)fprintf(stderr, "status %d: %s\n", ended, said);
    }
    require(ended == status, "a command ends with another status");
    require(strstr(said, text) != NULL, "a refusal says something else");
}
#define REFUSED(status, text, ...)                                                                 \
    refused((status), (text), (const char *const[]){__VA_ARGS__, NULL})

/* Waits until server id has everything that was acknowledged so far. */
static void catch_up(uint64_t id, const char *marker)
{
    DE_SERVERS_DO(&servers, "put", "marker", marker);
    de_servers_caught_up(&servers, id, "marker", marker);
}

static void text_of(uint64_t id, char text[8])
{
    (void)snprintf(text, 8, "%u", (unsigned)id);
}

/* Five become voters when the last of them has just died. It is refused when it has been dead for
 * too long by the time it is asked for: then it comes back, and dies again. */
static void promote_a_dead_fifth(void)
{
    const char *const argv[] = {servers.cli, "--endpoints", servers.endpoints, "member", "voters",
                                "1,2,3,4,5", NULL};
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;
    int status = -1;

    de_workload_pause(&workload, true);
    while (status != 0) {
        struct de_process *command;

        catch_up(5, "five");
        de_servers_kill(&servers, 5);
        command = de_process_run(argv, NULL, PATIENCE_MS, &status);
        require(status == 0 || strstr(de_process_errors(command), "not caught up") != NULL,
                "the command is refused for another reason");
        require(status == 0 || de_now_ms() < until_ms, "a server that has caught up is refused");
        de_process_free(command);
        if (status != 0) {
            de_servers_start(&servers, 5);
        }
    }
    de_workload_pause(&workload, false);
}

/* ---- the cases ---- */

static void grow(void)
{
    char address[32];

    de_servers_start(&servers, 2);
    de_servers_start(&servers, 3);
    catch_up(3, "three");
    DE_SERVERS_DO(&servers, "member", "voters", "1,2,3");
    de_servers_wait_voters(&servers, "1 2 3");
    progress();

    /* It has caught up, so it becomes a voter, though it does not live to see it. */
    de_servers_start(&servers, 4);
    de_servers_start(&servers, 5);
    catch_up(4, "four");
    promote_a_dead_fifth();
    progress();
    de_servers_start(&servers, 5);
    catch_up(5, "again");
    de_servers_wait_voters(&servers, "1 2 3 4 5");
    progress();

    /* One that is added before it runs, and never is more than a learner. */
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", servers.ports[5]);
    DE_SERVERS_DO(&servers, "member", "add", "6", address);
    REFUSED(3, "has not caught up", "--timeout", "1500", "member", "promote", "6");
    de_servers_start(&servers, 6);
    catch_up(6, "six");
    DE_SERVERS_DO(&servers, "member", "remove", "6");
    de_servers_end_removed(&servers, 6);

    DE_SERVERS_DO(&servers, "member", "remove", "2");
    de_servers_end_removed(&servers, 2);
    de_servers_wait_voters(&servers, "1 3 4 5");
    progress();
    REFUSED(2, "never used twice", "member", "add", "2", "127.0.0.1:1");
    REFUSED(2, "not a member", "member", "promote", "7");
    REFUSED(2, "a voter already", "member", "promote", "3");
    REFUSED(2, "not a member", "member", "voters", "99999");
}

static void replace(void)
{
    de_servers_kill(&servers, 2);
    progress();
    de_servers_start(&servers, 4);
    catch_up(4, "four");
    DE_SERVERS_DO(&servers, "member", "replace", "2", "4");
    de_servers_wait_voters(&servers, "1 3 4");
    progress();
    /* The dead machine comes back. */
    de_servers_start(&servers, 2);
    de_servers_end_removed(&servers, 2);
    progress();
}

/* Who is left has to tell it where to send its answers. */
static void asleep(void)
{
    de_servers_kill(&servers, 3);
    for (uint64_t id = 4; id <= 5; id++) {
        char text[8];

        text_of(id, text);
        de_servers_start(&servers, id);
        catch_up(id, text);
        DE_SERVERS_DO(&servers, "member", "promote", text);
    }
    DE_SERVERS_DO(&servers, "member", "remove", "1");
    de_servers_end_removed(&servers, 1);
    DE_SERVERS_DO(&servers, "member", "remove", "2");
    de_servers_end_removed(&servers, 2);
    de_servers_wait_voters(&servers, "3 4 5");
    progress();
    de_servers_start(&servers, 3);
    catch_up(3, "awake");
    de_servers_kill(&servers, 4); /* now nothing is decided without it */
    progress();
}

/* Waits until server id goes by two sets of voters. False when the command that asks for it has
 * ended, and it does not. */
static bool await_joint(uint64_t id, struct de_process *command)
{
    struct dengine_client *client;
    bool ended = false;
    char address[32];
    bool is_joint = false;

    (void)snprintf(address, sizeof address, "127.0.0.1:%u", servers.ports[id - 1]);
    require(dengine_connect(address, NULL, &client) == 0, "no client");
    while (!is_joint && !ended) {
        struct dengine_cluster_status status = {0};

        ended = de_process_wait(command, 0) >= 0;
        (void)dengine_cluster_status(client, NULL, &status);
        for (uint32_t i = 0; i < status.member_count; i++) {
            is_joint = is_joint || status.members[i].kind == DENGINE_MEMBER_LEAVING;
        }
    }
    dengine_disconnect(client);
    return is_joint;
}

/* Holds id and id + 1 and starts the command that makes them voters, until the leader goes by two
 * sets of voters. Nothing else is written meanwhile, since they would lag. On a loaded machine they
 * have been silent for too long by the time it asks, and it is refused: then they go on and catch
 * up, and it is asked again. */
static struct de_process *begin_joint(uint64_t leader, uint64_t id, const char *const *argv)
{
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;

    de_workload_pause(&workload, true);
    for (;;) {
        struct de_process *command;

        de_process_signal(servers.processes[id - 1], SIGSTOP);
        de_process_signal(servers.processes[id], SIGSTOP);
        command = de_process_start(argv, NULL);
        if (await_joint(leader, command)) {
            de_workload_pause(&workload, false);
            return command;
        }
        (void)printf("not yet: %s", de_process_errors(command));
        require(de_now_ms() < until_ms, "the leader does not go by two sets of voters");
        de_process_free(command);
        de_process_signal(servers.processes[id - 1], SIGCONT);
        de_process_signal(servers.processes[id], SIGCONT);
        catch_up(id, "once more");
        catch_up(id + 1, "both once more");
    }
}

/* Voters 1, out and out + 1 become 1, in and in + 1. Those who come in are held, so that the joint
 * configuration cannot be committed, until the leader is dead: then the others must end it. */
static void exchange(uint64_t out, uint64_t in)
{
    char wanted[16];
    const char *const argv[] = {servers.cli, "--endpoints", servers.endpoints,
                                "--timeout", "3000",        "member",
                                "voters",    wanted,        NULL};
    struct de_process *command;
    uint64_t leader;

    (void)snprintf(wanted, sizeof wanted, "1,%u,%u", (unsigned)in, (unsigned)in + 1);
    de_servers_start(&servers, in);
    de_servers_start(&servers, in + 1);
    catch_up(in, wanted);
    catch_up(in + 1, "both");
    leader = de_servers_leader(&servers);
    command = begin_joint(leader, in, argv);
    de_servers_kill(&servers, leader);
    de_process_signal(servers.processes[in - 1], SIGCONT);
    de_process_signal(servers.processes[in], SIGCONT);
    (void)printf("killed the leader %" PRIu64 ", the command ended with %d\n", leader,
                 de_process_wait(command, PATIENCE_MS));
    de_process_free(command);

    (void)snprintf(wanted, sizeof wanted, "1 %u %u", (unsigned)in, (unsigned)in + 1);
    de_servers_wait_voters(&servers, wanted);
    progress();
    de_servers_start(&servers, leader);
    de_servers_end_removed(&servers, out);
    de_servers_end_removed(&servers, out + 1);
    progress();
}

static void joint(void)
{
    exchange(2, 4);
    exchange(4, 6);
}

static void transfer(void)
{
    for (uint64_t round = 0; round < 12; round++) {
        const uint64_t target = 1 + round % 3;
        char text[8];

        text_of(target, text);
        if (de_servers_leader(&servers) != target) {
            DE_SERVERS_DO(&servers, "transfer", text);
            require(de_servers_leader(&servers) == target, "another one leads");
        }
        progress();
    }
    REFUSED(2, "another voter", "transfer", "9");
    de_workload_stop(&workload);
    (void)printf("%" PRIu64 " operations, %" PRIu64 " unknown, %" PRIu64 " failed\n", workload.done,
                 workload.unknown, workload.failed);
    require(workload.unknown == 0 && workload.failed == 0, "a transfer made an operation fail");
}

static void restart(void)
{
    de_servers_start(&servers, 2);
    de_servers_start(&servers, 3);
    catch_up(3, "three");
    DE_SERVERS_DO(&servers, "member", "voters", "1,2,3");
    for (uint64_t id = 1; id <= 3; id++) {
        char marker[16];

        progress();
        de_servers_stop(&servers, id);
        progress();
        de_servers_start(&servers, id);
        (void)snprintf(marker, sizeof marker, "restarted %u", (unsigned)id);
        catch_up(id, marker);
    }
    /* All are down; the one that comes back first knows the others by itself. */
    for (uint64_t id = 1; id <= 3; id++) {
        de_servers_kill(&servers, id);
    }
    de_servers_start(&servers, 3);
    de_servers_start(&servers, 2);
    de_servers_wait_voters(&servers, "1 2 3");
    progress();
    de_servers_start(&servers, 1);
    catch_up(1, "all");
}

static void removed(void)
{
    const uint64_t first = de_servers_leader(&servers);
    const uint64_t asleep = first == 3 ? 2 : 3;
    uint64_t second;
    uint64_t leader;
    char text[8];

    de_process_signal(servers.processes[asleep - 1], SIGSTOP);
    text_of(asleep, text);
    DE_SERVERS_DO(&servers, "member", "remove", text);
    progress();
    second = de_servers_leader(&servers);
    de_process_signal(servers.processes[asleep - 1], SIGCONT);
    de_servers_end_removed(&servers, asleep);
    require(de_servers_leader(&servers) == second, "a removed server disturbed the leader");
    progress();

    de_servers_start(&servers, 4);
    catch_up(4, "four");
    DE_SERVERS_DO(&servers, "member", "promote", "4");
    leader = de_servers_leader(&servers);
    text_of(leader, text);
    DE_SERVERS_DO(&servers, "member", "remove", text);
    de_servers_end_removed(&servers, leader);
    progress();
}

static void move(void)
{
    const uint16_t port = servers.ports[DE_SERVERS_MAX];
    const uint64_t leader = de_servers_leader(&servers);
    char address[32];

    (void)snprintf(address, sizeof address, "127.0.0.1:%u", port);
    if (leader == 3) {
        DE_SERVERS_DO(&servers, "transfer", "1");
    }
    de_servers_stop(&servers, 3);
    DE_SERVERS_DO(&servers, "member", "move", "3", address);
    servers.ports[2] = port; /* where the test looks for it */
    de_servers_start_with(&servers, 3, "--listen", address);
    catch_up(3, "moved");
    /* The others find it there, too, with the flags of their first day. */
    de_servers_kill(&servers, 1);
    de_servers_kill(&servers, 2);
    de_servers_start(&servers, 2);
    progress();
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    void (*run)(void);
    uint32_t founders;
    bool sessions;
} cases[] = {{"grow", grow, 1, false},        {"replace", replace, 3, false},
             {"asleep", asleep, 3, false},    {"joint", joint, 3, false},
             {"transfer", transfer, 3, true}, {"restart", restart, 1, false},
             {"removed", removed, 3, false},  {"move", move, 3, false}};

static bool judge(const char *check)
{
    const char *const argv[] = {check, "--model", "cas-register", history_path, NULL};
    struct de_process *process;
    size_t size;
    int status;

    process = de_process_run(argv, NULL, 4 * PATIENCE_MS, &status);
    (void)printf("dengine-check: status %d: %s%s\n", status, de_process_output(process, &size),
                 de_process_errors(process));
    de_process_free(process);
    return status == 0;
}

static void run(size_t number, const char *const *programs)
{
    struct dengine_client *client;

    de_servers_begin(&servers, programs[0], programs[1], cases[number].founders);
    de_recorder_open(&recorder, history_path);
    if (cases[number].sessions) {
        de_workload_start_sessions(&workload, servers.endpoints, &recorder);
    } else {
        de_workload_start(&workload, servers.endpoints, &recorder);
    }
    progress();
    cases[number].run();
    de_workload_stop(&workload);
    de_recorder_close(&recorder);
    (void)printf("%" PRIu64 " operations ended well, %" PRIu64 " unknown, %" PRIu64
                 " failed; %" PRIu64 " events recorded\n",
                 workload.done, workload.unknown, workload.failed, recorder.events);
    require(dengine_connect(servers.endpoints, NULL, &client) == 0, "no client");
    require(de_workload_verify(&workload, client), "acknowledged writes are missing");
    dengine_disconnect(client);
    require(judge(programs[2]), "the history is not linearizable");
    de_servers_end(&servers);
    (void)puts("ok");
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 5 && i < sizeof cases / sizeof cases[0]; i++) {
        if (strcmp(argv[4], cases[i].name) == 0) {
            const char *const programs[] = {argv[1], argv[2], argv[3]};

            run(i, programs);
            return 0;
        }
    }
    (void)fprintf(stderr, "usage: member_test SERVER CLI CHECK CASE\n");
    return 2;
}
