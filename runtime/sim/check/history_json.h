/* runtime/sim/check/history_json.h - events as JSON Lines.
 *
 * One event is one object on one line:
 *
 *   {"process":3,"type":"invoke","f":"cas","key":"a","value":[1,2],"time":41203118000}
 *
 *   member    what                                                                   required
 *   process   integer >= 0                                                           yes
 *   type      "invoke", "ok", "fail" or "info"                                       yes
 *   f         "read", "write", "cas" and so on (history.h)                           yes
 *   time      integer, nanoseconds, not before the line above                        yes
 *   value     null, integer, string, or [old, new] for cas (history.h)               as f wants
 *   key       integer or string; null or missing: there is one register              no
 *
 * Members come in any order, none twice; others (Jepsen writes "index", "error"...) are skipped.
 * Numbers are integers of 64 bits; strings are UTF-8. */
#ifndef DE_RUNTIME_SIM_CHECK_HISTORY_JSON_H
#define DE_RUNTIME_SIM_CHECK_HISTORY_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/history.h"
#include "runtime/sim/check/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads one line (without its newline, number line) into event. The line is overwritten, and
 * event's strings borrow from it. On bad input returns DENGINE_E_INVALID and says in error what is
 * wrong and what was expected. A de_history_line_parser (history_reader.h). */
int de_history_json_parse(void *line_data, size_t line_size, uint64_t line,
                          struct de_history_event *event, struct de_history_error *error);

/* Adds event as one line with its newline. DENGINE_E_INVALID if a string is not UTF-8 (JSON can
 * not hold it), DENGINE_E_NO_MEMORY; then nothing usable was added. */
int de_history_json_write(const struct de_history_event *event, struct de_text *text);

/* Adds the events of count operations (history_replay.h) as lines. Errors as above. */
int de_history_json_write_operations(const struct de_history_operation *operations, size_t count,
                                     struct de_text *text);

#ifdef __cplusplus
}
#endif

#endif
