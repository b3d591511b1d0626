/* Every bound of an engine, at the bound: what is just allowed is done, one more is refused with
 * the error and the metric that belong to it, and when there is room again it is done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include <dengine/metrics.h>
#include <dengine/session.h>
#include <dengine/watch.h>

#include "client/client_ops.h"
#include "client/waiter.h"
#include "engine/engine_test_support.h"

#define DIRECTORY   "bounds.data"
#define PATIENCE_MS 20000
#define HOUR_MS     3600000

/* ---- an engine with one setting ---- */

static struct dengine_config *config_with(const char *const (*settings)[2], size_t count)
{
    struct dengine_config *config = dengine_config_new();
    size_t i;

    assert_non_null(config);
    de_test_remove_tree(DIRECTORY);
    assert_int_equal(dengine_config_set(config, "cluster.db_root_dir", DIRECTORY), 0);
    for (i = 0; i < count; i++) {
        assert_int_equal(dengine_config_set(config, settings[i][0], settings[i][1]), 0);
    }
    return config;
}

static struct dengine *open_configured(const struct dengine_config *config)
{
    struct dengine *engine = de_test_open(config);

    assert_non_null(engine);
    assert_int_equal(dengine_wait_ready(engine, PATIENCE_MS, NULL), 0);
    return engine;
}

static struct dengine *open_with(const char *const (*settings)[2], size_t count)
{
    struct dengine_config *config = config_with(settings, count);
    struct dengine *engine = open_configured(config);

    dengine_config_free(config);
    return engine;
}

static void close_engine(struct dengine *engine)
{
    assert_int_equal(dengine_close(engine), 0);
    de_test_remove_tree(DIRECTORY);
}

struct wanted {
    const char *name;
    uint64_t value;
    bool found;
};

static void look(void *context, const struct dengine_metric *metric)
{
    struct wanted *wanted = context;

    assert_true(metric->kind == DENGINE_GAUGE || metric->kind == DENGINE_COUNTER);
    assert_int_equal(metric->kind == DENGINE_COUNTER, strstr(metric->name, "_total") != NULL);
    assert_true(strlen(metric->help) > 0);
    if (strcmp(metric->name, wanted->name) == 0) {
        assert_false(wanted->found);
        wanted->found = true;
        wanted->value = metric->value;
    }
}

static uint64_t metric(struct dengine *engine, const char *name)
{
    struct wanted wanted = {.name = name};

    dengine_metrics(engine, look, &wanted);
    assert_true(wanted.found);
    return wanted.value;
}

static int put(struct dengine *engine, const void *key, size_t key_size, size_t value_size)
{
    void *value = calloc(1, value_size + 1);
    int err;

    assert_non_null(value);
    err = dengine_put(dengine_client_of(engine), dengine_bytes(key, key_size),
                      dengine_bytes(value, value_size), NULL);
    free(value);
    return err;
}

/* ---- sizes ---- */

static void a_key_and_a_value_may_be_as_long_as_configured(void **state)
{
    static const char *const settings[][2] = {{"limits.key_bytes_max", "16"},
                                              {"limits.value_bytes_max", "100"}};
    struct dengine *engine = open_with(settings, 2);
    static const char key[17] = "0123456789abcdef";
    const struct dengine_op longer = {.type = DENGINE_OP_PUT, .key = dengine_bytes(key, 17)};
    const struct dengine_txn txn = {.then_ops = &longer, .then_count = 1};
    struct dengine_txn_result result;
    struct dengine_value value;

    (void)state;
    assert_int_equal(put(engine, key, 16, 100), 0);
    assert_int_equal(put(engine, key, 17, 100), DENGINE_E_TOO_LARGE);
    assert_non_null(strstr(dengine_last_error(NULL), "limits.key_bytes_max"));
    assert_int_equal(put(engine, key, 16, 101), DENGINE_E_TOO_LARGE);
    assert_int_equal(dengine_txn(dengine_client_of(engine), &txn, NULL, &result),
                     DENGINE_E_TOO_LARGE);
    assert_int_equal(metric(engine, "dengine_too_large_total"), 3);
    /* To look for a longer one is no error: there may have been other limits once. */
    assert_int_equal(dengine_get(dengine_client_of(engine), dengine_bytes(key, 17),
                                 DENGINE_EVENTUAL, NULL, &value),
                     DENGINE_E_NOT_FOUND);
    assert_int_equal(dengine_delete(dengine_client_of(engine), dengine_bytes(key, 17), NULL), 0);
    close_engine(engine);
}

