/* What a server does when its disk fails, and what it says: each fault made to happen to a real
 * process on real files. What it prints and its exit status are part of its interface
 * (docs/storage.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "engine/engine_test_support.h"
#include "tests/processes/process.h"

#define TIMEOUT_MS 60000

#define DIRECTORY "failure_test.data"
#define BACKUP    "failure.backup"
#define FAULTS    "failure_test.faults"
#define FIRST     DIRECTORY "/wal/wal-0000000000000001.seg"
#define SECOND    DIRECTORY "/wal/wal-0000000000000002.seg"

#define VALUE_BYTES 1000000

struct bench {
    char preload[PATH_MAX + 16];
    char directory[PATH_MAX + 64];
    char faults[PATH_MAX + 64];
    char endpoint[64];
    char *value;
};

static void clear_faults(void)
{
    (void)unlink(FAULTS);
}

static void set_fault(const char *name)
{
    FILE *file = fopen(FAULTS, "w");

    assert_non_null(file);
    assert_true(fputs(name, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    char here[PATH_MAX];

    assert_non_null(bench);
    assert_non_null(getcwd(here, sizeof(here)));
    (void)snprintf(bench->preload, sizeof(bench->preload), "LD_PRELOAD=%s", DE_TEST_PRELOAD);
    (void)snprintf(bench->directory, sizeof(bench->directory), "DE_FAULT_DIRECTORY=%s/%s", here,
                   DIRECTORY);
    (void)snprintf(bench->faults, sizeof(bench->faults), "DE_FAULT_FILE=%s/%s", here, FAULTS);
    bench->value = malloc(VALUE_BYTES + 1);
    assert_non_null(bench->value);
    memset(bench->value, 'v', VALUE_BYTES);
    bench->value[VALUE_BYTES] = '\0';
    de_test_remove_tree(DIRECTORY);
    clear_faults();
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    de_test_remove_tree(DIRECTORY);
    clear_faults();
    free(bench->value);
    free(bench);
    return 0;
}

static struct de_process *launch(const struct bench *bench)
{
    const char *const argv[] = {"/usr/bin/env",
                                bench->preload,
                                bench->directory,
                                bench->faults,
                                DE_TEST_SERVER,
                                "--data-dir",
                                DIRECTORY,
                                "--listen",
                                "127.0.0.1:0",
                                "--set",
                                "storage.wal_segment_bytes=16777216",
                                NULL};

    return de_process_start(argv, NULL);
}

static struct de_process *start(struct bench *bench)
{
    struct de_process *server = launch(bench);
    const uint16_t port = de_process_listening(server, TIMEOUT_MS);

    if (port == 0) {
        fail_msg("%s", de_process_errors(server));
    }
    (void)snprintf(bench->endpoint, sizeof(bench->endpoint), "127.0.0.1:%u", (unsigned)port);
    return server;
}

static void stop(struct de_process *server)
{
    de_process_signal(server, SIGTERM);
    assert_int_equal(de_process_wait(server, TIMEOUT_MS), 0);
    de_process_free(server);
}

/* The server ends by itself, with this status, and has said both. */
static void expect_end(struct de_process *server, int status, const char *what, const char *advice)
{
    const int got = de_process_wait(server, TIMEOUT_MS);
    const char *errors = de_process_errors(server);

    if (got != status || strstr(errors, what) == NULL || strstr(errors, advice) == NULL) {
        fail_msg("status %d, wanted %d; \"%s\" lacks \"%s\" or \"%s\"", got, status, errors, what,
                 advice);
    }
    de_process_free(server);
}

static void expect_refusal(struct bench *bench, int status, const char *what, const char *advice)
{
    expect_end(launch(bench), status, what, advice);
}

/* dengine-cli's exit status. */
static int cli(const struct bench *bench, const char *input, const char *first, const char *second,
               const char *third)
{
    const char *const argv[] = {DE_TEST_CLI, "--endpoints", bench->endpoint, "--timeout", "10000",
                                first,       second,        third,           NULL};
    int status;

    de_process_free(de_process_run(argv, input, TIMEOUT_MS, &status));
    return status;
}

