/* Histories with a story: known violations are found, known traps are not fallen into. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dengine/error.h>

#include "runtime/sim/check/check.h"
#include "runtime/sim/check/explain.h"
#include "runtime/sim/check/generator.h"

/* Short forms. NIL is absent; every operation carries its call and return. */
#define NIL (-1)

static struct de_history_value value_of(int number)
{
    return number == NIL ? de_history_null() : de_history_integer(number);
}

static struct de_history_operation make(enum de_history_function function,
                                        enum de_history_type outcome, int expected, int value,
                                        uint64_t call_at, uint64_t return_at)
{
    struct de_history_operation operation = {
        .process = (int64_t)call_at,
        .function = function,
        .outcome = outcome,
        .expected = value_of(expected),
        .value = value_of(value),
        .call_at = call_at,
        .return_at = return_at,
    };
    return operation;
}

#define READ(value, from, to)        make(DE_HISTORY_READ, DE_HISTORY_OK, NIL, value, from, to)
#define WRITE(value, from, to)       make(DE_HISTORY_WRITE, DE_HISTORY_OK, NIL, value, from, to)
#define WRITE_INFO(value, from)      make(DE_HISTORY_WRITE, DE_HISTORY_INFO, NIL, value, from, 0)
#define WRITE_FAIL(value, from, to)  make(DE_HISTORY_WRITE, DE_HISTORY_FAIL, NIL, value, from, to)
#define CAS(old, new, from, to)      make(DE_HISTORY_CAS, DE_HISTORY_OK, old, new, from, to)
#define CAS_INFO(old, new, from)     make(DE_HISTORY_CAS, DE_HISTORY_INFO, old, new, from, 0)
#define CAS_FAIL(old, new, from, to) make(DE_HISTORY_CAS, DE_HISTORY_FAIL, old, new, from, to)
#define DELETE(from, to)             make(DE_HISTORY_DELETE, DE_HISTORY_OK, NIL, NIL, from, to)

static struct de_check_result check(const struct de_history_operation *operations, size_t count)
{
    struct de_check_options options = {&de_model_cas_register, DE_CHECK_STEPS_DEFAULT};
    struct de_check_result result;
    assert_int_equal(de_check_run(operations, count, &options, &result), 0);
    return result;
}

/* Also that the same operations in reverse order give the same verdict. */
static void assert_verdict(const struct de_history_operation *operations, size_t count,
                           enum de_check_verdict expected)
{
    struct de_history_operation reversed[32];
    assert_true(count <= 32);
    for (size_t i = 0; i < count; i++) {
        reversed[i] = operations[count - 1 - i];
    }
    struct de_check_result result = check(operations, count);
    assert_int_equal(result.verdict, expected);
    de_check_result_deinit(&result);
    result = check(reversed, count);
    assert_int_equal(result.verdict, expected);
    de_check_result_deinit(&result);
}

#define ASSERT_GOOD(...)                                                                           \
    do {                                                                                           \
        const struct de_history_operation ops_[] = {__VA_ARGS__};                                  \
        assert_verdict(ops_, sizeof(ops_) / sizeof(ops_[0]), DE_CHECK_LINEARIZABLE);               \
    } while (0)
#define ASSERT_BAD(...)                                                                            \
    do {                                                                                           \
        const struct de_history_operation ops_[] = {__VA_ARGS__};                                  \
        assert_verdict(ops_, sizeof(ops_) / sizeof(ops_[0]), DE_CHECK_NOT_LINEARIZABLE);           \
    } while (0)

static void test_nothing_is_linearizable(void **state)
{
    (void)state;
    struct de_check_result result = check(NULL, 0);
    assert_int_equal(result.verdict, DE_CHECK_LINEARIZABLE);
    assert_int_equal(result.keys, 0);
    de_check_result_deinit(&result);
}

static void test_register_is_absent_at_first_and_after_delete(void **state)
{
    (void)state;
    ASSERT_GOOD(READ(NIL, 1, 2), WRITE(1, 3, 4), DELETE(5, 6), READ(NIL, 7, 8));
    ASSERT_BAD(READ(1, 1, 2));
    ASSERT_BAD(WRITE(1, 1, 2), DELETE(3, 4), READ(1, 5, 6));
}

static void test_stale_read_is_found(void **state)
{
    (void)state;
    ASSERT_BAD(WRITE(1, 1, 2), WRITE(2, 3, 4), READ(1, 5, 6));
    ASSERT_GOOD(WRITE(1, 1, 2), WRITE(2, 3, 5), READ(1, 4, 6));
}

