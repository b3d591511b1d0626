/* core/base/assert.h - invariants that stay on in every build.
 *
 * A failed assert is a bug in this program, never an answer to bad input. It calls the abort hook,
 * which must not return: going on with a broken invariant could acknowledge what is lost. */
#ifndef DE_CORE_BASE_ASSERT_H
#define DE_CORE_BASE_ASSERT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Supplied by whoever links the core (runtime, simulator, test): reports and does not return.
 * Strings are static. May be called from any thread. */
__attribute__((noreturn)) void de_assert_failed(const char *expression, const char *file, int line);

#define DE_ASSERT(expression)                                                                      \
    ((expression) ? (void)0 : de_assert_failed(#expression, __FILE__, __LINE__))

/* If a then b. */
#define DE_ASSERT_IMPLIES(a, b) DE_ASSERT(!(a) || (b))

/* Where control never comes, such as after a switch that lists every value. The compiler knows that
 * it does not go on. */
#define DE_UNREACHABLE(reason) de_assert_failed("unreachable: " reason, __FILE__, __LINE__)

#ifdef __cplusplus
#define DE_STATIC_ASSERT(expression, text) static_assert(expression, text)
#else
#define DE_STATIC_ASSERT(expression, text) _Static_assert(expression, text)
#endif

#define DE_ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* The struct of the given type whose member is at pointer. */
#define DE_CONTAINER_OF(pointer, type, member)                                                     \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#ifdef __cplusplus
}
#endif

#endif
