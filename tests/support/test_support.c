#include "tests/support/test_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/assert.h"

__attribute__((weak, noreturn)) void de_assert_failed(const char *expression, const char *file,
                                                      int line)
{
    if (global_expecting_assert) {
        mock_assert(0, expression, file, line);
    }
    (void)fprintf(stderr, "%s:%d: assert failed: %s\n", file, line, expression);
    abort();
}

static void *libc_resize(void *context, void *memory, size_t size)
{
    (void)context;
    DE_ASSERT(size > 0);
    return realloc(memory, size);
}

static void libc_release(void *context, void *memory)
{
    (void)context;
    free(memory);
}

const struct de_allocator *de_test_allocator(void)
{
    static const struct de_allocator allocator = {NULL, libc_resize, libc_release};

    return &allocator;
}

static void *heap_resize(void *context, void *memory, size_t size)
{
    struct de_test_heap *heap = context;
    void *result;

    DE_ASSERT(size > 0);
    if (heap->resizes >= heap->resizes_max) {
        return NULL;
    }
    heap->resizes++;
    result = realloc(memory, size);
    if (memory == NULL && result != NULL) {
        heap->blocks++;
    }
    return result;
}

static void heap_release(void *context, void *memory)
{
    struct de_test_heap *heap = context;

    if (memory != NULL) {
        DE_ASSERT(heap->blocks > 0);
        heap->blocks--;
    }
    free(memory);
}

void de_test_heap_init(struct de_test_heap *heap)
{
    heap->allocator.context = heap;
    heap->allocator.resize = heap_resize;
    heap->allocator.release = heap_release;
    heap->blocks = 0;
    heap->resizes = 0;
    heap->resizes_max = SIZE_MAX;
}
