#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/error_codes.h"

static const int all_errors[] = {
#define VALUE(name, value, text) value,
    DENGINE_ERROR_MAP(VALUE)
#undef VALUE
};

#define ERROR_COUNT (sizeof all_errors / sizeof all_errors[0])

static void test_numbers_of_the_protocol(void **state)
{
    (void)state;
    assert_int_equal(de_wire_code_of_error(0, true), 0);
    assert_int_equal(de_wire_code_of_error(DENGINE_E_NOT_LEADER, true), 4001);
    assert_int_equal(de_wire_code_of_error(DENGINE_E_SUPERSEDED, true), 4001);
    assert_int_equal(de_wire_code_of_error(DENGINE_E_INVALID, true), 4003);
    assert_int_equal(de_wire_code_of_error(DENGINE_E_BUSY, true), 4004);
    assert_int_equal(de_wire_code_of_error(DENGINE_E_NO_LEADER, false), 4005);
    assert_int_equal(de_wire_code_of_error(DENGINE_E_SHUTDOWN, true), 4005);
    assert_int_equal(de_wire_code_of_error(DENGINE_E_UNKNOWN, true), 4006);
    assert_int_equal(de_wire_code_of_error(DENGINE_E_NO_SPACE, true), 3001);
}

static void test_unknown_outcome_survives_the_wire(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < ERROR_COUNT; i++) {
        const int back = de_error_of_wire_code(de_wire_code_of_error(all_errors[i], true));

        assert_int_not_equal(back, 0);
        /* "Not done" may become "unknown", never the other way round. */
        if (dengine_outcome(all_errors[i]) == DENGINE_OUTCOME_UNKNOWN) {
            assert_int_equal(dengine_outcome(back), DENGINE_OUTCOME_UNKNOWN);
        }
    }
}

static void test_errors_that_come_back_the_same(void **state)
{
    static const int same[] = {0,
                               DENGINE_E_INVALID,
                               DENGINE_E_BUSY,
                               DENGINE_E_UNKNOWN,
                               DENGINE_E_NOT_LEADER,
                               DENGINE_E_NO_LEADER,
                               DENGINE_E_NO_SPACE,
                               DENGINE_E_NO_LEASE,
                               DENGINE_E_NO_SESSION,
                               DENGINE_E_STALE,
                               DENGINE_E_CORRUPT,
                               DENGINE_E_VERSION};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_int_equal(de_error_of_wire_code(de_wire_code_of_error(same[i], true)), same[i]);
    }
}

static void test_a_number_from_the_future_leaves_the_outcome_open(void **state)
{
    (void)state;
    assert_int_equal(dengine_outcome(de_error_of_wire_code(4711)), DENGINE_OUTCOME_UNKNOWN);
    assert_int_equal(dengine_outcome(de_error_of_wire_code(-1)), DENGINE_OUTCOME_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_of_the_protocol),
        cmocka_unit_test(test_unknown_outcome_survives_the_wire),
        cmocka_unit_test(test_errors_that_come_back_the_same),
        cmocka_unit_test(test_a_number_from_the_future_leaves_the_outcome_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
