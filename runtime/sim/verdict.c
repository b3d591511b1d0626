#include "runtime/sim/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"

void de_verdict_init(struct de_verdict *verdict)
{
    memset(verdict, 0, sizeof(*verdict));
    verdict->status = DE_VERDICT_OK;
}

void de_verdict_fail(struct de_verdict *verdict, uint32_t status, uint64_t time_ns,
                     const char *oracle, const char *format, ...)
{
    va_list arguments;

    DE_ASSERT(status != DE_VERDICT_OK);
    if (de_verdict_failed(verdict)) {
        return;
    }
    verdict->status = status;
    verdict->time_ns = time_ns;
    (void)snprintf(verdict->oracle, sizeof(verdict->oracle), "%s", oracle);
    va_start(arguments, format);
    (void)vsnprintf(verdict->sentence, sizeof(verdict->sentence), format, arguments);
    va_end(arguments);
    DE_ASSERT(de_verdict_failed(verdict));
}

const char *de_verdict_name(uint32_t status)
{
    switch (status) {
    case DE_VERDICT_OK:
        return "ok";
    case DE_VERDICT_USAGE:
        return "usage";
    case DE_VERDICT_CRASH:
        return "crash";
    case DE_VERDICT_LIVENESS:
        return "liveness";
    case DE_VERDICT_CORRECTNESS:
        return "correctness";
    case DE_VERDICT_UNKNOWN:
        return "unknown";
    case DE_VERDICT_NONDETERMINISM:
        return "nondeterminism";
    default:
        return "no such verdict";
    }
}
