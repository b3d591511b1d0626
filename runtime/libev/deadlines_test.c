/* The timing wheel against plain arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "runtime/libev/deadlines.h"

#define SECOND 1000000000ull

static void a_deadline_is_due_when_its_time_has_come(void **state)
{
    struct de_deadlines wheel;
    struct de_deadline one = {0};

    (void)state;
    de_deadlines_init(&wheel, 10 * SECOND);
    de_deadlines_add(&wheel, &one, 11 * SECOND);
    assert_null(de_deadlines_expire(&wheel, 11 * SECOND - 1));
    assert_ptr_equal(de_deadlines_expire(&wheel, 11 * SECOND), &one);
    assert_null(de_deadlines_expire(&wheel, 12 * SECOND));
    assert_int_equal(de_deadlines_next_ns(&wheel), UINT64_MAX);
}

static void a_time_that_has_passed_is_due_at_once(void **state)
{
    struct de_deadlines wheel;
    struct de_deadline one = {0};

    (void)state;
    de_deadlines_init(&wheel, 10 * SECOND);
    assert_null(de_deadlines_expire(&wheel, 20 * SECOND));
    de_deadlines_add(&wheel, &one, 5 * SECOND);
    assert_ptr_equal(de_deadlines_expire(&wheel, 20 * SECOND), &one);
}

static void a_removed_deadline_is_never_due(void **state)
{
    struct de_deadlines wheel;
    struct de_deadline one = {0};

    (void)state;
    de_deadlines_init(&wheel, 0);
    de_deadlines_add(&wheel, &one, SECOND);
    de_deadlines_remove(&wheel, &one);
    de_deadlines_remove(&wheel, &one);
    assert_null(de_deadlines_expire(&wheel, 2 * SECOND));
}

/* Random deadlines up to five turns of the wheel away, with a clock that jumps: each comes out at
 * the first look after its time, and looking only when told to is early enough to a tick. */
static void random_deadlines_come_out_in_time(void **state)
{
    enum { COUNT = 2000 };
    static struct de_deadline all[COUNT];
    struct de_deadlines wheel;
    struct de_random random;
    uint64_t now = 77 * SECOND;
    uint64_t last_due = 0;
    uint32_t left = COUNT;
    uint32_t i;

    (void)state;
    de_random_init(&random, 1);
    de_deadlines_init(&wheel, now);
    for (i = 0; i < COUNT; i++) {
        uint64_t at = now + de_random_below(&random, 5 * SECOND);

        de_deadlines_add(&wheel, &all[i], at);
        last_due = at > last_due ? at : last_due;
    }
    while (left > 0) {
        struct de_deadline *due;

        now = de_random_below(&random, 2) == 0 ? de_deadlines_next_ns(&wheel)
                                               : now + de_random_below(&random, SECOND / 3);
        while ((due = de_deadlines_expire(&wheel, now)) != NULL) {
            assert_true(due->at_ns <= now);
            left--;
        }
        for (i = 0; i < COUNT; i++) {
            assert_true(all[i].previous == NULL || all[i].at_ns > now);
        }
    }
    assert_true(now < last_due + SECOND);
    assert_int_equal(wheel.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_is_due_when_its_time_has_come),
        cmocka_unit_test(a_time_that_has_passed_is_due_at_once),
        cmocka_unit_test(a_removed_deadline_is_never_due),
        cmocka_unit_test(random_deadlines_come_out_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
