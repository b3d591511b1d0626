#include "client/nearest.h"

#include <string.h>

#include "core/base/assert.h"

#define WORD_BYTES 64

static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_BYTES];
    const size_t a_size = strnlen(a, WORD_BYTES - 1);
    const size_t b_size = strnlen(b, WORD_BYTES - 1);
    size_t i;
    size_t j;

    for (j = 0; j <= b_size; j++) {
        row[j] = j;
    }
    for (i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (j = 1; j <= b_size; j++) {
            const size_t above = row[j];
            const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            const size_t moved = (above < row[j - 1] ? above : row[j - 1]) + 1;

            row[j] = changed < moved ? changed : moved;
            diagonal = above;
        }
    }
    return row[b_size];
}

const char *de_nearest(const char *word, const char *const *words, size_t count)
{
    size_t best = 0;
    size_t best_distance;
    size_t i;

    DE_ASSERT(word != NULL && count > 0);
    best_distance = distance(word, words[0]);
    for (i = 1; i < count; i++) {
        const size_t d = distance(word, words[i]);

        if (d < best_distance) {
            best_distance = d;
            best = i;
        }
    }
    return words[best];
}
