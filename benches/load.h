/* benches/load.h - a closed loop: a fixed number of operations in flight, each answered one
 * replaced by the next, for a given time after a warm-up. One in flight uses the blocking calls.
 *
 * An operation that fails is counted as an error, never as a result; its latency is left out. */
#ifndef DE_BENCHES_LOAD_H
#define DE_BENCHES_LOAD_H

#include <dengine/client.h>

#include "benches/histogram.h"

#ifdef __cplusplus
extern "C" {
#endif

enum de_load_operation {
    DE_LOAD_PUT,
    DE_LOAD_GET,          /* linearizable */
    DE_LOAD_GET_EVENTUAL, /* the node's own state */
};

struct de_load {
    struct dengine_client *client;
    enum de_load_operation operation;
    uint32_t in_flight;
    uint32_t value_bytes;
    uint32_t keys; /* drawn at random from this many */
    uint64_t seed;
    uint64_t warm_up_ns;
    uint64_t duration_ns;
};

struct de_load_result {
    struct de_histogram latency_ns; /* of operations that succeeded */
    uint64_t errors;
    int first_error;     /* 0 when errors is 0 */
    uint64_t elapsed_ns; /* from the end of the warm-up to the last answer */
};

/* The key with this number, 8 bytes: the same for every load, so gets find what puts wrote. */
#define DE_LOAD_KEY_BYTES 8
void de_load_key(uint32_t number, char key[DE_LOAD_KEY_BYTES + 1]);

/* Runs the load to its end. 0, or NO_MEMORY. */
int de_load_run(const struct de_load *load, struct de_load_result *result);

/* Puts every key once, so that gets find something. The first error ends it. */
int de_load_fill(struct dengine_client *client, uint32_t keys, uint32_t value_bytes);

/* The clock of the benchmarks: monotonic nanoseconds. */
uint64_t de_bench_now_ns(void);

#ifdef __cplusplus
}
#endif

#endif
