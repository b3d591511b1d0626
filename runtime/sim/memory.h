/* runtime/sim/memory.h - memory of the simulator.
 *
 * The simulator is a test tool: when there is no memory for it, it cannot say anything true about
 * the run, so it stops. A pool remembers every block it gave, so that the memory of a crashed
 * process can be thrown away without asking its owner. One thread. */
#ifndef DE_RUNTIME_SIM_MEMORY_H
#define DE_RUNTIME_SIM_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/allocator.h"
#include "runtime/sim/dice.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As malloc, realloc and calloc, but never NULL. */
void *de_sim_allocate(size_t size);
void *de_sim_resize(void *memory, size_t size);
void *de_sim_allocate_zeroed(size_t size);
void de_sim_free(void *memory);

/* Makes room for one more element: doubles *capacity when count has reached it. */
void *de_sim_grow(void *array, size_t count, size_t *capacity, size_t element_size);

struct de_sim_block;

/* In the place of a filling: fresh memory stays as it comes, so that a tool can watch over it. */
#define DE_SIM_FILL_NONE 0

struct de_sim_pool {
    struct de_allocator allocator; /* hand &pool->allocator out; the pool must not move */
    struct de_sim_block *blocks;
    uint8_t fill;        /* the front of fresh memory holds this byte: reads of it show */
    uint32_t scarce_ppm; /* so often there is none; 0 after init */
    uint64_t fails_in;   /* so many more are given before one is not; UINT64_MAX after init */
    bool refused;        /* it has happened */
    struct de_dice dice; /* says when; set it together with scarce_ppm */
};

void de_sim_pool_init(struct de_sim_pool *pool, uint8_t fill);
/* Frees every block that is still out. */
void de_sim_pool_clear(struct de_sim_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
