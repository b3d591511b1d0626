/* storage/contract/contract.h - what every log store, key-value store and snapshot store must do,
 * as tests that run on anybody's implementation.
 *
 * Independent of a test framework: a case returns true when it passed, and otherwise says in the
 * report where and why. Everything is deterministic; what looks random comes from fixed seeds. */
#ifndef DE_STORAGE_CONTRACT_CONTRACT_H
#define DE_STORAGE_CONTRACT_CONTRACT_H

#include <stdbool.h>

#include <dengine/kv_store.h>
#include <dengine/log_store.h>
#include <dengine/snapshot_store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How to make the stores under test. Functions return 0 or a DENGINE_E_*. */
struct de_log_contract {
    void *context;
    /* Makes a new, empty store. */
    int (*create)(void *context, struct dengine_log_store *store);
    /* Closes *store and opens it again with what it holds; NULL when nothing outlives a close. */
    int (*reopen)(void *context, struct dengine_log_store *store);
    /* Closes the store and removes what it left. */
    void (*destroy)(void *context, struct dengine_log_store *store);
};

struct de_kv_contract {
    void *context;
    int (*create)(void *context, struct dengine_kv_store *store);
    int (*reopen)(void *context, struct dengine_kv_store *store);
    void (*destroy)(void *context, struct dengine_kv_store *store);
};

struct de_snapshot_contract {
    void *context;
    /* May be called again before the first store is destroyed. */
    int (*create)(void *context, struct dengine_snapshot_store *store);
    int (*reopen)(void *context, struct dengine_snapshot_store *store);
    void (*destroy)(void *context, struct dengine_snapshot_store *store);
};

struct de_contract_report {
    char message[256]; /* where and why a case failed */
};

struct de_log_contract_case {
    const char *name;
    bool (*run)(const struct de_log_contract *contract, struct de_contract_report *report);
};

struct de_kv_contract_case {
    const char *name;
    bool (*run)(const struct de_kv_contract *contract, struct de_contract_report *report);
};

struct de_snapshot_contract_case {
    const char *name;
    bool (*run)(const struct de_snapshot_contract *contract, struct de_contract_report *report);
};

/* The cases of each suite; static. */
const struct de_log_contract_case *de_log_contract_cases(size_t *count);
const struct de_kv_contract_case *de_kv_contract_cases(size_t *count);
const struct de_snapshot_contract_case *de_snapshot_contract_cases(size_t *count);

#ifdef __cplusplus
}
#endif

#endif
