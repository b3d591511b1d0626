#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/arguments.h"

static struct de_cli_arguments arguments;
/* The arguments borrow both. */
static char words_kept[16][64];
static char *argv_kept[16];

/* Parses the words, which end with NULL. */
static int parse(const char *first, ...)
{
    int argc = 0;
    const char *word = "dengine-cli";
    va_list words;

    memset(argv_kept, 0, sizeof argv_kept);
    va_start(words, first);
    while (word != NULL) {
        (void)snprintf(words_kept[argc], sizeof words_kept[argc], "%s", word);
        argv_kept[argc] = words_kept[argc];
        word = argc == 0 ? first : va_arg(words, const char *);
        argc++;
    }
    va_end(words);
    return de_cli_parse(&arguments, argc, argv_kept);
}

static void test_wal(void **state)
{
    (void)state;
    assert_int_equal(parse("wal", "verify", "dir", "--output", "json", NULL), 0);
    assert_int_equal(arguments.command, DE_CLI_WAL);
    assert_string_equal(arguments.operand[0], "verify");
    assert_string_equal(arguments.operand[1], "dir");
    assert_int_equal(parse("wal", "mend", "dir", NULL), DENGINE_E_INVALID);
    assert_non_null(strstr(arguments.message, "wal (inspect | verify) DIR"));
    assert_int_equal(parse("wal", "inspect", NULL), DENGINE_E_INVALID);
}

static void test_lock(void **state)
{
    (void)state;
    assert_int_equal(parse("lock", "--ttl", "3", "l", "--timeout=9", "ls", "--prefix", "-", NULL),
                     0);
    assert_int_equal(arguments.command, DE_CLI_LOCK);
    assert_int_equal(arguments.ttl_s, 3);
    assert_int_equal(arguments.timeout_ms, 9);
    assert_string_equal(arguments.operand[0], "l");
    assert_string_equal(arguments.program[0], "ls");
    assert_string_equal(arguments.program[1], "--prefix");
    assert_string_equal(arguments.program[2], "-");
    assert_null(arguments.program[3]);
    assert_int_equal(parse("lock", "l", "--", "--strange", NULL), 0);
    assert_string_equal(arguments.program[0], "--strange");
    assert_int_equal(parse("lock", "--", "--name", "x", NULL), 0);
    assert_string_equal(arguments.operand[0], "--name");
    assert_string_equal(arguments.program[0], "x");
    assert_int_equal(parse("lock", "l", NULL), DENGINE_E_INVALID);
    assert_int_equal(parse("lock", "l", "--", NULL), DENGINE_E_INVALID);
    assert_int_equal(parse("lock", "l", "--lease", "7", "ls", NULL), DENGINE_E_INVALID);
    assert_int_equal(parse("elect", "e", NULL), 0);
    assert_int_equal(parse("elect", "e", "v", "--ttl", "5", NULL), 0);
    assert_int_equal(parse("elect", "e", "--ttl", "4294968", NULL), DENGINE_E_INVALID);
    assert_int_equal(parse("elect", NULL), DENGINE_E_INVALID);
}

static void test_check(void **state)
{
    (void)state;
    assert_int_equal(parse("check", "perf", "--consistency", "lease", NULL), 0);
    assert_int_equal(arguments.command, DE_CLI_CHECK);
    assert_int_equal(parse("check", "all", NULL), DENGINE_E_INVALID);
    assert_int_equal(parse("check", NULL), DENGINE_E_INVALID);
}

static void test_revisions(void **state)
{
    (void)state;
    assert_int_equal(parse("get", "k", "--revision", NULL), 0);
    assert_true(arguments.revision);
    assert_int_equal(parse("del", "k", "--revision", NULL), DENGINE_E_INVALID);
    assert_int_equal(parse("cas", "k", "--mod-revision", "12", "v", NULL), 0);
    assert_int_equal(arguments.mod_revision, 12);
    assert_int_equal(parse("cas", "k", "--mod-revision", "0", "v", NULL), DENGINE_E_INVALID);
    assert_int_equal(parse("cas", "k", "--mod-revision", "1", "--absent", "v", NULL),
                     DENGINE_E_INVALID);
    assert_int_equal(parse("put", "k", "--mod-revision", "1", "v", NULL), DENGINE_E_INVALID);
}

