#include "runtime/sim/check/generator.h"

#include <string.h>

#include "core/base/assert.h"
#include "runtime/sim/check/generator_values.h"

#define CLIENTS_MAX 64
#define IDLE        SIZE_MAX

/* What a client is doing while a linearizable history is made. */
struct client {
    size_t operation; /* IDLE if none */
    bool done;        /* it took effect already */
};

struct world {
    struct de_generator *generator;
    struct de_history_operation *operations;
    size_t count; /* called so far */
    size_t limit; /* wanted */
    uint64_t now; /* position of the last event */
    struct de_history_value state;
    struct client clients[CLIENTS_MAX];
    int64_t next_process;
    uint32_t infos;
    size_t lost[CLIENTS_MAX * 4]; /* info operations that may take effect yet */
    size_t lost_count;
};

static void call(struct world *world, struct client *client)
{
    struct de_history_operation *operation = &world->operations[world->count];
    memset(operation, 0, sizeof(*operation));
    de_generator_choose(world->generator, &world->state, operation);
    operation->outcome = DE_HISTORY_OK;
    operation->process = client - world->clients;
    operation->call_at = ++world->now;
    operation->call_ns = (int64_t)operation->call_at * 1000;
    client->operation = world->count++;
    client->done = false;
    bool may_be_lost =
        world->infos < world->generator->info_max && world->lost_count < DE_ARRAY_SIZE(world->lost);
    if (may_be_lost && de_generator_chance(world->generator, world->generator->info_percent)) {
        operation->outcome = DE_HISTORY_INFO;
        operation->process = CLIENTS_MAX + world->next_process++;
        world->infos++;
        world->lost[world->lost_count++] = client->operation;
        client->operation = IDLE;
    }
}

/* Effect, return, or a failure without an effect. What cannot happen yet waits, or fails. */
static void advance(struct world *world, struct client *client)
{
    struct de_generator *generator = world->generator;
    struct de_history_operation *operation = &world->operations[client->operation];
    if (client->done) {
        operation->return_at = ++world->now;
        operation->return_ns = (int64_t)operation->return_at * 1000;
        client->operation = IDLE;
    } else if (de_generator_chance(generator, 4)) {
        operation->outcome = DE_HISTORY_FAIL;
        operation->untold = operation->function == DE_HISTORY_CAS;
        client->done = true;
    } else if (de_generator_effect(generator, &world->state, operation)) {
        client->done = true;
    } else if (de_generator_chance(generator, 60)) {
        operation->outcome = DE_HISTORY_FAIL;
        client->done = true;
    }
}

/* Some lost operation happens, or goes where it is never heard of again. */
static void resolve_lost(struct world *world)
{
    size_t i = (size_t)de_generator_below(world->generator, world->lost_count);
    if (de_generator_chance(world->generator, 60)) {
        (void)de_generator_effect(world->generator, &world->state,
                                  &world->operations[world->lost[i]]);
    }
    world->lost[i] = world->lost[--world->lost_count];
}

void de_generator_linearizable(struct de_generator *generator,
                               struct de_history_operation *operations, size_t count)
{
    struct world world = {.generator = generator, .operations = operations, .limit = count};
    DE_ASSERT(generator->clients > 0 && generator->clients <= CLIENTS_MAX);
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        world.clients[i].operation = IDLE;
    }
    size_t open = 0;
    while (world.count < world.limit || open > 0) {
        struct client *client = &world.clients[de_generator_below(generator, generator->clients)];
        if (world.lost_count > 0 && de_generator_chance(generator, 5)) {
            resolve_lost(&world);
        } else if (client->operation != IDLE) {
            advance(&world, client);
        } else if (world.count < world.limit) {
            call(&world, client);
        }
        open = 0;
        for (size_t i = 0; i < generator->clients; i++) {
            open += world.clients[i].operation != IDLE ? 1 : 0;
        }
    }
}

/* Another end of the interval, anywhere that keeps it an interval. */
static void move_end(struct de_generator *generator, struct de_history_operation *operation)
{
    uint64_t shift = 1 + de_generator_below(generator, 6);
    if (de_generator_chance(generator, 50)) {
        operation->return_at += shift;
    } else if (operation->outcome == DE_HISTORY_INFO ||
               operation->call_at + shift < operation->return_at) {
        operation->call_at += shift;
    } else {
        operation->call_at = operation->call_at > shift ? operation->call_at - shift : 0;
    }
}

