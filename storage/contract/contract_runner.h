/* storage/contract/contract_runner.h - the contract cases as a cmocka group, for our own tests. */
#ifndef DE_STORAGE_CONTRACT_CONTRACT_RUNNER_H
#define DE_STORAGE_CONTRACT_CONTRACT_RUNNER_H

#include <dengine/store_contract.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Run every case as a test of its own; return the number of failures. */
int de_run_log_contract(const struct dengine_log_contract *contract);
int de_run_kv_contract(const struct dengine_kv_contract *contract);
int de_run_snapshot_contract(const struct dengine_snapshot_contract *contract);

#ifdef __cplusplus
}
#endif

#endif
