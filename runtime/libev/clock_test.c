/* The clock of a machine that has slept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/libev/clock.h"

#define SECOND UINT64_C(1000000000)

static time_t slept_s;

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    const int err = __real_clock_gettime(clock, now);

    now->tv_sec += clock == CLOCK_BOOTTIME ? slept_s : 0;
    return err;
}

/* Or a lease from before would still run. */
static void sleep_counts(void **state)
{
    const uint64_t before_ns = de_clock_now_ns();

    (void)state;
    slept_s = 3600;
    assert_true(de_clock_now_ns() >= before_ns + 3600 * SECOND);
    slept_s = 0;
}

static void a_wait_is_as_long_as_there_is_left(void **state)
{
    struct timespec before;
    struct timespec until;

    (void)state;
    slept_s = 3600;
    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    until = de_clock_wait_until(de_clock_now_ns() + 500 * SECOND);
    assert_true(until.tv_sec >= before.tv_sec + 499);
    assert_true(until.tv_sec < before.tv_sec + 3600);
    until = de_clock_wait_until(1);
    assert_true(until.tv_sec < before.tv_sec + 500);
    slept_s = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleep_counts),
        cmocka_unit_test(a_wait_is_as_long_as_there_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
