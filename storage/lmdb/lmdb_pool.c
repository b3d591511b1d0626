#include "storage/lmdb/lmdb_pool.h"

#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dengine/error.h>

#include "core/base/assert.h"

/* How often who waits for views to be closed looks. Nobody tells it, because then every view that
 * is closed would have to find out first whether somebody waits; and it is as rare as the doubling
 * of the map. */
#define LOOK_EVERY_NS 50000

DE_STATIC_ASSERT(sizeof(struct de_lmdb_view) == DE_LMDB_SLOT_BYTES, "slots share no cache line");

int de_lmdb_pool_init(struct de_lmdb_pool *pool, uint32_t count)
{
    DE_ASSERT(pool != NULL);
    DE_ASSERT(count > 0);
    memset(pool, 0, sizeof *pool);
    pool->slots = aligned_alloc(DE_LMDB_SLOT_BYTES, count * sizeof *pool->slots);
    if (pool->slots == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    memset(pool->slots, 0, count * sizeof *pool->slots);
    if (pthread_mutex_init(&pool->lock, NULL) != 0) {
        goto no_lock;
    }
    if (pthread_cond_init(&pool->changed, NULL) != 0) {
        goto no_condition;
    }
    pool->count = count;
    return 0;

no_condition:
    (void)pthread_mutex_destroy(&pool->lock);
no_lock:
    free(pool->slots);
    pool->slots = NULL;
    return DENGINE_E_NO_MEMORY;
}

void de_lmdb_pool_deinit(struct de_lmdb_pool *pool)
{
    DE_ASSERT(pool != NULL);
    if (pool->slots == NULL) {
        return;
    }
    for (uint32_t i = 0; i < pool->count; i++) {
        DE_ASSERT(!__atomic_load_n(&pool->slots[i].taken, __ATOMIC_ACQUIRE));
        DE_ASSERT(pool->slots[i].txn == NULL);
    }
    (void)pthread_cond_destroy(&pool->changed);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool->slots);
    pool->slots = NULL;
}

/* ---- for views ---- */

/* Sequentially consistent: who has taken a slot looks at the current file after it, and the applier
 * looks at the slots after it has changed the current file. At least one of the two sees the other.
 */
