/* core/raft/term_runs.h - the terms of the log's entries, kept as runs.
 *
 * A log has few terms and many entries, and terms never fall along it; so "from index 17 on the
 * term is 4" says all that the core must know of the log. Indexes base_index + 1 .. last_index are
 * entries; base_index is the entry before the log, of which only the term is known. Fixed memory:
 * when a new run has no room, the append takes fewer entries. */
#ifndef DE_CORE_RAFT_TERM_RUNS_H
#define DE_CORE_RAFT_TERM_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/raft/raft.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_term_runs {
    struct de_raft_term_run *runs; /* [count], ascending in index and in term */
    uint32_t count;
    uint32_t capacity;
    uint64_t base_index;
    uint64_t base_term;
    uint64_t last_index;
};

/* An empty log after (base_index, base_term). Borrows runs, which has room for capacity. */
void de_term_runs_init(struct de_term_runs *log, struct de_raft_term_run *runs, uint32_t capacity,
                       uint64_t base_index, uint64_t base_term);

/* Appends count > 0 entries of one term (not below the last one); false, and nothing done, when
 * that takes a run too many. */
bool de_term_runs_append(struct de_term_runs *log, uint64_t term, uint64_t count);

/* How many more runs there is room for. */
uint32_t de_term_runs_free(const struct de_term_runs *log);

/* Removes the entries >= from; base_index < from. */
void de_term_runs_truncate(struct de_term_runs *log, uint64_t from);

/* Forgets the entries <= index, which becomes the base; base_index <= index <= last_index. */
void de_term_runs_compact(struct de_term_runs *log, uint64_t index);

/* The term of the entry at index, base included; 0 when the log does not know it. */
uint64_t de_term_runs_at(const struct de_term_runs *log, uint64_t index);

/* The term at last_index. */
uint64_t de_term_runs_last_term(const struct de_term_runs *log);

/* The last index <= index whose term is not above term; base_index when there is none. */
uint64_t de_term_runs_not_above(const struct de_term_runs *log, uint64_t index, uint64_t term);

#ifdef __cplusplus
}
#endif

#endif
