/* What the newest batches did, read back after a start. (Random commands: kv_model_test.c.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kv/kv.h"
#include "core/kv/kv_test_store.h"
#include "core/kv/past.h"
#include "core/kv/watch.h"
#include "tests/support/test_support.h"

#define SECOND UINT64_C(1000000000)

enum {
    EVENTS = 16,
    BYTES = 1 << 16,
    COMMAND_BYTES_MAX = 1 << 18,
};

struct fixture {
    struct test_store store;
    struct de_test_heap heap;
    struct de_kv *kv;
    struct dengine_state_machine machine;
    struct dengine_position at;
    uint8_t *bytes; /* for one encoded command */
    struct de_kv_event *past;
    uint64_t oldest;
};

static void forget(struct fixture *f)
{
    while (f->past != NULL) {
        struct de_kv_event *event = f->past;

        f->past = event->next;
        de_kv_event_unref(&f->heap.allocator, event);
    }
}

static int start(struct fixture *f, size_t events, size_t bytes)
{
    int rc;

    forget(f);
    de_kv_free(f->kv);
    f->kv = NULL;
    rc = de_kv_new(test_store_table(&f->store), &f->heap.allocator, &f->kv);
    if (rc != 0) {
        return rc;
    }
    f->machine = de_kv_state_machine(f->kv);
    return de_kv_recall(f->kv, events, bytes, &f->past, &f->oldest);
}

static void setup(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    test_store_init(&f->store);
    de_test_heap_init(&f->heap);
    f->at.term = 1;
    f->at.time_ns = SECOND;
    f->bytes = malloc(COMMAND_BYTES_MAX);
    assert_non_null(f->bytes);
    assert_int_equal(start(f, EVENTS, BYTES), 0);
    assert_null(f->past);
    assert_int_equal(f->oldest, 1);
}

static void teardown(struct fixture *f)
{
    forget(f);
    de_kv_free(f->kv);
    test_store_deinit(&f->store);
    assert_int_equal(f->heap.blocks, 0);
    free(f->bytes);
}

static void begin(struct fixture *f)
{
    assert_int_equal(f->machine.ops->begin(f->machine.object), 0);
}

/* In an entry of its own. */
static void apply(struct fixture *f, const struct de_kv_command *command)
{
    const size_t size = de_kv_command_encode(command, f->bytes, COMMAND_BYTES_MAX);
    struct dengine_result result;

    f->at.index++;
    assert_int_equal(
        f->machine.ops->apply(f->machine.object, &f->at, dengine_bytes(f->bytes, size), &result),
        0);
    assert_int_equal(result.status, 0);
}

static void commit(struct fixture *f)
{
    assert_int_equal(f->machine.ops->commit(f->machine.object, f->at.index, f->at.term), 0);
}

static void run(struct fixture *f, const struct de_kv_command *command)
{
    begin(f);
    apply(f, command);
    commit(f);
}

static void put(struct fixture *f, const char *key, const char *value)
{
    const struct de_kv_command command = de_kv_put(dengine_str(key), dengine_str(value));

    run(f, &command);
}

static size_t count(const struct fixture *f)
{
    size_t events = 0;

    for (const struct de_kv_event *event = f->past; event != NULL; event = event->next) {
        events++;
    }
    return events;
}

static size_t records(const struct fixture *f)
{
    size_t found = 0;

    for (size_t i = 0; i < f->store.committed.count; i++) {
        uint64_t first;

        found += de_kv_past_of(f->store.committed.pairs[i].key, &first) ? 1 : 0;
    }
    return found;
}

