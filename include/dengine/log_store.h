/* dengine/log_store.h - what a store for the Raft log has to offer.
 *
 * The log store keeps the persistent state of Raft (figure 2): current term, vote, and the log.
 * Indexes start at 1 and have no gaps. It knows nothing of what the entries mean.
 *
 * Threads: after open, all calls come from one thread (the log writer).
 *
 * Errors of write, compact and reset:
 * - DENGINE_E_INVALID (a gap, a truncation of what is compacted, or an index above 2^63 - 1),
 *   TOO_LARGE, NO_MEMORY: nothing was written and nothing changed; the store stays usable.
 * - NO_SPACE: the same; the call may be repeated when there is room. Compaction makes some.
 * - all others (IO, ...): the store is broken for good, every later write returns the same error,
 *   nothing is retried; what the failed call wrote may or may not be there after the next open.
 * Reads give IO, CORRUPT, NO_MEMORY or INVALID and break nothing. The reason is in `message`. */
#ifndef DENGINE_LOG_STORE_H
#define DENGINE_LOG_STORE_H

#include <stdbool.h>

#include <dengine/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The kind of a log entry; stored with it. */
enum dengine_entry_type {
    DENGINE_ENTRY_COMMAND = 1, /* for the state machine */
    DENGINE_ENTRY_NOOP = 2,    /* a new leader's first entry (Raft section 8) */
    DENGINE_ENTRY_CONFIG = 3,  /* a cluster configuration */
};

struct dengine_entry {
    uint64_t term;
    uint32_t type;             /* enum dengine_entry_type */
    struct dengine_slice data; /* borrowed */
};

/* Raft's hard state. */
struct dengine_hard_state {
    uint64_t term;
    uint64_t vote;   /* the node voted for in `term`, 0 = none */
    uint64_t commit; /* a hint: at least this much is known committed; may be behind */
};

/* One atomic step: after a crash either all of it is there or nothing. Parts are carried out in the
 * order of the members. */
struct dengine_log_write {
    bool set_hard_state;
    struct dengine_hard_state hard_state;
    uint64_t truncate_from; /* remove entries with index >= this; 0 = none */
    uint64_t first_index;   /* of entries[0]; must be last_index + 1 at that point */
    const struct dengine_entry *entries;
    size_t entry_count; /* 0 = no entries */
};

/* What open found. */
struct dengine_log_state {
    struct dengine_hard_state hard_state; /* all 0 in a new store */
    uint64_t first_index;                 /* of the oldest entry kept; 1 in a new store */
    uint64_t last_index;                  /* first_index - 1 when there is no entry */
    uint64_t base_term; /* term of the entry at first_index - 1; 0 when that is index 0 */
    bool created;       /* the store was made by this open */
    /* Writes may have been reported before they were durable, and be lost: the end of the log is
     * then missing. Until whole() the replica takes part as one that may have forgotten. */
    bool recovering;
};

/* How much room a store has left. */
enum dengine_log_room {
    DENGINE_LOG_ROOM = 0, /* enough */
    DENGINE_LOG_ROOM_LOW =
        1, /* start nothing new: what is under way, here and at peers, needs it */
    DENGINE_LOG_ROOM_NONE = 2, /* add no commands at all: the rest is for terms and votes */
};

struct dengine_log_store_ops {
    /* The state found at open. */
    void (*state)(void *store, struct dengine_log_state *state);
    /* Makes count writes durable, in order, with one flush. 0: all of them are durable, or the
     * store is one that reports early (flush). */
    int (*write)(void *store, const struct dengine_log_write *writes, size_t count);
    /* Calls visit for each entry in [first, last], ascending; data lives until visit returns. A
     * non-zero return of visit stops and is returned. INVALID when the range is not in the log. */
    int (*read)(void *store, uint64_t first, uint64_t last,
                int (*visit)(void *context, uint64_t index, const struct dengine_entry *entry),
                void *context);
    /* Allows the store to forget entries with index <= index (whose last has the given term);
     * durable when it returns; a store may keep more than it must. */
    int (*compact)(void *store, uint64_t index, uint64_t term);
    /* Empties the log so that it continues after a snapshot: first_index = index + 1. */
    int (*reset)(void *store, uint64_t index, uint64_t term,
                 const struct dengine_hard_state *hard_state);
    /* May be NULL: there is no such work. Does one step of the work that may wait until what was
     * written has been acknowledged: makes the next file ready, removes what compaction left, and
     * when `idle` (no write waits) what only then is worth its time. Called after each write and
     * compaction, and now and then while room is low. 1: there is more to do now; 0: there is not;
     * errors as for write, save that a lack of room is none. */
    int (*tidy)(void *store, bool idle);
    /* NULL in a store that reports a write only when it is durable. Else: within how many
     * milliseconds flush has to be called; 0: nothing waits for one. Asked after each call. */
    uint32_t (*flush_after_ms)(void *store);
    /* NULL with flush_after_ms. Makes durable what has been reported. Errors as for write, save
     * that a lack of room is none: it is tried again. */
    int (*flush)(void *store);
    /* May be NULL in a store that is never recovering. The replica has again what was lost. Errors
     * as for write. */
    int (*whole)(void *store);
    /* May be NULL: there is always enough. */
    enum dengine_log_room (*room)(void *store);
    /* One sentence about the last error, "" when there was none; lives until the next call. */
    const char *(*message)(void *store);
    /* Frees everything. Never fails: what write acknowledged is durable already, or recovering is
     * set at the next open. */
    void (*close)(void *store);
};

/* A log store: an implementation and its object. Passed by value. */
struct dengine_log_store {
    const struct dengine_log_store_ops *ops;
    void *object;
};

#ifdef __cplusplus
}
#endif

#endif
