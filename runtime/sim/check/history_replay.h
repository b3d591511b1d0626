/* runtime/sim/check/history_replay.h - the events that operations are made of, in their order.
 *
 * What history.h makes of a file, the other way round. Not thread-safe. */
#ifndef DE_RUNTIME_SIM_CHECK_HISTORY_REPLAY_H
#define DE_RUNTIME_SIM_CHECK_HISTORY_REPLAY_H

#include <stddef.h>

#include "runtime/sim/check/history.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Calls each with every event of count operations, in the order of their positions, until it
 * returns an error. An info operation ends only if return_at > call_at; otherwise it stays open. A
 * failed cas that is untold has no events: it did nothing and tells nothing. 0, each's error, or
 * DENGINE_E_NO_MEMORY. */
int de_history_replay(const struct de_history_operation *operations, size_t count,
                      int (*each)(void *context, const struct de_history_event *event),
                      void *context);

#ifdef __cplusplus
}
#endif

#endif
