#include "storage/contract/log_model.h"

#include "core/base/assert.h"
#include "core/base/random.h"
#include "storage/contract/check.h"

void de_log_model_init(struct de_log_model *model)
{
    DE_ASSERT(model != NULL);
    memset(model, 0, sizeof(*model));
}

static uint8_t data_byte(uint64_t seed, uint32_t position)
{
    return (uint8_t)(de_mix64(seed + position / 8) >> (position % 8 * 8));
}

void de_log_model_data(uint64_t seed, uint32_t size, uint8_t *data)
{
    for (uint32_t i = 0; i < size; i++) {
        data[i] = data_byte(seed, i);
    }
}

const struct de_log_model_entry *de_log_model_at(const struct de_log_model *model, uint64_t index)
{
    DE_ASSERT(index > model->base_index);
    DE_ASSERT(index <= model->last_index);
    return &model->entries[index - model->base_index - 1];
}

void de_log_model_truncate(struct de_log_model *model, uint64_t from)
{
    DE_ASSERT(from > model->base_index);
    if (from <= model->last_index) {
        model->last_index = from - 1;
    }
}

void de_log_model_append(struct de_log_model *model, struct de_log_model_entry entry)
{
    uint64_t count = model->last_index - model->base_index;

    DE_ASSERT(count < DE_LOG_MODEL_ENTRIES);
    model->entries[count] = entry;
    model->last_index++;
}

void de_log_model_compact(struct de_log_model *model, uint64_t index)
{
    uint64_t drop = index - model->base_index;

    DE_ASSERT(index > model->base_index && index <= model->last_index);
    model->base_term = de_log_model_at(model, index)->term;
    memmove(model->entries, model->entries + drop,
            (size_t)(model->last_index - index) * sizeof(model->entries[0]));
    model->base_index = index;
}

void de_log_model_reset(struct de_log_model *model, uint64_t index, uint64_t term,
                        const struct dengine_hard_state *hard_state)
{
    DE_ASSERT(hard_state != NULL);
    model->base_index = index;
    model->base_term = term;
    model->last_index = index;
    model->hard_state = *hard_state;
}

struct comparison {
    const struct de_log_model *model;
    uint64_t next;
};

static int compare_entry(void *context, uint64_t index, const struct dengine_entry *entry)
{
    struct comparison *comparison = context;
    const struct de_log_model_entry *expected;
    const uint8_t *data = entry->data.data;

    if (index != comparison->next) {
        return DE_FOUND_UNORDERED;
    }
    if (index > comparison->model->last_index) {
        return DE_FOUND_MORE;
    }
    expected = de_log_model_at(comparison->model, index);
    if (entry->term != expected->term || entry->type != expected->type ||
        entry->data.size != expected->size) {
        return DE_FOUND_OTHER_VALUE;
    }
    for (uint32_t i = 0; i < expected->size; i++) {
        if (data[i] != data_byte(expected->seed, i)) {
            return DE_FOUND_OTHER_VALUE;
        }
    }
    comparison->next++;
    return 0;
}

bool de_log_model_matches(const struct de_log_model *model, struct dengine_log_store store,
                          struct dengine_contract_report *report)
{
    struct comparison comparison = {model, model->base_index + 1};
    struct dengine_log_state state;

    store.ops->state(store.object, &state);
    CHECK(state.hard_state.term == model->hard_state.term);
    CHECK(state.hard_state.vote == model->hard_state.vote);
    CHECK(state.hard_state.commit == model->hard_state.commit);
    CHECK(state.last_index == model->last_index);
    /* A store may keep more than it must. */
    CHECK(state.first_index >= 1 && state.first_index <= model->base_index + 1);
    if (state.first_index == model->base_index + 1) {
        CHECK(state.base_term == model->base_term);
    }
    if (model->last_index > model->base_index) {
        CHECK_OK(store.ops->read(store.object, comparison.next, model->last_index, compare_entry,
                                 &comparison));
        CHECK(comparison.next == model->last_index + 1);
    }
    return true;
}
