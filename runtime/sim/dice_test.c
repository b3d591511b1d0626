#include "runtime/sim/dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "runtime/sim/mix.h"

static void test_the_inline_mix_is_the_one_of_core(void **state)
{
    (void)state;
    for (uint64_t x = 0; x < 1000; x++) {
        assert_int_equal(de_sim_mix(x * x * x), de_mix64(x * x * x));
    }
}

static void test_a_draw_depends_on_its_address_only(void **state)
{
    struct de_dice first;
    struct de_dice second;
    uint64_t expected[8];

    (void)state;
    de_dice_init(&first, 7, DE_DICE_NETWORK, 42);
    for (int i = 0; i < 8; i++) {
        expected[i] = de_dice_next(&first);
    }
    /* Draws of others in between, and left out again, change nothing. */
    de_dice_init(&second, 7, DE_DICE_NETWORK, 42);
    for (int i = 0; i < 8; i++) {
        struct de_dice other;

        de_dice_init(&other, 7, DE_DICE_NETWORK, 43 + (uint64_t)i);
        (void)de_dice_next(&other);
        assert_int_equal(de_dice_next(&second), expected[i]);
    }
    assert_int_equal(de_dice_draw(7, DE_DICE_NETWORK, 42, 3), expected[3]);
}

static void test_every_coordinate_counts(void **state)
{
    uint64_t reference = de_dice_draw(1, DE_DICE_DISK, 2, 3);

    (void)state;
    assert_int_not_equal(reference, de_dice_draw(2, DE_DICE_DISK, 2, 3));
    assert_int_not_equal(reference, de_dice_draw(1, DE_DICE_HOST, 2, 3));
    assert_int_not_equal(reference, de_dice_draw(1, DE_DICE_DISK, 3, 3));
    assert_int_not_equal(reference, de_dice_draw(1, DE_DICE_DISK, 2, 4));
}

static void test_below_reaches_all_and_nothing_else(void **state)
{
    struct de_dice dice;
    unsigned seen[10] = {0};

    (void)state;
    de_dice_init(&dice, 1, DE_DICE_CLUSTER, 0);
    for (int i = 0; i < 10000; i++) {
        uint64_t value = de_dice_below(&dice, 10);

        assert_true(value < 10);
        seen[value]++;
    }
    for (int i = 0; i < 10; i++) {
        assert_in_range(seen[i], 850, 1150);
    }
}

static void test_exponential_has_its_mean_and_a_tail(void **state)
{
    struct de_dice dice;
    uint64_t sum = 0;
    unsigned long_ones = 0;

    (void)state;
    de_dice_init(&dice, 1, DE_DICE_HOST, 0);
    for (int i = 0; i < 100000; i++) {
        uint64_t value = de_dice_exponential(&dice, 1000000);

        sum += value;
        long_ones += value > 3000000 ? 1 : 0;
    }
    assert_in_range(sum / 100000, 950000, 1100000);
    assert_in_range(long_ones, 4000, 6500); /* e^-3 of them is 4979 */
}

static void test_chance_zero_and_certainty(void **state)
{
    struct de_dice dice;

    (void)state;
    de_dice_init(&dice, 1, DE_DICE_HOST, 0);
    for (int i = 0; i < 1000; i++) {
        assert_false(de_dice_chance(&dice, 0));
        assert_true(de_dice_chance(&dice, DE_DICE_CERTAIN_PPM));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_inline_mix_is_the_one_of_core),
        cmocka_unit_test(test_a_draw_depends_on_its_address_only),
        cmocka_unit_test(test_every_coordinate_counts),
        cmocka_unit_test(test_below_reaches_all_and_nothing_else),
        cmocka_unit_test(test_exponential_has_its_mean_and_a_tail),
        cmocka_unit_test(test_chance_zero_and_certainty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
