/* Three real servers whose leader is killed and comes back, again and again, under
 *
 *   counters   each counts its own key up by compare-and-swap in a session. Nobody else writes the
 *              key, so a comparison that is said to be false was carried out twice, or lost
 *   writers    puts, deletes, transactions and keys with a time to live, in a small range
 *   a watch    of that range, from before the first write: each event fits what was there before,
 *              and in the end the map made of the events is what a scan shows
 *
 *   watch_kill_test SERVER CLI [KILLS]        the paths of dengine-server and dengine-cli
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dengine/session.h>
#include <dengine/watch.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "tests/cluster/cluster.h"

#define KILLS       4
#define COUNTERS    2
#define WRITERS     2
#define KEYS        50
#define PER_KILL    150 /* counted between two kills, at least */
#define PATIENCE_MS 60000
#define SESSION_MS  8000
#define TTL_MS      300

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping;      /* counters and writers */
    uint64_t end;       /* the watch is over when it has seen this revision; 0 = not yet */
    const char *broken; /* what went wrong first */
    uint64_t counted;
    uint64_t unknown;  /* of the session: no answer by the deadline */
    uint64_t sessions; /* that had to be opened */
    uint64_t written;
    uint64_t events;
    uint64_t canceled;
    uint64_t compacted;
    uint64_t expired;
} all = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct de_cluster cluster;

static bool going_on(void)
{
    bool result;

    (void)pthread_mutex_lock(&all.mutex);
    result = !all.stopping && all.broken == NULL;
    (void)pthread_mutex_unlock(&all.mutex);
    return result;
}

static void broken(const char *what)
{
    (void)pthread_mutex_lock(&all.mutex);
    if (all.broken == NULL) {
        all.broken = what;
    }
    (void)pthread_cond_broadcast(&all.changed);
    (void)pthread_mutex_unlock(&all.mutex);
}

static void count(uint64_t *what)
{
    (void)pthread_mutex_lock(&all.mutex);
    (*what)++;
    (void)pthread_cond_broadcast(&all.changed);
    (void)pthread_mutex_unlock(&all.mutex);
}

static void require(bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "watch_kill_test: %s\n", what);
        de_cluster_dump(&cluster);
        exit(1);
    }
}

static struct dengine_client *connect_client(uint32_t timeout_ms)
{
    const struct dengine_connect_options options = {.timeout_ms = timeout_ms};
    struct dengine_client *client;

    require(dengine_connect(cluster.endpoints, &options, &client) == 0, "no client");
    return client;
}

/* ---- counters ---- */

struct counter {
    char key[16];
    uint64_t number;
    struct dengine_client *client;
    struct dengine_session *session;
};

/* What the key says; 0: there is none. */
static uint64_t read_number(const struct counter *counter)
{
    struct dengine_value value;
    char text[24];
    int err;

    do {
        err = dengine_get(counter->client, dengine_str(counter->key), DENGINE_LINEARIZABLE, NULL,
                          &value);
    } while (err != 0 && err != DENGINE_E_NOT_FOUND);
    (void)snprintf(text, sizeof text, "%.*s", (int)value.size, (const char *)value.data);
    dengine_value_free(&value);
    return err == 0 ? strtoull(text, NULL, 10) : 0;
}

static void open_session(struct counter *counter)
{
    int err;

    do {
        err = dengine_session_open(counter->client, SESSION_MS, NULL, NULL, &counter->session);
    } while (err != 0 && going_on());
    count(&all.sessions);
}

/* It may have been done once, or not at all. */
static void find_out(struct counter *counter)
{
    const uint64_t now = read_number(counter);

    count(&all.unknown);
    if (now != counter->number && now != counter->number + 1) {
        broken("a write of a session without an answer was done more than once, or undone");
    }
    counter->number = now;
}

