/* Leases end when they may and not before; and their ends explain histories, but only in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/sim/check/check.h"
#include "runtime/sim/check/lease_check.h"

#define S   UINT64_C(1000000000)
#define PPM 100000 /* ten percent */

struct leases {
    struct de_lease_check check;
    struct de_finding finding;
};

/* Lease 1, ten seconds, granted from 1 s to 2 s. */
static void begin(struct leases *leases)
{
    de_finding_init(&leases->finding);
    de_lease_check_init(&leases->check, PPM);
    de_lease_check_granted(&leases->check, 1, 10 * S, 1 * S, 2 * S);
}

static bool told(struct leases *leases, enum de_lease_word word, bool renews, uint64_t call_ns,
                 uint64_t return_ns)
{
    return de_lease_check_told(&leases->check, 1, word, renews, call_ns, return_ns, true,
                               &leases->finding);
}

static void end(struct leases *leases, const char *rule)
{
    assert_string_equal(leases->finding.rule, rule);
    de_lease_check_deinit(&leases->check);
}

static void test_bounds_are_those_of_the_clocks(void **state)
{
    (void)state;
    assert_int_equal(de_lease_certain_until(5, 1100, 100000), 5 + 1000);
    assert_int_equal(de_lease_certain_until(5, 1101, 100000), 5 + 1000);
    assert_int_equal(de_lease_certain_until(5, 1000, 0), 5 + 1000);
    assert_int_equal(de_lease_over_by(5, 1000, 100000), 5 + 1100);
    assert_int_equal(de_lease_over_by(5, 1001, 100000), 5 + 1102);
    /* A century, which would not fit the product. */
    uint64_t century = UINT64_C(3155760000) * S;
    assert_true(de_lease_certain_until(0, century, 500) < century);
    assert_true(de_lease_certain_until(0, century, 500) > century - century / 1999);
    assert_true(de_lease_over_by(0, century, 500) > century);
}

static void test_lives_at_least_as_long_as_it_surely_must(void **state)
{
    struct leases leases;
    (void)state;
    begin(&leases);
    uint64_t until = de_lease_check_certain_until(&leases.check, 1);
    assert_int_equal(until, 1 * S + 10 * S * 10 / 11);
    assert_int_equal(de_lease_check_certain_until(&leases.check, 2), 0);
    assert_true(told(&leases, DE_LEASE_GONE, false, 9 * S, until));
    end(&leases, "");
    begin(&leases);
    assert_false(told(&leases, DE_LEASE_GONE, false, 9 * S, until - 1));
    end(&leases, "lease-early");
    begin(&leases); /* clocks that break the promise excuse it */
    assert_true(de_lease_check_told(&leases.check, 1, DE_LEASE_GONE, false, 5 * S, 6 * S, false,
                                    &leases.finding));
    end(&leases, "");
}

static void test_renewals_that_surely_happened_count_from_their_call(void **state)
{
    struct leases leases;
    (void)state;
    begin(&leases);
    assert_true(told(&leases, DE_LEASE_ALIVE, true, 5 * S, 9 * S));
    assert_int_equal(de_lease_check_certain_until(&leases.check, 1), 5 * S + 10 * S * 10 / 11);
    assert_true(
        told(&leases, DE_LEASE_ALIVE, true, 4 * S, 10 * S)); /* an older one changes nothing */
    assert_true(told(&leases, DE_LEASE_ALIVE, false, 8 * S, 9 * S)); /* nor does a question */
    assert_int_equal(de_lease_check_certain_until(&leases.check, 1), 5 * S + 10 * S * 10 / 11);
    assert_false(told(&leases, DE_LEASE_GONE, false, 11 * S, 12 * S));
    end(&leases, "lease-early");
}

static void test_revoked_leases_may_be_gone_from_the_call_on(void **state)
{
    struct leases leases;
    (void)state;
    begin(&leases);
    de_lease_check_revoking(&leases.check, 1, 5 * S);
    de_lease_check_revoking(&leases.check, 1, 7 * S);
    assert_int_equal(de_lease_check_certain_until(&leases.check, 1), 5 * S);
    assert_true(told(&leases, DE_LEASE_GONE, false, 5 * S, 6 * S));
    end(&leases, "");
    begin(&leases);
    de_lease_check_revoking(&leases.check, 1, 5 * S);
    assert_false(told(&leases, DE_LEASE_GONE, false, 3 * S, 4 * S));
    end(&leases, "lease-early");
}

static void test_no_lease_comes_back(void **state)
{
    struct leases leases;
    (void)state;
    begin(&leases);
    assert_true(told(&leases, DE_LEASE_GONE, false, 12 * S, 13 * S));
    assert_true(
        told(&leases, DE_LEASE_ALIVE, true, 12 * S, 14 * S)); /* called before that answer */
    assert_true(told(&leases, DE_LEASE_ALIVE, false, 13 * S, 14 * S)); /* at the very moment */
    assert_false(told(&leases, DE_LEASE_ALIVE, true, 13 * S + 1, 14 * S));
    end(&leases, "lease-resurrected");
    begin(&leases);
    assert_true(told(&leases, DE_LEASE_GONE, false, 12 * S, 15 * S));
    assert_true(told(&leases, DE_LEASE_GONE, false, 12 * S, 13 * S)); /* the earlier one counts */
    assert_false(told(&leases, DE_LEASE_ALIVE, false, 14 * S, 16 * S));
    end(&leases, "lease-resurrected");
}

