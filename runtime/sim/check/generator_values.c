#include "runtime/sim/check/generator_values.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"

#define BLOCK_BYTES ((size_t)64 * 1024)

struct de_generator_block {
    struct de_generator_block *next;
    size_t used;
    size_t capacity;
    uint8_t bytes[];
};

void de_generator_init(struct de_generator *generator, const struct de_model *model, uint64_t seed)
{
    memset(generator, 0, sizeof(*generator));
    de_random_init(&generator->random, seed);
    generator->model = model;
    generator->clients = 3;
    generator->values = 3;
    generator->info_percent = 15;
    generator->info_max = 1000;
    generator->delete_percent = 10;
    generator->append_percent = 50;
    generator->expire_percent = 0;
}

void de_generator_deinit(struct de_generator *generator)
{
    while (generator->blocks != NULL) {
        struct de_generator_block *next = generator->blocks->next;
        free(generator->blocks);
        generator->blocks = next;
    }
}

/* a and b, one after the other. */
static struct de_history_value join(struct de_generator *generator, struct dengine_slice a,
                                    struct dengine_slice b)
{
    size_t size = a.size + b.size;
    struct de_generator_block *block = generator->blocks;
    if (block == NULL || block->capacity - block->used < size) {
        size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        block = malloc(sizeof(*block) + capacity);
        DE_ASSERT(block != NULL);
        *block = (struct de_generator_block){generator->blocks, 0, capacity};
        generator->blocks = block;
    }
    uint8_t *bytes = block->bytes + block->used;
    if (a.size > 0) {
        memcpy(bytes, a.data, a.size);
    }
    if (b.size > 0) {
        memcpy(bytes + a.size, b.data, b.size);
    }
    block->used += size;
    return de_history_string(dengine_bytes(bytes, size));
}

static bool is_kv(const struct de_generator *generator)
{
    return generator->model == &de_model_kv;
}

static bool is_lock(const struct de_generator *generator)
{
    return generator->model == &de_model_lock;
}

struct de_history_value de_generator_value(struct de_generator *generator)
{
    static const char *const strings[] = {"a", "b", "ab", "", "ba", "c"};
    uint64_t few = generator->values == 0 ? 3 : generator->values;
    bool unique = generator->values == 0 && !is_lock(generator);
    int64_t number = unique ? generator->next_value++ : (int64_t)de_generator_below(generator, few);
    if (!is_kv(generator)) {
        return de_history_integer(number);
    }
    if (!unique && number < (int64_t)DE_ARRAY_SIZE(strings)) {
        return de_history_string(dengine_str(strings[number]));
    }
    char text[32];
    int length = snprintf(text, sizeof(text), "%" PRId64 ",", number);
    return join(generator, dengine_bytes(text, (size_t)length), dengine_bytes(NULL, 0));
}

static void choose_register(struct de_generator *generator, const struct de_history_value *state,
                            struct de_history_operation *operation)
{
    switch (de_generator_below(generator, 3)) {
    case 0:
        operation->function = DE_HISTORY_READ;
        return;
    case 1:
        operation->function = DE_HISTORY_CAS;
        operation->expected = *state;
        if (de_generator_chance(generator, 40)) {
            operation->expected = de_generator_chance(generator, 25)
                                      ? de_history_null()
                                      : de_generator_value(generator);
        }
        operation->value = de_generator_value(generator);
        return;
    default:
        operation->function = DE_HISTORY_WRITE;
        if (de_generator_chance(generator, generator->delete_percent)) {
            operation->function = DE_HISTORY_DELETE;
        } else {
            operation->value = de_generator_value(generator);
        }
        return;
    }
}

static void choose_kv(struct de_generator *generator, struct de_history_operation *operation)
{
    if (de_generator_chance(generator, 55)) {
        operation->function = DE_HISTORY_GET;
        return;
    }
    if (de_generator_chance(generator, generator->delete_percent)) {
        operation->function = DE_HISTORY_DELETE;
        return;
    }
    bool append = de_generator_chance(generator, generator->append_percent);
    operation->function = append ? DE_HISTORY_APPEND : DE_HISTORY_PUT;
    operation->value = de_generator_value(generator);
}

static void choose_lock(struct de_generator *generator, const struct de_history_value *state,
                        struct de_history_operation *operation)
{
    bool held = state->kind != DE_HISTORY_NULL;
    operation->function =
        de_generator_chance(generator, held ? 30 : 80) ? DE_HISTORY_ACQUIRE : DE_HISTORY_RELEASE;
    if (operation->function == DE_HISTORY_RELEASE && held && de_generator_chance(generator, 85)) {
        operation->value = *state;
    } else if (de_generator_chance(generator, 90)) {
        operation->value = de_generator_value(generator);
    }
}

void de_generator_choose(struct de_generator *generator, const struct de_history_value *state,
                         struct de_history_operation *operation)
{
    operation->value = de_history_null();
    operation->expected = de_history_null();
    if (de_generator_chance(generator, generator->expire_percent)) {
        bool there = state->kind != DE_HISTORY_NULL && de_generator_chance(generator, 70);
        operation->function = DE_HISTORY_EXPIRE;
        operation->value = there ? *state : de_generator_value(generator);
    } else if (is_kv(generator)) {
        choose_kv(generator, operation);
    } else if (is_lock(generator)) {
        choose_lock(generator, state, operation);
    } else {
        choose_register(generator, state, operation);
    }
}

static bool effect_on_lock(struct de_history_value *state,
                           const struct de_history_operation *operation)
{
    struct de_history_value holder = operation->value.kind != DE_HISTORY_NULL
                                         ? operation->value
                                         : de_history_integer(operation->process);
    struct de_history_value nobody = de_history_null();
    bool acquires = operation->function == DE_HISTORY_ACQUIRE;
    if (!de_history_value_equal(state, acquires ? &nobody : &holder)) {
        return operation->outcome == DE_HISTORY_INFO;
    }
    *state = acquires ? holder : nobody;
    return true;
}

bool de_generator_effect(struct de_generator *generator, struct de_history_value *state,
                         struct de_history_operation *operation)
{
    bool lost = operation->outcome == DE_HISTORY_INFO;
    switch (operation->function) {
    case DE_HISTORY_READ:
    case DE_HISTORY_GET:
        operation->value = lost ? operation->value : *state;
        return true;
    case DE_HISTORY_WRITE:
    case DE_HISTORY_DELETE:
    case DE_HISTORY_PUT:
        *state = operation->value;
        return true;
    case DE_HISTORY_APPEND:
        *state =
            join(generator, state->kind == DE_HISTORY_NULL ? dengine_bytes(NULL, 0) : state->string,
                 operation->value.string);
        return true;
    case DE_HISTORY_CAS:
        if (de_history_value_equal(state, &operation->expected)) {
            *state = operation->value;
        } else if (!lost) {
            operation->outcome = DE_HISTORY_FAIL;
        }
        return true;
    case DE_HISTORY_EXPIRE:
        if (!de_history_value_equal(state, &operation->value)) {
            return lost;
        }
        *state = de_history_null();
        return true;
    case DE_HISTORY_ACQUIRE:
    case DE_HISTORY_RELEASE:
        return effect_on_lock(state, operation);
    }
    DE_UNREACHABLE("an operation of no function");
}