/* Another outcome. Only what was ok can become one of which nothing is known: of others it may not
 * be known what they saw. */
static void change_outcome(struct de_generator *generator, struct de_history_operation *operation)
{
    if (operation->function == DE_HISTORY_CAS && operation->outcome != DE_HISTORY_INFO) {
        operation->outcome = operation->outcome == DE_HISTORY_OK ? DE_HISTORY_FAIL : DE_HISTORY_OK;
        operation->untold =
            operation->outcome == DE_HISTORY_FAIL && de_generator_chance(generator, 20);
    } else if (operation->outcome == DE_HISTORY_OK) {
        bool lost = de_generator_chance(generator, 70);
        operation->outcome = lost ? DE_HISTORY_INFO : DE_HISTORY_FAIL;
    }
}

void de_generator_perturb(struct de_generator *generator, struct de_history_operation *operations,
                          size_t count)
{
    struct de_history_operation *operation = &operations[de_generator_below(generator, count)];
    struct de_history_value value = de_generator_value(generator);
    switch (de_generator_below(generator, 4)) {
    case 0:
        if (operation->function != DE_HISTORY_DELETE) {
            operation->value = value;
        }
        break;
    case 1:
        if (operation->function == DE_HISTORY_CAS) {
            operation->expected = value;
        }
        break;
    case 2:
        change_outcome(generator, operation);
        break;
    default:
        move_end(generator, operation);
        break;
    }
}

void de_generator_arbitrary(struct de_generator *generator, struct de_history_operation *operations,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct de_history_operation *operation = &operations[i];
        struct de_history_value guess = de_generator_value(generator);
        memset(operation, 0, sizeof(*operation));
        de_generator_choose(generator, &guess, operation);
        operation->process = (int64_t)i;
        operation->call_at = de_generator_below(generator, count * 2);
        operation->return_at = operation->call_at + 1 + de_generator_below(generator, count);
        operation->outcome = de_generator_chance(generator, generator->info_percent)
                                 ? DE_HISTORY_INFO
                                 : DE_HISTORY_OK;
        if (operation->outcome == DE_HISTORY_OK && de_generator_chance(generator, 10)) {
            operation->outcome = DE_HISTORY_FAIL;
        }
        bool observes =
            operation->function == DE_HISTORY_READ || operation->function == DE_HISTORY_GET;
        if (observes && operation->outcome == DE_HISTORY_OK && de_generator_chance(generator, 80)) {
            operation->value = guess;
        }
    }
}

size_t de_generator_small(struct de_generator *generator, const struct de_model *model,
                          uint64_t seed, struct de_history_operation *operations)
{
    de_generator_init(generator, model, seed);
    size_t count = 2 + (size_t)de_generator_below(generator, DE_GENERATOR_SMALL_MAX - 1);
    generator->clients = 1 + (uint32_t)de_generator_below(generator, 4);
    generator->values = 1 + (uint32_t)de_generator_below(generator, 3);
    generator->info_percent = (uint32_t)de_generator_below(generator, 5) * 12;
    generator->info_max = 5;
    generator->delete_percent = (uint32_t)de_generator_below(generator, 3) * 15;
    generator->append_percent = (uint32_t)de_generator_below(generator, 5) * 20;
    generator->expire_percent = (uint32_t)de_generator_below(generator, 4) * 5;
    if (seed % 2 == 0) {
        de_generator_arbitrary(generator, operations, count);
        return count;
    }
    de_generator_linearizable(generator, operations, count);
    for (uint64_t changes = seed / 2 % 5; changes > 0; changes--) {
        de_generator_perturb(generator, operations, count);
    }
    return count;
}

size_t de_generator_lossy(struct de_generator *generator, const struct de_model *model,
                          uint64_t seed, struct de_history_operation *operations)
{
    size_t count = DE_GENERATOR_SMALL_MAX - (size_t)(seed % 2);
    de_generator_init(generator, model, seed);
    generator->values = 2 + (uint32_t)(seed % 3);
    generator->info_percent = 50;
    generator->info_max = 6;
    generator->expire_percent = seed % 4 == 0 ? 10 : 0;
    if (seed % 3 == 0) {
        de_generator_arbitrary(generator, operations, count);
        return count;
    }
    de_generator_linearizable(generator, operations, count);
    de_generator_perturb(generator, operations, count);
    de_generator_perturb(generator, operations, count);
    return count;
}
