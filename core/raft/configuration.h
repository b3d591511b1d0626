/* core/raft/configuration.h - who the members are, and how one configuration becomes another.
 *
 * Pure functions on struct de_raft_configuration, and the two configurations that a log needs. */
#ifndef DE_CORE_RAFT_CONFIGURATION_H
#define DE_CORE_RAFT_CONFIGURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/raft/raft.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether it may stand in a log: ids ascending, flags that make sense, at least one voter. */
bool de_configuration_is_valid(const struct de_raft_configuration *configuration);

/* The position of the member; -1 when there is none with this id. */
int de_configuration_find(const struct de_raft_configuration *configuration, uint64_t id);

/* Whether any half counts its vote. */
bool de_configuration_is_voter(const struct de_raft_configuration *configuration, uint64_t id);

/* Joint consensus (thesis 4.3): two halves. */
bool de_configuration_is_joint(const struct de_raft_configuration *configuration);

bool de_configuration_equal(const struct de_raft_configuration *a,
                            const struct de_raft_configuration *b);

/* What has to be appended to get from one non-joint configuration to another: the target itself
 * when at most one voter differs (thesis 4.1: any two majorities still overlap), else the joint
 * one of both. False when the step makes no sense: no difference, a read-only learner promoted,
 * more than DE_RAFT_MEMBERS_MAX members in the joint one. */
bool de_configuration_step(const struct de_raft_configuration *from,
                           const struct de_raft_configuration *target,
                           struct de_raft_configuration *step);

/* The configuration that ends a joint one. */
void de_configuration_leave(const struct de_raft_configuration *joint,
                            struct de_raft_configuration *target);

/* The newest configuration of a log, in use from the moment it is appended (thesis 4.1), and the
 * one before, to fall back on when it is truncated. Two are enough: a leader appends a
 * configuration only once the one before is committed, so in any log all but the last are. */
struct de_configurations {
    struct de_raft_configuration current;
    struct de_raft_configuration previous;
    uint64_t current_index;
    uint64_t previous_index;
};

/* Both are the one at index; it may be empty (a server that waits to be told). */
void de_configurations_init(struct de_configurations *configurations, uint64_t index,
                            const struct de_raft_configuration *configuration);

/* A CONFIG entry at index enters the log. */
void de_configurations_append(struct de_configurations *configurations, uint64_t index,
                              const struct de_raft_configuration *configuration);

/* The entries >= from leave the log; previous_index < from. */
void de_configurations_truncate(struct de_configurations *configurations, uint64_t from);

#ifdef __cplusplus
}
#endif

#endif
