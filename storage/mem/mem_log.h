/* storage/mem/mem_log.h - a log store in memory, for tests and throw-away clusters.
 *
 * Durable means: as long as the object lives. */
#ifndef DE_STORAGE_MEM_MEM_LOG_H
#define DE_STORAGE_MEM_MEM_LOG_H

#include <dengine/log_store.h>

#include "core/base/allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes an empty log. allocator is copied; NULL means malloc. NO_MEMORY. */
int de_mem_log_open(const struct de_allocator *allocator, struct dengine_log_store *store);

#ifdef __cplusplus
}
#endif

#endif
