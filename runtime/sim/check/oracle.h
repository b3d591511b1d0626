/* runtime/sim/check/oracle.h - tests only: linearizability of small histories by brute force.
 *
 * Shares nothing with the search but the operations: no model, no numbering of values, no
 * memoisation, no reduction. It tries each subset of the info operations and each order of it
 * together with the others that agrees with real time. */
#ifndef DE_RUNTIME_SIM_CHECK_ORACLE_H
#define DE_RUNTIME_SIM_CHECK_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/sim/check/history.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_ORACLE_OPERATIONS_MAX 10

/* count <= DE_ORACLE_OPERATIONS_MAX operations on one key of a cas-register. */
bool de_oracle_linearizable(const struct de_history_operation *operations, size_t count);

/* Whether order, length indexes into operations, may happen one after the other: agrees with real
 * time among its members, and each has the outcome that it had. */
bool de_oracle_order_is_legal(const struct de_history_operation *operations, const uint32_t *order,
                              size_t length);

#ifdef __cplusplus
}
#endif

#endif
