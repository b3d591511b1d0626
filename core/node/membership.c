#include "core/node/membership.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/raft/configuration.h"

const struct de_member_addresses *de_membership_addresses(const struct de_membership *membership,
                                                          uint64_t id)
{
    const int at = de_configuration_find(&membership->configuration, id);

    DE_ASSERT(id != 0);
    DE_ASSERT(at < (int)membership->configuration.count);
    return at < 0 ? NULL : &membership->addresses[at];
}

bool de_membership_add(struct de_membership *membership, uint64_t id, uint32_t flags,
                       const struct de_member_addresses *addresses)
{
    struct de_raft_configuration *configuration = &membership->configuration;
    uint32_t at = configuration->count;

    DE_ASSERT(flags != 0);
    DE_ASSERT(configuration->count <= DE_RAFT_MEMBERS_MAX);
    if (id == 0 || configuration->count == DE_RAFT_MEMBERS_MAX ||
        de_configuration_find(configuration, id) >= 0) {
        return false;
    }
    for (; at > 0 && configuration->members[at - 1].id > id; at--) {
        configuration->members[at] = configuration->members[at - 1];
        membership->addresses[at] = membership->addresses[at - 1];
    }
    configuration->members[at] = (struct de_raft_member){.id = id, .flags = flags};
    memset(&membership->addresses[at], 0, sizeof membership->addresses[at]);
    if (addresses != NULL) {
        membership->addresses[at] = *addresses;
    }
    configuration->count++;
    if (membership->highest_id < id) {
        membership->highest_id = id;
    }
    DE_ASSERT(configuration->members[at].id <= membership->highest_id);
    return true;
}

static void drop(struct de_membership *membership, uint64_t id)
{
    struct de_raft_configuration *configuration = &membership->configuration;
    const int found = de_configuration_find(configuration, id);

    DE_ASSERT(found >= 0);
    configuration->count--;
    for (uint32_t at = (uint32_t)found; at < configuration->count; at++) {
        configuration->members[at] = configuration->members[at + 1];
        membership->addresses[at] = membership->addresses[at + 1];
    }
    memset(&configuration->members[configuration->count], 0, sizeof configuration->members[0]);
    memset(&membership->addresses[configuration->count], 0, sizeof membership->addresses[0]);
    DE_ASSERT(de_configuration_find(configuration, id) < 0);
}

static uint32_t flags_of(const struct de_membership *membership, uint64_t id)
{
    const struct de_raft_configuration *configuration = &membership->configuration;
    const int at = de_configuration_find(configuration, id);

    DE_ASSERT(at < (int)configuration->count);
    DE_ASSERT_IMPLIES(at >= 0, configuration->members[at].flags != 0);
    return at < 0 ? 0 : configuration->members[at].flags;
}

static const char *add_learner(const struct de_change *change, struct de_membership *target)
{
    const uint32_t read_only = change->read_only ? DE_RAFT_READ_ONLY : 0;

    DE_ASSERT(change->kind == DE_CHANGE_ADD_LEARNER);
    if (change->id == 0) {
        return "0 is no member id; ids begin at 1";
    }
    if (flags_of(target, change->id) != 0) {
        return "that id is a member already";
    }
    if (change->id <= target->highest_id) {
        return "ids are never used twice: the id must be greater than every id there ever was";
    }
    if (!de_membership_add(target, change->id, DE_RAFT_LEARNER | read_only, &change->addresses)) {
        return "the cluster has as many members as it can have";
    }
    DE_ASSERT(target->highest_id == change->id);
    return NULL;
}

/* A learner that may vote becomes a voter; a voter stays one. */
static const char *promote(struct de_membership *target, uint64_t id)
{
    const int at = de_configuration_find(&target->configuration, id);

    DE_ASSERT(target->configuration.count <= DE_RAFT_MEMBERS_MAX);
    if (at < 0) {
        return "that id is not a member; add it as a learner first";
    }
    if ((target->configuration.members[at].flags & DE_RAFT_READ_ONLY) != 0) {
        return "that learner was added as read-only and is never promoted";
    }
    target->configuration.members[at].flags = DE_RAFT_VOTER;
    DE_ASSERT(flags_of(target, id) == DE_RAFT_VOTER);
    return NULL;
}

static const char *replace(const struct de_change *change, struct de_membership *target)
{
    DE_ASSERT(change->kind == DE_CHANGE_REPLACE);
    if ((flags_of(target, change->id) & DE_RAFT_VOTER) == 0) {
        return "the member to replace is not a voter";
    }
    if ((flags_of(target, change->by) & DE_RAFT_LEARNER) == 0) {
        return "only a learner can take the place of a voter; add it first";
    }
    drop(target, change->id);
    DE_ASSERT(flags_of(target, change->id) == 0);
    return promote(target, change->by);
}

