/* runtime/sim/check/explain.h - a check's result in words, and as JSON.
 *
 * Not thread-safe with respect to the text. */
#ifndef DE_RUNTIME_SIM_CHECK_EXPLAIN_H
#define DE_RUNTIME_SIM_CHECK_EXPLAIN_H

#include "runtime/sim/check/check.h"
#include "runtime/sim/check/history.h"
#include "runtime/sim/check/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One operation: "process 3 read 1 (at 41.203118 s to 41.203402 s)". */
void de_explain_operation(const struct de_history_operation *operation, struct de_text *text);

/* "linearizable" or "unknown: ..." on one line; or, on one screen, "not linearizable: key ..., "
 * with the operation that cannot be placed and the states that were possible on the first line; and
 * below it what left these states, what could have made the one that is missing, what overlapped,
 * and the end of the longest prefix. operations are those that were checked. */
void de_explain_text(const struct de_history_operation *operations,
                     const struct de_check_result *result, struct de_text *text);

/* The same, complete, as one JSON object on one line:
 *
 *   {"verdict":"not linearizable","operations":12,"keys":2,"keys_failed":1,"keys_unknown":0,
 *    "steps":40,"failure":{"key":"a","operation":{...},"states":[2],"states_left_by":[{...}],
 *    "states_complete":true,"needed":1,"makers":[{...}],"prefix_state":2,"overlapping":[{...}],
 *    "prefix":[{...}]}}
 *
 * An operation is {"process","f","outcome","value","invoke","complete","invoke_time",
 * "complete_time"}, where invoke and complete are positions (line numbers of a file) and those of
 * complete are null if it never completed. A state was left by null if it is the initial one;
 * "needed" and "makers" are there if the operation needs a certain state, "prefix_state" if it is
 * known. "failure" is there only if a key failed,
 * "key_unknown" only if one is unknown. */
void de_explain_json(const struct de_history_operation *operations,
                     const struct de_check_result *result, struct de_text *text);

#ifdef __cplusplus
}
#endif

#endif
