/* benches/embedded_bench.h - the embedded engine under closed loops, one cluster of one, DiskFirst:
 * every acknowledged put is on the disk. */
#ifndef DE_BENCHES_EMBEDDED_BENCH_H
#define DE_BENCHES_EMBEDDED_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_BENCH_IN_FLIGHT_MAX 8

struct de_embedded_bench {
    const char *directory; /* of the engine, made if missing */
    uint32_t in_flight[DE_BENCH_IN_FLIGHT_MAX];
    uint32_t in_flight_count;
    uint32_t value_bytes;
    uint32_t keys;
    uint32_t pairs;   /* how often each measurement and its limit alternate */
    uint32_t seconds; /* of each measurement */
    uint64_t seed;
    bool json;
};

/* Prints the figures on standard output. 0, or an exit status with the reason on standard error:
 * 1 when something failed, operations that ended in an error included. */
int de_embedded_bench_run(const struct de_embedded_bench *bench);

#ifdef __cplusplus
}
#endif

#endif
