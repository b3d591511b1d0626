/* Histories with a story, of the models kv and lock, and what a lease's end does in each model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dengine/error.h>

#include "runtime/sim/check/check.h"
#include "runtime/sim/check/generator.h"
#include "runtime/sim/check/plain.h"

static struct de_history_operation make(enum de_history_function function,
                                        enum de_history_type outcome, const char *value,
                                        uint64_t call_at, uint64_t return_at)
{
    struct de_history_operation operation = {
        .process = (int64_t)call_at,
        .function = function,
        .outcome = outcome,
        .value = value == NULL ? de_history_null() : de_history_string(dengine_str(value)),
        .call_at = call_at,
        .return_at = return_at,
    };
    return operation;
}

#define GET(value, from, to)       make(DE_HISTORY_GET, DE_HISTORY_OK, value, from, to)
#define PUT(value, from, to)       make(DE_HISTORY_PUT, DE_HISTORY_OK, value, from, to)
#define PUT_INFO(value, from)      make(DE_HISTORY_PUT, DE_HISTORY_INFO, value, from, 0)
#define APPEND(value, from, to)    make(DE_HISTORY_APPEND, DE_HISTORY_OK, value, from, to)
#define APPEND_INFO(value, from)   make(DE_HISTORY_APPEND, DE_HISTORY_INFO, value, from, 0)
#define APPEND_FAIL(val, from, to) make(DE_HISTORY_APPEND, DE_HISTORY_FAIL, val, from, to)
#define DELETE(from, to)           make(DE_HISTORY_DELETE, DE_HISTORY_OK, NULL, from, to)
#define ACQUIRE(who, from, to)     make(DE_HISTORY_ACQUIRE, DE_HISTORY_OK, who, from, to)
#define ACQUIRE_INFO(who, from)    make(DE_HISTORY_ACQUIRE, DE_HISTORY_INFO, who, from, 0)
#define ACQUIRE_FAIL(w, from, to)  make(DE_HISTORY_ACQUIRE, DE_HISTORY_FAIL, w, from, to)
#define RELEASE(who, from, to)     make(DE_HISTORY_RELEASE, DE_HISTORY_OK, who, from, to)
#define RELEASE_INFO(who, from)    make(DE_HISTORY_RELEASE, DE_HISTORY_INFO, who, from, 0)
#define EXPIRE_INFO(what, from)    make(DE_HISTORY_EXPIRE, DE_HISTORY_INFO, what, from, 0)
#define READ(value, from, to)      make(DE_HISTORY_READ, DE_HISTORY_OK, value, from, to)
#define WRITE(value, from, to)     make(DE_HISTORY_WRITE, DE_HISTORY_OK, value, from, to)

static void assert_verdict(const struct de_model *model,
                           const struct de_history_operation *operations, size_t count,
                           enum de_check_verdict expected)
{
    struct de_check_options options = {model, DE_CHECK_STEPS_DEFAULT};
    struct de_check_result result;
    assert_int_equal(de_check_run(operations, count, &options, &result), 0);
    assert_int_equal(result.verdict, expected);
    de_check_result_deinit(&result);
}

#define ASSERT_GOOD(model, ...)                                                                    \
    do {                                                                                           \
        const struct de_history_operation ops_[] = {__VA_ARGS__};                                  \
        assert_verdict(&(model), ops_, sizeof(ops_) / sizeof(ops_[0]), DE_CHECK_LINEARIZABLE);     \
    } while (0)
#define ASSERT_BAD(model, ...)                                                                     \
    do {                                                                                           \
        const struct de_history_operation ops_[] = {__VA_ARGS__};                                  \
        assert_verdict(&(model), ops_, sizeof(ops_) / sizeof(ops_[0]), DE_CHECK_NOT_LINEARIZABLE); \
    } while (0)

static void test_kv_is_empty_at_first_and_after_delete(void **state)
{
    (void)state;
    ASSERT_GOOD(de_model_kv, GET("", 1, 2), GET(NULL, 3, 4), PUT("a", 5, 6), DELETE(7, 8),
                GET(NULL, 9, 10));
    ASSERT_BAD(de_model_kv, GET("a", 1, 2));
    ASSERT_BAD(de_model_kv, PUT("a", 1, 2), DELETE(3, 4), GET("a", 5, 6));
}

static void test_kv_appends_come_in_one_order(void **state)
{
    (void)state;
    ASSERT_GOOD(de_model_kv, PUT("x", 1, 2), APPEND("a", 3, 10), APPEND("b", 4, 9), GET("xb", 5, 6),
                GET("xba", 11, 12));
    ASSERT_BAD(de_model_kv, PUT("x", 1, 2), APPEND("a", 3, 10), APPEND("b", 4, 9), GET("xb", 5, 6),
               GET("xab", 11, 12));
    ASSERT_BAD(de_model_kv, APPEND("a", 1, 2), APPEND("b", 3, 4), GET("ba", 5, 6));
    ASSERT_BAD(de_model_kv, APPEND("a", 1, 2), GET("aa", 3, 4));
    ASSERT_BAD(de_model_kv, APPEND("a", 1, 2), APPEND("a", 3, 4), GET("a", 5, 6));
}

static void test_kv_lost_appends_happen_late_or_never_but_once(void **state)
{
    (void)state;
    ASSERT_GOOD(de_model_kv, APPEND_INFO("a", 1), PUT("x", 2, 3), GET("x", 4, 5), GET("xa", 6, 7));
    ASSERT_BAD(de_model_kv, APPEND_INFO("a", 1), GET("a", 2, 3), GET("aa", 4, 5));
    ASSERT_BAD(de_model_kv, GET("a", 1, 2), APPEND_INFO("a", 3));
    ASSERT_BAD(de_model_kv, APPEND_FAIL("a", 1, 2), GET("a", 3, 4));
    ASSERT_GOOD(de_model_kv, APPEND_INFO("c", 1), APPEND_INFO("b", 2), APPEND("a", 3, 4),
                GET("abc", 5, 6));
}

/* SIMULATION's trap once more: the second PUT("a") changes nothing where the search meets it. */
static void test_kv_put_of_the_present_value_is_not_placed_at_once(void **state)
{
    (void)state;
    ASSERT_GOOD(de_model_kv, PUT("a", 1, 2), PUT("a", 3, 20), PUT("b", 4, 5), GET("b", 6, 7),
                GET("a", 8, 9));
    ASSERT_GOOD(de_model_kv, DELETE(1, 20), PUT("b", 2, 3), GET("b", 4, 5), GET("", 6, 7));
}

