/* core/base/allocator.h - the one way in which core/node and core/kv get memory.
 *
 * core/raft never uses it: its memory is handed in at init (rule R2). The allocator is given by the
 * runtime, so tests can make it fail and the simulator can count. Functions may be called from the
 * threads that the owner of the object documents. */
#ifndef DE_CORE_BASE_ALLOCATOR_H
#define DE_CORE_BASE_ALLOCATOR_H

#include <stddef.h>

#include "core/base/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

struct de_allocator {
    void *context;
    /* As realloc(): memory NULL allocates; never called with size 0. Returns NULL when out of
     * memory, the old block then stays valid. */
    void *(*resize)(void *context, void *memory, size_t size);
    /* As free(): NULL is allowed. */
    void (*release)(void *context, void *memory);
};

static inline void *de_allocate(const struct de_allocator *allocator, size_t size)
{
    DE_ASSERT(allocator->resize != NULL);
    DE_ASSERT(size > 0);
    return allocator->resize(allocator->context, NULL, size);
}

static inline void *de_reallocate(const struct de_allocator *allocator, void *memory, size_t size)
{
    DE_ASSERT(allocator->resize != NULL);
    DE_ASSERT(size > 0);
    return allocator->resize(allocator->context, memory, size);
}

static inline void de_release(const struct de_allocator *allocator, void *memory)
{
    DE_ASSERT(allocator->release != NULL);
    allocator->release(allocator->context, memory);
}

#ifdef __cplusplus
}
#endif

#endif
