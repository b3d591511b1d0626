/* storage/mem/mem_kv.h - a key-value store in memory, for tests, the simulator and throw-away
 * clusters. Deterministic: no addresses, no hashes. Durable means: as long as the object lives. */
#ifndef DE_STORAGE_MEM_MEM_KV_H
#define DE_STORAGE_MEM_MEM_KV_H

#include <dengine/kv_store.h>

#include "core/base/allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes an empty store. allocator is copied; NULL means malloc. It is called in every thread that
 * opens or closes a view. NO_MEMORY. */
int de_mem_kv_open(const struct de_allocator *allocator, struct dengine_kv_store *store);

#ifdef __cplusplus
}
#endif

#endif
