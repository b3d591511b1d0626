/* Leases: keeping them alive; writes beside many that live, and beside many that end together. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "benches/histogram.h"
#include "benches/kv_bench.h"
#include "benches/load.h"
#include "core/base/assert.h"

#define IN_FLIGHT   100u
#define LONG_MS     UINT64_C(3600000)
#define NS_PER_MS   UINT64_C(1000000)
#define PATIENCE_MS 60000
/* Of the leases that end together: time to make them all, per lease. */
#define MAKE_US_EACH UINT64_C(300)

/* ---- many calls at a time ---- */

/* A window of calls in flight, each of them numbered. */
struct window {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t in_flight;
    int first_error;
};

struct ticket {
    struct window *window;
    uint64_t lease; /* granted */
};

static void answered(void *context, struct dengine_reply *reply)
{
    struct ticket *ticket = context;
    struct window *window = ticket->window;

    (void)pthread_mutex_lock(&window->mutex);
    ticket->lease = reply->lease != 0 ? reply->lease : ticket->lease;
    window->first_error = window->first_error != 0 ? window->first_error : reply->status;
    window->in_flight--;
    (void)pthread_cond_signal(&window->changed);
    (void)pthread_mutex_unlock(&window->mutex);
}

/* Waits until fewer than limit are in flight, and counts one more unless limit is 1. */
static int enter(struct window *window, uint32_t limit)
{
    int err;

    (void)pthread_mutex_lock(&window->mutex);
    while (window->in_flight >= limit) {
        (void)pthread_cond_wait(&window->changed, &window->mutex);
    }
    err = window->first_error;
    if (err == 0 && limit > 1) {
        window->in_flight++;
    }
    (void)pthread_mutex_unlock(&window->mutex);
    return err;
}

struct lease_bench {
    const struct de_kv_bench *bench;
    struct dengine *leased;
    struct dengine *plain;
    struct ticket *tickets;
    uint32_t count;
    struct window window;
};

enum what { GRANT, GRANT_UNTIL, PUT, KEEP };

/* Does one thing to each of the first count leases; until_ns: when those of GRANT_UNTIL end. */
static int each_lease(struct lease_bench *b, enum what what, uint32_t count, uint64_t until_ns)
{
    struct dengine_client *client = dengine_client_of(b->leased);
    int err = 0;
    int late;

    DE_ASSERT(count <= b->count);
    for (uint32_t i = 0; i < count && err == 0; i++) {
        struct ticket *ticket = &b->tickets[i];
        const struct dengine_put_options put = {.lease = ticket->lease};
        const uint64_t now_ns = de_bench_now_ns();
        char key[DE_LOAD_KEY_BYTES + 1];

        err = enter(&b->window, IN_FLIGHT);
        if (err != 0) {
            break;
        }
        ticket->window = &b->window;
        de_load_key(i, key);
        if (what == PUT) {
            key[0] = '~'; /* none of the load's */
            err = dengine_put_with_async(client, dengine_bytes(key, DE_LOAD_KEY_BYTES),
                                         DENGINE_STR("v"), &put, NULL, answered, ticket);
        } else if (what == KEEP) {
            err = dengine_lease_keep_alive_async(client, ticket->lease, NULL, answered, ticket);
        } else {
            err = dengine_lease_grant_async(client,
                                            what == GRANT || until_ns < now_ns + NS_PER_MS
                                                ? LONG_MS
                                                : (until_ns - now_ns) / NS_PER_MS,
                                            NULL, answered, ticket);
        }
        DE_ASSERT(err == 0);
    }
    late = enter(&b->window, 1);
    return err != 0 ? err : late;
}

/* ---- measurements ---- */

static int write_for(const struct de_kv_bench *bench, struct dengine *engine, uint64_t duration_ns,
                     struct de_load_result *result)
{
    const struct de_load load = {.client = dengine_client_of(engine),
                                 .operation = DE_LOAD_PUT,
                                 .in_flight = IN_FLIGHT,
                                 .value_bytes = bench->value_bytes,
                                 .keys = bench->keys,
                                 .seed = 1,
                                 .duration_ns = duration_ns};
    const int err = de_load_run(&load, result);

    DE_ASSERT(duration_ns > 0);
    return err != 0 ? err : result->first_error;
}

static int write_side(struct lease_bench *b, struct dengine *engine, double *us)
{
    struct de_load_result *result = malloc(sizeof *result);
    int err = DENGINE_E_NO_MEMORY;

    if (result != NULL) {
        err = write_for(b->bench, engine, (uint64_t)b->bench->seconds * 1000000000u, result);
    }
    if (err == 0) {
        *us = (double)result->elapsed_ns / 1000.0 / (double)result->latency_ns.total;
    }
    free(result);
    return err;
}

static int side_leased(void *context, double *us)
{
    struct lease_bench *b = context;

    return write_side(b, b->leased, us);
}

