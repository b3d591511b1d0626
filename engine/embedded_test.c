/* An embedded engine alone, through the public interface, on a real directory. */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/engine_test_support.h"

#define DIRECTORY "embedded.data"
#define READY_MS  20000

static struct dengine *open_ready(void)
{
    struct dengine *engine;

    if (dengine_open(DIRECTORY, &engine) != 0) {
        fail_msg("%s", dengine_open_message());
    }
    assert_int_equal(dengine_wait_ready(engine, READY_MS, NULL), 0);
    return engine;
}

static int setup(void **state)
{
    de_test_remove_tree(DIRECTORY);
    *state = open_ready();
    return 0;
}

static int teardown(void **state)
{
    assert_int_equal(dengine_close(*state), 0);
    de_test_remove_tree(DIRECTORY);
    return 0;
}

static struct dengine_client *client_of(void **state)
{
    return dengine_client_of(*state);
}

static void check_value(struct dengine_client *client, const char *key,
                        enum dengine_consistency consistency, const char *expected)
{
    struct dengine_value value;

    assert_int_equal(dengine_get(client, DENGINE_STR(key), consistency, NULL, &value), 0);
    assert_int_equal(value.size, strlen(expected));
    assert_memory_equal(value.data, expected, value.size);
    assert_true(value.revision > 0);
    dengine_value_free(&value);
    assert_null(value.data);
}

static void check_absent(struct dengine_client *client, const char *key)
{
    struct dengine_value value;

    assert_int_equal(dengine_get(client, DENGINE_STR(key), DENGINE_LINEARIZABLE, NULL, &value),
                     DENGINE_E_NOT_FOUND);
    assert_null(value.owner);
}

struct countdown {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int left;
    int failed;
};

static void count_down(void *context, struct dengine_reply *reply)
{
    struct countdown *countdown = context;

    (void)pthread_mutex_lock(&countdown->mutex);
    countdown->left--;
    countdown->failed += reply->status != 0 || !reply->succeeded;
    dengine_value_free(&reply->value);
    dengine_page_free(&reply->page);
    (void)pthread_cond_signal(&countdown->changed);
    (void)pthread_mutex_unlock(&countdown->mutex);
}

/* The last page: one lease. */
static void count_one(void *context, struct dengine_reply *reply)
{
    if (reply->status == 0 && (reply->leases.count != 1 || reply->leases.more)) {
        reply->status = DENGINE_E_INTERNAL;
    }
    dengine_lease_page_free(&reply->leases);
    count_down(context, reply);
}

static void wait_for_left(struct countdown *countdown, int left)
{
    (void)pthread_mutex_lock(&countdown->mutex);
    while (countdown->left > left) {
        (void)pthread_cond_wait(&countdown->changed, &countdown->mutex);
    }
    (void)pthread_mutex_unlock(&countdown->mutex);
}

