#include "engine/engine_parts.h"

#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "engine/engine_state.h"
#include "runtime/libev/rpc_address.h"

DE_STATIC_ASSERT(DE_RAFT_MEMBERS_MAX <= DENGINE_MEMBERS_MAX, "all members fit");
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

struct de_admission *de_engine_admission(struct dengine *engine)
{
    DE_ASSERT(engine->admission.kv != NULL);
    return &engine->admission;
}

struct de_watches *de_engine_watches(struct dengine *engine)
{
    DE_ASSERT(engine->watches != NULL);
    return engine->watches;
}

/* An address that nobody can dial: not known, or with a port that the system was to choose. */
static bool is_open(const char *address)
{
    const char *colon = strrchr(address, ':');

    return colon == NULL || strcmp(colon, ":0") == 0;
}

void de_engine_address(const struct dengine *engine, char *address, size_t size)
{
    const char *advertised = engine->plan.advertise_address;

    if (advertised[0] != '\0' && is_open(advertised)) {
        const int host = (int)(strrchr(advertised, ':') - advertised);

        (void)snprintf(address, size, "%.*s:%u", host, advertised,
                       (unsigned)de_replica_port(engine->replica));
    } else {
        (void)snprintf(address, size, "%s", advertised);
    }
}

/* Of this node, its configuration may know better than what is recorded. */
static void correct(const struct dengine *engine, struct dengine_member *member)
{
    if (member->id == engine->plan.node_id &&
        (engine->plan.advertise_given || is_open(member->address))) {
        de_engine_address(engine, member->address, sizeof member->address);
    }
}

void de_engine_members(const struct dengine *engine, struct dengine_cluster_status *status)
{
    DE_ASSERT(engine->replica != NULL);
    de_replica_members(engine->replica, status);
    for (uint32_t i = 0; i < status->member_count; i++) {
        correct(engine, &status->members[i]);
    }
}

bool de_engine_leader(const struct dengine *engine, struct dengine_member *leader)
{
    struct dengine_cluster_status members;
    struct dengine_status now;

    de_engine_members(engine, &members);
    de_replica_status(engine->replica, &now);
    for (uint32_t i = 0; i < members.member_count; i++) {
        if (now.leader != 0 && members.members[i].id == now.leader) {
            *leader = members.members[i];
            return true;
        }
    }
    return false;
}

int de_engine_change_check(const struct dengine *engine, const struct de_change *change,
                           const char **reason)
{
    struct dengine_cluster_status status;

    *reason = "";
    if (change->kind != DE_CHANGE_ADD_LEARNER) {
        return 0;
    }
    de_replica_members(engine->replica, &status);
    for (uint32_t i = 0; i < status.member_count; i++) {
        if (is_open(status.members[i].peer_address)) {
            *reason = "a member has no address that a new one could dial; record it first, with "
                      "dengine-cli member move ID HOST:PORT, and let that member listen there";
            return DENGINE_E_INVALID;
        }
    }
    return 0;
}
