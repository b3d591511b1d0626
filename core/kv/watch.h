/* core/kv/watch.h - who watches what: recent events, watchers, and what each of them has yet to
 * see.
 *
 * The hub is told of every batch, in order. It keeps the newest events in a ring that is bounded by
 * number and bytes, so that a watcher may begin in the recent past; and it puts each event into the
 * queue of each watcher whose range it falls in. Which those are an index says, so watchers of
 * other keys cost a write nothing.
 *
 * What a watcher gets: every event of its range from where it began, in the order of the log, once,
 * until it is removed or gets a CANCELED. There is no gap before a CANCELED, and it says from which
 * revision on to watch again to go on without one:
 *
 *   WATCH_OVERFLOW    its queue was full, or there was no memory for it
 *   WATCH_RESET       the state was replaced by a snapshot; what happened in between is not known,
 *                     so the watcher has to read the state, and watch on from there
 *
 * The queue of a watcher is bounded, but an empty one takes the events of any one revision, so that
 * beginning again where it ended always gets further.
 *
 * Threads: none of its own. The caller calls one function at a time. */
#ifndef DE_CORE_KV_WATCH_H
#define DE_CORE_KV_WATCH_H

#include "core/base/site.h"
#include "core/kv/event.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_watch_hub;
struct de_watcher;

struct de_watch_limits {
    size_t ring_events_max;
    size_t ring_bytes_max;
    size_t queue_events_max; /* of one watcher */
    size_t watchers_max;
    struct de_sites *sites; /* see core/base/site.h; NULL but in a simulator; borrowed */
};

struct de_watch_options {
    struct dengine_slice from; /* first key; copied */
    struct dengine_slice end;  /* first key that is not watched; "": no end. Not with one_key */
    bool one_key;              /* from and nothing else */
    uint64_t from_revision;    /* events of this revision and later; 0 = of what is to come */
    bool no_puts;
    bool no_deletes;
    void *context; /* the caller's, see de_watch_context */
};

enum de_watch_kind {
    DE_WATCH_NOTHING = 0, /* all has been seen */
    DE_WATCH_EVENT = 1,
    DE_WATCH_OVERFLOW = 2,
    DE_WATCH_RESET = 3,
};

struct de_watch_next {
    enum de_watch_kind kind;
    struct de_kv_event *event; /* EVENT: with a reference, for de_watch_done */
    /* NOTHING: everything up to this one has been seen. OVERFLOW: watch again from this one. RESET:
     * the state is of this one now. */
    uint64_t revision;
};

/* revision: what the state is of now. ready(context, watcher) is called when a watcher that had
 * nothing to get has something; from inside add, publish or reset, so it must not call back. */
int de_watch_hub_new(const struct de_watch_limits *limits, const struct de_allocator *allocator,
                     uint64_t revision, void (*ready)(void *context, struct de_watcher *watcher),
                     void *context, struct de_watch_hub **hub);
/* No watcher may be left. NULL is allowed. */
void de_watch_hub_free(struct de_watch_hub *hub);

/* Takes over (the references too) what is remembered of the time before: all events there were from
 * revision oldest on. Once, before anything else. */
void de_watch_recall(struct de_watch_hub *hub, struct de_kv_event *first, uint64_t oldest);

/* What a sink is told (event.h); takes the references. */
void de_watch_publish(struct de_watch_hub *hub, struct de_kv_event *first, uint64_t revision);
void de_watch_reset(struct de_watch_hub *hub, uint64_t revision);

/* INVALID (no key, an empty range), TOO_LARGE (a key), BUSY (too many watchers), NO_MEMORY, or
 * COMPACTED: from_revision lies before de_watch_oldest(). */
int de_watch_add(struct de_watch_hub *hub, const struct de_watch_options *options,
                 struct de_watcher **watcher);
void de_watch_remove(struct de_watch_hub *hub, struct de_watcher *watcher);
void *de_watch_context(const struct de_watcher *watcher);

/* The next thing that watcher gets. After a CANCELED it gets nothing more. */
void de_watch_take(struct de_watch_hub *hub, struct de_watcher *watcher,
                   struct de_watch_next *next);
/* Gives the event of a take back. */
void de_watch_done(struct de_watch_hub *hub, struct de_kv_event *event);

/* The least revision that can be watched from, and what the state is of. */
uint64_t de_watch_oldest(const struct de_watch_hub *hub);
uint64_t de_watch_revision(const struct de_watch_hub *hub);
size_t de_watch_count(const struct de_watch_hub *hub);

/* What the limits bound, and what was refused at them since the hub was made. */
struct de_watch_usage {
    uint64_t watchers;
    uint64_t events; /* in the ring */
    uint64_t event_bytes;
    uint64_t refused;   /* watchers beyond watchers_max */
    uint64_t overflows; /* watchers canceled because their queue was full */
    uint64_t looks;     /* at watchers, to find those of the keys that were published */
};
void de_watch_usage(const struct de_watch_hub *hub, struct de_watch_usage *usage);

#ifdef __cplusplus
}
#endif

#endif
