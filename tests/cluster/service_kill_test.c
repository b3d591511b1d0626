/* Three real servers under everything that the service offers at once, whose leader is killed and
 * comes back, again and again. Between two kills, and while the leader is down, each workload must
 * get on. Then each judges what was acknowledged:
 *
 *   locks      in the order of revisions the tokens of the writes never fall, and a token has one
 *              holder: no two holders wrote at one time; the counter under the lock was counted up
 *              once by each write; when the holders have gone for good, so has the lock
 *   recipe     the same, under dengine_lock_*
 *   pairs      two keys that are written by one transaction were never seen apart; linearizable
 *              scans never go back; a key with a time to live was never gone before its time
 *   sessions   no write of a session was done twice, or lost
 *   watches    each event fits what was there before, and the map made of the events is in the end
 *              what a scan shows
 *
 *   service_kill_test SERVER CLI [KILLS]        the paths of dengine-server and dengine-cli
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/assert.h"
#include "tests/cluster/service_kill.h"

#define KILLS 4

static const struct de_kill_workload *const workloads[] = {
    &de_kill_locks, &de_kill_recipe, &de_kill_pairs, &de_kill_sessions, &de_kill_watches};

#define WORKLOADS DE_ARRAY_SIZE(workloads)

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping;
    const char *broken; /* what went wrong first */
} all = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct de_cluster cluster;

/* ---- what the workloads share ---- */

void de_kill_take(void)
{
    const int err = pthread_mutex_lock(&all.mutex);

    DE_ASSERT(err == 0);
}

void de_kill_give(void)
{
    int err = pthread_cond_broadcast(&all.changed);

    DE_ASSERT(err == 0);
    err = pthread_mutex_unlock(&all.mutex);
    DE_ASSERT(err == 0);
}

bool de_kill_going_on(void)
{
    bool result;

    de_kill_take();
    result = !all.stopping && all.broken == NULL;
    de_kill_give();
    return result;
}

void de_kill_broken(const char *what)
{
    DE_ASSERT(what != NULL);
    de_kill_take();
    if (all.broken == NULL) {
        all.broken = what;
    }
    de_kill_give();
}

void de_kill_require(bool condition, const char *what)
{
    DE_ASSERT(what != NULL || condition);
    if (!condition) {
        (void)fprintf(stderr, "service_kill_test: %s\n", what);
        de_cluster_dump(&cluster);
        exit(1);
    }
}

void de_kill_count(uint64_t *what)
{
    DE_ASSERT(what != NULL);
    de_kill_take();
    (*what)++;
    de_kill_give();
}

uint64_t de_kill_read(const uint64_t *what)
{
    uint64_t value;

    DE_ASSERT(what != NULL);
    de_kill_take();
    value = *what;
    de_kill_give();
    return value;
}

bool de_kill_wait(const uint64_t *what, uint64_t enough)
{
    bool result;

    DE_ASSERT(what != NULL);
    de_kill_take();
    while (*what < enough && !all.stopping && all.broken == NULL) {
        (void)pthread_cond_wait(&all.changed, &all.mutex);
    }
    result = *what >= enough;
    de_kill_give();
    return result;
}

struct dengine_client *de_kill_connect(uint32_t timeout_ms)
{
    const struct dengine_connect_options options = {.timeout_ms = timeout_ms};
    struct dengine_client *client;

    DE_ASSERT(timeout_ms > 0);
    de_kill_require(dengine_connect(cluster.endpoints, &options, &client) == 0, "no client");
    return client;
}

uint64_t de_kill_number(struct dengine_client *client, const char *key)
{
    struct dengine_value value;
    char text[24];
    int err;

    DE_ASSERT(client != NULL);
    do {
        err = dengine_get(client, dengine_str(key), DENGINE_LINEARIZABLE, NULL, &value);
    } while (err != 0 && err != DENGINE_E_NOT_FOUND);
    (void)snprintf(text, sizeof text, "%.*s", (int)value.size, (const char *)value.data);
    dengine_value_free(&value);
    return err == 0 ? strtoull(text, NULL, 10) : 0;
}

