/* Tokens grow, resources refuse old ones, and in time with one another holders do not overlap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/sim/check/fence_check.h"

struct fences {
    struct de_fence_check check;
    struct de_finding finding;
};

static void begin(struct fences *fences)
{
    de_fence_check_init(&fences->check);
    de_finding_init(&fences->finding);
}

static void end(struct fences *fences, const char *rule)
{
    assert_string_equal(fences->finding.rule, rule);
    de_fence_check_deinit(&fences->check);
}

static bool grant(struct fences *fences, uint64_t lock, uint64_t holder, uint64_t token,
                  uint64_t call_ns, uint64_t return_ns, uint64_t until_ns)
{
    return de_fence_check_granted(&fences->check, lock, holder, token, call_ns, return_ns, until_ns,
                                  &fences->finding);
}

static void test_tokens_grow(void **state)
{
    struct fences fences;
    (void)state;
    begin(&fences);
    assert_true(grant(&fences, 1, 10, 5, 100, 200, 250));
    assert_true(grant(&fences, 1, 11, 6, 300, 400, 450));
    assert_true(grant(&fences, 2, 12, 3, 300, 400, 450)); /* another lock */
    assert_false(grant(&fences, 1, 13, 4, 500, 600, 650));
    end(&fences, "fence-token");
    begin(&fences); /* told late: the smaller token is the older grant's */
    assert_true(grant(&fences, 1, 10, 6, 300, 400, 450));
    assert_true(grant(&fences, 1, 11, 5, 100, 350, 450)); /* they overlap: any order */
    assert_false(grant(&fences, 1, 12, 7, 100, 200, 450));
    end(&fences, "fence-token");
    begin(&fences); /* what touches overlaps */
    assert_true(grant(&fences, 1, 10, 6, 100, 200, 300));
    assert_true(grant(&fences, 1, 11, 5, 200, 300, 300));
    end(&fences, "");
    begin(&fences);
    assert_true(grant(&fences, 1, 10, 6, 100, 200, 300));
    assert_true(grant(&fences, 1, 12, 7, 50, 100, 300));
    end(&fences, "");
    begin(&fences);
    assert_true(grant(&fences, 1, 10, 6, 100, 200, 300));
    assert_false(grant(&fences, 1, 11, 6, 150, 250, 300));
    end(&fences, "fence-token");
}

static void test_resources_accept_no_smaller_token_after_a_greater(void **state)
{
    struct fences fences;
    (void)state;
    begin(&fences);
    assert_true(de_fence_check_accepted(&fences.check, 1, 10, 5, &fences.finding));
    assert_true(de_fence_check_accepted(&fences.check, 2, 10, 4, &fences.finding));
    assert_true(de_fence_check_accepted(&fences.check, 1, 10, 5, &fences.finding));
    assert_true(de_fence_check_accepted(&fences.check, 1, 11, 7, &fences.finding));
    assert_false(de_fence_check_accepted(&fences.check, 1, 10, 5, &fences.finding));
    end(&fences, "fence-accepted");
}

static void test_holders_do_not_overlap(void **state)
{
    struct fences fences;
    (void)state;
    begin(&fences);
    assert_true(grant(&fences, 1, 10, 5, 100, 200, 400));
    assert_true(grant(&fences, 1, 11, 6, 300, 400, 500));
    assert_true(grant(&fences, 2, 12, 7, 300, 350, 500));
    assert_true(de_fence_check_finish(&fences.check, &fences.finding));
    assert_true(grant(&fences, 1, 13, 8, 450, 499, 600));
    assert_false(de_fence_check_finish(&fences.check, &fences.finding));
    end(&fences, "fence-overlap");
}

static void test_renewals_and_releases_move_the_end(void **state)
{
    struct fences fences;
    (void)state;
    begin(&fences);
    assert_true(grant(&fences, 1, 10, 5, 100, 200, 300));
    assert_true(grant(&fences, 1, 11, 6, 300, 400, 500));
    de_fence_check_renewed(&fences.check, 1, 5, 250);
    assert_true(de_fence_check_finish(&fences.check, &fences.finding));
    de_fence_check_renewed(&fences.check, 1, 5, 450);
    assert_false(de_fence_check_finish(&fences.check, &fences.finding));
    end(&fences, "fence-overlap");
    begin(&fences);
    assert_true(grant(&fences, 1, 10, 5, 100, 200, 450));
    assert_true(grant(&fences, 1, 11, 6, 300, 400, 500));
    de_fence_check_released(&fences.check, 1, 5, 390);
    de_fence_check_renewed(&fences.check, 1, 5, 460); /* answered late: it has given up */
    assert_true(de_fence_check_finish(&fences.check, &fences.finding));
    end(&fences, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens_grow),
        cmocka_unit_test(test_resources_accept_no_smaller_token_after_a_greater),
        cmocka_unit_test(test_holders_do_not_overlap),
        cmocka_unit_test(test_renewals_and_releases_move_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
