/* core/raft/test/world_snapshot.c - snapshots are taken, sent, and arrive: at once, late or never.
 */
#include <string.h>

#include "core/base/assert.h"
#include "core/raft/test/world.h"

int de_world_snapshot(struct de_world *world, struct de_world_server *server)
{
    struct de_raft_event event;

    memset(&event, 0, sizeof(event));
    event.type = DE_RAFT_EV_APPLIED;
    event.index = server->commit;
    int rc = de_world_step(world, server, &event);
    if (rc != 0 || server->commit <= server->log.base_index) {
        return rc;
    }
    memset(&event, 0, sizeof(event));
    event.type = DE_RAFT_EV_SNAPSHOT_TAKEN;
    event.index = server->commit;
    event.term = de_world_term_at(&server->log, event.index);
    event.configuration = de_world_configuration_at(&server->log, event.index);
    return de_world_step(world, server, &event);
}

static void stage(struct de_world *world, const struct de_world_parcel *parcel)
{
    struct de_world_server *receiver = de_world_find(world, parcel->to);
    struct de_raft_event event;

    memset(&event, 0, sizeof(event));
    event.type = DE_RAFT_EV_SNAPSHOT_STAGED;
    event.index = parcel->index;
    event.term = parcel->term;
    event.configuration = parcel->configuration;
    de_world_step(world, receiver, &event);
}

static void report(struct de_world *world, const struct de_world_parcel *parcel, bool ok)
{
    struct de_world_server *sender = de_world_find(world, parcel->from);
    struct de_raft_event event;

    memset(&event, 0, sizeof(event));
    event.type = DE_RAFT_EV_SNAPSHOT_SENT;
    event.peer = parcel->to;
    event.ok = ok;
    event.index = parcel->index;
    event.term = parcel->term;
    de_world_step(world, sender, &event);
}

static struct de_world_parcel pack(const struct de_world_server *server, uint64_t to)
{
    const struct de_world_log *log = &server->log;
    struct de_world_parcel parcel = {server->id,      server->life,   to,
                                     log->base_index, log->base_term, log->base_configuration};

    DE_ASSERT(server->up && (server->streams >> to & 1) != 0);
    return parcel;
}

static bool is_up(struct de_world *world, uint64_t id)
{
    const struct de_world_server *server = de_world_find(world, id);

    return server != NULL && server->up;
}

void de_world_stream(struct de_world *world, struct de_world_server *server, uint64_t to,
                     bool arrives)
{
    struct de_world_parcel parcel = pack(server, to);

    arrives = arrives && is_up(world, to) && parcel.index > 0;
    if (arrives) {
        stage(world, &parcel);
    }
    server->streams &= ~(UINT32_C(1) << to);
    report(world, &parcel, arrives);
}

bool de_world_ship(struct de_world *world, struct de_world_server *server, uint64_t to)
{
    struct de_world_parcel parcel = pack(server, to);

    if (world->parcel_count == DE_WORLD_PARCELS_MAX || parcel.index == 0) {
        return false;
    }
    world->parcels[world->parcel_count++] = parcel;
    server->streams &= ~(UINT32_C(1) << to);
    return true;
}

void de_world_unpack(struct de_world *world, size_t i, bool keep)
{
    struct de_world_parcel parcel = world->parcels[i];
    bool arrives = is_up(world, parcel.to);

    DE_ASSERT(i < world->parcel_count);
    if (keep) {
        world->parcels[i].sender_life = 0;
    } else {
        world->parcels[i] = world->parcels[--world->parcel_count];
    }
    if (arrives) {
        stage(world, &parcel);
    }
    if (is_up(world, parcel.from) &&
        de_world_find(world, parcel.from)->life == parcel.sender_life) {
        report(world, &parcel, arrives);
    }
}
