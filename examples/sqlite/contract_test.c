/* Runs dengine's contract on the stores of this directory; a program of the same form tests yours.
 *
 *     contract_test log|kv
 *
 * Exits with the number of cases that failed. */
#include <dengine/store_contract.h>
#include <stdio.h>
#include <string.h>

#include "sqlite_kv.h"
#include "sqlite_log.h"

#define LOG_FILE "contract_test.log.db"
#define KV_FILE  "contract_test.kv.db"

static void remove_file(const char *path)
{
    char journal[64];

    (void)remove(path);
    (void)snprintf(journal, sizeof journal, "%s-wal", path);
    (void)remove(journal);
    (void)snprintf(journal, sizeof journal, "%s-shm", path);
    (void)remove(journal);
}

static int create_log(void *context, struct dengine_log_store *store)
{
    (void)context;
    remove_file(LOG_FILE); /* of a run that failed */
    return sqlite_log_open(LOG_FILE, store);
}

static int reopen_log(void *context, struct dengine_log_store *store)
{
    (void)context;
    store->ops->close(store->object);
    return sqlite_log_open(LOG_FILE, store);
}

static void destroy_log(void *context, struct dengine_log_store *store)
{
    (void)context;
    store->ops->close(store->object);
    remove_file(LOG_FILE);
}

static int create_kv(void *context, struct dengine_kv_store *store)
{
    (void)context;
    remove_file(KV_FILE);
    return sqlite_kv_open(KV_FILE, store);
}

static int reopen_kv(void *context, struct dengine_kv_store *store)
{
    (void)context;
    store->ops->close(store->object);
    return sqlite_kv_open(KV_FILE, store);
}

static void destroy_kv(void *context, struct dengine_kv_store *store)
{
    (void)context;
    store->ops->close(store->object);
    remove_file(KV_FILE);
}

static int report(const char *suite, const char *name, bool passed, const char *message)
{
    (void)printf("%-6s %s: %s%s%s\n", passed ? "ok" : "FAILED", suite, name, passed ? "" : ": ",
                 passed ? "" : message);
    return passed ? 0 : 1;
}

static int test_log(void)
{
    const struct dengine_log_contract contract = {NULL, create_log, reopen_log, destroy_log};
    size_t count;
    const struct dengine_log_contract_case *cases = dengine_log_contract_cases(&count);
    int failed = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        struct dengine_contract_report said = {""};
        const bool passed = cases[i].run(&contract, &said);

        failed += report("log", cases[i].name, passed, said.message);
    }
    return failed;
}

static int test_kv(void)
{
    const struct dengine_kv_contract contract = {NULL, create_kv, reopen_kv, destroy_kv};
    size_t count;
    const struct dengine_kv_contract_case *cases = dengine_kv_contract_cases(&count);
    int failed = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        struct dengine_contract_report said = {""};
        const bool passed = cases[i].run(&contract, &said);

        failed += report("kv", cases[i].name, passed, said.message);
    }
    return failed;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "log") == 0) {
        return test_log();
    }
    if (argc == 2 && strcmp(argv[1], "kv") == 0) {
        return test_kv();
    }
    (void)fprintf(stderr, "usage: contract_test log|kv\n");
    return 2;
}
