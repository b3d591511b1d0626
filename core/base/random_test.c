#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/assert.h"
#include "core/base/random.h"

/* The reference sequence of xoshiro256++ from the state 1, 2, 3, 4. */
static void test_xoshiro_vector(void **state)
{
    static const uint64_t expected[] = {
        UINT64_C(41943041),
        UINT64_C(58720359),
        UINT64_C(3588806011781223),
        UINT64_C(3591011842654386),
        UINT64_C(9228616714210784205),
        UINT64_C(9973669472204895162),
        UINT64_C(14011001112246962877),
        UINT64_C(12406186145184390807),
        UINT64_C(15849039046786891736),
        UINT64_C(10450023813501588000),
    };
    struct de_random random = {{1, 2, 3, 4}};

    (void)state;
    for (size_t i = 0; i < DE_ARRAY_SIZE(expected); i++) {
        assert_true(de_random_next(&random) == expected[i]);
    }
}

/* The reference sequence of splitmix64 from seed 0 is the state that seed 0 gives. */
static void test_splitmix_vector(void **state)
{
    static const uint64_t expected[] = {
        UINT64_C(0xe220a8397b1dcdaf),
        UINT64_C(0x6e789e6aa1b965f4),
        UINT64_C(0x06c45d188009454f),
        UINT64_C(0xf88bb8a8724c81ec),
    };
    struct de_random random;

    (void)state;
    de_random_init(&random, 0);
    for (size_t i = 0; i < DE_ARRAY_SIZE(expected); i++) {
        assert_true(random.state[i] == expected[i]);
    }
    assert_true(de_mix64(0) == expected[0]);
}

static void test_same_seed_same_sequence(void **state)
{
    struct de_random a;
    struct de_random b;

    (void)state;
    de_random_init(&a, 42);
    de_random_init(&b, 42);
    for (int i = 0; i < 1000; i++) {
        assert_true(de_random_next(&a) == de_random_next(&b));
    }
}

static void test_near_seeds_differ(void **state)
{
    struct de_random a;
    struct de_random b;
    int equal = 0;

    (void)state;
    de_random_init(&a, 7);
    de_random_init(&b, 8);
    for (int i = 0; i < 1000; i++) {
        equal += de_random_next(&a) == de_random_next(&b);
    }
    assert_int_equal(equal, 0);
}

/* 70 000 draws over 7 values: each count is within 5 standard deviations (5 * 93) of 10 000. */
static void test_below_is_uniform(void **state)
{
    struct de_random random;
    int counts[7] = {0};

    (void)state;
    de_random_init(&random, 1);
    for (int i = 0; i < 70000; i++) {
        counts[de_random_below(&random, 7)]++;
    }
    for (int i = 0; i < 7; i++) {
        assert_in_range(counts[i], 10000 - 465, 10000 + 465);
    }
}

/* With bound 3 * 2^62 a plain modulo would give the first third twice as often as each other. */
static void test_below_has_no_modulo_bias(void **state)
{
    const uint64_t third = UINT64_C(1) << 62;
    struct de_random random;
    int counts[3] = {0};

    (void)state;
    de_random_init(&random, 2);
    for (int i = 0; i < 30000; i++) {
        counts[de_random_below(&random, 3 * third) / third]++;
    }
    for (int i = 0; i < 3; i++) {
        assert_in_range(counts[i], 10000 - 410, 10000 + 410);
    }
}

static void test_below_one_is_zero(void **state)
{
    struct de_random random;

    (void)state;
    de_random_init(&random, 3);
    for (int i = 0; i < 100; i++) {
        assert_true(de_random_below(&random, 1) == 0);
    }
}

static void test_between_reaches_both_ends(void **state)
{
    struct de_random random;
    int seen[4] = {0};

    (void)state;
    de_random_init(&random, 4);
    for (int i = 0; i < 1000; i++) {
        const uint64_t value = de_random_between(&random, 10, 13);

        assert_in_range(value, 10, 13);
        seen[value - 10]++;
    }
    for (int i = 0; i < 4; i++) {
        assert_true(seen[i] > 0);
    }
    assert_true(de_random_between(&random, 5, 5) == 5);
    assert_true(de_random_between(&random, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
}

static void test_between_takes_the_whole_range(void **state)
{
    struct de_random a;
    struct de_random b;

    (void)state;
    de_random_init(&a, 5);
    b = a;
    assert_true(de_random_between(&a, 0, UINT64_MAX) == de_random_next(&b));
}

/* A flipped input bit flips about half of the output: 32 on average, never fewer than 12. */
static void test_mix_spreads_every_bit(void **state)
{
    (void)state;
    for (uint64_t x = 0; x < 16; x++) {
        for (int bit = 0; bit < 64; bit++) {
            const uint64_t other = x ^ UINT64_C(1) << bit;
            uint64_t difference = de_mix64(x) ^ de_mix64(other);
            int flipped = 0;

            for (; difference != 0; difference &= difference - 1) {
                flipped++;
            }
            assert_in_range(flipped, 12, 52);
        }
    }
}

static void test_wrong_bounds_are_a_bug(void **state)
{
    struct de_random random;

    (void)state;
    de_random_init(&random, 6);
    expect_assert_failure((void)de_random_below(&random, 0));
    expect_assert_failure((void)de_random_between(&random, 2, 1));
}

static void test_unseeded_state_is_a_bug(void **state)
{
    struct de_random random = {{0, 0, 0, 0}};

    (void)state;
    expect_assert_failure((void)de_random_next(&random));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xoshiro_vector),
        cmocka_unit_test(test_splitmix_vector),
        cmocka_unit_test(test_same_seed_same_sequence),
        cmocka_unit_test(test_near_seeds_differ),
        cmocka_unit_test(test_below_is_uniform),
        cmocka_unit_test(test_below_has_no_modulo_bias),
        cmocka_unit_test(test_below_one_is_zero),
        cmocka_unit_test(test_between_reaches_both_ends),
        cmocka_unit_test(test_between_takes_the_whole_range),
        cmocka_unit_test(test_mix_spreads_every_bit),
        cmocka_unit_test(test_wrong_bounds_are_a_bug),
        cmocka_unit_test(test_unseeded_state_is_a_bug),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