static bool take(struct de_lmdb_view *view)
{
    bool expected = false;

    DE_ASSERT(view != NULL);
    return !__atomic_load_n(&view->taken, __ATOMIC_RELAXED) &&
           __atomic_compare_exchange_n(&view->taken, &expected, true, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

void de_lmdb_pool_give(struct de_lmdb_view *view)
{
    DE_ASSERT(view != NULL);
    DE_ASSERT(__atomic_load_n(&view->taken, __ATOMIC_RELAXED));
    __atomic_store_n(&view->taken, false, __ATOMIC_RELEASE);
}

/* Threads start their search at places of their own, told apart by their stacks, so that they
 * rarely meet. */
static struct de_lmdb_view *take_any(struct de_lmdb_pool *pool)
{
    const int here = 0;
    const uint32_t hash = (uint32_t)((uintptr_t)(const void *)&here >> 16) * 2654435761u;
    uint32_t at = (uint32_t)(((uint64_t)hash * pool->count) >> 32);

    DE_ASSERT(pool->slots != NULL);
    DE_ASSERT(at < pool->count);
    for (uint32_t i = 0; i < pool->count; i++) {
        if (take(&pool->slots[at])) {
            return &pool->slots[at];
        }
        at = at + 1 < pool->count ? at + 1 : 0;
    }
    return NULL;
}

/* Whether the applier is at it, and if so waits until it is not. */
static bool wait_for_applier(struct de_lmdb_pool *pool)
{
    bool waited = false;

    DE_ASSERT(pool->count > 0);
    (void)pthread_mutex_lock(&pool->lock);
    while ((__atomic_load_n(&pool->turn, __ATOMIC_SEQ_CST) & 1) != 0) {
        (void)pthread_cond_wait(&pool->changed, &pool->lock);
        waited = true;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return waited;
}

struct de_lmdb_view *de_lmdb_pool_take(struct de_lmdb_pool *pool)
{
    struct de_lmdb_view *view = take_any(pool);

    DE_ASSERT(pool->count > 0);
    while (view == NULL) {
        const uint32_t turn = __atomic_load_n(&pool->turn, __ATOMIC_SEQ_CST);

        view = take_any(pool);
        if (view == NULL && !wait_for_applier(pool) &&
            __atomic_load_n(&pool->turn, __ATOMIC_SEQ_CST) == turn) {
            return NULL; /* the applier had none meanwhile, so they were all views */
        }
    }
    DE_ASSERT(__atomic_load_n(&view->taken, __ATOMIC_RELAXED));
    return view;
}

/* ---- for the applier ---- */

static void begin(struct de_lmdb_pool *pool)
{
    const uint32_t turn = __atomic_add_fetch(&pool->turn, 1, __ATOMIC_SEQ_CST);

    DE_ASSERT(pool->count > 0);
    DE_ASSERT((turn & 1) == 1);
}

static void end(struct de_lmdb_pool *pool)
{
    uint32_t turn;

    DE_ASSERT(pool->count > 0);
    (void)pthread_mutex_lock(&pool->lock);
    turn = __atomic_add_fetch(&pool->turn, 1, __ATOMIC_SEQ_CST);
    DE_ASSERT((turn & 1) == 0);
    (void)pthread_cond_broadcast(&pool->changed);
    (void)pthread_mutex_unlock(&pool->lock);
}

static void give_first(struct de_lmdb_pool *pool, uint32_t count)
{
    DE_ASSERT(count <= pool->count);
    DE_ASSERT((__atomic_load_n(&pool->turn, __ATOMIC_SEQ_CST) & 1) == 1);
    for (uint32_t i = 0; i < count; i++) {
        de_lmdb_pool_give(&pool->slots[i]);
    }
}

bool de_lmdb_pool_close(struct de_lmdb_pool *pool, uint64_t patience_ns)
{
    const struct timespec pause = {.tv_nsec = LOOK_EVERY_NS};

    begin(pool);
    for (uint32_t i = 0; i < pool->count; i++) {
        while (!take(&pool->slots[i])) {
            if (patience_ns < LOOK_EVERY_NS) {
                give_first(pool, i);
                end(pool);
                return false;
            }
            patience_ns -= LOOK_EVERY_NS;
            (void)nanosleep(&pause, NULL);
        }
        DE_ASSERT(__atomic_load_n(&pool->slots[i].taken, __ATOMIC_RELAXED));
    }
    DE_ASSERT(pool->count > 0);
    return true;
}

void de_lmdb_pool_open(struct de_lmdb_pool *pool)
{
    DE_ASSERT(pool->count > 0);
    give_first(pool, pool->count);
    end(pool);
}

bool de_lmdb_pool_clear(struct de_lmdb_pool *pool, const struct de_lmdb_file *file)
{
    bool clear = true;

    DE_ASSERT(file != NULL);
    DE_ASSERT(pool->count > 0);
    begin(pool);
    for (uint32_t i = 0; i < pool->count; i++) {
        struct de_lmdb_view *slot = &pool->slots[i];

        if (__atomic_load_n(&slot->file, __ATOMIC_SEQ_CST) != file) {
            continue;
        }
        if (!take(slot)) {
            clear = false;
            continue;
        }
        if (__atomic_load_n(&slot->file, __ATOMIC_SEQ_CST) == file) {
            if (slot->txn != NULL) {
                mdb_txn_abort(slot->txn);
                slot->txn = NULL;
            }
            __atomic_store_n(&slot->file, NULL, __ATOMIC_SEQ_CST);
        }
        de_lmdb_pool_give(slot);
    }
    end(pool);
    return clear;
}
