#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/txn_script.h"

static struct de_txn_script script;
static char text_kept[65536]; /* the script points into it */

static int parse(const char *text)
{
    (void)snprintf(text_kept, sizeof text_kept, "%s", text);
    return de_txn_script_parse(&script, text_kept, strlen(text_kept));
}

static void check(struct dengine_slice slice, const char *expected)
{
    assert_int_equal(slice.size, strlen(expected));
    assert_memory_equal(slice.data, expected, slice.size);
}

static void test_all_that_there_is(void **state)
{
    (void)state;
    assert_int_equal(parse("# a comment\n"
                           "value k = \"two words\"   # and another\n"
                           "value k != v\r\n"
                           "version k < 18446744073709551615\n"
                           "created k > 0\n"
                           "modified k = 7\n"
                           "absent a\n"
                           "exists b\n"
                           "\n"
                           "then\n"
                           "put k \"\"\n"
                           "put k v ttl 30\n"
                           "put k v lease 9\n"
                           "del k\n"
                           "del-range a b\n"
                           "else\n"
                           "get k\n"
                           "range a \"\"\n"
                           "range a b 5"),
                     0);
    assert_int_equal(script.txn.compare_count, 7);
    check(script.compares[0].value, "two words");
    assert_int_equal(script.compares[1].relation, DENGINE_NOT_EQUAL);
    check(script.compares[1].value, "v");
    assert_true(script.compares[2].number == UINT64_MAX);
    assert_int_equal(script.compares[3].target, DENGINE_COMPARE_CREATE_REVISION);
    assert_int_equal(script.compares[4].number, 7);
    assert_int_equal(script.compares[5].relation, DENGINE_EQUAL);
    assert_int_equal(script.compares[6].relation, DENGINE_NOT_EQUAL);
    assert_int_equal(script.txn.then_count, 5);
    check(script.then_ops[0].value, "");
    assert_int_equal(script.then_ops[1].ttl_ms, 30000);
    assert_int_equal(script.then_ops[2].lease, 9);
    assert_int_equal(script.then_ops[4].type, DENGINE_OP_DELETE_RANGE);
    assert_int_equal(script.txn.else_count, 3);
    check(script.else_ops[1].end, "");
    assert_int_equal(script.else_ops[2].limit, 5);
}

static void test_words_in_quotes_hold_any_bytes(void **state)
{
    (void)state;
    assert_int_equal(parse("put \"a\\\"\\\\\\n\\t\\x41\" \"\\x00\\xff\""), 0);
    check(script.then_ops[0].key, "a\"\\\n\tA");
    assert_int_equal(script.then_ops[0].value.size, 2);
    assert_memory_equal(script.then_ops[0].value.data, "\0\xff", 2);
}

static void test_an_empty_script_is_an_empty_transaction(void **state)
{
    (void)state;
    assert_int_equal(parse(""), 0);
    assert_int_equal(script.txn.compare_count + script.txn.then_count + script.txn.else_count, 0);
}

static void refused(const char *text, const char *part)
{
    assert_int_equal(parse(text), DENGINE_E_INVALID);
    assert_non_null(strstr(script.message, part));
}

static void test_refusals_name_the_line(void **state)
{
    char many[2000] = "";
    int i;

    (void)state;
    refused("get a\nget b\nfetch c", "line 3: \"fetch\"");
    refused("get", "usage: get KEY");
    refused("put k", "usage: put KEY VALUE");
    refused("put k v ttl", "usage: put");
    refused("put k v for 3", "usage: put");
    refused("put k v ttl 3s", "\"3s\" is not a number");
    refused("put k v lease 18446744073709551616", "is not a number");
    refused("value k == v", "none of = != < >");
    refused("version k = x", "is not a number");
    refused("put k v ttl 0", "\"0\" is not a number from 1 to 288230376");
    refused("put k v lease 0", "\"0\" is not a number from 1 to");
    refused("put \"\" v", "the key is empty");
    refused("get \"\"", "the key is empty");
    refused("absent \"\"", "the key is empty");
    refused("value \"\" = v", "the key is empty");
    refused("range b a", "the range ends before it begins");
    refused("del-range ab a", "the range ends before it begins");
    refused("del-range a a", "the range ends before it begins");
    refused("absent k l", "usage: absent KEY");
    refused("get k\nabsent k", "line 2: comparisons come before");
    refused("else\nthen", "line 2: then and else");
    refused("then now", "then and else stand alone");
    refused("del-range a b 3", "usage: range");
    refused("put \"k v", "does not end");
    refused("put \"\\q\" v", "does not end, or has an escape");
    refused("put \"\\x4", "does not end");
    refused("put \"\\", "does not end");
    refused("a b c d e f g", "too many words");
    for (i = 0; i <= DENGINE_TXN_ITEMS_MAX; i++) {
        (void)snprintf(many + 6 * i, sizeof many - 6 * (size_t)i, "get k\n");
    }
    refused(many, "line 129: there are more than 128 operations");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_that_there_is),
        cmocka_unit_test(test_words_in_quotes_hold_any_bytes),
        cmocka_unit_test(test_an_empty_script_is_an_empty_transaction),
        cmocka_unit_test(test_refusals_name_the_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
