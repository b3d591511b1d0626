/* What dengine-cli prints with --output json, to the byte: who reads it is a program. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/server/one_server.h"

#define TIMEOUT_MS 20000
#define DIRECTORY  "json_command_test.data"

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

static void check(const char *input, int status, const char *output, const char *const *words)
{
    const char *argv[20] = {DE_TEST_CLI, "--endpoints", endpoint, "--timeout",
                            "20000",     "--output",    "json"};
    struct de_process *cli;
    size_t size;
    int got;

    for (size_t i = 0; words[i] != NULL; i++) {
        assert_true(i < 12);
        argv[7 + i] = words[i];
    }
    cli = de_process_run(argv, input, TIMEOUT_MS, &got);
    assert_string_equal(de_process_output(cli, &size), output);
    assert_int_equal(got, status);
    de_process_free(cli);
}

#define CLI(input, status, output, ...)                                                            \
    do {                                                                                           \
        static const char *const words_[] = {__VA_ARGS__, NULL};                                   \
        check((input), (status), (output), words_);                                                \
    } while (0)

#define OK "{\"ok\":true}\n"

/* Three keys, of one of which neither key nor value is text, and one with a lease. */
static void put_three(void)
{
    CLI(NULL, 0, "{\"lease\":1}\n", "lease", "grant", "3600");
    CLI(NULL, 0, OK, "put", "k/1", "a \"quoted\" value\n");
    CLI(NULL, 0, OK, "put", "k/2", "", "--lease", "1");
    CLI(NULL, 0, OK, "put", "k/\xff", "\xfe\x01\x02\x03");
}

#define FIRST  "{\"key\":\"k/1\",\"value\":\"a \\\"quoted\\\" value\\n\",\"revision\":3}"
#define SECOND "{\"key\":\"k/2\",\"value\":\"\",\"revision\":4,\"lease\":1}"
#define THIRD  "{\"key_base64\":\"ay//\",\"value_base64\":\"/gECAw==\",\"revision\":5}"

static void scans(void **state)
{
    (void)state;
    put_three();
    CLI(NULL, 0, FIRST "\n" SECOND "\n" THIRD "\n", "scan", "k/");
    CLI(NULL, 0, THIRD "\n" SECOND "\n", "scan", "k/", "--reverse", "--limit", "2");
    CLI(NULL, 0, "{\"key\":\"k/1\",\"revision\":3}\n", "scan", "k/", "--keys-only", "--limit", "1");
    CLI(NULL, 0, "{\"count\":3}\n", "scan", "", "--count");
    CLI(NULL, 0, "", "scan", "l");
}

static void transactions(void **state)
{
    (void)state;
    put_three();
    CLI("exists k/1\n"
        "then\n"
        "put k/3 new lease 1\n"
        "get k/2\n"
        "get none\n"
        "range k/ k0 1\n"
        "del k/1\n"
        "del-range k/2 k/4\n"
        "else\n"
        "get k/1\n",
        0,
        "{\"succeeded\":true,\"revision\":6,\"results\":["
        "{\"op\":\"put\",\"count\":0,\"more\":false,\"pairs\":[]},"
        "{\"op\":\"get\",\"count\":1,\"more\":false,\"pairs\":[" SECOND "]},"
        "{\"op\":\"get\",\"count\":0,\"more\":false,\"pairs\":[]},"
        "{\"op\":\"range\",\"count\":1,\"more\":true,\"pairs\":[" FIRST "]},"
        "{\"op\":\"del\",\"count\":1,\"more\":false,\"pairs\":[]},"
        "{\"op\":\"del-range\",\"count\":2,\"more\":false,\"pairs\":[]}]}\n",
        "txn");
    CLI("exists k/1\n"
        "else\n"
        "range \"\" \"\"\n",
        1,
        "{\"succeeded\":false,\"revision\":7,\"results\":["
        "{\"op\":\"range\",\"count\":1,\"more\":false,\"pairs\":[" THIRD "]}]}\n",
        "txn");
    CLI("", 0, "{\"succeeded\":true,\"revision\":8,\"results\":[]}\n", "txn");
    CLI("fetch k\n", 2, "", "txn");
}

static void watches(void **state)
{
    (void)state;
    put_three();
    CLI(NULL, 0, OK, "put", "k/2", "again", "--lease", "1");
    CLI(NULL, 0, OK, "put", "k/2", "brief", "--ttl", "1");
    CLI(NULL, 0,
        "{\"type\":\"put\",\"revision\":4,\"key\":\"k/2\",\"value\":\"\",\"create_revision\":4,"
        "\"version\":1,\"lease\":1}\n"
        "{\"type\":\"put\",\"revision\":6,\"key\":\"k/2\",\"value\":\"again\","
        "\"create_revision\":4,\"version\":2,\"lease\":1,\"previous\":\"\"}\n"
        "{\"type\":\"put\",\"revision\":7,\"key\":\"k/2\",\"value\":\"brief\","
        "\"create_revision\":4,\"version\":3,\"lease\":2,\"previous\":\"again\"}\n"
        "{\"type\":\"delete\",\"revision\":8,\"key\":\"k/2\",\"expired\":true,"
        "\"create_revision\":4,\"version\":3,\"lease\":2,\"previous\":\"brief\"}\n",
        "watch", "k/2", "--from-revision", "1", "--limit", "4", "--prev");
    CLI(NULL, 0,
        "{\"type\":\"put\",\"revision\":5,\"key_base64\":\"ay//\",\"value_base64\":\"/gECAw==\","
        "\"create_revision\":5,\"version\":1}\n",
        "watch", "k/\xff", "--prefix", "--from-revision", "1", "--limit", "1");
}

static void leases(void **state)
{
    (void)state;
    CLI(NULL, 0, "", "lease", "list", "0");
    CLI(NULL, 0, "{\"lease\":1}\n", "lease", "grant", "3600");
    CLI(NULL, 0, OK, "lease", "keep-alive", "1");
    CLI(NULL, 0, OK, "lease", "revoke", "1");
    {
        static const char *const late[][4] = {
            {"lease", "revoke", "1"}, {"lease", "keep-alive", "1"}, {"lease", "ttl", "1"}};
        char error[300];

        (void)snprintf(error, sizeof error,
                       "{\"error\":\"DENGINE_E_NO_LEASE\","
                       "\"message\":\"there is no such lease, or it has ended\","
                       "\"detail\":\"%s: there is no such lease, or it has ended\"}\n",
                       endpoint);
        for (size_t i = 0; i < 3; i++) {
            check(NULL, 1, error, late[i]);
        }
    }
    CLI(NULL, 0, "", "lease", "list", "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scans, setup, teardown),
        cmocka_unit_test_setup_teardown(transactions, setup, teardown),
        cmocka_unit_test_setup_teardown(watches, setup, teardown),
        cmocka_unit_test_setup_teardown(leases, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
