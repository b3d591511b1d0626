/* dengine/election.h - choosing one leader among processes on any machines.
 *
 *     struct dengine_election *election;
 *
 *     dengine_election_open(client, DENGINE_STR("scheduler"), NULL, &election);
 *     if (dengine_election_campaign(election, DENGINE_STR("10.0.0.7:80"), 60000) == 0) {
 *         while (dengine_election_leading(election)) { ... }
 *         dengine_election_resign(election);
 *     }
 *     dengine_election_close(election);
 *
 * An election is a lock whose holder says something of itself (dengine/lock.h): candidates wait in
 * a fair queue, a leader that dies is followed by the next when its lease has ended, and what a
 * leader writes has to be guarded, or handed over with its token, for the same reasons.
 *
 * Threads, and the twins that end in _async: as for locks. */
#ifndef DENGINE_ELECTION_H
#define DENGINE_ELECTION_H

#include <dengine/lock.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dengine_election;

/* Start from zeros. */
struct dengine_election_options {
    uint32_t lease_ms; /* how long a dead leader is still the leader: 0 = 10 000; 100 at least */
    /* As in dengine_lock_options: called once when it is no more certain that this object leads. */
    void (*lost)(void *context);
    void *context;
};

/* As dengine_lock_open. */
DENGINE_EXPORT int dengine_election_open(struct dengine_client *client, struct dengine_slice name,
                                         const struct dengine_election_options *options,
                                         struct dengine_election **election);

/* Waits until this object is the leader; value is what observers then see. Returns as
 * dengine_lock_acquire. */
DENGINE_EXPORT int dengine_election_campaign(struct dengine_election *election,
                                             struct dengine_slice value, uint32_t timeout_ms);
/* The reply has the token as its revision. */
DENGINE_EXPORT int dengine_election_campaign_async(struct dengine_election *election,
                                                   struct dengine_slice value, uint32_t timeout_ms,
                                                   dengine_callback *callback, void *context);

/* Shows observers another value. NO_LEASE: this object leads no more. Else errors of dengine_txn.
 */
DENGINE_EXPORT int dengine_election_proclaim(struct dengine_election *election,
                                             struct dengine_slice value);
DENGINE_EXPORT int dengine_election_proclaim_async(struct dengine_election *election,
                                                   struct dengine_slice value,
                                                   dengine_callback *callback, void *context);

/* As dengine_lock_cancel, _release, _held, _token, _guard, _close. */
DENGINE_EXPORT void dengine_election_cancel(struct dengine_election *election);
DENGINE_EXPORT int dengine_election_resign(struct dengine_election *election);
DENGINE_EXPORT bool dengine_election_leading(struct dengine_election *election);
DENGINE_EXPORT uint64_t dengine_election_token(struct dengine_election *election);
DENGINE_EXPORT struct dengine_compare dengine_election_guard(struct dengine_election *election);
DENGINE_EXPORT int dengine_election_close(struct dengine_election *election);
DENGINE_EXPORT int dengine_election_resign_async(struct dengine_election *election,
                                                 dengine_callback *callback, void *context);
DENGINE_EXPORT void dengine_election_close_async(struct dengine_election *election,
                                                 dengine_callback *callback, void *context);

/* Who leads, and knows that it does. Free with dengine_leader_info_free. */
struct dengine_leader_info {
    uint64_t revision;          /* when it took office, or proclaimed; 0 = nobody leads */
    uint64_t lease;             /* the leader's */
    struct dengine_value value; /* what it says */
};

/* Waits until another leads than *known says, or has said something else, or nobody leads any more,
 * and puts that in its place; start from zeros. TIMEOUT: nothing has changed in timeout_ms (0: do
 * not wait). Else errors of dengine_scan. */
DENGINE_EXPORT int dengine_election_observe(struct dengine_client *client,
                                            struct dengine_slice name, uint32_t timeout_ms,
                                            struct dengine_leader_info *known);

/* Is told how an observation ended: status 0, and *info is new, and the callee's to free; or an
 * error, and *info is empty. */
typedef void dengine_leader_callback(void *context, int status, struct dengine_leader_info *info);

/* Of *known (NULL: nobody was known to lead) only the revision counts; it stays as it is. */
DENGINE_EXPORT int dengine_election_observe_async(struct dengine_client *client,
                                                  struct dengine_slice name, uint32_t timeout_ms,
                                                  const struct dengine_leader_info *known,
                                                  dengine_leader_callback *callback, void *context);

/* Makes *info empty; an empty one is left alone. */
DENGINE_EXPORT void dengine_leader_info_free(struct dengine_leader_info *info);

#ifdef __cplusplus
}
#endif

#endif
