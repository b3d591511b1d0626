/* Three real servers and two watches at a follower that stands still until only a snapshot helps
 * it: what happened meanwhile it can not tell one by one. The plain watch is told so, and its user
 * reads the state and watches on; the one that resyncs goes on by itself, by events that say that
 * they are of that kind. Neither has a gap that it was not told of, and in the end both mirrors are
 * what a scan shows.
 *
 *   snapshot_watch_test SERVER CLI        the paths of dengine-server and dengine-cli
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <dengine/watch.h>

#include "tests/cluster/cluster.h"

#define PATIENCE_MS 30000

#define KEYS 40u

/* A member that has not answered for this long holds no log back (longest election time-out: 600).
 */
#define FORGOTTEN_MS 1500

/* No node remembers what it misses, and next to nothing of it is on its way when it stands still.
 */
static const char *const flags[] = {
    "--set", "raft.snapshot.retained_log_entries=1",     "--set", "raft.watch.event_queue_size=4",
    "--set", "raft.replication.appends_in_flight_max=1", NULL};

struct mirror {
    uint64_t versions[KEYS]; /* 0: no such key */
    uint64_t revisions[KEYS];
    uint64_t revision; /* of the newest event, or of the scan */
};

struct follower_watch {
    bool resync;
    struct dengine_watch *watch;
    struct mirror mirror;
    uint32_t resynced;  /* events that say so */
    uint32_t compacted; /* ends */
};

struct test {
    struct de_cluster cluster;
    const char *cli;
    uint64_t behind;               /* the follower */
    struct dengine_client *writer; /* of the others */
    struct dengine_client *client; /* of the follower alone */
    struct follower_watch watches[2];
    uint32_t changes;
    char end[32]; /* the value of the last write of all */
};

static void require(struct test *test, bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "snapshot_watch_test: %s\n", what);
        de_cluster_dump(&test->cluster);
        exit(1);
    }
}

static struct dengine_slice key_of(char text[8], uint32_t number)
{
    (void)snprintf(text, 8, "k/%02u", (unsigned)number);
    return dengine_str(text);
}

static uint32_t number_of(struct test *test, struct dengine_slice key)
{
    char text[8] = "";
    unsigned long number;

    require(test, key.size == 4, "an event has a key that nobody watches");
    memcpy(text, key.data, 4);
    number = strtoul(text + 2, NULL, 10);
    require(test, number < KEYS, "an event has a key that nobody writes");
    return (uint32_t)number;
}

/* ---- writes ---- */

/* Again until it is done. */
static uint64_t put(struct test *test, const char *key, const char *value)
{
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;
    uint64_t revision = 0;

    while (dengine_put_with(test->writer, dengine_str(key), dengine_str(value), NULL, NULL,
                            &revision) != 0) {
        require(test, de_now_ms() < until_ms, "writes do not get through");
    }
    return revision;
}

/* Keys come, are changed, and go. */
static void change(struct test *test)
{
    const uint32_t number = test->changes * 7 % KEYS;
    char text[8];
    const struct dengine_slice key = key_of(text, number);

    if (test->changes % 3 == 2) {
        (void)dengine_delete(test->writer, key, NULL);
    } else {
        (void)put(test, text, "value");
    }
    test->changes++;
}

/* ---- the mirrors ---- */

static void take_event(struct test *test, struct follower_watch *w,
                       const struct dengine_event *event)
{
    const uint32_t i = number_of(test, event->key);
    const bool is_put = event->type == DENGINE_EVENT_PUT;

    /* All that a resync finds gone is gone as of one revision. */
    require(test, event->revision + (event->resynced ? 1 : 0) > w->mirror.revision,
            "a watch goes back in time");
    require(test, w->resync || !event->resynced, "a plain watch resyncs");
    if (event->resynced) {
        w->resynced++;
    } else {
        require(test, event->had_previous == (w->mirror.versions[i] != 0),
                "a watch has missed that a key came or went");
        require(test, event->version == w->mirror.versions[i] + (is_put ? 1 : 0),
                "a watch has missed a change, or shows it twice");
    }
    w->mirror.revision = event->revision;
    w->mirror.versions[i] = is_put ? event->version : 0;
    w->mirror.revisions[i] = is_put ? event->revision : 0;
}

static void look(struct test *test, struct dengine_client *client, struct mirror *seen)
{
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;
    const struct dengine_scan scan = {
        .from = DENGINE_STR("k/"), .end = DENGINE_STR("k0"), .consistency = DENGINE_LINEARIZABLE};
    struct dengine_page page;

    while (dengine_scan(client, &scan, NULL, &page) != 0) {
        require(test, de_now_ms() < until_ms, "the state can not be read");
    }
    memset(seen, 0, sizeof *seen);
    seen->revision = page.revision;
    for (size_t i = 0; i < page.count; i++) {
        const uint32_t number = number_of(test, page.pairs[i].key);

        seen->versions[number] = page.pairs[i].version;
        seen->revisions[number] = page.pairs[i].mod_revision;
    }
    dengine_page_free(&page);
}

static void open_watch(struct test *test, struct follower_watch *w, uint64_t revision)
{
    const struct dengine_watch_options options = {.from = DENGINE_STR("k/"),
                                                  .end = DENGINE_STR("k0"),
                                                  .resync = w->resync,
                                                  .from_revision = revision};

    require(test, dengine_watch_open(test->client, &options, &w->watch) == 0, "no watch");
}

