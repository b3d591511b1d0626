/* sim-tests/tool/save.h - what dengine-sim writes into files. */
#ifndef DE_SIM_TESTS_TOOL_SAVE_H
#define DE_SIM_TESTS_TOOL_SAVE_H

#include <stdbool.h>

#include "runtime/sim/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Both replace the file. false: said on stderr why not. */
bool de_save_text(const char *path, const struct de_text *text);
bool de_save_plan(const char *path, const struct de_plan *plan);

#ifdef __cplusplus
}
#endif

#endif
