/* benches/kv_bench.h - the key-value service: reads in the caller's thread and scans against LMDB
 * itself, watches, leases. Both sides of a ratio take turns in one run. */
#ifndef DE_BENCHES_KV_BENCH_H
#define DE_BENCHES_KV_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <dengine/dengine.h>

#include "benches/store_bench.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_kv_bench {
    const char *directory; /* made if missing; what is made in it is removed again */
    uint32_t keys;
    uint32_t value_bytes;
    uint32_t pairs;
    uint32_t seconds; /* of each measurement of writes */
    uint32_t leases;  /* that live while nothing ends; a tenth of them end together */
    uint32_t watchers;
    const char *only; /* lines whose names begin so; "": all */
    bool json;
};

/* Prints the figures on standard output. 0, or an exit status with the reason on standard error. */
int de_kv_bench_run(const struct de_kv_bench *bench);

/* The parts; 0 or a DENGINE_E_*. */
int de_kv_bench_reads(const struct de_kv_bench *bench);
int de_kv_bench_watches(const struct de_kv_bench *bench);
int de_kv_bench_leases(const struct de_kv_bench *bench);

/* An engine in directory/name, ready; what was there is removed. */
int de_kv_bench_open(const struct de_kv_bench *bench, const char *name, struct dengine **engine);
/* Closes it and removes its files. */
void de_kv_bench_close(const struct de_kv_bench *bench, const char *name, struct dengine *engine);

/* Whether the line called name is to be measured. */
bool de_kv_bench_wants(const struct de_kv_bench *bench, const char *name);

/* One side of a comparison: does its work and says how long one operation took. */
typedef int de_kv_bench_side(void *context, double *us);

/* ours and limit in turn, bench->pairs times; prints the ratio limit / ours. Nothing when
 * the line is not wanted. */
int de_kv_bench_compare(const struct de_kv_bench *bench, const char *name, uint32_t batch,
                        de_kv_bench_side *ours, de_kv_bench_side *limit, void *context);

#ifdef __cplusplus
}
#endif

#endif
