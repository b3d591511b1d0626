/* What an embedded engine does, step by step, each with the time it took:
 *
 *     quickstart [DIRECTORY]        (default: data)
 *
 * Opens a cluster of one in DIRECTORY, writes, reads, compares and swaps, deletes, closes, opens it
 * again and finds everything. It may be run again on the same directory: it counts its runs. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dengine/dengine.h>

#define READY_TIMEOUT_MS 10000
#define WRITES           1000

struct timer {
    struct timespec begin;
};

static void timer_start(struct timer *timer)
{
    (void)clock_gettime(CLOCK_MONOTONIC, &timer->begin);
}

static double timer_us(const struct timer *timer)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - timer->begin.tv_sec) * 1e6 +
           (double)(now.tv_nsec - timer->begin.tv_nsec) / 1e3;
}

/* One line of the story. */
static void told(const struct timer *timer, const char *what, const char *result)
{
    double us = timer_us(timer);

    if (us >= 10000) {
        printf("  %-46s %10.1f ms   %s\n", what, us / 1000, result);
    } else {
        printf("  %-46s %10.1f us   %s\n", what, us, result);
    }
}

static void fail(const char *what, int err, const char *detail)
{
    (void)fprintf(stderr, "quickstart: %s: %s%s%s\n", what, dengine_strerror(err),
                  detail[0] == '\0' ? "" : ": ", detail);
    exit(1);
}

static void check(const struct dengine_client *client, const char *what, int err)
{
    if (err != 0) {
        fail(what, err, dengine_last_error(client));
    }
}

static struct dengine *open_engine(const char *directory)
{
    struct dengine *engine;
    struct timer timer;
    uint64_t leader = 0;
    int err;

    timer_start(&timer);
    err = dengine_open(directory, &engine);
    if (err != 0) {
        fail("open", err, dengine_open_message());
    }
    told(&timer, "open", directory);
    timer_start(&timer);
    err = dengine_wait_ready(engine, READY_TIMEOUT_MS, &leader);
    if (err != 0) {
        fail("wait until ready", err, "");
    }
    told(&timer, "wait until a leader has committed", "ready");
    return engine;
}

static void close_engine(struct dengine *engine)
{
    struct timer timer;
    int err;

    timer_start(&timer);
    err = dengine_close(engine);
    if (err != 0) {
        fail("close", err, "");
    }
    told(&timer, "close", "");
}

/* Writes and reads one key, at each consistency. */
static void write_and_read(struct dengine_client *client)
{
    struct dengine_value value;
    struct timer timer;

    timer_start(&timer);
    check(client, "put", dengine_put(client, DENGINE_STR("greeting"), DENGINE_STR("hello"), NULL));
    told(&timer, "put greeting = hello", "on disk");

    timer_start(&timer);
    check(client, "get",
          dengine_get(client, DENGINE_STR("greeting"), DENGINE_LINEARIZABLE, NULL, &value));
    told(&timer, "get greeting, linearizable", "hello");
    dengine_value_free(&value);

    timer_start(&timer);
    check(client, "get",
          dengine_get(client, DENGINE_STR("greeting"), DENGINE_EVENTUAL, NULL, &value));
    told(&timer, "get greeting, eventual", "hello");
    dengine_value_free(&value);
}

/* Counts this run with compare-and-swap, as several processes of a cluster might at once. */
static void count_run(struct dengine_client *client)
{
    struct dengine_value value;
    struct dengine_slice old;
    struct timer timer;
    char before[24] = "";
    char after[24];
    bool succeeded;
    int err = dengine_get(client, DENGINE_STR("runs"), DENGINE_LINEARIZABLE, NULL, &value);

    if (err == 0) {
        (void)snprintf(before, sizeof(before), "%.*s", (int)value.size, (const char *)value.data);
        dengine_value_free(&value);
    } else if (err != DENGINE_E_NOT_FOUND) {
        check(client, "get", err);
    }
    old = DENGINE_STR(before);
    (void)snprintf(after, sizeof(after), "%ld", strtol(before, NULL, 10) + 1);
    timer_start(&timer);
    check(client, "compare and swap",
          dengine_compare_and_swap(client, DENGINE_STR("runs"), err == 0 ? &old : NULL,
                                   DENGINE_STR(after), NULL, &succeeded));
    if (!succeeded) {
        fail("compare and swap", DENGINE_E_INTERNAL, "somebody else counts in this directory");
    }
    told(&timer, "compare and swap the number of runs", after);

    timer_start(&timer);
    check(client, "compare and swap",
          dengine_compare_and_swap(client, DENGINE_STR("runs"), NULL, DENGINE_STR("1"), NULL,
                                   &succeeded));
    told(&timer, "compare and swap, expecting no such key",
         succeeded ? "swapped" : "refused, as it should be");
    if (succeeded) {
        fail("compare and swap", DENGINE_E_INTERNAL, "the key was not seen");
    }
}

static void write_many(struct dengine_client *client)
{
    struct timer timer;
    char key[32];
    char result[64];
    int i;

    timer_start(&timer);
    for (i = 0; i < WRITES; i++) {
        (void)snprintf(key, sizeof(key), "key-%04d", i);
        check(client, "put", dengine_put(client, DENGINE_STR(key), DENGINE_STR(key), NULL));
    }
    (void)snprintf(result, sizeof(result), "%.1f us each, every one synced",
                   timer_us(&timer) / WRITES);
    told(&timer, "put 1000 keys, one after the other", result);
}

static void delete_one(struct dengine_client *client)
{
    struct dengine_value value;
    struct timer timer;
    int err;

    timer_start(&timer);
    check(client, "delete", dengine_delete(client, DENGINE_STR("key-0000"), NULL));
    told(&timer, "delete key-0000", "");
    timer_start(&timer);
    err = dengine_get(client, DENGINE_STR("key-0000"), DENGINE_LINEARIZABLE, NULL, &value);
    if (err != DENGINE_E_NOT_FOUND) {
        fail("get of a deleted key", err, "");
    }
    told(&timer, "get key-0000, linearizable", "not found");
}

/* After the restart: everything that was acknowledged, and nothing that was deleted. */
static void find_again(struct dengine_client *client)
{
    struct dengine_value value;
    struct timer timer;
    char key[32];
    int found = 0;
    int i;

    timer_start(&timer);
    for (i = 0; i < WRITES; i++) {
        int err;

        (void)snprintf(key, sizeof(key), "key-%04d", i);
        err = dengine_get(client, DENGINE_STR(key), DENGINE_EVENTUAL, NULL, &value);
        if (err == 0) {
            found += value.size == strlen(key) && memcmp(value.data, key, value.size) == 0;
            dengine_value_free(&value);
        }
    }
    (void)snprintf(key, sizeof(key), "%d of %d", found, WRITES - 1);
    told(&timer, "get all keys, eventual", key);
    if (found != WRITES - 1) {
        fail("after the restart", DENGINE_E_CORRUPT, "keys are missing");
    }
}

int main(int argc, char **argv)
{
    const char *directory = argc > 1 ? argv[1] : "data";
    struct dengine *engine;
    struct dengine_client *client;

    printf("dengine %s, a cluster of one in this process\n", dengine_version());
    engine = open_engine(directory);
    client = dengine_client_of(engine);
    write_and_read(client);
    count_run(client);
    write_many(client);
    delete_one(client);
    close_engine(engine);

    printf("and again, from what is on the disk\n");
    engine = open_engine(directory);
    find_again(dengine_client_of(engine));
    close_engine(engine);
    printf("done: run it again, it goes on in %s\n", directory);
    return 0;
}
