/* runtime/sim/recorder.h - the history of what simulated clients did and saw, for the black-box
 * checker and for files (formats: check/history.h). One thread. */
#ifndef DE_RUNTIME_SIM_RECORDER_H
#define DE_RUNTIME_SIM_RECORDER_H

#include "runtime/sim/check/history.h"
#include "runtime/sim/verdict.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_recorder {
    struct de_history_operation *operations; /* INFO until they end */
    bool *withdrawn;                         /* surely did nothing and saw nothing */
    bool *by_lease;                          /* a read that may have asked nobody */
    size_t count;
    size_t capacity;
    size_t withdrawn_capacity;
    size_t by_lease_capacity;
    uint64_t position; /* of the next event */
};

void de_recorder_init(struct de_recorder *recorder);
void de_recorder_deinit(struct de_recorder *recorder);

/* An operation begins; returns its number. Strings in key are borrowed until deinit. */
size_t de_recorder_invoke(struct de_recorder *recorder, int64_t process,
                          enum de_history_function function, struct de_history_value key,
                          struct de_history_value expected, struct de_history_value value,
                          uint64_t now_ns);
/* Says whether it is a read by lease. */
void de_recorder_mark(struct de_recorder *recorder, size_t operation, bool by_lease);
/* It ends. value is what an ok read saw; ignored for others. */
void de_recorder_end(struct de_recorder *recorder, size_t operation, enum de_history_type outcome,
                     struct de_history_value value, uint64_t now_ns);
/* It surely had no effect and taught nothing: as if it had never been. */
void de_recorder_withdraw(struct de_recorder *recorder, size_t operation);

/* What stays, in order; owned by the caller (de_sim_free). */
struct de_history_operation *de_recorder_operations(const struct de_recorder *recorder,
                                                    size_t *count);

/* How many keys there were, and of how many the search did not find out. */
struct de_recorder_keys {
    uint64_t checked;
    uint64_t unknown;
};

/* Unknown is not ok: with more than one key in a thousand unknown, a run or sweep proves too
 * little.
 */
static inline bool de_recorder_too_many_unknown(const struct de_recorder_keys *keys)
{
    return keys->unknown > keys->checked / 1000;
}

/* Checks linearizability per key. A violation goes to verdict, and so does it that something stayed
 * unknown: whoever has many runs adds up the keys before calling that a failure. A violation that
 * is none without the reads by lease is of the oracle "lease-read", any other of "linearizability".
 */
void de_recorder_check(const struct de_recorder *recorder, uint64_t steps_max, uint64_t now_ns,
                       struct de_verdict *verdict, struct de_recorder_keys *keys);

#ifdef __cplusplus
}
#endif

#endif
