/* storage/contract/log_model.h - a log too simple to be wrong, and its comparison with a store. */
#ifndef DE_STORAGE_CONTRACT_LOG_MODEL_H
#define DE_STORAGE_CONTRACT_LOG_MODEL_H

#include <dengine/log_store.h>

#include <dengine/store_contract.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DE_LOG_MODEL_ENTRIES 4096u

/* The data of an entry is a function of (seed, size), so the model need not keep it. */
struct de_log_model_entry {
    uint64_t term;
    uint32_t type;
    uint32_t size;
    uint64_t seed;
};

struct de_log_model {
    struct dengine_hard_state hard_state;
    uint64_t base_index; /* entries[0] has index base_index + 1 */
    uint64_t base_term;
    uint64_t last_index;
    struct de_log_model_entry entries[DE_LOG_MODEL_ENTRIES];
};

void de_log_model_init(struct de_log_model *model);

/* Fills size bytes at data with what (seed, size) stands for. */
void de_log_model_data(uint64_t seed, uint32_t size, uint8_t *data);

const struct de_log_model_entry *de_log_model_at(const struct de_log_model *model, uint64_t index);

void de_log_model_truncate(struct de_log_model *model, uint64_t from);
void de_log_model_append(struct de_log_model *model, struct de_log_model_entry entry);
void de_log_model_compact(struct de_log_model *model, uint64_t index);
void de_log_model_reset(struct de_log_model *model, uint64_t index, uint64_t term,
                        const struct dengine_hard_state *hard_state);

/* Whether the store holds what the model holds, every byte of every entry. */
bool de_log_model_matches(const struct de_log_model *model, struct dengine_log_store store,
                          struct dengine_contract_report *report);

#ifdef __cplusplus
}
#endif

#endif