/* Strings that nobody saw are one state, and that is forgotten at the next put. */
static void test_kv_unseen_strings(void **state)
{
    (void)state;
    ASSERT_GOOD(de_model_kv, PUT("unseen", 1, 2), APPEND("more", 3, 4), PUT("b", 5, 6),
                GET("b", 7, 8));
    ASSERT_BAD(de_model_kv, PUT("unseen", 1, 2), APPEND("b", 3, 4), GET("b", 5, 6));
    ASSERT_GOOD(de_model_kv, PUT_INFO("unseen", 1), APPEND("b", 2, 3), GET("b", 4, 5));
}

static void test_lock_has_one_holder(void **state)
{
    (void)state;
    ASSERT_GOOD(de_model_lock, ACQUIRE("a", 1, 2), RELEASE("a", 3, 4), ACQUIRE("b", 5, 6));
    ASSERT_BAD(de_model_lock, ACQUIRE("a", 1, 2), ACQUIRE("b", 3, 4));
    ASSERT_GOOD(de_model_lock, ACQUIRE("a", 1, 2), RELEASE("a", 3, 6), ACQUIRE("b", 4, 5));
    ASSERT_BAD(de_model_lock, ACQUIRE("a", 1, 2), RELEASE("b", 3, 4));
    ASSERT_BAD(de_model_lock, RELEASE("a", 1, 2));
    ASSERT_BAD(de_model_lock, ACQUIRE("a", 1, 2), ACQUIRE("a", 3, 4));
}

static void test_lock_failure_tells_nothing(void **state)
{
    (void)state;
    ASSERT_GOOD(de_model_lock, ACQUIRE_FAIL("a", 1, 2), ACQUIRE("b", 3, 4), ACQUIRE_FAIL("a", 5, 6),
                RELEASE("b", 7, 8));
    ASSERT_BAD(de_model_lock, ACQUIRE_FAIL("a", 1, 2), RELEASE("a", 3, 4));
}

static void test_lock_without_a_named_holder_belongs_to_the_process(void **state)
{
    struct de_history_operation operations[] = {ACQUIRE(NULL, 1, 2), RELEASE(NULL, 3, 4)};
    (void)state;
    assert_verdict(&de_model_lock, operations, 2, DE_CHECK_NOT_LINEARIZABLE);
    operations[1].process = operations[0].process;
    assert_verdict(&de_model_lock, operations, 2, DE_CHECK_LINEARIZABLE);
    operations[1].process = 99;
    operations[1].value = de_history_integer(operations[0].process);
    assert_verdict(&de_model_lock, operations, 2, DE_CHECK_LINEARIZABLE);
}