static void expect(const struct de_kv_event *event, uint64_t revision, const char *key,
                   const char *value, const char *previous)
{
    assert_non_null(event);
    assert_int_equal(event->revision, revision);
    assert_int_equal(event->key.size, strlen(key));
    assert_memory_equal(event->key.data, key, strlen(key));
    assert_int_equal(event->type, value != NULL ? DE_KV_EVENT_PUT : DE_KV_EVENT_DELETE);
    assert_int_equal(event->value.size, value != NULL ? strlen(value) : 0);
    if (event->value.size > 0) {
        assert_memory_equal(event->value.data, value, event->value.size);
    }
    assert_int_equal(event->had_previous, previous != NULL);
    assert_int_equal(event->previous.size, previous != NULL ? strlen(previous) : 0);
    if (event->previous.size > 0) {
        assert_memory_equal(event->previous.data, previous, event->previous.size);
    }
}

static void test_values_and_previous_values_come_back(void **state)
{
    struct de_kv_command command = de_kv_put(dengine_str("a"), dengine_str("1"));
    const struct de_kv_command delete_a = de_kv_delete(dengine_str("a"));
    struct fixture f;

    (void)state;
    setup(&f);
    begin(&f); /* three entries in one batch: each sees what the ones before it left */
    apply(&f, &command);
    command.op.value = dengine_str("22");
    apply(&f, &command);
    apply(&f, &delete_a);
    commit(&f);
    put(&f, "a", "");
    put(&f, "b", "x");
    put(&f, "a", "3");
    assert_int_equal(start(&f, EVENTS, BYTES), 0);
    assert_int_equal(f.oldest, 1);
    assert_int_equal(count(&f), 6);
    expect(f.past, 1, "a", "1", NULL);
    expect(f.past->next, 2, "a", "22", "1");
    expect(f.past->next->next, 3, "a", NULL, "22");
    expect(f.past->next->next->next, 4, "a", "", NULL);
    expect(f.past->next->next->next->next, 5, "b", "x", NULL);
    expect(f.past->next->next->next->next->next, 6, "a", "3", "");
    teardown(&f);
}

static void test_an_expired_key_is_remembered_as_expired(void **state)
{
    struct de_kv_command command = de_kv_put(dengine_str("k"), dengine_str("v"));
    const struct de_kv_command expire = {.type = DE_KV_EXPIRE};
    struct fixture f;

    (void)state;
    setup(&f);
    command.op.ttl_ns = SECOND;
    run(&f, &command);
    f.at.time_ns += 2 * SECOND;
    run(&f, &expire);
    assert_int_equal(start(&f, EVENTS, BYTES), 0);
    assert_int_equal(count(&f), 2);
    assert_int_equal(f.past->lease, 1);
    assert_true(f.past->next->expired);
    assert_int_equal(f.past->next->lease, 1);
    expect(f.past->next, 2, "k", NULL, "v");
    teardown(&f);
}

/* Entries of which no key knows anything: one record for all that follow on each other. */
static void test_quiet_entries_take_no_room(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    put(&f, "a", "1");
    for (int i = 0; i < 100; i++) {
        begin(&f);
        f.at.index++;
        commit(&f);
        if (i == 50) {
            assert_int_equal(start(&f, EVENTS, BYTES), 0);
        }
    }
    assert_int_equal(records(&f), 2);
    assert_int_equal(start(&f, EVENTS, BYTES), 0);
    assert_int_equal(f.oldest, 1);
    expect(f.past, 1, "a", "1", NULL);
    teardown(&f);
}

static void test_as_many_are_kept_as_a_ring_holds_and_not_many_more(void **state)
{
    char value[16];
    char previous[16];
    struct fixture f;

    (void)state;
    setup(&f);
    for (unsigned i = 1; i <= 1000; i++) {
        (void)snprintf(value, sizeof value, "%u", i);
        put(&f, "k", value);
        assert_true(records(&f) <= EVENTS + EVENTS / 8);
    }
    assert_int_equal(start(&f, EVENTS, BYTES), 0);
    assert_true(count(&f) >= EVENTS);
    assert_true(f.oldest <= 1000 - EVENTS + 1);
    (void)snprintf(value, sizeof value, "%u", (unsigned)f.oldest);
    (void)snprintf(previous, sizeof previous, "%u", (unsigned)f.oldest - 1);
    expect(f.past, f.oldest, "k", value, previous);
    /* Told to keep less, it goes down to that with the next batches. */
    assert_int_equal(start(&f, 4, BYTES), 0);
    assert_int_equal(count(&f), 4); /* nor are they all read into memory */
    put(&f, "k", "x");
    assert_int_equal(records(&f), 4);
    teardown(&f);
}