static void what_was_put_can_be_got_at_every_consistency(void **state)
{
    struct dengine_client *client = client_of(state);

    assert_int_equal(dengine_put(client, DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    check_value(client, "k", DENGINE_DEFAULT, "v");
    check_value(client, "k", DENGINE_LINEARIZABLE, "v");
    check_value(client, "k", DENGINE_LEASE, "v");
    check_value(client, "k", DENGINE_EVENTUAL, "v");
    assert_int_equal(dengine_put(client, DENGINE_STR("k"), DENGINE_STR(""), NULL), 0);
    check_value(client, "k", DENGINE_LINEARIZABLE, "");
}

static void a_deleted_key_is_gone(void **state)
{
    struct dengine_client *client = client_of(state);

    assert_int_equal(dengine_put(client, DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    assert_int_equal(dengine_delete(client, DENGINE_STR("k"), NULL), 0);
    check_absent(client, "k");
    assert_int_equal(dengine_delete(client, DENGINE_STR("k"), NULL), 0);
}

static void a_comparison_decides_whether_a_swap_happens(void **state)
{
    struct dengine_client *client = client_of(state);
    struct dengine_slice one = DENGINE_STR("1");
    bool succeeded;

    assert_int_equal(
        dengine_compare_and_swap(client, DENGINE_STR("k"), NULL, one, NULL, &succeeded), 0);
    assert_true(succeeded);
    assert_int_equal(dengine_compare_and_swap(client, DENGINE_STR("k"), NULL, DENGINE_STR("2"),
                                              NULL, &succeeded),
                     0);
    assert_false(succeeded);
    assert_int_equal(dengine_compare_and_swap(client, DENGINE_STR("k"), &one, DENGINE_STR("3"),
                                              NULL, &succeeded),
                     0);
    assert_true(succeeded);
    check_value(client, "k", DENGINE_LINEARIZABLE, "3");
}

static void put_with(struct dengine_client *client, const char *key, uint64_t ttl_ms,
                     uint64_t lease)
{
    const struct dengine_put_options put = {.ttl_ms = ttl_ms, .lease = lease};

    assert_int_equal(dengine_put_with(client, dengine_str(key), DENGINE_STR("v"), &put, NULL, NULL),
                     0);
}

/* Until key is gone, which is an assertion that it will be. */
static void wait_absent(struct dengine_client *client, const char *key)
{
    struct dengine_value value;
    int err;

    do {
        err = dengine_get(client, dengine_str(key), DENGINE_LINEARIZABLE, NULL, &value);
        dengine_value_free(&value);
    } while (err == 0);
    assert_int_equal(err, DENGINE_E_NOT_FOUND);
}

static void a_key_ends_after_its_time(void **state)
{
    struct dengine_client *client = client_of(state);

    put_with(client, "short", 50, 0);
    put_with(client, "long", 3600000, 0);
    put_with(client, "kept", 50, 0);
    put_with(client, "kept", 0, 0); /* for ever now */
    wait_absent(client, "short");
    check_value(client, "long", DENGINE_LINEARIZABLE, "v");
    check_value(client, "kept", DENGINE_LINEARIZABLE, "v");
}

static void keys_end_with_their_lease(void **state)
{
    struct dengine_client *client = client_of(state);
    struct dengine_put_options put = {0};
    uint64_t one = 0;
    uint64_t two = 0;
    uint64_t revision = 0;

    assert_int_equal(dengine_lease_grant(client, 3600000, NULL, &one), 0);
    assert_int_equal(dengine_lease_grant(client, 1500, NULL, &two), 0);
    assert_true(one != 0 && two > one);
    put_with(client, "c", 0, two);
    put_with(client, "a", 0, one);
    put_with(client, "b", 0, one);
    put_with(client, "b", 0, 0); /* detaches */
    assert_int_equal(dengine_lease_keep_alive(client, one, NULL), 0);
    assert_int_equal(dengine_lease_revoke(client, one, NULL), 0);
    check_absent(client, "a");
    check_value(client, "b", DENGINE_LINEARIZABLE, "v");
    assert_int_equal(dengine_lease_keep_alive(client, one, NULL), DENGINE_E_NO_LEASE);
    assert_int_equal(dengine_lease_revoke(client, one, NULL), DENGINE_E_NO_LEASE);
    put.lease = one;
    assert_int_equal(
        dengine_put_with(client, DENGINE_STR("a"), DENGINE_STR("v"), &put, NULL, &revision),
        DENGINE_E_NO_LEASE);
    assert_int_equal(revision, 0);
    wait_absent(client, "c");
    assert_int_equal(dengine_lease_keep_alive(client, two, NULL), DENGINE_E_NO_LEASE);
}

static void a_lease_outlives_a_restart(void **state)
{
    uint64_t lease = 0;

    assert_int_equal(dengine_lease_grant(client_of(state), 3600000, NULL, &lease), 0);
    put_with(client_of(state), "with", 0, lease);
    put_with(client_of(state), "short", 200, 0);
    assert_int_equal(dengine_close(*state), 0);
    *state = open_ready();
    check_value(client_of(state), "with", DENGINE_LINEARIZABLE, "v");
    wait_absent(client_of(state), "short");
    assert_int_equal(dengine_lease_revoke(client_of(state), lease, NULL), 0);
    check_absent(client_of(state), "with");
}

static void leases_can_be_looked_at(void **state)
{
    struct dengine_client *client = client_of(state);
    struct dengine_lease_page page;
    struct dengine_lease_info info;
    uint64_t leases[3];
    int level;
    int i;

    for (i = 0; i < 3; i++) {
        assert_int_equal(dengine_lease_grant(client, 3600000, NULL, &leases[i]), 0);
    }
    put_with(client, "a", 0, leases[1]);
    put_with(client, "b", 0, leases[1]);
    put_with(client, "c", 7200000, 0);
    for (level = DENGINE_DEFAULT; level <= DENGINE_EVENTUAL; level++) {
        const enum dengine_consistency consistency = (enum dengine_consistency)level;

        assert_int_equal(dengine_lease_look(client, leases[1], consistency, NULL, &info), 0);
        assert_int_equal(info.lease, leases[1]);
        assert_int_equal(info.ttl_ms, 3600000);
        assert_in_range(info.left_ms, 3000000, 3600000);
        assert_int_equal(info.keys, 2);
        assert_false(info.of_one_key);
        assert_int_equal(dengine_lease_list(client, leases[1], consistency, NULL, &page), 0);
        assert_int_equal(page.count, 3);
        assert_int_equal(page.leases[1].lease, leases[2]);
        assert_int_equal(page.leases[2].ttl_ms, 7200000);
        assert_true(page.leases[2].of_one_key);
        assert_false(page.more);
        dengine_lease_page_free(&page);
    }
    assert_int_equal(
        dengine_lease_look(client, leases[2] + 1000, DENGINE_LINEARIZABLE, NULL, &info),
        DENGINE_E_NO_LEASE);
    assert_int_equal(dengine_lease_look(client, 0, DENGINE_LINEARIZABLE, NULL, &info),
                     DENGINE_E_INVALID);
    assert_int_equal(info.lease, 0);
}

static void many_leases_come_in_pages(void **state)
{
    struct dengine_client *client = client_of(state);
    struct countdown countdown = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER,
                                  DENGINE_LEASES_PAGE_MAX + 1, 0};
    struct dengine_lease_page page;
    int i;

    for (i = 0; i <= DENGINE_LEASES_PAGE_MAX; i++) {
        assert_int_equal(dengine_lease_grant_async(client, 3600000, NULL, count_down, &countdown),
                         0);
    }
    wait_for_left(&countdown, 0);
    assert_int_equal(countdown.failed, 0);
    assert_int_equal(dengine_lease_list(client, 0, DENGINE_EVENTUAL, NULL, &page), 0);
    assert_int_equal(page.count, DENGINE_LEASES_PAGE_MAX);
    assert_true(page.more);
    i = (int)page.count;
    assert_true(page.leases[i - 1].lease > page.leases[0].lease);
    countdown.left = 1;
    assert_int_equal(dengine_lease_list_async(client, page.leases[i - 1].lease + 1,
                                              DENGINE_LINEARIZABLE, NULL, count_one, &countdown),
                     0);
    wait_for_left(&countdown, 0);
    assert_int_equal(countdown.failed, 0);
    dengine_lease_page_free(&page);
}

static void a_range_is_deleted_at_once(void **state)
{
    struct dengine_client *client = client_of(state);
    uint64_t count = 9;

    put_with(client, "a", 0, 0);
    put_with(client, "b/1", 0, 0);
    put_with(client, "b/2", 3600000, 0);
    put_with(client, "c", 0, 0);
    assert_int_equal(
        dengine_delete_range(client, DENGINE_STR("b/"), DENGINE_STR("b0"), NULL, &count), 0);
    assert_int_equal(count, 2);
    check_absent(client, "b/1");
    check_value(client, "c", DENGINE_LINEARIZABLE, "v");
    assert_int_equal(dengine_delete_range(client, DENGINE_STR("b"), DENGINE_STR(""), NULL, &count),
                     0);
    assert_int_equal(count, 1);
    check_value(client, "a", DENGINE_LINEARIZABLE, "v");
}

static void a_later_write_has_the_greater_revision(void **state)
{
    struct dengine_value value;
    uint64_t first = 0;
    uint64_t second = 0;

    assert_int_equal(
        dengine_put_with(client_of(state), DENGINE_STR("a"), DENGINE_STR("1"), NULL, NULL, &first),
        0);
    assert_int_equal(
        dengine_put_with(client_of(state), DENGINE_STR("b"), DENGINE_STR("2"), NULL, NULL, &second),
        0);
    assert_true(first > 0 && second > first);
    assert_int_equal(
        dengine_get(client_of(state), DENGINE_STR("b"), DENGINE_LINEARIZABLE, NULL, &value), 0);
    assert_int_equal(value.revision, second);
    dengine_value_free(&value);
}

static void check_page(struct dengine_client *client, const struct dengine_scan *scan,
                       const char *const *keys, bool more)
{
    struct dengine_page page;
    size_t i;

    assert_int_equal(dengine_scan(client, scan, NULL, &page), 0);
    for (i = 0; keys[i] != NULL; i++) {
        assert_true(i < page.count);
        assert_int_equal(page.pairs[i].key.size, strlen(keys[i]));
        assert_memory_equal(page.pairs[i].key.data, keys[i], strlen(keys[i]));
        assert_int_equal(page.pairs[i].value.size, scan->keys_only ? 0 : 1);
        assert_true(page.pairs[i].mod_revision <= page.revision);
        assert_true(page.pairs[i].create_revision > 0 && page.pairs[i].version > 0);
    }
    assert_int_equal(page.count, i);
    assert_int_equal(page.total, i);
    assert_int_equal(page.more, more);
    dengine_page_free(&page);
}

#define PAGE(client, scan, more, ...)                                                              \
    do {                                                                                           \
        static const char *const keys_[] = {__VA_ARGS__, NULL};                                    \
        check_page((client), (scan), keys_, (more));                                               \
    } while (0)

static void a_range_is_scanned_either_way(void **state)
{
    struct dengine_client *client = client_of(state);
    struct dengine_scan scan = {.from = DENGINE_STR("b"), .end = DENGINE_STR("d")};
    int level;

    put_with(client, "a", 0, 0);
    put_with(client, "b", 0, 0);
    put_with(client, "bb", 3600000, 0);
    put_with(client, "c", 0, 0);
    put_with(client, "d", 0, 0);
    for (level = DENGINE_DEFAULT; level <= DENGINE_EVENTUAL; level++) {
        scan.consistency = (enum dengine_consistency)level;
        PAGE(client, &scan, false, "b", "bb", "c");
    }
    scan.from_excluded = true;
    PAGE(client, &scan, false, "bb", "c");
    scan.limit = 1;
    PAGE(client, &scan, true, "bb");
    scan.limit = 2;
    scan.reverse = true;
    scan.keys_only = true;
    PAGE(client, &scan, false, "c", "bb");
    scan = (struct dengine_scan){.limit = 4};
    PAGE(client, &scan, true, "a", "b", "bb", "c");
    scan = (struct dengine_scan){.from = DENGINE_STR("x")};
    PAGE(client, &scan, false, NULL);
}

/* Puts count keys without waiting for each. */
static void put_many(struct dengine_client *client, int count)
{
    struct countdown countdown = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, count, 0};
    int i;

    for (i = 0; i < count; i++) {
        char key[32];

        (void)snprintf(key, sizeof(key), "%05d", i);
        assert_int_equal(dengine_put_async(client, DENGINE_STR(key), DENGINE_STR("v"), NULL,
                                           count_down, &countdown),
                         0);
        if (i % 500 == 499) { /* pending writes are bounded */
            wait_for_left(&countdown, count - 1 - i);
        }
    }
    wait_for_left(&countdown, 0);
    assert_int_equal(countdown.failed, 0);
}

static void a_long_scan_comes_in_pages(void **state)
{
    struct dengine_client *client = client_of(state);
    struct dengine_scan scan = {.consistency = DENGINE_EVENTUAL};
    struct dengine_page page = {0};
    struct dengine_page next;
    bool more = true;
    int count = 0;
    int pages = 0;
    size_t i;

    put_many(client, 2500);
    for (; more; pages++) {
        assert_int_equal(dengine_scan(client, &scan, NULL, &next), 0);
        dengine_page_free(&page);
        page = next;
        for (i = 0; i < page.count; i++, count++) {
            char key[32];

            (void)snprintf(key, sizeof(key), "%05d", count);
            assert_memory_equal(page.pairs[i].key.data, key, 5);
        }
        more = dengine_scan_next(&scan, &page);
    }
    dengine_page_free(&page);
    assert_int_equal(count, 2500);
    assert_int_equal(pages, 3);
    scan = (struct dengine_scan){.count_only = true};
    assert_int_equal(dengine_scan(client, &scan, NULL, &page), 0);
    assert_int_equal(page.total, 2500);
    assert_int_equal(page.count, 1);
    assert_memory_equal(page.pairs[0].key.data, "02499", 5);
    assert_false(page.more);
    dengine_page_free(&page);
}

static void a_page_has_about_a_mebibyte(void **state)
{
    static char bytes[1024 * 1024];
    struct dengine_client *client = client_of(state);
    struct dengine_scan scan = {.limit = 0};
    struct dengine_page page;
    int i;

    for (i = 0; i < 3; i++) {
        char key[2] = {(char)('a' + i), '\0'};

        assert_int_equal(dengine_put(client, dengine_str(key),
                                     DENGINE_BYTES(bytes, i < 2 ? 400000 : sizeof bytes), NULL),
                         0);
    }
    assert_int_equal(dengine_scan(client, &scan, NULL, &page), 0);
    assert_int_equal(page.count, 2);
    assert_true(page.more);
    dengine_page_free(&page);
    scan.from = DENGINE_STR("c"); /* one pair that is too long for a page is a page */
    assert_int_equal(dengine_scan(client, &scan, NULL, &page), 0);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.pairs[0].value.size, sizeof bytes);
    assert_false(page.more);
    dengine_page_free(&page);
}

static void everything_is_there_after_a_restart(void **state)
{
    struct dengine_status before;
    struct dengine_status after;
    char key[32];
    int i;

    for (i = 0; i < 100; i++) {
        (void)snprintf(key, sizeof(key), "key%d", i);
        assert_int_equal(dengine_put(client_of(state), DENGINE_STR(key), DENGINE_STR(key), NULL),
                         0);
    }
    dengine_status(*state, &before);
    assert_int_equal(dengine_close(*state), 0);
    *state = open_ready();
    dengine_status(*state, &after);
    assert_int_equal(after.node_id, before.node_id);
    assert_int_equal(after.cluster_id, before.cluster_id);
    assert_true(after.term > before.term);
    for (i = 0; i < 100; i++) {
        (void)snprintf(key, sizeof(key), "key%d", i);
        check_value(client_of(state), key, DENGINE_EVENTUAL, key);
    }
}

static void limits_are_told_apart(void **state)
{
    struct dengine_client *client = client_of(state);
    size_t size = 1024 * 1024;
    char *big = calloc(1, size + 1);
    char key[511];

    assert_non_null(big);
    memset(key, 'k', sizeof(key));
    assert_int_equal(dengine_put(client, DENGINE_BYTES(key, 500), DENGINE_BYTES(big, size), NULL),
                     0);
    assert_int_equal(dengine_put(client, DENGINE_STR("k"), DENGINE_BYTES(big, size + 1), NULL),
                     DENGINE_E_TOO_LARGE);
    assert_non_null(strstr(dengine_last_error(client), "1048576"));
    assert_int_equal(dengine_put(client, DENGINE_BYTES(key, 511), DENGINE_STR("v"), NULL),
                     DENGINE_E_TOO_LARGE);
    assert_int_equal(dengine_put(client, DENGINE_STR(""), DENGINE_STR("v"), NULL),
                     DENGINE_E_INVALID);
    free(big);
}

static void the_status_shows_a_ready_leader(void **state)
{
    struct dengine_status status;
    uint64_t leader = 0;

    assert_int_equal(dengine_put(client_of(state), DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    dengine_status(*state, &status);
    assert_true(status.ready);
    assert_false(status.halted);
    assert_int_equal(status.role, DENGINE_LEADER);
    assert_int_equal(status.leader, status.node_id);
    assert_true(status.last_index >= 2);
    assert_true(dengine_is_leader(*state));
    assert_int_equal(dengine_wait_ready(*state, 0, &leader), 0);
    assert_int_equal(leader, dengine_node_id(*state));
    assert_int_equal(dengine_leader(*state), leader);
    assert_true(dengine_term(*state) > 0);
}

static void a_cluster_of_one_has_one_member(void **state)
{
    struct dengine_cluster_status cluster;

    assert_int_equal(dengine_cluster_status(client_of(state), NULL, &cluster), 0);
    assert_int_equal(cluster.member_count, 1);
    assert_int_equal(cluster.members[0].id, cluster.leader);
    assert_true(cluster.members[0].leader);
}

/* ---- asynchronous ---- */

static void asynchronous_calls_copy_their_arguments_and_all_end(void **state)
{
    struct dengine_client *client = client_of(state);
    struct countdown countdown = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 1000, 0};
    struct dengine_scan scan = {.from = DENGINE_STR("key1"), .limit = 2};
    char key[32];
    int i;

    for (i = 0; i < 500; i++) {
        (void)snprintf(key, sizeof(key), "key%d", i);
        assert_int_equal(dengine_put_async(client, DENGINE_STR(key), DENGINE_STR(key), NULL,
                                           count_down, &countdown),
                         0);
        memset(key, 'x', sizeof(key));
    }
    /* All writes were submitted before, but a read sees only what was acknowledged before. */
    for (i = 0; i < 250; i++) {
        assert_int_equal(
            dengine_delete_async(client, DENGINE_STR("none"), NULL, count_down, &countdown), 0);
        assert_int_equal(dengine_compare_and_swap_async(client, DENGINE_STR("cas"), NULL,
                                                        DENGINE_STR("1"), NULL, count_down,
                                                        &countdown),
                         0);
    }
    wait_for_left(&countdown, 0);
    assert_int_equal(countdown.failed, 249);
    countdown.left = 1500;
    countdown.failed = 0;
    for (i = 0; i < 500; i++) {
        (void)snprintf(key, sizeof(key), "key%d", i);
        assert_int_equal(dengine_get_async(client, DENGINE_STR(key), DENGINE_LINEARIZABLE, NULL,
                                           count_down, &countdown),
                         0);
        assert_int_equal(dengine_get_async(client, DENGINE_STR(key), DENGINE_EVENTUAL, NULL,
                                           count_down, &countdown),
                         0);
        assert_int_equal(dengine_scan_async(client, &scan, NULL, count_down, &countdown), 0);
    }
    wait_for_left(&countdown, 0);
    assert_int_equal(countdown.failed, 0);
}

/* ---- many threads ---- */

#define THREADS    4
#define INCREMENTS 50

struct incrementer {
    struct dengine_client *client;
    int swapped;
};

static void *increment(void *argument)
{
    struct incrementer *self = argument;

    while (self->swapped < INCREMENTS) {
        struct dengine_value value;
        struct dengine_slice old = {0};
        char next[32];
        bool succeeded = false;
        int err =
            dengine_get(self->client, DENGINE_STR("counter"), DENGINE_LINEARIZABLE, NULL, &value);
        long number = err == 0 ? strtol(value.data, NULL, 10) : 0;

        old.data = value.data;
        old.size = value.size;
        (void)snprintf(next, sizeof(next), "%ld", number + 1);
        /* The terminator is stored with it, so that strtol finds an end. */
        err = dengine_compare_and_swap(self->client, DENGINE_STR("counter"), err == 0 ? &old : NULL,
                                       DENGINE_BYTES(next, strlen(next) + 1), NULL, &succeeded);
        dengine_value_free(&value);
        if (err != 0) {
            break;
        }
        self->swapped += succeeded ? 1 : 0;
    }
    return NULL;
}

static void increments_of_many_threads_add_up(void **state)
{
    struct incrementer selves[THREADS];
    pthread_t threads[THREADS];
    struct dengine_value value;
    int i;

    for (i = 0; i < THREADS; i++) {
        selves[i].client = client_of(state);
        selves[i].swapped = 0;
        assert_int_equal(pthread_create(&threads[i], NULL, increment, &selves[i]), 0);
    }
    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(selves[i].swapped, INCREMENTS);
    }
    assert_int_equal(
        dengine_get(client_of(state), DENGINE_STR("counter"), DENGINE_LINEARIZABLE, NULL, &value),
        0);
    assert_int_equal(strtol(value.data, NULL, 10), THREADS * INCREMENTS);
    dengine_value_free(&value);
}

/* ---- alone means alone ---- */

static int count_entries(const char *directory)
{
    DIR *dir = opendir(directory);
    int count = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    return count;
}

static int count_sockets(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char path[300];
        struct stat info;

        (void)snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
        if (stat(path, &info) == 0 && S_ISSOCK(info.st_mode)) {
            count++;
        }
    }
    (void)closedir(dir);
    return count;
}

