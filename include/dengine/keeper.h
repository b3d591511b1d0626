/* dengine/keeper.h - a lease that is kept alive by itself, for as long as the process lives.
 *
 *     struct dengine_keeper *keeper;
 *
 *     dengine_keeper_open(client, 10000, NULL, NULL, &keeper);
 *     dengine_put_with(client, key, value, &(struct dengine_put_options){
 *                          .lease = dengine_keeper_lease(keeper)}, NULL, NULL);
 *     ...
 *     dengine_keeper_close(keeper);                // the key goes with it
 *
 * When the process dies, or can reach the cluster no more, the lease ends by itself.
 *
 * Threads: any call from any thread, except that close must be the last one. Keepers are looked
 * after by the thread that dengine/lock.h speaks of, which calls lost, too. */
#ifndef DENGINE_KEEPER_H
#define DENGINE_KEEPER_H

#include <dengine/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A lease that is shorter could not be renewed in time over a network. */
#define DENGINE_KEEPER_TTL_MS_MIN 100

struct dengine_keeper;

/* Start from zeros. */
struct dengine_keeper_options {
    /* May be NULL. Called when it is no more certain that the lease lives: the cluster said that it
     * has ended, or nothing was heard of it for its whole time. Must not block: see the callbacks
     * of dengine/client.h. */
    void (*lost)(void *context);
    void *context;
};

/* Grants a lease of ttl_ms and renews it three times in that time. client should live until close;
 * options and call may be NULL. Errors as dengine_lease_grant. The caller closes *keeper. */
DENGINE_EXPORT int dengine_keeper_open(struct dengine_client *client, uint64_t ttl_ms,
                                       const struct dengine_keeper_options *options,
                                       const struct dengine_call_options *call,
                                       struct dengine_keeper **keeper);

/* Is told how an opening ended: status 0, and keeper is the callee's to close; or an error, and it
 * is NULL. */
typedef void dengine_keeper_callback(void *context, int status, struct dengine_keeper *keeper);

DENGINE_EXPORT int dengine_keeper_open_async(struct dengine_client *client, uint64_t ttl_ms,
                                             const struct dengine_keeper_options *options,
                                             const struct dengine_call_options *call,
                                             dengine_keeper_callback *callback, void *context);

/* The lease, which keys may be attached to; the same all the time. */
DENGINE_EXPORT uint64_t dengine_keeper_lease(const struct dengine_keeper *keeper);

/* The lease lives for so long at least, if the clocks of this machine and of the leader differ by
 * less than one in a hundred; 0: it may have ended. After 0 it may be more again: then the lease
 * has lived all the time, for one that has ended never comes back. */
DENGINE_EXPORT uint64_t dengine_keeper_left_ms(struct dengine_keeper *keeper);

/* Ends the lease, and frees the keeper. When the lease could not be ended (errors of
 * dengine_lease_revoke) it ends by itself. NULL is allowed. */
DENGINE_EXPORT int dengine_keeper_close(struct dengine_keeper *keeper);
/* Not NULL. It cannot be refused; keeper must not be used any more. */
DENGINE_EXPORT void dengine_keeper_close_async(struct dengine_keeper *keeper,
                                               dengine_callback *callback, void *context);

#ifdef __cplusplus
}
#endif

#endif
