/* dengine/store_contract.h - what every log store, key-value store and snapshot store must do, as
 * tests that run on anybody's implementation of log_store.h, kv_store.h or snapshot_store.h.
 *
 * Say how a store is made, opened again and removed, and run the cases:
 *
 *     size_t count;
 *     const struct dengine_log_contract_case *cases = dengine_log_contract_cases(&count);
 *
 *     for (size_t i = 0; i < count; i++) {
 *         struct dengine_contract_report report = {""};
 *
 *         if (!cases[i].run(&contract, &report)) {
 *             fprintf(stderr, "%s: %s\n", cases[i].name, report.message);
 *         }
 *     }
 *
 * No test framework is needed, and any can be used. Each case makes its stores anew; one that fails
 * leaves them as they are, to look at. Everything is deterministic: what looks random comes from
 * fixed seeds. A case ends whatever the store answers, with a message that says what it found; only
 * a store that does not come back from a call keeps it, so give the program a time-out. What a
 * power cut leaves is beyond these cases: only the store's author knows what it stands on.
 *
 * In the library dengine-store-contract. examples/sqlite has backends that pass.
 *
 * Threads: a case runs in the thread of its caller; some start threads of their own to use views in
 * them. Cases may run at the same time when their contracts make different stores. */
#ifndef DENGINE_STORE_CONTRACT_H
#define DENGINE_STORE_CONTRACT_H

#include <stdbool.h>

#include <dengine/kv_store.h>
#include <dengine/log_store.h>
#include <dengine/snapshot_store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How to make the stores under test. Functions return 0 or a DENGINE_E_*. */
struct dengine_log_contract {
    void *context;
    /* Makes a new, empty store. */
    int (*create)(void *context, struct dengine_log_store *store);
    /* Closes *store and opens it again with what it holds; NULL when nothing outlives a close. */
    int (*reopen)(void *context, struct dengine_log_store *store);
    /* Closes the store and removes what it left. */
    void (*destroy)(void *context, struct dengine_log_store *store);
};

/* The same for key-value stores. */
struct dengine_kv_contract {
    void *context;
    int (*create)(void *context, struct dengine_kv_store *store);
    int (*reopen)(void *context, struct dengine_kv_store *store);
    void (*destroy)(void *context, struct dengine_kv_store *store);
};

/* The same for snapshot stores. */
struct dengine_snapshot_contract {
    void *context;
    /* May be called again before the first store is destroyed. */
    int (*create)(void *context, struct dengine_snapshot_store *store);
    int (*reopen)(void *context, struct dengine_snapshot_store *store);
    void (*destroy)(void *context, struct dengine_snapshot_store *store);
};

/* What a case that failed has to say. */
struct dengine_contract_report {
    char message[256]; /* where and why a case failed */
};

struct dengine_log_contract_case {
    const char *name;
    bool (*run)(const struct dengine_log_contract *contract,
                struct dengine_contract_report *report);
};

struct dengine_kv_contract_case {
    const char *name;
    bool (*run)(const struct dengine_kv_contract *contract, struct dengine_contract_report *report);
};

struct dengine_snapshot_contract_case {
    const char *name;
    bool (*run)(const struct dengine_snapshot_contract *contract,
                struct dengine_contract_report *report);
};

/* The cases of each suite; static. count must not be NULL. */
DENGINE_EXPORT const struct dengine_log_contract_case *dengine_log_contract_cases(size_t *count);
DENGINE_EXPORT const struct dengine_kv_contract_case *dengine_kv_contract_cases(size_t *count);
DENGINE_EXPORT const struct dengine_snapshot_contract_case *
dengine_snapshot_contract_cases(size_t *count);

#ifdef __cplusplus
}
#endif

#endif