/* ---- leases ---- */

static void there_are_as_many_leases_as_configured(void **state)
{
    static const char *const settings[][2] = {{"limits.leases_max", "3"}};
    struct dengine *engine = open_with(settings, 1);
    struct dengine_client *client = dengine_client_of(engine);
    const struct dengine_put_options life = {.ttl_ms = HOUR_MS};
    uint64_t lease;
    uint64_t more;

    (void)state;
    assert_int_equal(dengine_lease_grant(client, HOUR_MS, NULL, &lease), 0);
    assert_int_equal(dengine_lease_grant(client, HOUR_MS, NULL, &more), 0);
    assert_int_equal(dengine_put_with(client, DENGINE_STR("k"), DENGINE_STR(""), &life, NULL, NULL),
                     0);
    assert_int_equal(metric(engine, "dengine_leases"), 3);
    assert_int_equal(dengine_lease_grant(client, HOUR_MS, NULL, &more), DENGINE_E_BUSY);
    assert_non_null(strstr(dengine_last_error(client), "limits.leases_max"));
    assert_int_equal(dengine_put_with(client, DENGINE_STR("l"), DENGINE_STR(""), &life, NULL, NULL),
                     DENGINE_E_BUSY);
    assert_int_equal(metric(engine, "dengine_leases_refused_total"), 2);
    assert_int_equal(dengine_put(client, DENGINE_STR("l"), DENGINE_STR(""), NULL), 0);
    assert_int_equal(dengine_lease_keep_alive(client, lease, NULL), 0);
    assert_int_equal(dengine_lease_revoke(client, lease, NULL), 0);
    assert_int_equal(dengine_lease_grant(client, HOUR_MS, NULL, &more), 0);
    close_engine(engine);
}

/* ---- sessions ---- */

static void check_sessions_full(struct dengine *engine)
{
    const struct dengine_call_options brief = {.timeout_ms = 500};
    const uint64_t refused = metric(engine, "dengine_sessions_refused_total");
    struct dengine_session *more;

    assert_int_equal(metric(engine, "dengine_sessions"), 2);
    assert_int_equal(dengine_session_open(dengine_client_of(engine), HOUR_MS, NULL, &brief, &more),
                     DENGINE_E_BUSY);
    assert_null(more);
    assert_non_null(strstr(dengine_last_error(dengine_client_of(engine)),
                           "there are 2 sessions, limits.sessions_max allows 2"));
    assert_true(metric(engine, "dengine_sessions_refused_total") > refused);
    assert_int_equal(metric(engine, "dengine_sessions"), 2);
}

/* One whose client does not come back: it lives on without it until its lease ends. */
static uint64_t abandoned_session(struct dengine *engine)
{
    struct dengine_reply reply;
    struct de_waiter waiter;
    int err;

    de_waiter_init(&waiter);
    err =
        de_client_grant_async(dengine_client_of(engine), HOUR_MS, true, 0, de_waiter_wake, &waiter);
    assert_int_equal(de_waiter_end(&waiter, err, &reply), 0);
    return reply.lease;
}

/* As it was left; or with its state made again from snapshot and log, as a member does that
 * receives a snapshot. */
static struct dengine *open_again(struct dengine *engine, const struct dengine_config *config,
                                  bool from_snapshot)
{
    assert_int_equal(dengine_close(engine), 0);
    if (from_snapshot) {
        de_test_remove_tree(DIRECTORY "/state");
    }
    return open_configured(config);
}

static void there_are_as_many_sessions_as_configured(void **state)
{
    static const char *const settings[][2] = {{"limits.sessions_max", "2"},
                                              {"raft.snapshot.log_bytes_before_snapshot", "4096"}};
    struct dengine_config *config = config_with(settings, 2);
    struct dengine *engine = open_configured(config);
    struct dengine_session *session;
    struct dengine_status status;
    uint64_t plain;

    (void)state;
    assert_int_equal(dengine_session_open(dengine_client_of(engine), HOUR_MS, NULL, NULL, &session),
                     0);
    (void)abandoned_session(engine);
    check_sessions_full(engine);
    assert_int_equal(dengine_session_close(session), 0);
    assert_int_equal(metric(engine, "dengine_sessions"), 1);
    (void)abandoned_session(engine);
    check_sessions_full(engine);
    /* A lease without one is none of them. */
    assert_int_equal(dengine_lease_grant(dengine_client_of(engine), HOUR_MS, NULL, &plain), 0);
    assert_int_equal(metric(engine, "dengine_leases"), 3);
    do {
        assert_int_equal(put(engine, "filler", 6, 1000), 0);
        dengine_status(engine, &status);
    } while (status.snapshot_index < 10);
    engine = open_again(engine, config, false);
    check_sessions_full(engine);
    engine = open_again(engine, config, true);
    check_sessions_full(engine);
    assert_int_equal(metric(engine, "dengine_leases"), 3);
    dengine_config_free(config);
    close_engine(engine);
}

