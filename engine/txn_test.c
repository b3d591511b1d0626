/* Transactions of an embedded engine, through the public interface. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine_test_support.h"

#define DIRECTORY "txn.data"
#define READY_MS  20000

static int setup(void **state)
{
    struct dengine *engine;

    de_test_remove_tree(DIRECTORY);
    if (dengine_open(DIRECTORY, &engine) != 0) {
        fail_msg("%s", dengine_open_message());
    }
    assert_int_equal(dengine_wait_ready(engine, READY_MS, NULL), 0);
    *state = engine;
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

/* expected NULL: there is no such key. */
static void check_value(struct dengine_client *client, const char *key, const char *expected)
{
    struct dengine_value value;
    const int err = dengine_get(client, dengine_str(key), DENGINE_LINEARIZABLE, NULL, &value);

    assert_int_equal(err, expected != NULL ? 0 : DENGINE_E_NOT_FOUND);
    if (expected != NULL) {
        assert_int_equal(value.size, strlen(expected));
        assert_memory_equal(value.data, expected, value.size);
    }
    dengine_value_free(&value);
}

static void a_transaction_takes_one_of_two_ways(void **state)
{
    struct dengine_client *client = client_of(state);
    const struct dengine_compare absent = {
        .target = DENGINE_COMPARE_ABSENCE, .relation = DENGINE_EQUAL, .key = DENGINE_STR("a")};
    const struct dengine_op then_ops[] = {
        {.type = DENGINE_OP_PUT, .key = DENGINE_STR("a"), .value = DENGINE_STR("1")},
        {.type = DENGINE_OP_PUT,
         .key = DENGINE_STR("b"),
         .value = DENGINE_STR("2"),
         .ttl_ms = 3600000},
        {.type = DENGINE_OP_RANGE, .key = DENGINE_STR(""), .limit = 1},
    };
    const struct dengine_op else_ops[] = {
        {.type = DENGINE_OP_GET, .key = DENGINE_STR("b")},
        {.type = DENGINE_OP_DELETE, .key = DENGINE_STR("a"), .previous = true},
        {.type = DENGINE_OP_GET, .key = DENGINE_STR("a")},
    };
    const struct dengine_txn txn = {&absent, 1, then_ops, 3, else_ops, 3};
    struct dengine_txn_result result;
    uint64_t first;

    assert_int_equal(dengine_txn(client, &txn, NULL, &result), 0);
    assert_true(result.succeeded);
    assert_int_equal(result.op_count, 3);
    assert_int_equal(result.ops[0].type, DENGINE_OP_PUT);
    assert_int_equal(result.ops[0].count, 0);
    assert_int_equal(result.ops[2].count, 1);
    assert_true(result.ops[2].more);
    assert_memory_equal(result.ops[2].pairs[0].value.data, "1", 1);
    assert_int_equal(result.ops[2].pairs[0].mod_revision, result.revision);
    first = result.revision;
    dengine_txn_result_free(&result);
    assert_null(result.owner);
    assert_int_equal(dengine_txn(client, &txn, NULL, &result), 0);
    assert_false(result.succeeded);
    assert_true(result.revision > first);
    assert_int_equal(result.op_count, 3);
    assert_int_equal(result.ops[0].pair_count, 1);
    assert_true(result.ops[0].pairs[0].lease != 0);
    assert_int_equal(result.ops[1].count, 1);
    assert_memory_equal(result.ops[1].pairs[0].value.data, "1", 1);
    assert_int_equal(result.ops[1].pairs[0].create_revision, first);
    assert_int_equal(result.ops[2].count, 0);
    dengine_txn_result_free(&result);
    check_value(client, "a", NULL);
}

