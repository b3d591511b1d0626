#include "benches/store_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double middle(double *values, uint32_t count)
{
    DE_ASSERT(count > 0);
    qsort(values, count, sizeof(values[0]), compare);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

void de_store_figure_print(struct de_store_figure *figure, bool json)
{
    const double ratio = middle(figure->ratio, figure->count);
    const double ours = middle(figure->ours_us, figure->count);
    const double limit = middle(figure->limit_us, figure->count);
    const double least = figure->ratio[0];
    const double most = figure->ratio[figure->count - 1];

    if (json) {
        (void)printf("{\"measurement\":\"%s\",\"batch\":%u,\"ratio\":%.3f,\"ratio_min\":%.3f,"
                     "\"ratio_max\":%.3f,\"us\":%.2f,\"limit_us\":%.2f,\"pairs\":%u}\n",
                     figure->name, figure->batch, ratio, least, most, ours, limit, figure->count);
    } else {
        (void)printf("%-22s %5u  %5.2fx of the limit (%.2f..%.2f)  %10.2f us, limit %10.2f us\n",
                     figure->name, figure->batch, ratio, least, most, ours, limit);
    }
}

static const struct {
    const char *name;
    int (*run)(const struct de_store_bench *bench);
} parts[] = {
    {"log", de_store_bench_log},
    {"state", de_store_bench_state},
    {"past", de_store_bench_past},
    {"snapshot", de_store_bench_snapshot},
};

bool de_store_bench_has(const char *part)
{
    bool found = false;

    DE_ASSERT(part != NULL);
    for (size_t i = 0; i < DE_ARRAY_SIZE(parts); i++) {
        found = found || strcmp(part, parts[i].name) == 0;
    }
    return found;
}

int de_store_bench_run(const struct de_store_bench *bench)
{
    int err = 0;

    DE_ASSERT(bench->directory != NULL && bench->pairs > 0 && bench->pairs <= 99);
    if (!bench->json) {
        (void)printf("medians of %u pairs with least and most; at 1.00x a store costs nothing\n",
                     bench->pairs);
    }
    for (size_t i = 0; i < DE_ARRAY_SIZE(parts) && err == 0; i++) {
        if (bench->only == NULL || strcmp(bench->only, parts[i].name) == 0) {
            err = parts[i].run(bench);
        }
    }
    return err == 0 ? 0 : 1;
}
