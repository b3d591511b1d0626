/* runtime/sim/check/grow.h - arrays of the oracles: they are test tools, and one that has no memory
 * cannot say that all is well, so it stops. */
#ifndef DE_RUNTIME_SIM_CHECK_GROW_H
#define DE_RUNTIME_SIM_CHECK_GROW_H

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

/* array, of *capacity elements of size bytes of which count are used, with room for one more. */
static inline void *de_grow(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return array;
    }
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = realloc(array, *capacity * size);
    DE_ASSERT(grown != NULL);
    return grown;
}

/* A copy of size bytes, with room for at least one; to be freed. */
static inline void *de_copy(const void *bytes, size_t size)
{
    void *copy = malloc(size + 1);
    DE_ASSERT(copy != NULL);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

#ifdef __cplusplus
}
#endif

#endif
