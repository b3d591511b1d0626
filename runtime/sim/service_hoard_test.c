/* What looks at a lease with hundreds of keys may show, and what not. */
#include "runtime/sim/service_hoard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define OWNER 28u
#define LEASE 7u

/* All keys were put. */
static struct de_hoard a_full_hoard(void)
{
    uint8_t bytes[DE_HOARD_LIST_BYTES];
    struct de_hoard hoard;
    struct de_dice dice;

    de_dice_init(&dice, 1, DE_DICE_SERVICE, 0);
    de_hoard_begin(&hoard, LEASE, &dice);
    while (hoard.sure < hoard.wanted) {
        struct de_kv_command command = {.type = 0};

        de_hoard_put(&hoard, OWNER, &command, bytes);
        de_hoard_was_put(&hoard);
    }
    return hoard;
}

static struct de_lease_look a_look(uint64_t keys, bool ending)
{
    const struct de_lease_look look = {
        .found = true, .ending = ending, .keys = keys, .listed = keys, .held = keys};

    return look;
}

static void more_keys_than_end_at_once_are_put_in_parts(void **state)
{
    const struct de_hoard hoard = a_full_hoard();

    (void)state;
    assert_int_equal(hoard.sure, hoard.wanted);
    assert_true(hoard.wanted > DE_KV_EXPIRE_KEYS_MAX);
}

static void the_longest_transaction_fits_the_shortest_batch(void **state)
{
    struct de_hoard hoard = {.lease = 999, .wanted = DE_HOARD_KEYS_MAX}; /* ids are small */
    struct de_kv_command command = {.type = 0};
    uint8_t bytes[DE_HOARD_LIST_BYTES];

    (void)state;
    hoard.sure = DE_HOARD_KEYS_MAX - DE_HOARD_KEYS_AT_ONCE;
    de_hoard_put(&hoard, OWNER, &command, bytes);
    command.session = hoard.lease;
    command.sequence = 1;
    assert_int_equal(command.then_ops.count, DE_HOARD_KEYS_AT_ONCE);
    assert_true(de_kv_command_size(&command) < 4096);
}

static void keys_go_in_steps_and_then_the_lease(void **state)
{
    struct de_hoard hoard = a_full_hoard();
    struct de_lease_look look = a_look(hoard.sure, false);

    (void)state;
    assert_null(de_hoard_look(&hoard, &look));
    look = a_look(hoard.sure - DE_KV_EXPIRE_KEYS_MAX, true);
    assert_null(de_hoard_look(&hoard, &look));
    assert_null(de_hoard_look(&hoard, &look));
    look = (struct de_lease_look){.found = false};
    assert_null(de_hoard_look(&hoard, &look));
    assert_int_equal(hoard.lease, 0);
}

static void a_key_that_is_gone_while_the_lease_lives_is_seen(void **state)
{
    struct de_hoard hoard = a_full_hoard();
    const struct de_lease_look look = a_look(hoard.sure - 1u, false);

    (void)state;
    assert_non_null(de_hoard_look(&hoard, &look));
}

static void a_key_that_comes_back_is_seen(void **state)
{
    struct de_hoard hoard = a_full_hoard();
    struct de_lease_look look = a_look(10, true);

    (void)state;
    assert_null(de_hoard_look(&hoard, &look));
    look = a_look(11, true);
    assert_non_null(de_hoard_look(&hoard, &look));
}

static void a_lease_that_lives_again_is_seen(void **state)
{
    struct de_hoard hoard = a_full_hoard();
    struct de_lease_look look = a_look(10, true);

    (void)state;
    assert_null(de_hoard_look(&hoard, &look));
    look = a_look(hoard.sure, false);
    assert_non_null(de_hoard_look(&hoard, &look));
}

static void keys_without_their_lease_are_seen(void **state)
{
    struct de_hoard hoard = a_full_hoard();
    struct de_lease_look look = {.found = false, .held = 1};

    (void)state;
    assert_non_null(de_hoard_look(&hoard, &look));
    hoard = a_full_hoard();
    look = a_look(hoard.sure, false);
    look.held++;
    assert_non_null(de_hoard_look(&hoard, &look));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_keys_than_end_at_once_are_put_in_parts),
        cmocka_unit_test(the_longest_transaction_fits_the_shortest_batch),
        cmocka_unit_test(keys_go_in_steps_and_then_the_lease),
        cmocka_unit_test(a_key_that_is_gone_while_the_lease_lives_is_seen),
        cmocka_unit_test(a_key_that_comes_back_is_seen),
        cmocka_unit_test(a_lease_that_lives_again_is_seen),
        cmocka_unit_test(keys_without_their_lease_are_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