static int put_large(const struct bench *bench, unsigned number)
{
    char key[16];

    (void)snprintf(key, sizeof(key), "%u", number);
    return cli(bench, bench->value, "put", key, "-");
}

static void edit(const char *path, long offset, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "r+b");

    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void test_a_failed_sync_halts_the_node_for_good(void **state)
{
    struct bench *bench = *state;
    struct de_process *server = start(bench);

    assert_int_equal(cli(bench, NULL, "put", "k", "v"), 0);
    set_fault("sync");
    assert_int_equal(cli(bench, NULL, "put", "k", "lost"), 4); /* unknown, and never "ok" */
    expect_end(server, 7, "syncing a segment", "check the disk and start the node again");
    clear_faults();
    server = start(bench);
    assert_int_equal(cli(bench, NULL, "get", "k", NULL), 0);
    stop(server);
}

static void test_a_disk_that_cannot_be_read_is_named(void **state)
{
    struct bench *bench = *state;

    stop(start(bench));
    set_fault("read");
    expect_refusal(bench, 7, "input/output error", "check the disk");
}

/* Writes are refused before the log is full, reads go on, and so do writes when there is room. */
static void test_a_full_disk_refuses_writes_until_there_is_room(void **state)
{
    struct bench *bench = *state;
    struct de_process *server = start(bench);
    unsigned written = 0;
    int status;

    assert_int_equal(cli(bench, NULL, "put", "k", "v"),
                     0); /* all files have what they begin with */
    set_fault("space");
    do {
        status = put_large(bench, written);
        written += status == 0;
    } while (status == 0);
    assert_int_equal(status, 3); /* not done */
    assert_true(written >= 4);
    assert_true(de_process_expect(server, "a disk is full", 0, TIMEOUT_MS));
    assert_int_equal(cli(bench, NULL, "get", "0", NULL), 0);
    assert_int_equal(put_large(bench, 1000), 3);
    clear_faults();
    assert_true(de_process_expect(server, "there is room again", 0, TIMEOUT_MS));
    assert_int_equal(put_large(bench, 1000), 0);
    stop(server);
    server = start(bench);
    for (unsigned i = 0; i < written; i++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "%u", i);
        assert_int_equal(cli(bench, NULL, "get", key, NULL), 0);
    }
    stop(server);
}

/* It can be stopped in good order while it waits for room. */
static void test_a_node_without_room_can_be_stopped(void **state)
{
    struct bench *bench = *state;
    struct de_process *server = start(bench);
    unsigned written = 0;

    set_fault("space");
    while (put_large(bench, written) == 0) {
        written++;
    }
    stop(server);
}

/* The node goes on as before, and so do its snapshots when there is room. */
static void test_a_snapshot_without_room_does_no_harm(void **state)
{
    struct bench *bench = *state;
    struct de_process *server = start(bench);

    assert_int_equal(cli(bench, NULL, "put", "k", "v"), 0);
    set_fault("space");
    assert_int_equal(cli(bench, NULL, "snapshot", "save", BACKUP), 3);
    assert_int_equal(access(BACKUP, F_OK), -1);
    assert_int_equal(cli(bench, NULL, "put", "k", "w"), 0); /* the log has room of its own */
    assert_int_equal(cli(bench, NULL, "get", "k", NULL), 0);
    clear_faults();
    assert_int_equal(cli(bench, NULL, "snapshot", "save", BACKUP), 0);
    assert_int_equal(access(DIRECTORY "/snapshots/snapshot.tmp", F_OK), -1);
    assert_int_equal(remove(BACKUP), 0);
    stop(server);
}

static void test_no_room_to_start_in(void **state)
{
    set_fault("space");
    expect_refusal(*state, 4, "no space left", "have room");
}

/* As with a full disk, and not by a signal without a word. */
static void test_files_may_be_no_longer(void **state)
{
    static const char script[] = "ulimit -f 2000; exec \"$0\" \"$@\""; /* of 512 bytes */
    const char *const argv[] = {"/bin/sh",      "-c",          script,
                                DE_TEST_SERVER, "--data-dir",  DIRECTORY,
                                "--listen",     "127.0.0.1:0", NULL};

    (void)state;
    expect_end(de_process_start(argv, NULL), 4, "no space left on the device", "have room");
}