static void test_lost_lock_operations(void **state)
{
    (void)state;
    ASSERT_GOOD(de_model_lock, ACQUIRE("a", 1, 2), RELEASE_INFO("a", 3), ACQUIRE("b", 4, 5));
    ASSERT_BAD(de_model_lock, ACQUIRE("a", 1, 2), RELEASE_INFO("a", 3), ACQUIRE("b", 4, 5),
               ACQUIRE("c", 6, 7));
    ASSERT_GOOD(de_model_lock, ACQUIRE_INFO("a", 1), ACQUIRE("b", 2, 3));
    ASSERT_GOOD(de_model_lock, ACQUIRE_INFO("a", 1), RELEASE("a", 2, 3), ACQUIRE("b", 4, 5));
    ASSERT_BAD(de_model_lock, ACQUIRE_INFO("a", 1), RELEASE("a", 2, 3), RELEASE("a", 4, 5));
}

/* A lease ends at some time after the call of its expire, and takes away only what it is tied to.
 */
static void test_expire_takes_its_own_value_only_and_not_before_its_time(void **state)
{
    (void)state;
    ASSERT_GOOD(de_model_lock, ACQUIRE("a", 1, 2), EXPIRE_INFO("a", 3), ACQUIRE("b", 4, 5));
    ASSERT_BAD(de_model_lock, ACQUIRE("a", 1, 2), ACQUIRE("b", 3, 4), EXPIRE_INFO("a", 5));
    ASSERT_BAD(de_model_lock, ACQUIRE("a", 1, 2), EXPIRE_INFO("c", 3), ACQUIRE("b", 4, 5));
    ASSERT_GOOD(de_model_kv, PUT("a", 1, 2), EXPIRE_INFO("a", 3), GET("a", 4, 5), GET("", 6, 7));
    ASSERT_BAD(de_model_kv, PUT("a", 1, 2), GET("", 3, 4), EXPIRE_INFO("a", 5));
    ASSERT_BAD(de_model_kv, PUT("a", 1, 2), EXPIRE_INFO("a", 3), GET("", 4, 5), GET("a", 6, 7));
    ASSERT_BAD(de_model_kv, PUT("a", 1, 2), PUT("b", 3, 4), EXPIRE_INFO("a", 5), GET("", 6, 7));
    ASSERT_GOOD(de_model_cas_register, WRITE("a", 1, 2), EXPIRE_INFO("a", 3), READ(NULL, 4, 5));
    ASSERT_BAD(de_model_cas_register, WRITE("a", 1, 2), WRITE("b", 3, 4), EXPIRE_INFO("a", 5),
               READ(NULL, 6, 7));
}

/* A cas that failed for who knows what reason is no comparison. */
static void test_untold_cas_says_nothing(void **state)
{
    struct de_history_operation operations[] = {WRITE("a", 1, 2), WRITE("b", 3, 4)};
    (void)state;
    operations[1].function = DE_HISTORY_CAS;
    operations[1].expected = operations[0].value;
    operations[1].outcome = DE_HISTORY_FAIL;
    assert_verdict(&de_model_cas_register, operations, 2, DE_CHECK_NOT_LINEARIZABLE);
    operations[1].untold = true;
    assert_verdict(&de_model_cas_register, operations, 2, DE_CHECK_LINEARIZABLE);
}

static void test_what_a_model_does_not_know_is_refused(void **state)
{
    struct de_check_options options = {&de_model_kv, 100};
    struct de_history_operation operation = PUT("a", 1, 2);
    struct de_check_result result;
    (void)state;
    operation.value = de_history_integer(1);
    assert_int_equal(de_check_run(&operation, 1, &options, &result), DENGINE_E_INVALID);
    operation = WRITE("a", 1, 2);
    assert_int_equal(de_check_run(&operation, 1, &options, &result), DENGINE_E_INVALID);
    operation = EXPIRE_INFO("a", 1);
    operation.value = de_history_integer(1);
    assert_verdict(&de_model_kv, &operation, 1, DE_CHECK_LINEARIZABLE);
    operation.outcome = DE_HISTORY_OK;
    operation.return_at = 2;
    assert_verdict(&de_model_kv, &operation, 1, DE_CHECK_NOT_LINEARIZABLE);
    options.model = &de_model_lock;
    operation = EXPIRE_INFO(NULL, 1);
    assert_int_equal(de_check_run(&operation, 1, &options, &result), DENGINE_E_INVALID);
}

