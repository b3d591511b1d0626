/* runtime/sim/world.h - one run: from a seed to a verdict.
 *
 * Phases: warm-up (no faults; a leader must be elected), chaos (the schedule), heal a core (a
 * quorum is well again, the rest stays broken for good: it must elect, commit new writes and
 * converge within a bound), final reads, orderly stop (every request must have ended), black-box
 * check. The white-box oracles look on all the time.
 *
 * Threads: none; a run uses no global state, so several may run in several processes or threads. */
#ifndef DE_RUNTIME_SIM_WORLD_H
#define DE_RUNTIME_SIM_WORLD_H

#include "runtime/sim/plan.h"
#include "runtime/sim/recorder.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_run_options {
    const struct de_plan *plan;
    const struct de_sim_stores *stores;
    uint64_t until_ns;       /* stop here without healing; 0 = as the plan says */
    uint8_t memory_fill;     /* what fresh memory of the replicas holds */
    struct de_trace *trace;  /* NULL, or initialised: gets the events of the run */
    struct de_text *history; /* NULL, or initialised: gets the clients' history as JSON Lines */
    bool history_edn;        /* as EDN instead */
};

struct de_run_result {
    struct de_verdict verdict;
    uint64_t seed;
    uint64_t trace_hash;
    uint64_t events;
    uint64_t time_ns; /* simulated */
    uint32_t nodes;
    uint32_t clients;
    uint64_t elections;
    uint64_t crashes;
    uint64_t faults;
    uint64_t committed; /* entries */
    uint64_t messages;
    uint64_t ops_begun; /* by clients of all kinds; those below are of registers only */
    uint64_t ops_ok;
    uint64_t ops_failed;
    uint64_t ops_unknown;
    struct de_recorder_keys keys;   /* of the black-box check */
    uint64_t lease_reads;           /* answered by lease */
    uint64_t admin_done;            /* changes of the membership and transfers */
    uint64_t admin_refused;         /* or failed */
    uint64_t configurations;        /* committed */
    uint64_t pages;                 /* of ranges, each right */
    uint64_t sites_taken[DE_SITES]; /* how often the rare thing was done (core/base/site.h) */
};

void de_run(const struct de_run_options *options, struct de_run_result *result);

/* The name of a kind of kernel event, for people. Static. */
const char *de_run_event_name(uint32_t kind);

#ifdef __cplusplus
}
#endif

#endif
