/* When clients begin their operations, with all that a schedule file can say. */
#include "runtime/sim/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CLIENT  16u
#define HEAL_NS 20000u

static struct de_load a_load(void)
{
    struct de_load load;

    de_load_init(&load);
    load.heal_ns = HEAL_NS;
    return load;
}

static void nothing_said_is_no_bound(void **state)
{
    struct de_load load = a_load();

    (void)state;
    for (uint64_t at = 0; at < 2 * HEAL_NS; at += 7) {
        assert_int_equal(de_load_next_ns(&load, CLIENT, at, 5), at);
    }
}

static void before_and_after_its_time_a_client_waits(void **state)
{
    struct de_load load = a_load();

    (void)state;
    load.from_ns = 6400;
    load.until_ns = 12800;
    assert_int_equal(de_load_next_ns(&load, CLIENT, 100, 3), 6403);
    assert_int_equal(de_load_next_ns(&load, CLIENT, 6400, 3), 6400);
    assert_int_equal(de_load_next_ns(&load, CLIENT, 12799, 3), 12799);
    assert_int_equal(de_load_next_ns(&load, CLIENT, 12800, 3), HEAL_NS + 3);
    assert_int_equal(de_load_next_ns(&load, CLIENT, HEAL_NS + 1, 3), HEAL_NS + 1);
}

static void no_time_at_all_is_none_until_the_healing(void **state)
{
    struct de_load load = a_load();

    (void)state;
    load.from_ns = 9000;
    load.until_ns = 9000;
    assert_int_equal(de_load_next_ns(&load, CLIENT, 100, 3), HEAL_NS + 3);
    assert_int_equal(de_load_next_ns(&load, CLIENT, 9000, 3), HEAL_NS + 3);
}

static void a_closed_slot_is_waited_for(void **state)
{
    struct de_load load = a_load();

    (void)state;
    load.until_ns = 6399; /* slots of 100 ns */
    load.slots = UINT64_C(1) << 3 | UINT64_C(1) << 9;
    assert_int_equal(de_load_next_ns(&load, CLIENT, 0, 5), 305);
    assert_int_equal(de_load_next_ns(&load, CLIENT, 350, 5), 350);
    assert_int_equal(de_load_next_ns(&load, CLIENT, 400, 5), 905);
    assert_int_equal(de_load_next_ns(&load, CLIENT, 1000, 5), HEAL_NS + 5);
    /* Who thinks longer than a slot lasts misses it. */
    assert_int_equal(de_load_next_ns(&load, CLIENT, 0, 150), HEAL_NS + 150);
}

static void a_client_that_is_left_out_waits_for_the_healing(void **state)
{
    struct de_load load = a_load();

    (void)state;
    load.clients &= ~(UINT64_C(1) << CLIENT);
    assert_int_equal(de_load_next_ns(&load, CLIENT, 100, 5), HEAL_NS + 5);
    assert_int_equal(de_load_next_ns(&load, CLIENT, HEAL_NS, 5), HEAL_NS);
    assert_int_equal(de_load_next_ns(&load, CLIENT + 1, 100, 5), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said_is_no_bound),
        cmocka_unit_test(before_and_after_its_time_a_client_waits),
        cmocka_unit_test(no_time_at_all_is_none_until_the_healing),
        cmocka_unit_test(a_closed_slot_is_waited_for),
        cmocka_unit_test(a_client_that_is_left_out_waits_for_the_healing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
