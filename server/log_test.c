#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/log.h"

#define TIME_MS UINT64_C(1795316645007)

static const struct de_log_field fields[] = {
    {"node_id", NULL, 7},
    {"path", "a \"b\"\n", 0},
};

static void test_text_line(void **state)
{
    char *line = de_log_line(DE_LOG_TEXT, DE_LOG_INFO, "listening", fields, 2, TIME_MS);

    (void)state;
    assert_string_equal(line, "2026-11-22T03:04:05.007Z INFO listening node_id=7 "
                              "path=\"a \\\"b\\\"\\n\"\n");
    free(line);
}

static void test_json_line(void **state)
{
    char *line = de_log_line(DE_LOG_JSON, DE_LOG_ERROR, "halted", fields, 2, TIME_MS);

    (void)state;
    assert_string_equal(line, "{\"time\":\"2026-11-22T03:04:05.007Z\",\"level\":\"error\","
                              "\"event\":\"halted\",\"node_id\":7,\"path\":\"a \\\"b\\\"\\n\"}\n");
    free(line);
}

static void test_bytes_that_are_no_text(void **state)
{
    const struct de_log_field odd = {"path", "\xff", 0};
    char *line = de_log_line(DE_LOG_TEXT, DE_LOG_WARNING, "x", &odd, 1, TIME_MS);

    (void)state;
    assert_string_equal(line, "2026-11-22T03:04:05.007Z WARNING x path=\"/w==\"\n");
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_line),
        cmocka_unit_test(test_json_line),
        cmocka_unit_test(test_bytes_that_are_no_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
