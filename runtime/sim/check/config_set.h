/* runtime/sim/check/config_set.h - the configurations that the search has been in.
 *
 * Lowe's memoisation ("Testing for linearizability", 2017): from one configuration (which
 * operations are placed, which state results) the search need go on only once, however it got
 * there. A configuration is stored as
 *
 *   first return not yet placed, state   all that returned before is placed; no later call is
 *   mask of slots                        parity of placed operations per slot (problem.h)
 *
 * Given the first return, the operations that shared a slot before it are all placed, so each bit
 * tells whether the one that holds the slot now is. Exact, not a hash of the set: a false hit could
 * make the verdict wrong. Not thread-safe. */
#ifndef DE_RUNTIME_SIM_CHECK_CONFIG_SET_H
#define DE_RUNTIME_SIM_CHECK_CONFIG_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct de_config_set {
    uint64_t *rows; /* count rows of row_words: first return and state, then the mask */
    size_t row_words;
    uint32_t count;
    uint32_t capacity;
    uint32_t *cells; /* hash table of row number + 1; 0 is empty */
    uint32_t cells_count;
};

/* An empty set of configurations with masks of mask_words words. Allocates nothing yet. */
void de_config_set_init(struct de_config_set *set, size_t mask_words);
void de_config_set_deinit(struct de_config_set *set);

/* Adds a configuration unless it is there; says which in added. DENGINE_E_NO_MEMORY, or
 * DENGINE_E_TOO_LARGE at 2^30 configurations. */
int de_config_set_add(struct de_config_set *set, uint32_t first_return, uint32_t state,
                      const uint64_t *mask, bool *added);

#ifdef __cplusplus
}
#endif

#endif
