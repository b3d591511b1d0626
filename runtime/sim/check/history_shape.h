/* runtime/sim/check/history_shape.h - the value that an event must have, by function and type.
 *
 * Pure; any thread. */
#ifndef DE_RUNTIME_SIM_CHECK_HISTORY_SHAPE_H
#define DE_RUNTIME_SIM_CHECK_HISTORY_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/sim/check/history.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 0 if the event's value is what its function and type want; otherwise says in error, of the given
 * line, what was expected and returns DENGINE_E_INVALID. */
int de_history_check_shape(const struct de_history_event *event, uint64_t line,
                           struct de_history_error *error);

/* Whether the function's ok tells a value that its invoke does not. */
static inline bool de_history_observes(enum de_history_function function)
{
    return function == DE_HISTORY_READ || function == DE_HISTORY_GET;
}

#ifdef __cplusplus
}
#endif

#endif
