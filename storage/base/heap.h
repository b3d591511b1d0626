/* storage/base/heap.h - the C library's malloc and free in the form that the stores take. */
#ifndef DE_STORAGE_BASE_HEAP_H
#define DE_STORAGE_BASE_HEAP_H

#include "core/base/allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The allocator that a store uses when it was given none. Any thread. */
const struct de_allocator *de_heap_allocator(void);

#ifdef __cplusplus
}
#endif

#endif
