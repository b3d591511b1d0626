/* core/raft/test/world_chaos.c - one random thing after the other. */
#include <string.h>

#include "core/base/assert.h"
#include "core/raft/configuration.h"
#include "core/raft/test/world.h"

#define MS UINT64_C(1000000)

struct dice {
    de_world_draw *draw;
    void *context;
};

static uint64_t below(const struct dice *dice, uint64_t bound)
{
    return dice->draw(dice->context, bound);
}

static void deliver_any(struct de_world *world, const struct dice *dice)
{
    if (world->message_count == 0) {
        return;
    }
    /* Mostly the oldest ones, so that something gets done; now and then any, or a copy. */
    uint64_t near = world->message_count < 4 ? world->message_count : 4;
    uint64_t bound = below(dice, 8) == 0 ? world->message_count : near;
    uint64_t kind = below(dice, 16);
    size_t i = (size_t)below(dice, bound);
    const struct de_raft_message *message = &world->messages[i].message;
    bool is_cut = (world->cut >> message->from & 1) != (world->cut >> message->to & 1);
    if (kind == 0 || is_cut) {
        de_world_drop(world, i);
    } else {
        de_world_deliver(world, i, kind == 1);
    }
}

static void use_disk(struct de_world *world, struct de_world_server *server,
                     const struct dice *dice)
{
    if (!server->up) {
        return;
    }
    uint64_t count = below(dice, 4);
    for (uint64_t i = 0; i < count; i++) {
        de_world_disk_write(world, server);
    }
    if (below(dice, 4) != 0) {
        de_world_disk_tell(world, server, 0);
    }
}

static void let_time_pass(struct de_world *world, const struct dice *dice)
{
    world->now_ns += below(dice, 10) * MS + below(dice, 1000);
    for (uint32_t i = 0; i < world->server_count; i++) {
        struct de_world_server *server = &world->servers[i];
        if (server->up && de_world_clock(world, server) >= server->deadline_ns &&
            below(dice, 4) != 0) {
            de_world_deadline(world, server);
        }
    }
}

/* A random change of the configuration as the server sees it: a few members get other roles. */
static void change_any(struct de_world *world, struct de_world_server *server,
                       const struct dice *dice)
{
    struct de_raft_configuration target;
    uint32_t voters = 0;

    memset(&target, 0, sizeof(target));
    for (uint32_t i = 0; i < world->server_count; i++) {
        static const uint32_t roles[] = {DE_RAFT_VOTER,   DE_RAFT_VOTER, DE_RAFT_VOTER, 0,
                                         DE_RAFT_LEARNER, DE_RAFT_VOTER};
        uint32_t flags = roles[below(dice, DE_ARRAY_SIZE(roles))];
        if (flags != 0) {
            target.members[target.count].id = world->servers[i].id;
            target.members[target.count++].flags = flags;
            voters += flags == DE_RAFT_VOTER;
        }
    }
    /* A quorum of one is not to forget anything. */
    if (world->forgets == DE_WORLD_FORGETS_NOTHING || voters > 1) {
        de_world_change(world, server, &target);
    }
}

/* Requests mostly go to somebody who believes that it leads. */
static struct de_world_server *find_leader(struct de_world *world, struct de_world_server *server)
{
    struct de_raft_view view;

    for (uint32_t i = 0; i < world->server_count; i++) {
        size_t at = ((size_t)(server - world->servers) + i) % world->server_count;
        if (world->servers[at].up) {
            de_raft_get_view(world->servers[at].raft, &view);
            if (view.role == DE_RAFT_LEADER) {
                return &world->servers[at];
            }
        }
    }
    return server;
}

/* Nobody else has forgotten something that it does not have again. */
static bool may_forget(const struct de_world *world, const struct de_world_server *server)
{
    for (uint32_t i = 0; i < world->server_count; i++) {
        const struct de_world_server *other = &world->servers[i];
        if (other != server && other->disk.forgotten_to != 0) {
            return false;
        }
    }
    return true;
}

static bool has_copy(const struct de_world *world, const struct de_world_server *server,
                     uint64_t index)
{
    uint64_t term = de_world_term_at(&server->disk.log, index);

    for (uint32_t i = 0; i < world->server_count; i++) {
        const struct de_world_server *other = &world->servers[i];
        if (other != server && (index <= other->disk.log.base_index ||
                                de_world_term_at(&other->disk.log, index) == term)) {
            return true;
        }
    }
    return false;
}

/* It crashes; what reached its disk, and sometimes what only seemed to, is drawn. */
static void crash(struct de_world *world, struct de_world_server *server, const struct dice *dice)
{
    uint64_t last;
    uint64_t count = 0;

    de_world_crash(world, server, (size_t)below(dice, 3));
    if (world->forgets == DE_WORLD_FORGETS_NOTHING || below(dice, 4) == 0) {
        return;
    }
    last = server->disk.log.base_index + server->disk.log.count;
    uint64_t most = below(dice, 8);
    if (world->forgets == DE_WORLD_FORGETS_COPIED) {
        while (count < most && count < server->disk.log.count &&
               has_copy(world, server, last - count)) {
            count++;
        }
    } else if (may_forget(world, server)) {
        count = most;
    }
    de_world_forget(world, server, count);
    if (count > 0) {
        server->disk.hard_state.commit = server->disk.synced_commit;
    }
    /* What it has forgotten matters when those who have it are away. */
    struct de_world_server *leader = find_leader(world, server);
    if (leader->up && below(dice, 2) == 0) {
        de_world_crash(world, leader, (size_t)below(dice, 3));
    }
    if (below(dice, 2) == 0) {
        de_world_start(world, server);
        world->now_ns += 2 * server->options.election_timeout_max_ns;
    }
}

