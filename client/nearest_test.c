/* What "did you mean" names, and what it rather does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/nearest.h"

static const char *const words[] = {"get", "put", "del", "snapshot", "--lease", "--from-revision"};

static const char *nearest(const char *word)
{
    return de_nearest(word, words, sizeof words / sizeof words[0]);
}

static void test_distances(void **state)
{
    (void)state;
    assert_int_equal(de_word_distance("", ""), 0);
    assert_int_equal(de_word_distance("", "abc"), 3);
    assert_int_equal(de_word_distance("abc", ""), 3);
    assert_int_equal(de_word_distance("abc", "abc"), 0);
    assert_int_equal(de_word_distance("abc", "acb"), 1);
    assert_int_equal(de_word_distance("kitten", "sitting"), 3);
    assert_int_equal(de_word_distance("sunday", "saturday"), 3);
    assert_int_equal(de_word_distance("abcd", "badc"), 2);
}

static void test_slips_are_recognised(void **state)
{
    (void)state;
    assert_string_equal(nearest("gte"), "get");
    assert_string_equal(nearest("pt"), "put");
    assert_string_equal(nearest("snpashot"), "snapshot");
    assert_string_equal(nearest("--laese"), "--lease");
    assert_string_equal(nearest("lease"), "--lease");
}

static void test_beginnings_are_recognised(void **state)
{
    (void)state;
    assert_string_equal(nearest("delete"), "del");
    assert_string_equal(nearest("snap"), "snapshot");
    assert_string_equal(nearest("--lease-id"), "--lease");
    assert_string_equal(nearest("--from"), "--from-revision");
}

static void test_other_words_are_not_guessed(void **state)
{
    (void)state;
    assert_null(nearest(""));
    assert_null(nearest("-"));
    assert_null(nearest("remove"));
    assert_null(nearest("--frobnicate"));
    assert_null(nearest("xyz"));
    assert_null(nearest("p"));
    assert_null(de_nearest("get", words, 0));
}

static void test_long_words_are_cut(void **state)
{
    char word[1000];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof word - 1; i++) {
        word[i] = 'x';
    }
    word[i] = '\0';
    assert_int_equal(de_word_distance(word, "x"), DE_NEAREST_BYTES_MAX - 1);
    assert_null(nearest(word));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distances),
        cmocka_unit_test(test_slips_are_recognised),
        cmocka_unit_test(test_beginnings_are_recognised),
        cmocka_unit_test(test_other_words_are_not_guessed),
        cmocka_unit_test(test_long_words_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
