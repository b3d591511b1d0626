#include "runtime/sim/memory.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"

/* Of a large block only the front is filled: that is where structures are. */
#define FILL_BYTES_MAX 1024u

struct de_sim_block {
    struct de_sim_block *next;
    struct de_sim_block **link; /* what points here */
    size_t size;
    size_t padding; /* keeps what follows aligned as malloc aligns */
};

void *de_sim_resize(void *memory, size_t size)
{
    void *result = realloc(memory, size);

    DE_ASSERT(size > 0);
    DE_ASSERT(result != NULL);
    return result;
}

void *de_sim_allocate(size_t size)
{
    return de_sim_resize(NULL, size);
}

void *de_sim_allocate_zeroed(size_t size)
{
    void *memory = de_sim_allocate(size);

    memset(memory, 0, size);
    return memory;
}

void de_sim_free(void *memory)
{
    free(memory);
}

void *de_sim_grow(void *array, size_t count, size_t *capacity, size_t element_size)
{
    DE_ASSERT(count <= *capacity);
    if (count < *capacity) {
        return array;
    }
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    return de_sim_resize(array, *capacity * element_size);
}

static void pool_link(struct de_sim_pool *pool, struct de_sim_block *block)
{
    block->next = pool->blocks;
    block->link = &pool->blocks;
    if (block->next != NULL) {
        block->next->link = &block->next;
    }
    pool->blocks = block;
}

static void pool_unlink(struct de_sim_block *block)
{
    DE_ASSERT(*block->link == block);
    *block->link = block->next;
    if (block->next != NULL) {
        block->next->link = block->link;
    }
}

static void *pool_resize(void *context, void *memory, size_t size)
{
    struct de_sim_pool *pool = context;
    struct de_sim_block *block = NULL;
    size_t old_size = 0;

    if (pool->fails_in != UINT64_MAX && pool->fails_in-- == 0) {
        DE_ASSERT(pool->fails_in == UINT64_MAX); /* wrapped: this once */
        pool->refused = true;
        return NULL;
    }
    if (pool->scarce_ppm > 0 && de_dice_chance(&pool->dice, pool->scarce_ppm)) {
        pool->refused = true;
        return NULL;
    }
    if (memory != NULL) {
        block = (struct de_sim_block *)memory - 1;
        old_size = block->size;
        pool_unlink(block);
    }
    block = de_sim_resize(block, sizeof(*block) + size);
    block->size = size;
    pool_link(pool, block);
    if (size > old_size && pool->fill != DE_SIM_FILL_NONE) {
        size_t fresh = size - old_size;

        memset((uint8_t *)(block + 1) + old_size, pool->fill,
               fresh < FILL_BYTES_MAX ? fresh : FILL_BYTES_MAX);
    }
    return block + 1;
}

static void pool_release(void *context, void *memory)
{
    struct de_sim_block *block;

    (void)context;
    if (memory != NULL) {
        block = (struct de_sim_block *)memory - 1;
        pool_unlink(block);
        free(block);
    }
}

void de_sim_pool_init(struct de_sim_pool *pool, uint8_t fill)
{
    pool->allocator.context = pool;
    pool->allocator.resize = pool_resize;
    pool->allocator.release = pool_release;
    pool->blocks = NULL;
    pool->fill = fill;
    pool->scarce_ppm = 0;
    pool->fails_in = UINT64_MAX;
    pool->refused = false;
}

void de_sim_pool_clear(struct de_sim_pool *pool)
{
    while (pool->blocks != NULL) {
        struct de_sim_block *block = pool->blocks;

        pool_unlink(block);
        free(block);
    }
}
