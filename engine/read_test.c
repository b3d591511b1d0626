/* Reads of an embedded engine: which run in the calling thread, and what several keys show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "engine/engine_test_support.h"

#define DIRECTORY "read.data"

static struct dengine *engine;
static struct dengine_client *client;

static int setup(void **state)
{
    (void)state;
    engine = de_test_open_new(DIRECTORY);
    client = dengine_client_of(engine);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    de_test_close_and_remove(engine, DIRECTORY);
    return 0;
}

static uint64_t put(const char *key, const char *value)
{
    uint64_t revision;

    assert_int_equal(
        dengine_put_with(client, dengine_str(key), dengine_str(value), NULL, NULL, &revision), 0);
    return revision;
}

/* ---- in which thread ---- */

struct seen {
    pthread_t thread;
    const void *data;
    char bytes[16];
    size_t size;
    uint64_t revision;
    int calls;
    int status;
};

static void see(void *context, const struct dengine_value *value)
{
    struct seen *seen = context;

    seen->thread = pthread_self();
    seen->data = value->data;
    seen->size = value->size;
    seen->revision = value->revision;
    assert_true(value->size <= sizeof seen->bytes);
    memcpy(seen->bytes, value->data, value->size);
    assert_null(value->owner);
    seen->calls++;
}

static void a_value_is_shown_in_place_at_every_consistency(void **state)
{
    static const enum dengine_consistency all[] = {DENGINE_DEFAULT, DENGINE_LINEARIZABLE,
                                                   DENGINE_LEASE, DENGINE_EVENTUAL};
    const uint64_t revision = put("in place", "here");
    const void *place = NULL;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct seen seen = {0};

        assert_int_equal(
            dengine_get_in_place(client, DENGINE_STR("in place"), all[i], NULL, see, &seen), 0);
        assert_int_equal(seen.calls, 1);
        assert_true(pthread_equal(seen.thread, pthread_self()));
        assert_int_equal(seen.size, 4);
        assert_memory_equal(seen.bytes, "here", 4);
        assert_int_equal(seen.revision, revision);
        assert_true(place == NULL || place == seen.data); /* the same bytes, not a copy */
        place = seen.data;
        seen.calls = 0;
        assert_int_equal(
            dengine_get_in_place(client, DENGINE_STR("no such"), all[i], NULL, see, &seen),
            DENGINE_E_NOT_FOUND);
        assert_int_equal(seen.calls, 0);
    }
}

static void note_thread(void *context, struct dengine_reply *reply)
{
    struct seen *seen = context;

    seen->thread = pthread_self();
    seen->status = reply->status;
    dengine_value_free(&reply->value);
    dengine_page_free(&reply->page);
    __atomic_store_n(&seen->calls, 1, __ATOMIC_RELEASE);
}

/* Asynchronous reads show where they run: one that needs nobody is answered before the call
 * returns, in the calling thread. A cluster of one holds its lease for good. */
static void lease_and_eventual_reads_run_in_the_calling_thread(void **state)
{
    static const enum dengine_consistency here[] = {DENGINE_LEASE, DENGINE_EVENTUAL};
    const struct dengine_slice key = DENGINE_STR("k");
    size_t i;

    (void)state;
    (void)put("k", "v");
    for (i = 0; i < 2; i++) {
        const struct dengine_scan scan = {.consistency = here[i]};
        struct seen seen[3] = {{0}};
        size_t j;

        assert_int_equal(dengine_get_async(client, key, here[i], NULL, note_thread, &seen[0]), 0);
        assert_int_equal(dengine_scan_async(client, &scan, NULL, note_thread, &seen[1]), 0);
        assert_int_equal(
            dengine_get_multi_async(client, &key, 1, here[i], NULL, note_thread, &seen[2]), 0);
        for (j = 0; j < 3; j++) {
            assert_int_equal(seen[j].calls, 1);
            assert_int_equal(seen[j].status, 0);
            assert_true(pthread_equal(seen[j].thread, pthread_self()));
        }
    }
}

