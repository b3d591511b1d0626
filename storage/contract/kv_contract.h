/* storage/contract/kv_contract.h - the files that make up the contract of key-value stores. */
#ifndef DE_STORAGE_CONTRACT_KV_CONTRACT_H
#define DE_STORAGE_CONTRACT_KV_CONTRACT_H

#include <dengine/store_contract.h>

#ifdef __cplusplus
extern "C" {
#endif

bool de_kv_has(struct dengine_slice value, const char *text);
/* Each a transaction of its own. */
int de_kv_put_one(struct dengine_kv_store store, const char *key, const char *value);
int de_kv_remove_one(struct dengine_kv_store store, const char *key);
/* What a fresh view says of key: 0 when it has the value, else an error or DE_FOUND_OTHER_VALUE. */
int de_kv_view_says(struct dengine_kv_store store, const char *key, const char *text);

/* kv_contract_cursor.c */
bool de_kv_case_cursor(const struct dengine_kv_contract *contract,
                       struct dengine_contract_report *report);
bool de_kv_case_cursor_ends(const struct dengine_kv_contract *contract,
                            struct dengine_contract_report *report);
bool de_kv_case_cursor_random(const struct dengine_kv_contract *contract,
                              struct dengine_contract_report *report);
bool de_kv_case_cursor_read(const struct dengine_kv_contract *contract,
                            struct dengine_contract_report *report);

/* kv_contract_replace.c */
bool de_kv_case_replace(const struct dengine_kv_contract *contract,
                        struct dengine_contract_report *report);
bool de_kv_case_replace_abort(const struct dengine_kv_contract *contract,
                              struct dengine_contract_report *report);
bool de_kv_case_replace_empty(const struct dengine_kv_contract *contract,
                              struct dengine_contract_report *report);
bool de_kv_case_replace_order(const struct dengine_kv_contract *contract,
                              struct dengine_contract_report *report);
bool de_kv_case_replace_sizes(const struct dengine_kv_contract *contract,
                              struct dengine_contract_report *report);
bool de_kv_case_replace_threads(const struct dengine_kv_contract *contract,
                                struct dengine_contract_report *report);

#ifdef __cplusplus
}
#endif

#endif
