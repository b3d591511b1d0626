/* Scans against a sorted array of keys: every range, direction and limit, page by page; leases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/kv/kv.h"
#include "core/kv/kv_test_store.h"
#include "tests/support/test_support.h"

/* Some of them make more than a walk asks of its store at once. */
#define KEYS_MAX 64

struct fixture {
    struct test_store store;
    struct de_kv *kv;
    struct dengine_state_machine machine;
    struct dengine_position at;
    char keys[KEYS_MAX][4]; /* ascending */
    size_t count;
};

/* In the batch that is open. */
static void carry_out(struct fixture *f, const struct de_kv_command *command)
{
    struct dengine_result result;
    uint8_t bytes[256];
    const size_t size = de_kv_command_encode(command, bytes, sizeof bytes);

    assert_int_equal(
        f->machine.ops->apply(f->machine.object, &f->at, dengine_bytes(bytes, size), &result), 0);
    assert_int_equal(result.status, 0);
}

static void run(struct fixture *f, const struct de_kv_command *command)
{
    f->at.index++;
    assert_int_equal(f->machine.ops->begin(f->machine.object), 0);
    carry_out(f, command);
    assert_int_equal(f->machine.ops->commit(f->machine.object, f->at.index, 1), 0);
}

static void setup(struct fixture *f, bool reads_several)
{
    memset(f, 0, sizeof *f);
    f->at.term = 1;
    test_store_init(&f->store);
    f->store.reads_several = reads_several;
    assert_int_equal(de_kv_new(test_store_table(&f->store), de_test_allocator(), &f->kv), 0);
    f->machine = de_kv_state_machine(f->kv);
}

static void teardown(struct fixture *f)
{
    de_kv_free(f->kv);
    test_store_deinit(&f->store);
}

/* "a", "aa", "ab", "b", "ba", "bb", in that order, but for some that are left out. */
static void fill(struct fixture *f, struct de_random *random)
{
    for (char first = 'a'; first <= 'h'; first++) {
        for (char second = 'a' - 1; second <= 'g'; second++) {
            char *key = f->keys[f->count];
            struct de_kv_command put;

            if (de_random_below(random, 3) == 0) {
                continue;
            }
            key[0] = first;
            key[1] = second < 'a' ? '\0' : second;
            key[2] = '\0';
            f->count++;
            put = de_kv_put(dengine_str(key), dengine_str(key));
            run(f, &put);
        }
    }
}

struct seen {
    char keys[KEYS_MAX][4];
    size_t count;
};

static int see(void *context, struct dengine_slice key, const struct de_kv_record *record)
{
    struct seen *seen = context;

    assert_true(key.size < 4);
    assert_int_equal(record->value.size, key.size);
    memcpy(seen->keys[seen->count], key.data, key.size);
    seen->keys[seen->count++][key.size] = '\0';
    return 0;
}

static bool inside(const struct de_kv_scan *scan, const char *key)
{
    const struct dengine_slice from = scan->from;
    char low[8] = "";
    char high[8] = "";

    memcpy(low, from.data, from.size);
    memcpy(high, scan->end.data, scan->end.size);
    return strcmp(key, low) >= (scan->from_excluded ? 1 : 0) &&
           (high[0] == '\0' || strcmp(key, high) < 0);
}

static size_t expected_keys(const struct fixture *f, const struct de_kv_scan *scan,
                            const char *expected[KEYS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < f->count; i++) {
        const char *key = f->keys[scan->reverse ? f->count - 1 - i : i];

        if (inside(scan, key)) {
            expected[count++] = key;
        }
    }
    return count;
}

/* Reads all of it in pages, each in a view of its own. */
static void scan_by_pages(struct fixture *f, struct de_kv_scan scan, struct seen *seen)
{
    uint64_t sum = 0;
    bool more = true;

    while (more) {
        struct de_kv_view view;
        uint64_t count = 0;

        assert_int_equal(de_kv_view_open(f->kv, &view), 0);
        assert_int_equal(view.revision, f->at.index);
        assert_int_equal(de_kv_view_scan(&view, &scan, see, seen, &count, &more), 0);
        de_kv_view_close(&view);
        sum += count;
        assert_int_equal(seen->count, sum);
        assert_true(scan.limit == 0 || count <= scan.limit);
        assert_true(!more || count == scan.limit);
        if (seen->count > 0 && scan.reverse) {
            scan.end = dengine_str(seen->keys[seen->count - 1]);
        } else if (seen->count > 0) {
            scan.from = dengine_str(seen->keys[seen->count - 1]);
            scan.from_excluded = true;
        }
    }
}

