/* runtime/sim/check/kv_states.h - the states of the model kv: strings, as numbers.
 *
 * A string can be told from others by operations that name a whole string: a get that saw it, an
 * expire that takes it away. Call these strings *named*. As appends only make a string longer, one
 * that no named string begins with will never be a named one again, whatever is appended: until the
 * next put or delete it makes no difference what it is. All such strings share one state, DEAD. The
 * others are beginnings of named strings, so a state is (a named string, a length), and no string
 * is ever put together.
 *
 * For people this is too coarse: when exact, every string is put together and is a state of its
 * own, up to a bound on their bytes. Not thread-safe. */
#ifndef DE_RUNTIME_SIM_CHECK_KV_STATES_H
#define DE_RUNTIME_SIM_CHECK_KV_STATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sim/check/model.h"
#include "runtime/sim/check/value.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DE_KV_STATE_EMPTY 0u
#define DE_KV_STATE_DEAD  (DE_MODEL_ANY - 1)

/* When exact, so many bytes of strings are kept apart; more are DEAD. */
#define DE_KV_EXACT_BYTES_MAX ((size_t)16 * 1024 * 1024)

struct de_kv_states;

/* States for count named strings, in any order, repetitions welcome; they are borrowed, the array
 * is not. NULL: out of memory. */
struct de_kv_states *de_kv_states_new(const struct dengine_slice *named, size_t count, bool exact);
void de_kv_states_free(struct de_kv_states *states); /* NULL is allowed */

/* The state that is this string. When exact the string is borrowed. DENGINE_E_NO_MEMORY,
 * DENGINE_E_TOO_LARGE. */
int de_kv_states_find(struct de_kv_states *states, struct dengine_slice string, uint32_t *state);

/* The state after added, a string with the number added_number (equal numbers, equal strings), was
 * appended in state. Errors as above. */
int de_kv_states_append(struct de_kv_states *states, uint32_t state, uint32_t added_number,
                        struct dengine_slice added, uint32_t *after);

/* The string of a state that is not DEAD, borrowed. */
struct dengine_slice de_kv_states_string(const struct de_kv_states *states, uint32_t state);

#ifdef __cplusplus
}
#endif

#endif
