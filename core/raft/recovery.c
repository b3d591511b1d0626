/* core/raft/recovery.c - a server that may have forgotten entries which it acknowledged.
 *
 * An owner may report writes as durable before they are (see struct de_raft_boot). After a power
 * cut the end of the log may then be missing, and the leader may have counted on it. Term, vote,
 * configurations and truncations are never forgotten. Such a server comes up recovering, and what
 * makes Raft safe is kept by two rules.
 *
 * Rule 1: to the election of a leader, its vote is nothing but the right to object.
 *
 *   Leader Completeness (Raft 5.4.3) needs one voter that acknowledged the committed entry e, has
 * it still, and votes for the new leader only if that has e too. A recovering voter is no such
 * voter. So its grant is conditional, and an election is won in one of two ways:
 *
 *   - A quorum grants without condition. Any quorum that has acknowledged e shares a voter with it,
 *     and that one has not forgotten. (A recovering candidate may win this way, by others' votes.)
 *   - Every single voter grants. Then the winner's log is the most up to date of all that are left,
 *     and has e if any voter has: by Log Matching when their last terms are equal; else the
 * winner's last entry is of a later leader, which had e. So what one server forgot is not lost, and
 * when the whole cluster lost its power, only what every voter has forgotten is.
 *
 *   "Every voter" means the configuration in use, and the one before as well while the newest is
 * not known to be committed: e may have been committed under that by servers which the newest
 * leaves out. It cannot have been under any other: another successor of the one before, or a later
 * one, is an entry on the disk of a voter that we ask, and makes it object; for CONFIG entries are
 * not forgotten, and two successors of one configuration have an entry of their own terms committed
 *   below each (change.c).
 *
 *   A server that the newest configuration leaves out, and that knows it committed, may have a
 * longer log than all whom it concerns. It would object for ever, if it did not say what is
 * committed: a candidate that has that entry knows then that the server need not be asked.
 *
 *   Everything else about votes stays as it is: one per term, durable, only for a log that is up to
 *   date, none while a leader is heard or a lease may be out. Pre-votes are counted in the same
 * way, so a server that cannot win does not campaign. Learners do not vote; one that is promoted
 * while recovering is a voter like this.
 *
 * Rule 2: the server is whole again when its log, durable and equal to the leader's, reaches the
 * end that the leader's log had at some moment after our restart.
 *
 *   Let H be the term on our disk at the restart: all that we have forgotten was acknowledged in
 *   terms up to H, since a term is durable before anything is said in it. Let the leader that
 *   answers be of term T >= H.
 *
 *   - T > H: it was elected after our restart, by rule 1, so its log has every entry of terms up to
 *     H that is ever committed, even one whose quorum is completed by an acknowledgement of ours
 *     that is still on its way.
 *   - T = H: all entries of earlier terms are there as before. Those of term H that we acknowledged
 *     were in its log then, and a leader's log only grows: they lie below its end now.
 *
 *   The commit index would not do. A leader of term H may answer with its commit index, then
 * receive an old acknowledgement of ours, and commit more by counting it: entries that we do not
 * have, and would not stand up for in the next election.
 *
 *   Nor would anything in an append: it may have been on its way since before our restart, and be
 *   too short. So we ask, with a READ_REQUEST, whose ticket is never used twice; its answer was
 *   given after it was asked for, by a leader that a quorum still followed. The answer counts only
 *   while its term does: another leader has another log.
 *
 * Acknowledgements, read rounds and leases may count a recovering server as any other: what it says
 * in this life is true in this life, and no leader is elected against it without rule 1. Should it
 * crash again, it is still recovering, and H only greater. */
#include "core/raft/raft_internal.h"

/* Our leader has answered a question of this life. */
void de_recovery_announced(struct de_raft *raft, uint64_t last_index)
{
    DE_ASSERT(raft->role == DE_RAFT_FOLLOWER && raft->leader != 0);
    if (raft->recovering && raft->following.recovery_index == 0) {
        raft->following.recovery_index = last_index;
    }
}

static bool has_to_ask(const struct de_raft *raft)
{
    DE_ASSERT_IMPLIES(raft->recovering, raft->role != DE_RAFT_LEADER);
    DE_ASSERT(raft->reads.done <= raft->reads.ticket);
    /* A read that waits puts the same question. */
    return raft->recovering && raft->leader != 0 && raft->following.recovery_index == 0 &&
           raft->reads.done == raft->reads.ticket;
}

void de_recovery_settle(struct de_raft *raft)
{
    const struct de_following *following = &raft->following;
    uint64_t durable = raft->tickets.durable_index;
    uint64_t whole = following->verified < durable ? following->verified : durable;

    DE_ASSERT(raft->role != DE_RAFT_LEADER);
    DE_ASSERT(whole <= raft->log.last_index);
    if (has_to_ask(raft) && raft->now_ns >= raft->reads.ask_again_ns) {
        raft->reads.ticket++; /* read.c puts it to the leader */
    }
    if (following->recovery_index != 0 && whole >= following->recovery_index) {
        DE_SOMETIMES(true, "a server that has forgotten entries is whole again");
        raft->recovering = false;
    }
}

/* When to ask again: an answer may have been a refusal. */
uint64_t de_recovery_deadline(const struct de_raft *raft)
{
    DE_ASSERT(raft->role != DE_RAFT_LEADER);
    DE_ASSERT(raft->halt_reason == NULL);
    return has_to_ask(raft) ? raft->reads.ask_again_ns : UINT64_MAX;
}
