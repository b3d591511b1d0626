/* runtime/sim/host_watch_range.h - watchers of ranges, some within others, beside the one of
 * everything (host_watch.c): each gets what changes in its range, all of it and nothing else.
 *
 * A watcher keeps a sum over the keys of its range and the versions they have, which each event
 * changes. When all has been seen, it is the sum over the state. One thread. */
#ifndef DE_RUNTIME_SIM_HOST_WATCH_RANGE_H
#define DE_RUNTIME_SIM_HOST_WATCH_RANGE_H

#include "core/kv/kv.h"
#include "core/kv/watch.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_WATCH_RANGES 6u

struct de_watch_range {
    struct de_watcher *watcher; /* NULL: it does not watch */
    struct dengine_slice from;
    struct dengine_slice end;
    uint64_t sum;
    uint64_t begun; /* the revision that it began behind */
    uint64_t seen;  /* of the newest event */
    uint64_t next;  /* where it goes on when it watches again; 0: from a look at the state */
};

/* Takes so many things at most; begins first, if it does not watch, with the range of that number.
 * NULL, or what is wrong, and *revision where. */
const char *de_watch_range_look(struct de_watch_range *range, uint32_t number,
                                struct de_watch_hub *hub, struct de_kv *kv, uint64_t count,
                                uint64_t *revision);

#ifdef __cplusplus
}
#endif

#endif
