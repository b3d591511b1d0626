/* Every way to start dengine-server wrongly: it says what is wrong, exits non-zero, and leaves
 * everything as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine_test_support.h"
#include "tests/processes/process.h"

#define TIMEOUT_MS 20000

/* Never to be made by a server that cannot start. */
#define FRESH "bad_input.data"

struct wrong {
    int status;
    const char *message; /* part of what is printed */
    const char *words[12];
};

static const struct wrong table[] = {
    {2, "there is no flag --data-dri; did you mean --data-dir?", {"--data-dri", FRESH}},
    {2, "\"serve\" is not a flag", {"serve"}},
    {2, "--listen needs a value", {"--data-dir", FRESH, "--listen"}},
    {2, "(--data-dir)", {"--listen", "127.0.0.1:0"}},
    {2, "(--listen)", {"--data-dir", FRESH}},
    {2, "a port up to 65535 (--listen)", {"--data-dir", FRESH, "--listen", "127.0.0.1:65536"}},
    {2,
     "did you mean \"raft.batching.max_batch_size\"?",
     {"--data-dir", FRESH, "--set", "raft.batching.max_batch=3"}},
    {2, "--set max: the form is --set section.key=value", {"--set", "max"}},
    {2, "--node-id: cluster.node_id = 0", {"--data-dir", FRESH, "--node-id", "0"}},
    {2, "must be a number from 5 to 300000 ms", {"--data-dir", FRESH, "--heartbeat", "fast"}},
    {2, "must be one of DiskFirst", {"--data-dir", FRESH, "--persistence", "Sometimes"}},
    {2, "election_timeout_max", {"--data-dir", FRESH, "--election-timeout-min", "5000"}},
    {2, "host:port", {"--data-dir", FRESH, "--listen", "here"}},
    {2,
     "does not contain this node",
     {"--data-dir", FRESH, "--node-id", "4", "--initial-cluster",
      "1=127.0.0.1:1,2=127.0.0.1:2,3=127.0.0.1:3"}},
    {2,
     "cluster.node_id is missing",
     {"--data-dir", FRESH, "--initial-cluster", "1=127.0.0.1:1,2=127.0.0.1:2"}},
    {2, "id=host:port", {"--data-dir", FRESH, "--initial-cluster", "one,two"}},
    {2, "no_such_file.toml", {"--config", "no_such_file.toml"}},
    {2, "--log-format xml: must be text or json", {"--log-format", "xml"}},
    {2, "192.0.2.1", {"--data-dir", FRESH, "--listen", "192.0.2.1:9999"}}, /* nobody's */
    {3, "/sys/dengine", {"--data-dir", "/sys/dengine", "--listen", "127.0.0.1:0"}},
    {3, "no_such_parent", {"--data-dir", "no_such_parent/data", "--listen", "127.0.0.1:0"}},
};

static struct de_process *run_server(const char *const *words, int *status)
{
    const char *argv[16] = {DE_TEST_SERVER};
    size_t i;

    for (i = 0; i < 12 && words[i] != NULL; i++) {
        argv[1 + i] = words[i];
    }
    return de_process_run(argv, NULL, TIMEOUT_MS, status);
}

static void assert_wrong(const struct wrong *wrong)
{
    int status;
    struct de_process *server = run_server(wrong->words, &status);
    const char *errors = de_process_errors(server);

    if (status != wrong->status || strstr(errors, wrong->message) == NULL) {
        fail_msg("exit status %d for %d, \"%s\" not in:\n%s", status, wrong->status, wrong->message,
                 errors);
    }
    de_process_free(server);
}

static void test_usage_and_configuration(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_wrong(&table[i]);
        assert_int_not_equal(access(FRESH, F_OK), 0);
    }
}

static void test_a_file_is_quoted_with_its_line(void **state)
{
    static const char text[] =
        "[cluster]\nnode_id = 1\n[raft.election]\nelection_timeout_mni = 5\n";
    static const struct wrong unknown = {2, "bad.toml:4: ", {"--config", "bad.toml"}};
    static const struct wrong nearest = {2, "election_timeout_min", {"--config", "bad.toml"}};
    FILE *file = fopen("bad.toml", "w");

    (void)state;
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_wrong(&unknown);
    assert_wrong(&nearest);
    assert_int_equal(unlink("bad.toml"), 0);
}

/* What it could not do without it is not begun, and no library ends the process. */
static void test_too_few_files(void **state)
{
    static const char script[] =
        "ulimit -n $1; exec \"$0\" --data-dir " FRESH " --listen 127.0.0.1:0";
    static const char *const limits[] = {"8", "12", "14", "16", "20", "63"};

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const char *const argv[] = {"/bin/sh", "-c", script, DE_TEST_SERVER, limits[i], NULL};
        char said[64];
        int status;
        struct de_process *server = de_process_run(argv, NULL, TIMEOUT_MS, &status);

        (void)snprintf(said, sizeof said, "may open only %s files and needs 64", limits[i]);
        assert_non_null(strstr(de_process_errors(server), said));
        assert_int_equal(status, 3);
        assert_int_not_equal(access(FRESH, F_OK), 0);
        de_process_free(server);
    }
}

/* Nobody is there to be joined, and the server goes on asking: it says so at once. */
static void test_a_cluster_to_join_that_does_not_answer(void **state)
{
    static const char *const argv[] = {
        DE_TEST_SERVER, "--data-dir",     FRESH,    "--node-id",   "2",
        "--listen",     "127.0.0.1:9099", "--join", "127.0.0.1:1", NULL};
    struct de_process *server = de_process_start(argv, NULL);

    (void)state;
    assert_true(de_process_expect(server, "INFO joining asks=\"127.0.0.1:1\" waits_ms=20000", 0,
                                  TIMEOUT_MS));
    de_process_signal(server, SIGTERM); /* which ends the waiting, and is no failure */
    assert_int_equal(de_process_wait(server, TIMEOUT_MS), 0);
    assert_non_null(strstr(de_process_errors(server), "INFO stopping signal=\"SIGTERM\""));
    de_process_free(server);
    de_test_remove_tree(FRESH);
}

