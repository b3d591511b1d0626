/* sim-tests/tool/options.h - the command line of dengine-sim. */
#ifndef DE_SIM_TESTS_TOOL_OPTIONS_H
#define DE_SIM_TESTS_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/sim/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

enum de_tool_command {
    DE_TOOL_RUN,
    DE_TOOL_MINIMIZE,
    DE_TOOL_LIST,
    DE_TOOL_FAULTS,
    DE_TOOL_SITES,
    DE_TOOL_HELP,
    DE_TOOL_VERSION,
};

struct de_tool_options {
    enum de_tool_command command;
    uint64_t first_seed;
    uint64_t last_seed;                 /* inclusive */
    const struct de_scenario *scenario; /* NULL: all, one after the other */
    uint32_t jobs;                      /* processes; 0: run in this one (for debuggers) */
    bool check_determinism;
    bool json;
    const char *expect_oracle; /* NULL, or: seeds must fail, and only by this oracle */
    bool expect_failure;       /* a failure is the success (mutants, negative controls) */
    bool keep_going;
    bool raw_memory; /* fresh memory is left as it comes, for tools that watch over it */
    bool marks;      /* count and list the core's marks (marks.h) */
    uint64_t marks_unreached_max; /* more that stay unreached are a failure */
    uint64_t until_ns;            /* 0 = to the end */
    uint64_t budget_ns;           /* of real time, for all seeds; 0 = as long as it takes */
    const char *history;          /* file, NULL = none */
    bool history_edn;             /* as its name says */
    const char *schedule;         /* file to run; NULL = draw from the seed */
    const char *save;             /* file to write the schedule to; NULL = none (run only) */
    const struct de_plan *plan;   /* what was read from schedule; NULL = draw from the seed */
    uint32_t shard; /* of the seeds only every shards-th is run, from this one, from 0 */
    uint32_t shards;
};

/* Parses the arguments. On bad usage prints one sentence to stderr and returns false. */
bool de_tool_parse(int argc, char **argv, struct de_tool_options *options);

/* Reads the schedule file into *plan and makes it the options' plan; the seed is then the file's.
 * On failure says on stderr what is wrong. */
bool de_tool_read_schedule(struct de_tool_options *options, struct de_plan *plan);

/* The scenario of this seed. */
const struct de_scenario *de_tool_scenario(const struct de_tool_options *options, uint64_t seed);

#ifdef __cplusplus
}
#endif

#endif
