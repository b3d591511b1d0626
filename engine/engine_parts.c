#include "engine/engine_parts.h"

#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "engine/engine_state.h"
#include "runtime/libev/rpc_address.h"

DE_STATIC_ASSERT(DE_PLAN_MEMBERS_MAX <= DENGINE_MEMBERS_MAX, "all members fit");
DE_STATIC_ASSERT(DE_PLAN_ADDRESS_BYTES <= sizeof((struct dengine_member *)0)->address,
                 "every address fits");

struct de_replica *de_engine_replica(struct dengine *engine)
{
    DE_ASSERT(engine->replica != NULL);
    return engine->replica;
}

struct de_kv *de_engine_kv(struct dengine *engine)
{
    DE_ASSERT(engine->stores.kv != NULL);
    return engine->stores.kv;
}

struct dengine_snapshot_store de_engine_snapshots(struct dengine *engine)
{
    DE_ASSERT(engine->stores.snapshots.ops != NULL);
    return engine->stores.snapshots;
}

struct de_watches *de_engine_watches(struct dengine *engine)
{
    DE_ASSERT(engine->watches != NULL);
    return engine->watches;
}

/* Port 0 means that the system chose one: clients have to be told which. */
static void bound_address(const struct dengine *engine, char *address, size_t size)
{
    const char *advertised = engine->plan.advertise_address;
    const char *colon = strrchr(advertised, ':');

    if (colon != NULL && strcmp(colon, ":0") == 0) {
        (void)snprintf(address, size, "%.*s:%u", (int)(colon - advertised), advertised,
                       (unsigned)de_replica_port(engine->replica));
    } else {
        (void)snprintf(address, size, "%s", advertised);
    }
}

uint32_t de_engine_members(const struct dengine *engine, struct dengine_member *members)
{
    const struct de_plan *plan = &engine->plan;
    uint32_t i;

    DE_ASSERT(plan->member_count <= DE_PLAN_MEMBERS_MAX);
    for (i = 0; i < plan->member_count; i++) {
        members[i] = (struct dengine_member){.id = plan->members[i].id};
        if (plan->members[i].id == plan->node_id) {
            bound_address(engine, members[i].address, sizeof members[i].address);
        } else {
            (void)snprintf(members[i].address, sizeof members[i].address, "%s",
                           plan->members[i].address);
        }
    }
    return plan->member_count;
}