/* The second name is none that could be looked up anywhere. */
static void test_endpoints_that_cannot_be_reached(void **state)
{
    static const char *const wrong[][2] = {
        {"127.0.0.1:1", "127.0.0.1:1: cannot connect"},
        {"no..name:1", "no..name:1: its name cannot be looked up"},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *const argv[] = {DE_TEST_CLI, "--endpoints", wrong[i][0], "--timeout",
                                    "2000",      "get",         "k",         NULL};
        int status;
        struct de_process *cli = de_process_run(argv, NULL, TIMEOUT_MS, &status);

        assert_int_equal(status, 3);
        assert_non_null(strstr(de_process_errors(cli), wrong[i][1]));
        de_process_free(cli);
    }
}

static void test_port_in_use(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    char listen_address[64];
    const struct wrong wrong = {3, "in use", {"--data-dir", FRESH, "--listen", listen_address}};
    int taken = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    assert_true(taken >= 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(taken, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(taken, 1), 0);
    assert_int_equal(getsockname(taken, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(listen_address, sizeof listen_address, "127.0.0.1:%u",
                   (unsigned)ntohs(address.sin_port));
    assert_wrong(&wrong);
    assert_int_not_equal(access(FRESH, F_OK), 0);
    assert_int_equal(close(taken), 0);
}

static void test_second_process_on_one_directory(void **state)
{
    static const char *const argv[] = {DE_TEST_SERVER, "--data-dir",  "bad_input.busy",
                                       "--listen",     "127.0.0.1:0", NULL};
    static const struct wrong wrong = {
        3, "in use", {"--data-dir", "bad_input.busy", "--listen", "127.0.0.1:0"}};
    struct de_process *first = de_process_start(argv, NULL);

    (void)state;
    assert_int_not_equal(de_process_listening(first, TIMEOUT_MS), 0);
    assert_wrong(&wrong);
    de_process_signal(first, SIGTERM);
    assert_int_equal(de_process_wait(first, TIMEOUT_MS), 0);
    de_process_free(first);
    de_test_remove_tree("bad_input.busy");
}

static void test_foreign_directory_is_left_alone(void **state)
{
    static const struct wrong wrong = {
        3, "nothing was touched", {"--data-dir", "bad_input.foreign", "--listen", "127.0.0.1:0"}};
    FILE *file;

    (void)state;
    de_test_remove_tree("bad_input.foreign");
    assert_int_equal(mkdir("bad_input.foreign", 0700), 0);
    file = fopen("bad_input.foreign/mine.txt", "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_wrong(&wrong);
    assert_int_equal(unlink("bad_input.foreign/mine.txt"), 0);
    assert_int_equal(rmdir("bad_input.foreign"), 0); /* nothing else is in it */
}

static void test_directory_without_permission(void **state)
{
    static const struct wrong wrong = {
        3, "bad_input.closed", {"--data-dir", "bad_input.closed", "--listen", "127.0.0.1:0"}};

    (void)state;
    if (geteuid() == 0) {
        skip(); /* root may do everything */
    }
    assert_int_equal(mkdir("bad_input.closed", 0), 0);
    assert_wrong(&wrong);
    assert_int_equal(rmdir("bad_input.closed"), 0);
}

static void test_a_file_for_a_directory(void **state)
{
    static const struct wrong wrong = {
        2, "bad_input.file", {"--data-dir", "bad_input.file", "--listen", "127.0.0.1:0"}};
    FILE *file = fopen("bad_input.file", "w");

    (void)state;
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_wrong(&wrong);
    assert_int_equal(unlink("bad_input.file"), 0);
}

static void test_check_config_prints_and_touches_nothing(void **state)
{
    static const char *const words[12] = {
        "--data-dir",     FRESH,   "--listen",         "127.0.0.1:0",
        "--check-config", "--set", "cluster.name=test"};
    int status;
    struct de_process *server = run_server(words, &status);
    size_t size;
    const char *output = de_process_output(server, &size);

    (void)state;
    assert_int_equal(status, 0);
    assert_non_null(strstr(output, "[cluster]\n"));
    assert_non_null(strstr(output, "db_root_dir = \"" FRESH "\"\n"));
    assert_non_null(strstr(output, "name = \"test\"\n"));
    assert_non_null(strstr(output, "# 20 to 600000 ms\nelection_timeout_min = 500\n"));
    assert_non_null(strstr(output, "# one of wal|lmdb\nlog_store = \"wal\"\n"));
    assert_non_null(strstr(output, "# each id=host:port\ninitial_cluster = []\n"));
    assert_int_not_equal(access(FRESH, F_OK), 0);
    de_process_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage_and_configuration),
        cmocka_unit_test(test_a_file_is_quoted_with_its_line),
        cmocka_unit_test(test_too_few_files),
        cmocka_unit_test(test_a_cluster_to_join_that_does_not_answer),
        cmocka_unit_test(test_endpoints_that_cannot_be_reached),
        cmocka_unit_test(test_port_in_use),
        cmocka_unit_test(test_second_process_on_one_directory),
        cmocka_unit_test(test_foreign_directory_is_left_alone),
        cmocka_unit_test(test_directory_without_permission),
        cmocka_unit_test(test_a_file_for_a_directory),
        cmocka_unit_test(test_check_config_prints_and_touches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
