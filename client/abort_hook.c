/* What a failed assert does in a process that has nothing but the client in it. Weak: the hook of
 * an engine or of a test goes before it. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"

__attribute__((weak, noreturn)) void de_assert_failed(const char *expression, const char *file,
                                                      int line)
{
    (void)fprintf(stderr, "dengine: %s:%d: assert failed: %s\n", file, line, expression);
    (void)fflush(stderr);
    abort();
}
