/* core/node/membership.h - who the members are and where they live, and how a request to change
 * that becomes a new configuration.
 *
 * The core counts members (core/raft/configuration.h). What else a cluster has to remember about
 * them travels in the same log entry: addresses, so that a member that restarts finds the others
 * though its configuration file names the members of long ago; and the highest id that was ever
 * used, so that no id is used twice. (A server that was removed may still run, with votes and a log
 * of its own: whoever took its id would be mistaken for it.)
 *
 * An id is used once a configuration with it is committed. A change that is rolled back with the
 * log gives its id back: nobody has heard anything under it, since a server is added as a learner,
 * and the core sends a new learner nothing before that commit (core/raft/change.c).
 *
 * Pure functions. */
#ifndef DE_CORE_NODE_MEMBERSHIP_H
#define DE_CORE_NODE_MEMBERSHIP_H

#include "core/raft/raft.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of an address with its terminator: a DNS name and a port. */
#define DE_ADDRESS_BYTES 256

/* Where a member can be reached, as "host:port"; "" = unknown. */
struct de_member_addresses {
    char peer[DE_ADDRESS_BYTES];   /* by other members */
    char client[DE_ADDRESS_BYTES]; /* by clients */
};

/* A configuration with all that goes with it. */
struct de_membership {
    struct de_raft_configuration configuration;
    uint64_t highest_id;                                       /* that was ever a member's */
    struct de_member_addresses addresses[DE_RAFT_MEMBERS_MAX]; /* of configuration.members[i] */
};

enum de_change_kind {
    DE_CHANGE_ADD_LEARNER = 1, /* id, read_only, addresses */
    DE_CHANGE_PROMOTE = 2,     /* the learner id becomes a voter */
    DE_CHANGE_REMOVE = 3,      /* id, voter or learner */
    DE_CHANGE_REPLACE = 4,     /* the voter id leaves and the learner `by` votes in its place */
    DE_CHANGE_SET_VOTERS = 5,  /* voters[] are the voters; learners not among them stay */
    DE_CHANGE_ADDRESSES = 6,   /* the member id lives at addresses from now on */
};

/* What is asked for. */
struct de_change {
    uint32_t kind; /* enum de_change_kind */
    bool read_only;
    uint64_t id;
    uint64_t by;
    struct de_member_addresses addresses;
    uint32_t voter_count;
    uint64_t voters[DE_RAFT_MEMBERS_MAX]; /* in any order */
};

/* The addresses of a member; NULL when there is none with this id. */
const struct de_member_addresses *de_membership_addresses(const struct de_membership *membership,
                                                          uint64_t id);

/* Adds a member to a membership that is being put together; ids in any order. False: it is one
 * already, id is 0, or there are too many. NULL addresses: unknown. */
bool de_membership_add(struct de_membership *membership, uint64_t id, uint32_t flags,
                       const struct de_member_addresses *addresses);

/* The membership that change makes of from, which is not joint: into *target. NULL, or why not: one
 * static sentence. Whether learners have caught up is not looked at. */
const char *de_membership_change(const struct de_membership *from, const struct de_change *change,
                                 struct de_membership *target);

/* What configuration (a step on the way to target, or its end) is called in full: the addresses
 * come from target or else from from. Every member is in one of them. */
void de_membership_complete(const struct de_raft_configuration *configuration,
                            const struct de_membership *from, const struct de_membership *target,
                            struct de_membership *complete);

#ifdef __cplusplus
}
#endif

#endif
