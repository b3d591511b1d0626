/* Watches of servers: through our client, through d-engine's protocol, and across deaths. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>

#include <dengine/watch.h>

#include "engine/engine_test_support.h"
#include "tests/cluster/cluster.h"
#include "tests/processes/process.h"
#include "tests/server/raw_call.h"

#define TIMEOUT_MS 20000
#define DIRECTORY  "watch_test.data"
#define KEYS       40

/* ---- one server ---- */

struct fixture {
    struct de_process *server;
    struct dengine_client *client;
    char endpoint[32];
};

/* settings: "section.key=value", or two with a blank between them, or NULL. */
static void start_server(struct fixture *f, const char *settings)
{
    const char *argv[10] = {DE_TEST_SERVER, "--data-dir", DIRECTORY, "--listen", f->endpoint};
    char copy[200];
    char *second;

    (void)snprintf(copy, sizeof copy, "%s", settings != NULL ? settings : "");
    second = strchr(copy, ' ');
    if (settings != NULL) {
        argv[5] = "--set";
        argv[6] = copy;
    }
    if (second != NULL) {
        *second = '\0';
        argv[7] = "--set";
        argv[8] = second + 1;
    }
    f->server = de_process_start(argv, NULL);
    assert_int_not_equal(de_process_listening(f->server, TIMEOUT_MS), 0);
}

static void put(struct dengine_client *client, const char *key, const char *value,
                uint64_t *revision)
{
    assert_int_equal(
        dengine_put_with(client, dengine_str(key), dengine_str(value), NULL, NULL, revision), 0);
}

static void set_up(struct fixture *f, const char *settings)
{
    uint16_t port;

    *f = (struct fixture){0};
    de_test_remove_tree(DIRECTORY);
    de_test_free_ports(&port, 1);
    (void)snprintf(f->endpoint, sizeof f->endpoint, "127.0.0.1:%u", (unsigned)port);
    start_server(f, settings);
    assert_int_equal(dengine_connect(f->endpoint, NULL, &f->client), 0);
    put(f->client, "ready", "yes", NULL);
}

static void stop_server(struct fixture *f)
{
    de_process_signal(f->server, SIGTERM);
    assert_int_equal(de_process_wait(f->server, TIMEOUT_MS), 0);
    de_process_free(f->server);
}

static void tear_down(struct fixture *f)
{
    dengine_disconnect(f->client);
    stop_server(f);
    de_test_remove_tree(DIRECTORY);
}

static struct dengine_watch *watch_from(struct dengine_client *client, const char *from,
                                        const char *end, uint64_t revision)
{
    const struct dengine_watch_options options = {
        .from = dengine_str(from), .end = dengine_str(end), .from_revision = revision};
    struct dengine_watch *watch;

    assert_int_equal(dengine_watch_open(client, &options, &watch), 0);
    return watch;
}

/* Waits until the watch has begun: then what is put from now on is seen. */
static void wait_begun(struct dengine_watch *watch)
{
    struct dengine_event event;

    while (dengine_watch_revision(watch) == 0) {
        assert_int_equal(dengine_watch_next(watch, 20, &event), DENGINE_E_TIMEOUT);
    }
}

static void check_slice(struct dengine_slice slice, const char *expected)
{
    assert_int_equal(slice.size, strlen(expected));
    assert_memory_equal(slice.size > 0 ? slice.data : "", expected, slice.size);
}

static void check_next(struct dengine_watch *watch, enum dengine_event_type type, const char *key,
                       const char *value, const char *previous)
{
    struct dengine_event event;

    memset(&event, 1, sizeof event); /* of which nothing is left */
    assert_int_equal(dengine_watch_next(watch, TIMEOUT_MS, &event), 0);
    assert_int_equal(event.type, type);
    check_slice(event.key, key);
    check_slice(event.value, value);
    assert_false(event.resynced);
    assert_int_equal(event.had_previous, previous != NULL);
    check_slice(event.previous, previous != NULL ? previous : "");
}