static void test_put(void **state)
{
    (void)state;
    assert_int_equal(parse("put", "k", "v", NULL), 0);
    assert_int_equal(arguments.command, DE_CLI_PUT);
    assert_string_equal(arguments.operand[0], "k");
    assert_string_equal(arguments.operand[1], "v");
    assert_null(arguments.endpoints);
    assert_int_equal(arguments.timeout_ms, 0);
}

static void test_options_stand_anywhere(void **state)
{
    (void)state;
    assert_int_equal(parse("--endpoints=a:1,b:2", "get", "--consistency", "eventual", "k",
                           "--timeout", "20", "--output=json", NULL),
                     0);
    assert_int_equal(arguments.command, DE_CLI_GET);
    assert_string_equal(arguments.endpoints, "a:1,b:2");
    assert_int_equal(arguments.consistency, DENGINE_EVENTUAL);
    assert_int_equal(arguments.timeout_ms, 20);
    assert_true(arguments.json);
}

static void test_two_dashes_end_the_options(void **state)
{
    (void)state;
    assert_int_equal(parse("put", "--", "--key", "--", NULL), 0);
    assert_string_equal(arguments.operand[0], "--key");
    assert_string_equal(arguments.operand[1], "--");
    assert_int_equal(parse("put", "-", "-", NULL), 0);
    assert_int_equal(parse("get", "-h", NULL), 0);
}

static void test_cas(void **state)
{
    (void)state;
    assert_int_equal(parse("cas", "k", "--expect", "", "new", NULL), 0);
    assert_string_equal(arguments.expect, "");
    assert_int_equal(parse("cas", "k", "--absent", "new", NULL), 0);
    assert_null(arguments.expect);
    assert_true(arguments.absent);
}

static void test_lives(void **state)
{
    (void)state;
    assert_int_equal(parse("put", "k", "v", "--ttl", "288230376", NULL), 0);
    assert_int_equal(arguments.ttl_s, 288230376);
    assert_int_equal(parse("put", "k", "v", "--lease", "18446744073709551615", NULL), 0);
    assert_true(arguments.lease == UINT64_MAX);
    assert_int_equal(parse("lease", "grant", "10", NULL), 0);
    assert_int_equal(arguments.command, DE_CLI_LEASE);
    assert_int_equal(arguments.ttl_s, 10);
    assert_int_equal(parse("lease", "keep-alive", "7", NULL), 0);
    assert_int_equal(arguments.lease, 7);
    assert_int_equal(parse("lease", "revoke", "7", NULL), 0);
    assert_int_equal(parse("lease", "list", "0", NULL), 0);
    assert_int_equal(parse("lease", "list", "9", NULL), 0);
    assert_int_equal(parse("lease", "ttl", "9", NULL), 0);
    assert_int_equal(parse("lease", "ttl", "0", NULL), DENGINE_E_INVALID);
    assert_int_equal(parse("watch", "k", "--prefix", "--prev", "--from-revision", "7", NULL), 0);
    assert_true(arguments.prefix && arguments.previous);
    assert_int_equal(arguments.from_revision, 7);
    assert_int_equal(parse("scan", "k", "--prev", NULL), DENGINE_E_INVALID);
    assert_int_equal(parse("del", "k", "--prefix", NULL), 0);
    assert_true(arguments.prefix);
}

static void test_scan(void **state)
{
    (void)state;
    assert_int_equal(parse("scan", "", "--limit", "4294967295", "--reverse", "--keys-only", NULL),
                     0);
    assert_int_equal(arguments.command, DE_CLI_SCAN);
    assert_int_equal(arguments.limit, UINT32_MAX);
    assert_true(arguments.reverse && arguments.keys_only && !arguments.count_only);
    assert_int_equal(parse("scan", "p", "--count", NULL), 0);
    assert_true(arguments.count_only);
}

