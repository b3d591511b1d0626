/* Watches of an embedded engine, through the public interface. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include <dengine/dengine.h>
#include <dengine/watch.h>

#include "engine/engine_test_support.h"

#define DIRECTORY "watches.data"
#define WAIT_MS   20000
#define KEYS      40

static struct dengine *open_with(const char *key, const char *value)
{
    struct dengine_config *config = dengine_config_new();
    struct dengine *engine;

    assert_non_null(config);
    assert_int_equal(dengine_config_set(config, "cluster.db_root_dir", DIRECTORY), 0);
    if (key != NULL) {
        assert_int_equal(dengine_config_set(config, key, value), 0);
    }
    if (dengine_open_config(config, &engine) != 0) {
        fail_msg("%s", dengine_open_message());
    }
    dengine_config_free(config);
    assert_int_equal(dengine_wait_ready(engine, WAIT_MS, NULL), 0);
    return engine;
}

static int setup(void **state)
{
    de_test_remove_tree(DIRECTORY);
    *state = open_with(NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    assert_int_equal(dengine_close(*state), 0);
    de_test_remove_tree(DIRECTORY);
    return 0;
}

static uint64_t put(struct dengine *engine, const char *key, const char *value)
{
    uint64_t revision = 0;

    assert_int_equal(dengine_put_with(dengine_client_of(engine), dengine_str(key),
                                      dengine_str(value), NULL, NULL, &revision),
                     0);
    return revision;
}

static struct dengine_watch *watch_from(struct dengine *engine, const char *from, const char *end,
                                        uint64_t revision)
{
    const struct dengine_watch_options options = {
        .from = dengine_str(from), .end = dengine_str(end), .from_revision = revision};
    struct dengine_watch *watch;

    assert_int_equal(dengine_watch_open(dengine_client_of(engine), &options, &watch), 0);
    return watch;
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
    assert_int_equal(dengine_watch_next(watch, WAIT_MS, &event), 0);
    assert_int_equal(event.type, type);
    check_slice(event.key, key);
    check_slice(event.value, value);
    assert_false(event.resynced);
    assert_int_equal(event.had_previous, previous != NULL);
    if (previous != NULL) {
        check_slice(event.previous, previous);
    }
}

static void check_nothing(struct dengine_watch *watch, uint64_t revision)
{
    struct dengine_event event;

    assert_int_equal(dengine_watch_next(watch, 0, &event), DENGINE_E_TIMEOUT);
    assert_true(dengine_watch_revision(watch) >= revision);
}

static void changes_come_in_order_with_what_was_before(void **state)
{
    struct dengine *engine = *state;
    struct dengine_watch *watch = watch_from(engine, "b", "c", 0);
    struct dengine_event event;
    uint64_t last;

    check_nothing(watch, 0);
    (void)put(engine, "a", "x");
    (void)put(engine, "b", "1");
    last = put(engine, "b", "2");
    assert_int_equal(dengine_delete(dengine_client_of(engine), DENGINE_STR("b"), NULL), 0);
    (void)put(engine, "c", "x");
    check_next(watch, DENGINE_EVENT_PUT, "b", "1", NULL);
    assert_int_equal(dengine_watch_next(watch, WAIT_MS, &event), 0);
    assert_int_equal(event.revision, last);
    assert_int_equal(event.version, 2);
    check_slice(event.previous, "1");
    check_next(watch, DENGINE_EVENT_DELETE, "b", "", "2");
    check_nothing(watch, last + 1);
    assert_int_equal(dengine_watch_next(watch, 20, &event), DENGINE_E_TIMEOUT);
    dengine_watch_close(watch);
    dengine_watch_close(NULL);
}

static void a_watch_can_be_of_one_key_and_of_deletes(void **state)
{
    const struct dengine_watch_options options = {
        .from = DENGINE_STR("k"), .one_key = true, .no_puts = true};
    struct dengine *engine = *state;
    struct dengine_watch *watch;

    assert_int_equal(dengine_watch_open(dengine_client_of(engine), &options, &watch), 0);
    (void)put(engine, "k", "1");
    (void)put(engine, "kk", "1");
    assert_int_equal(dengine_delete(dengine_client_of(engine), DENGINE_STR("kk"), NULL), 0);
    assert_int_equal(dengine_delete(dengine_client_of(engine), DENGINE_STR("k"), NULL), 0);
    check_next(watch, DENGINE_EVENT_DELETE, "k", "", "1");
    check_nothing(watch, 0);
    dengine_watch_close(watch);
}

static void an_end_by_time_is_marked(void **state)
{
    const struct dengine_put_options life = {.ttl_ms = 20};
    struct dengine *engine = *state;
    struct dengine_watch *watch = watch_from(engine, "", "", 0);
    struct dengine_event event;

    assert_int_equal(dengine_put_with(dengine_client_of(engine), DENGINE_STR("k"), DENGINE_STR("v"),
                                      &life, NULL, NULL),
                     0);
    check_next(watch, DENGINE_EVENT_PUT, "k", "v", NULL);
    assert_int_equal(dengine_watch_next(watch, WAIT_MS, &event), 0);
    assert_int_equal(event.type, DENGINE_EVENT_DELETE);
    assert_true(event.expired);
    assert_true(event.lease != 0);
    dengine_watch_close(watch);
}

static void a_watch_may_begin_in_the_past_that_is_remembered(void **state)
{
    const uint64_t first = put(*state, "k", "1");
    struct dengine_watch *watch;
    struct dengine_event event;
    uint64_t oldest;
    int i;

    (void)put(*state, "k", "2");
    watch = watch_from(*state, "k", "", first);
    check_next(watch, DENGINE_EVENT_PUT, "k", "1", NULL);
    check_next(watch, DENGINE_EVENT_PUT, "k", "2", "1");
    dengine_watch_close(watch);
    assert_int_equal(dengine_close(*state), 0);
    *state = open_with("raft.watch.event_queue_size", "4");
    for (i = 0; i < 10; i++) {
        (void)put(*state, "k", "3");
    }
    watch = watch_from(*state, "", "", 1);
    assert_int_equal(dengine_watch_next(watch, 0, &event), DENGINE_E_COMPACTED);
    assert_int_equal(dengine_watch_next(watch, WAIT_MS, &event), DENGINE_E_COMPACTED);
    oldest = dengine_watch_revision(watch);
    dengine_watch_close(watch);
    watch = watch_from(*state, "", "", oldest);
    for (i = 0; i < 4; i++) {
        check_next(watch, DENGINE_EVENT_PUT, "k", "3", "3");
    }
    check_nothing(watch, oldest + 3);
    dengine_watch_close(watch);
}

static void bad_watches_and_too_many_are_refused(void **state)
{
    const struct dengine_watch_options backwards = {.from = DENGINE_STR("b"),
                                                    .end = DENGINE_STR("a")};
    const struct dengine_watch_options good = {.from = DENGINE_STR("b")};
    const struct dengine_watch_options no_key = {.one_key = true};
    const struct dengine_watch_options two_ends = {
        .from = DENGINE_STR("b"), .end = DENGINE_STR("c"), .one_key = true};
    static const char zeros[501];
    const struct dengine_watch_options too_long = {.from = DENGINE_BYTES(zeros, sizeof(zeros))};
    struct dengine_watch *watch;
    struct dengine_watch *other;

    assert_int_equal(dengine_close(*state), 0);
    *state = open_with("raft.watch.max_watchers", "1");
    assert_int_equal(dengine_watch_open(dengine_client_of(*state), &backwards, &watch),
                     DENGINE_E_INVALID);
    assert_string_equal(dengine_last_error(dengine_client_of(*state)),
                        "the range ends before it begins");
    assert_int_equal(dengine_watch_open(dengine_client_of(*state), &no_key, &watch),
                     DENGINE_E_INVALID);
    assert_string_equal(dengine_last_error(dengine_client_of(*state)), "the key is empty");
    assert_int_equal(dengine_watch_open(dengine_client_of(*state), &two_ends, &watch),
                     DENGINE_E_INVALID);
    assert_int_equal(dengine_watch_open(dengine_client_of(*state), &too_long, &watch),
                     DENGINE_E_TOO_LARGE);
    assert_int_equal(dengine_watch_open(dengine_client_of(*state), &good, &watch), 0);
    assert_int_equal(dengine_watch_open(dengine_client_of(*state), &good, &other), DENGINE_E_BUSY);
    dengine_watch_close(watch);
    assert_int_equal(dengine_watch_open(dengine_client_of(*state), &good, &watch), 0);
    dengine_watch_close(watch);
}

/* ---- three ways to wait ---- */

