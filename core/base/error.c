#include <dengine/error.h>

#include "core/base/assert.h"

/* 0 is success and what is positive is no error: callers test with "< 0" and "!= 0" alike. */
#define NEGATIVE(name, value, text) DE_STATIC_ASSERT((value) < 0, #name " must be negative");
DENGINE_ERROR_MAP(NEGATIVE)
#undef NEGATIVE
DE_STATIC_ASSERT(DENGINE_OK == 0, "success is zero");
DE_STATIC_ASSERT(DENGINE_DONE == 0, "the outcome of success is zero too");

const char *dengine_strerror(int err)
{
    switch (err) {
    case DENGINE_OK:
        return "ok";
#define TEXT(name, value, text)                                                                    \
    case DENGINE_E_##name:                                                                         \
        return text;
        DENGINE_ERROR_MAP(TEXT)
#undef TEXT
    default:
        return "unknown error code";
    }
}

const char *dengine_error_name(int err)
{
    switch (err) {
    case DENGINE_OK:
        return "DENGINE_OK";
#define NAME(name, value, text)                                                                    \
    case DENGINE_E_##name:                                                                         \
        return "DENGINE_E_" #name;
        DENGINE_ERROR_MAP(NAME)
#undef NAME
    default:
        return "unknown";
    }
}

/* A code that says "not done" must mean that the command reached no log that could still commit
 * it. Every other failure, a broken protocol, a halted node or a number from a newer version
 * included, leaves it open. */
enum dengine_outcome dengine_outcome(int err)
{
    switch (err) {
    case DENGINE_OK:
        return DENGINE_DONE;
    case DENGINE_E_UNKNOWN:
    case DENGINE_E_HALTED:
    case DENGINE_E_IO:
    case DENGINE_E_PROTOCOL:
    case DENGINE_E_INTERNAL:
    case DENGINE_E_STALE: /* it was decided once; how, is forgotten */
        return DENGINE_OUTCOME_UNKNOWN;
    default:
        break;
    }
#define LISTED(name, value, text) case DENGINE_E_##name:
    switch (err) {
        DENGINE_ERROR_MAP(LISTED)
        return DENGINE_NOT_DONE;
    default:
        return DENGINE_OUTCOME_UNKNOWN;
    }
#undef LISTED
}
