/* core/kv/kv_test_store.h - the simplest possible key-value store, for the tests of core/kv.
 *
 * A sorted array; a transaction or view works on a copy. Can fail its nth call. */
#ifndef DE_CORE_KV_KV_TEST_STORE_H
#define DE_CORE_KV_KV_TEST_STORE_H

#include <dengine/kv_store.h>

#ifdef __cplusplus
extern "C" {
#endif

struct test_pair {
    struct dengine_slice key; /* owned */
    struct dengine_slice value;
};

struct test_table {
    struct test_pair *pairs;
    size_t count;
};

struct test_store {
    struct test_table committed;
    struct test_table open;
    struct test_table fresh; /* of a replacement */
    bool transaction;
    bool replacing;
    size_t views;
    size_t commits;
    size_t calls;       /* of operations that may fail */
    size_t fail_at;     /* the call of this number fails with IO; SIZE_MAX: none */
    bool reads_several; /* has a cursor_read; set before test_store_table */
    struct dengine_kv_store_ops ops;
};

void test_store_init(struct test_store *store);
void test_store_deinit(struct test_store *store);
struct dengine_kv_store test_store_table(struct test_store *store);
/* Changes what is committed, past any transaction. */
void test_store_set(struct test_store *store, struct dengine_slice key, struct dengine_slice value);

#ifdef __cplusplus
}
#endif

#endif