/* The explanation keeps apart what the search does not. */
static void test_unseen_strings_are_told(void **state)
{
    struct de_history_operation operations[] = {PUT("unseen", 1, 2), APPEND("b", 3, 4),
                                                GET("b", 5, 6)};
    struct de_check_options options = {&de_model_kv, DE_CHECK_STEPS_DEFAULT};
    struct de_check_result result;
    struct de_history_value unseen = de_history_string(DENGINE_STR("unseenb"));
    (void)state;
    assert_int_equal(de_check_run(operations, 3, &options, &result), 0);
    assert_int_equal(result.failure.operation, 2);
    assert_int_equal(result.failure.states_count, 1);
    assert_true(de_history_value_equal(&result.failure.states[0], &unseen));
    assert_int_equal(result.failure.states_left_by[0], 1);
    assert_true(de_history_value_equal(&result.failure.prefix_state, &unseen));
    assert_int_equal(result.failure.makers_count, 1);
    de_check_result_deinit(&result);
}

/* Many clients and losses, and at the end a violation planted: both verdicts, each model. */
static void large_history(const struct de_model *model, uint64_t seed)
{
    enum { COUNT = 1000 };
    struct de_history_operation *operations = malloc((COUNT + 1) * sizeof(*operations));
    struct de_generator generator;
    bool lock = model == &de_model_lock;
    assert_non_null(operations);
    de_generator_init(&generator, model, seed);
    generator.clients = 8;
    generator.values = lock ? 8 : 0;
    generator.info_percent = (uint32_t)(seed % 3) * 4;
    generator.info_max = lock ? 12 : 40; /* lost operations of the same holders stay for good */
    generator.append_percent = 80;
    generator.expire_percent = 1;
    de_generator_linearizable(&generator, operations, COUNT);
    assert_verdict(model, operations, COUNT, DE_CHECK_LINEARIZABLE);
    operations[COUNT] = lock                    ? RELEASE("nobody", 1000000, 1000001)
                        : model == &de_model_kv ? GET("nothing", 1000000, 1000001)
                                                : READ("nothing", 1000000, 1000001);
    assert_verdict(model, operations, COUNT + 1, DE_CHECK_NOT_LINEARIZABLE);
    de_generator_deinit(&generator);
    free(operations);
}

static void test_large_histories(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        for (size_t i = 0; de_models()[i] != NULL; i++) {
            large_history(de_models()[i], seed);
        }
    }
}

/* Too large for brute force: the same search without its reductions gives the same verdicts. */
static void test_verdicts_agree_with_those_without_reductions(void **state)
{
    enum { COUNT = 40 };
    size_t verdicts[3] = {0, 0, 0};
    (void)state;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        const struct de_model *model = de_models()[seed % 3];
        struct de_history_operation operations[COUNT];
        struct de_check_options options = {model, DE_CHECK_STEPS_DEFAULT};
        struct de_check_result result;
        struct de_generator generator;
        enum de_check_verdict plain;
        de_generator_init(&generator, model, seed);
        generator.clients = 5;
        generator.info_percent = (uint32_t)(seed % 4) * 4;
        generator.info_max = 5;
        generator.expire_percent = (uint32_t)(seed % 5);
        de_generator_linearizable(&generator, operations, COUNT);
        for (uint64_t changes = seed % 6; changes > 0; changes--) {
            de_generator_perturb(&generator, operations, COUNT);
        }
        assert_int_equal(de_check_run(operations, COUNT, &options, &result), 0);
        assert_int_equal(de_plain_check(model, operations, COUNT, 3000000, &plain), 0);
        verdicts[plain]++;
        assert_true(plain == DE_CHECK_UNKNOWN || plain == result.verdict);
        de_check_result_deinit(&result);
        de_generator_deinit(&generator);
    }
    print_message("linearizable %zu, not %zu, unknown to the plain search %zu\n", verdicts[0],
                  verdicts[1], verdicts[2]);
    assert_true(verdicts[0] > 500 && verdicts[1] > 500 && verdicts[2] < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kv_is_empty_at_first_and_after_delete),
        cmocka_unit_test(test_kv_appends_come_in_one_order),
        cmocka_unit_test(test_kv_lost_appends_happen_late_or_never_but_once),
        cmocka_unit_test(test_kv_put_of_the_present_value_is_not_placed_at_once),
        cmocka_unit_test(test_kv_unseen_strings),
        cmocka_unit_test(test_lock_has_one_holder),
        cmocka_unit_test(test_lock_failure_tells_nothing),
        cmocka_unit_test(test_lock_without_a_named_holder_belongs_to_the_process),
        cmocka_unit_test(test_lost_lock_operations),
        cmocka_unit_test(test_expire_takes_its_own_value_only_and_not_before_its_time),
        cmocka_unit_test(test_untold_cas_says_nothing),
        cmocka_unit_test(test_what_a_model_does_not_know_is_refused),
        cmocka_unit_test(test_unseen_strings_are_told),
        cmocka_unit_test(test_large_histories),
        cmocka_unit_test(test_verdicts_agree_with_those_without_reductions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
