#include "benches/histogram.h"

#include <string.h>

#include "core/base/assert.h"

#define SUB_BUCKETS (UINT64_C(1) << DE_HISTOGRAM_SUB_BITS)

/* Values below SUB_BUCKETS have a bucket each; above, the bits after the leading one choose among
 * SUB_BUCKETS buckets of equal width within each power of two. */
static uint32_t bucket_of(uint64_t value)
{
    if (value < SUB_BUCKETS) {
        return (uint32_t)value;
    }
    uint32_t exponent = 63u - (uint32_t)__builtin_clzll(value);
    uint32_t shift = exponent - DE_HISTOGRAM_SUB_BITS;
    uint32_t sub = (uint32_t)((value >> shift) - SUB_BUCKETS);
    uint32_t bucket = ((shift + 1) << DE_HISTOGRAM_SUB_BITS) + sub;
    DE_ASSERT(bucket < DE_HISTOGRAM_BUCKETS);
    return bucket;
}

/* The largest value that falls into bucket. */
static uint64_t bucket_end(uint32_t bucket)
{
    if (bucket < SUB_BUCKETS) {
        return bucket;
    }
    uint32_t shift = (bucket >> DE_HISTOGRAM_SUB_BITS) - 1;
    uint64_t sub = bucket & (SUB_BUCKETS - 1);
    uint64_t first = (sub + SUB_BUCKETS) << shift;
    return first + ((UINT64_C(1) << shift) - 1);
}

void de_histogram_init(struct de_histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
    histogram->min = UINT64_MAX;
}

void de_histogram_record(struct de_histogram *histogram, uint64_t value)
{
    histogram->counts[bucket_of(value)]++;
    histogram->total++;
    if (value < histogram->min) {
        histogram->min = value;
    }
    if (value > histogram->max) {
        histogram->max = value;
    }
}

void de_histogram_merge(struct de_histogram *into, const struct de_histogram *from)
{
    for (uint32_t i = 0; i < DE_HISTOGRAM_BUCKETS; i++) {
        into->counts[i] += from->counts[i];
    }
    into->total += from->total;
    into->min = from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;
}

uint64_t de_histogram_percentile(const struct de_histogram *histogram, uint32_t per_million)
{
    DE_ASSERT(per_million <= 1000000);
    if (histogram->total == 0) {
        return 0;
    }
    uint64_t whole = histogram->total / 1000000 * per_million;
    uint64_t rest = (histogram->total % 1000000 * per_million + 999999) / 1000000;
    uint64_t wanted = whole + rest > 0 ? whole + rest : 1;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < DE_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted) {
            uint64_t end = bucket_end(i);
            return end < histogram->max ? end : histogram->max;
        }
    }
    return histogram->max;
}