static int side_plain(void *context, double *us)
{
    struct lease_bench *b = context;

    return write_side(b, b->plain, us);
}

static int side_keep(void *context, double *us)
{
    struct lease_bench *b = context;
    const uint64_t begin_ns = de_bench_now_ns();
    const uint32_t count = b->count < 20000 ? b->count : 20000;
    const int err = each_lease(b, KEEP, count, 0);

    *us = (double)(de_bench_now_ns() - begin_ns) / 1000.0 / count;
    return err;
}

/* Whether all keys that end with leases have gone. */
static bool all_ended(struct dengine_client *client)
{
    const struct dengine_scan scan = {
        .from = DENGINE_STR("~"), .count_only = true, .consistency = DENGINE_EVENTUAL};
    struct dengine_page page;
    bool result = false;

    if (dengine_scan(client, &scan, NULL, &page) == 0) {
        result = page.total == 0;
        dengine_page_free(&page);
    }
    return result;
}

static void print_ending(const struct de_kv_bench *bench, const char *name,
                         const struct de_load_result *result)
{
    const double p50 = (double)de_histogram_percentile(&result->latency_ns, 500000) / 1000.0;
    const double p99 = (double)de_histogram_percentile(&result->latency_ns, 990000) / 1000.0;

    DE_ASSERT(result->latency_ns.total > 0);
    (void)printf(bench->json ? "{\"measurement\":\"%s\",\"per_second\":%.0f,\"p50_us\":%.1f,"
                               "\"p99_us\":%.1f,\"max_us\":%.1f}\n"
                             : "%-22s %9.0f writes/s  p50 %8.1f us  p99 %8.1f us  most %8.1f us\n",
                 name, (double)result->latency_ns.total * 1e9 / (double)result->elapsed_ns, p50,
                 p99, (double)result->latency_ns.max / 1000.0);
}

/* Writes while a tenth of the leases end together, each with a key; and as long without. */
static int measure_ending(struct lease_bench *b)
{
    const uint32_t count = b->count / 10 > 0 ? b->count / 10 : 1;
    const uint64_t until_ns = de_bench_now_ns() + 500 * NS_PER_MS + 2 * count * MAKE_US_EACH * 1000;
    struct de_load_result *result = malloc(sizeof *result);
    uint64_t now_ns;
    int err = result != NULL ? 0 : DENGINE_E_NO_MEMORY;

    err = err != 0 ? err : each_lease(b, GRANT_UNTIL, count, until_ns);
    err = err != 0 ? err : each_lease(b, PUT, count, 0);
    now_ns = de_bench_now_ns();
    if (err == 0 && now_ns >= until_ns) {
        (void)fprintf(stderr, "dengine-bench: making the leases took too long\n");
        err = DENGINE_E_TIMEOUT;
    }
    /* From shortly before they end until a second after, and as long on the other engine. */
    err = err != 0 ? err
                   : write_for(b->bench, b->leased, until_ns - now_ns + 1000 * NS_PER_MS, result);
    if (err == 0 && !all_ended(dengine_client_of(b->leased))) {
        (void)fprintf(stderr, "dengine-bench: leases were left after a second\n");
    }
    if (err == 0) {
        print_ending(b->bench, "write-leases-ending", result);
        err = write_for(b->bench, b->plain, until_ns - now_ns + 1000 * NS_PER_MS, result);
    }
    if (err == 0) {
        print_ending(b->bench, "write-none-ending", result);
    }
    free(result);
    return err;
}

int de_kv_bench_leases(const struct de_kv_bench *bench)
{
    struct lease_bench b = {.bench = bench, .count = bench->leases};
    int err = DENGINE_E_NO_MEMORY;

    DE_ASSERT(bench->leases > 0);
    (void)pthread_mutex_init(&b.window.mutex, NULL);
    (void)pthread_cond_init(&b.window.changed, NULL);
    b.tickets = calloc(b.count, sizeof *b.tickets);
    if (b.tickets != NULL) {
        err = de_kv_bench_open(bench, "leased", &b.leased);
    }
    err = err != 0 ? err : de_kv_bench_open(bench, "plain", &b.plain);
    err = err != 0 ? err : each_lease(&b, GRANT, b.count, 0);
    err = err != 0 ? err
                   : de_kv_bench_compare(bench, "lease-keep-alive", IN_FLIGHT, side_keep,
                                         side_plain, &b);
    err = err != 0
              ? err
              : de_kv_bench_compare(bench, "write-leased", b.count, side_leased, side_plain, &b);
    if (err == 0 && (de_kv_bench_wants(bench, "write-leases-ending") ||
                     de_kv_bench_wants(bench, "write-none-ending"))) {
        err = measure_ending(&b);
    }
    de_kv_bench_close(bench, "leased", b.leased);
    de_kv_bench_close(bench, "plain", b.plain);
    free(b.tickets);
    (void)pthread_cond_destroy(&b.window.changed);
    (void)pthread_mutex_destroy(&b.window.mutex);
    return err;
}
