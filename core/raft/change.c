/* core/raft/change.c - the leader changes the configuration (thesis 4). */
#include "core/raft/raft_internal.h"

int de_change(struct de_raft *raft, const struct de_raft_event *event)
{
    const struct de_raft_configuration *target = event->configuration;
    struct de_raft_configuration step;

    if (target == NULL || !de_configuration_is_valid(target) || de_configuration_is_joint(target)) {
        return DENGINE_E_INVALID;
    }
    if (raft->role != DE_RAFT_LEADER) {
        return de_not_leader(raft);
    }
    /* One change at a time, and none before an entry of our own term is committed: else two leaders
     * could each be changing from a configuration of their own (Ongaro, raft-dev, July 2015). */
    DE_SOMETIMES(!de_leader_is_ready(raft),
                 "a change is refused since the new leader has nothing committed yet");
    if (!de_leader_is_ready(raft) || raft->configurations.current_index > raft->commit ||
        de_configuration_is_joint(&raft->configurations.current) ||
        raft->leading.transfer_to != 0) {
        return DENGINE_E_BUSY;
    }
    if (de_configuration_equal(&raft->configurations.current, target)) {
        step = *target; /* the owner has something else to record about the members */
    } else if (!de_configuration_step(&raft->configurations.current, target, &step)) {
        return DENGINE_E_INVALID;
    }
    de_update_append_own(raft, DENGINE_ENTRY_CONFIG, &step);
    raft->update->proposed_index = raft->log.last_index;
    raft->update->proposed_term = raft->term;
    return 0;
}

/* Thesis 4.3: when the joint configuration is committed, the leader appends the new one, whoever it
 * was that appended the joint one. */
void de_change_settle(struct de_raft *raft)
{
    struct de_raft_configuration target;

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    if (!de_leader_is_ready(raft) || raft->configurations.current_index > raft->commit ||
        !de_configuration_is_joint(&raft->configurations.current) ||
        raft->update->persist.source != DE_RAFT_NO_ENTRIES) {
        return;
    }
    DE_SOMETIMES(de_term_runs_at(&raft->log, raft->configurations.current_index) != raft->term,
                 "a leader ends the joint configuration of another");
    de_configuration_leave(&raft->configurations.current, &target);
    DE_ASSERT(raft->update->persist.truncate_from == 0);
    de_update_append_own(raft, DENGINE_ENTRY_CONFIG, &target);
}

/* Thesis 4.2.2: a leader that is not in the configuration any more manages the cluster until that
 * is committed; its own log does not count. A learner that had to lead (election.c) does so until
 * an entry of its own is committed, and with it all that the others lacked. */
bool de_change_is_removed(const struct de_raft *raft)
{
    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    DE_ASSERT(raft->configurations.current_index <= raft->log.last_index);
    return raft->configurations.current_index <= raft->commit && de_leader_is_ready(raft) &&
           !de_configuration_is_voter(&raft->configurations.current, raft->options.id);
}

/* Thesis 4.1 lets a configuration count from when it is appended; so it can go again. A new learner
 * that had been fed by then would have a log, and a configuration that never was, under an id that
 * is free to be given to another server. No quorum needs a learner: it can wait for the commit. (A
 * new voter cannot, for that commit may need it.) */
bool de_change_withholds(const struct de_raft *raft, const struct de_raft_member *member)
{
    const struct de_configurations *configurations = &raft->configurations;

    DE_ASSERT(raft->role == DE_RAFT_LEADER);
    if (configurations->current_index <= raft->commit) {
        return false;
    }
    DE_ASSERT(de_configuration_find(&configurations->current, member->id) >= 0);
    return !de_configuration_is_voter(&configurations->current, member->id) &&
           de_configuration_find(&configurations->previous, member->id) < 0;
}