static void test_help_needs_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(parse("--help", NULL), 0);
    assert_true(arguments.help);
    assert_int_equal(parse("cas", "--help", NULL), 0);
    assert_int_equal(arguments.command, DE_CLI_CAS);
    assert_int_equal(parse("-h", NULL), 0);
    assert_true(arguments.help);
    assert_int_equal(parse("-h", "cas", NULL), 0);
    assert_true(arguments.help);
    assert_int_equal(arguments.command, DE_CLI_CAS);
    assert_int_equal(parse("--version", NULL), 0);
    assert_true(arguments.version);
}

static void assert_refused(int err, const char *part)
{
    assert_int_equal(err, DENGINE_E_INVALID);
    assert_non_null(strstr(arguments.message, part));
}

static void test_refusals_say_what_is_wrong(void **state)
{
    (void)state;
    assert_refused(parse(NULL), "there is no command");
    assert_refused(parse("gte", "k", NULL), "did you mean \"get\"?");
    assert_refused(parse("delete", "k", NULL), "did you mean \"del\"?");
    assert_refused(parse("frobnicate", NULL), "no command \"frobnicate\"; see dengine-cli --help");
    assert_refused(parse("-x", NULL), "no option -x; see dengine-cli --help");
    assert_refused(parse("get", "k", "--quiet", NULL), "no option --quiet; see dengine-cli --help");
    assert_refused(parse("get", NULL), "usage: get KEY");
    assert_refused(parse("get", "k", "--endpoints", "", NULL), "--endpoints is empty");
    assert_refused(parse("get", "k", "l", NULL), "one operand too many");
    assert_refused(parse("get", "k", "--timeot", "3", NULL), "did you mean --timeout?");
    assert_refused(parse("get", "k", "--timeout", "0", NULL), "1 to 86400000");
    assert_refused(parse("get", "k", "--timeout", "5s", NULL), "1 to 86400000");
    assert_refused(parse("get", "k", "--timeout", NULL), "needs a value");
    assert_refused(parse("get", "k", "--consistency", "strong", NULL), "lease or eventual");
    assert_refused(parse("get", "k", "--output", "xml", NULL), "text or json");
    assert_refused(parse("get", "k", "--absent", NULL), "--absent belongs to cas");
    assert_refused(parse("get", "k", "--help=1", NULL), "takes no value");
    assert_refused(parse("put", "k", "v", "--ttl", "0", NULL), "1 to 288230376");
    assert_refused(parse("put", "k", "v", "--ttl", "288230377", NULL), "1 to 288230376");
    assert_refused(parse("put", "k", "v", "--lease", "18446744073709551616", NULL), "must be 1");
    assert_refused(parse("put", "k", "v", "--ttl", "1", "--lease", "1", NULL), "not both");
    assert_refused(parse("get", "k", "--ttl", "1", NULL), "--ttl belongs to put, lock and elect");
    assert_refused(parse("get", "k", "--prefix", NULL), "--prefix belongs to del and watch");
    assert_refused(parse("get", "k", "--reverse", NULL), "--reverse belongs to scan");
    assert_refused(parse("put", "k", "v", "--consistency", "lease", NULL),
                   "--consistency belongs to get, scan and check");
    assert_refused(parse("get", "k", "--node-id", "1", NULL), "--node-id belongs to snapshot");
    assert_refused(parse("scan", "k", "--count", "--limit", "1", NULL), "goes with none");
    assert_refused(parse("scan", "k", "--limit", "0", NULL), "1 to 4294967295");
    assert_refused(parse("lease", "end", "1", NULL), "lease (grant SECONDS");
    assert_refused(parse("lease", "grant", "1s", NULL), "SECONDS 1s: must be 1");
    assert_refused(parse("lease", "revoke", "-1", NULL), "ID -1: must be 1");
    assert_refused(parse("snapshot", "save", "f", "--ttl", "1", NULL),
                   "--ttl belongs to put, lock and elect");
    assert_refused(parse("cas", "k", "new", NULL), "one of --expect, --absent and --mod-revision");
    assert_refused(parse("cas", "k", "new", "--absent", "--expect", "v", NULL), "one of");
    assert_refused(parse("cas", "k", "-", "--expect", "-", NULL), "only one value");
}