/* The bytes of the events in the newest record. */
static size_t newest_bytes(const struct fixture *f)
{
    size_t bytes = 0;

    for (size_t i = 0; i < f->store.committed.count; i++) {
        uint64_t first;

        if (de_kv_past_of(f->store.committed.pairs[i].key, &first)) {
            bytes = f->store.committed.pairs[i].value.size - DE_KV_PAST_HEADER_BYTES;
        }
    }
    return bytes;
}

/* A start reads no more records than it takes to come to the bytes that a ring holds. */
static void test_no_more_is_read_than_a_ring_holds_in_bytes(void **state)
{
    struct fixture f;
    size_t one;

    (void)state;
    setup(&f);
    for (unsigned i = 0; i < EVENTS; i++) {
        put(&f, "k", "of equal length");
    }
    one = newest_bytes(&f);
    assert_true(one > strlen("of equal length")); /* the value before, and what is said of it */
    assert_int_equal(start(&f, EVENTS, 3 * one), 0);
    assert_int_equal(count(&f), 3);
    assert_int_equal(start(&f, EVENTS, 3 * one + 1), 0);
    assert_int_equal(count(&f), 4);
    assert_int_equal(start(&f, EVENTS, 4 * one), 0);
    assert_int_equal(count(&f), 4);
    put(&f, "k", "of equal length"); /* with it the older ones go, too */
    assert_int_equal(records(&f), 4);
    teardown(&f);
}

/* Nor when batches are so large that each writes many records. */
static void test_large_batches_leave_not_many_more_than_a_ring_holds(void **state)
{
    static char value[5001];
    struct fixture f;

    (void)state;
    memset(value, 'v', sizeof value - 1);
    setup(&f);
    for (unsigned batch = 0; batch < 10; batch++) {
        begin(&f);
        for (unsigned i = 0; i < 256; i++) {
            const struct de_kv_command command = de_kv_put(dengine_str("k"), dengine_str(value));

            apply(&f, &command);
        }
        commit(&f);
        assert_true(records(&f) <= EVENTS + EVENTS / 8);
    }
    assert_int_equal(start(&f, EVENTS, BYTES), 0);
    assert_true(count(&f) * sizeof value >= BYTES - BYTES / 8);
    teardown(&f);
}

/* More than a ring holds in one entry: nothing before it can be watched from. */
static void test_an_entry_beyond_all_bounds_leaves_a_gap_that_is_known(void **state)
{
    char *big = malloc(BYTES + 1);
    struct fixture f;

    (void)state;
    assert_non_null(big);
    memset(big, 'b', BYTES);
    big[BYTES] = '\0';
    setup(&f);
    put(&f, "a", "1");
    put(&f, "big", big);
    put(&f, "big", "small");
    assert_int_equal(start(&f, EVENTS, BYTES), 0);
    assert_int_equal(f.oldest, 4);
    assert_null(f.past);
    put(&f, "a", "2");
    assert_int_equal(start(&f, EVENTS, BYTES), 0);
    assert_int_equal(f.oldest, 4);
    expect(f.past, 4, "a", "2", "1");
    teardown(&f);
    free(big);
}

