#include "core/raft/term_runs.h"

#include <string.h>

#include "core/base/assert.h"

void de_term_runs_init(struct de_term_runs *log, struct de_raft_term_run *runs, uint32_t capacity,
                       uint64_t base_index, uint64_t base_term)
{
    DE_ASSERT(runs != NULL && capacity > 0);
    DE_ASSERT_IMPLIES(base_index == 0, base_term == 0);
    log->runs = runs;
    log->count = 0;
    log->capacity = capacity;
    log->base_index = base_index;
    log->base_term = base_term;
    log->last_index = base_index;
}

bool de_term_runs_append(struct de_term_runs *log, uint64_t term, uint64_t count)
{
    DE_ASSERT(count > 0);
    DE_ASSERT(term > 0 && term >= de_term_runs_last_term(log));
    if (log->count == 0 || log->runs[log->count - 1].term != term) {
        if (log->count == log->capacity) {
            return false;
        }
        log->runs[log->count].first_index = log->last_index + 1;
        log->runs[log->count].term = term;
        log->count++;
    }
    log->last_index += count;
    DE_ASSERT(de_term_runs_last_term(log) == term);
    return true;
}

uint32_t de_term_runs_free(const struct de_term_runs *log)
{
    DE_ASSERT(log->capacity > 0);
    DE_ASSERT(log->count <= log->capacity);
    return log->capacity - log->count;
}

void de_term_runs_truncate(struct de_term_runs *log, uint64_t from)
{
    DE_ASSERT(from > log->base_index);
    if (from > log->last_index) {
        return;
    }
    while (log->count > 0 && log->runs[log->count - 1].first_index >= from) {
        log->count--;
    }
    log->last_index = from - 1;
    DE_ASSERT_IMPLIES(log->count == 0, log->last_index == log->base_index);
}

/* The run that holds index: the last one that starts at or before it. */
static uint32_t find_run(const struct de_term_runs *log, uint64_t index)
{
    uint32_t low = 0;
    uint32_t high = log->count - 1;

    DE_ASSERT(log->count > 0);
    DE_ASSERT(log->runs[0].first_index <= index && index <= log->last_index);
    if (log->runs[high].first_index <= index) {
        return high; /* nearly every question is about the newest term */
    }
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (log->runs[middle].first_index <= index) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

void de_term_runs_compact(struct de_term_runs *log, uint64_t index)
{
    uint64_t term = de_term_runs_at(log, index);

    DE_ASSERT(log->base_index <= index && index <= log->last_index);
    if (index == log->last_index) {
        log->count = 0;
    } else {
        uint32_t keep = find_run(log, index + 1);
        log->count -= keep;
        memmove(log->runs, log->runs + keep, log->count * sizeof(log->runs[0]));
        log->runs[0].first_index = index + 1;
    }
    log->base_index = index;
    log->base_term = term;
    DE_ASSERT(de_term_runs_at(log, index) == term);
}

uint64_t de_term_runs_at(const struct de_term_runs *log, uint64_t index)
{
    DE_ASSERT(log->base_index <= log->last_index);
    if (index == log->base_index) {
        return log->base_term;
    }
    if (index < log->base_index || index > log->last_index) {
        return 0;
    }
    return log->runs[find_run(log, index)].term;
}

uint64_t de_term_runs_last_term(const struct de_term_runs *log)
{
    DE_ASSERT_IMPLIES(log->count == 0, log->last_index == log->base_index);
    return log->count == 0 ? log->base_term : log->runs[log->count - 1].term;
}

uint64_t de_term_runs_not_above(const struct de_term_runs *log, uint64_t index, uint64_t term)
{
    uint64_t at = index < log->last_index ? index : log->last_index;

    if (at <= log->base_index) {
        return log->base_index;
    }
    for (uint32_t run = find_run(log, at); log->runs[run].term > term; run--) {
        at = log->runs[run].first_index - 1;
        if (run == 0) {
            break;
        }
    }
    DE_ASSERT(at >= log->base_index && at <= log->last_index);
    DE_ASSERT(at == log->base_index || de_term_runs_at(log, at) <= term);
    return at;
}