/* ---- watches ---- */

static void there_are_as_many_watchers_as_configured(void **state)
{
    static const char *const settings[][2] = {{"raft.watch.max_watchers", "2"},
                                              {"raft.watch.watcher_buffer_size", "3"}};
    struct dengine *engine = open_with(settings, 2);
    struct dengine_client *client = dengine_client_of(engine);
    const struct dengine_watch_options options = {.from = DENGINE_STR("w"), .one_key = true};
    struct dengine_watch *watches[2];
    struct dengine_watch *more;
    struct dengine_event event;
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        assert_int_equal(dengine_watch_open(client, &options, &watches[i]), 0);
    }
    assert_int_equal(metric(engine, "dengine_watchers"), 2);
    assert_int_equal(dengine_watch_open(client, &options, &more), DENGINE_E_BUSY);
    assert_int_equal(metric(engine, "dengine_watchers_refused_total"), 1);
    dengine_watch_close(watches[1]);
    assert_int_equal(dengine_watch_open(client, &options, &watches[1]), 0);

    /* As many changes as one may be behind, and one more. */
    for (i = 0; i < 3; i++) {
        assert_int_equal(put(engine, "w", 1, 1), 0);
    }
    assert_int_equal(metric(engine, "dengine_watch_events"), 3);
    assert_true(metric(engine, "dengine_watch_event_bytes") > 0);
    for (i = 0; i < 3; i++) {
        assert_int_equal(dengine_watch_next(watches[1], PATIENCE_MS, &event), 0);
    }
    assert_int_equal(metric(engine, "dengine_watch_overflows_total"), 0);
    assert_int_equal(put(engine, "w", 1, 1), 0);
    assert_int_equal(metric(engine, "dengine_watch_overflows_total"), 1);
    assert_int_equal(dengine_watch_next(watches[1], PATIENCE_MS, &event), 0);
    for (i = 0; i < 3; i++) { /* what it had is not taken away */
        assert_int_equal(dengine_watch_next(watches[0], PATIENCE_MS, &event), 0);
    }
    assert_int_equal(dengine_watch_next(watches[0], PATIENCE_MS, &event), DENGINE_E_CANCELED);
    dengine_watch_close(watches[0]);
    dengine_watch_close(watches[1]);
    close_engine(engine);
}

/* Changes that take the same number of bytes each: keys of one length, none there before. */
static void put_numbered(struct dengine *engine, int from, int end, uint64_t *revisions)
{
    const struct dengine_put_options forever = {0};
    char key[2] = "w";
    int i;

    assert_true(from >= 0 && end <= 10);
    for (i = from; i < end; i++) {
        key[1] = (char)('0' + i);
        assert_int_equal(dengine_put_with(dengine_client_of(engine), dengine_bytes(key, 2),
                                          DENGINE_STR("value"), &forever, NULL, &revisions[i]),
                         0);
    }
}

/* From revisions[from] on everything is told, up to revisions[end - 1]. */
static void check_remembered(struct dengine *engine, const uint64_t *revisions, int from, int end)
{
    const struct dengine_watch_options options = {.from_revision = revisions[from]};
    struct dengine_watch *watch;
    struct dengine_event event;
    int i;

    assert_int_equal(dengine_watch_open(dengine_client_of(engine), &options, &watch), 0);
    for (i = from; i < end; i++) {
        assert_int_equal(dengine_watch_next(watch, PATIENCE_MS, &event), 0);
        assert_int_equal(event.revision, revisions[i]);
    }
    assert_int_equal(dengine_watch_next(watch, 0, &event), DENGINE_E_TIMEOUT);
    dengine_watch_close(watch);
    assert_int_equal(metric(engine, "dengine_watch_events"), end - from);
}

