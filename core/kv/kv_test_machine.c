#include "core/kv/kv_test_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void test_machine_open(struct test_machine *f)
{
    assert_int_equal(de_kv_new(test_store_table(&f->store), &f->heap.allocator, &f->kv), 0);
    f->machine = de_kv_state_machine(f->kv);
}

void test_machine_setup(struct test_machine *f)
{
    test_store_init(&f->store);
    de_test_heap_init(&f->heap);
    test_machine_open(f);
}

void test_machine_teardown(struct test_machine *f)
{
    de_kv_free(f->kv);
    test_store_deinit(&f->store);
    assert_int_equal(f->heap.blocks, 0);
}
