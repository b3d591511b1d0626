#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dengine/error.h>

#include "client/policy/keep.h"
#include "client/policy/turn.h"

#define MS UINT64_C(1000000)

static struct de_place_key key(uint64_t lease, uint64_t joined, uint64_t version)
{
    struct de_place_key made = {.place = {.joined = joined},
                                .version = version,
                                .revision = joined + version - 1,
                                .lease = lease};

    de_place_digits(lease, made.place.digits);
    return made;
}

static void enter(struct de_turn *turn, uint64_t lease, uint64_t joined)
{
    const struct de_turn_put put = {.succeeded = true, .revision = joined};
    const struct de_place_key own = key(lease, joined, 1);

    de_turn_init(turn);
    de_turn_join(turn);
    de_turn_begin(turn, true);
    assert_int_equal(turn->step, DE_TURN_ENTER);
    assert_int_equal(de_turn_entered(turn, &put, own.place.digits), 0);
    assert_int_equal(turn->step, DE_TURN_LOOK);
}

/* A look at a queue of these leases, each of which has joined at its own number, but for `gone`. */
static int look(struct de_turn *turn, uint64_t seen, const uint64_t *leases, size_t count,
                uint64_t gone)
{
    struct de_look all = {.own = turn->place};

    assert_int_equal(de_look_page(&all, seen), 0);
    for (size_t i = 0; i < count; i++) {
        const struct de_place_key one = key(leases[i], leases[i], 1);

        if (leases[i] != gone) {
            (void)de_look_key(&all, &one);
        }
    }
    return de_turn_looked(turn, &all);
}

static void
test_the_last_before_us_is_waited_for_and_all_are_looked_at_when_it_is_gone(void **state)
{
    const uint64_t leases[] = {5, 9, 7, 6};
    struct de_turn turn;

    (void)state;
    enter(&turn, 7, 7);
    assert_int_equal(look(&turn, 20, leases, 4, 0), 0);
    assert_int_equal(turn.step, DE_TURN_REST);
    assert_int_equal(turn.before.joined, 6);
    de_turn_begin(&turn, true);
    assert_int_equal(turn.step, DE_TURN_LOOK_BEFORE);
    de_turn_looked_before(&turn, true);
    assert_int_equal(turn.step, DE_TURN_REST);
    de_turn_begin(&turn, true);
    de_turn_looked_before(&turn, false);
    assert_int_equal(turn.step, DE_TURN_LOOK);
    assert_int_equal(look(&turn, 21, leases, 4, 6), 0);
    assert_int_equal(turn.step, DE_TURN_REST); /* 5 is still there */
    assert_int_equal(turn.before.joined, 5);
}

static void test_who_may_have_no_lease_any_more_looks_at_its_own_place_first(void **state)
{
    const uint64_t leases[] = {5, 7};
    struct de_turn turn;

    (void)state;
    enter(&turn, 7, 7);
    assert_int_equal(look(&turn, 20, leases, 2, 0), 0);
    de_turn_begin(&turn, false);
    assert_int_equal(turn.step, DE_TURN_LOOK);
    assert_int_equal(look(&turn, 21, leases, 2, 7), DENGINE_E_NO_LEASE);
}

static void test_the_token_is_that_of_the_office_and_not_of_the_place(void **state)
{
    const struct de_turn_put put = {.succeeded = true, .revision = 30};
    const struct de_turn_put late = {.found = 9};
    const uint64_t leases[] = {7, 9};
    struct de_turn turn;

    (void)state;
    enter(&turn, 7, 7);
    assert_int_equal(look(&turn, 20, leases, 2, 0), 0);
    assert_int_equal(turn.step, DE_TURN_TAKE_OFFICE);
    assert_int_equal(de_turn_guard(&turn), UINT64_MAX);
    assert_int_equal(de_turn_took_office(&turn, &put, false), DENGINE_E_TIMEOUT);
    assert_int_equal(turn.token, 0);
    de_turn_begin(&turn, true);
    assert_int_equal(look(&turn, 20, leases, 2, 0), 0);
    assert_int_equal(de_turn_took_office(&turn, &put, true), 0);
    assert_int_equal(turn.step, DE_TURN_FIRST);
    assert_int_equal(turn.token, 30);
    assert_int_equal(de_turn_guard(&turn), 7);
    assert_true(de_turn_leads(&turn, true));
    assert_false(de_turn_leads(&turn, false));
    assert_true(de_turn_lose(&turn));
    assert_false(de_turn_lose(&turn));
    assert_false(de_turn_leads(&turn, true)); /* also when the lease was renewed meanwhile */
    assert_int_equal(de_turn_leave(&turn, true), DE_TURN_DELETE);
    enter(&turn, 9, 9);
    assert_int_equal(look(&turn, 40, leases, 2, 7), 0);
    assert_int_equal(de_turn_took_office(&turn, &late, true), DENGINE_E_NO_LEASE);
}

