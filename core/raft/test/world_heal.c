/* core/raft/test/world_heal.c - peace: everything works, and the cluster has to come back. */
#include "core/base/assert.h"
#include "core/raft/configuration.h"
#include "core/raft/test/world.h"

#define MS UINT64_C(1000000)

uint64_t de_world_first_stream(const struct de_world_server *server)
{
    uint64_t to = 0;

    DE_ASSERT(server->streams != 0);
    while ((server->streams >> to & 1) == 0) {
        to++;
    }
    return to;
}

/* All that is due at this moment. Whether anything was. */
static bool do_what_is_due(struct de_world *world)
{
    bool any = world->message_count > 0;

    if (any) {
        de_world_deliver(world, 0, false);
    }
    for (uint32_t i = 0; i < world->server_count; i++) {
        struct de_world_server *server = &world->servers[i];
        if (!server->up) {
            continue;
        }
        while (de_world_disk_write(world, server)) {
            any = true;
        }
        de_world_disk_tell(world, server, 0);
        struct de_raft_view view;
        de_raft_get_view(server->raft, &view);
        if (view.term_runs_free < 2 && server->commit > view.base_index) {
            de_world_snapshot(world, server); /* an owner's duty: make room for new terms */
        }
        if (server->streams != 0) {
            de_world_stream(world, server, de_world_first_stream(server), true);
            any = true;
        }
    }
    return any;
}

/* A leader, and all that it leads have applied its log and remember everything. */
static bool is_at_peace(struct de_world *world)
{
    struct de_raft_view view;
    uint64_t last = 0;

    for (uint32_t i = 0; i < world->server_count; i++) {
        if (!world->servers[i].up) {
            continue;
        }
        de_raft_get_view(world->servers[i].raft, &view);
        if (view.role == DE_RAFT_LEADER && view.ready &&
            !de_configuration_is_joint(view.configuration)) {
            last = view.last_index;
            for (uint32_t j = 0; j < view.configuration->count; j++) {
                const struct de_world_server *member =
                    de_world_find(world, view.configuration->members[j].id);
                if (member == NULL || member->commit != last || member->disk.unclean) {
                    return false;
                }
            }
            return true;
        }
    }
    return false;
}

/* ---- who has to be there ---- */

static uint32_t members_of(const struct de_raft_configuration *configuration)
{
    uint32_t mask = 0;

    DE_ASSERT(configuration != NULL);
    for (uint32_t i = 0; i < configuration->count; i++) {
        mask |= UINT32_C(1) << configuration->members[i].id;
    }
    return mask;
}

static uint32_t members_after(const struct de_world_log *log, uint64_t index)
{
    uint32_t mask = 0;

    for (uint64_t i = 0; i < log->count; i++) {
        if (log->base_index + 1 + i > index && log->entries[i].configuration != NULL) {
            mask |= members_of(log->entries[i].configuration);
        }
    }
    return mask;
}

/* Members of the newest configuration that is committed, and of any that came after it. */
static uint32_t who_matters(const struct de_world *world)
{
    uint32_t mask = 0;
    uint64_t index = world->committed_count;

    while (index > 0 && world->committed[index - 1].configuration == NULL) {
        index--;
    }
    if (index == 0) {
        return UINT32_MAX; /* those of the beginning; nobody has left */
    }
    mask = members_of(world->committed[index - 1].configuration);
    for (uint32_t i = 0; i < world->server_count; i++) {
        mask |= members_after(&world->servers[i].disk.log, index);
        if (world->servers[i].up) {
            mask |= members_after(&world->servers[i].log, index);
        }
    }
    return mask;
}

bool de_world_heal(struct de_world *world, uint64_t limit_ns)
{
    const uint32_t wanted = world->removed_stay_away ? who_matters(world) : UINT32_MAX;
    uint64_t end_ns = world->now_ns + limit_ns;

    world->cut = 0;
    while (world->parcel_count > 0) {
        de_world_unpack(world, 0, false);
    }
    for (uint32_t i = 0; i < world->server_count; i++) {
        struct de_world_server *server = &world->servers[i];
        bool matters = (wanted >> server->id & 1) != 0;
        if (!server->up && matters) {
            de_world_start(world, server);
        } else if (server->up && !matters) {
            de_world_crash(world, server, 0);
        }
    }
    while (world->now_ns < end_ns) {
        for (int i = 0; i < 100000 && do_what_is_due(world); i++) {
            DE_WORLD_CHECK(world, i < 99999, "messages never end");
        }
        if (is_at_peace(world)) {
            return true;
        }
        world->now_ns += 1 * MS;
        for (uint32_t i = 0; i < world->server_count; i++) {
            struct de_world_server *server = &world->servers[i];
            if (server->up && de_world_clock(world, server) >= server->deadline_ns) {
                de_world_deadline(world, server);
            }
        }
    }
    return false;
}