/* ---- the main thread ---- */

static void look_at_progress(uint64_t *progress)
{
    size_t i;

    DE_ASSERT(progress != NULL);
    for (i = 0; i < WORKLOADS; i++) {
        progress[i] = de_kill_read(workloads[i]->progress);
    }
}

/* Waits until each workload has got on by its step / divisor since before. */
static void wait_progress(const uint64_t *before, uint64_t divisor)
{
    static char late[64];
    struct timespec until;
    size_t i;

    DE_ASSERT(divisor > 0);
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DE_KILL_PATIENCE_MS / 1000;
    de_kill_take();
    for (i = 0; i < WORKLOADS; i++) {
        const uint64_t enough = before[i] + workloads[i]->step / divisor;

        while (*workloads[i]->progress < enough && all.broken == NULL) {
            if (pthread_cond_timedwait(&all.changed, &all.mutex, &until) != 0) {
                (void)snprintf(late, sizeof late, "the %s do not get on", workloads[i]->name);
                all.broken = late;
            }
        }
    }
    de_kill_give();
    de_kill_require(all.broken == NULL, all.broken);
}

/* Waits until what each workload has to come by has happened. */
static void wait_once(void)
{
    size_t i;

    for (i = 0; i < WORKLOADS; i++) {
        if (workloads[i]->once != NULL) {
            de_kill_require(de_kill_wait(workloads[i]->once, 1), all.broken);
        }
    }
}

static void kill_leaders(struct dengine_client *client, int kills)
{
    uint64_t before[WORKLOADS];
    int kill;

    DE_ASSERT(kills > 0);
    for (kill = 1; kill <= kills; kill++) {
        uint64_t leader;

        look_at_progress(before);
        wait_progress(before, 1);
        leader = de_cluster_leader(client, DE_KILL_PATIENCE_MS);
        (void)printf("kill %d: node %" PRIu64 "\n", kill, leader);
        (void)fflush(stdout);
        de_cluster_kill(&cluster, leader);
        look_at_progress(before);
        wait_progress(before, 2);
        de_cluster_restart(&cluster, leader);
    }
    look_at_progress(before);
    wait_progress(before, 1);
    wait_once();
}

static void run(int kills)
{
    pthread_t threads[WORKLOADS * DE_KILL_THREADS_MAX];
    uint32_t numbers[WORKLOADS * DE_KILL_THREADS_MAX];
    struct dengine_client *client = de_kill_connect(1000);
    size_t count = 0;
    size_t i;
    uint32_t j;

    (void)de_cluster_leader(client, DE_KILL_PATIENCE_MS);
    for (i = 0; i < WORKLOADS; i++) {
        for (j = 0; j < DE_KILL_THREADS_MAX && workloads[i]->threads[j] != NULL; j++, count++) {
            numbers[count] = j;
            de_kill_require(pthread_create(&threads[count], NULL, workloads[i]->threads[j],
                                           &numbers[count]) == 0,
                            "no thread");
        }
    }
    DE_ASSERT(count >= WORKLOADS);
    kill_leaders(client, kills);
    de_kill_take();
    all.stopping = true;
    de_kill_give();
    for (i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    de_kill_require(all.broken == NULL, all.broken);
    for (i = 0; i < WORKLOADS; i++) {
        (void)printf("%s: ", workloads[i]->name);
        workloads[i]->judge(client);
    }
    dengine_disconnect(client);
}

int main(int argc, char **argv)
{
    const long kills = argc == 4 ? strtol(argv[3], NULL, 10) : KILLS;

    if ((argc != 3 && argc != 4) || kills < 1 || kills > 1000) {
        (void)fprintf(stderr, "usage: service_kill_test SERVER CLI [KILLS]\n");
        return 2;
    }
    de_cluster_start(&cluster, argv[1], NULL);
    run((int)kills);
    de_cluster_stop(&cluster);
    (void)puts("ok");
    return 0;
}
