/* Fuzz target: bytes decide what happens to three to five cores.
 *
 * The first byte chooses between two worlds. In the honest one, everything that test/world.h
 * checks must hold. In the hostile one the peers of a single core send whatever the bytes say: it
 * may drop it or halt, but no assert fails and no memory is touched that is not its own. */
#include <stdint.h>
#include <string.h>

#include "core/raft/test/world.h"
#include "fuzz/fuzz_target.h"

#define ENTRIES_MAX 6

struct input {
    const uint8_t *data;
    size_t size;
    size_t at;
};

static uint64_t draw(void *context, uint64_t bound)
{
    struct input *input = context;
    uint64_t value = 0;

    for (uint64_t left = bound - 1; left > 0 && input->at < input->size; left >>= 8) {
        value = value << 8 | input->data[input->at++];
    }
    return value % bound;
}

static void run_honest(struct de_world *world, struct input *input)
{
    uint32_t count = 3 + (uint32_t)draw(input, 3);
    struct de_raft_configuration voters = de_world_voters(3);

    world->lazy = draw(input, 2) == 0;
    world->forgets = (uint32_t)draw(input, 3);
    for (uint32_t i = 0; i < count; i++) {
        struct de_raft_configuration none = {0};
        struct de_world_server *server = de_world_add(world, i + 1, i < 3 ? &voters : &none);
        server->options.append_entries_max = 3;
        server->options.term_runs_max = 16;
        server->options.size_ring = 16;
        server->options.hold_entries_max = draw(input, 8);
        de_world_start(world, server);
    }
    while (input->at < input->size) {
        de_world_chaos(world, draw, input);
    }
}

/* Small numbers, so that they meet; now and then a huge one. */
static uint64_t draw_number(struct input *input)
{
    uint64_t value = draw(input, 256);

    return value < 240 ? value % 12 : UINT64_MAX - value % 3;
}

static void send_anything(struct de_world *world, struct input *input)
{
    struct de_world_server *server = &world->servers[0];
    struct de_raft_configuration voters = de_world_voters(1 + (uint32_t)draw(input, 4));
    struct de_raft_entry entries[ENTRIES_MAX];
    uint64_t values[ENTRIES_MAX];
    struct de_raft_message message;
    struct de_raft_event event;
    uint64_t flags = draw(input, 256);

    memset(&message, 0, sizeof(message));
    memset(entries, 0, sizeof(entries));
    message.type = (uint32_t)draw(input, 10);
    message.pre_vote = (flags & 1) != 0;
    message.granted = (flags & 2) != 0;
    message.rejected = (flags & 4) != 0;
    message.transfer = (flags & 8) != 0;
    message.recovering = (flags & 32) != 0;
    message.cluster_id = 77;
    message.from = 2 + draw(input, 3);
    message.to = server->id;
    message.term = draw_number(input);
    message.prev_index = draw_number(input);
    message.prev_term = draw_number(input);
    message.entry_count = (uint32_t)draw(input, ENTRIES_MAX + 1);
    message.last_index = message.prev_index + message.entry_count;
    message.last_term = message.prev_term;
    for (uint32_t i = 0; i < message.entry_count; i++) {
        message.last_term += draw(input, 4) == 0;
        entries[i].term = message.last_term;
        entries[i].type = 1 + (uint32_t)draw(input, 3);
        entries[i].configuration = &voters;
        values[i] = 1000 * (message.prev_index + 1 + i) + entries[i].term;
    }
    message.entries = entries;
    message.commit = draw_number(input);
    message.round = draw_number(input);
    message.sent_ns = draw_number(input);
    message.match = draw_number(input);
    message.hint_index = draw_number(input);
    message.hint_term = draw_number(input);
    message.promise_ns = draw_number(input);
    message.has_config = (flags & 64) != 0;
    message.config_index = message.prev_index - (flags & 1);
    message.config_term = (flags & 128) != 0 ? message.prev_term : 0;
    message.configuration = (flags & 16) != 0 ? &voters : NULL;
    memset(&event, 0, sizeof(event));
    event.type = DE_RAFT_EV_MESSAGE;
    event.message = &message;
    world->delivering_values = values;
    de_world_step(world, server, &event);
}

static void run_hostile(struct de_world *world, struct input *input)
{
    struct de_raft_configuration voters = de_world_voters(3);
    struct de_world_server *server = de_world_add(world, 1, &voters);

    world->is_hostile = true;
    server->options.term_runs_max = 16;
    server->options.hold_entries_max = draw(input, 8);
    server->disk.unclean = draw(input, 2) == 0; /* begins recovering */
    de_world_start(world, server);
    while (input->at < input->size) {
        if (draw(input, 3) != 0) {
            send_anything(world, input);
        } else {
            de_world_chaos(world, draw, input);
        }
        while (world->message_count > 0) {
            de_world_drop(world, 0);
        }
        if (!server->up) {
            de_world_start(world, server);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct de_world world;
    struct input input = {data, size, 0};

    if (size == 0 || size > 4096) {
        return 0;
    }
    de_world_init(&world);
    world.context = "fuzz";
    if (draw(&input, 2) == 0) {
        run_honest(&world, &input);
    } else {
        run_hostile(&world, &input);
    }
    de_world_deinit(&world);
    return 0;
}
