/* tests/support/test_support.h - what every unit test is linked with (de_test does it).
 *
 * - de_assert_failed(): prints the assert and aborts; inside cmocka's expect_assert_failure() it
 *   returns to the test instead. It is a weak symbol: a test that links a library with a hook of
 * its own (a runtime) runs with that one.
 * - A libc allocator, counting and able to fail, in the form that the core takes. */
#ifndef DE_TESTS_SUPPORT_TEST_SUPPORT_H
#define DE_TESTS_SUPPORT_TEST_SUPPORT_H

#include <stddef.h>

#include "core/base/allocator.h"

#ifdef __cplusplus
extern "C" {
#endif

/* malloc and free, nothing else. Any thread. */
const struct de_allocator *de_test_allocator(void);

/* An allocator that counts and can run dry. One thread at a time. */
struct de_test_heap {
    struct de_allocator allocator; /* give &heap.allocator to the code under test */
    size_t blocks;                 /* given and not yet released */
    size_t resizes;                /* calls of resize so far */
    size_t resizes_max;            /* every later call fails; SIZE_MAX at init */
};

/* Caller's memory; nothing to deinit: a test asserts that blocks is 0 at its end. */
void de_test_heap_init(struct de_test_heap *heap);

#ifdef __cplusplus
}
#endif

#endif