static void test_reads_that_go_back_are_found(void **state)
{
    (void)state;
    ASSERT_BAD(WRITE(1, 1, 2), WRITE(2, 3, 10), READ(2, 4, 5), READ(1, 6, 7));
    ASSERT_GOOD(WRITE(1, 1, 2), WRITE(2, 3, 10), READ(1, 4, 5), READ(2, 6, 7));
}

static void test_lost_update_is_found(void **state)
{
    (void)state;
    ASSERT_BAD(WRITE(0, 1, 2), CAS(0, 1, 3, 4), READ(0, 5, 6));
    ASSERT_BAD(WRITE(5, 1, 2), WRITE(6, 3, 4), DELETE(3, 4), READ(5, 5, 6));
}

static void test_two_cas_from_one_value_are_found(void **state)
{
    (void)state;
    ASSERT_BAD(WRITE(1, 1, 2), CAS(1, 2, 3, 5), CAS(1, 3, 4, 6));
    ASSERT_GOOD(WRITE(1, 1, 2), CAS(1, 2, 3, 5), CAS_FAIL(1, 3, 4, 6));
    ASSERT_BAD(CAS(NIL, 2, 3, 5), CAS(NIL, 3, 4, 6));
}

static void test_failed_cas_observes_that_the_value_differs(void **state)
{
    (void)state;
    ASSERT_BAD(WRITE(1, 1, 2), CAS_FAIL(1, 2, 3, 4));
    ASSERT_GOOD(WRITE(1, 1, 2), CAS_FAIL(2, 3, 3, 4), READ(1, 5, 6));
    ASSERT_BAD(CAS_FAIL(NIL, 3, 3, 4));
    /* Only a lost write explains the difference, and then it must be what is read. */
    ASSERT_GOOD(WRITE(1, 1, 2), WRITE_INFO(7, 3), CAS_FAIL(1, 2, 4, 5), READ(7, 6, 7));
    ASSERT_BAD(WRITE(1, 1, 2), WRITE_INFO(7, 3), CAS_FAIL(1, 2, 4, 5), READ(1, 6, 7));
}

static void test_failed_write_did_not_happen(void **state)
{
    (void)state;
    ASSERT_BAD(WRITE(1, 1, 2), WRITE_FAIL(2, 3, 4), READ(2, 5, 6));
    ASSERT_GOOD(WRITE(1, 1, 2), WRITE_FAIL(2, 3, 4), READ(1, 5, 6));
}

static void test_lost_write_happens_late_or_never_but_once(void **state)
{
    (void)state;
    ASSERT_GOOD(WRITE_INFO(1, 1), WRITE(2, 2, 3), READ(2, 4, 5), READ(1, 6, 7));
    ASSERT_GOOD(WRITE_INFO(1, 1), WRITE(2, 2, 3), READ(2, 4, 5));
    ASSERT_BAD(WRITE_INFO(1, 1), WRITE(2, 2, 3), READ(1, 4, 5), WRITE(3, 6, 7), READ(1, 8, 9));
    ASSERT_GOOD(WRITE_INFO(1, 1), WRITE_INFO(1, 2), WRITE(2, 3, 4), READ(1, 5, 6), WRITE(3, 7, 8),
                READ(1, 9, 10));
    ASSERT_BAD(WRITE(2, 1, 2), READ(1, 3, 4), WRITE_INFO(1, 5));
}

static void test_lost_cas_needs_its_value_when_it_happens(void **state)
{
    (void)state;
    ASSERT_GOOD(WRITE(1, 1, 2), CAS_INFO(3, 4, 3), WRITE(3, 5, 6), READ(4, 7, 8));
    ASSERT_BAD(WRITE(1, 1, 2), CAS_INFO(3, 4, 3), READ(4, 7, 8));
    /* A chain of lost operations: none is of use without the next. */
    ASSERT_GOOD(CAS_INFO(3, 4, 1), CAS_INFO(2, 3, 2), CAS_INFO(1, 2, 3), WRITE_INFO(1, 4),
                READ(4, 5, 6));
    ASSERT_BAD(CAS_INFO(3, 4, 1), CAS_INFO(2, 3, 2), WRITE_INFO(1, 4), READ(4, 5, 6));
}

/* SIMULATION's trap. WRITE(1) of 3..20 changes nothing when the search meets it first, since the
 * value is 1; placing it there at once loses the order in which it comes after WRITE(2). */
static void test_write_of_the_present_value_is_not_placed_at_once(void **state)
{
    (void)state;
    ASSERT_GOOD(WRITE(1, 1, 2), WRITE(1, 3, 20), WRITE(2, 4, 5), READ(2, 6, 7), READ(1, 8, 9));
    ASSERT_GOOD(WRITE(1, 1, 2), DELETE(3, 4), DELETE(5, 20), WRITE(2, 6, 7), READ(2, 8, 9),
                READ(NIL, 10, 11));
}