static void count_ready(void *context)
{
    (void)atomic_fetch_add((atomic_int *)context, 1);
}

static void descriptor_and_callback_tell_of_changes(void **state)
{
    atomic_int calls = 0;
    const struct dengine_watch_options options = {.ready = count_ready, .context = &calls};
    struct dengine *engine = *state;
    struct dengine_watch *watch;
    struct pollfd waiting = {.events = POLLIN};

    assert_int_equal(dengine_watch_open(dengine_client_of(engine), &options, &watch), 0);
    waiting.fd = dengine_watch_fd(watch);
    assert_int_equal(poll(&waiting, 1, 0), 0);
    (void)put(engine, "k", "1");
    assert_int_equal(poll(&waiting, 1, WAIT_MS), 1);
    assert_int_equal(atomic_load(&calls), 1);
    (void)put(engine, "k", "2"); /* there was something to get already */
    check_next(watch, DENGINE_EVENT_PUT, "k", "1", NULL);
    assert_int_equal(poll(&waiting, 1, 0), 1);
    check_next(watch, DENGINE_EVENT_PUT, "k", "2", "1");
    check_nothing(watch, 0);
    assert_int_equal(poll(&waiting, 1, 0), 0);
    (void)put(engine, "k", "3");
    check_next(watch, DENGINE_EVENT_PUT, "k", "3", "2");
    assert_int_equal(atomic_load(&calls), 2);
    dengine_watch_close(watch);
}

