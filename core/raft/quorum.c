#include "core/raft/quorum.h"

#include "core/base/assert.h"

/* Collects the values of the members that have this voter bit, greatest first. */
static uint32_t collect(const struct de_raft_configuration *configuration, const uint64_t *values,
                        uint32_t bit, uint64_t *sorted)
{
    uint32_t count = 0;

    DE_ASSERT(configuration->count <= DE_RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < configuration->count; i++) {
        if ((configuration->members[i].flags & bit) == 0) {
            continue;
        }
        uint32_t at = count++;
        for (; at > 0 && sorted[at - 1] < values[i]; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = values[i];
    }
    DE_ASSERT(count <= configuration->count);
    return count;
}

/* The value reached by a majority of one half; an empty half is no obstacle. */
static uint64_t reached_in(const struct de_raft_configuration *configuration,
                           const uint64_t *values, uint32_t bit)
{
    uint64_t sorted[DE_RAFT_MEMBERS_MAX];
    uint32_t count = collect(configuration, values, bit, sorted);

    DE_ASSERT(bit == DE_RAFT_VOTER || bit == DE_RAFT_VOTER_OLD);
    if (count == 0) {
        return UINT64_MAX;
    }
    uint32_t majority = count / 2 + 1;
    DE_ASSERT(2 * majority > count);
    return sorted[majority - 1];
}

uint64_t de_quorum_reached(const struct de_raft_configuration *configuration,
                           const uint64_t *values)
{
    uint64_t new_half = reached_in(configuration, values, DE_RAFT_VOTER);
    uint64_t old_half = reached_in(configuration, values, DE_RAFT_VOTER_OLD);
    uint64_t reached = new_half < old_half ? new_half : old_half;
    bool has_voter = false;

    DE_ASSERT(reached <= new_half && reached <= old_half);
    for (uint32_t i = 0; i < configuration->count; i++) {
        has_voter |= (configuration->members[i].flags & (DE_RAFT_VOTER | DE_RAFT_VOTER_OLD)) != 0;
    }
    DE_ASSERT_IMPLIES(!has_voter, reached == UINT64_MAX);
    return has_voter ? reached : 0;
}

static enum de_vote_result vote_in(const struct de_raft_configuration *configuration,
                                   const uint8_t *ballots, uint32_t bit)
{
    uint32_t voters = 0;
    uint32_t granted = 0;
    uint32_t refused = 0;

    DE_ASSERT(bit == DE_RAFT_VOTER || bit == DE_RAFT_VOTER_OLD);
    for (uint32_t i = 0; i < configuration->count; i++) {
        if ((configuration->members[i].flags & bit) != 0) {
            voters++;
            granted += ballots[i] == DE_BALLOT_GRANTED;
            refused += ballots[i] == DE_BALLOT_REFUSED || ballots[i] == DE_BALLOT_CONDITIONAL;
        }
    }
    DE_ASSERT(granted + refused <= voters);
    if (voters == 0 || granted >= voters / 2 + 1) {
        return DE_VOTE_WON;
    }
    return voters - refused < voters / 2 + 1 ? DE_VOTE_LOST : DE_VOTE_PENDING;
}

enum de_vote_result de_quorum_vote(const struct de_raft_configuration *configuration,
                                   const uint8_t *ballots)
{
    enum de_vote_result new_half = vote_in(configuration, ballots, DE_RAFT_VOTER);
    enum de_vote_result old_half = vote_in(configuration, ballots, DE_RAFT_VOTER_OLD);
    bool has_voter = false;

    DE_ASSERT(configuration->count <= DE_RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < configuration->count; i++) {
        DE_ASSERT(ballots[i] <= DE_BALLOT_CONDITIONAL);
        has_voter |= (configuration->members[i].flags & (DE_RAFT_VOTER | DE_RAFT_VOTER_OLD)) != 0;
    }
    if (new_half == DE_VOTE_LOST || old_half == DE_VOTE_LOST) {
        return DE_VOTE_LOST;
    }
    if (new_half == DE_VOTE_WON && old_half == DE_VOTE_WON && has_voter) {
        return DE_VOTE_WON;
    }
    return DE_VOTE_PENDING;
}

enum de_vote_result de_quorum_unanimous(const struct de_raft_configuration *configuration,
                                        const uint8_t *ballots)
{
    uint32_t voters = 0;
    uint32_t granted = 0;
    uint32_t refused = 0;

    DE_ASSERT(configuration->count <= DE_RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < configuration->count; i++) {
        if ((configuration->members[i].flags & (DE_RAFT_VOTER | DE_RAFT_VOTER_OLD)) != 0) {
            voters++;
            granted += ballots[i] == DE_BALLOT_GRANTED || ballots[i] == DE_BALLOT_CONDITIONAL;
            refused += ballots[i] == DE_BALLOT_REFUSED;
        }
    }
    DE_ASSERT(granted + refused <= voters);
    if (refused > 0) {
        return DE_VOTE_LOST;
    }
    return voters > 0 && granted == voters ? DE_VOTE_WON : DE_VOTE_PENDING;
}

bool de_quorum_is_alone(const struct de_raft_configuration *configuration, uint64_t id)
{
    bool is_voter = false;

    DE_ASSERT(id != 0);
    DE_ASSERT(configuration->count <= DE_RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < configuration->count; i++) {
        if ((configuration->members[i].flags & (DE_RAFT_VOTER | DE_RAFT_VOTER_OLD)) != 0) {
            if (configuration->members[i].id != id) {
                return false;
            }
            is_voter = true;
        }
    }
    return is_voter;
}