/* Also in the midst of a batch, and with a ring smaller than a record may be. */
static void test_the_gap_of_a_large_entry_lies_between_records_however_small(void **state)
{
    static char big[201];
    const struct de_kv_command small = de_kv_put(dengine_str("a"), dengine_str("1"));
    struct de_kv_command large;
    struct fixture f;

    (void)state;
    memset(big, 'b', sizeof big - 1);
    large = de_kv_put(dengine_str("big"), dengine_str(big));
    setup(&f);
    assert_int_equal(start(&f, EVENTS, 100), 0);
    run(&f, &large);
    begin(&f);
    apply(&f, &small);
    apply(&f, &large);
    apply(&f, &small);
    commit(&f);
    assert_int_equal(start(&f, EVENTS, 100), 0);
    assert_int_equal(f.oldest, 4);
    assert_int_equal(count(&f), 1);
    expect(f.past, 4, "a", "1", "1");
    teardown(&f);
}

static void test_what_happened_while_nothing_was_kept_is_a_gap(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    put(&f, "a", "1");
    assert_int_equal(start(&f, 0, BYTES), 0);
    assert_int_equal(f.oldest, 2);
    put(&f, "a", "2");
    assert_int_equal(start(&f, EVENTS, BYTES), 0);
    assert_int_equal(f.oldest, 3);
    put(&f, "a", "3");
    assert_int_equal(start(&f, EVENTS, BYTES), 0);
    assert_int_equal(f.oldest, 3);
    assert_int_equal(count(&f), 1);
    expect(f.past, 3, "a", "3", "2");
    teardown(&f);
}

static void test_a_command_that_fails_leaves_no_trace(void **state)
{
    struct de_kv_command command = de_kv_put(dengine_str("a"), dengine_str("1"));
    struct dengine_result result;
    struct fixture f;
    size_t size;

    (void)state;
    setup(&f);
    command.op.lease = 77; /* there is none */
    begin(&f);
    f.at.index++;
    size = de_kv_command_encode(&command, f.bytes, COMMAND_BYTES_MAX);
    assert_int_equal(
        f.machine.ops->apply(f.machine.object, &f.at, dengine_bytes(f.bytes, size), &result), 0);
    assert_int_equal(result.status, DENGINE_E_NO_LEASE);
    commit(&f);
    assert_int_equal(start(&f, EVENTS, BYTES), 0);
    assert_int_equal(f.oldest, 1);
    assert_null(f.past);
    teardown(&f);
}

/* What is in the store is not believed. */
static void test_damage_is_found(void **state)
{
    static const struct {
        size_t at;
        uint8_t byte;
        int rc;
    } damages[] = {
        {0, 2, DENGINE_E_VERSION},    {1, 1, DENGINE_E_CORRUPT},   {4, 2, DENGINE_E_CORRUPT},
        {4, 0, DENGINE_E_CORRUPT},    {8, 9, DENGINE_E_CORRUPT},   {16, 3, DENGINE_E_CORRUPT},
        {17, 4, DENGINE_E_CORRUPT},   {18, 2, DENGINE_E_CORRUPT},  {20, 7, DENGINE_E_CORRUPT},
        {24, 1, DENGINE_E_CORRUPT},   {32, 9, DENGINE_E_CORRUPT},  {40, 5, DENGINE_E_CORRUPT},
        {56, 'z', DENGINE_E_CORRUPT}, {58, 99, DENGINE_E_CORRUPT},
    };
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        uint8_t buffer[DENGINE_KV_KEY_MAX];
        uint8_t record[256];
        struct dengine_slice value;

        setup(&f);
        put(&f, "a", "1");
        put(&f, "a", "2"); /* "a" is at 56, "1" at 57, the length at 58 */
        value = f.store.committed.pairs[1].value;
        assert_memory_equal(f.store.committed.pairs[1].key.data, de_kv_past_key(2, buffer).data,
                            10);
        assert_int_equal(value.size, 16 + 40 + 2 + 4);
        memcpy(record, value.data, value.size);
        assert_int_not_equal(record[damages[i].at], damages[i].byte);
        record[damages[i].at] = damages[i].byte;
        test_store_set(&f.store, de_kv_past_key(2, buffer), dengine_bytes(record, value.size));
        assert_int_equal(start(&f, EVENTS, BYTES), damages[i].rc);
        assert_null(f.past);
        teardown(&f);
    }
}

