/* dengine-cli snapshot: a backup of a running node, and a new cluster from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>

#include "engine/engine_test_support.h"
#include "tests/processes/process.h"

#define TIMEOUT_MS 30000

#define DIRECTORY "snapshot_command_test.data"
#define RESTORED  "snapshot_command_test.restored"
#define BACKUP    "snapshot_command_test.backup"

static struct de_process *start_server(const char *directory, char endpoint[64])
{
    const char *const argv[] = {DE_TEST_SERVER, "--data-dir",  directory,
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

/* Runs dengine-cli with up to seven words; its exit status, and whether what it printed has the
 * text. */
static void assert_cli(int status, const char *text, const char *endpoint, const char *a,
                       const char *b, const char *c, const char *d, const char *e)
{
    const char *const argv[] = {
        DE_TEST_CLI, "--endpoints", endpoint, "--timeout", "20000", a, b, c, d, e, NULL};
    int got;
    struct de_process *cli = de_process_run(argv, NULL, TIMEOUT_MS, &got);
    size_t size;
    const char *output = de_process_output(cli, &size);
    const char *said = size > 0 ? output : de_process_errors(cli);

    if (strstr(said, text) == NULL || got != status) {
        fail_msg("status %d, wanted %d; \"%s\" lacks \"%s\"", got, status, said, text);
    }
    de_process_free(cli);
}

static void remove_all(void)
{
    de_test_remove_tree(DIRECTORY);
    de_test_remove_tree(RESTORED);
    (void)remove(BACKUP);
}

static int clean(void **state)
{
    (void)state;
    remove_all();
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

static void test_a_backup_becomes_a_new_cluster(void **state)
{
    char endpoint[64];
    struct de_process *server = start_server(DIRECTORY, endpoint);

    (void)state;
    assert_cli(0, "ok", endpoint, "put", "fruit", "apple", NULL, NULL);
    assert_cli(0, "whole", endpoint, "snapshot", "save", BACKUP, NULL, NULL);
    assert_cli(0, "ok", endpoint, "put", "fruit", "pear", NULL, NULL); /* not in the backup */
    stop_server(server);
    assert_cli(0, "\"index\":", "nowhere", "snapshot", "status", BACKUP, "--output", "json");
    assert_cli(0, "ok", "nowhere", "snapshot", "restore", BACKUP, "--data-dir", RESTORED);
    assert_cli(3, "holds the data of a node already", "nowhere", "snapshot", "restore", BACKUP,
               "--data-dir", RESTORED);
    assert_cli(3, "holds the data of a node already", "nowhere", "snapshot", "restore", BACKUP,
               "--data-dir", DIRECTORY);
    server = start_server(RESTORED, endpoint);
    assert_cli(0, "apple", endpoint, "get", "fruit", NULL, NULL, NULL);
    assert_cli(0, "ok", endpoint, "put", "fruit", "plum", NULL, NULL);
    stop_server(server);
    server = start_server(RESTORED, endpoint);
    assert_cli(0, "plum", endpoint, "get", "fruit", NULL, NULL, NULL);
    stop_server(server);
}

static void test_a_damaged_backup_is_refused(void **state)
{
    char endpoint[64];
    struct de_process *server = start_server(DIRECTORY, endpoint);

    (void)state;
    assert_cli(0, "ok", endpoint, "put", "fruit", "apple", NULL, NULL);
    assert_cli(0, "whole", endpoint, "snapshot", "save", BACKUP, NULL, NULL);
    assert_cli(2, ". is a directory: name a file", endpoint, "snapshot", "save", ".", NULL, NULL);
    assert_cli(2, "name of the file is empty", endpoint, "snapshot", "save", "", NULL, NULL);
    assert_cli(2, "/dev/null is a device", endpoint, "snapshot", "save", "/dev/null", NULL, NULL);
    assert_cli(2, "is a directory", "nowhere", "snapshot", "status", ".", NULL, NULL);
    stop_server(server);
    flip_a_bit(BACKUP, 100);
    assert_cli(1, "(at byte ", "nowhere", "snapshot", "status", BACKUP, NULL, NULL);
    assert_cli(1, "(at byte ", "nowhere", "snapshot", "restore", BACKUP, "--data-dir", RESTORED);
    assert_cli(3, "", "nowhere", "snapshot", "status", "snapshot_command_test.none", NULL, NULL);
    assert_cli(1, "/etc/passwd cannot be used: the header is not that of a snapshot", "nowhere",
               "snapshot", "status", "/etc/passwd", NULL, NULL);
    assert_cli(2, "usage", "nowhere", "snapshot", "mend", BACKUP, NULL, NULL);
    assert_cli(2, "--data-dir", "nowhere", "snapshot", "restore", BACKUP, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_backup_becomes_a_new_cluster, clean, clean),
        cmocka_unit_test_setup_teardown(test_a_damaged_backup_is_refused, clean, clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
