/* The examples of locks and an election as processes, on three real servers.
 *
 *   a holder is killed       the others go on when its lease has ended, and no step is lost or done
 *                            twice
 *   a holder is stopped      another takes the lock over and writes; when the first goes on, as if
 *                            nothing had happened, its write is refused
 *   the leader of the       who waits for the lock with an event loop waits on, and gets it from
 *   servers is killed       the next leader
 *   a leader is killed, or   another leads, and who looks on sees each of them
 *   resigns
 *
 *   recipe_test SERVER LOCK LOCK_LOOP ELECTION        the paths of the programs
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine_test_support.h"
#include "tests/cluster/cluster.h"

#define PATIENCE_MS 60000
#define WORKERS     3
#define STEPS       20
/* Far longer than it takes to send a signal to who rests. */
#define PAUSE_MS "4000"

static struct de_cluster cluster;

static void require(bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "recipe_test: %s\n", what);
        de_cluster_dump(&cluster);
        exit(1);
    }
}

static struct de_process *start(const char *program, const char *first, const char *second)
{
    const char *arguments[] = {program, cluster.endpoints, first, second, NULL};

    return de_process_start(arguments, NULL);
}

static const char *output(struct de_process *process)
{
    size_t size;

    return de_process_output(process, &size);
}

/* Waits until the program has printed text so many times. */
static void wait_for(struct de_process *process, const char *text, uint32_t times)
{
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;
    uint32_t seen = 0;

    while (seen < times) {
        const char *at = output(process);

        for (seen = 0; (at = strstr(at, text)) != NULL; at += strlen(text)) {
            seen++;
        }
        if (seen < times) {
            require(de_now_ms() < until_ms, text);
            (void)sched_yield();
        }
    }
}

static void finish(struct de_process *process, const char *what)
{
    require(de_process_wait(process, PATIENCE_MS) == 0, what);
}

static long total(struct dengine_client *client)
{
    struct dengine_value value;
    char text[32] = "";

    require(dengine_get(client, DENGINE_STR("total"), DENGINE_LINEARIZABLE, NULL, &value) == 0,
            "no total");
    (void)snprintf(text, sizeof text, "%.*s", (int)value.size, (const char *)value.data);
    dengine_value_free(&value);
    return strtol(text, NULL, 10);
}

/* ---- locks ---- */

/* The tokens of the writes of all, by the number that they wrote; each number once. */
static void collect(struct de_process *process, unsigned long long *tokens, size_t count)
{
    const char *at = output(process);
    unsigned long long token;
    unsigned long number;

    while ((at = strstr(at, "wrote ")) != NULL) {
        require(sscanf(at, "wrote %lu with token %llu", &number, &token) == 2, "a broken line");
        require(number <= count && tokens[number] == 0, "a number was written twice");
        tokens[number] = token;
        at++;
    }
}

static void kill_a_holder(const char *lock, const char *lock_loop, struct dengine_client *client)
{
    struct de_process *holder = start(lock, "1", PAUSE_MS);
    struct de_process *workers[WORKERS];
    unsigned long long tokens[WORKERS * STEPS + 1] = {0};
    char steps[8];
    size_t i;

    (void)snprintf(steps, sizeof steps, "%d", STEPS);
    wait_for(holder, "held with token", 1);
    for (i = 0; i < WORKERS; i++) {
        workers[i] = start(i == 0 ? lock_loop : lock, steps, NULL);
    }
    de_process_signal(holder, SIGKILL);
    require(de_process_wait(holder, PATIENCE_MS) == DE_PROCESS_SIGNALLED + SIGKILL,
            "the holder was not killed");
    require(strstr(output(holder), "wrote") == NULL, "the holder wrote");
    for (i = 0; i < WORKERS; i++) {
        finish(workers[i], "a worker failed");
        collect(workers[i], tokens, WORKERS * STEPS);
        de_process_free(workers[i]);
    }
    require(total(client) == (long)WORKERS * STEPS, "steps were lost");
    for (i = 1; i <= (size_t)WORKERS * STEPS; i++) {
        require(tokens[i] > tokens[i - 1], "the tokens do not grow with what was written");
    }
    de_process_free(holder);
}