static void count_up(struct counter *counter)
{
    struct dengine_slice expected;
    char before[24];
    char after[24];
    bool succeeded = false;
    int err;

    (void)snprintf(before, sizeof before, "%" PRIu64, counter->number);
    (void)snprintf(after, sizeof after, "%" PRIu64, counter->number + 1);
    expected = dengine_str(before);
    err = dengine_compare_and_swap(
        dengine_session_client(counter->session), dengine_str(counter->key),
        counter->number == 0 ? NULL : &expected, dengine_str(after), NULL, &succeeded);
    if (err == 0 && !succeeded) {
        broken("a write of a session was done twice, or lost");
    } else if (err == 0) {
        counter->number++;
        count(&all.counted);
    } else if (dengine_outcome(err) == DENGINE_OUTCOME_UNKNOWN) {
        find_out(counter);
    }
    if (err == DENGINE_E_NO_SESSION || err == DENGINE_E_UNKNOWN) {
        (void)dengine_session_close(counter->session);
        open_session(counter);
    }
}

static void *run_counter(void *argument)
{
    struct counter counter = {.client = connect_client(10000)};

    (void)snprintf(counter.key, sizeof counter.key, "count/%u", *(const uint32_t *)argument);
    open_session(&counter);
    while (going_on()) {
        count_up(&counter);
    }
    if (counter.number != read_number(&counter)) {
        broken("a counter is not what was counted");
    }
    (void)dengine_session_close(counter.session);
    dengine_disconnect(counter.client);
    return NULL;
}

/* ---- writers ---- */

static struct dengine_slice key_of(char *buffer, uint64_t number)
{
    (void)snprintf(buffer, 16, "m/%02u", (unsigned)number);
    return dengine_str(buffer);
}

static int write_pair(struct dengine_client *client, struct dengine_slice a, struct dengine_slice b)
{
    const struct dengine_op ops[] = {
        {.type = DENGINE_OP_PUT, .key = a, .value = DENGINE_STR("pair")},
        {.type = DENGINE_OP_PUT, .key = b, .value = DENGINE_STR("pair")},
    };
    const struct dengine_txn txn = {.then_ops = ops, .then_count = 2};
    struct dengine_txn_result result;
    const int err = dengine_txn(client, &txn, NULL, &result);

    if (err == 0) {
        dengine_txn_result_free(&result);
    }
    return err;
}

static void *run_writer(void *argument)
{
    const struct dengine_put_options life = {.ttl_ms = TTL_MS};
    struct dengine_client *client = connect_client(1000);
    struct de_random random;

    de_random_init(&random, *(const uint32_t *)argument + 1);
    while (going_on()) {
        const uint64_t what = de_random_below(&random, 10);
        char first[16];
        char second[16];
        const struct dengine_slice a = key_of(first, de_random_below(&random, KEYS));
        const struct dengine_slice b = key_of(second, de_random_below(&random, KEYS));
        int err;

        if (what < 4) {
            err = dengine_put(client, a, DENGINE_STR("value"), NULL);
        } else if (what < 6) {
            err = dengine_delete(client, a, NULL);
        } else if (what < 8) {
            err = write_pair(client, a, b);
        } else {
            err = dengine_put_with(client, a, DENGINE_STR("short"), &life, NULL, NULL);
        }
        if (err == 0) {
            count(&all.written);
        }
    }
    dengine_disconnect(client);
    return NULL;
}

/* ---- the watch ---- */

struct mirror {
    uint64_t versions[KEYS]; /* 0: no such key */
    uint64_t revisions[KEYS];
    uint64_t revision; /* of the newest event */
};

static struct mirror mirror;

static size_t number_of(struct dengine_slice key)
{
    char text[16];
    unsigned long number;

    (void)snprintf(text, sizeof text, "%.*s", (int)key.size, (const char *)key.data);
    number = strtoul(text + 2, NULL, 10);
    DE_ASSERT(number < KEYS);
    return (size_t)number;
}

