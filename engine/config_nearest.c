/* Which key was meant: names are compared whole and by the part after the last dot, so that the
 * right key in the wrong section is found, too. */
#include <string.h>

#include "client/nearest.h"
#include "core/base/assert.h"
#include "engine/config.h"

static const char *last_part(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot == NULL ? name : dot + 1;
}

uint32_t de_config_nearest(const char *name)
{
    uint32_t nearest = DE_CONFIG_COUNT;
    size_t nearest_distance = SIZE_MAX;
    uint32_t id;

    DE_ASSERT(name != NULL);
    for (id = 0; id < DE_CONFIG_COUNT; id++) {
        char candidate[DE_CONFIG_NAME_BYTES];
        size_t whole;
        size_t part;

        de_config_name(id, candidate);
        whole = de_word_distance(name, candidate);
        part = 2 * de_word_distance(last_part(name), last_part(candidate)) + 1;
        if (part < whole) {
            whole = part;
        }
        /* A section alone, which names share, makes none of them near. */
        if (whole < nearest_distance && de_word_is_near(last_part(name), last_part(candidate))) {
            nearest_distance = whole;
            nearest = id;
        }
    }
    return nearest;
}
