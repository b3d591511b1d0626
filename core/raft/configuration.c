#include "core/raft/configuration.h"

#include <string.h>

#include "core/base/assert.h"

#define ANY_VOTER ((uint32_t)DE_RAFT_VOTER | (uint32_t)DE_RAFT_VOTER_OLD)

/* The combinations of flags that mean something. */
static bool flags_are_valid(uint32_t flags)
{
    DE_STATIC_ASSERT((ANY_VOTER & DE_RAFT_LEARNER) == 0, "roles are bits of their own");
    switch (flags) {
    case DE_RAFT_VOTER:
    case DE_RAFT_VOTER | DE_RAFT_VOTER_OLD:
    case DE_RAFT_VOTER_OLD:                   /* leaves with the joint */
    case DE_RAFT_VOTER_OLD | DE_RAFT_LEARNER: /* becomes a learner then */
    case DE_RAFT_VOTER_OLD | DE_RAFT_LEARNER | DE_RAFT_READ_ONLY:
    case DE_RAFT_LEARNER:
    case DE_RAFT_LEARNER | DE_RAFT_READ_ONLY:
        return true;
    default:
        return false;
    }
}

bool de_configuration_is_valid(const struct de_raft_configuration *configuration)
{
    uint64_t id = 0;
    bool has_voter = false;

    DE_ASSERT(configuration != NULL);
    if (configuration->count > DE_RAFT_MEMBERS_MAX || configuration->reserved != 0) {
        return false;
    }
    for (uint32_t i = 0; i < configuration->count; i++) {
        const struct de_raft_member *member = &configuration->members[i];
        if (member->id <= id || member->reserved != 0 || !flags_are_valid(member->flags)) {
            return false;
        }
        id = member->id;
        has_voter |= (member->flags & DE_RAFT_VOTER) != 0;
    }
    DE_ASSERT_IMPLIES(has_voter, configuration->count > 0);
    return has_voter;
}

int de_configuration_find(const struct de_raft_configuration *configuration, uint64_t id)
{
    DE_ASSERT(configuration != NULL && configuration->count <= DE_RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < configuration->count; i++) {
        DE_ASSERT(i == 0 || configuration->members[i - 1].id < configuration->members[i].id);
        if (configuration->members[i].id == id) {
            return (int)i;
        }
    }
    return -1;
}

static uint32_t flags_of(const struct de_raft_configuration *configuration, uint64_t id)
{
    int at = de_configuration_find(configuration, id);

    DE_ASSERT(id != 0);
    DE_ASSERT(at < (int)configuration->count);
    return at < 0 ? 0 : configuration->members[at].flags;
}

bool de_configuration_is_voter(const struct de_raft_configuration *configuration, uint64_t id)
{
    DE_ASSERT(configuration != NULL);
    DE_ASSERT(id != 0);
    return (flags_of(configuration, id) & ANY_VOTER) != 0;
}

bool de_configuration_is_joint(const struct de_raft_configuration *configuration)
{
    DE_ASSERT(configuration->count <= DE_RAFT_MEMBERS_MAX);
    for (uint32_t i = 0; i < configuration->count; i++) {
        if ((configuration->members[i].flags & DE_RAFT_VOTER_OLD) != 0) {
            return true;
        }
    }
    return false;
}

bool de_configuration_equal(const struct de_raft_configuration *a,
                            const struct de_raft_configuration *b)
{
    DE_ASSERT(a->count <= DE_RAFT_MEMBERS_MAX && b->count <= DE_RAFT_MEMBERS_MAX);
    if (a->count != b->count) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->members[i].id != b->members[i].id || a->members[i].flags != b->members[i].flags) {
            return false;
        }
    }
    return true;
}

