/* runtime/sim/check/oracle.h - tests only: linearizability of small histories by brute force.
 *
 * Shares nothing with the search but the operations, and a model's name: no numbering of values, no
 * memoisation, no reduction, and an object of its own. It tries each subset of the info operations
 * and each order of it together with the others that agrees with real time. */
#ifndef DE_RUNTIME_SIM_CHECK_ORACLE_H
#define DE_RUNTIME_SIM_CHECK_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/sim/check/history.h"
#include "runtime/sim/check/model.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_ORACLE_OPERATIONS_MAX 10
#define DE_ORACLE_BYTES_MAX      96 /* of a string, however much is appended */

/* count <= DE_ORACLE_OPERATIONS_MAX operations on one key of the model of that name. */
bool de_oracle_linearizable(const struct de_model *model,
                            const struct de_history_operation *operations, size_t count);

/* Whether the operation must be in every order: it surely happened, or surely looked. */
bool de_oracle_happened(const struct de_history_operation *operation);

/* Whether order, length indexes into operations, may happen one after the other: agrees with real
 * time among its members, and each has the outcome that it had. */
bool de_oracle_order_is_legal(const struct de_model *model,
                              const struct de_history_operation *operations, const uint32_t *order,
                              size_t length);

#ifdef __cplusplus
}
#endif

#endif
