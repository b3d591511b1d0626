#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/json_text.h"

/* What put_bytes makes of bytes under the name "v". */
static char *put(struct dengine_slice bytes)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    assert_non_null(file);
    de_json_put_bytes(file, "v", bytes);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void assert_put(struct dengine_slice bytes, const char *expected)
{
    char *text = put(bytes);

    assert_string_equal(text, expected);
    free(text);
}

static void test_text_is_escaped(void **state)
{
    (void)state;
    assert_put(DENGINE_STR("plain"), "\"v\":\"plain\"");
    assert_put(DENGINE_STR(""), "\"v\":\"\"");
    assert_put(DENGINE_STR("a\"b\\c\n\r\t\x01\x7f"),
               "\"v\":\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u007f\"");
    assert_put(DENGINE_BYTES("a\0b", 3), "\"v\":\"a\\u0000b\"");
    assert_put(DENGINE_STR("\xc3\xa9\xf0\x9f\x98\x80"), "\"v\":\"\xc3\xa9\xf0\x9f\x98\x80\"");
}

static void test_other_bytes_are_base64(void **state)
{
    (void)state;
    assert_put(DENGINE_BYTES("\xff", 1), "\"v_base64\":\"/w==\"");
    assert_put(DENGINE_BYTES("\xff\x00", 2), "\"v_base64\":\"/wA=\"");
    assert_put(DENGINE_BYTES("\xff\x00\x10", 3), "\"v_base64\":\"/wAQ\"");
}

static void test_base64_of_the_rfc(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    (void)state;
    assert_non_null(file);
    de_json_put_base64(file, DENGINE_STR("foobar"));
    de_json_put_base64(file, DENGINE_STR("foob"));
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, "\"Zm9vYmFy\"\"Zm9vYg==\"");
    free(text);
}

static void test_what_is_no_utf8(void **state)
{
    static const char *const bad[] = {
        "\x80",         "\xc0\x80",         "\xc1\xbf",         "\xc3",      "\xe0\x80\x80",
        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xe2\x82", "\xe2\x28\xa1",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(de_utf8_check(dengine_str(bad[i])));
    }
    assert_true(de_utf8_check(DENGINE_STR("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_escaped),
        cmocka_unit_test(test_other_bytes_are_base64),
        cmocka_unit_test(test_base64_of_the_rfc),
        cmocka_unit_test(test_what_is_no_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
