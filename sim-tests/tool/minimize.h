/* sim-tests/tool/minimize.h - dengine-sim minimize: the smallest schedule that fails in the same
 * way (runtime/sim/shrink.h). */
#ifndef DE_SIM_TESTS_TOOL_MINIMIZE_H
#define DE_SIM_TESTS_TOOL_MINIMIZE_H

#include "sim-tests/tool/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Each run is a process of its own, so that crashes can be made smaller, too. Writes the schedule
 * to options->save and says on stdout what is left. Returns the exit status: that of the failure
 * has become 0, DE_VERDICT_USAGE when there is none to begin with. */
int de_minimize(const struct de_tool_options *options);

#ifdef __cplusplus
}
#endif

#endif
