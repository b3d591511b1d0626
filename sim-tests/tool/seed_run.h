/* sim-tests/tool/seed_run.h - one seed as the command line asks for it. */
#ifndef DE_SIM_TESTS_TOOL_SEED_RUN_H
#define DE_SIM_TESTS_TOOL_SEED_RUN_H

#include "runtime/sim/world.h"
#include "sim-tests/tool/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the seed means, or what the schedule file says; de_plan_deinit it. */
void de_seed_plan(const struct de_tool_options *options, uint64_t seed, struct de_plan *plan);

/* Runs seed, twice with --check-determinism. history (or NULL) gets the clients' history. */
void de_seed_run(const struct de_tool_options *options, uint64_t seed, struct de_text *history,
                 struct de_run_result *result);

#ifdef __cplusplus
}
#endif

#endif
