/* sim-tests/tool/sweep.h - many seeds on several processes.
 *
 * Worker w of n runs seeds first + w, first + w + n, ... and sends each result through a pipe. A
 * worker that dies (failed assert, signal, sanitizer) has died of the seed it had not yet answered
 * for; what it wrote to stderr is the reason, and a new worker goes on after that seed. */
#ifndef DE_SIM_TESTS_TOOL_SWEEP_H
#define DE_SIM_TESTS_TOOL_SWEEP_H

#include "runtime/sim/world.h"
#include "sim-tests/tool/options.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_sweep_totals {
    uint64_t seeds;
    uint64_t failures;
    struct de_recorder_keys keys;
    uint64_t unexpected; /* of them, by another oracle than the one to be expected */
    uint64_t events;
    uint64_t time_ns; /* simulated */
    uint64_t wall_ns;
    uint64_t ops_ok;
    uint64_t elections;
    uint64_t crashes;
    bool out_of_time; /* options->budget_ns was over before the seeds were */
    bool failed;
    struct de_run_result first_failure; /* of the smallest seed */
    bool unknown;                       /* keys of some seed stayed without a verdict */
    struct de_run_result first_unknown; /* the smallest such seed */
};

/* Runs all seeds. A seed of which only some keys stayed unknown is no failure by itself: at the end
 * it is, if that happened to more than one key in a thousand of all (recorder.h). Without
 * keep_going stops when the smallest failing seed is certain; with a budget at its end, whoever
 * runs then. each is called once per result, in
 * the order in which they come. Returns 0, or -1 when no process could be made (said on stderr). */
int de_sweep(const struct de_tool_options *options,
             void (*each)(void *context, const struct de_run_result *result), void *context,
             struct de_sweep_totals *totals);

#ifdef __cplusplus
}
#endif

#endif
