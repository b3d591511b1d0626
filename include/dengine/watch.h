/* dengine/watch.h - being told what happens to keys, by an engine in your process.
 *
 *     struct dengine_watch_options options = {.from = DENGINE_STR("job"), .one_key = true};
 *     struct dengine_watch *watch;
 *     struct dengine_event event;
 *
 *     dengine_watch_open(engine, &options, &watch);
 *     while (dengine_watch_next(watch, 1000, &event) == 0) { ... }
 *     dengine_watch_close(watch);
 *
 * Works on any member, leader or not: it sees what this member has applied. A watch gives every
 * change of its range from where it begins, in the order of revisions, once; without a gap, until
 * it ends with an error, which says how to go on.
 *
 * Threads: one thread at a time uses a watch; different watches are independent. */
#ifndef DENGINE_WATCH_H
#define DENGINE_WATCH_H

#include <dengine/dengine.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dengine_watch;

struct dengine_watch_options {
    struct dengine_slice from; /* first key; empty: of all */
    struct dengine_slice end;  /* first key that is not watched; empty: none. Not with one_key */
    bool one_key;              /* from and nothing else */
    bool no_puts;
    bool no_deletes;
    /* Changes of this revision and later, if they are still remembered (raft.watch.*); 0: those to
     * come. After reading the state as of revision r, r + 1 leaves no gap. */
    uint64_t from_revision;
    /* May be NULL. Called when there is something to get after there was nothing, from a thread of
     * the engine: must not block nor call anything of the engine. */
    void (*ready)(void *context);
    void *context;
};

enum dengine_event_type {
    DENGINE_EVENT_PUT = 1,
    DENGINE_EVENT_DELETE = 2,
};

/* One change. Its bytes live until the next call on the watch. */
struct dengine_event {
    enum dengine_event_type type;
    bool expired;      /* DELETE: its time was over, or its lease ended by itself */
    bool had_previous; /* the key was there before */
    uint64_t revision;
    uint64_t create_revision; /* of the key as it is now; DELETE: as it was, as the following */
    uint64_t version;
    uint64_t lease;
    struct dengine_slice key;
    struct dengine_slice value;    /* PUT */
    struct dengine_slice previous; /* the value before, if had_previous */
};

/* Begins to watch; options are copied. INVALID, TOO_LARGE (a key), BUSY (raft.watch.max_watchers),
 * NO_MEMORY, and COMPACTED: from_revision is remembered no more: read the state and
 * begin at the revision after that. The caller closes *watch. */
DENGINE_EXPORT int dengine_watch_open(struct dengine *engine,
                                      const struct dengine_watch_options *options,
                                      struct dengine_watch **watch);

/* The next change: 0. TIMEOUT: none came in timeout_ms (0: do not wait). What ends a watch, each
 * time it is asked again:
 *
 *   CANCELED    it was read too slowly (raft.watch.watcher_buffer_size): open another one from
 *               dengine_watch_revision(), and nothing is missed
 *   COMPACTED   the state was replaced by a snapshot: read the state, and open another one from the
 *               revision read plus one
 *   SHUTDOWN    the engine is closing */
DENGINE_EXPORT int dengine_watch_next(struct dengine_watch *watch, uint32_t timeout_ms,
                                      struct dengine_event *event);

/* After a TIMEOUT: everything up to this revision has been seen. After CANCELED: where to begin
 * anew. After COMPACTED: what the state is of. Before: 0. */
DENGINE_EXPORT uint64_t dengine_watch_revision(const struct dengine_watch *watch);

/* A file descriptor that can be read from (poll, epoll, an event loop) while there may be something
 * to get: then call dengine_watch_next with time-out 0 until TIMEOUT. The watch's; do not read it.
 */
DENGINE_EXPORT int dengine_watch_fd(const struct dengine_watch *watch);

/* Ends a watch. Also after dengine_close of its engine. NULL is allowed. */
DENGINE_EXPORT void dengine_watch_close(struct dengine_watch *watch);

#ifdef __cplusplus
}
#endif

#endif
