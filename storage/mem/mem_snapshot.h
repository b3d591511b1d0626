/* storage/mem/mem_snapshot.h - a snapshot store in memory, for tests, the simulator and throw-away
 * clusters.
 *
 * It is the store of files (storage/snapshot/snapshot.h) over a directory in memory: the images are
 * the same, so members with the one and with the other can send snapshots to each other. Durable
 * means: as long as the object lives. */
#ifndef DE_STORAGE_MEM_MEM_SNAPSHOT_H
#define DE_STORAGE_MEM_MEM_SNAPSHOT_H

#include <dengine/snapshot_store.h>

#include "core/base/allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes an empty store. allocator is copied; NULL means malloc. It is called in every thread that
 * opens or closes a reader. NO_MEMORY. */
int de_mem_snapshot_open(const struct de_allocator *allocator,
                         struct dengine_snapshot_store *store);

#ifdef __cplusplus
}
#endif

#endif