static void changes_come_in_order_with_what_was_before(void **state)
{
    const struct dengine_put_options life = {.ttl_ms = 20};
    struct dengine_watch *watch;
    struct dengine_event event;
    struct fixture f;
    uint64_t last;

    (void)state;
    set_up(&f, NULL);
    watch = watch_from(f.client, "b", "c", 0);
    wait_begun(watch);
    put(f.client, "a", "x", NULL);
    put(f.client, "b", "1", NULL);
    put(f.client, "b", "2", &last);
    assert_int_equal(dengine_delete(f.client, DENGINE_STR("b"), NULL), 0);
    put(f.client, "c", "x", NULL);
    check_next(watch, DENGINE_EVENT_PUT, "b", "1", NULL);
    assert_int_equal(dengine_watch_next(watch, TIMEOUT_MS, &event), 0);
    assert_int_equal(event.revision, last);
    assert_int_equal(event.version, 2);
    check_next(watch, DENGINE_EVENT_DELETE, "b", "", "2");
    dengine_watch_close(watch);

    watch = watch_from(f.client, "b", "", last);
    check_next(watch, DENGINE_EVENT_PUT, "b", "2", "1");
    check_next(watch, DENGINE_EVENT_DELETE, "b", "", "2");
    check_next(watch, DENGINE_EVENT_PUT, "c", "x", NULL);
    assert_int_equal(
        dengine_put_with(f.client, DENGINE_STR("d"), DENGINE_STR("v"), &life, NULL, NULL), 0);
    check_next(watch, DENGINE_EVENT_PUT, "d", "v", NULL);
    assert_int_equal(dengine_watch_next(watch, TIMEOUT_MS, &event), 0);
    assert_int_equal(event.type, DENGINE_EVENT_DELETE);
    assert_true(event.expired && event.lease != 0);
    dengine_watch_close(watch);
    tear_down(&f);
}

static void count_ready(void *context)
{
    (void)atomic_fetch_add((atomic_int *)context, 1);
}

/* Until the watch knows that it has seen everything up to revision, which was of another key. */
static void wait_progress(struct dengine_watch *watch, uint64_t revision, const char *which)
{
    const uint64_t until_ms = de_now_ms() + TIMEOUT_MS;
    struct dengine_event event;

    while (dengine_watch_revision(watch) < revision) {
        assert_int_equal(dengine_watch_next(watch, 200, &event), DENGINE_E_TIMEOUT);
        if (de_now_ms() > until_ms) {
            fail_msg("the progress %s has not come: the watch knows of revision %llu, not of %llu",
                     which, (unsigned long long)dengine_watch_revision(watch),
                     (unsigned long long)revision);
        }
    }
}

static void descriptor_callback_and_progress(void **state)
{
    atomic_int calls = 0;
    const struct dengine_watch_options options = {
        .from = DENGINE_STR("k"), .one_key = true, .ready = count_ready, .context = &calls};
    struct dengine_watch *watch;
    struct pollfd waiting = {.events = POLLIN};
    struct fixture f;
    uint64_t revision;

    (void)state;
    set_up(&f, NULL);
    assert_int_equal(dengine_watch_open(f.client, &options, &watch), 0);
    wait_begun(watch);
    put(f.client, "k", "1", NULL);
    waiting.fd = dengine_watch_fd(watch);
    assert_int_equal(poll(&waiting, 1, TIMEOUT_MS), 1);
    assert_true(atomic_load(&calls) > 0);
    check_next(watch, DENGINE_EVENT_PUT, "k", "1", NULL);
    put(f.client, "other", "1", &revision); /* it is told only when it asks, or two seconds later */
    dengine_watch_progress(watch);
    wait_progress(watch, revision, "that was asked for");
    put(f.client, "other", "2", &revision);
    wait_progress(watch, revision, "that nobody asks for, and that comes every two seconds,");
    dengine_watch_close(watch);
    tear_down(&f);
}

static void too_many_and_nonsense_are_refused(void **state)
{
    const struct dengine_watch_options backwards = {.from = DENGINE_STR("b"),
                                                    .end = DENGINE_STR("a")};
    struct dengine_watch *watches[2];
    struct dengine_event event;
    struct fixture f;

    (void)state;
    set_up(&f, "raft.watch.max_watchers=1");
    assert_int_equal(dengine_watch_open(f.client, &backwards, &watches[0]), DENGINE_E_INVALID);
    watches[0] = watch_from(f.client, "a", "", 0);
    wait_begun(watches[0]);
    watches[1] = watch_from(f.client, "a", "", 0);
    assert_int_equal(dengine_watch_next(watches[1], TIMEOUT_MS, &event), DENGINE_E_BUSY);
    dengine_watch_close(watches[0]);
    dengine_watch_close(watches[1]);
    tear_down(&f);
}

