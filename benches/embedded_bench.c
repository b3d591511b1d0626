#include "benches/embedded_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dengine/dengine.h>

#include "benches/disk_limit.h"
#include "benches/load.h"
#include "core/base/assert.h"

enum { PAIRS_MAX = 99, READY_TIMEOUT_MS = 30000 };

#define NS_PER_S  1000000000.0
#define NS_PER_US 1000.0

static const struct {
    enum de_load_operation operation;
    const char *name;
} operations[] = {
    {DE_LOAD_PUT, "put"},
    {DE_LOAD_GET, "get-linearizable"},
    {DE_LOAD_GET_EVENTUAL, "get-eventual"},
};

/* Throughputs of the pairs of one measurement; the limit's are 0 where there is none. */
struct series {
    double per_second[PAIRS_MAX];
    double ratio[PAIRS_MAX];
    struct de_histogram latency_ns;
    uint64_t errors;
    int first_error;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Sorts values and returns their median. */
static double median(double *values, uint32_t count)
{
    DE_ASSERT(count > 0);
    qsort(values, count, sizeof values[0], compare);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static double percentile_us(const struct de_histogram *histogram, uint32_t per_million)
{
    return (double)de_histogram_percentile(histogram, per_million) / NS_PER_US;
}

static void print_json(const char *name, uint32_t in_flight, uint32_t pairs, struct series *series)
{
    double middle = median(series->per_second, pairs);
    printf("{\"operation\":\"%s\",\"in_flight\":%u,\"per_second\":%.0f,\"min\":%.0f,\"max\":%.0f,"
           "\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,"
           "\"operations\":%llu,\"errors\":%llu",
           name, in_flight, middle, series->per_second[0], series->per_second[pairs - 1],
           percentile_us(&series->latency_ns, 500000), percentile_us(&series->latency_ns, 900000),
           percentile_us(&series->latency_ns, 990000), percentile_us(&series->latency_ns, 999000),
           (double)series->latency_ns.max / NS_PER_US, (unsigned long long)series->latency_ns.total,
           (unsigned long long)series->errors);
    if (series->ratio[0] > 0) {
        printf(",\"of_disk_limit\":%.3f", median(series->ratio, pairs));
    }
    puts("}");
}

static void print_text(const char *name, uint32_t in_flight, uint32_t pairs, struct series *series)
{
    double middle = median(series->per_second, pairs);
    printf("%-17s %5u  %9.0f/s (%.0f..%.0f)  p50 %8.1f  p90 %8.1f  p99 %8.1f  p99.9 %8.1f us  "
           "errors %llu",
           name, in_flight, middle, series->per_second[0], series->per_second[pairs - 1],
           percentile_us(&series->latency_ns, 500000), percentile_us(&series->latency_ns, 900000),
           percentile_us(&series->latency_ns, 990000), percentile_us(&series->latency_ns, 999000),
           (unsigned long long)series->errors);
    if (series->errors > 0) {
        printf(" (first: %s)", dengine_strerror(series->first_error));
    }
    if (series->ratio[0] > 0) {
        double ratio = median(series->ratio, pairs);
        printf("  %.2fx of the disk limit (%.2f..%.2f)", ratio, series->ratio[0],
               series->ratio[pairs - 1]);
    }
    putchar('\n');
}

static double per_second(uint64_t operations_done, uint64_t elapsed_ns)
{
    return elapsed_ns == 0 ? 0 : (double)operations_done * NS_PER_S / (double)elapsed_ns;
}

/* The limit that belongs to a put: as many records in one flush as are in flight. */
static int measure_limit(const struct de_embedded_bench *bench, uint32_t in_flight, double *found)
{
    struct de_disk_limit limit = {
        .directory = bench->directory,
        .record_bytes = DE_LOAD_KEY_BYTES + bench->value_bytes,
        .batch = in_flight,
        .duration_ns = (uint64_t)bench->seconds * 1000000000u,
    };
    struct de_disk_limit_result *result = malloc(sizeof *result);
    if (result == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    int err = de_disk_limit_run(&limit, result);
    *found = per_second(result->operations, result->elapsed_ns);
    free(result);
    return err;
}

static int measure(const struct de_embedded_bench *bench, struct dengine_client *client,
                   size_t operation, uint32_t in_flight, uint64_t *errors)
{
    int err = DENGINE_E_NO_MEMORY;
    struct series *series = calloc(1, sizeof *series);
    struct de_load_result *result = malloc(sizeof *result);
    if (series == NULL || result == NULL) {
        goto out;
    }
    de_histogram_init(&series->latency_ns);
    for (uint32_t pair = 0; pair < bench->pairs; pair++) {
        double limit = 0;
        if (operations[operation].operation == DE_LOAD_PUT) {
            err = measure_limit(bench, in_flight, &limit);
            if (err != 0) {
                goto out;
            }
        }
        struct de_load load = {
            .client = client,
            .operation = operations[operation].operation,
            .in_flight = in_flight,
            .value_bytes = bench->value_bytes,
            .keys = bench->keys,
            .seed = bench->seed + pair,
            .warm_up_ns = (uint64_t)bench->seconds * 100000000u,
            .duration_ns = (uint64_t)bench->seconds * 1000000000u,
        };
        err = de_load_run(&load, result);
        if (err != 0) {
            goto out;
        }
        series->per_second[pair] = per_second(result->latency_ns.total, result->elapsed_ns);
        series->ratio[pair] = limit > 0 ? series->per_second[pair] / limit : 0;
        series->first_error = series->errors ? series->first_error : result->first_error;
        series->errors += result->errors;
        de_histogram_merge(&series->latency_ns, &result->latency_ns);
    }
    *errors += series->errors;
    (bench->json ? print_json : print_text)(operations[operation].name, in_flight, bench->pairs,
                                            series);
    fflush(stdout);
out:
    free(result);
    free(series);
    return err;
}

int de_embedded_bench_run(const struct de_embedded_bench *bench)
{
    DE_ASSERT(bench->pairs > 0 && bench->pairs <= PAIRS_MAX);
    struct dengine *engine = NULL;
    uint64_t errors = 0;
    int status = 1;
    int err = dengine_open(bench->directory, &engine);
    if (err != 0) {
        fprintf(stderr, "dengine-bench: %s\n", dengine_open_message());
        return 1;
    }
    err = dengine_wait_ready(engine, READY_TIMEOUT_MS, NULL);
    if (err == 0) {
        err = de_load_fill(dengine_client_of(engine), bench->keys, bench->value_bytes);
    }
    for (size_t op = 0; op < DE_ARRAY_SIZE(operations) && err == 0; op++) {
        for (uint32_t i = 0; i < bench->in_flight_count && err == 0; i++) {
            err = measure(bench, dengine_client_of(engine), op, bench->in_flight[i], &errors);
        }
    }
    if (err != 0) {
        fprintf(stderr, "dengine-bench: %s\n", dengine_strerror(err));
        goto out;
    }
    status = errors == 0 ? 0 : 1;
out:
    err = dengine_close(engine);
    if (err != 0) {
        fprintf(stderr, "dengine-bench: close: %s\n", dengine_strerror(err));
        status = 1;
    }
    return status;
}
