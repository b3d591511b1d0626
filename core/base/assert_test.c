#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/assert.h"

static void test_true_does_nothing(void **state)
{
    (void)state;
    DE_ASSERT(1 + 1 == 2);
    DE_ASSERT_IMPLIES(1 == 1, 2 == 2);
    DE_ASSERT_IMPLIES(1 == 2, 2 == 3);
    DE_ASSERT_IMPLIES(1 == 2, 2 == 2);
}

static void test_false_calls_the_hook(void **state)
{
    (void)state;
    expect_assert_failure(DE_ASSERT(1 + 1 == 3));
    expect_assert_failure(DE_ASSERT_IMPLIES(1 == 1, 2 == 3));
    expect_assert_failure(DE_UNREACHABLE("for the test"));
}

static void test_expression_is_evaluated_once(void **state)
{
    int count = 0;

    (void)state;
    DE_ASSERT(++count == 1);
    assert_int_equal(count, 1);
}

struct outer {
    int first;
    uint64_t member;
};

static void test_container_of_finds_the_struct(void **state)
{
    struct outer outer = {1, 2};

    (void)state;
    assert_ptr_equal(DE_CONTAINER_OF(&outer.member, struct outer, member), &outer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_true_does_nothing),
        cmocka_unit_test(test_false_calls_the_hook),
        cmocka_unit_test(test_expression_is_evaluated_once),
        cmocka_unit_test(test_container_of_finds_the_struct),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
