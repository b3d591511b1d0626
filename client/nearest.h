/* client/nearest.h - "did you mean": which of some words was meant, if any.
 *
 * Threads: pure functions. */
#ifndef DE_CLIENT_NEAREST_H
#define DE_CLIENT_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Words are compared by so many bytes at most. */
#define DE_NEAREST_BYTES_MAX 127

/* How many letters have to be put in, taken out, replaced, or swapped with their neighbour to make
 * a of b (Damerau and Levenshtein, no part changed twice). */
size_t de_word_distance(const char *a, const char *b);

/* Whether one may have meant b who wrote a: no more than one letter in three is wrong, or one is
 * the beginning of the other, of three letters at least. Dashes in front do not count. */
bool de_word_is_near(const char *a, const char *b);

/* The word at the least distance of those that are near; the first of several. NULL: none is, and
 * to name one would only mislead. */
const char *de_nearest(const char *word, const char *const *words, size_t count);

#ifdef __cplusplus
}
#endif

#endif
