/* What dengine-cli says to people when something is not as they thought: which server, what is
 * wrong, and nothing twice. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/server/one_server.h"

#define TIMEOUT_MS 20000
#define DIRECTORY  "message_test.data"
#define NOBODY     "127.0.0.1:1" /* where no server is */

static char endpoint[64];
static struct de_process *server;

static int setup(void **state)
{
    (void)state;
    server = de_one_server_start(DIRECTORY, endpoint);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    de_one_server_stop(server, DIRECTORY);
    return 0;
}

/* Runs dengine-cli with these words (until NULL). */
static struct de_process *run(int status, const char *const *words)
{
    const char *argv[20] = {DE_TEST_CLI, "--endpoints", endpoint};
    struct de_process *cli;
    int got;

    for (size_t i = 0; words[i] != NULL; i++) {
        assert_true(i < 12);
        argv[3 + i] = words[i];
    }
    cli = de_process_run(argv, NULL, TIMEOUT_MS, &got);
    assert_int_equal(got, status);
    return cli;
}

#define RUN(status, ...)                                                                           \
    run((status), (const char *const[]){__VA_ARGS__, NULL})

#define SAYS(status, message, ...)                                                                 \
    do {                                                                                           \
        struct de_process *cli_ = RUN((status), __VA_ARGS__);                                      \
        assert_string_equal(de_process_errors(cli_), message);                                     \
        de_process_free(cli_);                                                                     \
    } while (0)

static void test_a_server_that_is_not_there(void **state)
{
    (void)state;
    SAYS(3, "dengine-cli: no endpoint could be reached (" NOBODY ": cannot connect)\n", "get", "k",
         "--endpoints", NOBODY, "--timeout", "1000");
    SAYS(3, "dengine-cli: no endpoint could be reached (" NOBODY ": cannot connect)\n", "watch",
         "k", "--endpoints", NOBODY, "--timeout", "1000");
    SAYS(3, "dengine-cli: " NOBODY ": cannot connect\n", "snapshot", "save", "never.snap",
         "--endpoints", NOBODY);
}

static void test_nothing_is_said_twice(void **state)
{
    (void)state;
    SAYS(1, "dengine-cli: there is no such lease, or it has ended\n", "lease", "revoke", "999");
    SAYS(1, "dengine-cli: there is no such lease, or it has ended\n", "put", "k", "v", "--lease",
         "999");
}

static void test_a_comparison_of_two_kinds(void **state)
{
    (void)state;
    SAYS(2,
         "dengine-cli: cas needs exactly one of --expect, --absent and --mod-revision; usage: cas "
         "KEY (--expect VALUE | --absent | --mod-revision N) NEW\n",
         "cas", "k", "--absent", "--expect", "a", "b");
}

/* lock exits as the program does that it runs, not as other commands do. */
static void test_the_exit_status_of_lock(void **state)
{
    struct de_process *lock = RUN(0, "lock", "--help");
    struct de_process *get = RUN(0, "get", "--help");
    size_t size;

    (void)state;
    assert_non_null(strstr(de_process_output(lock, &size), "Exit status: that of CMD"));
    assert_null(strstr(de_process_output(lock, &size), "Exit status: 0 ok"));
    assert_non_null(strstr(de_process_output(get, &size), "Exit status: 0 ok"));
    de_process_free(get);
    de_process_free(lock);
}

/* An address that another member has is right when a dead machine is replaced, and else a slip. */
static void test_a_member_at_the_address_of_another(void **state)
{
    struct de_process *cli;
    char note[160];
    size_t size;

    (void)state;
    (void)snprintf(note, sizeof note,
                   "dengine-cli: note: member 1 is recorded at %s, too; only one of them can live "
                   "there\n",
                   endpoint);
    SAYS(0, "", "member", "move", "1", endpoint);
    SAYS(0, note, "member", "add", "2", endpoint);
    cli = RUN(0, "member", "list");
    assert_non_null(strstr(de_process_output(cli, &size), "2 learner"));
    assert_non_null(strstr(de_process_output(cli, &size), " behind by ")); /* it has nothing */
    de_process_free(cli);
    cli = RUN(3, "member", "promote", "2", "--timeout", "300");
    assert_non_null(strstr(de_process_errors(cli), "not caught up with the log yet"));
    assert_null(strstr(de_process_errors(cli), "limit"));
    de_process_free(cli);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_server_that_is_not_there), TEST(test_nothing_is_said_twice),
        TEST(test_a_comparison_of_two_kinds),  TEST(test_the_exit_status_of_lock),
        TEST(test_a_member_at_the_address_of_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
