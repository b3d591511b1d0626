/* dengine/cluster.h - changing who is in the cluster, and who leads it.
 *
 * Members are voters or learners. A server joins as a learner: it gets a copy of everything and
 * counts for nothing, so it cannot do harm. When it has caught up it is promoted. Each call below
 * is one change; the leader carries out one at a time, and when a call returns 0 it is complete:
 * members that were to leave may be shut down. Ids are never used twice.
 *
 * Every call works on any client, also on that of an embedded engine which does not lead: it asks
 * the leader, at the address that the members record for clients. A call of which the leader is
 * somewhere else looks for it, and tries again for as long as it has time when the answer is BUSY
 * (another change is under way, a learner has not caught up); of an engine that leads the caller is
 * told BUSY at once. dengine_last_error() says in one sentence why a change was refused.
 *
 * Errors of all changes: INVALID (it makes no sense), BUSY, NOT_LEADER (of an embedded engine:
 * leadership was lost just then; ask again), NO_LEADER, UNAVAILABLE,
 * TIMEOUT, SUPERSEDED (nothing was done), UNKNOWN (leadership was lost or the time was over
 * meanwhile: look at the members), NO_SPACE, SHUTDOWN, HALTED. options may be NULL.
 *
 * Each call has a twin that ends in _async, as dengine/client.h says of its own.
 *
 * Threads: any call from any thread. */
#ifndef DENGINE_CLUSTER_H
#define DENGINE_CLUSTER_H

#include <dengine/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where a member can be reached. Start from zeros. */
struct dengine_addresses {
    const char *peer;   /* "host:port", by other members */
    const char *client; /* "host:port", by clients; NULL: the same */
};

/* Adds the server id, which lives at addresses, as a learner; read_only: one that is never to be
 * promoted. The server itself need not run yet; start it on an empty directory with cluster.join
 * set. (Such a server adds itself when nobody has.) */
DENGINE_EXPORT int dengine_member_add(struct dengine_client *client, uint64_t id,
                                      const struct dengine_addresses *addresses, bool read_only,
                                      const struct dengine_call_options *options);

/* Makes the learner id a voter. BUSY until it has caught up with the log. */
DENGINE_EXPORT int dengine_member_promote(struct dengine_client *client, uint64_t id,
                                          const struct dengine_call_options *options);

/* Removes the member id, voter or learner, also the leader itself. INVALID for the last voter. */
DENGINE_EXPORT int dengine_member_remove(struct dengine_client *client, uint64_t id,
                                         const struct dengine_call_options *options);

/* Removes the voter id and promotes the learner by in its place, in one step. */
DENGINE_EXPORT int dengine_member_replace(struct dengine_client *client, uint64_t id, uint64_t by,
                                          const struct dengine_call_options *options);

/* Makes the count members with these ids the voters, in one step: learners among them are promoted,
 * voters not among them removed. Learners not among them stay. */
DENGINE_EXPORT int dengine_member_set_voters(struct dengine_client *client, const uint64_t *ids,
                                             size_t count,
                                             const struct dengine_call_options *options);

/* The member id lives at addresses from now on. */
DENGINE_EXPORT int dengine_member_move(struct dengine_client *client, uint64_t id,
                                       const struct dengine_addresses *addresses,
                                       const struct dengine_call_options *options);

/* Hands leadership over to the voter target; 0: to the one with the longest log. Returns 0 when it
 * leads. INVALID: it is no voter, or leads already; TIMEOUT: it did not take over within one
 * election time-out, and the old leader goes on. No acknowledged write is lost; writes meanwhile
 * wait, or are refused and can be repeated. */
DENGINE_EXPORT int dengine_transfer_leadership(struct dengine_client *client, uint64_t target,
                                               const struct dengine_call_options *options);

DENGINE_EXPORT int dengine_member_add_async(struct dengine_client *client, uint64_t id,
                                            const struct dengine_addresses *addresses,
                                            bool read_only,
                                            const struct dengine_call_options *options,
                                            dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_member_promote_async(struct dengine_client *client, uint64_t id,
                                                const struct dengine_call_options *options,
                                                dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_member_remove_async(struct dengine_client *client, uint64_t id,
                                               const struct dengine_call_options *options,
                                               dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_member_replace_async(struct dengine_client *client, uint64_t id,
                                                uint64_t by,
                                                const struct dengine_call_options *options,
                                                dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_member_set_voters_async(struct dengine_client *client,
                                                   const uint64_t *ids, size_t count,
                                                   const struct dengine_call_options *options,
                                                   dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_member_move_async(struct dengine_client *client, uint64_t id,
                                             const struct dengine_addresses *addresses,
                                             const struct dengine_call_options *options,
                                             dengine_callback *callback, void *context);
DENGINE_EXPORT int dengine_transfer_leadership_async(struct dengine_client *client, uint64_t target,
                                                     const struct dengine_call_options *options,
                                                     dengine_callback *callback, void *context);

#ifdef __cplusplus
}
#endif

#endif