static void a_read_that_asks_the_quorum_is_answered_elsewhere(void **state)
{
    struct seen seen = {0};

    (void)state;
    assert_int_equal(
        dengine_get_async(client, DENGINE_STR("k"), DENGINE_LINEARIZABLE, NULL, note_thread, &seen),
        0);
    while (__atomic_load_n(&seen.calls, __ATOMIC_ACQUIRE) == 0) {
        (void)sched_yield();
    }
    assert_false(pthread_equal(seen.thread, pthread_self()));
}

/* ---- several keys ---- */

static void several_keys_are_of_one_revision(void **state)
{
    const struct dengine_slice keys[] = {DENGINE_STR("m/c"), DENGINE_STR("m/missing"),
                                         DENGINE_STR("m/a"), DENGINE_STR("m/c")};
    struct dengine_page page;
    uint64_t last;

    (void)state;
    (void)put("m/a", "1");
    last = put("m/c", "3");
    assert_int_equal(dengine_get_multi(client, keys, 4, DENGINE_LINEARIZABLE, NULL, &page), 0);
    assert_int_equal(page.count, 3); /* in the order of keys, without those that are not there */
    assert_int_equal(page.total, 3);
    assert_int_equal(page.revision, last);
    assert_memory_equal(page.pairs[0].key.data, "m/c", 3);
    assert_memory_equal(page.pairs[0].value.data, "3", 1);
    assert_memory_equal(page.pairs[1].key.data, "m/a", 3);
    assert_memory_equal(page.pairs[1].value.data, "1", 1);
    assert_int_equal(page.pairs[1].version, 1);
    assert_memory_equal(page.pairs[2].key.data, "m/c", 3);
    dengine_page_free(&page);

    assert_int_equal(dengine_get_multi(client, keys, 0, DENGINE_LEASE, NULL, &page), 0);
    assert_int_equal(page.count, 0);
    assert_true(page.revision >= last);
    dengine_page_free(&page);
    assert_int_equal(dengine_get_multi(client, keys + 1, 1, DENGINE_EVENTUAL, NULL, &page), 0);
    assert_int_equal(page.count, 0);
    dengine_page_free(&page);
}

static void keys_beyond_the_bound_are_refused(void **state)
{
    static char longest[501];
    struct dengine_slice *keys = malloc((DENGINE_GET_MULTI_MAX + 1) * sizeof *keys);
    struct dengine_slice key;
    struct dengine_page page;
    size_t i;

    (void)state;
    assert_non_null(keys);
    (void)put("m/a", "1");
    for (i = 0; i <= DENGINE_GET_MULTI_MAX; i++) {
        keys[i] = DENGINE_STR("m/a");
    }
    assert_int_equal(
        dengine_get_multi(client, keys, DENGINE_GET_MULTI_MAX, DENGINE_EVENTUAL, NULL, &page), 0);
    assert_int_equal(page.count, DENGINE_GET_MULTI_MAX);
    dengine_page_free(&page);
    assert_int_equal(
        dengine_get_multi(client, keys, DENGINE_GET_MULTI_MAX + 1, DENGINE_EVENTUAL, NULL, &page),
        DENGINE_E_INVALID);
    memset(longest, 'k', sizeof longest);
    key = dengine_bytes(longest, 500);
    assert_int_equal(dengine_get_multi(client, &key, 1, DENGINE_EVENTUAL, NULL, &page), 0);
    dengine_page_free(&page);
    key.size = 501;
    assert_int_equal(dengine_get_multi(client, &key, 1, DENGINE_EVENTUAL, NULL, &page),
                     DENGINE_E_TOO_LARGE);
    key.size = 0;
    assert_int_equal(dengine_get_multi(client, &key, 1, DENGINE_EVENTUAL, NULL, &page),
                     DENGINE_E_INVALID);
    assert_null(page.owner);
    free(keys);
}

struct shown {
    char keys[64];
    uint32_t left;
    bool values;
};

