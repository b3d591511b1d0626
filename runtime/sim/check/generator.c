#include "runtime/sim/check/generator.h"

#include <string.h>

#include "core/base/assert.h"

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
    int64_t next_value;
    uint32_t infos;
    size_t lost[CLIENTS_MAX * 4]; /* info operations that may take effect yet */
    size_t lost_count;
};

static uint64_t below(struct de_generator *generator, uint64_t bound)
{
    return de_random_below(&generator->random, bound);
}

static bool chance(struct de_generator *generator, uint32_t percent)
{
    return below(generator, 100) < percent;
}

void de_generator_init(struct de_generator *generator, uint64_t seed)
{
    memset(generator, 0, sizeof(*generator));
    de_random_init(&generator->random, seed);
    generator->clients = 3;
    generator->values = 3;
    generator->info_percent = 15;
    generator->info_max = 1000;
    generator->delete_percent = 10;
}

static struct de_history_value some_value(struct de_generator *generator, int64_t *unique)
{
    if (generator->values == 0) {
        return de_history_integer((*unique)++);
    }
    return de_history_integer((int64_t)below(generator, generator->values));
}

/* Function and arguments. A cas mostly expects what is there, or it would hardly ever succeed. */
static void choose_function(struct de_generator *generator, const struct de_history_value *state,
                            int64_t *unique, struct de_history_operation *operation)
{
    operation->value = de_history_null();
    operation->expected = de_history_null();
    switch (below(generator, 3)) {
    case 0:
        operation->function = DE_HISTORY_READ;
        return;
    case 1:
        operation->function = DE_HISTORY_CAS;
        operation->expected = *state;
        if (chance(generator, 40)) {
            operation->expected =
                chance(generator, 25)
                    ? de_history_null()
                    : de_history_integer((int64_t)below(generator, generator->values == 0
                                                                       ? (uint64_t)*unique + 1
                                                                       : generator->values));
        }
        operation->value = some_value(generator, unique);
        return;
    default:
        operation->function = DE_HISTORY_WRITE;
        if (chance(generator, generator->delete_percent)) {
            operation->function = DE_HISTORY_DELETE;
        } else {
            operation->value = some_value(generator, unique);
        }
        return;
    }
}

/* The operation happens now. A lost one does not tell how it went. */
static void take_effect(struct world *world, struct de_history_operation *operation)
{
    bool lost = operation->outcome == DE_HISTORY_INFO;
    bool matches = de_history_value_equal(&world->state, &operation->expected);
    switch (operation->function) {
    case DE_HISTORY_READ:
        operation->value = lost ? operation->value : world->state;
        break;
    case DE_HISTORY_WRITE:
    case DE_HISTORY_DELETE:
        world->state = operation->value;
        break;
    case DE_HISTORY_CAS:
        if (matches) {
            world->state = operation->value;
        } else if (!lost) {
            operation->outcome = DE_HISTORY_FAIL;
        }
        break;
    }
}

static void call(struct world *world, struct client *client)
{
    struct de_history_operation *operation = &world->operations[world->count];
    memset(operation, 0, sizeof(*operation));
    choose_function(world->generator, &world->state, &world->next_value, operation);
    operation->outcome = DE_HISTORY_OK;
    operation->process = client - world->clients;
    operation->call_at = ++world->now;
    operation->call_ns = (int64_t)operation->call_at * 1000;
    client->operation = world->count++;
    client->done = false;
    bool may_be_lost =
        world->infos < world->generator->info_max && world->lost_count < DE_ARRAY_SIZE(world->lost);
    if (may_be_lost && chance(world->generator, world->generator->info_percent)) {
        operation->outcome = DE_HISTORY_INFO;
        operation->process = CLIENTS_MAX + world->next_process++;
        world->infos++;
        world->lost[world->lost_count++] = client->operation;
        client->operation = IDLE;
    }
}

/* Effect, return, or a write that failed and has no effect. */
static void advance(struct world *world, struct client *client)
{
    struct de_history_operation *operation = &world->operations[client->operation];
    if (!client->done && operation->function != DE_HISTORY_CAS && chance(world->generator, 4)) {
        operation->outcome = DE_HISTORY_FAIL;
        client->done = true;
    } else if (!client->done) {
        take_effect(world, operation);
        client->done = true;
    } else {
        operation->return_at = ++world->now;
        operation->return_ns = (int64_t)operation->return_at * 1000;
        client->operation = IDLE;
    }
}

/* Some lost operation happens, or goes where it is never heard of again. */
static void resolve_lost(struct world *world)
{
    size_t i = (size_t)below(world->generator, world->lost_count);
    if (chance(world->generator, 60)) {
        take_effect(world, &world->operations[world->lost[i]]);
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
        struct client *client = &world.clients[below(generator, generator->clients)];
        if (world.lost_count > 0 && chance(generator, 5)) {
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
    uint64_t shift = 1 + below(generator, 6);
    if (chance(generator, 50)) {
        operation->return_at += shift;
    } else if (operation->outcome == DE_HISTORY_INFO ||
               operation->call_at + shift < operation->return_at) {
        operation->call_at += shift;
    } else {
        operation->call_at = operation->call_at > shift ? operation->call_at - shift : 0;
    }
}

void de_generator_perturb(struct de_generator *generator, struct de_history_operation *operations,
                          size_t count)
{
    struct de_history_operation *operation = &operations[below(generator, count)];
    struct de_history_value value = de_history_integer((int64_t)below(generator, 3));
    switch (below(generator, 4)) {
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
        if (operation->function == DE_HISTORY_CAS && operation->outcome != DE_HISTORY_INFO) {
            operation->outcome =
                operation->outcome == DE_HISTORY_OK ? DE_HISTORY_FAIL : DE_HISTORY_OK;
        } else if (operation->outcome == DE_HISTORY_OK) {
            operation->outcome = DE_HISTORY_INFO;
        }
        break;
    default:
        move_end(generator, operation);
        break;
    }
}

void de_generator_arbitrary(struct de_generator *generator, struct de_history_operation *operations,
                            size_t count)
{
    int64_t unique = 0;
    for (size_t i = 0; i < count; i++) {
        struct de_history_operation *operation = &operations[i];
        struct de_history_value guess = de_history_integer((int64_t)below(generator, 2));
        memset(operation, 0, sizeof(*operation));
        choose_function(generator, &guess, &unique, operation);
        operation->process = (int64_t)i;
        operation->call_at = below(generator, count * 2);
        operation->return_at = operation->call_at + 1 + below(generator, count);
        operation->outcome =
            chance(generator, generator->info_percent) ? DE_HISTORY_INFO : DE_HISTORY_OK;
        if (operation->outcome == DE_HISTORY_OK && chance(generator, 10)) {
            operation->outcome = DE_HISTORY_FAIL;
        }
        if (operation->function == DE_HISTORY_READ && operation->outcome == DE_HISTORY_OK &&
            chance(generator, 80)) {
            operation->value = guess;
        }
    }
}