static void take_event(const struct dengine_event *event)
{
    const size_t i = number_of(event->key);
    const bool is_put = event->type == DENGINE_EVENT_PUT;

    if (event->revision < mirror.revision) {
        broken("the watch goes back in time");
    } else if (event->had_previous != (mirror.versions[i] != 0) ||
               event->version != mirror.versions[i] + (is_put ? 1 : 0)) {
        broken("the watch has missed a change, or shows it twice");
    }
    mirror.revision = event->revision;
    mirror.versions[i] = is_put ? event->version : 0;
    mirror.revisions[i] = is_put ? event->revision : 0;
    count(&all.events);
    if (event->expired) {
        count(&all.expired);
    }
}

/* What there is of the range, as of one revision. */
static void look(struct dengine_client *client, struct mirror *seen)
{
    const struct dengine_scan scan = {
        .from = DENGINE_STR("m/"), .end = DENGINE_STR("m0"), .consistency = DENGINE_LINEARIZABLE};
    struct dengine_page page;
    size_t i;

    while (dengine_scan(client, &scan, NULL, &page) != 0) {
    }
    memset(seen, 0, sizeof *seen);
    seen->revision = page.revision;
    for (i = 0; i < page.count; i++) {
        const size_t number = number_of(page.pairs[i].key);

        seen->versions[number] = page.pairs[i].version;
        seen->revisions[number] = page.pairs[i].mod_revision;
    }
    dengine_page_free(&page);
}

static struct dengine_watch *watch_from(struct dengine_client *client, uint64_t revision)
{
    const struct dengine_watch_options options = {
        .from = DENGINE_STR("m/"), .end = DENGINE_STR("m0"), .from_revision = revision};
    struct dengine_watch *watch;

    require(dengine_watch_open(client, &options, &watch) == 0, "no watch");
    return watch;
}

static uint64_t watch_end(void)
{
    uint64_t end;

    (void)pthread_mutex_lock(&all.mutex);
    end = all.broken != NULL ? 1 : all.end;
    (void)pthread_mutex_unlock(&all.mutex);
    return end;
}

static void *run_watch(void *argument)
{
    struct dengine_client *client = connect_client(1000);
    struct dengine_watch *watch = watch_from(client, 1);
    struct dengine_event event;

    (void)argument;
    for (;;) {
        const uint64_t end = watch_end();
        const int err = dengine_watch_next(watch, 100, &event);

        if (err == 0) {
            take_event(&event);
        } else if (err == DENGINE_E_TIMEOUT) {
            dengine_watch_progress(watch);
            if (end != 0 && dengine_watch_revision(watch) >= end) {
                break;
            }
        } else if (err == DENGINE_E_CANCELED || err == DENGINE_E_COMPACTED) {
            uint64_t from = dengine_watch_revision(watch);

            dengine_watch_close(watch);
            count(err == DENGINE_E_CANCELED ? &all.canceled : &all.compacted);
            if (err == DENGINE_E_COMPACTED) {
                look(client, &mirror);
                from = mirror.revision + 1;
            }
            watch = watch_from(client, from);
        } else {
            broken("the watch ends with an error that it must not end with");
            break;
        }
    }
    dengine_watch_close(watch);
    dengine_disconnect(client);
    return NULL;
}

/* ---- the main thread ---- */

static void wait_counted(uint64_t counted)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    (void)pthread_mutex_lock(&all.mutex);
    while (all.counted < counted && all.broken == NULL) {
        if (pthread_cond_timedwait(&all.changed, &all.mutex, &until) != 0) {
            all.broken = "the counters do not get on";
        }
    }
    (void)pthread_mutex_unlock(&all.mutex);
    require(all.broken == NULL, all.broken);
}

static uint64_t counted_so_far(void)
{
    uint64_t counted;

    (void)pthread_mutex_lock(&all.mutex);
    counted = all.counted;
    (void)pthread_mutex_unlock(&all.mutex);
    return counted;
}

