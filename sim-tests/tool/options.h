/* sim-tests/tool/options.h - the command line of dengine-sim. */
#ifndef DE_SIM_TESTS_TOOL_OPTIONS_H
#define DE_SIM_TESTS_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/sim/scenario.h"

#ifdef __cplusplus
extern "C" {
#endif

enum de_tool_command {
    DE_TOOL_RUN,
    DE_TOOL_LIST,
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
    bool expect_failure; /* a failure is the success (mutants, negative controls) */
    bool keep_going;
    uint64_t until_ns;   /* 0 = to the end */
    const char *history; /* file, NULL = none */
};

/* Parses the arguments. On bad usage prints one sentence to stderr and returns false. */
bool de_tool_parse(int argc, char **argv, struct de_tool_options *options);

/* The scenario of this seed. */
const struct de_scenario *de_tool_scenario(const struct de_tool_options *options, uint64_t seed);

#ifdef __cplusplus
}
#endif

#endif
