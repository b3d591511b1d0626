/* core/kv/kv_test_machine.h - a state machine on the simplest possible store, with a heap that
 * counts its blocks, for the tests of core/kv. */
#ifndef DE_CORE_KV_KV_TEST_MACHINE_H
#define DE_CORE_KV_KV_TEST_MACHINE_H

#include "core/kv/kv.h"
#include "core/kv/kv_test_store.h"
#include "tests/support/test_support.h"

#ifdef __cplusplus
extern "C" {
#endif

struct test_machine {
    struct test_store store;
    struct de_test_heap heap;
    struct de_kv *kv;
    struct dengine_state_machine machine;
};

/* An empty store with a machine on it; teardown also looks that the heap has nothing left. */
void test_machine_setup(struct test_machine *f);
void test_machine_teardown(struct test_machine *f);
/* A machine on the store as it is, as after a restart: the caller has freed the one before. */
void test_machine_open(struct test_machine *f);

#ifdef __cplusplus
}
#endif

#endif
