#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "client/client_ops.h"
#include "core/base/assert.h"

/* A client that answers from a thread of its own what the test tells it to. */
struct fake {
    struct dengine_client base;
    struct de_client_call seen;
    int calls;
    int refuse; /* start() returns this */
    struct dengine_reply reply;
    const char *text;
    pthread_t thread;
};

static void *answer(void *context)
{
    struct fake *fake = context;

    de_client_set_last_error("%s", fake->text);
    fake->seen.callback(fake->seen.context, &fake->reply);
    return NULL;
}

static int fake_start(struct dengine_client *client, const struct de_client_call *call)
{
    struct fake *fake = DE_CONTAINER_OF(client, struct fake, base);

    fake->calls++;
    fake->seen = *call;
    if (fake->refuse != 0) {
        return fake->refuse;
    }
    return pthread_create(&fake->thread, NULL, answer, fake);
}

static const struct de_client_ops fake_ops = {.start = fake_start};

static struct fake make_fake(void)
{
    struct fake fake = {.base = {&fake_ops, 777}, .reply = {.succeeded = true}, .text = ""};

    return fake;
}

static void join(struct fake *fake)
{
    assert_int_equal(pthread_join(fake->thread, NULL), 0);
}

static void test_put_passes_everything_on(void **state)
{
    struct fake fake = make_fake();
    struct dengine_call_options options = {.timeout_ms = 5};

    (void)state;
    assert_int_equal(dengine_put(&fake.base, DENGINE_STR("k"), DENGINE_STR("v"), NULL), 0);
    join(&fake);
    assert_int_equal(fake.seen.type, DE_CLIENT_PUT);
    assert_int_equal(fake.seen.timeout_ms, 777);
    assert_int_equal(fake.seen.key.size, 1);
    assert_int_equal(dengine_put(&fake.base, DENGINE_STR("k"), DENGINE_STR(""), &options), 0);
    join(&fake);
    assert_int_equal(fake.seen.timeout_ms, 5);
}

static void test_compare_and_swap_tells_value_from_absence(void **state)
{
    struct fake fake = make_fake();
    struct dengine_slice expected = DENGINE_STR("");
    bool succeeded = false;

    (void)state;
    assert_int_equal(dengine_compare_and_swap(&fake.base, DENGINE_STR("k"), NULL, DENGINE_STR("v"),
                                              NULL, &succeeded),
                     0);
    join(&fake);
    assert_true(succeeded);
    assert_true(fake.seen.expect_absent);
    fake.reply.succeeded = false;
    assert_int_equal(dengine_compare_and_swap(&fake.base, DENGINE_STR("k"), &expected,
                                              DENGINE_STR("v"), NULL, &succeeded),
                     0);
    join(&fake);
    assert_false(succeeded);
    assert_false(fake.seen.expect_absent);
}

static void test_lives_and_ranges_are_passed_on(void **state)
{
    struct fake fake = make_fake();
    const struct dengine_put_options put = {.ttl_ms = 50};
    uint64_t number = 0;

    (void)state;
    fake.reply.revision = 9;
    assert_int_equal(
        dengine_put_with(&fake.base, DENGINE_STR("k"), DENGINE_STR("v"), &put, NULL, &number), 0);
    join(&fake);
    assert_int_equal(fake.seen.ttl_ms, 50);
    assert_int_equal(number, 9);
    fake.reply.count = 3;
    assert_int_equal(
        dengine_delete_range(&fake.base, DENGINE_STR("a"), DENGINE_STR("b"), NULL, &number), 0);
    join(&fake);
    assert_int_equal(fake.seen.type, DE_CLIENT_DELETE_RANGE);
    assert_memory_equal(fake.seen.end.data, "b", 1);
    assert_int_equal(number, 3);
    fake.reply.lease = 12;
    assert_int_equal(dengine_lease_grant(&fake.base, 1000, NULL, &number), 0);
    join(&fake);
    assert_int_equal(number, 12);
    assert_int_equal(dengine_lease_keep_alive(&fake.base, 12, NULL), 0);
    join(&fake);
    assert_int_equal(fake.seen.type, DE_CLIENT_LEASE_KEEP);
    assert_int_equal(dengine_lease_revoke(&fake.base, 12, NULL), 0);
    join(&fake);
    assert_int_equal(fake.seen.type, DE_CLIENT_LEASE_REVOKE);
    assert_int_equal(fake.seen.lease, 12);
}