static void test_strings_and_integers_differ(void **state)
{
    struct de_history_operation operations[] = {WRITE(1, 1, 2), READ(1, 3, 4)};
    (void)state;
    operations[1].value = de_history_string(DENGINE_STR("1"));
    assert_verdict(operations, 2, DE_CHECK_NOT_LINEARIZABLE);
    operations[0].value = de_history_string(DENGINE_STR("1"));
    assert_verdict(operations, 2, DE_CHECK_LINEARIZABLE);
}

static void test_keys_are_independent_and_the_earliest_failure_is_told(void **state)
{
    struct de_history_operation operations[] = {
        WRITE(1, 1, 2), READ(2, 3, 9), READ(2, 4, 5), READ(1, 6, 7), READ(NIL, 10, 11),
    };
    (void)state;
    operations[1].key = de_history_integer(1);
    operations[2].key = de_history_string(DENGINE_STR("b"));
    operations[4].key = de_history_string(DENGINE_STR("c"));
    struct de_check_result result = check(operations, 5);
    assert_int_equal(result.verdict, DE_CHECK_NOT_LINEARIZABLE);
    assert_int_equal(result.keys, 4);
    assert_int_equal(result.keys_failed, 2);
    assert_int_equal(result.failure.operation, 2);
    assert_true(de_history_value_equal(&result.failure.key, &operations[2].key));
    de_check_result_deinit(&result);
}

static void test_budget_gives_unknown_and_steps_are_reproducible(void **state)
{
    struct de_history_operation operations[200];
    struct de_generator generator;
    struct de_check_options options = {&de_model_cas_register, 20};
    struct de_check_result result;
    (void)state;
    de_generator_init(&generator, &de_model_cas_register, 5);
    de_generator_linearizable(&generator, operations, 200);
    assert_int_equal(de_check_run(operations, 200, &options, &result), 0);
    assert_int_equal(result.verdict, DE_CHECK_UNKNOWN);
    assert_int_equal(result.keys_unknown, 1);
    de_check_result_deinit(&result);
    struct de_check_result first = check(operations, 200);
    struct de_check_result second = check(operations, 200);
    assert_int_equal(first.verdict, DE_CHECK_LINEARIZABLE);
    assert_int_equal(first.steps, second.steps);
    de_check_result_deinit(&first);
    de_check_result_deinit(&second);
}

static void test_operation_that_returns_before_its_call_is_refused(void **state)
{
    struct de_history_operation operation = WRITE(1, 5, 5);
    struct de_check_options options = {&de_model_cas_register, 100};
    struct de_check_result result;
    (void)state;
    assert_int_equal(de_check_run(&operation, 1, &options, &result), DENGINE_E_INVALID);
}

/* Many clients and losses: the masks of configurations take several words. */
static void test_large_linearizable_histories(void **state)
{
    enum { COUNT = 2000 };
    struct de_history_operation *operations = malloc(COUNT * sizeof(*operations));
    (void)state;
    assert_non_null(operations);
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct de_generator generator;
        de_generator_init(&generator, &de_model_cas_register, seed);
        generator.clients = 10;
        generator.values = seed % 2 == 0 ? 0 : 6;
        generator.info_percent = (uint32_t)(seed % 4) * 5;
        generator.info_max = generator.values == 0 ? COUNT : 50;
        de_generator_linearizable(&generator, operations, COUNT);
        struct de_check_result result = check(operations, COUNT);
        assert_int_equal(result.verdict, DE_CHECK_LINEARIZABLE);
        de_check_result_deinit(&result);
    }
    free(operations);
}

/* A read of what nobody wrote, at the end: to say no, the search must look at everything. */
static void test_large_histories_with_a_planted_violation(void **state)
{
    enum { COUNT = 1000 };
    struct de_history_operation *operations = malloc((COUNT + 1) * sizeof(*operations));
    (void)state;
    assert_non_null(operations);
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct de_generator generator;
        de_generator_init(&generator, &de_model_cas_register, seed);
        generator.clients = 8;
        generator.values = seed % 2 == 0 ? 0 : 5;
        generator.info_percent = seed % 3 == 0 ? 0 : 10;
        generator.info_max = seed % 2 == 0 ? 40 : 8;
        de_generator_linearizable(&generator, operations, COUNT);
        operations[COUNT] = READ(123456789, 1000000, 1000001);
        struct de_check_result result = check(operations, COUNT + 1);
        assert_int_equal(result.verdict, DE_CHECK_NOT_LINEARIZABLE);
        assert_int_equal(result.failure.operation, COUNT);
        de_check_result_deinit(&result);
    }
    free(operations);
}

