#include "runtime/sim/recorder.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct de_history_value key(void)
{
    return de_history_string(dengine_str("k"));
}

static size_t invoke(struct de_recorder *recorder, int64_t process,
                     enum de_history_function function, int64_t value, uint64_t now_ns)
{
    return de_recorder_invoke(
        recorder, process, function, key(), de_history_null(),
        function == DE_HISTORY_WRITE ? de_history_integer(value) : de_history_null(), now_ns);
}

static void check(struct de_recorder *recorder, uint64_t steps_max, struct de_verdict *verdict)
{
    struct de_recorder_keys keys;

    de_verdict_init(verdict);
    de_recorder_check(recorder, steps_max, 100, verdict, &keys);
    assert_int_equal(keys.checked, 1);
    assert_int_equal(keys.unknown, verdict->status == DE_VERDICT_UNKNOWN ? 1 : 0);
}

static void write_and_read(struct de_recorder *recorder, int64_t seen)
{
    size_t write = invoke(recorder, 1, DE_HISTORY_WRITE, 1, 1);
    size_t read;

    de_recorder_end(recorder, write, DE_HISTORY_OK, de_history_null(), 2);
    write = invoke(recorder, 1, DE_HISTORY_WRITE, 2, 3);
    de_recorder_end(recorder, write, DE_HISTORY_OK, de_history_null(), 4);
    read = invoke(recorder, 2, DE_HISTORY_READ, 0, 5);
    de_recorder_end(recorder, read, DE_HISTORY_OK, de_history_integer(seen), 6);
}

static void test_a_fresh_read_is_linearizable(void **state)
{
    struct de_recorder recorder;
    struct de_verdict verdict;

    (void)state;
    de_recorder_init(&recorder);
    write_and_read(&recorder, 2);
    check(&recorder, 1000, &verdict);
    assert_int_equal(verdict.status, DE_VERDICT_OK);
    de_recorder_deinit(&recorder);
}

static void test_a_stale_read_is_not(void **state)
{
    struct de_recorder recorder;
    struct de_verdict verdict;

    (void)state;
    de_recorder_init(&recorder);
    write_and_read(&recorder, 1);
    check(&recorder, 1000, &verdict);
    assert_int_equal(verdict.status, DE_VERDICT_CORRECTNESS);
    assert_string_equal(verdict.oracle, "linearizability");
    assert_non_null(strstr(verdict.sentence, "key k"));
    de_recorder_deinit(&recorder);
}

static void test_a_withdrawn_operation_explains_nothing(void **state)
{
    struct de_recorder recorder;
    struct de_verdict verdict;
    size_t lost;

    (void)state;
    for (int withdraw = 0; withdraw <= 1; withdraw++) {
        size_t read;

        de_recorder_init(&recorder);
        lost = invoke(&recorder, 1, DE_HISTORY_WRITE, 7, 1);
        read = invoke(&recorder, 2, DE_HISTORY_READ, 0, 2);
        de_recorder_end(&recorder, read, DE_HISTORY_OK, de_history_integer(7), 3);
        if (withdraw == 1) {
            de_recorder_withdraw(&recorder, lost);
        }
        check(&recorder, 1000, &verdict);
        assert_int_equal(verdict.status, withdraw == 1 ? DE_VERDICT_CORRECTNESS : DE_VERDICT_OK);
        de_recorder_deinit(&recorder);
    }
}

static void test_giving_up_is_reported_and_not_taken_for_ok(void **state)
{
    struct de_recorder recorder;
    struct de_verdict verdict;

    (void)state;
    de_recorder_init(&recorder);
    for (int64_t i = 0; i < 8; i++) {
        (void)invoke(&recorder, 10 + i, DE_HISTORY_WRITE, i, 1);
    }
    for (int64_t i = 0; i < 8; i++) {
        size_t read = invoke(&recorder, 1, DE_HISTORY_READ, 0, 2);

        de_recorder_end(&recorder, read, DE_HISTORY_OK, de_history_integer(7 - i), 3);
    }
    check(&recorder, 3, &verdict);
    assert_int_equal(verdict.status, DE_VERDICT_UNKNOWN);
    de_recorder_deinit(&recorder);
}

static void test_one_unknown_key_in_a_thousand_is_the_limit(void **state)
{
    struct de_recorder_keys keys = {0, 0};

    (void)state;
    assert_false(de_recorder_too_many_unknown(&keys));
    keys.unknown = 1;
    keys.checked = 999;
    assert_true(de_recorder_too_many_unknown(&keys));
    keys.checked = 1000;
    assert_false(de_recorder_too_many_unknown(&keys));
    keys.unknown = 2;
    keys.checked = 1999;
    assert_true(de_recorder_too_many_unknown(&keys));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fresh_read_is_linearizable),
        cmocka_unit_test(test_a_stale_read_is_not),
        cmocka_unit_test(test_a_withdrawn_operation_explains_nothing),
        cmocka_unit_test(test_giving_up_is_reported_and_not_taken_for_ok),
        cmocka_unit_test(test_one_unknown_key_in_a_thousand_is_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
