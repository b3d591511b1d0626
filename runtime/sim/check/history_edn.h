/* runtime/sim/check/history_edn.h - events as EDN, the way Jepsen writes and reads them.
 *
 * One event is a map:
 *
 *   {:type :invoke, :f :cas, :value ["a" [1 2]], :process 3, :time 41203118000, :index 7}
 *
 *   key       what                                                                   required
 *   :process  integer >= 0; any other, such as :nemesis: the event is passed over    yes
 *   :type     :invoke, :ok, :fail or :info                                           yes
 *   :f        :read, :write, :cas and so on (history.h)                              yes
 *   :value    nil, an integer, a string, a keyword; [old new] for cas                as f wants
 *   :time     integer, nanoseconds                                                   no
 *   :error    of a failed cas, see below                                             no
 *
 * A pair is [key value], as jepsen.independent makes it, where the value may be a pair for cas
 * ([key [old new]]); without a pair there is one object. Other keys are passed over, whatever their
 * values are, and so are tags and discarded forms. A file is a sequence of such maps, or a vector
 * or list of them.
 *
 * Where Jepsen's habits differ from history.h:
 *
 *   - the order of the events counts, not :time, which may be missing or go back a little;
 *   - what an info or fail puts into :value (:timed-out...) says nothing, save for its key;
 *   - so does a read's invoke, which some tools fill in from its completion;
 *   - :fail of cas means that it did not happen, for whatever reason. That the comparison was false
 *     is believed only if it says :error :not-equal, as our own writer does. */
#ifndef DE_RUNTIME_SIM_CHECK_HISTORY_EDN_H
#define DE_RUNTIME_SIM_CHECK_HISTORY_EDN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/history.h"
#include "runtime/sim/check/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads one map, which begins in this line and column (from 1), into event. The form is
 * overwritten, and event's strings borrow from it. *client is false if the event is none of a
 * client: then event is meaningless. Without :time, event's is INT64_MIN. On bad input returns
 * DENGINE_E_INVALID and says in error what is wrong, where, and what was expected. */
int de_history_edn_parse(void *form, size_t size, uint64_t line, uint64_t column,
                         struct de_history_event *event, bool *client,
                         struct de_history_error *error);

/* Adds the events of count operations (history_replay.h), one map a line. DENGINE_E_INVALID if a
 * string is not UTF-8, DENGINE_E_NO_MEMORY; then nothing usable was added. */
int de_history_edn_write_operations(const struct de_history_operation *operations, size_t count,
                                    struct de_text *text);

#ifdef __cplusplus
}
#endif

#endif
