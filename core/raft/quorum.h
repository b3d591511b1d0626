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

/* What one member said in an election. */
enum de_ballot {
    DE_BALLOT_NONE = 0,
    DE_BALLOT_GRANTED = 1,
    DE_BALLOT_REFUSED = 2,
};

enum de_vote_result {
    DE_VOTE_PENDING, /* may still go either way */
    DE_VOTE_WON,     /* a quorum granted */
    DE_VOTE_LOST,    /* so many refused that no quorum can grant any more */
};

/* The greatest value that a quorum has reached: values[i] belongs to members[i]. 0 when there is no
 * voter at all. With match indexes this is the commit index of Raft 5.3, with times the quorum-th
 * newest. */
uint64_t de_quorum_reached(const struct de_raft_configuration *configuration,
                           const uint64_t *values);

/* Counts ballots[i] (enum de_ballot) of members[i]. Without any voter: PENDING. */
enum de_vote_result de_quorum_vote(const struct de_raft_configuration *configuration,
                                   const uint8_t *ballots);

/* Whether the member with this id makes a quorum all by itself. */
bool de_quorum_is_alone(const struct de_raft_configuration *configuration, uint64_t id);

#ifdef __cplusplus
}
#endif

#endif
