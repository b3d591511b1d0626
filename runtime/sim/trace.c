#include "runtime/sim/trace.h"

#include "core/base/codec.h"
#include "runtime/sim/mix.h"
#include "runtime/sim/memory.h"

uint64_t de_trace_mix(uint64_t hash, uint64_t value)
{
    return de_sim_mix(hash ^ de_sim_mix(value));
}

uint64_t de_trace_hash_bytes(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint64_t hash = size;
    uint64_t tail = 0;
    size_t i = 0;

    DE_ASSERT(size == 0 || data != NULL);
    /* One multiplication a word, not two: nobody chooses these bytes, and there are many. */
    for (; i + 8 <= size; i += 8) {
        hash = (hash ^ de_load_u64(bytes + i)) * UINT64_C(0x9fb21c651e98df25);
        hash ^= hash >> 32;
    }
    for (unsigned shift = 0; i < size; i++, shift += 8) {
        tail |= (uint64_t)bytes[i] << shift;
    }
    return de_sim_mix(hash ^ tail);
}

void de_trace_init(struct de_trace *trace)
{
    trace->hash = 0;
    trace->count = 0;
    trace->keep = false;
    trace->records = NULL;
    trace->capacity = 0;
}

void de_trace_deinit(struct de_trace *trace)
{
    de_sim_free(trace->records);
    trace->records = NULL;
}

void de_trace_add(struct de_trace *trace, uint64_t time_ns, uint32_t kind, uint32_t entity,
                  uint64_t content)
{
    uint64_t where = (uint64_t)kind << 32 | entity;

    trace->hash =
        de_sim_mix(trace->hash ^ de_sim_mix(de_sim_mix(time_ns ^ de_sim_mix(where)) ^ content));
    if (trace->keep) {
        struct de_trace_record record = {trace->hash, time_ns, content, kind, entity};

        trace->records = de_sim_grow(trace->records, (size_t)trace->count, &trace->capacity,
                                     sizeof(trace->records[0]));
        trace->records[trace->count] = record;
    }
    trace->count++;
}

uint64_t de_trace_first_difference(const struct de_trace *a, const struct de_trace *b)
{
    uint64_t common = a->count < b->count ? a->count : b->count;
    uint64_t low = 0;
    uint64_t high = common;

    DE_ASSERT(a->keep && b->keep);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (a->records[middle].hash == b->records[middle].hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == common && a->count == b->count ? UINT64_MAX : low;
}
