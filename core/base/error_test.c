#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <dengine/error.h>

#include "core/base/assert.h"

struct row {
    int value;
    const char *name;
    const char *text;
};

static const struct row rows[] = {
#define ROW(name, value, text) {value, "DENGINE_E_" #name, text},
    DENGINE_ERROR_MAP(ROW)
#undef ROW
};

static void test_every_code_has_its_name_and_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < DE_ARRAY_SIZE(rows); i++) {
        assert_string_equal(dengine_error_name(rows[i].value), rows[i].name);
        assert_string_equal(dengine_strerror(rows[i].value), rows[i].text);
    }
    assert_string_equal(dengine_error_name(0), "DENGINE_OK");
    assert_string_equal(dengine_strerror(0), "ok");
}

/* Codes are part of the interface: consecutive from -1, so none is used twice. */
static void test_codes_are_consecutive(void **state)
{
    (void)state;
    for (size_t i = 0; i < DE_ARRAY_SIZE(rows); i++) {
        assert_int_equal(rows[i].value, -1 - (int)i);
    }
}

static void test_foreign_codes_are_unknown(void **state)
{
    (void)state;
    assert_string_equal(dengine_strerror(1), "unknown error code");
    assert_string_equal(dengine_strerror(-1000), "unknown error code");
    assert_string_equal(dengine_error_name(-1000), "unknown");
}

/* The list is spelled out: a code may only move here by decision. */
static void test_outcomes(void **state)
{
    static const int open[] = {DENGINE_E_UNKNOWN,  DENGINE_E_HALTED,   DENGINE_E_IO,
                               DENGINE_E_PROTOCOL, DENGINE_E_INTERNAL, DENGINE_E_STALE};

    (void)state;
    assert_int_equal(dengine_outcome(0), DENGINE_DONE);
    assert_int_equal(dengine_outcome(1), DENGINE_OUTCOME_UNKNOWN);
    assert_int_equal(dengine_outcome(-1000), DENGINE_OUTCOME_UNKNOWN);
    for (size_t i = 0; i < DE_ARRAY_SIZE(rows); i++) {
        enum dengine_outcome expected = DENGINE_NOT_DONE;

        for (size_t j = 0; j < DE_ARRAY_SIZE(open); j++) {
            if (rows[i].value == open[j]) {
                expected = DENGINE_OUTCOME_UNKNOWN;
            }
        }
        assert_int_equal(dengine_outcome(rows[i].value), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_its_name_and_text),
        cmocka_unit_test(test_codes_are_consecutive),
        cmocka_unit_test(test_foreign_codes_are_unknown),
        cmocka_unit_test(test_outcomes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
