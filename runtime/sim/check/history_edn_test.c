/* EDN histories: what Jepsen writes is read, what is wrong is named, what we write reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dengine/error.h>

#include "runtime/sim/check/edn_reader.h"
#include "runtime/sim/check/generator.h"
#include "runtime/sim/check/history_edn.h"

static struct de_history_error error;

/* Reads text in pieces of so many bytes. */
static int read_pieces(struct de_history *history, const char *text, size_t size, size_t piece)
{
    struct de_edn_reader reader;
    int err = 0;
    de_history_init(history);
    de_edn_reader_init(&reader, history);
    for (size_t at = 0; at < size && err == 0; at += piece) {
        err = de_edn_reader_feed(&reader, text + at, size - at < piece ? size - at : piece, &error);
    }
    err = err != 0 ? err : de_edn_reader_finish(&reader, &error);
    de_edn_reader_deinit(&reader);
    return err;
}

static void read_good(struct de_history *history, const char *text, size_t count)
{
    if (read_pieces(history, text, strlen(text), 7) != 0) {
        fail_msg("line %d: %s", (int)error.line, error.text);
    }
    assert_int_equal(history->count, count);
}

static void assert_string(const struct de_history_value *value, const char *text)
{
    struct de_history_value expected = de_history_string(dengine_str(text));
    assert_true(de_history_value_equal(value, &expected));
}

static void assert_integer(const struct de_history_value *value, int64_t integer)
{
    assert_int_equal(value->kind, DE_HISTORY_INTEGER);
    assert_int_equal(value->integer, integer);
}

static void test_reads_maps_one_a_line(void **state)
{
    struct de_history history;
    (void)state;
    read_good(&history,
              "{:type :invoke, :f :write, :value 3, :process 0, :time 10, :index 0}\n"
              "{:type :invoke, :f :read, :value nil, :process 1, :time 11, :index 1}\n"
              "{:type :ok, :f :write, :value 3, :process 0, :time 12, :index 2}\n"
              "{:type :ok, :f :read, :value 3, :process 1, :time 14, :index 3}\n",
              2);
    assert_int_equal(history.operations[0].function, DE_HISTORY_WRITE);
    assert_int_equal(history.operations[0].outcome, DE_HISTORY_OK);
    assert_int_equal(history.operations[0].call_at, 1);
    assert_int_equal(history.operations[0].return_at, 3);
    assert_int_equal(history.operations[0].return_ns, 12);
    assert_int_equal(history.operations[0].key.kind, DE_HISTORY_NULL);
    assert_integer(&history.operations[1].value, 3);
    de_history_deinit(&history);
}

/* All in one vector on one line: positions go on although the line does not. */
static void test_reads_a_vector_or_a_list_of_maps(void **state)
{
    static const char *const texts[] = {
        "[{:process 0 :type :invoke :f :write :value 1}{:process 0 :type :ok :f :write :value 1}]",
        "(\n{:process 0 :type :invoke :f :write :value 1},\n\n{:process 0,:type\n:ok :f :write})"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct de_history history;
        read_good(&history, texts[i], 1);
        assert_int_equal(history.operations[0].outcome, DE_HISTORY_OK);
        assert_true(history.operations[0].call_at < history.operations[0].return_at);
        de_history_deinit(&history);
    }
}

static void test_pairs_have_a_key(void **state)
{
    struct de_history history;
    (void)state;
    read_good(&history,
              "{:process 0 :type :invoke :f :write :value [7 1]}\n"
              "{:process 0 :type :ok :f :write :value [7 1]}\n"
              "{:process 1 :type :invoke :f :cas :value [\"k\" [nil 2]]}\n"
              "{:process 1 :type :ok :f :cas :value [\"k\" [nil 2]]}\n"
              "{:process 2 :type :invoke :f :cas :value [1 2]}\n"
              "{:process 3 :type :invoke :f :read :value [:x nil]}\n"
              "{:process 3 :type :ok :f :read :value [:x :y]}\n"
              "{:process 4 :type :invoke :f :acquire :value [7 nil]}\n",
              5);
    assert_integer(&history.operations[0].key, 7);
    assert_integer(&history.operations[0].value, 1);
    assert_string(&history.operations[1].key, "k");
    assert_int_equal(history.operations[1].expected.kind, DE_HISTORY_NULL);
    assert_integer(&history.operations[1].value, 2);
    assert_int_equal(history.operations[2].key.kind, DE_HISTORY_NULL);
    assert_integer(&history.operations[2].expected, 1);
    assert_string(&history.operations[3].key, ":x");
    assert_string(&history.operations[3].value, ":y");
    assert_integer(&history.operations[4].key, 7);
    de_history_deinit(&history);
}

