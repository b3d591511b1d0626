#include "storage/contract/check.h"

#include "core/base/assert.h"

/* Long enough for a store that syncs each commit on a slow disk under a sanitizer. */
#define PATIENCE_S 120

const char *de_finding_name(int code)
{
    switch (code) {
    case DE_FOUND_OTHER_VALUE:
        return "something else than was put";
    case DE_FOUND_TORN:
        return "a view that mixes two commits";
    case DE_FOUND_OLDER:
        return "a view that is older than one before it";
    case DE_FOUND_UNORDERED:
        return "keys or indexes out of order";
    case DE_FOUND_NO_KEY:
        return "a key that no key can be";
    case DE_FOUND_MORE:
        return "more than was put, perhaps without end";
    case DE_FOUND_LESS:
        return "less than was put";
    default:
        return dengine_error_name(code);
    }
}

void de_patience_init(struct de_patience *patience)
{
    DE_ASSERT(patience != NULL);
    (void)clock_gettime(CLOCK_MONOTONIC, &patience->until);
    patience->until.tv_sec += PATIENCE_S;
}

bool de_patience_is_over(const struct de_patience *patience)
{
    struct timespec now;

    DE_ASSERT(patience != NULL);
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > patience->until.tv_sec;
}