static void a_past_that_is_forgotten_is_told(void **state)
{
    struct dengine_watch *watch;
    struct dengine_event event;
    struct fixture f;
    uint64_t last = 0;
    int i;

    (void)state;
    set_up(&f, "raft.watch.event_queue_size=4");
    for (i = 0; i < 10; i++) {
        put(f.client, "k", "v", &last);
    }
    /* Many times, for the end of the stream may come before its last message has been looked at. */
    for (i = 0; i < 50; i++) {
        watch = watch_from(f.client, "", "", 1);
        assert_int_equal(dengine_watch_next(watch, TIMEOUT_MS, &event), DENGINE_E_COMPACTED);
        assert_int_equal(dengine_watch_next(watch, TIMEOUT_MS, &event), DENGINE_E_COMPACTED);
        assert_int_equal(dengine_watch_revision(watch), last - 3);
        dengine_watch_close(watch);
    }
    watch = watch_from(f.client, "", "", last - 3);
    for (i = 0; i < 4; i++) {
        check_next(watch, DENGINE_EVENT_PUT, "k", "v", "v");
    }
    dengine_watch_close(watch);
    tear_down(&f);
}

static void a_watch_outlives_its_client_and_its_server(void **state)
{
    struct dengine_watch *watch;
    struct dengine_event event;
    struct fixture f;

    (void)state;
    set_up(&f, NULL);
    watch = watch_from(f.client, "k", "", 0);
    wait_begun(watch);
    stop_server(&f);
    assert_int_equal(dengine_watch_next(watch, 100, &event), DENGINE_E_TIMEOUT);
    start_server(&f, NULL);
    put(f.client, "k", "after", NULL);
    check_next(watch, DENGINE_EVENT_PUT, "k", "after", NULL);
    dengine_disconnect(f.client);
    assert_int_equal(dengine_watch_next(watch, TIMEOUT_MS, &event), DENGINE_E_SHUTDOWN);
    assert_int_equal(dengine_watch_next(watch, TIMEOUT_MS, &event), DENGINE_E_SHUTDOWN);
    dengine_watch_close(watch);
    assert_int_equal(dengine_connect(f.endpoint, NULL, &f.client), 0);
    tear_down(&f);
}

static void kill_server(struct fixture *f)
{
    de_process_signal(f->server, SIGKILL);
    (void)de_process_wait(f->server, TIMEOUT_MS);
    de_process_free(f->server);
}

/* Each change that was acknowledged, with what was there before it, at a server that has been
 * killed and started again since; and once more after an end in good order. */
static void what_happened_before_a_crash_is_told(void **state)
{
    const struct dengine_put_options life = {.ttl_ms = 20};
    struct dengine_watch *watch;
    struct fixture f;
    int i;

    (void)state;
    set_up(&f, NULL);
    put(f.client, "k", "one", NULL);
    put(f.client, "k", "two", NULL);
    assert_int_equal(dengine_delete(f.client, DENGINE_STR("k"), NULL), 0);
    assert_int_equal(
        dengine_put_with(f.client, DENGINE_STR("l"), DENGINE_STR("short"), &life, NULL, NULL), 0);
    watch = watch_from(f.client, "l", "m", 1);
    check_next(watch, DENGINE_EVENT_PUT, "l", "short", NULL);
    check_next(watch, DENGINE_EVENT_DELETE, "l", "", "short");
    dengine_watch_close(watch);
    put(f.client, "k", "three", NULL);
    for (i = 0; i < 2; i++) {
        if (i == 0) {
            kill_server(&f);
        } else {
            stop_server(&f);
        }
        start_server(&f, NULL);
        watch = watch_from(f.client, "", "", 1);
        check_next(watch, DENGINE_EVENT_PUT, "ready", "yes", NULL);
        check_next(watch, DENGINE_EVENT_PUT, "k", "one", NULL);
        check_next(watch, DENGINE_EVENT_PUT, "k", "two", "one");
        check_next(watch, DENGINE_EVENT_DELETE, "k", "", "two");
        check_next(watch, DENGINE_EVENT_PUT, "l", "short", NULL);
        check_next(watch, DENGINE_EVENT_DELETE, "l", "", "short");
        check_next(watch, DENGINE_EVENT_PUT, "k", "three", NULL);
        dengine_watch_close(watch);
    }
    tear_down(&f);
}