static void a_transaction_that_fails_does_nothing(void **state)
{
    struct dengine_client *client = client_of(state);
    struct dengine_op ops[] = {
        {.type = DENGINE_OP_PUT, .key = DENGINE_STR("a"), .value = DENGINE_STR("1")},
        {.type = DENGINE_OP_PUT, .key = DENGINE_STR("b"), .value = DENGINE_STR("2"), .lease = 99},
    };
    const struct dengine_txn txn = {.then_ops = ops, .then_count = 2};
    struct dengine_txn_result result;

    assert_int_equal(dengine_txn(client, &txn, NULL, &result), DENGINE_E_NO_LEASE);
    assert_null(result.owner);
    check_value(client, "a", NULL);
    ops[1] = (struct dengine_op){.type = DENGINE_OP_GET}; /* no key */
    assert_int_equal(dengine_txn(client, &txn, NULL, &result), DENGINE_E_INVALID);
    ops[1] = (struct dengine_op){.type = (enum dengine_op_type)9, .key = DENGINE_STR("k")};
    assert_int_equal(dengine_txn(client, &txn, NULL, &result), DENGINE_E_INVALID);
    check_value(client, "a", NULL);
}

static void a_revision_guards_a_swap(void **state)
{
    struct dengine_client *client = client_of(state);
    struct dengine_compare unchanged = {
        .target = DENGINE_COMPARE_MOD_REVISION, .relation = DENGINE_EQUAL, .key = DENGINE_STR("k")};
    const struct dengine_op put = {
        .type = DENGINE_OP_PUT, .key = DENGINE_STR("k"), .value = DENGINE_STR("new")};
    const struct dengine_txn txn = {
        .compares = &unchanged, .compare_count = 1, .then_ops = &put, .then_count = 1};
    struct dengine_txn_result result;

    assert_int_equal(dengine_put_with(client, DENGINE_STR("k"), DENGINE_STR("old"), NULL, NULL,
                                      &unchanged.number),
                     0);
    assert_int_equal(dengine_txn(client, &txn, NULL, &result), 0);
    assert_true(result.succeeded);
    dengine_txn_result_free(&result);
    assert_int_equal(dengine_txn(client, &txn, NULL, &result), 0);
    assert_false(result.succeeded);
    assert_int_equal(result.op_count, 0);
    dengine_txn_result_free(&result);
    check_value(client, "k", "new");
}

static void a_bad_item_is_named(void **state)
{
    static char large[2 << 20];
    struct dengine_client *client = client_of(state);
    const struct dengine_op ops[] = {
        {.type = DENGINE_OP_GET, .key = DENGINE_STR("k")},
        {.type = DENGINE_OP_PUT, .key = DENGINE_STR("k"), .value = {large, sizeof large}}};
    const struct dengine_op nonsense = {
        .type = DENGINE_OP_GET, .key = DENGINE_STR("k"), .limit = 1};
    const struct dengine_compare compare = {.target = DENGINE_COMPARE_VALUE, .key = ops[0].key};
    const struct dengine_txn then_large = {.then_ops = ops, .then_count = 2};
    const struct dengine_txn else_large = {.else_ops = ops, .else_count = 2};
    const struct dengine_txn no_op = {.then_ops = &nonsense, .then_count = 1};
    const struct dengine_txn no_compare = {.compares = &compare, .compare_count = 1};
    struct dengine_txn_result result;

    assert_int_equal(dengine_txn(client, &then_large, NULL, &result), DENGINE_E_TOO_LARGE);
    assert_string_equal(dengine_last_error(client), "operation 2: the value has 2097152 bytes, at "
                                                    "most 1048576 are allowed");
    assert_int_equal(dengine_txn(client, &else_large, NULL, &result), DENGINE_E_TOO_LARGE);
    assert_memory_equal(dengine_last_error(client), "else-operation 2: the value", 27);
    assert_int_equal(dengine_txn(client, &no_op, NULL, &result), DENGINE_E_INVALID);
    assert_memory_equal(dengine_last_error(client), "operation 1 makes no sense: ", 28);
    assert_int_equal(dengine_txn(client, &no_compare, NULL, &result), DENGINE_E_INVALID);
    assert_memory_equal(dengine_last_error(client), "comparison 1 makes no sense: ", 29);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_transaction_takes_one_of_two_ways),
        CASE(a_transaction_that_fails_does_nothing),
        CASE(a_revision_guards_a_swap),
        CASE(a_bad_item_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
