#include "benches/load.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/assert.h"
#include "core/base/random.h"

/* Who goes on with a slot after an operation was started: whoever comes second of the starting call
 * that returns and the callback that is called. So a callback inside the call does not recurse. */
enum { NEITHER_YET = 0, ONE_HAS_COME = 1 };

struct load_run;

struct slot {
    struct load_run *run;
    struct de_random random;
    uint64_t started_ns;
    atomic_int meeting;
    struct de_histogram latency_ns;
    uint64_t errors;
    int first_error;
};

struct load_run {
    const struct de_load *load;
    uint64_t record_from_ns;
    uint64_t end_ns;
    struct dengine_slice value;
    struct slot *slots;
    pthread_mutex_t mutex;
    pthread_cond_t finished;
    uint32_t running; /* slots, under mutex */
};

uint64_t de_bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void de_load_key(uint32_t number, char key[DE_LOAD_KEY_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = DE_LOAD_KEY_BYTES; i > 0; i--) {
        key[i - 1] = digits[number & 15];
        number >>= 4;
    }
    key[DE_LOAD_KEY_BYTES] = '\0';
    DE_ASSERT(number == 0);
}

static void record(struct slot *slot, int status)
{
    uint64_t now_ns = de_bench_now_ns();
    if (slot->started_ns < slot->run->record_from_ns) {
        return;
    }
    if (status != 0) {
        slot->first_error = slot->errors == 0 ? status : slot->first_error;
        slot->errors++;
        return;
    }
    de_histogram_record(&slot->latency_ns, now_ns - slot->started_ns);
}

static enum dengine_consistency consistency_of(enum de_load_operation operation)
{
    return operation == DE_LOAD_GET_EVENTUAL ? DENGINE_EVENTUAL : DENGINE_LINEARIZABLE;
}

static void draw_key(struct slot *slot, char key[DE_LOAD_KEY_BYTES + 1])
{
    de_load_key((uint32_t)de_random_below(&slot->random, slot->run->load->keys), key);
}

static void run_blocking(struct slot *slot)
{
    const struct de_load *load = slot->run->load;
    char key[DE_LOAD_KEY_BYTES + 1];
    for (;;) {
        draw_key(slot, key);
        slot->started_ns = de_bench_now_ns();
        if (slot->started_ns >= slot->run->end_ns) {
            return;
        }
        int status;
        if (load->operation == DE_LOAD_PUT) {
            status = dengine_put(load->client, DENGINE_STR(key), slot->run->value, NULL);
        } else {
            struct dengine_value value = {0};
            status = dengine_get(load->client, DENGINE_STR(key), consistency_of(load->operation),
                                 NULL, &value);
            dengine_value_free(&value);
        }
        record(slot, status);
    }
}

static void finish_slot(struct slot *slot)
{
    struct load_run *run = slot->run;
    pthread_mutex_lock(&run->mutex);
    run->running--;
    pthread_cond_signal(&run->finished);
    pthread_mutex_unlock(&run->mutex);
}

static void drive(struct slot *slot);

static void answered(void *context, struct dengine_reply *reply)
{
    struct slot *slot = context;
    record(slot, reply->status);
    dengine_value_free(&reply->value);
    if (atomic_exchange(&slot->meeting, ONE_HAS_COME) == ONE_HAS_COME) {
        drive(slot);
    }
}

static int start(struct slot *slot)
{
    const struct de_load *load = slot->run->load;
    char key[DE_LOAD_KEY_BYTES + 1];
    draw_key(slot, key);
    if (load->operation == DE_LOAD_PUT) {
        return dengine_put_async(load->client, DENGINE_STR(key), slot->run->value, NULL, answered,
                                 slot);
    }
    return dengine_get_async(load->client, DENGINE_STR(key), consistency_of(load->operation), NULL,
                             answered, slot);
}

/* Starts operations until one is left to its callback, or time is over. */
static void drive(struct slot *slot)
{
    for (;;) {
        slot->started_ns = de_bench_now_ns();
        if (slot->started_ns >= slot->run->end_ns) {
            finish_slot(slot);
            return;
        }
        atomic_store(&slot->meeting, NEITHER_YET);
        int status = start(slot);
        if (status != 0) {
            record(slot, status);
            continue;
        }
        if (atomic_exchange(&slot->meeting, ONE_HAS_COME) == NEITHER_YET) {
            return;
        }
    }
}