static void test_who_left_a_put_open_leaves_by_ending_its_lease(void **state)
{
    const struct de_turn_put open = {.err = DENGINE_E_UNKNOWN};
    const struct de_turn_put found = {.found = 12};
    const struct de_place_key own = key(7, 12, 1);
    struct de_turn turn;

    (void)state;
    de_turn_init(&turn);
    assert_int_equal(de_turn_leave(&turn, true), DE_TURN_STAYS_OUT);
    de_turn_join(&turn);
    de_turn_begin(&turn, true);
    assert_int_equal(de_turn_entered(&turn, &open, own.place.digits), DENGINE_E_UNKNOWN);
    assert_true(de_turn_passes(DENGINE_E_UNKNOWN));
    assert_int_equal(turn.step, DE_TURN_REST);
    de_turn_begin(&turn, true);
    assert_int_equal(turn.step, DE_TURN_ENTER);
    assert_int_equal(de_turn_entered(&turn, &found, own.place.digits), 0);
    assert_int_equal(turn.place.joined, 12);
    assert_int_equal(de_turn_leave(&turn, true), DE_TURN_END_LEASE);
    de_turn_lease_ended(&turn);
    assert_int_equal(de_turn_leave(&turn, true), DE_TURN_STAYS_OUT);
    assert_int_equal(de_turn_leave(&turn, false), DE_TURN_END_LEASE);
}

static void test_two_of_one_entry_stand_in_the_order_of_their_keys(void **state)
{
    const struct de_place_key small = key(0x0f, 8, 1);
    const struct de_place_key large = key(0x10, 8, 2);
    struct de_look all = {.own = large.place};

    (void)state;
    assert_true(de_place_is_before(&small.place, &large.place));
    assert_false(de_place_is_before(&large.place, &small.place));
    assert_int_equal(de_look_page(&all, 7), DENGINE_E_UNAVAILABLE); /* of before we joined */
    assert_int_equal(de_look_page(&all, 9), 0);
    assert_true(de_look_key(&all, &large));
    assert_int_equal(de_look_leader(&all), large.revision);
    assert_true(de_look_key(&all, &small));
    assert_int_equal(de_look_leader(&all), 0); /* it does not know yet */
    assert_true(all.there);
    assert_int_equal(all.before.joined, 8);
    assert_int_equal(all.seen, 9);
}

static void test_a_lease_is_certain_from_before_the_call_that_renewed_it(void **state)
{
    struct de_keep keep;
    uint64_t until_ns;

    (void)state;
    de_keep_init(&keep, 3000 * MS, 100 * MS, 150 * MS);
    assert_int_equal(keep.sure_until_ns, (100 + 2970) * MS);
    assert_int_equal(de_keep_next(&keep, 150 * MS, &until_ns), DE_KEEP_WAIT);
    assert_int_equal(until_ns, 1150 * MS);
    assert_int_equal(de_keep_next(&keep, 1150 * MS, &until_ns), DE_KEEP_RENEW);
    assert_int_equal(de_keep_patience_ms(&keep, 1150 * MS), 1001);
    assert_int_equal(de_keep_patience_ms(&keep, 3000 * MS), 71); /* to notice the end in time */
    de_keep_renewed(&keep, DENGINE_E_UNAVAILABLE, 1150 * MS, 2150 * MS);
    assert_int_equal(de_keep_next(&keep, 2150 * MS, &until_ns), DE_KEEP_WAIT);
    assert_int_equal(until_ns, 2275 * MS);
    assert_int_equal(de_keep_next(&keep, 3070 * MS, &until_ns), DE_KEEP_TELL);
    de_keep_told(&keep);
    assert_int_equal(de_keep_next(&keep, 3070 * MS, &until_ns), DE_KEEP_RENEW);
    assert_int_equal(de_keep_left_ns(&keep, 3070 * MS), 0);
    de_keep_renewed(&keep, 0, 3070 * MS, 3500 * MS);
    assert_int_equal(de_keep_left_ns(&keep, 3500 * MS), 2540 * MS);
    assert_int_equal(de_keep_next(&keep, 3500 * MS, &until_ns), DE_KEEP_WAIT);
    de_keep_renewed(&keep, DENGINE_E_NO_LEASE, 4500 * MS, 4501 * MS);
    assert_int_equal(de_keep_left_ns(&keep, 4501 * MS), 0);
    assert_int_equal(de_keep_next(&keep, 4501 * MS, &until_ns), DE_KEEP_TELL);
    de_keep_told(&keep);
    assert_int_equal(de_keep_next(&keep, 4501 * MS, &until_ns), DE_KEEP_OVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_the_last_before_us_is_waited_for_and_all_are_looked_at_when_it_is_gone),
        cmocka_unit_test(test_who_may_have_no_lease_any_more_looks_at_its_own_place_first),
        cmocka_unit_test(test_the_token_is_that_of_the_office_and_not_of_the_place),
        cmocka_unit_test(test_who_left_a_put_open_leaves_by_ending_its_lease),
        cmocka_unit_test(test_two_of_one_entry_stand_in_the_order_of_their_keys),
        cmocka_unit_test(test_a_lease_is_certain_from_before_the_call_that_renewed_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
