/* kill -9 of a node of one that acknowledges from memory: what it loses is the end of what it
 * acknowledged, no more than the flush policy allows, and it serves again. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/engine_test_support.h"

#define DIRECTORY   "memfirst.data"
#define ROUNDS      8
#define ROUND_ACKS  150u
#define VALUE_BYTES 100u
#define FLUSH_BYTES "4096"
/* Entries that fit into FLUSH_BYTES. */
#define LOST_MAX (4096u / VALUE_BYTES)

/* No assert of the test library here: the child runs it too. */
static int open_node(const char *strategy, struct dengine **engine)
{
    struct dengine_config *config = dengine_config_new();
    int err = config == NULL ? DENGINE_E_NO_MEMORY : 0;

    *engine = NULL;
    err = err != 0 ? err : dengine_config_set(config, "cluster.db_root_dir", DIRECTORY);
    err = err != 0 ? err : dengine_config_set(config, "raft.persistence.strategy", strategy);
    err = err != 0 ? err
                   : dengine_config_set(config, "raft.persistence.flush_policy_bytes", FLUSH_BYTES);
    /* Only the bytes bound what is lost. */
    err = err != 0
              ? err
              : dengine_config_set(config, "raft.persistence.flush_policy_interval_ms", "60000");
    err = err != 0 ? err : dengine_open_config(config, engine);
    err = err != 0 ? err : dengine_wait_ready(*engine, 20000, NULL);
    dengine_config_free(config);
    if (err != 0) {
        (void)fprintf(stderr, "%s\n", dengine_open_message());
    }
    return err;
}

static void run_child(int out, uint32_t number)
{
    char value[VALUE_BYTES];
    struct dengine *engine;

    memset(value, 'v', sizeof(value));
    if (open_node("MemFirst", &engine) != 0) {
        _exit(1);
    }
    for (;; number++) {
        char key[16];

        (void)snprintf(key, sizeof(key), "%u", number);
        if (dengine_put(dengine_client_of(engine), DENGINE_STR(key),
                        DENGINE_BYTES(value, sizeof(value)), NULL) != 0 ||
            write(out, &number, sizeof(number)) != (ssize_t)sizeof(number)) {
            _exit(1);
        }
    }
}

/* Returns one more than the last number that was acknowledged. */
static uint32_t kill_one(uint32_t first)
{
    uint32_t number = first;
    uint32_t count = 0;
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
    while (count < ROUND_ACKS && read(ends[0], &number, sizeof(number)) == sizeof(number)) {
        count++;
    }
    assert_int_equal(count, ROUND_ACKS);
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read(ends[0], &number, sizeof(number)) == sizeof(number)) {
    }
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return number + 1;
}

/* How many of the numbers below end are there, which must be the first ones, but for those that
 * earlier lives had lost already. */
static uint32_t count_kept(const char *strategy, uint8_t *lost, uint32_t end)
{
    struct dengine *engine;
    uint32_t missing = 0;

    assert_int_equal(open_node(strategy, &engine), 0);
    for (uint32_t number = 0; number < end; number++) {
        struct dengine_value value;
        char key[16];
        int err;

        (void)snprintf(key, sizeof(key), "%u", number);
        err = dengine_get(dengine_client_of(engine), DENGINE_STR(key), DENGINE_LINEARIZABLE, NULL,
                          &value);
        dengine_value_free(&value);
        if (lost[number] != 0) {
            assert_int_equal(err, DENGINE_E_NOT_FOUND);
            continue;
        }
        if (err == DENGINE_E_NOT_FOUND) {
            lost[number] = 1;
            missing++;
            continue;
        }
        assert_int_equal(err, 0);
        assert_int_equal(missing, 0); /* what is lost is the end */
    }
    assert_int_equal(dengine_close(engine), 0);
    return missing;
}

static void a_crash_loses_no_more_than_the_flush_policy_allows(void **state)
{
    static uint8_t lost[1u << 20];
    uint32_t end = 0;
    uint32_t missing_ever = 0;

    (void)state;
    de_test_remove_tree(DIRECTORY);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t missing;

        end = kill_one(end);
        assert_true(end < sizeof(lost));
        /* The other strategy has to make good the same loss. */
        missing = count_kept(round % 2 == 0 ? "MemFirst" : "DiskFirst", lost, end);
        assert_true(missing <= LOST_MAX);
        missing_ever += missing;
    }
    assert_true(missing_ever > 0); /* or nothing was acknowledged from memory */
    /* Closed in order: nothing is lost any more. */
    assert_int_equal(count_kept("MemFirst", lost, end), 0);
    de_test_remove_tree(DIRECTORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_loses_no_more_than_the_flush_policy_allows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
