#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "engine/plan.h"

/* Peers and clients use the same port. */
static void add_member(struct de_membership *membership, uint64_t id, const char *address)
{
    struct de_member_addresses addresses;
    bool added;

    DE_STATIC_ASSERT(DE_PLAN_ADDRESS_BYTES <= DE_ADDRESS_BYTES, "every address can be recorded");
    memset(&addresses, 0, sizeof(addresses));
    (void)snprintf(addresses.peer, sizeof(addresses.peer), "%s", address);
    (void)snprintf(addresses.client, sizeof(addresses.client), "%s", address);
    added = de_membership_add(membership, id, DE_RAFT_VOTER, &addresses);
    DE_ASSERT(added);
}

void de_plan_membership(const struct de_plan *plan, uint64_t node_id,
                        struct de_membership *membership)
{
    DE_ASSERT(membership->configuration.count == 0);
    if (plan->join[0] != '\0') {
        return; /* it waits to be told */
    }
    if (plan->alone) {
        add_member(membership, node_id, plan->advertise_address);
        return;
    }
    for (uint32_t i = 0; i < plan->member_count; i++) {
        add_member(membership, plan->members[i].id, plan->members[i].address);
    }
    DE_ASSERT(membership->configuration.count == plan->member_count);
}
