#include "storage/wal/wal_kit.h"

#include <stdlib.h>

#include "core/base/assert.h"

#define ENTRIES_MAX 16u
#define DATA_MAX    6000u

void de_wal_kit_init(struct de_wal_kit *kit)
{
    memset(kit, 0, sizeof(*kit));
    kit->fault = de_fault_dir_new();
    kit->segment_bytes = DE_WAL_SEGMENT_BYTES_MIN;
    kit->spares_max = 1;
    kit->tidies = true;
    kit->idle = true;
    kit->model = malloc(sizeof(*kit->model));
    kit->next = malloc(sizeof(*kit->next));
    DE_ASSERT(kit->model != NULL && kit->next != NULL);
    de_log_model_init(kit->model);
    de_log_model_init(kit->next);
}

void de_wal_kit_deinit(struct de_wal_kit *kit)
{
    de_wal_kit_close(kit);
    DE_ASSERT(!kit->open);
    de_count_dir_free(kit->count);
    de_fault_dir_free(kit->fault);
    free(kit->model);
    free(kit->next);
}

int de_wal_kit_setup(void **state)
{
    struct de_wal_kit *kit = calloc(1, sizeof(*kit));

    DE_ASSERT(kit != NULL);
    de_wal_kit_init(kit);
    *state = kit;
    return de_wal_kit_open(kit);
}

int de_wal_kit_teardown(void **state)
{
    struct de_wal_kit *kit = *state;

    DE_ASSERT(kit != NULL);
    de_wal_kit_deinit(kit);
    free(kit);
    return 0;
}

int de_wal_kit_open(struct de_wal_kit *kit)
{
    struct de_wal_options options;
    int error;

    DE_ASSERT(!kit->open);
    de_count_dir_free(kit->count);
    kit->count = de_count_dir_new(de_fault_dir_dir(kit->fault));
    de_wal_options_init(&options, DE_KIT_NODE, DE_KIT_CLUSTER);
    options.segment_bytes = kit->segment_bytes;
    options.spares_max = kit->spares_max;
    kit->message[0] = '\0';
    error = de_wal_open(de_count_dir_dir(kit->count), &options, &kit->store, kit->message,
                        sizeof(kit->message));
    kit->open = error == 0;
    DE_ASSERT_IMPLIES(error != 0, kit->message[0] != '\0');
    return error;
}

void de_wal_kit_close(struct de_wal_kit *kit)
{
    if (kit->open) {
        kit->store.ops->close(kit->store.object);
        kit->open = false;
    }
}

/* The operation is acknowledged, or it never happens (refused), or nobody knows (failed). */
static int finish(struct de_wal_kit *kit, int error)
{
    DE_ASSERT(kit->open);
    DE_ASSERT(error <= 0);
    if (error == 0) {
        *kit->model = *kit->next;
    } else if (error == DENGINE_E_NO_SPACE) {
        *kit->next = *kit->model;
    }
    if (error == 0 && kit->tidies) {
        do {
            error = kit->store.ops->tidy(kit->store.object, kit->idle);
        } while (error > 0);
    }
    return error;
}

int de_wal_kit_append(struct de_wal_kit *kit, size_t count, uint32_t size)
{
    struct dengine_entry entries[ENTRIES_MAX];
    struct dengine_log_write write = {.entries = entries, .entry_count = count};
    uint8_t *data = malloc(ENTRIES_MAX * DATA_MAX);
    int error;

    DE_ASSERT(data != NULL);
    DE_ASSERT(count > 0);
    DE_ASSERT(count <= ENTRIES_MAX && size <= DATA_MAX);
    write.first_index = kit->next->last_index + 1;
    for (size_t i = 0; i < count; i++) {
        uint64_t seed = de_mix64(kit->next->last_index * 1000 + kit->next->hard_state.term);
        struct de_log_model_entry entry = {kit->next->hard_state.term, DENGINE_ENTRY_COMMAND, size,
                                           seed};

        de_log_model_append(kit->next, entry);
        de_log_model_data(seed, size, data + i * DATA_MAX);
        entries[i].term = entry.term;
        entries[i].type = entry.type;
        entries[i].data = dengine_bytes(data + i * DATA_MAX, size);
    }
    error = kit->store.ops->write(kit->store.object, &write, 1);
    free(data);
    return finish(kit, error);
}

/* A new term comes with it, as in Raft: what replaces the entries is told from them. */
int de_wal_kit_truncate(struct de_wal_kit *kit, uint64_t from)
{
    struct dengine_log_write write = {.set_hard_state = true, .truncate_from = from};

    kit->next->hard_state.term++;
    write.hard_state = kit->next->hard_state;
    de_log_model_truncate(kit->next, from);
    return finish(kit, kit->store.ops->write(kit->store.object, &write, 1));
}

int de_wal_kit_compact(struct de_wal_kit *kit, uint64_t index)
{
    uint64_t term = de_log_model_at(kit->next, index)->term;

    de_log_model_compact(kit->next, index);
    return finish(kit, kit->store.ops->compact(kit->store.object, index, term));
}

int de_wal_kit_reset(struct de_wal_kit *kit, uint64_t index)
{
    struct dengine_hard_state hard_state = kit->next->hard_state;

    hard_state.commit = index;
    de_log_model_reset(kit->next, index, hard_state.term, &hard_state);
    return finish(kit,
                  kit->store.ops->reset(kit->store.object, index, hard_state.term, &hard_state));
}

int de_wal_kit_random(struct de_wal_kit *kit, struct de_random *random)
{
    const struct de_log_model *model = kit->model;
    uint64_t held = model->last_index - model->base_index;
    uint64_t kind = de_random_below(random, 24);

    kit->tidies = de_random_below(random, 8) != 0;
    kit->idle = de_random_below(random, 4) != 0;
    if (kind == 0 && held > 0) {
        return de_wal_kit_truncate(kit, model->base_index + de_random_between(random, 1, held));
    }
    if (kind <= 3 && held > 0) {
        return de_wal_kit_compact(kit, model->base_index + de_random_between(random, 1, held));
    }
    if (kind == 4) {
        return de_wal_kit_reset(kit, model->base_index + de_random_below(random, held + 9));
    }
    return de_wal_kit_append(kit, (size_t)de_random_between(random, 1, 4),
                             (uint32_t)de_random_below(random, kind == 5 ? DATA_MAX : 700));
}

bool de_wal_kit_matches(struct de_wal_kit *kit, const struct de_log_model *model,
                        struct dengine_contract_report *report)
{
    DE_ASSERT(kit->open);
    return de_log_model_matches(model, kit->store, report);
}
