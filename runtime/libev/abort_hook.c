/* The abort hook of production: says what was wrong and stops the process before a broken invariant
 * can acknowledge what is lost. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"

void de_assert_failed(const char *expression, const char *file, int line)
{
    (void)fprintf(stderr, "dengine: %s:%d: assert failed: %s\n", file, line, expression);
    (void)fflush(stderr);
    abort();
}
