/* dengine-cli wal: what it says about the log of a real node, running, stopped and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>
#include <unistd.h>

#include "engine/engine_test_support.h"
#include "tests/processes/process.h"

#define TIMEOUT_MS 20000

#define DIRECTORY "wal_command_test.data"
#define SEGMENT   DIRECTORY "/wal/wal-0000000000000001.seg"

static struct de_process *start_server(char endpoint[64])
{
    static const char *const argv[] = {DE_TEST_SERVER, "--data-dir",  DIRECTORY,
                                       "--listen",     "127.0.0.1:0", NULL};
    struct de_process *server = de_process_start(argv, NULL);
    const uint16_t port = de_process_listening(server, TIMEOUT_MS);

    assert_int_not_equal(port, 0);
    (void)snprintf(endpoint, 64, "127.0.0.1:%u", (unsigned)port);
    return server;
}

static void stop_server(struct de_process *server)
{
    de_process_signal(server, SIGTERM);
    assert_int_equal(de_process_wait(server, TIMEOUT_MS), 0);
    de_process_free(server);
}

/* Runs it; the exit status, and whether what it printed has each of the texts. */
static void assert_wal(int status, const char *verb, const char *directory, const char *format,
                       const char *first, const char *second)
{
    const char *const argv[] = {DE_TEST_CLI, "wal", verb, directory, "--output", format, NULL};
    int got;
    struct de_process *cli = de_process_run(argv, NULL, TIMEOUT_MS, &got);
    size_t size;
    const char *output = de_process_output(cli, &size);
    const char *text = size > 0 ? output : de_process_errors(cli);

    if (strstr(text, first) == NULL || strstr(text, second) == NULL || got != status) {
        fail_msg("status %d, wanted %d; \"%s\" lacks \"%s\" or \"%s\"", got, status, text, first,
                 second);
    }
    de_process_free(cli);
}

static int clean(void **state)
{
    (void)state;
    de_test_remove_tree(DIRECTORY);
    return 0;
}

static void flip_a_bit(const char *path, long offset)
{
    FILE *file = fopen(path, "r+b");
    int byte;

    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    byte = fgetc(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 4, file), byte ^ 4);
    assert_int_equal(fclose(file), 0);
}

static void test_a_log_is_inspected_when_its_node_is_stopped(void **state)
{
    char endpoint[64];
    struct de_process *server = start_server(endpoint);
    const char *const put[] = {DE_TEST_CLI, "--endpoints", endpoint, "--timeout", "20000",
                               "put",       "k",           "v",      NULL};
    int status;

    (void)state;
    de_process_free(de_process_run(put, NULL, TIMEOUT_MS, &status));
    assert_int_equal(status, 0);
    assert_wal(3, "verify", DIRECTORY, "text", "is in use by process", "stop that process");
    assert_wal(3, "verify", DIRECTORY "/wal", "json", "DENGINE_E_LOCKED", "is in use by process");
    stop_server(server);
    assert_wal(0, "verify", DIRECTORY, "text", "ok: 1 segments and 0 spares", "node 1 of cluster");
    assert_wal(0, "verify", DIRECTORY "/wal", "json", "{\"ok\":true,\"segments\":1",
               "\"torn\":false");
    assert_wal(0, "inspect", DIRECTORY, "text", "wal-0000000000000001.seg  67108864 bytes, node 1",
               "command,");
    assert_wal(0, "inspect", DIRECTORY, "json", "{\"segment\":\"wal-0000000000000001.seg\"",
               "\"type\":\"entry\"");
}

static void test_damage_is_named_with_what_to_do(void **state)
{
    char endpoint[64];
    static const char *const argv[] = {DE_TEST_SERVER, "--data-dir",  DIRECTORY,
                                       "--listen",     "127.0.0.1:0", NULL};
    struct de_process *server;
    int status;

    (void)state;
    server = start_server(endpoint);
    assert_true(de_process_expect(server, "ready=1", 0, TIMEOUT_MS)); /* so there is a second */
    stop_server(server);
    flip_a_bit(SEGMENT, 530); /* in the first record */
    assert_wal(1, "verify", DIRECTORY, "text", "file wal-0000000000000001.seg, byte offset 512",
               "to rebuild this node from its peers");
    assert_wal(1, "verify", DIRECTORY, "json",
               "{\"error\":\"DENGINE_E_CORRUPT\",\"message\":", "byte offset 512");
    /* The node says the same and does not start. */
    server = de_process_run(argv, NULL, TIMEOUT_MS, &status);
    assert_non_null(strstr(de_process_errors(server), "byte offset 512"));
    assert_int_not_equal(status, 0);
    de_process_free(server);
}

static void test_what_is_no_log_is_said_to_be_none(void **state)
{
    (void)state;
    assert_wal(3, "verify", DIRECTORY, "text", DIRECTORY, "");
    assert_wal(3, "verify", ".", "text", "there is no write-ahead log", "");
    assert_wal(2, "mend", DIRECTORY, "text", "there is no \"wal mend\"", "usage: wal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_log_is_inspected_when_its_node_is_stopped, clean),
        cmocka_unit_test_setup(test_damage_is_named_with_what_to_do, clean),
        cmocka_unit_test_setup(test_what_is_no_log_is_said_to_be_none, clean),
    };

    return cmocka_run_group_tests(tests, NULL, clean);
}