/* The network falls into two parts, often with the leader alone, or is whole again. */
static void cut(struct de_world *world, struct de_world_server *server, const struct dice *dice)
{
    uint64_t kind = below(dice, 4);

    if (world->cut != 0) {
        world->cut = 0;
    } else if (kind < 2) {
        world->cut = UINT32_C(1) << find_leader(world, server)->id;
    } else {
        world->cut = (uint32_t)below(dice, UINT64_C(1) << (world->server_count + 1));
    }
}

enum kind {
    DELIVER,
    DISK,
    TIME,
    PROPOSE,
    READ,
    CHANGE,
    TRANSFER,
    SNAPSHOT,
    STREAM,
    CRASH,
    START,
    CUT,
};

/* Each life has a mixture of its own: what is never combined with much of something else is found
 * by a life with little of it ("Swarm Testing", ISSTA 2012). */
static void draw_weights(struct de_world *world, const struct dice *dice)
{
    static const uint8_t most[DE_WORLD_CHAOS_KINDS] = {
        [DELIVER] = 120, [DISK] = 60,    [TIME] = 40,  [PROPOSE] = 30, [READ] = 20, [CHANGE] = 3,
        [TRANSFER] = 3,  [SNAPSHOT] = 6, [STREAM] = 6, [CRASH] = 3,    [START] = 6, [CUT] = 3};
    static const uint8_t least[DE_WORLD_CHAOS_KINDS] = {
        [DELIVER] = 30, [DISK] = 10, [TIME] = 3, [PROPOSE] = 2, [STREAM] = 1, [START] = 1};

    for (int i = 0; i < DE_WORLD_CHAOS_KINDS; i++) {
        world->weights[i] = (uint8_t)(least[i] + below(dice, most[i] - least[i] + 1U));
    }
    if (world->forgets != DE_WORLD_FORGETS_NOTHING) {
        /* Long terms, so that there is much to forget. */
        world->weights[DELIVER] = 120;
        world->weights[DISK] = 60;
        world->weights[TIME] = (uint8_t)(3 + below(dice, 8));
        world->weights[PROPOSE] = (uint8_t)(10 + below(dice, 20));
        world->weights[CRASH] = (uint8_t)(1 + below(dice, 3));
        world->weights[START] = (uint8_t)(1 + below(dice, 6));
        world->weights[TRANSFER] = 0;
    }
    if (world->forgets == DE_WORLD_FORGETS_COPIED) {
        world->weights[CHANGE] = 0;
    }
}

static enum kind draw_kind(const struct de_world *world, const struct dice *dice)
{
    uint64_t sum = 0;
    int kind = 0;

    for (int i = 0; i < DE_WORLD_CHAOS_KINDS; i++) {
        sum += world->weights[i];
    }
    uint64_t at = below(dice, sum);
    while (at >= world->weights[kind]) {
        at -= world->weights[kind++];
    }
    return (enum kind)kind;
}

/* Something that is asked of a server which runs; mostly of one that believes it leads. */
static void ask(struct de_world *world, struct de_world_server *server, enum kind kind,
                const struct dice *dice)
{
    if (below(dice, 4) != 0 && kind != SNAPSHOT) {
        server = find_leader(world, server);
    }
    if (!server->up) {
        return;
    }
    if (kind == PROPOSE) {
        de_world_propose(world, server, 1 + (uint32_t)below(dice, 5), (uint32_t)below(dice, 400));
    } else if (kind == READ) {
        de_world_read(world, server);
    } else if (kind == CHANGE) {
        change_any(world, server, dice);
    } else if (kind == SNAPSHOT) {
        de_world_snapshot(world, server);
    } else if (below(dice, 4) == 0) {
        de_world_unreachable(world, server, 1 + below(dice, world->server_count));
    } else {
        de_world_transfer(world, server, below(dice, world->server_count + 1));
    }
}

static void stream(struct de_world *world, struct de_world_server *server, const struct dice *dice)
{
    uint64_t kind = below(dice, 8);

    server = find_leader(world, server);
    if (server->up && server->streams != 0 && kind < 6) {
        uint64_t to = de_world_first_stream(server);
        if (kind < 3 || !de_world_ship(world, server, to)) {
            de_world_stream(world, server, to, kind != 0);
        }
    } else if (world->parcel_count > 0) {
        de_world_unpack(world, (size_t)below(dice, world->parcel_count), below(dice, 4) == 0);
    }
}

void de_world_chaos(struct de_world *world, de_world_draw *draw, void *context)
{
    const struct dice dice = {draw, context};

    if (world->weights[DELIVER] == 0) {
        draw_weights(world, &dice);
    }
    struct de_world_server *server = &world->servers[below(&dice, world->server_count)];
    enum kind kind = draw_kind(world, &dice);
    switch (kind) {
    case DELIVER:
        deliver_any(world, &dice);
        break;
    case DISK:
        use_disk(world, server, &dice);
        break;
    case TIME:
        let_time_pass(world, &dice);
        break;
    case PROPOSE:
    case READ:
    case CHANGE:
    case TRANSFER:
    case SNAPSHOT:
        ask(world, server, kind, &dice);
        break;
    case STREAM:
        stream(world, server, &dice);
        break;
    case CRASH:
        if (server->up) {
            crash(world, server, &dice);
        }
        break;
    case START:
        if (!server->up) {
            de_world_start(world, server);
        }
        break;
    case CUT:
        cut(world, server, &dice);
        break;
    }
}
