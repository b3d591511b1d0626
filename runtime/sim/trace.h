/* runtime/sim/trace.h - the fingerprint of a run.
 *
 * Every event that the kernel runs is mixed into one rolling hash: time, kind, entity and a hash of
 * its content. Two runs are the same run exactly if their hashes are equal. On demand the trace
 * also keeps each event with the hash after it, so that the first event that differs between two
 * runs can be named. */
#ifndef DE_RUNTIME_SIM_TRACE_H
#define DE_RUNTIME_SIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_trace_record {
    uint64_t hash; /* rolling, after this event */
    uint64_t time_ns;
    uint64_t content;
    uint32_t kind;
    uint32_t entity;
};

struct de_trace {
    uint64_t hash;
    uint64_t count;
    bool keep; /* set after init to keep records */
    struct de_trace_record *records;
    size_t capacity;
};

void de_trace_init(struct de_trace *trace);
void de_trace_deinit(struct de_trace *trace);
void de_trace_add(struct de_trace *trace, uint64_t time_ns, uint32_t kind, uint32_t entity,
                  uint64_t content);

/* The number of the first event in which two kept traces differ; UINT64_MAX when they are equal.
 * Bisects: a rolling hash that is equal at an event is equal at all events before. */
uint64_t de_trace_first_difference(const struct de_trace *a, const struct de_trace *b);

/* A hash of bytes, the same on every machine. */
uint64_t de_trace_hash_bytes(const void *data, size_t size);

/* Mixes value into hash; order matters. */
uint64_t de_trace_mix(uint64_t hash, uint64_t value);

#ifdef __cplusplus
}
#endif

#endif
