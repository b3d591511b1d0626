/* Which key was meant: the one that takes the fewest single-letter changes (Levenshtein), looking
 * at the whole name and at the part after the last dot. */
#include <string.h>

#include "core/base/assert.h"
#include "engine/config.h"

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Both cut at DE_CONFIG_NAME_BYTES - 1 bytes. */
static size_t distance(const char *a, const char *b)
{
    size_t row[DE_CONFIG_NAME_BYTES];
    size_t a_size = strnlen(a, DE_CONFIG_NAME_BYTES - 1);
    size_t b_size = strnlen(b, DE_CONFIG_NAME_BYTES - 1);
    size_t i;
    size_t j;

    for (j = 0; j <= b_size; j++) {
        row[j] = j;
    }
    for (i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (j = 1; j <= b_size; j++) {
            size_t above = row[j];

            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
            diagonal = above;
        }
    }
    return row[b_size];
}

static const char *last_part(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot == NULL ? name : dot + 1;
}

uint32_t de_config_nearest(const char *name)
{
    uint32_t nearest = 0;
    size_t nearest_distance = SIZE_MAX;
    uint32_t id;

    for (id = 0; id < DE_CONFIG_COUNT; id++) {
        char candidate[DE_CONFIG_NAME_BYTES];
        size_t whole;
        size_t part;

        de_config_name(id, candidate);
        whole = distance(name, candidate);
        /* The right key in the wrong section is near. */
        part = 2 * distance(last_part(name), last_part(candidate)) + 1;
        if (part < whole) {
            whole = part;
        }
        if (whole < nearest_distance) {
            nearest_distance = whole;
            nearest = id;
        }
    }
    DE_ASSERT(nearest_distance != SIZE_MAX);
    return nearest;
}