static bool show(void *context, const struct dengine_pair *pair)
{
    struct shown *shown = context;
    const size_t size = strlen(shown->keys);

    (void)snprintf(shown->keys + size, sizeof shown->keys - size, "%.*s ", (int)pair->key.size,
                   (const char *)pair->key.data);
    assert_int_equal(pair->value.data != NULL, shown->values);
    return --shown->left > 0;
}

static void a_range_is_shown_in_place(void **state)
{
    struct dengine_scan scan = {.from = DENGINE_STR("s/"), .end = DENGINE_STR("s0")};
    struct shown shown = {.left = 9, .values = true};

    (void)state;
    (void)put("s/1", "a");
    (void)put("s/2", "b");
    (void)put("s/3", "c");
    assert_int_equal(dengine_scan_in_place(client, &scan, NULL, show, &shown), 0);
    assert_string_equal(shown.keys, "s/1 s/2 s/3 ");
    shown = (struct shown){.left = 9};
    scan.limit = 2;
    scan.reverse = true;
    scan.keys_only = true;
    scan.consistency = DENGINE_LEASE;
    assert_int_equal(dengine_scan_in_place(client, &scan, NULL, show, &shown), 0);
    assert_string_equal(shown.keys, "s/3 s/2 ");
    shown = (struct shown){.left = 1};
    assert_int_equal(dengine_scan_in_place(client, &scan, NULL, show, &shown), 0);
    assert_string_equal(shown.keys, "s/3 ");
    scan.keys_only = false;
    scan.limit = 0;
    scan.count_only = true;
    assert_int_equal(dengine_scan_in_place(client, &scan, NULL, show, &shown), DENGINE_E_INVALID);
}

/* A pair is written by one transaction, again and again: who reads both never sees one of each. */
static void *write_pairs(void *context)
{
    struct dengine_op puts[2] = {{.type = DENGINE_OP_PUT, .key = DENGINE_STR("p/a")},
                                 {.type = DENGINE_OP_PUT, .key = DENGINE_STR("p/b")}};
    const struct dengine_txn txn = {.then_ops = puts, .then_count = 2};
    int i;

    (void)context;
    for (i = 0; i < 300; i++) {
        struct dengine_txn_result result;
        char text[16];

        (void)snprintf(text, sizeof text, "%d", i);
        puts[0].value = puts[1].value = dengine_str(text);
        assert_int_equal(dengine_txn(client, &txn, NULL, &result), 0);
        dengine_txn_result_free(&result);
    }
    return NULL;
}

static void a_pair_is_never_seen_apart(void **state)
{
    const struct dengine_slice keys[] = {DENGINE_STR("p/b"), DENGINE_STR("p/a")};
    bool done = false;
    pthread_t thread;
    int turn;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, write_pairs, NULL), 0);
    for (turn = 0; !done; turn++) {
        struct dengine_page page;

        assert_int_equal(
            dengine_get_multi(client, keys, 2,
                              (enum dengine_consistency)(DENGINE_LINEARIZABLE + turn % 3), NULL,
                              &page),
            0);
        assert_true(page.count == 0 || page.count == 2);
        if (page.count == 2) {
            assert_int_equal(page.pairs[0].mod_revision, page.pairs[1].mod_revision);
            assert_true(page.pairs[0].mod_revision <= page.revision);
            done = page.pairs[0].value.size == 3 && memcmp(page.pairs[0].value.data, "299", 3) == 0;
        }
        dengine_page_free(&page);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_shown_in_place_at_every_consistency),
        cmocka_unit_test(lease_and_eventual_reads_run_in_the_calling_thread),
        cmocka_unit_test(a_read_that_asks_the_quorum_is_answered_elsewhere),
        cmocka_unit_test(several_keys_are_of_one_revision),
        cmocka_unit_test(keys_beyond_the_bound_are_refused),
        cmocka_unit_test(a_range_is_shown_in_place),
        cmocka_unit_test(a_pair_is_never_seen_apart),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