/* What the header tells who is told COMPACTED to do. */
static void begin_anew(struct test *test, struct follower_watch *w)
{
    require(test, !w->resync, "a watch that resyncs ends");
    require(test, dengine_watch_revision(w->watch) > w->mirror.revision + 1,
            "a watch ends though nothing is missing");
    w->compacted++;
    dengine_watch_close(w->watch);
    look(test, test->client, &w->mirror);
    open_watch(test, w, w->mirror.revision + 1);
}

static void read_until(struct test *test, struct follower_watch *w, uint64_t revision)
{
    const uint64_t until_ms = de_now_ms() + PATIENCE_MS;
    struct dengine_event event;
    bool there = false;

    while (!there) {
        const int err = dengine_watch_next(w->watch, 100, &event);

        require(test, de_now_ms() < until_ms, "a watch does not get so far");
        if (err == 0) {
            take_event(test, w, &event);
        } else if (err == DENGINE_E_COMPACTED) {
            begin_anew(test, w);
        } else {
            require(test, err == DENGINE_E_TIMEOUT, dengine_strerror(err));
            there = dengine_watch_revision(w->watch) >= revision;
            dengine_watch_progress(w->watch);
        }
    }
}

/* Both have seen all there is. */
static void check_mirrors(struct test *test)
{
    struct mirror seen;
    uint64_t end;

    (void)snprintf(test->end, sizeof test->end, "after %u", (unsigned)test->changes);
    end = put(test, "end", test->end);
    look(test, test->writer, &seen);
    for (size_t i = 0; i < 2; i++) {
        struct follower_watch *w = &test->watches[i];

        read_until(test, w, end);
        require(test,
                memcmp(w->mirror.versions, seen.versions, sizeof seen.versions) == 0 &&
                    memcmp(w->mirror.revisions, seen.revisions, sizeof seen.revisions) == 0,
                "a mirror is not what a scan shows");
    }
}

/* ---- falling behind ---- */

static void endpoint_of(const struct test *test, uint64_t node, char text[32])
{
    (void)snprintf(text, 32, "127.0.0.1:%u", (unsigned)test->cluster.ports[node - 1]);
}

/* Which file the follower's state is in: another one once a snapshot has been installed. */
static uint64_t state_file(const struct test *test)
{
    char path[64];
    struct stat info;

    (void)snprintf(path, sizeof path, "node%" PRIu64 "/state/data.mdb", test->behind);
    return stat(path, &info) == 0 ? (uint64_t)info.st_ino : 0;
}

/* The others write, and cut their logs. */
static void go_on_without_it(struct test *test)
{
    const uint64_t start_ms = de_now_ms();
    const uint32_t enough = test->changes + 3 * KEYS;

    while (test->changes < enough || de_now_ms() - start_ms < FORGOTTEN_MS) {
        change(test);
    }
    for (uint64_t node = 1; node <= DE_CLUSTER_NODES; node++) {
        char endpoint[32];
        const char *const words[] = {"--endpoints", endpoint, "--timeout", "20000",
                                     "snapshot",    "save",   "backup",    NULL};

        endpoint_of(test, node, endpoint);
        require(test, node == test->behind || de_cluster_cli(test->cli, words) == 0,
                "a snapshot is not saved");
    }
}

static void fall_behind(struct test *test)
{
    const uint64_t file = state_file(test);

    de_process_signal(test->cluster.nodes[test->behind - 1], SIGSTOP);
    go_on_without_it(test);
    de_process_signal(test->cluster.nodes[test->behind - 1], SIGCONT);
    check_mirrors(test);
    de_cluster_caught_up(&test->cluster, test->behind, "end", test->end, PATIENCE_MS);
    require(test, state_file(test) != file, "it has caught up, but without a snapshot");
    require(test, test->watches[0].compacted == 1, "the plain watch was not told");
    require(test, test->watches[1].resynced > 0, "the other one was not told of the gap");
    for (uint32_t i = 0; i < KEYS; i++) { /* and on they go */
        change(test);
    }
    check_mirrors(test);
}

static void begin(struct test *test)
{
    char endpoint[32];
    char others[64] = "";

    require(test, dengine_connect(test->cluster.endpoints, NULL, &test->writer) == 0, "no client");
    test->behind = de_cluster_leader(test->writer, PATIENCE_MS) % DE_CLUSTER_NODES + 1;
    dengine_disconnect(test->writer);
    for (uint64_t node = 1; node <= DE_CLUSTER_NODES; node++) {
        const size_t used = strlen(others);

        if (node != test->behind) {
            endpoint_of(test, node, endpoint);
            (void)snprintf(others + used, sizeof others - used, "%s%s", used > 0 ? "," : "",
                           endpoint);
        }
    }
    endpoint_of(test, test->behind, endpoint);
    require(test, dengine_connect(others, NULL, &test->writer) == 0, "no client");
    require(test, dengine_connect(endpoint, NULL, &test->client) == 0, "no client");
    test->watches[1].resync = true;
    for (size_t i = 0; i < 2; i++) {
        open_watch(test, &test->watches[i], 0);
        read_until(test, &test->watches[i], 1);
    }
    change(test);
    check_mirrors(test);
}

int main(int argc, char **argv)
{
    static struct test test;

    if (argc != 3) {
        (void)fprintf(stderr, "usage: snapshot_watch_test SERVER CLI\n");
        return 2;
    }
    test.cli = argv[2];
    de_cluster_start(&test.cluster, argv[1], flags);
    begin(&test);
    fall_behind(&test);
    (void)printf("%u events to resync\n", (unsigned)test.watches[1].resynced);
    for (size_t i = 0; i < 2; i++) {
        dengine_watch_close(test.watches[i].watch);
    }
    dengine_disconnect(test.client);
    dengine_disconnect(test.writer);
    de_cluster_stop(&test.cluster);
    (void)puts("ok");
    return 0;
}