static void test_random_scans_agree_with_a_sorted_array(void **state)
{
    static const char *const bounds[] = {"", "a", "aa", "b", "bc", "c", "cd", "d", "gg", "h"};
    struct de_random random;

    (void)state;
    de_random_init(&random, 3);
    for (int round = 0; round < 60; round++) {
        struct fixture f;

        setup(&f, round % 2 == 1);
        fill(&f, &random);
        for (int n = 0; n < 100; n++) {
            const struct de_kv_scan scan = {
                .from = dengine_str(bounds[de_random_below(&random, 10)]),
                .end = dengine_str(bounds[de_random_below(&random, 10)]),
                .from_excluded = de_random_below(&random, 3) == 0,
                .reverse = de_random_below(&random, 2) == 0,
                .limit = de_random_below(&random, 2) == 0 ? de_random_below(&random, 5)
                                                          : de_random_below(&random, 50),
            };
            const char *expected[KEYS_MAX];
            struct seen seen = {.count = 0};
            const size_t count = expected_keys(&f, &scan, expected);
            struct de_kv_view view;
            uint64_t counted = 0;
            bool more = false;

            scan_by_pages(&f, scan, &seen);
            assert_int_equal(seen.count, count);
            for (size_t i = 0; i < count; i++) {
                assert_string_equal(seen.keys[i], expected[i]);
            }
            assert_int_equal(de_kv_view_open(f.kv, &view), 0);
            assert_int_equal(de_kv_view_scan(&view, &scan, NULL, NULL, &counted, &more), 0);
            de_kv_view_close(&view);
            assert_int_equal(counted, scan.limit != 0 && scan.limit < count ? scan.limit : count);
            assert_int_equal(more, counted < count);
        }
        teardown(&f);
    }
}

static void test_a_prefix_ends_where_the_next_one_begins(void **state)
{
    uint8_t buffer[DE_KV_USER_KEY_MAX];

    (void)state;
    assert_memory_equal(de_kv_prefix_end(dengine_str("ab"), buffer).data, "ac", 2);
    assert_int_equal(de_kv_prefix_end(dengine_str("a\377\377"), buffer).size, 1);
    assert_memory_equal(buffer, "b", 1);
    assert_int_equal(de_kv_prefix_end(dengine_str("\377"), buffer).size, 0);
    assert_int_equal(de_kv_prefix_end(dengine_str(""), buffer).size, 0);
}

static int note_lease(void *context, uint64_t id, const struct de_kv_lease *lease)
{
    uint64_t *sum = context;

    *sum = *sum * 10 + id;
    return lease->session ? 42 : 0;
}

static int note_lease_key(void *context, struct dengine_slice key)
{
    strncat(context, key.data, key.size);
    return 0;
}

static void test_leases_are_listed_with_their_keys(void **state)
{
    struct de_kv_command grant = {.type = DE_KV_LEASE_GRANT, .ttl_ns = DE_KV_TTL_MIN_NS};
    struct de_kv_command put = de_kv_put(dengine_str("y"), dengine_str(""));
    struct fixture f;
    struct de_kv_view view;
    struct de_kv_lease lease;
    uint64_t sum = 0;
    char keys[8] = "";

    (void)state;
    setup(&f, false);
    f.at.time_ns = 7;
    run(&f, &grant);
    run(&f, &grant);
    put.op.lease = 2;
    run(&f, &put);
    put.op.key = dengine_str("x");
    run(&f, &put);
    grant.with_session = true;
    run(&f, &grant);
    run(&f, &grant);
    assert_int_equal(de_kv_view_open(f.kv, &view), 0);
    assert_int_equal(view.time_ns, 7);
    assert_int_equal(de_kv_view_lease(&view, 2, &lease), 0);
    assert_int_equal(lease.keys, 2);
    assert_int_equal(lease.deadline_ns, 7 + DE_KV_TTL_MIN_NS);
    assert_int_equal(de_kv_view_lease(&view, 9, &lease), DENGINE_E_NO_LEASE);
    assert_int_equal(de_kv_view_leases(&view, 1, note_lease, &sum), 42);
    assert_int_equal(sum, 123);
    sum = 0;
    assert_int_equal(de_kv_view_leases(&view, 5, note_lease, &sum), 0);
    assert_int_equal(sum, 0);
    assert_int_equal(de_kv_view_lease_keys(&view, 2, note_lease_key, keys), 0);
    assert_string_equal(keys, "xy");
    de_kv_view_close(&view);
    teardown(&f);
}