/* What begins at revision is told that oldest is where it could. */
static void check_forgotten(struct dengine *engine, uint64_t revision, uint64_t oldest)
{
    const struct dengine_watch_options options = {.from_revision = revision};
    struct dengine_watch *watch;
    struct dengine_event event;

    assert_int_equal(dengine_watch_open(dengine_client_of(engine), &options, &watch), 0);
    assert_int_equal(dengine_watch_next(watch, PATIENCE_MS, &event), DENGINE_E_COMPACTED);
    assert_int_equal(dengine_watch_revision(watch), oldest);
    dengine_watch_close(watch);
}

static void check_three_remembered(const char *key, uint64_t bound, uint64_t each)
{
    const char *setting[1][2] = {{key, NULL}};
    uint64_t revisions[5] = {0};
    struct dengine *engine;
    char number[24];

    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)bound);
    setting[0][1] = number;
    engine = open_with((const char *const(*)[2])setting, 1);
    put_numbered(engine, 0, 3, revisions);
    check_remembered(engine, revisions, 0, 3);
    assert_int_equal(metric(engine, "dengine_watch_event_bytes"), 3 * each);
    put_numbered(engine, 3, 4, revisions);
    check_forgotten(engine, revisions[0], revisions[0] + 1);
    check_remembered(engine, revisions, 1, 4);
    assert_int_equal(metric(engine, "dengine_watch_event_bytes"), 3 * each);
    put_numbered(engine, 4, 5, revisions);
    check_forgotten(engine, revisions[1], revisions[1] + 1);
    check_remembered(engine, revisions, 2, 5);
    close_engine(engine);
}

static void as_many_changes_are_remembered_as_configured(void **state)
{
    struct dengine *engine = open_with(NULL, 0);
    uint64_t revision;
    uint64_t each;

    (void)state;
    put_numbered(engine, 0, 1, &revision);
    each = metric(engine, "dengine_watch_event_bytes");
    assert_true(each > strlen("w0") + strlen("value"));
    close_engine(engine);
    check_three_remembered("raft.watch.event_queue_size", 3, each);
    check_three_remembered("raft.watch.event_bytes_max", 3 * each, each); /* to the last byte */
    check_three_remembered("raft.watch.event_bytes_max", 4 * each - 1, each);
}

/* ---- reads ---- */

#define READERS 8

struct readers {
    struct dengine_client *client;
    atomic_int inside;
    atomic_bool go;
};

static void stay(void *context, const struct dengine_value *value)
{
    struct readers *readers = context;

    (void)value;
    (void)atomic_fetch_add(&readers->inside, 1);
    while (!atomic_load(&readers->go)) {
        (void)sched_yield();
    }
}

static void *read_and_stay(void *context)
{
    struct readers *readers = context;

    assert_int_equal(dengine_get_in_place(readers->client, DENGINE_STR("k"), DENGINE_EVENTUAL, NULL,
                                          stay, readers),
                     0);
    return NULL;
}

static void so_many_threads_may_read_at_one_time(void **state)
{
    static const char *const settings[][2] = {{"storage.lmdb_readers_max", "8"}};
    struct dengine *engine = open_with(settings, 1);
    struct readers readers = {.client = dengine_client_of(engine)};
    pthread_t threads[READERS];
    struct dengine_value value;
    int i;

    (void)state;
    assert_int_equal(put(engine, "k", 1, 1), 0);
    for (i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_and_stay, &readers), 0);
    }
    while (atomic_load(&readers.inside) < READERS) {
        (void)sched_yield();
    }
    assert_int_equal(dengine_get(readers.client, DENGINE_STR("k"), DENGINE_EVENTUAL, NULL, &value),
                     DENGINE_E_BUSY);
    assert_int_equal(metric(engine, "dengine_reads_refused_total"), 1);
    atomic_store(&readers.go, true);
    for (i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(dengine_get(readers.client, DENGINE_STR("k"), DENGINE_EVENTUAL, NULL, &value),
                     0);
    dengine_value_free(&value);
    close_engine(engine);
}

/* ---- requests ---- */

struct answers {
    atomic_int busy;
    atomic_int others;
};

static void count(void *context, struct dengine_reply *reply)
{
    struct answers *answers = context;

    (void)atomic_fetch_add(reply->status == DENGINE_E_BUSY ? &answers->busy : &answers->others, 1);
    dengine_value_free(&reply->value);
}

/* One member of three without the others: requests wait for a leader until their time is over. */
static struct dengine *open_alone_of_three(const char *key, const char *bound)
{
    struct dengine_config *config;
    struct dengine *engine;
    uint16_t ports[3];