static void test_no_lease_is_immortal(void **state)
{
    struct leases leases;
    struct de_finding *finding = &leases.finding;
    (void)state;
    begin(&leases);
    /* Renewed until 4 s, quiet since 3 s: eleven seconds, and one of slack. */
    assert_true(told(&leases, DE_LEASE_ALIVE, true, 3 * S, 4 * S));
    assert_true(de_lease_check_rest(&leases.check, 1, true, 3 * S, S, 16 * S, true, finding));
    assert_true(de_lease_check_rest(&leases.check, 1, false, 3 * S, S, 30 * S, true, finding));
    assert_true(de_lease_check_rest(&leases.check, 1, true, 20 * S, S, 30 * S, true, finding));
    assert_true(de_lease_check_rest(&leases.check, 1, true, 3 * S, S, 17 * S, false, finding));
    assert_false(de_lease_check_rest(&leases.check, 1, true, 3 * S, S, 16 * S + 1, true, finding));
    end(&leases, "lease-immortal");
}

static void test_no_more_time_is_left_than_was_given(void **state)
{
    struct leases leases;
    (void)state;
    begin(&leases);
    assert_true(de_lease_check_left(&leases.check, 1, 10 * S, &leases.finding));
    assert_false(de_lease_check_left(&leases.check, 1, 10 * S + 1, &leases.finding));
    end(&leases, "lease-ttl");
}

static struct de_history_operation operation(enum de_history_function function, const char *value,
                                             uint64_t call_at, uint64_t call_ns, uint64_t return_ns)
{
    return (struct de_history_operation){
        .process = (int64_t)call_at,
        .function = function,
        .outcome = DE_HISTORY_OK,
        .value = value == NULL ? de_history_null() : de_history_string(dengine_str(value)),
        .call_at = call_at,
        .return_at = call_at + 1,
        .call_ns = (int64_t)call_ns,
        .return_ns = (int64_t)return_ns,
    };
}

static enum de_check_verdict verdict(const struct de_model *model,
                                     struct de_history_operation *operations, size_t count,
                                     const char *value, uint64_t certain_until_ns)
{
    struct de_check_options options = {model, DE_CHECK_STEPS_DEFAULT};
    struct de_check_result result;
    operations[count] =
        de_lease_expire_operation(operations, count, de_history_null(),
                                  de_history_string(dengine_str(value)), 1000, certain_until_ns);
    assert_int_equal(de_check_run(operations, count + 1, &options, &result), 0);
    enum de_check_verdict found = result.verdict;
    de_check_result_deinit(&result);
    return found;
}

/* Put at 1 s to 2 s, seen gone from 6 s to 7 s: that is right for a lease that is certain until 7
 * s, and wrong one nanosecond later. */
static void test_an_end_explains_a_vanished_key_but_not_before_its_time(void **state)
{
    struct de_history_operation operations[3];
    (void)state;
    operations[0] = operation(DE_HISTORY_PUT, "v", 10, 1 * S, 2 * S);
    operations[1] = operation(DE_HISTORY_GET, NULL, 20, 6 * S, 7 * S);
    assert_int_equal(verdict(&de_model_kv, operations, 2, "v", 7 * S), DE_CHECK_LINEARIZABLE);
    assert_int_equal(verdict(&de_model_kv, operations, 2, "v", 7 * S + 1),
                     DE_CHECK_NOT_LINEARIZABLE);
    assert_int_equal(verdict(&de_model_kv, operations, 2, "w", 3 * S), DE_CHECK_NOT_LINEARIZABLE);
    assert_int_equal(operations[2].call_ns, 3 * S);
    /* Called before the get is called: the end stands before it, and behind the put. */
    assert_int_equal(verdict(&de_model_kv, operations, 2, "v", 3 * S), DE_CHECK_LINEARIZABLE);
    assert_int_equal(operations[2].call_at, 20);
    assert_int_equal(verdict(&de_model_kv, operations, 2, "v", 6 * S), DE_CHECK_LINEARIZABLE);
    assert_int_equal(operations[2].call_at, 20);
    assert_int_equal(verdict(&de_model_kv, operations, 2, "v", 6 * S + 1), DE_CHECK_LINEARIZABLE);
    assert_int_equal(operations[2].call_at, 21);
    operations[1] = operation(DE_HISTORY_GET, "v", 20, 6 * S, 7 * S); /* it need not end */
    assert_int_equal(verdict(&de_model_kv, operations, 2, "v", 3 * S), DE_CHECK_LINEARIZABLE);
}

static void test_an_end_frees_a_lock_but_not_before_its_time(void **state)
{
    struct de_history_operation operations[3];
    (void)state;
    operations[0] = operation(DE_HISTORY_ACQUIRE, "alice", 10, 1 * S, 2 * S);
    operations[1] = operation(DE_HISTORY_ACQUIRE, "bob", 20, 6 * S, 7 * S);
    assert_int_equal(verdict(&de_model_lock, operations, 2, "alice", 6 * S), DE_CHECK_LINEARIZABLE);
    assert_int_equal(verdict(&de_model_lock, operations, 2, "alice", 8 * S),
                     DE_CHECK_NOT_LINEARIZABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_are_those_of_the_clocks),
        cmocka_unit_test(test_lives_at_least_as_long_as_it_surely_must),
        cmocka_unit_test(test_renewals_that_surely_happened_count_from_their_call),
        cmocka_unit_test(test_revoked_leases_may_be_gone_from_the_call_on),
        cmocka_unit_test(test_no_lease_comes_back),
        cmocka_unit_test(test_no_lease_is_immortal),
        cmocka_unit_test(test_no_more_time_is_left_than_was_given),
        cmocka_unit_test(test_an_end_explains_a_vanished_key_but_not_before_its_time),
        cmocka_unit_test(test_an_end_frees_a_lock_but_not_before_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
