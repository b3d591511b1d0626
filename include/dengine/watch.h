/* dengine/watch.h - being told what happens to keys.
 *
 *     struct dengine_watch_options options = {.from = DENGINE_STR("job"), .one_key = true};
 *     struct dengine_watch *watch;
 *     struct dengine_event event;
 *
 *     dengine_watch_open(client, &options, &watch);
 *     while (dengine_watch_next(watch, 1000, &event) == 0) { ... }
 *     dengine_watch_close(watch);
 *
 * A watch gives every change of its range from where it begins, in the order of revisions, once;
 * without a gap, until it ends with an error, which says how to go on.
 *
 * A client of an engine in the process sees what that member has applied, leader or not. A remote
 * client watches at any node of the cluster that it reaches, and goes on at another one, by itself,
 * when that one dies, is cut off from the leader, or remembers too little; the order of revisions
 * makes that invisible.
 *
 * Threads: one thread at a time uses a watch; different watches are independent. */
#ifndef DENGINE_WATCH_H
#define DENGINE_WATCH_H

#include <dengine/client.h>

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
    /* Goes on by itself where it would end with COMPACTED, unless that is at its beginning: the
     * keys of the range are read, and what is different from what was told is told as events,
     * marked `resynced`; how it came about in between is left out. Costs a list of the keys when
     * the watch begins, and memory for them. Not with no_puts or no_deletes. */
    bool resync;
    /* May be NULL. Called when there is something to get after there was nothing, from a thread of
     * the library: must not block nor call anything of it. */
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
    bool resynced;     /* see dengine_watch_options; previous is not known then */
    uint64_t revision;
    uint64_t create_revision; /* of the key as it is now; DELETE: as it was, as the following */
    uint64_t version;
    uint64_t lease;
    struct dengine_slice key;
    struct dengine_slice value;    /* PUT */
    struct dengine_slice previous; /* the value before, if had_previous */
};

/* Begins to watch; options are copied. INVALID, TOO_LARGE (a key), NO_MEMORY, SHUTDOWN, and from an
 * engine in the process BUSY (raft.watch.max_watchers). A remote client does not wait for a
 * connection: "to come" is what the node says that it reaches first. The caller closes *watch. */
DENGINE_EXPORT int dengine_watch_open(struct dengine_client *client,
                                      const struct dengine_watch_options *options,
                                      struct dengine_watch **watch);

/* The next change: 0. TIMEOUT: none came in timeout_ms (0: do not wait). What ends a watch, each
 * time it is asked again:
 *
 *   CANCELED    it was read too slowly (raft.watch.watcher_buffer_size): open another one from
 *               dengine_watch_revision(), and nothing is missed
 *   COMPACTED   the revision to go on from is remembered no more, by no node; or the state of the
 *               engine in the process was replaced by a snapshot: read the state, and open another
 *               one from the revision read plus one; rare with options.resync
 *   SHUTDOWN    the engine is closing, or the client was disconnected
 *   BUSY        the node has too many watchers (remote)
 *   VERSION     the server knows no watches of this kind (remote) */
DENGINE_EXPORT int dengine_watch_next(struct dengine_watch *watch, uint32_t timeout_ms,
                                      struct dengine_event *event);

/* After a TIMEOUT: everything up to this revision has been seen; 0 as long as that is not known.
 * After CANCELED: where to begin anew. After COMPACTED: the oldest revision to begin from. */
DENGINE_EXPORT uint64_t dengine_watch_revision(const struct dengine_watch *watch);

/* Asks for the newest: soon after it, dengine_watch_revision is not below what the node that is
 * watched had applied when it was asked. Without this a remote client hears of it every two seconds
 * when nothing changes; an engine in the process tells with each TIMEOUT. It comes behind the
 * changes that were told before, so these have to be read first, until a TIMEOUT. */
DENGINE_EXPORT void dengine_watch_progress(struct dengine_watch *watch);

/* A file descriptor that can be read from (poll, epoll, an event loop) while there may be something
 * to get: then call dengine_watch_next with time-out 0 until TIMEOUT. The watch's; do not read it.
 * It is made by the first call; -1 when the process may open no more. */
DENGINE_EXPORT int dengine_watch_fd(struct dengine_watch *watch);

/* Ends a watch; with options.resync before its engine is closed or its client disconnected. Else
 * also after dengine_close of its engine, or dengine_disconnect of its client. NULL is allowed. */
DENGINE_EXPORT void dengine_watch_close(struct dengine_watch *watch);

#ifdef __cplusplus
}
#endif

#endif