static void run_asynchronous(struct load_run *run)
{
    run->running = run->load->in_flight;
    for (uint32_t i = 0; i < run->load->in_flight; i++) {
        drive(&run->slots[i]);
    }
    pthread_mutex_lock(&run->mutex);
    while (run->running > 0) {
        pthread_cond_wait(&run->finished, &run->mutex);
    }
    pthread_mutex_unlock(&run->mutex);
}

static void collect(const struct load_run *run, struct de_load_result *result)
{
    memset(result, 0, sizeof *result);
    de_histogram_init(&result->latency_ns);
    for (uint32_t i = 0; i < run->load->in_flight; i++) {
        const struct slot *slot = &run->slots[i];
        de_histogram_merge(&result->latency_ns, &slot->latency_ns);
        result->errors += slot->errors;
        result->first_error = result->first_error ? result->first_error : slot->first_error;
    }
    result->elapsed_ns = de_bench_now_ns() - run->record_from_ns;
}

int de_load_run(const struct de_load *load, struct de_load_result *result)
{
    DE_ASSERT(load->in_flight > 0);
    DE_ASSERT(load->keys > 0);
    struct load_run run = {.load = load};
    int err = DENGINE_E_NO_MEMORY;
    void *value = calloc(1, load->value_bytes > 0 ? load->value_bytes : 1);
    run.slots = calloc(load->in_flight, sizeof *run.slots);
    if (value == NULL || run.slots == NULL) {
        goto out;
    }
    run.value = DENGINE_BYTES(value, load->value_bytes);
    run.record_from_ns = de_bench_now_ns() + load->warm_up_ns;
    run.end_ns = run.record_from_ns + load->duration_ns;
    pthread_mutex_init(&run.mutex, NULL);
    pthread_cond_init(&run.finished, NULL);
    for (uint32_t i = 0; i < load->in_flight; i++) {
        run.slots[i].run = &run;
        de_random_init(&run.slots[i].random, load->seed + i);
        de_histogram_init(&run.slots[i].latency_ns);
    }
    if (load->in_flight == 1) {
        run_blocking(&run.slots[0]);
    } else {
        run_asynchronous(&run);
    }
    collect(&run, result);
    pthread_cond_destroy(&run.finished);
    pthread_mutex_destroy(&run.mutex);
    err = 0;
out:
    free(run.slots);
    free(value);
    return err;
}

/* A window of puts in flight, so that filling a million keys does not take a million flushes. */
enum { FILL_WINDOW = 256 };

struct fill {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t in_flight;
    int first_error;
};

static void filled(void *context, struct dengine_reply *reply)
{
    struct fill *fill = context;
    pthread_mutex_lock(&fill->mutex);
    fill->in_flight--;
    fill->first_error = fill->first_error ? fill->first_error : reply->status;
    pthread_cond_signal(&fill->changed);
    pthread_mutex_unlock(&fill->mutex);
}

/* Waits until fewer than limit are in flight; returns the first error so far. */
static int wait_below(struct fill *fill, uint32_t limit)
{
    pthread_mutex_lock(&fill->mutex);
    while (fill->in_flight >= limit) {
        pthread_cond_wait(&fill->changed, &fill->mutex);
    }
    int err = fill->first_error;
    pthread_mutex_unlock(&fill->mutex);
    return err;
}

int de_load_fill(struct dengine_client *client, uint32_t keys, uint32_t value_bytes)
{
    struct fill fill = {0};
    int err = 0;
    char key[DE_LOAD_KEY_BYTES + 1];
    void *value = calloc(1, value_bytes > 0 ? value_bytes : 1);
    if (value == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    pthread_mutex_init(&fill.mutex, NULL);
    pthread_cond_init(&fill.changed, NULL);
    for (uint32_t i = 0; i < keys && err == 0; i++) {
        err = wait_below(&fill, FILL_WINDOW);
        if (err != 0) {
            break;
        }
        pthread_mutex_lock(&fill.mutex);
        fill.in_flight++;
        pthread_mutex_unlock(&fill.mutex);
        de_load_key(i, key);
        err = dengine_put_async(client, DENGINE_STR(key), DENGINE_BYTES(value, value_bytes), NULL,
                                filled, &fill);
        if (err != 0) {
            pthread_mutex_lock(&fill.mutex);
            fill.in_flight--;
            pthread_mutex_unlock(&fill.mutex);
        }
    }
    int late = wait_below(&fill, 1);
    err = err ? err : late;
    pthread_cond_destroy(&fill.changed);
    pthread_mutex_destroy(&fill.mutex);
    free(value);
    return err;
}
