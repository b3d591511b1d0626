/* dengine/lock.h - a lock that processes on any machines share.
 *
 *     struct dengine_lock *lock;
 *
 *     dengine_lock_open(client, DENGINE_STR("printer"), NULL, &lock);
 *     if (dengine_lock_acquire(lock, 5000) == 0) {
 *         ...                                        // write with dengine_lock_guard, see below
 *         dengine_lock_release(lock);
 *     }
 *     dengine_lock_close(lock);
 *
 * Fair: who asks first gets it first. When its holder dies, or can reach the cluster no more, it is
 * free again as soon as the holder's lease has ended.
 *
 * What a lock can not promise. A holder may be held up, by its scheduler or its network, beyond the
 * end of its lease, and go on as if it held the lock while somebody else does. So what the lock
 * protects must itself refuse a holder of yesterday:
 *
 *   - what is kept in the cluster: write it in a transaction whose first comparison is
 *     dengine_lock_guard(); the transaction does nothing when the lock is not held any more;
 *   - what is kept elsewhere: hand dengine_lock_token() over with each request. Each holder has a
 *     greater one than all before it; who has seen a greater one refuses.
 *
 * The lock "name" lives in the keys "name/" + 16 digits: put none of your own there.
 *
 * Acquire, release and close block; their twins that end in _async do not, and a program driven by
 * a loop of its own uses them and is told by their callbacks (examples/lock_loop.c). What is asked
 * of one object is done one after the other, in the order in which it was asked for; a release or a
 * close that is asked for while an acquire is under way ends that with CANCELED first.
 *
 * Threads: one lock object stands for one holder. All calls come from any thread, except that close
 * must be the last one. All locks, elections, keepers and sessions of a client share one thread of
 * the library, which keeps leases alive, waits in queues, and calls back: a callback that blocks
 * holds up all of them, until their leases end. */
#ifndef DENGINE_LOCK_H
#define DENGINE_LOCK_H

#include <dengine/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longest name of a lock or an election. */
#define DENGINE_LOCK_NAME_MAX 480

struct dengine_lock;

/* Start from zeros. */
struct dengine_lock_options {
    /* How long the lock stays taken after its holder has died: 0 = 10 000; 100 at least. */
    uint32_t lease_ms;
    /* What others see as the value of the holder's key; copied. */
    struct dengine_slice owner;
    /* May be NULL. Called once when a lock that is held may be lost: see dengine_lock_held. From a
     * thread of the library; must not block nor call anything of this lock but held and token. */
    void (*lost)(void *context);
    void *context;
};

/* Makes a lock object; nothing is asked of the cluster yet. client should live until close (see
 * dengine_disconnect), else the lock is lost, and only the end of its lease frees it. options may
 * be NULL. INVALID, TOO_LARGE (the name), NO_MEMORY, SHUTDOWN. The caller closes *lock. */
DENGINE_EXPORT int dengine_lock_open(struct dengine_client *client, struct dengine_slice name,
                                     const struct dengine_lock_options *options,
                                     struct dengine_lock **lock);

/* Waits in the queue until the lock is held by this object. 0 if so. TIMEOUT: others had it for
 * timeout_ms (0: do not wait; one round of calls to the cluster is always made). CANCELED.
 * NO_LEASE: the place in the queue is gone with its lease, for the cluster was out of reach for so
 * long, or somebody has revoked the lease, maybe before: acquire again, at the end. INVALID: it is
 * held already. Else errors of dengine_txn that do not pass with time, or did not within
 * timeout_ms. After an error the object is not in the queue, or will leave it within lease_ms. */
DENGINE_EXPORT int dengine_lock_acquire(struct dengine_lock *lock, uint32_t timeout_ms);
/* The reply has the token as its revision. */
DENGINE_EXPORT int dengine_lock_acquire_async(struct dengine_lock *lock, uint32_t timeout_ms,
                                              dengine_callback *callback, void *context);

/* Ends an acquire under way with CANCELED, or the next one if there is none. It is noticed when the
 * call to the cluster that is under way has ended. */
DENGINE_EXPORT void dengine_lock_cancel(struct dengine_lock *lock);

/* Gives the lock back; not held: 0. After an error it is free when the lease has ended. */
DENGINE_EXPORT int dengine_lock_release(struct dengine_lock *lock);
DENGINE_EXPORT int dengine_lock_release_async(struct dengine_lock *lock, dengine_callback *callback,
                                              void *context);

/* Whether the lock is held for certain, if clocks differ by less than one in a hundred. False after
 * an acquire: it may be lost; release it, and acquire it again. True says nothing of the next
 * moment; see above for what does. */
DENGINE_EXPORT bool dengine_lock_held(struct dengine_lock *lock);

/* The fencing token of the last acquire; 0 before the first, and after release. */
DENGINE_EXPORT uint64_t dengine_lock_token(struct dengine_lock *lock);

/* The comparison that is true in a transaction as long as the lock is held. It borrows from lock
 * until release. After release: one that is never true. */
DENGINE_EXPORT struct dengine_compare dengine_lock_guard(struct dengine_lock *lock);

/* Releases the lock if it is held, and frees the object. Errors as release. NULL is allowed. */
DENGINE_EXPORT int dengine_lock_close(struct dengine_lock *lock);
/* Not NULL. It cannot be refused; lock must not be used any more, and is freed when the callback is
 * called, which is the last of all its callbacks. */
DENGINE_EXPORT void dengine_lock_close_async(struct dengine_lock *lock, dengine_callback *callback,
                                             void *context);

#ifdef __cplusplus
}
#endif

#endif
