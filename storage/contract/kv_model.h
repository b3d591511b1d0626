/* storage/contract/kv_model.h - an ordered map too simple to be wrong. */
#ifndef DE_STORAGE_CONTRACT_KV_MODEL_H
#define DE_STORAGE_CONTRACT_KV_MODEL_H

#include <dengine/kv_store.h>

#include <dengine/store_contract.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_KV_MODEL_KEYS       1024u
#define DE_KV_MODEL_KEY_BYTES  40u
#define DE_KV_MODEL_DATA_BYTES 600u

struct de_kv_model_item {
    uint32_t key_size;
    uint32_t value_size;
    uint8_t key[DE_KV_MODEL_KEY_BYTES];
    uint8_t value[DE_KV_MODEL_DATA_BYTES];
};

/* A sorted array. Copy it with an assignment to remember a version. */
struct de_kv_model {
    size_t count;
    struct de_kv_model_item items[DE_KV_MODEL_KEYS];
};

/* Keys above the limits of the model are the caller's mistake. */
void de_kv_model_put(struct de_kv_model *model, struct dengine_slice key,
                     struct dengine_slice value);
/* Whether there was such a key. */
bool de_kv_model_remove(struct de_kv_model *model, struct dengine_slice key);
/* NULL when there is no such key. */
const struct de_kv_model_item *de_kv_model_find(const struct de_kv_model *model,
                                                struct dengine_slice key);

/* Visits what a view has from `from` on, with a cursor; a non-zero return stops and is returned.
 * Ends in any case: an enum de_finding when the keys do not ascend, or are more than `most`. */
int de_kv_view_walk(struct dengine_kv_store store, struct dengine_kv_view *view,
                    struct dengine_slice from, size_t most,
                    int (*visit)(void *context, struct dengine_slice key,
                                 struct dengine_slice value),
                    void *context);

/* Whether iterating from `from` (view NULL: in the open transaction) shows what the model has. */
bool de_kv_model_matches(const struct de_kv_model *model, struct dengine_kv_store store,
                         struct dengine_kv_view *view, struct dengine_slice from,
                         struct dengine_contract_report *report);

#ifdef __cplusplus
}
#endif

#endif