static void check_prefix_end(const char *prefix, const char *expected)
{
    char buffer[8];
    const struct dengine_slice end = dengine_prefix_end(dengine_str(prefix), buffer);

    assert_int_equal(end.size, strlen(expected));
    assert_memory_equal(end.data != NULL ? end.data : "", expected, end.size);
}

static void test_a_prefix_has_an_end(void **state)
{
    (void)state;
    check_prefix_end("", "");
    check_prefix_end("a", "b");
    check_prefix_end("a/", "a0");
    check_prefix_end("a\xff\xff", "b");
    check_prefix_end("\xff", "");
}

static void test_bad_lives_and_ranges_never_start(void **state)
{
    struct fake fake = make_fake();
    struct dengine_client *c = &fake.base;
    struct dengine_slice k = DENGINE_STR("k");
    struct dengine_put_options both = {.ttl_ms = 1, .lease = 1};
    struct dengine_put_options long_life = {.ttl_ms = UINT64_C(288230376001)};
    uint64_t lease;

    (void)state;
    assert_int_equal(dengine_put_with(c, k, k, &both, NULL, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_put_with(c, k, k, &long_life, NULL, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_delete_range(c, k, k, NULL, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_delete_range(c, DENGINE_STR("kk"), k, NULL, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_lease_grant(c, 0, NULL, &lease), DENGINE_E_INVALID);
    assert_int_equal(dengine_lease_grant(c, 1, NULL, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_lease_keep_alive(c, 0, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_lease_revoke(c, 0, NULL), DENGINE_E_INVALID);
    assert_int_equal(fake.calls, 0);
}

static void test_a_scan_goes_on_behind_its_page(void **state)
{
    struct fake fake = make_fake();
    struct dengine_scan scan = {.from = DENGINE_STR("a"), .limit = 2};
    const struct dengine_pair pair = {.key = DENGINE_STR("b"), .value = DENGINE_STR("v")};
    struct dengine_page page;
    uint8_t *at;

    (void)state;
    assert_int_equal(de_client_page_new(&fake.reply.page, 1, 2), 0);
    at = de_client_page_bytes(&fake.reply.page, 1);
    de_client_page_add(&fake.reply.page, &at, &pair);
    fake.reply.page.more = true;
    assert_int_equal(dengine_scan(&fake.base, &scan, NULL, &page), 0);
    join(&fake);
    assert_int_equal(fake.seen.type, DE_CLIENT_SCAN);
    assert_ptr_equal(fake.seen.scan, &scan);
    assert_int_equal(page.count, 1);
    assert_memory_equal(page.pairs[0].value.data, "v", 1);
    assert_true(dengine_scan_next(&scan, &page));
    assert_memory_equal(scan.from.data, "b", 1);
    assert_true(scan.from_excluded);
    scan = (struct dengine_scan){.reverse = true};
    assert_true(dengine_scan_next(&scan, &page));
    assert_memory_equal(scan.end.data, "b", 1);
    page.more = false;
    assert_false(dengine_scan_next(&scan, &page));
    dengine_page_free(&page);
    assert_null(page.owner);
    dengine_page_free(&page);
}

static void test_bad_scans_never_start(void **state)
{
    struct fake fake = make_fake();
    struct dengine_page page;
    struct dengine_scan scan = {.keys_only = true, .count_only = true};

    (void)state;
    assert_int_equal(dengine_scan(&fake.base, NULL, NULL, &page), DENGINE_E_INVALID);
    assert_int_equal(dengine_scan(&fake.base, &scan, NULL, &page), DENGINE_E_INVALID);
    scan = (struct dengine_scan){.count_only = true, .limit = 1};
    assert_int_equal(dengine_scan(&fake.base, &scan, NULL, &page), DENGINE_E_INVALID);
    scan = (struct dengine_scan){.from = DENGINE_STR("b"), .end = DENGINE_STR("a")};
    assert_int_equal(dengine_scan(&fake.base, &scan, NULL, &page), DENGINE_E_INVALID);
    scan = (struct dengine_scan){.limit = 1};
    assert_int_equal(dengine_scan(&fake.base, &scan, NULL, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_scan_async(&fake.base, &scan, NULL, NULL, NULL), DENGINE_E_INVALID);
    assert_int_equal(fake.calls, 0);
}

static void test_transactions_are_passed_on_or_refused(void **state)
{
    struct fake fake = make_fake();
    static const struct dengine_op ops[DENGINE_TXN_ITEMS_MAX + 1];
    const struct dengine_compare broken = {.key = {NULL, 3}};
    const struct dengine_pair pair = {.key = DENGINE_STR("k"), .value = DENGINE_STR("v")};
    struct dengine_txn txn = {.then_ops = ops, .then_count = DENGINE_TXN_ITEMS_MAX};
    struct dengine_txn_result result;
    struct de_client_txn building;

    (void)state;
    assert_int_equal(de_client_txn_new(&building, &fake.reply.txn, 2, 1, 2), 0);
    de_client_txn_add_op(&building, DENGINE_OP_PUT, 1, false);
    de_client_txn_add_op(&building, DENGINE_OP_GET, 1, false);
    de_client_txn_add_pair(&building, &pair);
    fake.reply.revision = 8;
    assert_int_equal(dengine_txn(&fake.base, &txn, NULL, &result), 0);
    join(&fake);
    assert_int_equal(fake.seen.type, DE_CLIENT_TXN);
    assert_ptr_equal(fake.seen.txn, &txn);
    assert_true(result.succeeded);
    assert_int_equal(result.revision, 8);
    assert_int_equal(result.op_count, 2);
    assert_int_equal(result.ops[0].pair_count, 0);
    assert_int_equal(result.ops[1].pair_count, 1);
    assert_memory_equal(result.ops[1].pairs[0].key.data, "k", 1);
    dengine_txn_result_free(&result);
    dengine_txn_result_free(&result);
    fake.calls = 0;
    txn.then_count++;
    assert_int_equal(dengine_txn(&fake.base, &txn, NULL, &result), DENGINE_E_INVALID);
    txn = (struct dengine_txn){.compares = &broken, .compare_count = 1};
    assert_int_equal(dengine_txn(&fake.base, &txn, NULL, &result), DENGINE_E_INVALID);
    assert_int_equal(dengine_txn(&fake.base, NULL, NULL, &result), DENGINE_E_INVALID);
    txn = (struct dengine_txn){.else_count = 1};
    assert_int_equal(dengine_txn(&fake.base, &txn, NULL, &result), DENGINE_E_INVALID);
    assert_int_equal(fake.calls, 0);
}

static void test_get_hands_the_value_over(void **state)
{
    struct fake fake = make_fake();
    struct dengine_value value;

    (void)state;
    assert_int_equal(de_client_value_copy(&fake.reply.value, DENGINE_STR("bytes"), 7), 0);
    assert_int_equal(dengine_get(&fake.base, DENGINE_STR("k"), DENGINE_EVENTUAL, NULL, &value), 0);
    join(&fake);
    assert_int_equal(fake.seen.consistency, DENGINE_EVENTUAL);
    assert_int_equal(value.size, 5);
    assert_memory_equal(value.data, "bytes", 5);
    assert_int_equal(value.revision, 7);
    dengine_value_free(&value);
    assert_null(value.data);
    dengine_value_free(&value);
}

static void test_the_text_travels_to_the_waiting_thread(void **state)
{
    struct fake fake = make_fake();

    (void)state;
    fake.reply.status = DENGINE_E_BUSY;
    fake.text = "node 3 is busy";
    assert_int_equal(dengine_delete(&fake.base, DENGINE_STR("k"), NULL), DENGINE_E_BUSY);
    join(&fake);
    assert_string_equal(dengine_last_error(&fake.base), "node 3 is busy");
    fake.reply.status = 0;
    fake.text = "";
    assert_int_equal(dengine_delete(&fake.base, DENGINE_STR("k"), NULL), 0);
    join(&fake);
    assert_string_equal(dengine_last_error(&fake.base), "");
}

static void test_a_refused_start_is_the_answer(void **state)
{
    struct fake fake = make_fake();

    (void)state;
    fake.refuse = DENGINE_E_NO_MEMORY;
    assert_int_equal(dengine_put(&fake.base, DENGINE_STR("k"), DENGINE_STR("v"), NULL),
                     DENGINE_E_NO_MEMORY);
}

static void test_bad_arguments_never_start(void **state)
{
    static const char key[511] = "k";
    struct fake fake = make_fake();
    struct dengine_client *c = &fake.base;
    struct dengine_slice good = DENGINE_STR("k");
    struct dengine_slice broken = {NULL, 3};
    struct dengine_value value;
    bool succeeded;

    (void)state;
    assert_int_equal(dengine_put(NULL, good, good, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_put(c, DENGINE_STR(""), good, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_put(c, broken, good, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_put(c, good, broken, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_put(c, DENGINE_BYTES(key, 511), good, NULL), DENGINE_E_TOO_LARGE);
    assert_non_null(strstr(dengine_last_error(c), "511 bytes"));
    assert_int_equal(dengine_get(c, good, DENGINE_DEFAULT, NULL, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_get(c, good, (enum dengine_consistency)9, NULL, &value),
                     DENGINE_E_INVALID);
    assert_int_equal(dengine_compare_and_swap(c, good, &broken, good, NULL, &succeeded),
                     DENGINE_E_INVALID);
    assert_int_equal(dengine_compare_and_swap(c, good, NULL, good, NULL, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_put_async(c, good, good, NULL, NULL, NULL), DENGINE_E_INVALID);
    assert_int_equal(dengine_cluster_status(c, NULL, NULL), DENGINE_E_INVALID);
    assert_int_equal(fake.calls, 0);
}

static void test_the_longest_key_is_taken(void **state)
{
    static const char key[500] = "k";
    struct fake fake = make_fake();

    (void)state;
    assert_int_equal(
        dengine_put(&fake.base, DENGINE_BYTES(key, sizeof key), DENGINE_STR("v"), NULL), 0);
    join(&fake);
}

static void test_cluster_status_has_a_deadline_and_is_copied(void **state)
{
    const struct dengine_cluster_status answer = {.leader = 7, .member_count = 3};
    struct fake fake = make_fake();
    struct dengine_cluster_status status;

    (void)state;
    fake.reply.cluster = &answer;
    assert_int_equal(dengine_cluster_status(&fake.base, NULL, &status), 0);
    join(&fake);
    assert_int_equal(fake.seen.type, DE_CLIENT_STATUS);
    assert_int_equal(fake.seen.timeout_ms, 777);
    assert_memory_equal(&status, &answer, sizeof status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_passes_everything_on),
        cmocka_unit_test(test_compare_and_swap_tells_value_from_absence),
        cmocka_unit_test(test_lives_and_ranges_are_passed_on),
        cmocka_unit_test(test_a_prefix_has_an_end),
        cmocka_unit_test(test_bad_lives_and_ranges_never_start),
        cmocka_unit_test(test_a_scan_goes_on_behind_its_page),
        cmocka_unit_test(test_bad_scans_never_start),
        cmocka_unit_test(test_transactions_are_passed_on_or_refused),
        cmocka_unit_test(test_get_hands_the_value_over),
        cmocka_unit_test(test_the_text_travels_to_the_waiting_thread),
        cmocka_unit_test(test_a_refused_start_is_the_answer),
        cmocka_unit_test(test_bad_arguments_never_start),
        cmocka_unit_test(test_the_longest_key_is_taken),
        cmocka_unit_test(test_cluster_status_has_a_deadline_and_is_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