static void stop_a_holder(const char *lock, struct dengine_client *client)
{
    const long before = total(client);
    struct de_process *holder = start(lock, "1", PAUSE_MS);
    struct de_process *worker;

    wait_for(holder, "held with token", 1);
    de_process_signal(holder, SIGSTOP);
    worker = start(lock, "2", NULL);
    finish(worker, "the lock was not taken over");
    require(total(client) == before + 2, "the worker's steps are not there");
    de_process_signal(holder, SIGCONT);
    wait_for(holder, "refused", 1);
    finish(holder, "the holder did not get the lock again");
    require(total(client) == before + 3, "a holder of yesterday has written");
    de_process_free(holder);
    de_process_free(worker);
}

/* Waits until so many stand in the queue of the lock. */
static void wait_for_places(struct dengine_client *client, uint64_t count)
{
    const struct dengine_scan scan = {
        .from = DENGINE_STR("total/"), .end = DENGINE_STR("total0"), .count_only = true};
    uint64_t seen = 0;

    while (seen != count) {
        struct dengine_page page;

        require(dengine_scan(client, &scan, NULL, &page) == 0, "the queue cannot be read");
        seen = page.total;
        dengine_page_free(&page);
    }
}

static void kill_the_leader(const char *lock, const char *lock_loop, struct dengine_client *client)
{
    const long before = total(client);
    struct de_process *holder = start(lock, "1", PAUSE_MS);
    struct de_process *waiter;
    uint64_t leader;

    wait_for(holder, "held with token", 1);
    waiter = start(lock_loop, "2", NULL);
    wait_for_places(client, 2);
    leader = de_cluster_leader(client, PATIENCE_MS);
    de_cluster_kill(&cluster, leader);
    finish(holder, "the holder failed");
    finish(waiter, "who waited failed");
    require(strstr(output(waiter), "the loop was never away") != NULL, "the loop did not end");
    require(total(client) == before + 3, "steps were lost when the leader was");
    de_cluster_restart(&cluster, leader);
    de_process_free(holder);
    de_process_free(waiter);
}

/* ---- elections ---- */

static void elect(const char *program)
{
    struct de_process *observer = start(program, NULL, NULL);
    struct de_process *a = start(program, "anna", NULL);
    struct de_process *b;
    struct de_process *c;

    wait_for(a, "anna leads with token", 1);
    wait_for(observer, "leader: anna", 1);
    b = start(program, "bela", NULL);
    de_process_signal(a, SIGKILL);
    wait_for(b, "bela leads with token", 1);
    wait_for(observer, "leader: bela", 1);
    c = start(program, "cleo", NULL);
    de_process_signal(b, SIGTERM);
    finish(b, "who resigns fails");
    wait_for(c, "cleo leads with token", 1);
    wait_for(observer, "leader: cleo", 1);
    de_process_signal(c, SIGTERM);
    finish(c, "the last one fails");
    wait_for(observer, "nobody leads", 1);
    de_process_signal(observer, SIGTERM);
    finish(observer, "the observer fails");
    require(strstr(output(c), "leads no more") != NULL, "cleo has not resigned");
    de_process_free(observer);
    de_process_free(a);
    de_process_free(b);
    de_process_free(c);
}

int main(int argc, char **argv)
{
    struct dengine_client *client;

    if (argc != 5) {
        (void)fprintf(stderr, "usage: recipe_test SERVER LOCK LOCK_LOOP ELECTION\n");
        return 2;
    }
    de_cluster_start(&cluster, argv[1], NULL);
    require(dengine_connect(cluster.endpoints, NULL, &client) == 0, "no client");
    (void)de_cluster_leader(client, PATIENCE_MS);
    kill_a_holder(argv[2], argv[3], client);
    stop_a_holder(argv[2], client);
    stop_a_holder(argv[3], client);
    kill_the_leader(argv[2], argv[3], client);
    elect(argv[4]);
    dengine_disconnect(client);
    de_cluster_stop(&cluster);
    (void)printf("%d steps under the lock, three holders lost, three leaders\n",
                 WORKERS * STEPS + 9);
    return 0;
}
