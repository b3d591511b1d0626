/* Sites: the answers are a function of seed, site and number, and of nothing else. */
#include "core/base/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void without_a_chance_the_answer_is_no(void **state)
{
    struct de_sites sites;

    (void)state;
    de_sites_init(&sites, 7);
    for (int i = 0; i < 1000; i++) {
        assert_false(de_site(NULL, DE_SITE_RESEND));
        assert_false(de_site(&sites, DE_SITE_RESEND));
    }
    assert_int_equal(sites.asked[DE_SITE_RESEND], 0);
}

static void a_chance_is_kept(void **state)
{
    struct de_sites sites;

    (void)state;
    de_sites_init(&sites, 7);
    sites.ppm[DE_SITE_RESEND] = DE_SITE_CERTAIN_PPM;
    sites.ppm[DE_SITE_COLD_CACHE] = DE_SITE_CERTAIN_PPM / 10;
    for (int i = 0; i < 10000; i++) {
        assert_true(de_site(&sites, DE_SITE_RESEND));
        (void)de_site(&sites, DE_SITE_COLD_CACHE);
    }
    assert_int_equal(sites.asked[DE_SITE_COLD_CACHE], 10000);
    assert_in_range(sites.taken[DE_SITE_COLD_CACHE], 900, 1100);
    assert_int_equal(sites.taken[DE_SITE_RESEND], 10000);
}

/* Neither other sites nor their order matter. */
static void sites_do_not_disturb_one_another(void **state)
{
    struct de_sites alone;
    struct de_sites among;

    (void)state;
    de_sites_init(&alone, 99);
    de_sites_init(&among, 99);
    alone.ppm[DE_SITE_SHORT_BATCH] = 300000;
    for (int site = 0; site < DE_SITES; site++) {
        among.ppm[site] = 300000;
    }
    for (int i = 0; i < 1000; i++) {
        (void)de_site(&among, (enum de_site_id)(i % DE_SITE_SHORT_BATCH));
        assert_int_equal(de_site(&alone, DE_SITE_SHORT_BATCH),
                         de_site(&among, DE_SITE_SHORT_BATCH));
    }
    assert_in_range(alone.taken[DE_SITE_SHORT_BATCH], 200, 400);
}

static void seeds_and_sites_differ(void **state)
{
    struct de_sites one;
    struct de_sites other;
    int seeds = 0;
    int sites = 0;

    (void)state;
    de_sites_init(&one, 1);
    de_sites_init(&other, 2);
    one.ppm[DE_SITE_RESEND] = one.ppm[DE_SITE_BUSY_NODE] = 500000;
    other.ppm[DE_SITE_RESEND] = 500000;
    for (int i = 0; i < 1000; i++) {
        bool answer = de_site(&one, DE_SITE_RESEND);

        seeds += answer != de_site(&other, DE_SITE_RESEND);
        sites += answer != de_site(&one, DE_SITE_BUSY_NODE);
    }
    assert_in_range(seeds, 400, 600);
    assert_in_range(sites, 400, 600);
}

static void every_site_is_found_by_its_name(void **state)
{
    (void)state;
    for (int site = 0; site < DE_SITES; site++) {
        assert_int_equal(de_site_find(de_site_text((enum de_site_id)site)), site);
        assert_true(strlen(de_site_what((enum de_site_id)site)) > 0);
    }
    assert_int_equal(de_site_find("no such site"), DE_SITES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_chance_the_answer_is_no),
        cmocka_unit_test(a_chance_is_kept),
        cmocka_unit_test(sites_do_not_disturb_one_another),
        cmocka_unit_test(seeds_and_sites_differ),
        cmocka_unit_test(every_site_is_found_by_its_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
