/* runtime/sim/check/watch_check.h - what one watcher was sent, held against what was committed.
 *
 * A watcher asks for a range of keys and perhaps only for puts or only for deletes. What it is owed
 * is then a list: the changes that fit, from its first revision on, in their order. The check keeps
 * its place in that list.
 *
 *   watch-invented   an event is of no committed change
 *   watch-filter     of one that was not asked for
 *   watch-order      of one that was sent before, or of one before the place: nothing comes twice,
 *                    nothing goes back
 *   watch-gap        of a later one than the next: between the first and the last event none is
 *                    missing
 *   watch-value      an event tells its change wrongly: value, kind, expiry, previous value
 *   watch-split      a message ends in the middle of a revision
 *   watch-progress   "all up to revision r was sent", and it was not; or r is not committed, or
 *                    less than was said before
 *   watch-compacted  the stream began although the changes it needed were no longer kept; or it was
 *                    refused although they were; or a wrong oldest revision was told
 *   watch-resume     a stream that was cancelled says to resume where something would be missing or
 *                    come twice
 *   watch-behind     after the end of all faults a living stream has not sent everything
 *
 * Pure; one thread. */
#ifndef DE_RUNTIME_SIM_CHECK_WATCH_CHECK_H
#define DE_RUNTIME_SIM_CHECK_WATCH_CHECK_H

#include "runtime/sim/check/change_log.h"
#include "runtime/sim/check/finding.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What was asked for. The bytes are borrowed for as long as the check lives. */
struct de_watch_wish {
    struct dengine_slice from; /* from <= key < to; to.data == NULL: without an end */
    struct dengine_slice to;
    bool no_puts;
    bool no_deletes;
    bool previous; /* events are to tell the value before */
};

struct de_watch_event {
    uint64_t revision;
    struct dengine_slice key;
    struct dengine_slice value; /* of a put */
    bool deleted;
    bool expired;
    bool has_previous; /* if it was asked for: the key was there before */
    struct dengine_slice previous;
};

struct de_watch_check {
    const struct de_change_log *log; /* borrowed */
    struct de_watch_wish wish;
    uint64_t watcher; /* for sentences */
    bool live;
    size_t next;   /* number of the first change that may still have to be sent */
    uint64_t told; /* all up to here was sent, by the stream's word */
};

/* A watcher that has no stream yet. log must outlive the check. */
void de_watch_check_init(struct de_watch_check *check, const struct de_change_log *log,
                         uint64_t watcher, const struct de_watch_wish *wish);

/* A node that had applied up to revision applied, and kept all changes from revision oldest on,
 * opens the stream: from revision asked on, or, if asked is 0, from the next one on. Also after a
 * stream has ended: the watcher goes on where it wants to. False with a finding, as all below. */
bool de_watch_check_started(struct de_watch_check *check, uint64_t asked, uint64_t applied,
                            uint64_t oldest, struct de_finding *finding);

/* A node that kept all changes from revision oldest on refuses to open, or ends, a stream that
 * needs revision needed, and tells that told is the oldest it has. */
bool de_watch_check_compacted(struct de_watch_check *check, uint64_t needed, uint64_t told,
                              uint64_t oldest, struct de_finding *finding);

/* One message with count events. */
bool de_watch_check_events(struct de_watch_check *check, const struct de_watch_event *events,
                           size_t count, struct de_finding *finding);

/* The stream says that all up to revision was sent. */
bool de_watch_check_progress(struct de_watch_check *check, uint64_t revision,
                             struct de_finding *finding);

/* The stream ends, and may be resumed from revision resume. */
bool de_watch_check_cancelled(struct de_watch_check *check, uint64_t resume,
                              struct de_finding *finding);

/* The stream ends without a word (a lost connection, a crash). */
void de_watch_check_lost(struct de_watch_check *check);

/* Where the watcher has to resume so that nothing is missing and nothing comes twice: the revision
 * after the last that was sent in full. */
uint64_t de_watch_check_resume_from(const struct de_watch_check *check);

/* Everything has come to rest at revision: a living stream has sent all. */
bool de_watch_check_finish(const struct de_watch_check *check, uint64_t revision,
                           struct de_finding *finding);

#ifdef __cplusplus
}
#endif

#endif