static void check_help(enum de_cli_command command, bool ttl, bool expect)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    assert_non_null(file);
    de_cli_help(command, file);
    assert_int_equal(fclose(file), 0);
    assert_non_null(strstr(text, "\n  --endpoints "));
    assert_int_equal(strstr(text, "\n  --ttl SECONDS ") != NULL, ttl);
    assert_int_equal(strstr(text, "\n  --expect VALUE ") != NULL, expect);
    free(text);
}

static void test_the_help_of_a_command_has_its_options_and_no_others(void **state)
{
    (void)state;
    check_help(DE_CLI_LOCK, true, false);
    check_help(DE_CLI_CAS, false, true);
    check_help(DE_CLI_STATUS, false, false);
    check_help(DE_CLI_NONE, false, false);
}

static void test_members(void **state)
{
    (void)state;
    assert_int_equal(parse("member", "list", NULL), 0);
    assert_int_equal(arguments.command, DE_CLI_MEMBER);
    assert_int_equal(
        parse("member", "add", "4", "h:1", "--client-address", "h:2", "--read-only", NULL), 0);
    assert_int_equal(arguments.ids[0], 4);
    assert_string_equal(arguments.operand[2], "h:1");
    assert_string_equal(arguments.client_address, "h:2");
    assert_true(arguments.read_only);
    assert_int_equal(parse("member", "replace", "2", "4", NULL), 0);
    assert_int_equal(arguments.ids[1], 4);
    assert_int_equal(parse("member", "voters", "1,4,5", NULL), 0);
    assert_int_equal(arguments.id_count, 3);
    assert_int_equal(arguments.ids[2], 5);
    assert_int_equal(parse("transfer", "0", NULL), 0);
    assert_int_equal(arguments.ids[0], 0);
    assert_int_equal(parse("leader", NULL), 0);

    assert_refused(parse("member", NULL), "something is missing");
    assert_refused(parse("member", "join", "1", NULL), "no \"member join\"");
    assert_refused(parse("member", "add", "4", NULL), "usage: member (list");
    assert_non_null(strstr(arguments.message, "promote ID | remove ID |"));
    assert_refused(parse("member", "promote", "x", NULL), "ID x: must be 1");
    assert_refused(parse("member", "promote", "1,2", NULL), "ID 1,2: must be 1");
    assert_refused(parse("member", "promote", "4294967296", NULL), "must be 1 to 4294967295");
    assert_refused(parse("member", "voters", "1,,2", NULL), "must be 1");
    assert_refused(parse("member", "voters", "1,4,1", NULL), "ID 1 is there twice");
    assert_refused(parse("member", "remove", "1", "--read-only", NULL), "belongs to member add");
    assert_refused(parse("get", "k", "--read-only", NULL), "--read-only belongs to member");
    assert_refused(parse("transfer", NULL), "something is missing");
    assert_refused(parse("transfer", "x", NULL), "ID x: must be 1");
}

static void test_help_texts(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    (void)state;
    assert_non_null(file);
    de_cli_help(DE_CLI_NONE, file);
    de_cli_help(DE_CLI_CAS, file);
    assert_int_equal(fclose(file), 0);
    assert_non_null(strstr(text, "  put KEY VALUE"));
    assert_non_null(strstr(text, "--endpoints HOST:PORT,..."));
    assert_non_null(strstr(text, "usage: dengine-cli [OPTION...] cas KEY"));
    assert_non_null(strstr(text, "4 the outcome of a write is unknown"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wal),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_revisions),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_options_stand_anywhere),
        cmocka_unit_test(test_two_dashes_end_the_options),
        cmocka_unit_test(test_cas),
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_the_help_of_a_command_has_its_options_and_no_others),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_help_needs_nothing_else),
        cmocka_unit_test(test_refusals_say_what_is_wrong),
        cmocka_unit_test(test_help_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
