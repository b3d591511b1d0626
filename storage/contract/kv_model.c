#include "storage/contract/kv_model.h"

#include "core/base/assert.h"
#include "storage/contract/check.h"

static int compare(struct dengine_slice a, struct dengine_slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static struct dengine_slice key_of(const struct de_kv_model_item *item)
{
    return dengine_bytes(item->key, item->key_size);
}

/* The number of keys below key. */
static size_t position_of(const struct de_kv_model *model, struct dengine_slice key)
{
    size_t position = 0;

    while (position < model->count && compare(key_of(&model->items[position]), key) < 0) {
        position++;
    }
    return position;
}

const struct de_kv_model_item *de_kv_model_find(const struct de_kv_model *model,
                                                struct dengine_slice key)
{
    size_t position = position_of(model, key);

    if (position == model->count || compare(key_of(&model->items[position]), key) != 0) {
        return NULL;
    }
    return &model->items[position];
}

void de_kv_model_put(struct de_kv_model *model, struct dengine_slice key,
                     struct dengine_slice value)
{
    size_t position = position_of(model, key);
    struct de_kv_model_item *item = &model->items[position];

    DE_ASSERT(key.size > 0 && key.size <= DE_KV_MODEL_KEY_BYTES);
    DE_ASSERT(value.size <= DE_KV_MODEL_DATA_BYTES);
    if (de_kv_model_find(model, key) == NULL) {
        DE_ASSERT(model->count < DE_KV_MODEL_KEYS);
        memmove(item + 1, item, (model->count - position) * sizeof(*item));
        model->count++;
        memcpy(item->key, key.data, key.size);
        item->key_size = (uint32_t)key.size;
    }
    if (value.size > 0) {
        memcpy(item->value, value.data, value.size);
    }
    item->value_size = (uint32_t)value.size;
}

bool de_kv_model_remove(struct de_kv_model *model, struct dengine_slice key)
{
    size_t position = position_of(model, key);
    struct de_kv_model_item *item = &model->items[position];

    if (de_kv_model_find(model, key) == NULL) {
        return false;
    }
    memmove(item, item + 1, (model->count - position - 1) * sizeof(*item));
    model->count--;
    return true;
}

struct comparison {
    const struct de_kv_model *model;
    size_t position;
};

static int compare_item(void *context, struct dengine_slice key, struct dengine_slice value)
{
    struct comparison *comparison = context;
    const struct de_kv_model_item *item = &comparison->model->items[comparison->position];

    if (comparison->position == comparison->model->count) {
        return DE_FOUND_MORE;
    }
    if (compare(key_of(item), key) != 0 || value.size != item->value_size ||
        (value.size > 0 && memcmp(value.data, item->value, value.size) != 0)) {
        return DE_FOUND_OTHER_VALUE;
    }
    comparison->position++;
    return 0;
}

/* The key that a walk came to last: a copy, for a store may be wrong about how long its own live.
 */
struct last_key {
    uint8_t bytes[DENGINE_KV_KEY_MAX];
    size_t size;
};

/* Whether a walk that has come to `count` pairs before may come to one of this key. */
static int check_step(struct last_key *last, struct dengine_slice key, size_t count, size_t most)
{
    DE_ASSERT(last->size <= sizeof(last->bytes));
    if (key.data == NULL || key.size == 0 || key.size > sizeof(last->bytes)) {
        return DE_FOUND_NO_KEY;
    }
    if (count > 0 && compare(dengine_bytes(last->bytes, last->size), key) >= 0) {
        return DE_FOUND_UNORDERED;
    }
    memcpy(last->bytes, key.data, key.size);
    last->size = key.size;
    return count < most ? 0 : DE_FOUND_MORE;
}

int de_kv_view_walk(struct dengine_kv_store store, struct dengine_kv_view *view,
                    struct dengine_slice from, size_t most,
                    int (*visit)(void *context, struct dengine_slice key,
                                 struct dengine_slice value),
                    void *context)
{
    struct dengine_kv_cursor *cursor;
    struct dengine_kv_pair pair;
    struct last_key last = {{0}, 0};
    size_t count = 0;
    int error = store.ops->cursor_open(store.object, view, &cursor);

    DE_ASSERT(visit != NULL);
    if (error != 0) {
        return error;
    }
    error = store.ops->cursor_seek(store.object, cursor, from, &pair);
    while (error == 0) {
        error = check_step(&last, pair.key, count++, most);
        if (error == 0) {
            error = visit(context, pair.key, pair.value);
        }
        if (error == 0) {
            error = store.ops->cursor_next(store.object, cursor, &pair);
        }
    }
    store.ops->cursor_close(store.object, cursor);
    return error == DENGINE_E_NOT_FOUND ? 0 : error;
}

bool de_kv_model_matches(const struct de_kv_model *model, struct dengine_kv_store store,
                         struct dengine_kv_view *view, struct dengine_slice from,
                         struct dengine_contract_report *report)
{
    struct comparison comparison = {model, position_of(model, from)};

    if (view == NULL) {
        CHECK_OK(store.ops->iterate(store.object, from, compare_item, &comparison));
    } else {
        CHECK_OK(de_kv_view_walk(store, view, from, model->count, compare_item, &comparison));
    }
    CHECK(comparison.position == model->count);
    return true;
}
