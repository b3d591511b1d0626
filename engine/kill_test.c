/* kill -9 of an embedded node in the middle of writes, again and again on one directory: nothing
 * that was acknowledged is lost.
 *
 * kill_test [SECONDS]: for so long, or twenty times.
 *
 * A child writes key i = i, eight calls in flight, and reports each acknowledged number through a
 * pipe. The parent kills it after some acknowledgements of a round, reads what is left in the pipe,
 * opens the directory itself and looks for every number ever acknowledged. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/engine_test_support.h"

#define DIRECTORY    "kill.data"
#define ROUNDS       20
#define IN_FLIGHT    8
#define NUMBERS_MAX  4000000u
#define ROUND_ACKS   40u
#define PADDING_SIZE 900

/* One of the calls that the child has in flight. */
struct writer {
    struct dengine_client *client;
    int out;
    uint32_t number;
    char value[PADDING_SIZE + 16];
};

static void write_next(struct writer *writer);

/* The value tells its key, and its size changes from one to the next, so that records end anywhere
 * in a block. */
static size_t make_value(uint32_t number, char *value)
{
    size_t size = 1 + number * 37u % PADDING_SIZE;

    memset(value, 'a' + (int)(number % 26u), size);
    return size + (size_t)snprintf(value + size, 16, "%u", number);
}

/* In the child no assert of the test library may be used: it would run on as a second parent. */
static void child_failed(const char *what, int err)
{
    (void)fprintf(stderr, "child: %s: %s\n", what, dengine_strerror(err));
    _exit(1);
}

static void on_written(void *context, struct dengine_reply *reply)
{
    struct writer *writer = context;

    if (reply->status != 0) {
        child_failed("put", reply->status);
    }
    /* Four bytes go into a pipe whole. */
    if (write(writer->out, &writer->number, sizeof(writer->number)) !=
        (ssize_t)sizeof(writer->number)) {
        _exit(1);
    }
    writer->number += IN_FLIGHT;
    write_next(writer);
}

static void write_next(struct writer *writer)
{
    size_t size = make_value(writer->number, writer->value);
    char key[16];
    int err;

    (void)snprintf(key, sizeof(key), "%u", writer->number);
    err = dengine_put_async(writer->client, DENGINE_STR(key), DENGINE_BYTES(writer->value, size),
                            NULL, on_written, writer);
    if (err != 0) {
        child_failed("put", err);
    }
}

static void run_child(int out, uint32_t first)
{
    static struct writer writers[IN_FLIGHT];
    struct dengine *engine;
    int err = dengine_open(DIRECTORY, &engine);
    uint32_t i;

    if (err != 0) {
        (void)fprintf(stderr, "child: %s\n", dengine_open_message());
        _exit(1);
    }
    for (i = 0; i < IN_FLIGHT; i++) {
        writers[i].client = dengine_client_of(engine);
        writers[i].out = out;
        writers[i].number = first + i;
        write_next(&writers[i]);
    }
    for (;;) {
        (void)pause();
    }
}

/* Reads numbers until `enough` have come or the pipe has ended; returns how many. */
static uint32_t read_numbers(int in, uint8_t *acknowledged, uint32_t enough, uint32_t *highest)
{
    uint32_t count = 0;
    uint32_t number;

    while (count < enough && read(in, &number, sizeof(number)) == (ssize_t)sizeof(number)) {
        assert_true(number < NUMBERS_MAX);
        acknowledged[number] = 1;
        *highest = number > *highest ? number : *highest;
        count++;
    }
    return count;
}

static void kill_one(uint32_t round, uint8_t *acknowledged, uint32_t *highest)
{
    uint32_t first = (*highest + 1 + IN_FLIGHT) / IN_FLIGHT * IN_FLIGHT;
    uint32_t before = ROUND_ACKS + round * 7u % 140u;
    int ends[2];
    int status;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        run_child(ends[1], first);
        _exit(1);
    }
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(read_numbers(ends[0], acknowledged, before, highest), before);
    assert_int_equal(kill(child, SIGKILL), 0);
    /* What it had acknowledged before it died is in the pipe. */
    (void)read_numbers(ends[0], acknowledged, UINT32_MAX, highest);
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void check_all(const uint8_t *acknowledged, uint32_t highest)
{
    static char expected[PADDING_SIZE + 16];
    struct dengine *engine;
    uint32_t number;

    if (dengine_open(DIRECTORY, &engine) != 0) {
        fail_msg("%s", dengine_open_message());
    }
    assert_int_equal(dengine_wait_ready(engine, 20000, NULL), 0);
    for (number = 0; number <= highest; number++) {
        struct dengine_value value;
        size_t size = make_value(number, expected);
        char key[16];
        int err;

        (void)snprintf(key, sizeof(key), "%u", number);
        err = dengine_get(dengine_client_of(engine), DENGINE_STR(key), DENGINE_EVENTUAL, NULL,
                          &value);
        if (acknowledged[number] && err != 0) {
            fail_msg("key %u was acknowledged and is gone: %s", number, dengine_strerror(err));
        }
        if (err == 0) {
            assert_int_equal(value.size, size);
            assert_memory_equal(value.data, expected, size);
        }
        dengine_value_free(&value);
    }
    assert_int_equal(dengine_close(engine), 0);
}

static void nothing_acknowledged_is_lost(void **state)
{
    static uint8_t acknowledged[NUMBERS_MAX];
    const time_t *seconds = *state;
    const time_t start = time(NULL);
    uint32_t highest = 0;
    uint32_t round;

    de_test_remove_tree(DIRECTORY);
    for (round = 0; *seconds == 0 ? round < ROUNDS : time(NULL) - start < *seconds; round++) {
        kill_one(round, acknowledged, &highest);
        check_all(acknowledged, highest);
    }
    assert_true(highest >= round * ROUND_ACKS);
    (void)printf("killed %u times; the highest number acknowledged is %u\n", round, highest);
    de_test_remove_tree(DIRECTORY);
}

int main(int argc, char **argv)
{
    time_t seconds = argc > 1 ? (time_t)strtol(argv[1], NULL, 10) : 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(nothing_acknowledged_is_lost, &seconds)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
