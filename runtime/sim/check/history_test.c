/* Which events may follow which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <dengine/error.h>

#include "runtime/sim/check/history.h"
#include "runtime/sim/check/history_json.h"
#include "runtime/sim/check/history_reader.h"

struct fixture {
    struct de_history history;
    uint64_t line;
    struct de_history_error error;
};

static int setup(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof(fixture));
    de_history_init(&fixture.history);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    de_history_deinit(&fixture->history);
    return 0;
}

/* An event on the next line: process, type, f, and the value as JSON (NULL for none). */
static int add(void **state, int process, const char *type, const char *f, const char *value)
{
    struct fixture *fixture = *state;
    struct de_history_event event;
    char line[256];
    int size =
        snprintf(line, sizeof(line),
                 "{\"process\":%d,\"type\":\"%s\",\"f\":\"%s\"%s%s,"
                 "\"time\":%d}",
                 process, type, f, value == NULL ? "" : ",\"value\":", value == NULL ? "" : value,
                 (int)fixture->line);
    fixture->line++;
    fixture->error.text[0] = '\0';
    assert_int_equal(
        de_history_json_parse(line, (size_t)size, fixture->line, &event, &fixture->error), 0);
    return de_history_add(&fixture->history, &event, fixture->line, &fixture->error);
}

static void assert_refused(void **state, int result, const char *why)
{
    struct fixture *fixture = *state;
    assert_int_equal(result, DENGINE_E_INVALID);
    assert_int_equal(fixture->error.line, fixture->line);
    if (strstr(fixture->error.text, why) == NULL) {
        fail_msg("\"%s\" has no \"%s\"", fixture->error.text, why);
    }
}

static void test_pairs_invokes_with_completions(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(add(state, 1, "invoke", "write", "5"), 0);
    assert_int_equal(add(state, 2, "invoke", "read", NULL), 0);
    assert_int_equal(add(state, 1, "ok", "write", NULL), 0);
    assert_int_equal(add(state, 2, "ok", "read", "\"seen\""), 0);
    assert_int_equal(add(state, 1, "invoke", "delete", "null"), 0);
    assert_int_equal(fixture->history.count, 3);
    const struct de_history_operation *operations = fixture->history.operations;
    assert_int_equal(operations[0].call_at, 1);
    assert_int_equal(operations[0].return_at, 3);
    assert_int_equal(operations[0].outcome, DE_HISTORY_OK);
    assert_memory_equal(operations[1].value.string.data, "seen", 4);
    assert_int_equal(operations[2].outcome, DE_HISTORY_INFO); /* still open */
}

static void test_completion_needs_an_invoke(void **state)
{
    assert_refused(state, add(state, 1, "ok", "write", "5"), "ok of process 1 without an invoke");
    assert_int_equal(add(state, 1, "invoke", "write", "5"), 0);
    assert_int_equal(add(state, 1, "fail", "write", "5"), 0);
    assert_refused(state, add(state, 1, "info", "write", "5"), "without an invoke");
}

static void test_process_does_one_thing_at_a_time(void **state)
{
    assert_int_equal(add(state, 1, "invoke", "write", "5"), 0);
    assert_refused(state, add(state, 1, "invoke", "read", NULL),
                   "while its write of line 1 is open");
}

static void test_process_ends_with_info(void **state)
{
    assert_int_equal(add(state, 1, "invoke", "write", "5"), 0);
    assert_int_equal(add(state, 1, "info", "write", "5"), 0);
    assert_refused(state, add(state, 1, "invoke", "read", NULL),
                   "used again after its info of line 2");
    assert_refused(state, add(state, 1, "ok", "write", "5"), "used again after its info");
}

static void test_completion_repeats_its_invoke(void **state)
{
    assert_int_equal(add(state, 1, "invoke", "cas", "[1,2]"), 0);
    assert_refused(state, add(state, 1, "ok", "write", "2"), "another f");
    assert_refused(state, add(state, 1, "ok", "cas", "[1,3]"), "another value");
    assert_refused(state, add(state, 1, "ok", "cas", "[null,2]"), "another value");
    assert_int_equal(add(state, 1, "ok", "cas", "[1,2]"), 0);
}

static void test_values_fit_their_function(void **state)
{
    assert_refused(state, add(state, 1, "invoke", "read", "1"), "expected null or none");
    assert_refused(state, add(state, 1, "invoke", "delete", "1"), "expected null or none");
    assert_refused(state, add(state, 1, "invoke", "write", "null"), "an integer or a string");
    assert_refused(state, add(state, 1, "invoke", "write", NULL), "an integer or a string");
    assert_refused(state, add(state, 1, "invoke", "write", "[1,2]"), "an integer or a string");
    assert_refused(state, add(state, 1, "invoke", "cas", "1"), "expected [old, new]");
    assert_refused(state, add(state, 1, "invoke", "cas", "[1,null]"), "expected [old, new]");
    assert_int_equal(add(state, 1, "invoke", "read", "null"), 0);
    assert_refused(state, add(state, 1, "ok", "read", NULL), "expected what it saw");
    assert_refused(state, add(state, 1, "ok", "read", "[1,2]"), "expected what it saw");
}

static void test_time_does_not_go_back(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(add(state, 1, "invoke", "write", "5"), 0);
    fixture->history.last_time_ns = 1000;
    assert_refused(state, add(state, 1, "ok", "write", "5"), "time 1 is before 1000");
}

static void test_negative_process_is_refused(void **state)
{
    assert_refused(state, add(state, -1, "invoke", "read", NULL), "process -1");
}

static void test_strings_survive_their_line(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 5000; i++) {
        char value[32];
        (void)snprintf(value, sizeof(value), "\"value number %d\"", i);
        assert_int_equal(add(state, i, "invoke", "write", value), 0);
    }
    for (int i = 0; i < 5000; i++) {
        char value[32];
        int size = snprintf(value, sizeof(value), "value number %d", i);
        struct de_history_value expected = de_history_string(DENGINE_BYTES(value, (size_t)size));
        assert_true(de_history_value_equal(&fixture->history.operations[i].value, &expected));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pairs_invokes_with_completions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_completion_needs_an_invoke, setup, teardown),
        cmocka_unit_test_setup_teardown(test_process_does_one_thing_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_process_ends_with_info, setup, teardown),
        cmocka_unit_test_setup_teardown(test_completion_repeats_its_invoke, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values_fit_their_function, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time_does_not_go_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_negative_process_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_strings_survive_their_line, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
