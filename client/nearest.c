#include "client/nearest.h"

#include <stdint.h>
#include <string.h>

#include "core/base/assert.h"

/* Shorter beginnings could be those of anything. */
#define BEGINNING_BYTES 3

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t de_word_distance(const char *a, const char *b)
{
    /* Of the table of distances between beginnings of a and of b, three rows: i-2, i-1 and i. */
    size_t rows[3][DE_NEAREST_BYTES_MAX + 1];
    const size_t a_size = strnlen(a, DE_NEAREST_BYTES_MAX);
    const size_t b_size = strnlen(b, DE_NEAREST_BYTES_MAX);
    size_t i;
    size_t j;

    DE_ASSERT(a != NULL && b != NULL);
    for (j = 0; j <= b_size; j++) {
        rows[0][j] = j;
    }
    for (i = 1; i <= a_size; i++) {
        const size_t *before = rows[(i - 1) % 3];
        size_t *row = rows[i % 3];

        row[0] = i;
        for (j = 1; j <= b_size; j++) {
            row[j] = least(least(before[j], row[j - 1]) + 1,
                           before[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
            }
        }
    }
    return rows[a_size % 3][b_size];
}

bool de_word_is_near(const char *a, const char *b)
{
    size_t a_size;
    size_t b_size;
    size_t shorter;
    size_t longer;

    DE_ASSERT(a != NULL && b != NULL);
    a += strspn(a, "-");
    b += strspn(b, "-");
    a_size = strnlen(a, DE_NEAREST_BYTES_MAX);
    b_size = strnlen(b, DE_NEAREST_BYTES_MAX);
    shorter = least(a_size, b_size);
    longer = a_size + b_size - shorter;
    if (shorter >= BEGINNING_BYTES && memcmp(a, b, shorter) == 0) {
        return true;
    }
    return de_word_distance(a, b) <= (longer < 3 ? 1 : longer / 3);
}

const char *de_nearest(const char *word, const char *const *words, size_t count)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    size_t i;

    DE_ASSERT(word != NULL && words != NULL);
    for (i = 0; i < count; i++) {
        const size_t d = de_word_distance(word, words[i]);

        if (d < best_distance && de_word_is_near(word, words[i])) {
            best_distance = d;
            best = words[i];
        }
    }
    return best;
}