static void test_passes_over_what_it_need_not_know(void **state)
{
    struct de_history history;
    (void)state;
    read_good(
        &history,
        "; a remark with { in it\n"
        "#jepsen.history.Op{:index 0, :time 1N, :type :invoke, :process +0, :f :read,\n"
        "  :value nil, ; and one } here\n"
        "  :when #inst \"2024-01-01T00:00:00.000-00:00\", \"s\\\"}\" {:a #{1 2.5 3/4}},\n"
        "  :re #\"\\d+}\", :c \\}, :d \\newline, #_ :value #_ 99 sym [true ##NaN]}\n"
        "#_ {:process 5 :what \"is not there\"}\n"
        "#_[1 2]\n"
        "{:process :nemesis, :type :info, :f :start-partition, :value [:isolated {\"n1\" #{}}]}\n"
        "{:process nil :type :sleep}\n"
        "{:process 0, :type :ok, :f :read, :value \"a\\tb\\u00e4\", :time 3}\n",
        1);
    assert_string(&history.operations[0].value, "a\tb\xc3\xa4");
    assert_int_equal(history.operations[0].call_at, 2);
    assert_int_equal(history.operations[0].return_at, 10);
    de_history_deinit(&history);
}

/* Jepsen's clients put reasons where we expect values, and fail a cas for any reason. */
static void test_believes_no_more_than_jepsen_says(void **state)
{
    struct de_history history;
    (void)state;
    read_good(&history,
              "{:process 0 :type :invoke :f :cas :value [:k [1 2]]}\n"
              "{:process 0 :type :info :f :cas :value :timed-out}\n"
              "{:process 1 :type :invoke :f :cas :value [:k [1 2]]}\n"
              "{:process 1 :type :fail :f :cas :value [:k [1 2]] :error [:refused \"x\"]}\n"
              "{:process 2 :type :invoke :f :cas :value [:k [1 2]]}\n"
              "{:process 2 :type :fail :f :cas :value [:k [1 2]] :error :not-equal}\n"
              "{:process 3 :type :invoke :f :read :value [:k 5]}\n"
              "{:process 3 :type :fail :f :read :error {:why [1 2 3]}}\n"
              "{:process 4 :type :invoke :f :write :value [:k 5] :time 7}\n"
              "{:process 4 :type :ok :f :write :value [:k 5] :time 6}\n",
              5);
    assert_int_equal(history.operations[0].outcome, DE_HISTORY_INFO);
    assert_int_equal(history.operations[0].return_at, 2);
    assert_true(history.operations[1].untold);
    assert_false(history.operations[2].untold);
    assert_int_equal(history.operations[3].value.kind, DE_HISTORY_NULL);
    assert_int_equal(history.operations[4].return_ns, 7);
    de_history_deinit(&history);
}

