#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "benches/histogram.h"
#include "core/base/random.h"

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void test_empty_histogram_has_no_percentile(void **state)
{
    (void)state;
    struct de_histogram histogram;
    de_histogram_init(&histogram);
    assert_int_equal(de_histogram_percentile(&histogram, 500000), 0);
}

static void test_small_values_are_exact(void **state)
{
    (void)state;
    struct de_histogram histogram;
    de_histogram_init(&histogram);
    for (uint64_t value = 1; value <= 50; value++) {
        de_histogram_record(&histogram, value);
    }
    assert_int_equal(de_histogram_percentile(&histogram, 0), 1);
    assert_int_equal(de_histogram_percentile(&histogram, 500000), 25);
    assert_int_equal(de_histogram_percentile(&histogram, 1000000), 50);
}

/* Against a sorted array, over ten orders of magnitude. */
static void test_percentiles_agree_with_sorting(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static uint64_t values[COUNT];
    static const uint32_t wanted[] = {10000, 500000, 900000, 990000, 999000, 1000000};
    struct de_histogram halves[2];
    struct de_random random;
    de_random_init(&random, 7);
    de_histogram_init(&halves[0]);
    de_histogram_init(&halves[1]);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = de_random_next(&random) >> de_random_below(&random, 40);
        de_histogram_record(&halves[i % 2], values[i]);
    }
    de_histogram_merge(&halves[0], &halves[1]);
    assert_int_equal(halves[0].total, COUNT);
    qsort(values, COUNT, sizeof values[0], compare);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        uint64_t rank = ((uint64_t)COUNT * wanted[i] + 999999) / 1000000;
        uint64_t exact = values[rank - 1];
        uint64_t found = de_histogram_percentile(&halves[0], wanted[i]);
        assert_true(found >= exact);
        assert_true(found - exact <= exact / 64);
    }
}

static void test_extremes_are_kept(void **state)
{
    (void)state;
    struct de_histogram histogram;
    de_histogram_init(&histogram);
    de_histogram_record(&histogram, UINT64_MAX);
    de_histogram_record(&histogram, 0);
    assert_int_equal(histogram.min, 0);
    assert_true(histogram.max == UINT64_MAX);
    assert_true(de_histogram_percentile(&histogram, 1000000) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_histogram_has_no_percentile),
        cmocka_unit_test(test_small_values_are_exact),
        cmocka_unit_test(test_percentiles_agree_with_sorting),
        cmocka_unit_test(test_extremes_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