/* The server is started again to remember one change alone, and has no other beside it: what the
 * user does not know yet is read. */
static void a_watch_that_resyncs_outlives_a_crash_of_the_only_server(void **state)
{
    const struct dengine_watch_options options = {
        .from = DENGINE_STR("k"), .end = DENGINE_STR("l"), .resync = true};
    struct dengine_watch *watch;
    struct dengine_event event;
    struct fixture f;
    int i;

    (void)state;
    set_up(&f, NULL);
    put(f.client, "k0", "old", NULL);
    assert_int_equal(dengine_watch_open(f.client, &options, &watch), 0);
    wait_begun(watch);
    put(f.client, "k1", "1", NULL);
    check_next(watch, DENGINE_EVENT_PUT, "k1", "1", NULL);
    for (i = 0; i < 20; i++) { /* it lists the keys meanwhile */
        dengine_watch_progress(watch);
        assert_int_equal(dengine_watch_next(watch, 50, &event), DENGINE_E_TIMEOUT);
    }
    kill_server(&f);
    start_server(&f, "raft.watch.event_queue_size=1");
    put(f.client, "k1", "2", NULL);
    assert_int_equal(dengine_delete(f.client, DENGINE_STR("k0"), NULL), 0);
    for (i = 0; i < 10; i++) {
        put(f.client, "other", "x", NULL);
    }
    /* Told one by one when it was quick enough to begin anew before they happened. */
    assert_int_equal(dengine_watch_next(watch, TIMEOUT_MS, &event), 0);
    check_slice(event.key, "k1");
    check_slice(event.value, "2");
    assert_int_equal(dengine_watch_next(watch, TIMEOUT_MS, &event), 0);
    assert_int_equal(event.type, DENGINE_EVENT_DELETE);
    check_slice(event.key, "k0");
    put(f.client, "k2", "3", NULL);
    check_next(watch, DENGINE_EVENT_PUT, "k2", "3", NULL);
    dengine_watch_close(watch);
    tear_down(&f);
}

/* ---- mirrors ---- */

struct mirror {
    char values[KEYS][16]; /* "": no such key */
    uint64_t revision;
};

static void reflect(struct mirror *mirror, const struct dengine_event *event)
{
    char key[16];
    long number;

    (void)snprintf(key, sizeof key, "%.*s", (int)event->key.size, (const char *)event->key.data);
    number = strtol(key, NULL, 10);
    assert_in_range(number, 0, KEYS - 1);
    assert_true(event->revision > mirror->revision);
    mirror->revision = event->revision;
    assert_int_equal(event->had_previous, mirror->values[number][0] != '\0');
    check_slice(event->previous, mirror->values[number]);
    (void)snprintf(mirror->values[number], sizeof mirror->values[number], "%.*s",
                   (int)event->value.size, (const char *)event->value.data);
}

/* Each key is put, and now and then removed, by turns. */
static void change(struct dengine_client *client, int i)
{
    char key[16];
    char value[16];

    (void)snprintf(key, sizeof key, "%02d", (i * 7) % KEYS);
    (void)snprintf(value, sizeof value, "%d", i);
    if (i % 5 == 4) {
        (void)dengine_delete(client, dengine_str(key), NULL);
    } else {
        (void)dengine_put(client, dengine_str(key), dengine_str(value), NULL);
    }
}

