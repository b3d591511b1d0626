/* The public calls of locks: a lock is a place in a queue. */
#include <stdlib.h>

#include "client/client_ops.h"
#include "client/queue.h"
#include "core/base/assert.h"

struct dengine_lock {
    struct de_queue queue;
    size_t owner_size;
    uint8_t owner[];
};

int dengine_lock_open(struct dengine_client *client, struct dengine_slice name,
                      const struct dengine_lock_options *options, struct dengine_lock **result)
{
    const struct dengine_lock_options none = {0};
    struct dengine_lock *lock;
    int err;

    DE_ASSERT(result != NULL);
    *result = NULL;
    options = options != NULL ? options : &none;
    lock = calloc(1, sizeof *lock + options->owner.size);
    if (lock == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    err = de_queue_init(&lock->queue, lock, client, name, options->lease_ms, options->lost,
                        options->context);
    if (err != 0) {
        free(lock);
        return err;
    }
    lock->owner_size = options->owner.size;
    if (lock->owner_size > 0) {
        memcpy(lock->owner, options->owner.data, lock->owner_size);
    }
    *result = lock;
    return 0;
}

int dengine_lock_acquire(struct dengine_lock *lock, uint32_t timeout_ms)
{
    DE_ASSERT(lock != NULL);
    return de_queue_join(&lock->queue, dengine_bytes(lock->owner, lock->owner_size), timeout_ms);
}

int dengine_lock_acquire_async(struct dengine_lock *lock, uint32_t timeout_ms,
                               dengine_callback *callback, void *context)
{
    DE_ASSERT(lock != NULL);
    return de_queue_join_async(&lock->queue, dengine_bytes(lock->owner, lock->owner_size),
                               timeout_ms, callback, context);
}

void dengine_lock_cancel(struct dengine_lock *lock)
{
    DE_ASSERT(lock != NULL);
    de_queue_cancel(&lock->queue);
}

int dengine_lock_release(struct dengine_lock *lock)
{
    DE_ASSERT(lock != NULL);
    return de_queue_leave(&lock->queue);
}

int dengine_lock_release_async(struct dengine_lock *lock, dengine_callback *callback, void *context)
{
    DE_ASSERT(lock != NULL);
    return de_queue_leave_async(&lock->queue, callback, context);
}

bool dengine_lock_held(struct dengine_lock *lock)
{
    DE_ASSERT(lock != NULL);
    return de_queue_is_first(&lock->queue);
}

uint64_t dengine_lock_token(struct dengine_lock *lock)
{
    DE_ASSERT(lock != NULL);
    return de_queue_token(&lock->queue);
}

struct dengine_compare dengine_lock_guard(struct dengine_lock *lock)
{
    DE_ASSERT(lock != NULL);
    return de_queue_guard(&lock->queue);
}

int dengine_lock_close(struct dengine_lock *lock)
{
    return lock != NULL ? de_queue_close(&lock->queue) : 0;
}

void dengine_lock_close_async(struct dengine_lock *lock, dengine_callback *callback, void *context)
{
    DE_ASSERT(lock != NULL);
    de_queue_close_async(&lock->queue, callback, context);
}
