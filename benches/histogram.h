/* benches/histogram.h - latencies in log-linear buckets, as HdrHistogram keeps them: 64 buckets for
 * each power of two, so a percentile is off by less than 1.6 %. Fixed size, no allocation.
 *
 * Threads: one object, one thread at a time; merge afterwards. */
#ifndef DE_BENCHES_HISTOGRAM_H
#define DE_BENCHES_HISTOGRAM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_HISTOGRAM_SUB_BITS 6
#define DE_HISTOGRAM_BUCKETS  ((64 - DE_HISTOGRAM_SUB_BITS + 1) << DE_HISTOGRAM_SUB_BITS)

struct de_histogram {
    uint64_t counts[DE_HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t min;
    uint64_t max;
};

void de_histogram_init(struct de_histogram *histogram);
void de_histogram_record(struct de_histogram *histogram, uint64_t value);
void de_histogram_merge(struct de_histogram *into, const struct de_histogram *from);

/* The smallest recorded value (rounded up to its bucket's end, never above the maximum) that at
 * least per_million of a million recorded values do not exceed; 0 when nothing was recorded. */
uint64_t de_histogram_percentile(const struct de_histogram *histogram, uint32_t per_million);

#ifdef __cplusplus
}
#endif

#endif
