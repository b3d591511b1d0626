/* Lines to events and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <dengine/error.h>

#include "runtime/sim/check/generator.h"
#include "runtime/sim/check/history_json.h"
#include "runtime/sim/check/history_reader.h"

static struct de_history_error error;
static char line_buffer[512];

static int parse(const char *line, struct de_history_event *event)
{
    size_t size = strlen(line);
    assert_true(size < sizeof(line_buffer));
    memcpy(line_buffer, line, size);
    memset(&error, 0, sizeof(error));
    return de_history_json_parse(line_buffer, size, 7, event, &error);
}

#define HEAD "{\"process\":3,\"type\":\"invoke\",\"f\":\"write\",\"time\":5"

static void test_reads_every_member(void **state)
{
    struct de_history_event event;
    (void)state;
    assert_int_equal(parse(" { \"time\" : -9 , \"f\":\"cas\",\"type\":\"info\",\"process\":3,"
                           "\"key\":\"k\", \"value\":[null,\"x\"]}\r",
                           &event),
                     0);
    assert_int_equal(event.time_ns, -9);
    assert_int_equal(event.function, DE_HISTORY_CAS);
    assert_int_equal(event.type, DE_HISTORY_INFO);
    assert_int_equal(event.process, 3);
    assert_int_equal(event.shape, DE_HISTORY_PAIR);
    assert_int_equal(event.expected.kind, DE_HISTORY_NULL);
    assert_int_equal(event.value.string.size, 1);
    assert_memory_equal(event.key.string.data, "k", 1);
}

static void test_decodes_escapes_in_place(void **state)
{
    static const char decoded[] = "\"\\/\b\f\n\r\t\0A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
    struct de_history_event event;
    (void)state;
    assert_int_equal(parse(HEAD ",\"value\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u0041\\u00E9"
                                "\\u20ac\\uD83D\\ude00\"}",
                           &event),
                     0);
    assert_int_equal(event.value.string.size, sizeof(decoded) - 1);
    assert_memory_equal(event.value.string.data, decoded, sizeof(decoded) - 1);
}

static void test_reads_the_whole_range_of_integers(void **state)
{
    struct de_history_event event;
    (void)state;
    assert_int_equal(parse(HEAD ",\"value\":9223372036854775807}", &event), 0);
    assert_true(event.value.integer == INT64_MAX);
    assert_int_equal(parse(HEAD ",\"value\":-9223372036854775808}", &event), 0);
    assert_true(event.value.integer == INT64_MIN);
    assert_int_equal(parse(HEAD ",\"value\":-0}", &event), 0);
    assert_true(event.value.integer == 0);
}

static void test_skips_unknown_members_of_any_shape(void **state)
{
    struct de_history_event event;
    (void)state;
    assert_int_equal(parse(HEAD
                           ",\"a\":[],\"b\":{},\"c\":[[1,{\"d\":[true,false,null,-1.5e+3]}],2],"
                           "\"e\":{\"f\":{\"g\":\"}\"},\"h\":[{}]},\"value\":1}",
                           &event),
                     0);
    assert_int_equal(event.value.integer, 1);
}

/* line, and a part of the message. */
static const char *const bad_lines[][2] = {
    {"", "column 1: the line ends; expected '{'"},
    {"[]", "unexpected '['; expected '{'"},
    {"{}", "no \"process\""},
    {"{\"process\":1}", "no \"type\""},
    {"{\"process\":1,\"type\":\"ok\"}", "no \"f\""},
    {"{\"process\":1,\"process\":1}", "column 14: \"process\" twice"},
    {"{\"process\":\"nemesis\"}", "column 12: unexpected '\"'; expected an integer for process"},
    {"{\"type\":\"OK\"}", "column 9: unknown type \"OK\""},
    {"{\"f\":\"\"}", "unknown f \"\""},
    {"{\"f\" \"read\"}", "expected ':'"},
    {"{,}", "expected a member's name"},
    {HEAD "}x", "something after the event"},
    {HEAD ",}", "expected a member's name"},
    {HEAD ",\"value\":[1]}", "expected ',' between old and new"},
    {HEAD ",\"value\":[1,2,3]}", "expected ']'"},
    {HEAD ",\"value\":[[1],2]}", "expected old"},
    {HEAD ",\"value\":{}}", "expected null, an integer, a string or [old, new]"},
    {HEAD ",\"value\":true}", "unexpected 't'"},
    {HEAD ",\"value\":nul}", "unexpected 'n'"},
    {HEAD ",\"value\":01}", "leading zero"},
    {HEAD ",\"value\":-}", "unexpected '}'"},
    {HEAD ",\"value\":1e3}", "unexpected 'e'; expected an integer"},
    {HEAD ",\"value\":9223372036854775808}", "out of range"},
    {HEAD ",\"value\":-9223372036854775809}", "out of range"},
    {HEAD ",\"value\":\"a", "the line ends; expected the string to be closed"},
    {HEAD ",\"value\":\"a\tb\"}", "unexpected byte 0x09"},
    {HEAD ",\"value\":\"\\x\"}", "expected one of"},
    {HEAD ",\"value\":\"\\u12g4\"}", "four hexadecimal digits"},
    {HEAD ",\"value\":\"\\ud800x\"}", "lone surrogate"},
    {HEAD ",\"value\":\"\\ude00\"}", "lone surrogate"},
    {HEAD ",\"value\":\"\\ud800\\u0041\"}", "after a high surrogate"},
    {HEAD ",\"value\":\"\xff\"}", "not UTF-8"},
    {HEAD ",\"value\":\"\xc0\xaf\"}", "not UTF-8"},
    {HEAD ",\"value\":\"\xed\xa0\x80\"}", "not UTF-8"},
    {HEAD ",\"value\":\"\xe2\x82\"}", "not UTF-8"},
    {HEAD ",\"x\":[1}", "expected ',' or ']'"},
    {HEAD ",\"x\":{\"a\":1]}", "expected ',' or '}'"},
    {HEAD ",\"x\":{1:1}}", "expected a member's name"},
    {HEAD ",\"x\":", "expected a value"},
};