    de_test_remove_tree(DIRECTORY);
    de_test_free_ports(ports, 3);
    config = de_test_cluster_config(1, ports, 3, DIRECTORY);
    assert_int_equal(dengine_config_set(config, key, bound), 0);
    engine = de_test_open(config);
    assert_non_null(engine);
    dengine_config_free(config);
    return engine;
}

static void as_many_requests_wait_as_configured(void **state)
{
    struct dengine *engine = open_alone_of_three("raft.backpressure.max_pending_requests", "5");
    struct dengine_client *client = dengine_client_of(engine);
    const struct dengine_call_options patient = {.timeout_ms = 600000};
    struct answers answers = {0};
    int i;

    (void)state;
    for (i = 0; i < 5; i++) { /* writes and reads alike */
        assert_int_equal(i % 2 == 0
                             ? dengine_put_async(client, DENGINE_STR("k"), DENGINE_STR("v"),
                                                 &patient, count, &answers)
                             : dengine_get_async(client, DENGINE_STR("k"), DENGINE_LINEARIZABLE,
                                                 &patient, count, &answers),
                         0);
    }
    while (metric(engine, "dengine_waiting_requests") < 5) {
        (void)sched_yield();
    }
    assert_int_equal(atomic_load(&answers.busy), 0);
    assert_int_equal(dengine_put(client, DENGINE_STR("k"), DENGINE_STR("v"), &patient),
                     DENGINE_E_BUSY);
    assert_int_equal(metric(engine, "dengine_busy_requests_total"), 1);
    assert_int_equal(metric(engine, "dengine_waiting_requests"), 5);
    assert_int_equal(dengine_close(engine), 0);
    assert_int_equal(atomic_load(&answers.busy), 0);
    assert_int_equal(atomic_load(&answers.others), 5); /* each has an answer */
    de_test_remove_tree(DIRECTORY);
}

static void as_many_bytes_wait_as_configured(void **state)
{
    /* Never less than a compare-and-swap of two longest values: 2 MiB and what goes with it. */
    struct dengine *engine = open_alone_of_three("raft.backpressure.max_pending_bytes", "4194304");
    struct dengine_client *client = dengine_client_of(engine);
    const struct dengine_call_options patient = {.timeout_ms = 600000};
    struct answers answers = {0};
    void *value = calloc(1, 1048576);
    uint64_t each;
    size_t left;
    int i;

    (void)state;
    assert_non_null(value);
    for (i = 0; i < 3; i++) {
        assert_int_equal(dengine_put_async(client, DENGINE_STR("k"), dengine_bytes(value, 1048576),
                                           &patient, count, &answers),
                         0);
    }
    while (metric(engine, "dengine_waiting_requests") < 3) {
        (void)sched_yield();
    }
    each = metric(engine, "dengine_waiting_bytes") / 3;
    assert_true(each > 1048576);                   /* so four of them do not fit */
    left = (size_t)(4194304 - 4 * each) + 1048576; /* a value of so many bytes does */
    assert_int_equal(dengine_put(client, DENGINE_STR("k"), dengine_bytes(value, 1048576), &patient),
                     DENGINE_E_BUSY);
    assert_int_equal(
        dengine_put(client, DENGINE_STR("k"), dengine_bytes(value, left + 1), &patient),
        DENGINE_E_BUSY);
    assert_int_equal(dengine_put_async(client, DENGINE_STR("k"), dengine_bytes(value, left),
                                       &patient, count, &answers),
                     0); /* to the last byte */
    while (metric(engine, "dengine_waiting_bytes") < 4194304) {
        (void)sched_yield();
    }
    assert_int_equal(metric(engine, "dengine_waiting_bytes"), 4194304);
    assert_int_equal(dengine_put(client, DENGINE_STR("k"), DENGINE_STR(""), &patient),
                     DENGINE_E_BUSY);
    assert_int_equal(metric(engine, "dengine_busy_requests_total"), 3);
    assert_int_equal(dengine_close(engine), 0);
    assert_int_equal(atomic_load(&answers.others), 4);
    de_test_remove_tree(DIRECTORY);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_and_a_value_may_be_as_long_as_configured),
        cmocka_unit_test(there_are_as_many_leases_as_configured),
        cmocka_unit_test(there_are_as_many_sessions_as_configured),
        cmocka_unit_test(there_are_as_many_watchers_as_configured),
        cmocka_unit_test(as_many_changes_are_remembered_as_configured),
        cmocka_unit_test(so_many_threads_may_read_at_one_time),
        cmocka_unit_test(as_many_requests_wait_as_configured),
        cmocka_unit_test(as_many_bytes_wait_as_configured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