static void test_no_memory_is_said(void **state)
{
    struct fixture f;
    int rc = DENGINE_E_NO_MEMORY;

    (void)state;
    setup(&f);
    put(&f, "a", "1");
    put(&f, "a", "2");
    put(&f, "b", "3");
    for (size_t n = 0; rc != 0; n++) {
        assert_true(n < 10);
        f.heap.resizes_max = f.heap.resizes + n;
        rc = start(&f, EVENTS, BYTES);
        assert_true(rc == 0 || rc == DENGINE_E_NO_MEMORY);
        assert_int_equal(count(&f), rc == 0 ? 3 : 0);
    }
    f.heap.resizes_max = SIZE_MAX;
    teardown(&f);
}

static void never_ready(void *context, struct de_watcher *watcher)
{
    (void)context;
    (void)watcher;
}

static void test_a_hub_goes_on_where_the_last_one_ended(void **state)
{
    const struct de_watch_limits limits = {
        .ring_events_max = 2, .ring_bytes_max = BYTES, .queue_events_max = 8, .watchers_max = 2};
    struct de_watch_options options = {.from_revision = 1};
    struct de_watcher *watcher = NULL;
    struct de_watch_hub *hub = NULL;
    struct de_watch_next next;
    struct fixture f;

    (void)state;
    setup(&f);
    put(&f, "a", "1");
    put(&f, "a", "2");
    put(&f, "b", "3");
    assert_int_equal(start(&f, EVENTS, BYTES), 0);
    assert_int_equal(de_watch_hub_new(&limits, &f.heap.allocator, 3, never_ready, NULL, &hub), 0);
    de_watch_recall(hub, f.past, f.oldest);
    f.past = NULL;
    assert_int_equal(de_watch_oldest(hub), 2); /* the ring holds two */
    assert_int_equal(de_watch_add(hub, &options, &watcher), DENGINE_E_COMPACTED);
    options.from_revision = 2;
    assert_int_equal(de_watch_add(hub, &options, &watcher), 0);
    for (uint64_t revision = 2; revision <= 3; revision++) {
        de_watch_take(hub, watcher, &next);
        assert_int_equal(next.kind, DE_WATCH_EVENT);
        expect(next.event, revision, revision == 2 ? "a" : "b", revision == 2 ? "2" : "3",
               revision == 2 ? "1" : NULL);
        de_watch_done(hub, next.event);
    }
    de_watch_take(hub, watcher, &next);
    assert_int_equal(next.kind, DE_WATCH_NOTHING);
    assert_int_equal(next.revision, 3);
    de_watch_remove(hub, watcher);
    de_watch_hub_free(hub);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_previous_values_come_back),
        cmocka_unit_test(test_an_expired_key_is_remembered_as_expired),
        cmocka_unit_test(test_quiet_entries_take_no_room),
        cmocka_unit_test(test_as_many_are_kept_as_a_ring_holds_and_not_many_more),
        cmocka_unit_test(test_no_more_is_read_than_a_ring_holds_in_bytes),
        cmocka_unit_test(test_large_batches_leave_not_many_more_than_a_ring_holds),
        cmocka_unit_test(test_an_entry_beyond_all_bounds_leaves_a_gap_that_is_known),
        cmocka_unit_test(test_the_gap_of_a_large_entry_lies_between_records_however_small),
        cmocka_unit_test(test_what_happened_while_nothing_was_kept_is_a_gap),
        cmocka_unit_test(test_a_command_that_fails_leaves_no_trace),
        cmocka_unit_test(test_damage_is_found),
        cmocka_unit_test(test_no_memory_is_said),
        cmocka_unit_test(test_a_hub_goes_on_where_the_last_one_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
