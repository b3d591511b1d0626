/* Metrics as text: what Prometheus would otherwise misread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/metrics_text.h"

static void check_label(const char *value, const char *expected)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    assert_non_null(file);
    de_metrics_print_label(value, file);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void what_stands_in_a_label_does_not_end_it(void **state)
{
    (void)state;
    check_label("", "");
    check_label("plain name", "plain name");
    check_label("a\"b", "a\\\"b");
    check_label("a\\n", "a\\\\n");
    check_label("a\nb", "a\\nb");
}

static void a_metric_has_its_help_and_its_kind(void **state)
{
    struct dengine_metric metric = {.name = "dengine_x_total",
                                    .kind = DENGINE_COUNTER,
                                    .help = "A \"word\",\na \\.",
                                    .value = UINT64_MAX};
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    (void)state;
    assert_non_null(file);
    de_metrics_print_one(&metric, file);
    metric.name = "dengine_y";
    metric.kind = DENGINE_GAUGE;
    metric.help = "";
    metric.value = 0;
    de_metrics_print_one(&metric, file);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, "# HELP dengine_x_total A \"word\",\\na \\\\.\n"
                              "# TYPE dengine_x_total counter\n"
                              "dengine_x_total 18446744073709551615\n"
                              "# HELP dengine_y \n"
                              "# TYPE dengine_y gauge\n"
                              "dengine_y 0\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stands_in_a_label_does_not_end_it),
        cmocka_unit_test(a_metric_has_its_help_and_its_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
