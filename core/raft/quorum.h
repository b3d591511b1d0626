/* core/raft/quorum.h - majorities of one voter set, or of two at once.
 *
 * Pure arithmetic on a configuration and one value per member. A quorum of a joint configuration
 * is a majority of the new voters and a majority of the old ones (thesis 4.3); votes, commit
 * index, read rounds, check-quorum and lease all come through here, so none can forget a half. */
#ifndef DE_CORE_RAFT_QUORUM_H
#define DE_CORE_RAFT_QUORUM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/raft/raft.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What one member said in an election. A conditional grant comes from a server that may have
 * forgotten entries: it helps only where every voter grants (see recovery.c). */
enum de_ballot {
    DE_BALLOT_NONE = 0,
    DE_BALLOT_GRANTED = 1,
    DE_BALLOT_REFUSED = 2,
    DE_BALLOT_CONDITIONAL = 3,
};

enum de_vote_result {
    DE_VOTE_PENDING, /* may still go either way */
    DE_VOTE_WON,     /* enough have granted */
    DE_VOTE_LOST,    /* so many refused that there can never be enough */
};

/* The greatest value that a quorum has reached: values[i] belongs to members[i]. 0 when there is no
 * voter at all. With match indexes this is the commit index of Raft 5.3, with times the quorum-th
 * newest. */
uint64_t de_quorum_reached(const struct de_raft_configuration *configuration,
                           const uint64_t *values);

/* Counts ballots[i] (enum de_ballot) of members[i]: won when a quorum has granted without
 * condition. Without any voter: PENDING. */
enum de_vote_result de_quorum_vote(const struct de_raft_configuration *configuration,
                                   const uint8_t *ballots);

/* Won when every voter, of both halves, has granted, be it conditionally. Without any voter:
 * PENDING. */
enum de_vote_result de_quorum_unanimous(const struct de_raft_configuration *configuration,
                                        const uint8_t *ballots);

/* Whether the member with this id makes a quorum all by itself. */
bool de_quorum_is_alone(const struct de_raft_configuration *configuration, uint64_t id);

#ifdef __cplusplus
}
#endif

#endif