static void check_mirror(struct dengine_client *client, const struct mirror *mirror)
{
    const struct dengine_scan scan = {.end = DENGINE_STR("a"), .consistency = DENGINE_LINEARIZABLE};
    struct dengine_page page;
    size_t at = 0;
    int i;

    assert_int_equal(dengine_scan(client, &scan, NULL, &page), 0);
    for (i = 0; i < KEYS; i++) {
        if (mirror->values[i][0] != '\0') {
            assert_true(at < page.count);
            check_slice(page.pairs[at++].value, mirror->values[i]);
        }
    }
    assert_int_equal(at, page.count);
    dengine_page_free(&page);
}

/* Reads until everything up to revision has been seen, through any number of cancellations. */
static void read_until(struct dengine_client *client, struct dengine_watch **watch,
                       struct mirror *mirror, uint64_t revision, int *canceled)
{
    struct dengine_event event;
    int err = 0;

    while (dengine_watch_revision(*watch) < revision || err == 0) {
        dengine_watch_progress(*watch);
        err = dengine_watch_next(*watch, 100, &event);
        if (err == 0) {
            reflect(mirror, &event);
        } else if (err == DENGINE_E_CANCELED) {
            const uint64_t from = dengine_watch_revision(*watch);

            dengine_watch_close(*watch);
            *watch = watch_from(client, "", "a", from);
            (*canceled)++;
            err = 0;
        } else {
            assert_int_equal(err, DENGINE_E_TIMEOUT);
        }
    }
}

/* Nobody reads; what the connection holds, a message and the queue of the watcher are soon full of
 * large values. The server cancels the watch and says from where to go on, and nothing is missed:
 * the versions of the key follow one another. */
static void a_slow_watch_is_canceled_and_goes_on_without_a_gap(void **state)
{
    static char value[200000];
    const int puts = 80;
    struct dengine_watch *watch;
    struct dengine_event event;
    struct fixture f;
    uint64_t version = 0;
    int canceled = 0;
    int i;

    (void)state;
    memset(value, 'v', sizeof value - 1);
    set_up(&f, "raft.watch.watcher_buffer_size=2 raft.watch.event_bytes_max=64000000");
    watch = watch_from(f.client, "", "a", 0);
    wait_begun(watch);
    for (i = 0; i < puts; i++) {
        put(f.client, "0", value, NULL);
    }
    while (version < (uint64_t)puts) {
        const int err = dengine_watch_next(watch, TIMEOUT_MS, &event);

        if (err == DENGINE_E_CANCELED) {
            const uint64_t from = dengine_watch_revision(watch);

            dengine_watch_close(watch);
            watch = watch_from(f.client, "", "a", from);
            canceled++;
        } else {
            assert_int_equal(err, 0);
            version++;
            assert_int_equal(event.version, version);
        }
    }
    assert_true(canceled > 0);
    dengine_watch_close(watch);
    tear_down(&f);
}

/* One node dies after the other; the watch goes on elsewhere, each event fits what was there
 * before, and in the end the mirror is the state. */
static void a_watch_goes_on_at_another_node(void **state)
{
    static struct mirror mirror;
    struct de_cluster cluster;
    struct dengine_client *client;
    struct dengine_watch *watch;
    int canceled = 0;
    int round;
    int i;

    (void)state;
    memset(&mirror, 0, sizeof mirror);
    de_cluster_start(&cluster, DE_TEST_SERVER, NULL);
    assert_int_equal(dengine_connect(cluster.endpoints, NULL, &client), 0);
    (void)de_cluster_leader(client, TIMEOUT_MS);
    watch = watch_from(client, "", "a", 0);
    wait_begun(watch);
    for (round = 0; round < 4; round++) {
        const uint64_t node = (uint64_t)round % DE_CLUSTER_NODES + 1;
        uint64_t last = 0;

        for (i = 0; i < 100; i++) {
            change(client, round * 100 + i);
            if (i == 30) {
                de_cluster_kill(&cluster, node);
            }
        }
        while (dengine_put_with(client, DENGINE_STR("z"), DENGINE_STR("end"), NULL, NULL, &last) !=
               0) {
        }
        read_until(client, &watch, &mirror, last, &canceled);
        check_mirror(client, &mirror);
        de_cluster_restart(&cluster, node);
        de_cluster_caught_up(&cluster, node, "z", "end", TIMEOUT_MS);
    }
    assert_int_equal(canceled, 0);
    dengine_watch_close(watch);
    dengine_disconnect(client);
    de_cluster_stop(&cluster);
}

