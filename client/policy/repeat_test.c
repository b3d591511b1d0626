#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dengine/error.h>

#include "client/policy/numbers.h"
#include "client/policy/repeat.h"

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)

/* One write, the first of its session. */
struct write {
    struct de_numbers numbers;
    struct de_repeat repeat;
    struct de_repeat_attempt attempt;
};

static void begin(struct write *write, uint64_t deadline_ns)
{
    de_numbers_init(&write->numbers);
    de_repeat_init(&write->repeat, de_numbers_take(&write->numbers), deadline_ns);
}

static uint32_t send(struct write *write, uint64_t now_ns)
{
    de_repeat_send(&write->repeat, &write->numbers, now_ns, &write->attempt);
    assert_int_equal(write->attempt.number, 1);
    assert_int_equal(write->attempt.acknowledged, 0);
    return write->attempt.timeout_ms;
}

static void test_numbers_are_acknowledged_up_to_the_first_that_is_open(void **state)
{
    struct de_numbers numbers;

    (void)state;
    de_numbers_init(&numbers);
    for (uint64_t number = 1; number <= 4; number++) {
        assert_int_equal(de_numbers_take(&numbers), number);
    }
    de_numbers_end(&numbers, 3);
    de_numbers_end(&numbers, 2);
    assert_int_equal(numbers.acknowledged, 0);
    de_numbers_end(&numbers, 1);
    assert_int_equal(numbers.acknowledged, 3);
    de_numbers_end(&numbers, 4);
    assert_int_equal(numbers.acknowledged, 4);
    assert_int_equal(de_numbers_take(&numbers), 5);
}

static void test_numbers_wait_for_the_first_that_is_open(void **state)
{
    struct de_numbers numbers;

    (void)state;
    de_numbers_init(&numbers);
    for (uint64_t number = 1; number <= DE_NUMBERS_WINDOW; number++) {
        assert_true(de_numbers_room(&numbers));
        assert_int_equal(de_numbers_take(&numbers), number);
    }
    for (uint64_t number = DE_NUMBERS_WINDOW; number >= 2; number--) {
        assert_false(
            de_numbers_room(&numbers)); /* the cluster would forget the first one's result */
        de_numbers_end(&numbers, number);
    }
    de_numbers_end(&numbers, 1);
    assert_true(de_numbers_room(&numbers));
    assert_int_equal(numbers.acknowledged, DE_NUMBERS_WINDOW);
}

static void test_a_write_goes_again_under_its_number_until_an_answer_says_it(void **state)
{
    struct write write;
    uint64_t now_ns = SECOND;
    int err;

    (void)state;
    begin(&write, now_ns + 60 * SECOND);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(send(&write, now_ns), 2000);
        assert_true(de_repeat_answered(
            &write.repeat, i % 2 == 0 ? DENGINE_E_UNKNOWN : DENGINE_E_BUSY, false, now_ns, &err));
        assert_true(write.repeat.again_ns > now_ns && write.repeat.again_ns <= now_ns + SECOND / 2);
        now_ns = write.repeat.again_ns;
    }
    (void)send(&write, now_ns);
    assert_false(de_repeat_answered(&write.repeat, 0, false, now_ns, &err));
    assert_int_equal(err, 0);
}

/* Refused, time is up; but an attempt before may have been carried out. */
static void test_pauses_grow_up_to_the_greatest(void **state)
{
    static const uint64_t pauses_ms[] = {20, 40, 80, 160, 320, 500, 500, 500, 500};
    struct write write;
    uint64_t now_ns = 0;

    (void)state;
    begin(&write, 3600 * SECOND);
    for (size_t i = 0; i < sizeof pauses_ms / sizeof pauses_ms[0]; i++) {
        int err;

        (void)send(&write, now_ns);
        assert_true(de_repeat_answered(&write.repeat, DENGINE_E_UNAVAILABLE, false, now_ns, &err));
        assert_int_equal(write.repeat.again_ns - now_ns, pauses_ms[i] * MS);
        now_ns = write.repeat.again_ns;
    }
}

static void test_what_is_left_open_ends_as_unknown(void **state)
{
    static const int refusals[] = {DENGINE_E_NOT_LEADER, DENGINE_E_BUSY, DENGINE_E_NO_SESSION,
                                   DENGINE_E_SHUTDOWN};
    struct write write;
    int err;

    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        begin(&write, SECOND);
        assert_int_equal(send(&write, 0), 1000);
        assert_false(de_repeat_answered(&write.repeat, refusals[i], false, SECOND, &err));
        assert_int_equal(err, refusals[i]); /* nothing else was tried */
        begin(&write, SECOND);
        (void)send(&write, 0);
        assert_true(de_repeat_answered(&write.repeat, DENGINE_E_UNKNOWN, false, 0, &err));
        (void)send(&write, SECOND - MS / 2);
        assert_false(de_repeat_answered(&write.repeat, refusals[i], false, SECOND, &err));
        assert_int_equal(err, DENGINE_E_UNKNOWN);
    }
}

/* The state machine's own words about this number hold whichever attempt was carried out. */
static void test_a_result_is_final(void **state)
{
    static const int results[] = {0, DENGINE_E_NO_LEASE, DENGINE_E_TOO_LARGE, DENGINE_E_INVALID};
    struct write write;
    int err;

    (void)state;
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        begin(&write, 10 * SECOND);
        (void)send(&write, 0);
        assert_true(de_repeat_answered(&write.repeat, DENGINE_E_UNKNOWN, false, 0, &err));
        (void)send(&write, SECOND);
        assert_false(de_repeat_answered(&write.repeat, results[i], false, SECOND, &err));
        assert_int_equal(err, results[i]);
    }
}

static void test_who_closes_sends_nothing_again(void **state)
{
    struct write write;
    int err;

    (void)state;
    begin(&write, 10 * SECOND);
    (void)send(&write, 0);
    assert_false(de_repeat_answered(&write.repeat, DENGINE_E_UNKNOWN, true, 0, &err));
    assert_int_equal(err, DENGINE_E_UNKNOWN);
    assert_int_equal(de_repeat_verdict(&write.repeat, DENGINE_E_SHUTDOWN), DENGINE_E_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_acknowledged_up_to_the_first_that_is_open),
        cmocka_unit_test(test_numbers_wait_for_the_first_that_is_open),
        cmocka_unit_test(test_a_write_goes_again_under_its_number_until_an_answer_says_it),
        cmocka_unit_test(test_pauses_grow_up_to_the_greatest),
        cmocka_unit_test(test_what_is_left_open_ends_as_unknown),
        cmocka_unit_test(test_a_result_is_final),
        cmocka_unit_test(test_who_closes_sends_nothing_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
