/* The abort hook of the fuzz targets: a failed assert is a finding. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"

void de_assert_failed(const char *expression, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: assert failed: %s\n", file, line, expression);
    abort();
}
