/* The stores in memory under the contract. Every block must be given back. */
#include "core/base/assert.h"
#include "storage/contract/contract_runner.h"
#include "storage/mem/mem_kv.h"
#include "storage/mem/mem_log.h"
#include "tests/support/test_support.h"

static int create_log(void *context, struct dengine_log_store *store)
{
    struct de_test_heap *heap = context;

    return de_mem_log_open(&heap->allocator, store);
}

static void destroy_log(void *context, struct dengine_log_store *store)
{
    const struct de_test_heap *heap = context;

    store->ops->close(store->object);
    DE_ASSERT(heap->blocks == 0);
}

static int create_kv(void *context, struct dengine_kv_store *store)
{
    (void)context;
    return de_mem_kv_open(NULL, store);
}

static void destroy_kv(void *context, struct dengine_kv_store *store)
{
    (void)context;
    store->ops->close(store->object);
}

int main(void)
{
    struct de_test_heap heap;
    struct dengine_log_contract log = {&heap, create_log, NULL, destroy_log};
    struct dengine_kv_contract kv = {NULL, create_kv, NULL, destroy_kv};

    de_test_heap_init(&heap);
    return de_run_log_contract(&log) + de_run_kv_contract(&kv);
}
