#include "storage/base/heap.h"

#include <stdlib.h>

#include "core/base/assert.h"

static void *heap_resize(void *context, void *memory, size_t size)
{
    DE_ASSERT(context == NULL);
    DE_ASSERT(size > 0);
    return realloc(memory, size);
}

static void heap_release(void *context, void *memory)
{
    DE_ASSERT(context == NULL);
    free(memory);
}

const struct de_allocator *de_heap_allocator(void)
{
    static const struct de_allocator allocator = {NULL, heap_resize, heap_release};

    return &allocator;
}