static void kill_leaders(struct dengine_client *client, int kills)
{
    int kill;

    for (kill = 1; kill <= kills; kill++) {
        const uint64_t before = counted_so_far();
        uint64_t leader;

        wait_counted(before + PER_KILL);
        leader = de_cluster_leader(client, PATIENCE_MS);
        (void)printf("kill %d: node %" PRIu64 "\n", kill, leader);
        (void)fflush(stdout);
        de_cluster_kill(&cluster, leader);
        wait_counted(before + PER_KILL + PER_KILL / 2);
        de_cluster_restart(&cluster, leader);
    }
    wait_counted(counted_so_far() + PER_KILL);
}

/* Nothing is written any more; keys with a time to live end. */
static void wait_quiet(struct dengine_client *client)
{
    const uint64_t start_ms = de_now_ms();
    struct dengine_page page;
    uint64_t lives;
    size_t i;

    do {
        const struct dengine_scan scan = {.from = DENGINE_STR("m/"), .end = DENGINE_STR("m0")};

        lives = 1;
        if (dengine_scan(client, &scan, NULL, &page) == 0) {
            lives = 0;
            for (i = 0; i < page.count; i++) {
                lives += page.pairs[i].lease;
            }
            dengine_page_free(&page);
        }
        require(de_now_ms() - start_ms < PATIENCE_MS, "a key outlives its time");
    } while (lives != 0);
}

static void compare(struct dengine_client *client)
{
    struct mirror seen;
    size_t i;

    look(client, &seen);
    for (i = 0; i < KEYS; i++) {
        require(seen.versions[i] == mirror.versions[i] && seen.revisions[i] == mirror.revisions[i],
                "the map made of the events is not what a scan shows");
    }
}

static void run(int kills)
{
    void *(*const runs[])(void *) = {run_counter, run_counter, run_writer, run_writer, run_watch};
    pthread_t threads[DE_ARRAY_SIZE(runs)];
    uint32_t numbers[DE_ARRAY_SIZE(runs)];
    struct dengine_client *client = connect_client(1000);
    uint64_t end = 0;
    size_t i;

    (void)de_cluster_leader(client, PATIENCE_MS);
    for (i = 0; i < DE_ARRAY_SIZE(runs); i++) {
        numbers[i] = (uint32_t)i;
        require(pthread_create(&threads[i], NULL, runs[i], &numbers[i]) == 0, "no thread");
    }
    kill_leaders(client, kills);
    (void)pthread_mutex_lock(&all.mutex);
    all.stopping = true;
    (void)pthread_mutex_unlock(&all.mutex);
    for (i = 0; i + 1 < DE_ARRAY_SIZE(runs); i++) {
        (void)pthread_join(threads[i], NULL);
    }
    wait_quiet(client);
    while (dengine_put_with(client, DENGINE_STR("end"), DENGINE_STR("x"), NULL, NULL, &end) != 0) {
    }
    (void)pthread_mutex_lock(&all.mutex);
    all.end = end;
    (void)pthread_mutex_unlock(&all.mutex);
    (void)pthread_join(threads[i], NULL);
    require(all.broken == NULL, all.broken);
    compare(client);
    (void)printf("%" PRIu64 " counted, %" PRIu64 " unknown, %" PRIu64 " sessions; %" PRIu64
                 " writes, %" PRIu64 " events, %" PRIu64 " expired, %" PRIu64 " canceled, %" PRIu64
                 " compacted\n",
                 all.counted, all.unknown, all.sessions, all.written, all.events, all.expired,
                 all.canceled, all.compacted);
    require(all.events > 0 && all.expired > 0 && all.written > 0, "not everything ran");
    dengine_disconnect(client);
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 4) {
        (void)fprintf(stderr, "usage: watch_kill_test SERVER CLI [KILLS]\n");
        return 2;
    }
    de_cluster_start(&cluster, argv[1], NULL);
    run(argc == 4 ? (int)strtol(argv[3], NULL, 10) : KILLS);
    de_cluster_stop(&cluster);
    (void)puts("ok");
    return 0;
}
