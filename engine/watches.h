/* engine/watches.h - the watches of an engine: one hub (core/kv/watch.h) behind a lock.
 *
 * Lives until the engine and the last watch have gone.
 *
 * Threads: any. */
#ifndef DE_ENGINE_WATCHES_H
#define DE_ENGINE_WATCHES_H

#include <dengine/watch.h>

#include "core/kv/kv.h"
#include "core/kv/watch.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_watches;

/* Makes the hub for kv and has it told what kv does. Before anything is applied. */
int de_watches_new(const struct de_watch_limits *limits, struct de_kv *kv,
                   struct de_watches **watches);
/* Nothing is applied any more: watches get SHUTDOWN after what they have yet to see. NULL is
 * allowed. */
void de_watches_end(struct de_watches *watches);

int de_watches_open(struct de_watches *watches, const struct dengine_watch_options *options,
                    struct dengine_watch **watch);

#ifdef __cplusplus
}
#endif

#endif
