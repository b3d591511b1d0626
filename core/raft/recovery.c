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
 *   "Every voter" means the configuration C that the winner uses. While C is not known to be
 * committed, e may have been committed under the one before, B, by servers which C leaves out. But
 * a server that has the CONFIG entry of C in its log has never acknowledged a committed e that
 * stands neither below C nor above it: if it did so before it got C, then the leader that sent C
 * had e, as every leader has; if after that, it has removed C from its log. Neither CONFIG entries
 * nor truncations are forgotten, and since it grants, it will not acknowledge anything of an
 * earlier term any more. So a grant says whether the voter has C. When the servers that have not
 * said so are too few for a quorum of B, there is no such e, and B does not matter.
 *
 *   That is always so when C is committed, since each quorum of C has a server in common with each
 * of B: nobody waits for a server whose removal was acknowledged, whoever remembers that it was. (A
 * voter that has compacted its log beyond C cannot say that it has had it. It knows, and says, that
 * what it has compacted is committed.) Else C may come to nothing, and every voter of B has to
 * grant as well.
 *
 *   No other configuration matters. Before another successor of B was appended, an entry of its
 * leader's own term was committed under B, without C (change.c): that would be such an e, or it
 * makes a voter of B object, as it would under any election. A successor of C that is committed is
 * on the disk of a voter of C, and makes that one object.
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