static const char *set_voters(const struct de_change *change, struct de_membership *target)
{
    const struct de_raft_configuration before = target->configuration;

    DE_ASSERT(change->kind == DE_CHANGE_SET_VOTERS);
    if (change->voter_count > DE_RAFT_MEMBERS_MAX) {
        return "more voters than a cluster can have";
    }
    for (uint32_t i = 0; i < before.count; i++) {
        bool stays = (before.members[i].flags & DE_RAFT_LEARNER) != 0;

        for (uint32_t v = 0; v < change->voter_count; v++) {
            stays = stays || change->voters[v] == before.members[i].id;
        }
        if (!stays) {
            drop(target, before.members[i].id);
        }
    }
    for (uint32_t v = 0; v < change->voter_count; v++) {
        const char *reason = promote(target, change->voters[v]);

        if (reason != NULL) {
            return reason;
        }
    }
    DE_ASSERT(target->configuration.count <= before.count);
    return NULL;
}

static const char *set_addresses(const struct de_change *change, struct de_membership *target)
{
    const int at = de_configuration_find(&target->configuration, change->id);

    DE_ASSERT(change->kind == DE_CHANGE_ADDRESSES);
    if (at < 0) {
        return "that id is not a member";
    }
    DE_ASSERT((uint32_t)at < target->configuration.count);
    target->addresses[at] = change->addresses;
    return NULL;
}

static bool same_addresses(const struct de_membership *a, const struct de_membership *b)
{
    DE_ASSERT(a->configuration.count == b->configuration.count);
    for (uint32_t i = 0; i < a->configuration.count; i++) {
        DE_ASSERT(a->configuration.members[i].id == b->configuration.members[i].id);
        if (strcmp(a->addresses[i].peer, b->addresses[i].peer) != 0 ||
            strcmp(a->addresses[i].client, b->addresses[i].client) != 0) {
            return false;
        }
    }
    return true;
}

static const char *apply(const struct de_change *change, struct de_membership *target)
{
    const uint32_t flags = flags_of(target, change->id);

    DE_ASSERT(!de_configuration_is_joint(&target->configuration));
    DE_ASSERT(target->configuration.count <= DE_RAFT_MEMBERS_MAX);
    switch ((enum de_change_kind)change->kind) {
    case DE_CHANGE_ADD_LEARNER:
        return add_learner(change, target);
    case DE_CHANGE_PROMOTE:
        return flags == DE_RAFT_VOTER ? "that member is a voter already"
                                      : promote(target, change->id);
    case DE_CHANGE_REMOVE:
        if (flags == 0) {
            return "that id is not a member";
        }
        drop(target, change->id);
        return NULL;
    case DE_CHANGE_REPLACE:
        return replace(change, target);
    case DE_CHANGE_SET_VOTERS:
        return set_voters(change, target);
    case DE_CHANGE_ADDRESSES:
        return set_addresses(change, target);
    }
    return "no such kind of change";
}

const char *de_membership_change(const struct de_membership *from, const struct de_change *change,
                                 struct de_membership *target)
{
    const char *reason;

    DE_ASSERT(from != target);
    DE_ASSERT(!de_configuration_is_joint(&from->configuration));
    *target = *from;
    reason = apply(change, target);
    if (reason != NULL) {
        return reason;
    }
    if (!de_configuration_is_valid(&target->configuration)) {
        return "the last voter cannot leave; add and promote another one first";
    }
    if (de_configuration_equal(&from->configuration, &target->configuration) &&
        same_addresses(from, target)) {
        return "that is the configuration in use already";
    }
    DE_ASSERT(target->highest_id >= from->highest_id);
    return NULL;
}

void de_membership_complete(const struct de_raft_configuration *configuration,
                            const struct de_membership *from, const struct de_membership *target,
                            struct de_membership *complete)
{
    DE_ASSERT(complete != from && complete != target);
    DE_ASSERT(configuration->count <= DE_RAFT_MEMBERS_MAX);
    memset(complete, 0, sizeof *complete);
    complete->configuration = *configuration;
    complete->highest_id =
        from->highest_id > target->highest_id ? from->highest_id : target->highest_id;
    for (uint32_t i = 0; i < configuration->count; i++) {
        const uint64_t id = configuration->members[i].id;
        const struct de_member_addresses *addresses = de_membership_addresses(target, id);

        if (addresses == NULL) {
            addresses = de_membership_addresses(from, id);
        }
        DE_ASSERT(addresses != NULL);
        complete->addresses[i] = *addresses;
        DE_ASSERT(id <= complete->highest_id);
    }
}
