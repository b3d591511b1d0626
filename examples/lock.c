/* Several processes add up one number, each step under a lock, with writes that are refused when
 * the lock was lost meanwhile.
 *
 *   lock ENDPOINTS TIMES [PAUSE_MS]
 *
 * adds 1 to the number in the key "total", TIMES times, with the lock "total"; between reading and
 * writing it rests for PAUSE_MS, as a slow program would. Each step prints a line. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <dengine/lock.h>

#define LEASE_MS 2000

/* The number in "total", 0 when there is none; -1 when it cannot be read. */
static long read_total(struct dengine_client *client)
{
    struct dengine_value value;
    char text[32] = "0";
    int err = dengine_get(client, DENGINE_STR("total"), DENGINE_LINEARIZABLE, NULL, &value);

    if (err != 0) {
        return err == DENGINE_E_NOT_FOUND ? 0 : -1;
    }
    snprintf(text, sizeof text, "%.*s", (int)value.size, (const char *)value.data);
    dengine_value_free(&value);
    return strtol(text, NULL, 10);
}

/* Writes number, unless the lock is not ours any more. 0 or an error; *done: it was written. */
static int write_total(struct dengine_client *client, struct dengine_lock *lock, long number,
                       int *done)
{
    struct dengine_compare guard = dengine_lock_guard(lock);
    struct dengine_op put = {.type = DENGINE_OP_PUT, .key = DENGINE_STR("total")};
    struct dengine_txn txn = {&guard, 1, &put, 1, NULL, 0};
    struct dengine_txn_result result;
    char text[32];
    int err;

    snprintf(text, sizeof text, "%ld", number);
    put.value = DENGINE_STR(text);
    err = dengine_txn(client, &txn, NULL, &result);
    *done = err == 0 && result.succeeded;
    if (err == 0) {
        dengine_txn_result_free(&result);
    }
    return err;
}

/* One step under the lock; whether it was done. */
static int step(struct dengine_client *client, struct dengine_lock *lock, long pause_ms)
{
    struct timespec pause = {pause_ms / 1000, pause_ms % 1000 * 1000000};
    unsigned long long token = dengine_lock_token(lock);
    long number = read_total(client);
    int done = 0;
    int err = 0;

    printf("held with token %llu\n", token);
    if (number >= 0) {
        nanosleep(&pause, NULL);
        err = write_total(client, lock, number + 1, &done);
    }
    if (done) {
        printf("wrote %ld with token %llu\n", number + 1, token);
    } else if (err == 0) {
        printf("refused: token %llu is of yesterday\n", token);
    } else {
        printf("not known whether %ld was written: %s\n", number + 1, dengine_strerror(err));
    }
    return done;
}

int main(int argc, char **argv)
{
    struct dengine_lock_options options = {.lease_ms = LEASE_MS};
    struct dengine_client *client;
    struct dengine_lock *lock;
    long pause_ms;
    long times;

    if (argc < 3 || dengine_connect(argv[1], NULL, &client) != 0) {
        fprintf(stderr, "usage: lock ENDPOINTS TIMES [PAUSE_MS]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (dengine_lock_open(client, DENGINE_STR("total"), &options, &lock) != 0) {
        fprintf(stderr, "lock: %s\n", dengine_last_error(client));
        dengine_disconnect(client);
        return 1;
    }
    times = strtol(argv[2], NULL, 10);
    pause_ms = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    while (times > 0) {
        int err = dengine_lock_acquire(lock, 60000);

        if (err == 0) {
            times -= step(client, lock, pause_ms);
            dengine_lock_release(lock);
        } else if (err != DENGINE_E_NO_LEASE) {
            fprintf(stderr, "lock: %s: %s\n", dengine_strerror(err), dengine_last_error(client));
            break;
        }
    }
    dengine_lock_close(lock);
    dengine_disconnect(client);
    return times > 0 ? 1 : 0;
}