static void *put_later(void *engine)
{
    (void)put(engine, "k", "late");
    return NULL;
}

static void a_waiting_thread_is_woken(void **state)
{
    struct dengine_watch *watch = watch_from(*state, "", "", 0);
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, put_later, *state), 0);
    check_next(watch, DENGINE_EVENT_PUT, "k", "late", NULL);
    assert_int_equal(pthread_join(thread, NULL), 0);
    dengine_watch_close(watch);
}

static void a_watch_outlives_its_engine(void **state)
{
    struct dengine_watch *watch = watch_from(*state, "", "", 0);
    struct dengine_event event;

    (void)put(*state, "k", "last");
    assert_int_equal(dengine_close(*state), 0);
    check_next(watch, DENGINE_EVENT_PUT, "k", "last", NULL);
    assert_int_equal(dengine_watch_next(watch, WAIT_MS, &event), DENGINE_E_SHUTDOWN);
    assert_int_equal(dengine_watch_next(watch, WAIT_MS, &event), DENGINE_E_SHUTDOWN);
    dengine_watch_close(watch);
    *state = open_with(NULL, NULL);
}

/* ---- a mirror ---- */

struct mirror {
    char values[KEYS][16]; /* "": no such key */
};

static void reflect(struct mirror *mirror, const struct dengine_event *event)
{
    char key[16];
    long number;

    (void)snprintf(key, sizeof key, "%.*s", (int)event->key.size, (const char *)event->key.data);
    number = strtol(key, NULL, 10);
    assert_in_range(number, 0, KEYS - 1);
    assert_int_equal(event->had_previous, mirror->values[number][0] != '\0');
    (void)snprintf(mirror->values[number], sizeof mirror->values[number], "%.*s",
                   (int)event->value.size, (const char *)event->value.data);
}

static void change_much(struct dengine *engine)
{
    int i;

    for (i = 0; i < 600; i++) {
        char key[16];
        char value[16];

        (void)snprintf(key, sizeof key, "%02d", (i * 7) % KEYS);
        (void)snprintf(value, sizeof value, "%d", i);
        if (i % 5 == 4) {
            assert_int_equal(dengine_delete(dengine_client_of(engine), dengine_str(key), NULL), 0);
        } else {
            (void)put(engine, key, value);
        }
    }
}