/* The next id of either, ascending: the smaller of the two heads. */
static uint64_t next_id(const struct de_raft_configuration *a, uint32_t *i,
                        const struct de_raft_configuration *b, uint32_t *j)
{
    uint64_t left = *i < a->count ? a->members[*i].id : UINT64_MAX;
    uint64_t right = *j < b->count ? b->members[*j].id : UINT64_MAX;
    uint64_t id = left < right ? left : right;

    DE_ASSERT(*i < a->count || *j < b->count);
    *i += left == id;
    *j += right == id;
    DE_ASSERT(*i <= a->count && *j <= b->count);
    return id;
}

bool de_configuration_step(const struct de_raft_configuration *from,
                           const struct de_raft_configuration *target,
                           struct de_raft_configuration *step)
{
    uint32_t voters_that_differ = 0;
    bool fits = true;
    uint32_t i = 0;
    uint32_t j = 0;

    DE_ASSERT(!de_configuration_is_joint(from) && !de_configuration_is_joint(target));
    DE_ASSERT(de_configuration_is_valid(target));
    memset(step, 0, sizeof(*step));
    if (de_configuration_equal(from, target)) {
        return false;
    }
    while (i < from->count || j < target->count) {
        uint64_t id = next_id(from, &i, target, &j);
        uint32_t was = flags_of(from, id);
        uint32_t is = flags_of(target, id);
        if ((was & DE_RAFT_READ_ONLY) != 0 && (is & DE_RAFT_VOTER) != 0) {
            return false;
        }
        voters_that_differ += (was & DE_RAFT_VOTER) != (is & DE_RAFT_VOTER);
        uint32_t flags = is | ((was & DE_RAFT_VOTER) != 0 ? DE_RAFT_VOTER_OLD : 0);
        if (flags == 0) {
            continue; /* a learner that leaves needs no half to wait for */
        }
        if (step->count == DE_RAFT_MEMBERS_MAX) {
            fits = false;
            continue;
        }
        step->members[step->count].id = id;
        step->members[step->count].flags = flags;
        step->count++;
    }
    if (voters_that_differ <= 1) {
        *step = *target;
        fits = true;
    }
    DE_ASSERT(de_configuration_is_valid(step) || !fits);
    return fits;
}

void de_configuration_leave(const struct de_raft_configuration *joint,
                            struct de_raft_configuration *target)
{
    DE_ASSERT(de_configuration_is_joint(joint));
    memset(target, 0, sizeof(*target));
    for (uint32_t i = 0; i < joint->count; i++) {
        uint32_t flags = joint->members[i].flags & ~(uint32_t)DE_RAFT_VOTER_OLD;
        DE_ASSERT(flags_are_valid(joint->members[i].flags));
        if (flags != 0) {
            target->members[target->count].id = joint->members[i].id;
            target->members[target->count].flags = flags;
            target->count++;
        }
    }
    DE_ASSERT(de_configuration_is_valid(target) && !de_configuration_is_joint(target));
}

void de_configurations_init(struct de_configurations *configurations, uint64_t index,
                            const struct de_raft_configuration *configuration)
{
    DE_ASSERT(configurations != NULL && configuration->count <= DE_RAFT_MEMBERS_MAX);
    configurations->current = *configuration;
    configurations->previous = *configuration;
    configurations->current_index = index;
    configurations->previous_index = index;
    DE_ASSERT(configurations->current_index == configurations->previous_index);
}

void de_configurations_append(struct de_configurations *configurations, uint64_t index,
                              const struct de_raft_configuration *configuration)
{
    DE_ASSERT(index > configurations->current_index);
    DE_ASSERT(de_configuration_is_valid(configuration));
    configurations->previous = configurations->current;
    configurations->previous_index = configurations->current_index;
    configurations->current = *configuration;
    configurations->current_index = index;
}

void de_configurations_truncate(struct de_configurations *configurations, uint64_t from)
{
    DE_ASSERT(configurations->previous_index < from);
    if (configurations->current_index >= from) {
        configurations->current = configurations->previous;
        configurations->current_index = configurations->previous_index;
    }
    DE_ASSERT(configurations->current_index < from);
}