/* ---- d-engine's protocol ---- */

static void check_raw(struct de_raw_watch *watch, int type, const char *key, const char *value,
                      const char *previous)
{
    DEngine__Client__WatchResponse *response = de_raw_watch_next(watch);

    while (response != NULL &&
           response->event_type == D_ENGINE__CLIENT__WATCH_EVENT_TYPE__WATCH_EVENT_TYPE_PROGRESS) {
        d_engine__client__watch_response__free_unpacked(response, NULL);
        response = de_raw_watch_next(watch);
    }
    assert_non_null(response);
    assert_int_equal((int)response->event_type, type);
    assert_int_equal((int)response->error, 0);
    assert_true(response->revision > 0);
    check_slice(dengine_bytes(response->key.data, response->key.len), key);
    check_slice(dengine_bytes(response->value.data, response->value.len), value);
    check_slice(dengine_bytes(response->prev_value.data, response->prev_value.len), previous);
    d_engine__client__watch_response__free_unpacked(response, NULL);
}

static void d_engines_clients_can_watch(void **state)
{
    static uint8_t prefix[] = "/jobs/";
    DEngine__Client__WatchRequest request = D_ENGINE__CLIENT__WATCH_REQUEST__INIT;
    struct de_raw_channel raw;
    struct de_raw_watch watch;
    struct fixture f;

    (void)state;
    set_up(&f, NULL);
    de_raw_open(&raw, f.endpoint, false);
    request.client_id = 42;
    request.key = (ProtobufCBinaryData){6, prefix};
    request.prefix = true;
    request.prev_kv = true;
    de_raw_watch_open(&raw, &watch, &request);
    put(f.client, "/job", "0", NULL);
    put(f.client, "/jobs/1", "1", NULL);
    put(f.client, "/jobs/1", "2", NULL);
    assert_int_equal(dengine_delete(f.client, DENGINE_STR("/jobs/1"), NULL), 0);
    check_raw(&watch, D_ENGINE__CLIENT__WATCH_EVENT_TYPE__WATCH_EVENT_TYPE_PUT, "/jobs/1", "1", "");
    check_raw(&watch, D_ENGINE__CLIENT__WATCH_EVENT_TYPE__WATCH_EVENT_TYPE_PUT, "/jobs/1", "2",
              "1");
    check_raw(&watch, D_ENGINE__CLIENT__WATCH_EVENT_TYPE__WATCH_EVENT_TYPE_DELETE, "/jobs/1", "",
              "2");
    assert_int_equal(de_raw_watch_close(&watch, true), GRPC_STATUS_CANCELLED);

    request.prefix = false;
    request.prev_kv = false;
    de_raw_watch_open(&raw, &watch, &request);
    put(f.client, "/jobs/", "1", NULL);
    put(f.client, "/jobs/", "2", NULL);
    check_raw(&watch, D_ENGINE__CLIENT__WATCH_EVENT_TYPE__WATCH_EVENT_TYPE_PUT, "/jobs/", "1", "");
    check_raw(&watch, D_ENGINE__CLIENT__WATCH_EVENT_TYPE__WATCH_EVENT_TYPE_PUT, "/jobs/", "2", "");
    de_process_signal(f.server, SIGTERM);
    assert_null(de_raw_watch_next(&watch));
    assert_int_equal(de_raw_watch_close(&watch, false), GRPC_STATUS_UNAVAILABLE);
    de_raw_close(&raw);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_come_in_order_with_what_was_before),
        cmocka_unit_test(descriptor_callback_and_progress),
        cmocka_unit_test(too_many_and_nonsense_are_refused),
        cmocka_unit_test(a_past_that_is_forgotten_is_told),
        cmocka_unit_test(a_watch_outlives_its_client_and_its_server),
        cmocka_unit_test(what_happened_before_a_crash_is_told),
        cmocka_unit_test(a_watch_that_resyncs_outlives_a_crash_of_the_only_server),
        cmocka_unit_test(a_slow_watch_is_canceled_and_goes_on_without_a_gap),
        cmocka_unit_test(a_watch_goes_on_at_another_node),
        cmocka_unit_test(d_engines_clients_can_watch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
