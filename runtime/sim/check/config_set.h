/* runtime/sim/check/config_set.h - the configurations that the search has been in.
 *
 * Lowe's memoisation ("Testing for linearizability", 2017): from one configuration (which
 * operations are placed, which state results) the search need go on only once, however it got
 * there. A configuration is stored as
 *
 *   first return not yet placed, state   all that returned before is placed; no later call is
 *   mask of settled operations           parity of placed operations per slot (problem.h)
 *   mask of indeterminate operations     a bit for each that is placed
 *
 * Given the first return, the operations that shared a slot before it are all placed, so each bit
 * tells whether the one that holds the slot now is. Exact, not a hash of the set: a false hit could
 * make the verdict wrong.
 *
 * A configuration is also known if one was there that differs only in having *fewer* indeterminate
 * operations placed: what is left to it can do all that the other can. That holds even while the
 * search is still inside that one. Proof: call a configuration missed if it wins, but the search
 * left it without an order. Of the missed ones take those that win with the fewest further
 * indeterminate operations, and of these the one left first, X. The next configuration C on X's
 * shortest way was not left before X (it would be missed, with no more operations to go), so it was
 * passed over because of some D that wins with at most as many as C. D was not left before X, for
 * the same reason. So the search is inside D, and D has the settled operations of C; then the step
 * from X to C is an indeterminate operation, D wins with fewer than X, and is not missed: the
 * search finds an order. If it finds none, nothing was missed. Not thread-safe. */
#ifndef DE_RUNTIME_SIM_CHECK_CONFIG_SET_H
#define DE_RUNTIME_SIM_CHECK_CONFIG_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_config_set {
    uint64_t *rows;   /* count rows of key_words + subset_words */
    size_t key_words; /* first return and state, then the mask of settled operations */
    size_t subset_words;
    uint32_t *next; /* per row: number + 1 of another one with the same key; 0 ends the chain */
    uint32_t count;
    uint32_t capacity;
    uint32_t *cells; /* hash table of the first row of a key, its number + 1; 0 is empty */
    uint32_t cells_count;
};

/* An empty set of configurations whose masks have so many words. Allocates nothing yet. */
void de_config_set_init(struct de_config_set *set, size_t settled_words,
                        size_t indeterminate_words);
void de_config_set_deinit(struct de_config_set *set);

/* Adds a configuration unless it is known; says which in added, and in compared how many stored
 * ones were looked at. mask has the settled words, then the indeterminate ones.
 * DENGINE_E_NO_MEMORY, or DENGINE_E_TOO_LARGE at 2^30 configurations. */
int de_config_set_add(struct de_config_set *set, uint32_t first_return, uint32_t state,
                      const uint64_t *mask, uint32_t *compared, bool *added);

#ifdef __cplusplus
}
#endif

#endif