/* A counter: write adds one, read sees the count. A second model, which keeps the search honest
 * about what it assumes: here a lost addition is of use to another addition, and to its twin. */
enum { ADDS, COUNTS };

static int counter_translate(struct de_model_context *context,
                             const struct de_history_operation *operations, const uint32_t *chosen,
                             uint32_t count, struct de_model_op *ops)
{
    (void)context;
    for (uint32_t i = 0; i < count; i++) {
        const struct de_history_operation *operation = &operations[chosen[i]];
        bool reads = operation->function == DE_HISTORY_READ;
        memset(&ops[i], 0, sizeof(ops[i]));
        ops[i].kind = reads ? COUNTS : ADDS;
        ops[i].a = reads ? (uint32_t)operation->value.integer : 0;
        ops[i].from = DE_MODEL_ANY;
        ops[i].to = DE_MODEL_ANY;
        ops[i].pure = reads;
    }
    return 0;
}

static bool counter_step(struct de_model_context *context, uint32_t state,
                         const struct de_model_op *op, uint32_t *after)
{
    (void)context;
    *after = op->kind == ADDS ? state + 1 : state;
    return op->kind == ADDS || state == op->a;
}

static bool counter_state_value(const struct de_model_context *context, uint32_t state,
                                struct de_history_value *value)
{
    (void)context;
    *value = de_history_integer(state);
    return true;
}

static const struct de_model counter = {
    .name = "counter",
    .functions = DE_HISTORY_BIT(READ) | DE_HISTORY_BIT(WRITE),
    .translate = counter_translate,
    .step = counter_step,
    .state_value = counter_state_value,
    .subject = "the count is",
    .absent_text = "",
    .other_text = "",
};

static enum de_check_verdict count(const struct de_history_operation *operations, size_t number)
{
    struct de_check_options options = {&counter, 100000};
    struct de_check_result result;
    assert_int_equal(de_check_run(operations, number, &options, &result), 0);
    enum de_check_verdict verdict = result.verdict;
    de_check_result_deinit(&result);
    return verdict;
}

static void test_lost_operations_of_another_model(void **state)
{
    const struct de_history_operation twins[] = {
        WRITE_INFO(1, 1),
        WRITE_INFO(1, 2),
        READ(2, 3, 4),
    };
    const struct de_history_operation helped[] = {
        WRITE_INFO(1, 1),
        WRITE(1, 2, 3),
        READ(2, 4, 5),
        READ(2, 6, 7),
    };
    const struct de_history_operation before[] = {
        WRITE_INFO(1, 1),
        WRITE(1, 2, 10),
        READ(2, 3, 4),
    };
    const struct de_history_operation missing[] = {
        WRITE_INFO(1, 1),
        WRITE(1, 2, 3),
        READ(3, 4, 5),
    };
    (void)state;
    assert_int_equal(count(twins, 3), DE_CHECK_LINEARIZABLE);
    assert_int_equal(count(helped, 4), DE_CHECK_LINEARIZABLE);
    assert_int_equal(count(before, 3), DE_CHECK_LINEARIZABLE);
    assert_int_equal(count(missing, 3), DE_CHECK_NOT_LINEARIZABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_linearizable),
        cmocka_unit_test(test_register_is_absent_at_first_and_after_delete),
        cmocka_unit_test(test_stale_read_is_found),
        cmocka_unit_test(test_reads_that_go_back_are_found),
        cmocka_unit_test(test_lost_update_is_found),
        cmocka_unit_test(test_two_cas_from_one_value_are_found),
        cmocka_unit_test(test_failed_cas_observes_that_the_value_differs),
        cmocka_unit_test(test_failed_write_did_not_happen),
        cmocka_unit_test(test_lost_write_happens_late_or_never_but_once),
        cmocka_unit_test(test_lost_cas_needs_its_value_when_it_happens),
        cmocka_unit_test(test_write_of_the_present_value_is_not_placed_at_once),
        cmocka_unit_test(test_strings_and_integers_differ),
        cmocka_unit_test(test_keys_are_independent_and_the_earliest_failure_is_told),
        cmocka_unit_test(test_budget_gives_unknown_and_steps_are_reproducible),
        cmocka_unit_test(test_operation_that_returns_before_its_call_is_refused),
        cmocka_unit_test(test_large_linearizable_histories),
        cmocka_unit_test(test_large_histories_with_a_planted_violation),
        cmocka_unit_test(test_lost_operations_of_another_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
