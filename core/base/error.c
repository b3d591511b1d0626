#include <dengine/error.h>

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
