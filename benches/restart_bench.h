/* benches/restart_bench.h - how long an embedded engine with many keys takes from open to its first
 * linearizable answer: after an orderly close, after the death of its process, and when the state
 * has to be made again from the newest snapshot and the log. Each in turn with reading once through
 * the files that it starts from. */
#ifndef DE_BENCHES_RESTART_BENCH_H
#define DE_BENCHES_RESTART_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_restart_bench {
    const char *directory; /* of the engine, made if missing */
    uint32_t keys;
    uint32_t value_bytes;
    uint32_t pairs;
    bool json;
};

/* Prints the figures on standard output. 0, or an exit status with the reason on standard error. */
int de_restart_bench_run(const struct de_restart_bench *bench);

#ifdef __cplusplus
}
#endif

#endif