static void test_bad_events_say_what_is_wrong_and_where(void **state)
{
    static const struct {
        const char *text;
        uint64_t line;
        const char *message;
    } cases[] = {
        {"{:process 0\n :type :okay :f :read}", 2,
         "column 8: unknown :type :okay; expected :invoke, :ok, :fail or :info"},
        {"\n  {:process 0 :type :invoke :f :get-set}", 2,
         "column 32: unknown :f :get-set; expected read, write, cas, delete, get, put, append, "
         "acquire, release or expire"},
        {"{:process 0 :type :invoke :f "
         ":a-word-that-is-longer-than-anybody-wants-to-read-on-one-line}",
         1,
         "column 30: unknown :f :a-word-that-is-longer-than-anybody-wants; expected read, write, "
         "cas, delete, get, put, append, acquire, release or expire"},
        {"{:type :ok :f :read}", 1, "no :process in this event; expected :process, :type and :f"},
        {"{:process 0 :f :read}", 1, "no :type in this event; expected :process, :type and :f"},
        {"{:process 0 :process 1}", 1, "column 13: :process twice in one event"},
        {"{:process 0 :type :invoke :f :write :value 1.5}", 1,
         "column 45: unexpected '.'; expected an integer"},
        {"{:process 0 :type :invoke :f :write :value true}", 1,
         "column 44: unexpected 't'; expected nil, an integer, a string or a pair"},
        {"{:process 0 :type :invoke :f :write :value [1 [2 3]]}", 1,
         "column 44: too many values for write; expected one, or [key value]"},
        {"{:process 0 :type :invoke :f :write :value [1 2 3]}", 1,
         "column 49: unexpected '3'; expected ']' after a pair"},
        {"{:process 0 :type :invoke :f :cas :value 1}", 1,
         "value in the invoke of a cas; expected [old, new], old null for absent, new an integer "
         "or a string"},
        {"{:process 0 :type [:invoke}", 1, "column 1: the file ends within this event"},
        {"{:process 0 :a (1 2] :b [3)}", 1, "column 20: unexpected ']'; expected a form"},
        {"{:process 0 :a}", 1, "column 15: unexpected '}'; expected a form"},
        {"[{:process :nemesis} 5]", 1, "column 22: expected an event: a map, '{'"},
        {"[{:process :nemesis}", 1, "column 21: the file ends; expected an event or ']'"},
        {"#{}", 1, "column 2: expected a tag or _ after '#'"},
        {"{:process 0 :type :invoke :f :put :value \"\\q\"}", 1,
         "column 44: unexpected 'q'; expected one of \"\\/bfnrtu after a backslash"},
        {"{:process 99999999999999999999}", 1, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct de_history history;
        int err = read_pieces(&history, cases[i].text, strlen(cases[i].text), 3);
        assert_int_equal(err, DENGINE_E_INVALID);
        assert_int_equal(error.line, cases[i].line);
        if (cases[i].message != NULL) {
            assert_string_equal(error.text, cases[i].message);
        }
        de_history_deinit(&history);
    }
}

static void test_nesting_and_size_are_bounded(void **state)
{
    struct de_history history;
    size_t size = DE_EDN_EVENT_BYTES_MAX + 100;
    char *text = malloc(size);
    (void)state;
    assert_non_null(text);
    memset(text, '[', size);
    memcpy(text, "{:a ", 4);
    memset(text + 200, ']', 196);
    text[396] = '}';
    assert_int_equal(read_pieces(&history, text, 397, 50), DENGINE_E_INVALID);
    assert_string_equal(error.text, "column 69: nested deeper than 64");
    de_history_deinit(&history);
    memset(text, 'x', size);
    memcpy(text, "\n{:a ", 5);
    assert_int_equal(read_pieces(&history, text, size, 4096), DENGINE_E_INVALID);
    assert_string_equal(error.text, "column 1: event too long; expected at most 1048576 bytes");
    assert_int_equal(error.line, 2);
    de_history_deinit(&history);
    free(text);
}

static void assert_same(const struct de_history_operation *a, const struct de_history_operation *b)
{
    assert_int_equal(a->process, b->process);
    assert_int_equal(a->function, b->function);
    assert_int_equal(a->outcome, b->outcome);
    assert_true(de_history_value_equal(&a->key, &b->key));
    assert_true(de_history_value_equal(&a->expected, &b->expected));
    assert_true(de_history_value_equal(&a->value, &b->value));
    assert_int_equal(a->call_ns, b->call_ns);
}

/* Of each model, written and read back in pieces of several sizes; what is untold leaves no trace.
 */
static void test_what_is_written_reads_back(void **state)
{
    enum { COUNT = 60 };
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct de_history_operation operations[COUNT];
        struct de_history history;
        struct de_generator generator;
        struct de_text text;
        size_t found = 0;
        de_text_init(&text);
        de_generator_init(&generator, de_models()[seed % 3], seed);
        generator.expire_percent = 5;
        de_generator_linearizable(&generator, operations, COUNT);
        operations[3].key = de_history_string(DENGINE_STR("a \"key\"\n"));
        operations[4].key = de_history_integer(-4);
        assert_int_equal(de_history_edn_write_operations(operations, COUNT, &text), 0);
        assert_int_equal(read_pieces(&history, text.data, text.size, 1 + seed * 7), 0);
        for (size_t i = 0; i < COUNT; i++) {
            if (!operations[i].untold) {
                assert_true(found < history.count);
                assert_same(&operations[i], &history.operations[found++]);
            }
        }
        assert_int_equal(found, history.count);
        de_history_deinit(&history);
        de_generator_deinit(&generator);
        de_text_deinit(&text);
    }
}

static void test_refuses_to_write_what_edn_cannot_hold(void **state)
{
    struct de_history_operation operation = {
        .function = DE_HISTORY_PUT,
        .outcome = DE_HISTORY_OK,
        .value = de_history_string(dengine_bytes("\xff", 1)),
        .call_at = 1,
        .return_at = 2,
    };
    struct de_text text;
    (void)state;
    de_text_init(&text);
    assert_int_equal(de_history_edn_write_operations(&operation, 1, &text), DENGINE_E_INVALID);
    de_text_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_maps_one_a_line),
        cmocka_unit_test(test_reads_a_vector_or_a_list_of_maps),
        cmocka_unit_test(test_pairs_have_a_key),
        cmocka_unit_test(test_passes_over_what_it_need_not_know),
        cmocka_unit_test(test_believes_no_more_than_jepsen_says),
        cmocka_unit_test(test_bad_events_say_what_is_wrong_and_where),
        cmocka_unit_test(test_nesting_and_size_are_bounded),
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_refuses_to_write_what_edn_cannot_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