static void test_a_read_only_file_system(void **state)
{
    struct bench *bench = *state;

    stop(start(bench));
    set_fault("rofs");
    expect_refusal(bench, 3, "ead-only file system", "must be writable");
}

static void test_wrong_permissions(void **state)
{
    struct bench *bench = *state;

    stop(start(bench));
    set_fault("access");
    expect_refusal(bench, 3, "ermission denied", "must be writable");
}

static void test_two_processes(void **state)
{
    struct bench *bench = *state;
    struct de_process *first = start(bench);

    expect_refusal(bench, 3, "is in use by process", "stop that process");
    assert_int_equal(cli(bench, NULL, "put", "k", "v"), 0);
    stop(first);
}

static void test_a_directory_that_is_not_ours(void **state)
{
    struct bench *bench = *state;
    FILE *file;

    stop(start(bench));
    assert_int_equal(unlink(DIRECTORY "/dengine.id"), 0);
    file = fopen(DIRECTORY "/notes.txt", "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    expect_refusal(bench, 3, "nothing was touched", "");
    assert_int_equal(unlink(DIRECTORY "/notes.txt"), 0);
}

/* The version that follows the magic, with the checksum that goes with it. */
static void set_version(uint32_t version)
{
    uint8_t preamble[16] = {'D', 'E', 'N', 'G', 'W', 'A', 'L', 'S'};

    de_store_u32(preamble + 8, version);
    de_store_u32(preamble + 12, de_crc32c(0, preamble, 12));
    edit(FIRST, 0, preamble, sizeof(preamble));
}

static void test_another_version_is_told_from_damage(void **state)
{
    struct bench *bench = *state;

    stop(start(bench));
    set_version(0);
    expect_refusal(bench, 6, "another version of the log format", "use the program version");
    set_version(2);
    expect_refusal(bench, 6, "another version of the log format", "use the program version");
}

/* More than one segment of log. */
static void fill(struct bench *bench)
{
    struct de_process *server = start(bench);

    for (unsigned i = 0; i < 36; i++) {
        assert_int_equal(put_large(bench, i), 0);
    }
    stop(server);
}

static void test_bit_rot_in_a_cold_segment(void **state)
{
    struct bench *bench = *state;

    fill(bench);
    edit(FIRST, 5000000, "!", 1);
    expect_refusal(bench, 5, "file wal-0000000000000001.seg, byte offset",
                   "to rebuild this node from its peers, move its data directory away and let a "
                   "server with a new id take its place");
}

static void test_a_missing_segment(void **state)
{
    struct bench *bench = *state;

    fill(bench);
    assert_int_equal(unlink(SECOND), 0);
    expect_refusal(bench, 5, "segment file wal-0000000000000002.seg is missing",
                   "to rebuild this node from its peers");
}

/* The state is a view: cut short, it is made again from the log. */
static void test_a_state_file_that_was_cut_short(void **state)
{
    struct bench *bench = *state;
    struct de_process *server = start(bench);

    assert_int_equal(cli(bench, NULL, "put", "k", "v"), 0);
    stop(server);
    assert_int_equal(truncate(DIRECTORY "/state/data.mdb", 100), 0);
    server = start(bench);
    assert_int_equal(cli(bench, NULL, "get", "k", NULL), 0);
    assert_non_null(strstr(de_process_errors(server), "mended"));
    assert_non_null(strstr(de_process_errors(server), "the size it was closed with"));
    stop(server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_failed_sync_halts_the_node_for_good),
        TEST(test_a_disk_that_cannot_be_read_is_named),
        TEST(test_a_full_disk_refuses_writes_until_there_is_room),
        TEST(test_a_node_without_room_can_be_stopped),
        TEST(test_a_snapshot_without_room_does_no_harm),
        TEST(test_no_room_to_start_in),
        TEST(test_files_may_be_no_longer),
        TEST(test_a_read_only_file_system),
        TEST(test_wrong_permissions),
        TEST(test_two_processes),
        TEST(test_a_directory_that_is_not_ours),
        TEST(test_another_version_is_told_from_damage),
        TEST(test_bit_rot_in_a_cold_segment),
        TEST(test_a_missing_segment),
        TEST(test_a_state_file_that_was_cut_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