static void test_bad_lines_say_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_lines) / sizeof(bad_lines[0]); i++) {
        struct de_history_event event;
        assert_int_equal(parse(bad_lines[i][0], &event), DENGINE_E_INVALID);
        assert_int_equal(error.line, 7);
        if (strstr(error.text, bad_lines[i][1]) == NULL) {
            fail_msg("%s: \"%s\" has no \"%s\"", bad_lines[i][0], error.text, bad_lines[i][1]);
        }
    }
}

static void test_nesting_is_bounded(void **state)
{
    struct de_history_event event;
    char line[400] = HEAD ",\"x\":";
    (void)state;
    size_t head = strlen(line);
    memset(line + head, '[', 65);
    assert_int_equal(parse(line, &event), DENGINE_E_INVALID);
    assert_non_null(strstr(error.text, "nested deeper than 64"));
    memset(line + head, '[', 64);
    memset(line + head + 64, ']', 64);
    memcpy(line + head + 128, "}", 2);
    assert_int_equal(parse(line, &event), 0);
}

static void test_refuses_to_write_what_json_cannot_hold(void **state)
{
    struct de_history_event event = {.shape = DE_HISTORY_SINGLE};
    struct de_text text;
    (void)state;
    de_text_init(&text);
    event.value = de_history_string(DENGINE_BYTES("\xff", 1));
    assert_int_equal(de_history_json_write(&event, &text), DENGINE_E_INVALID);
    assert_int_equal(text.size, 0);
    event.value = de_history_string(DENGINE_BYTES("\x01\x7f\"\\\n", 5));
    assert_int_equal(de_history_json_write(&event, &text), 0);
    assert_non_null(strstr(text.data, "\"value\":\"\\u0001\\u007f\\\"\\\\\\n\""));
    de_text_deinit(&text);
}

static void assert_same_operation(const struct de_history_operation *a,
                                  const struct de_history_operation *b)
{
    assert_int_equal(a->process, b->process);
    assert_int_equal(a->function, b->function);
    assert_int_equal(a->outcome, b->outcome);
    assert_true(de_history_value_equal(&a->key, &b->key));
    assert_true(de_history_value_equal(&a->expected, &b->expected));
    if (a->function != DE_HISTORY_READ || a->outcome == DE_HISTORY_OK) {
        assert_true(de_history_value_equal(&a->value, &b->value));
    }
    assert_int_equal(a->call_ns, b->call_ns);
    assert_true(a->outcome == DE_HISTORY_INFO || a->return_ns == b->return_ns);
}

/* Written, then fed back in pieces of every size: the same operations in the same order. */
static void test_what_is_written_reads_back(void **state)
{
    struct de_history_operation operations[60];
    struct de_generator generator;
    struct de_text text;
    (void)state;
    de_generator_init(&generator, &de_model_cas_register, 1);
    de_generator_linearizable(&generator, operations, 60);
    operations[3].key = de_history_string(DENGINE_STR("a key"));
    operations[4].key = de_history_integer(-4);
    de_text_init(&text);
    assert_int_equal(de_history_json_write_operations(operations, 60, &text), 0);
    for (size_t piece = 1; piece < 200; piece += 13) {
        struct de_history history;
        struct de_history_reader reader;
        de_history_init(&history);
        de_history_reader_init(&reader, &history, de_history_json_parse);
        for (size_t at = 0; at < text.size; at += piece) {
            size_t size = text.size - at < piece ? text.size - at : piece;
            assert_int_equal(de_history_reader_feed(&reader, text.data + at, size, &error), 0);
        }
        assert_int_equal(de_history_reader_finish(&reader, &error), 0);
        assert_int_equal(history.count, 60);
        for (size_t i = 0; i < 60; i++) {
            assert_same_operation(&operations[i], &history.operations[i]);
        }
        de_history_reader_deinit(&reader);
        de_history_deinit(&history);
    }
    de_text_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_every_member),
        cmocka_unit_test(test_decodes_escapes_in_place),
        cmocka_unit_test(test_reads_the_whole_range_of_integers),
        cmocka_unit_test(test_skips_unknown_members_of_any_shape),
        cmocka_unit_test(test_bad_lines_say_what_is_wrong),
        cmocka_unit_test(test_nesting_is_bounded),
        cmocka_unit_test(test_refuses_to_write_what_json_cannot_hold),
        cmocka_unit_test(test_what_is_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