static void test_a_page_is_bounded(void **state)
{
    static struct de_kv_pair pairs[DE_KV_PAGE_PAIRS_MAX];
    struct de_kv_page page = {.pairs = pairs};
    struct de_kv_scan scan = {.limit = 0};
    struct de_kv_view view;
    struct fixture f;

    (void)state;
    setup(&f, false);
    for (int i = 0; i < DE_KV_PAGE_PAIRS_MAX + 1; i++) {
        char key[16];
        struct de_kv_command put;

        (void)snprintf(key, sizeof key, "%04d", i);
        put = de_kv_put(dengine_str(key), DENGINE_STR("value"));
        run(&f, &put);
    }
    assert_int_equal(de_kv_view_open(f.kv, &view), 0);
    assert_int_equal(de_kv_view_page(&view, &scan, &page), 0);
    assert_int_equal(page.count, DE_KV_PAGE_PAIRS_MAX);
    assert_int_equal(page.total, page.count);
    assert_int_equal(page.bytes, page.count * 9);
    assert_true(page.more);
    scan.limit = DE_KV_PAGE_PAIRS_MAX + 1; /* there is no room for so many, whoever asks for them */
    assert_int_equal(de_kv_view_page(&view, &scan, &page), 0);
    assert_int_equal(page.count, DE_KV_PAGE_PAIRS_MAX);
    assert_true(page.more);
    scan.from = pairs[page.count - 1].key;
    scan.from_excluded = true;
    assert_int_equal(de_kv_view_page(&view, &scan, &page), 0);
    assert_int_equal(page.count, 1);
    assert_false(page.more);
    page.keys_only = true;
    scan = (struct de_kv_scan){.limit = 3, .reverse = true};
    assert_int_equal(de_kv_view_page(&view, &scan, &page), 0);
    assert_int_equal(page.count, 3);
    assert_int_equal(page.bytes, 12);
    assert_int_equal(pairs[0].record.value.size, 0);
    assert_memory_equal(pairs[0].key.data, "1000", 4);
    assert_true(page.more);
    page.keys_only = false;
    page.count_only = true;
    scan.limit = 0;
    assert_int_equal(de_kv_view_page(&view, &scan, &page), 0);
    assert_int_equal(page.total, DE_KV_PAGE_PAIRS_MAX + 1);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.bytes, 4);
    assert_memory_equal(pairs[0].key.data, "0000", 4);
    assert_false(page.more);
    de_kv_view_close(&view);
    teardown(&f);
}

static void test_what_is_counted_at_once_is_bounded(void **state)
{
    static struct de_kv_pair pairs[DE_KV_PAGE_PAIRS_MAX];
    struct de_kv_page page = {.pairs = pairs, .count_only = true};
    struct de_kv_scan scan = {.limit = 0};
    struct de_kv_view view;
    struct fixture f;

    (void)state;
    setup(&f, false);
    f.at.index++;
    assert_int_equal(f.machine.ops->begin(f.machine.object), 0);
    for (int i = 0; i < DE_KV_PAGE_COUNT_MAX + 1; i++) {
        char key[16];
        struct de_kv_command put;

        (void)snprintf(key, sizeof key, "%05d", i);
        put = de_kv_put(dengine_str(key), DENGINE_STR(""));
        carry_out(&f, &put);
    }
    assert_int_equal(f.machine.ops->commit(f.machine.object, f.at.index, 1), 0);
    assert_int_equal(de_kv_view_open(f.kv, &view), 0);
    assert_int_equal(de_kv_view_page(&view, &scan, &page), 0);
    assert_int_equal(page.total, DE_KV_PAGE_COUNT_MAX);
    assert_int_equal(page.count, 1); /* the last one, to go on behind it */
    assert_true(page.more);
    scan.from = pairs[0].key;
    scan.from_excluded = true;
    assert_int_equal(de_kv_view_page(&view, &scan, &page), 0);
    assert_int_equal(page.total, 1);
    assert_false(page.more);
    de_kv_view_close(&view);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_is_bounded),
        cmocka_unit_test(test_what_is_counted_at_once_is_bounded),
        cmocka_unit_test(test_random_scans_agree_with_a_sorted_array),
        cmocka_unit_test(test_a_prefix_ends_where_the_next_one_begins),
        cmocka_unit_test(test_leases_are_listed_with_their_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
