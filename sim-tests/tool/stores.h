/* sim-tests/tool/stores.h - the production stores for the simulator: the write-ahead log over the
 * simulated disk, and the key-value store in memory (what survives of it is the host's business).
 */
#ifndef DE_SIM_TESTS_TOOL_STORES_H
#define DE_SIM_TESTS_TOOL_STORES_H

#include "runtime/sim/stores.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_sim_stores de_tool_stores(void);

#ifdef __cplusplus
}
#endif

#endif