static void check_mirror(struct dengine *engine, const struct mirror *mirror)
{
    const struct dengine_scan scan = {.limit = 0};
    struct dengine_page page;
    size_t at = 0;
    int i;

    assert_int_equal(dengine_scan(dengine_client_of(engine), &scan, NULL, &page), 0);
    for (i = 0; i < KEYS; i++) {
        if (mirror->values[i][0] != '\0') {
            assert_true(at < page.count);
            check_slice(page.pairs[at++].value, mirror->values[i]);
        }
    }
    assert_int_equal(at, page.count);
    dengine_page_free(&page);
}

/* Reads on until all has been seen, through any number of ends. */
static void drain(struct dengine *engine, struct dengine_watch **watch, struct mirror *mirror,
                  int *canceled)
{
    struct dengine_event event;
    int err = 0;

    while (err != DENGINE_E_TIMEOUT) {
        err = dengine_watch_next(*watch, 0, &event);
        if (err == 0) {
            reflect(mirror, &event);
        } else if (err == DENGINE_E_CANCELED) {
            const uint64_t revision = dengine_watch_revision(*watch);

            assert_int_equal(dengine_watch_next(*watch, 0, &event), DENGINE_E_CANCELED);
            dengine_watch_close(*watch);
            *watch = watch_from(engine, "", "", revision);
            (*canceled)++;
        } else {
            assert_int_equal(err, DENGINE_E_TIMEOUT);
        }
    }
}

/* A watch with a short queue, read only when all is over, is canceled again and again, and goes on
 * without a gap: each event fits what was there before, and in the end the mirror is the state. */
static void a_slow_watch_is_canceled_and_goes_on_without_a_gap(void **state)
{
    static struct mirror mirror;
    struct dengine_watch *watch;
    int canceled = 0;
    int round;

    assert_int_equal(dengine_close(*state), 0);
    *state = open_with("raft.watch.watcher_buffer_size", "2");
    memset(&mirror, 0, sizeof mirror);
    watch = watch_from(*state, "", "", 0);
    for (round = 1; round <= 3; round++) {
        change_much(*state);
        drain(*state, &watch, &mirror, &canceled);
        assert_true(canceled >= round);
        check_mirror(*state, &mirror);
    }
    dengine_watch_close(watch);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* A watch takes a descriptor only when it is asked for one. */
static void many_watches_take_no_descriptors(void **state)
{
    enum { MANY = 2000 };
    static struct dengine_watch *watches[MANY];
    const struct dengine_watch_options options = {.from = DENGINE_STR("many"), .one_key = true};
    struct rlimit before;
    struct rlimit few;
    struct pollfd late = {.events = POLLIN};
    struct dengine_event event;
    uint64_t revision;
    int i;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 100;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (i = 0; i < MANY; i++) {
        assert_int_equal(dengine_watch_open(dengine_client_of(*state), &options, &watches[i]), 0);
    }
    revision = put(*state, "many", "v");
    late.fd = dengine_watch_fd(watches[MANY - 1]); /* asked for when there is something already */
    assert_int_equal(poll(&late, 1, WAIT_MS), 1);
    for (i = 0; i < MANY; i++) {
        assert_int_equal(dengine_watch_next(watches[i], WAIT_MS, &event), 0);
        assert_int_equal(event.revision, revision);
    }
    few.rlim_cur = 3; /* not even one */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(dengine_watch_fd(watches[0]), -1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(dengine_watch_fd(watches[0]) >= 0);
    for (i = 0; i < MANY; i++) {
        dengine_watch_close(watches[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(changes_come_in_order_with_what_was_before),
        CASE(a_watch_can_be_of_one_key_and_of_deletes),
        CASE(an_end_by_time_is_marked),
        CASE(a_watch_may_begin_in_the_past_that_is_remembered),
        CASE(bad_watches_and_too_many_are_refused),
        CASE(descriptor_and_callback_tell_of_changes),
        CASE(a_waiting_thread_is_woken),
        CASE(many_watches_take_no_descriptors),
        CASE(a_watch_outlives_its_engine),
        CASE(a_slow_watch_is_canceled_and_goes_on_without_a_gap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
