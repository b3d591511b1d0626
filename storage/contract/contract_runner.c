#include "storage/contract/contract_runner.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CASES_MAX 64

struct log_run {
    const struct dengine_log_contract *contract;
    const struct dengine_log_contract_case *one;
};

struct kv_run {
    const struct dengine_kv_contract *contract;
    const struct dengine_kv_contract_case *one;
};

struct snapshot_run {
    const struct dengine_snapshot_contract *contract;
    const struct dengine_snapshot_contract_case *one;
};

static void run_log_case(void **state)
{
    const struct log_run *run = *state;
    struct dengine_contract_report report = {""};

    if (!run->one->run(run->contract, &report)) {
        fail_msg("%s", report.message);
    }
}

static void run_kv_case(void **state)
{
    const struct kv_run *run = *state;
    struct dengine_contract_report report = {""};

    if (!run->one->run(run->contract, &report)) {
        fail_msg("%s", report.message);
    }
}

static void run_snapshot_case(void **state)
{
    const struct snapshot_run *run = *state;
    struct dengine_contract_report report = {""};

    if (!run->one->run(run->contract, &report)) {
        fail_msg("%s", report.message);
    }
}

int de_run_log_contract(const struct dengine_log_contract *contract)
{
    struct CMUnitTest tests[CASES_MAX] = {{0}};
    struct log_run runs[CASES_MAX];
    size_t count;
    const struct dengine_log_contract_case *cases = dengine_log_contract_cases(&count);

    for (size_t i = 0; i < count && i < CASES_MAX; i++) {
        runs[i].contract = contract;
        runs[i].one = &cases[i];
        tests[i].name = cases[i].name;
        tests[i].test_func = run_log_case;
        tests[i].initial_state = &runs[i];
    }
    return _cmocka_run_group_tests("log_contract", tests, count, NULL, NULL);
}

int de_run_kv_contract(const struct dengine_kv_contract *contract)
{
    struct CMUnitTest tests[CASES_MAX] = {{0}};
    struct kv_run runs[CASES_MAX];
    size_t count;
    const struct dengine_kv_contract_case *cases = dengine_kv_contract_cases(&count);

    for (size_t i = 0; i < count && i < CASES_MAX; i++) {
        runs[i].contract = contract;
        runs[i].one = &cases[i];
        tests[i].name = cases[i].name;
        tests[i].test_func = run_kv_case;
        tests[i].initial_state = &runs[i];
    }
    return _cmocka_run_group_tests("kv_contract", tests, count, NULL, NULL);
}

int de_run_snapshot_contract(const struct dengine_snapshot_contract *contract)
{
    struct CMUnitTest tests[CASES_MAX] = {{0}};
    struct snapshot_run runs[CASES_MAX];
    size_t count;
    const struct dengine_snapshot_contract_case *cases = dengine_snapshot_contract_cases(&count);

    for (size_t i = 0; i < count && i < CASES_MAX; i++) {
        runs[i].contract = contract;
        runs[i].one = &cases[i];
        tests[i].name = cases[i].name;
        tests[i].test_func = run_snapshot_case;
        tests[i].initial_state = &runs[i];
    }
    return _cmocka_run_group_tests("snapshot_contract", tests, count, NULL, NULL);
}
