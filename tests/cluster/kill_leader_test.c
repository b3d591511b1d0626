/* Three real servers; clients that write, read and count without pause; the leader is killed and
 * comes back, five times. Then: a new leader served within three seconds each time, every
 * acknowledged write is there, the counter is right, and dengine-check finds the recorded history
 * linearizable.
 *
 *   kill_leader_test SERVER CHECK        the paths of dengine-server and dengine-check
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cluster/cluster.h"
#include "tests/cluster/recorder.h"
#include "tests/cluster/workload.h"

#define KILLS 5

/* The promise: after the death of a leader a new one serves within this time. */
#define FAIL_OVER_MS 3000

/* For everything that has no promise of its own. */
#define PATIENCE_MS 30000

/* Operations between two kills, at least. */
#define OPERATIONS 1500

static const char history_path[] = "history.jsonl";

static void require(struct de_cluster *cluster, bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "kill_leader_test: %s\n", what);
        de_cluster_dump(cluster);
        exit(1);
    }
}

/* Puts marker = value, again and again until it is done; how long that took. */
static uint64_t put_marker(struct de_cluster *cluster, struct dengine_client *client,
                           const char *value, uint32_t timeout_ms)
{
    const uint64_t start_ms = de_now_ms();
    int err;

    do {
        err = dengine_put(client, DENGINE_STR("marker"), dengine_str(value), NULL);
        if (err != 0 && de_now_ms() - start_ms > timeout_ms) {
            (void)fprintf(stderr, "marker: %s (%s)\n", dengine_strerror(err),
                          dengine_last_error(client));
            require(cluster, false, "no new leader serves in time");
        }
    } while (err != 0);
    return de_now_ms() - start_ms;
}

static void kill_and_restart(struct de_cluster *cluster, struct de_workload *workload,
                             struct dengine_client *client, int round)
{
    char value[32];
    uint64_t leader;
    uint64_t took_ms;

    require(cluster, de_workload_progress(workload, OPERATIONS, PATIENCE_MS),
            "the clients do not get on");
    leader = de_cluster_leader(client, PATIENCE_MS);
    de_cluster_kill(cluster, leader);
    (void)snprintf(value, sizeof value, "killed %d", round);
    took_ms = put_marker(cluster, client, value, PATIENCE_MS);
    (void)printf("round %d: killed node %" PRIu64 ", a new leader serves after %" PRIu64 " ms\n",
                 round, leader, took_ms);
    require(cluster, took_ms <= FAIL_OVER_MS, "a new leader took longer than 3 s");
    de_cluster_restart(cluster, leader);
    (void)snprintf(value, sizeof value, "restarted %d", round);
    (void)put_marker(cluster, client, value, PATIENCE_MS);
    de_cluster_caught_up(cluster, leader, "marker", value, PATIENCE_MS);
}

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

static void run(const char *server, const char *check)
{
    static struct de_workload workload;
    static struct de_recorder recorder;
    static struct de_cluster cluster;
    const struct dengine_connect_options options = {.timeout_ms = 1000};
    struct dengine_client *client;
    int round;

    de_cluster_start(&cluster, server, NULL);
    require(&cluster, dengine_connect(cluster.endpoints, &options, &client) == 0, "no client");
    de_recorder_open(&recorder, history_path);
    de_workload_start(&workload, cluster.endpoints, &recorder);
    for (round = 1; round <= KILLS; round++) {
        kill_and_restart(&cluster, &workload, client, round);
    }
    require(&cluster, de_workload_progress(&workload, OPERATIONS, PATIENCE_MS),
            "the clients do not get on");
    de_workload_stop(&workload);
    de_recorder_close(&recorder);
    (void)printf("%" PRIu64 " operations ended well, %" PRIu64 " unknown; %" PRIu64
                 " events recorded\n",
                 workload.done, workload.unknown, recorder.events);
    require(&cluster, de_workload_verify(&workload, client), "acknowledged writes are missing");
    dengine_disconnect(client);
    require(&cluster, judge(check), "the history is not linearizable");
    de_cluster_stop(&cluster);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fprintf(stderr, "usage: kill_leader_test SERVER CHECK\n");
        return 2;
    }
    run(argv[1], argv[2]);
    (void)puts("ok");
    return 0;
}
