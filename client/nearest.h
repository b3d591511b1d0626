/* client/nearest.h - "did you mean": which of some words was meant.
 *
 * Threads: pure functions. */
#ifndef DE_CLIENT_NEAREST_H
#define DE_CLIENT_NEAREST_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The one of count > 0 words that takes the fewest single-letter changes to become word
 * (Levenshtein); the first of several. Words longer than 63 bytes are compared by their start. */
const char *de_nearest(const char *word, const char *const *words, size_t count);

#ifdef __cplusplus
}
#endif

#endif
