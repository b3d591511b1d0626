#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/flags.h"

static struct de_flags flags;
static char words_kept[16][64]; /* flags borrow from them */

/* Parses the words, which end with NULL. */
static int parse(const char *first, ...)
{
    char *argv[16] = {NULL};
    int argc = 0;
    const char *word = "dengine-server";
    va_list words;

    va_start(words, first);
    while (word != NULL) {
        (void)snprintf(words_kept[argc], sizeof words_kept[argc], "%s", word);
        argv[argc] = words_kept[argc];
        word = argc == 0 ? first : va_arg(words, const char *);
        argc++;
    }
    va_end(words);
    return de_flags_parse(&flags, argc, argv);
}

static void test_nothing_means_run(void **state)
{
    (void)state;
    assert_int_equal(parse(NULL), 0);
    assert_int_equal(flags.action, DE_ACTION_RUN);
    assert_int_equal(flags.setting_count, 0);
    assert_null(flags.config_path);
}

static void test_flags_make_settings(void **state)
{
    (void)state;
    assert_int_equal(parse("--node-id", "3", "--data-dir=/d=e", "--set", "raft.batching.x=1=2",
                           "--config", "f.toml", "--log-format=json", "--check-config", NULL),
                     0);
    assert_int_equal(flags.setting_count, 3);
    assert_string_equal(flags.settings[0].key, "cluster.node_id");
    assert_string_equal(flags.settings[0].value, "3");
    assert_string_equal(flags.settings[1].key, "cluster.db_root_dir");
    assert_string_equal(flags.settings[1].value, "/d=e");
    assert_string_equal(flags.settings[2].key, "raft.batching.x");
    assert_string_equal(flags.settings[2].value, "1=2");
    assert_string_equal(flags.config_path, "f.toml");
    assert_int_equal(flags.log_format, DE_LOG_JSON);
    assert_int_equal(flags.action, DE_ACTION_CHECK_CONFIG);
}

static void test_help_wins_over_what_follows(void **state)
{
    (void)state;
    assert_int_equal(parse("--help", "--nonsense", NULL), 0);
    assert_int_equal(flags.action, DE_ACTION_HELP);
    assert_int_equal(parse("-h", NULL), 0);
    assert_int_equal(flags.action, DE_ACTION_HELP);
    assert_int_equal(parse("--node-id", "3", "-h", "--nonsense", NULL), 0);
    assert_int_equal(flags.action, DE_ACTION_HELP);
    assert_int_equal(parse("--version", NULL), 0);
    assert_int_equal(flags.action, DE_ACTION_VERSION);
}

static void assert_refused(int err, const char *part)
{
    assert_int_equal(err, DENGINE_E_CONFIG);
    assert_non_null(strstr(flags.message, part));
}

static void test_refusals_say_what_is_wrong(void **state)
{
    (void)state;
    assert_refused(parse("--data-dri", "x", NULL), "did you mean --data-dir?");
    assert_refused(parse("--lisen=x", NULL), "did you mean --listen?");
    assert_refused(parse("--frobnicate", NULL), "there is no flag --frobnicate");
    assert_null(strstr(flags.message, "did you mean"));
    assert_refused(parse("serve", NULL), "\"serve\" is not a flag");
    assert_refused(parse("--node-id", NULL), "--node-id needs a value: N");
    assert_refused(parse("--help=1", NULL), "--help takes no value");
    assert_refused(parse("--set", "novalue", NULL), "section.key=value");
    assert_refused(parse("--set", "=v", NULL), "section.key=value");
    assert_refused(parse("--log-format", "xml", NULL), "must be text or json");
}

static void test_help_names_every_flag(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    (void)state;
    assert_non_null(file);
    de_flags_help(file);
    assert_int_equal(fclose(file), 0);
    assert_non_null(strstr(text, "--initial-cluster ID=HOST:PORT,..."));
    assert_non_null(strstr(text, "--check-config"));
    assert_non_null(strstr(text, "Exit status"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_means_run),
        cmocka_unit_test(test_flags_make_settings),
        cmocka_unit_test(test_help_wins_over_what_follows),
        cmocka_unit_test(test_refusals_say_what_is_wrong),
        cmocka_unit_test(test_help_names_every_flag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
