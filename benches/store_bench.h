/* benches/store_bench.h - the stores against what they stand on: the write-ahead log against
 * pwrite and fdatasync of the same bytes, the state store against LMDB itself, recovery against
 * reading the same files, snapshots against copying a file. Both sides take turns in one run. */
#ifndef DE_BENCHES_STORE_BENCH_H
#define DE_BENCHES_STORE_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_store_bench {
    const char *directory; /* made if missing; scratch files are removed again */
    uint32_t pairs;        /* how often each measurement and its limit alternate */
    uint32_t groups;       /* of the log, for each side of a pair */
    uint32_t keys;         /* of the state store */
    uint32_t log_mib;      /* of the log that is recovered */
    const char *only;      /* the part to run; NULL: all */
    bool json;
};

/* Whether there is a part of this name. */
bool de_store_bench_has(const char *part);

/* Prints the figures on standard output. 0, or an exit status with the reason on standard error. */
int de_store_bench_run(const struct de_store_bench *bench);

/* The parts; 0 or a DENGINE_E_* with a message printed. */
int de_store_bench_log(const struct de_store_bench *bench);
int de_store_bench_state(const struct de_store_bench *bench);
int de_store_bench_past(const struct de_store_bench *bench);
int de_store_bench_snapshot(const struct de_store_bench *bench);

/* The ratios of all pairs of one measurement, and the times of both sides in microseconds. */
struct de_store_figure {
    const char *name;
    uint32_t batch;
    double ratio[99];
    double ours_us[99];
    double limit_us[99];
    uint32_t count;
};

/* Prints medians with minimum and maximum. */
void de_store_figure_print(struct de_store_figure *figure, bool json);

#ifdef __cplusplus
}
#endif

#endif
