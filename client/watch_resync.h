/* client/watch_resync.h - a watch that goes on by itself when its past is gone.
 *
 * What happened between the last event and now is not known then, but what there was and what there
 * is are: the difference is told as events. So it remembers the keys of its range that its user
 * knows of: those there were when it began, which it lists first, and those put since, without
 * those deleted since. After a COMPACTED it
 *
 *   1. watches anew, from now on
 *   2. reads all pairs of the range, page by page, each page as of a revision of its own
 *   3. lays the events of the new watch over them, until it has seen all up to the last page's
 *      revision: now it has the range as of one revision, to which no event is missing
 *   4. tells what is new, changed or gone compared with what its user knows, in the order of
 *      revisions, and goes on with the events after that
 *
 * Threads: as a feed (client_ops.h); pages arrive on threads of the client. */
#ifndef DE_CLIENT_WATCH_RESYNC_H
#define DE_CLIENT_WATCH_RESYNC_H

#include "client/client_ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As ops->watch of the client, which the feed stands on. INVALID also for watches of puts or
 * deletes alone. */
int de_watch_resync_open(struct dengine_client *client, const struct dengine_watch_options *options,
                         struct de_watch_feed **feed);

#ifdef __cplusplus
}
#endif

#endif
