/* engine/watches.h - who watches an engine: one hub (core/kv/watch.h) behind a lock.
 *
 * Lives until the engine and the last feed have gone.
 *
 * Threads: any. */
#ifndef DE_ENGINE_WATCHES_H
#define DE_ENGINE_WATCHES_H

#include "client/client_ops.h"
#include "core/kv/kv.h"
#include "core/kv/watch.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_watches;

/* Makes the hub for kv and has it told what kv does. Before anything is applied. */
int de_watches_new(const struct de_watch_limits *limits, struct de_kv *kv,
                   struct de_watches **watches);
/* Nothing is applied any more: feeds get SHUTDOWN after what they have yet to see. NULL is
 * allowed. */
void de_watches_end(struct de_watches *watches);

/* Begins to watch (client_ops.h). options->ready is called under the lock: it must call nothing
 * here. INVALID, TOO_LARGE, BUSY, NO_MEMORY. */
int de_watches_open(struct de_watches *watches, const struct dengine_watch_options *options,
                    struct de_watch_feed **feed);

/* As de_watch_usage. */
void de_watches_usage(struct de_watches *watches, struct de_watch_usage *usage);

#ifdef __cplusplus
}
#endif

#endif
