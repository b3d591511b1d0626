/* What a failed assert does in a program that has nothing but the contract in it: the store under
 * test, or the contract, has broken what both rest on. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"

void de_assert_failed(const char *expression, const char *file, int line)
{
    (void)fprintf(stderr, "dengine-store-contract: %s:%d: assert failed: %s\n", file, line,
                  expression);
    (void)fflush(stderr);
    abort();
}