static void a_single_node_has_no_socket_and_four_threads(void **state)
{
    int sockets = count_sockets();
    int threads = count_entries("/proc/self/task");

    assert_int_equal(dengine_close(*state), 0);
    assert_int_equal(count_sockets(), sockets);
    /* Loop, log writer, applier, snapshot worker; none of gRPC. */
    assert_int_equal(threads - count_entries("/proc/self/task"), 4);
    *state = open_ready();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_was_put_can_be_got_at_every_consistency),
        CASE(a_deleted_key_is_gone),
        CASE(a_comparison_decides_whether_a_swap_happens),
        CASE(a_key_ends_after_its_time),
        CASE(keys_end_with_their_lease),
        CASE(a_lease_outlives_a_restart),
        CASE(leases_can_be_looked_at),
        CASE(many_leases_come_in_pages),
        CASE(a_range_is_deleted_at_once),
        CASE(a_later_write_has_the_greater_revision),
        CASE(a_range_is_scanned_either_way),
        CASE(a_long_scan_comes_in_pages),
        CASE(a_page_has_about_a_mebibyte),
        CASE(everything_is_there_after_a_restart),
        CASE(limits_are_told_apart),
        CASE(the_status_shows_a_ready_leader),
        CASE(a_cluster_of_one_has_one_member),
        CASE(asynchronous_calls_copy_their_arguments_and_all_end),
        CASE(increments_of_many_threads_add_up),
        CASE(a_single_node_has_no_socket_and_four_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
