#include "runtime/sim/check/kv_states.h"

#include <stdlib.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "core/base/random.h"

#define STATES_MAX (UINT32_MAX / 4)

/* Appends whose result is remembered; more are worked out anew. */
#define MEMO_MAX (UINT32_C(1) << 20)

/* The beginning of the given length of named[first], ... named[last], and of no other. */
struct state {
    uint32_t first;
    uint32_t last;
    size_t length;
};

/* An append worked out before. */
struct memo {
    uint32_t state; /* DE_MODEL_ANY: empty */
    uint32_t added;
    uint32_t after;
};

/* A string made when exact; they never move. */
struct made {
    struct made *next;
    uint8_t bytes[];
};

struct de_kv_states {
    bool exact;
    struct dengine_slice *named; /* sorted, distinct */
    uint32_t named_count;
    struct state *states;
    uint32_t count;
    uint32_t capacity;
    uint32_t *cells; /* hash table of number + 1 by (first, length); 0 is empty */
    uint32_t cells_count;
    struct memo *memos;
    uint32_t memos_count;
    uint32_t memos_capacity;       /* a power of two, or 0 */
    struct de_value_table strings; /* exact: the states */
    struct made *made;
    size_t made_bytes;
};

static int compare_bytes(const uint8_t *a, const uint8_t *b, size_t size)
{
    return size == 0 ? 0 : memcmp(a, b, size);
}

static int compare_slices(const void *left, const void *right)
{
    const struct dengine_slice *a = left;
    const struct dengine_slice *b = right;
    int order = compare_bytes(a->data, b->data, a->size < b->size ? a->size : b->size);
    return order != 0 ? order : a->size < b->size ? -1 : a->size > b->size ? 1 : 0;
}

/* Sorts what is named and drops repetitions. */
static void sort_named(struct de_kv_states *states, size_t count)
{
    struct dengine_slice *named = states->named;
    uint32_t kept = 0;
    qsort(named, count, sizeof(*named), compare_slices);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare_slices(&named[kept - 1], &named[i]) != 0) {
            named[kept++] = named[i];
        }
    }
    states->named_count = kept;
}

static uint32_t hash_pair(uint64_t a, uint64_t b)
{
    return (uint32_t)de_mix64(a * UINT64_C(0x9e3779b97f4a7c15) + b);
}

static uint32_t cell_of(const struct de_kv_states *states, uint32_t first, size_t length)
{
    uint32_t mask = states->cells_count - 1;
    uint32_t cell = hash_pair(first, length) & mask;
    DE_ASSERT(states->cells_count > states->count);
    while (states->cells[cell] != 0) {
        const struct state *state = &states->states[states->cells[cell] - 1];
        if (state->first == first && state->length == length) {
            break;
        }
        cell = (cell + 1) & mask;
    }
    return cell;
}

/* Room for one more state, half of the cells empty. */
static int grow(struct de_kv_states *states)
{
    if (states->count < states->capacity) {
        return 0;
    }
    if (states->capacity >= STATES_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    uint32_t capacity = states->capacity == 0 ? 64 : states->capacity * 2;
    struct state *grown = realloc(states->states, capacity * sizeof(*grown));
    if (grown == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    states->states = grown;
    uint32_t *cells = calloc((size_t)capacity * 2, sizeof(*cells));
    if (cells == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    free(states->cells);
    states->cells = cells;
    states->cells_count = capacity * 2;
    states->capacity = capacity;
    for (uint32_t i = 0; i < states->count; i++) {
        states->cells[cell_of(states, states->states[i].first, states->states[i].length)] = i + 1;
    }
    return 0;
}

static int intern(struct de_kv_states *states, const struct state *wanted, uint32_t *number)
{
    int err = grow(states);
    if (err != 0) {
        return err;
    }
    uint32_t cell = cell_of(states, wanted->first, wanted->length);
    if (states->cells[cell] == 0) {
        states->states[states->count] = *wanted;
        states->cells[cell] = ++states->count;
    }
    *number = states->cells[cell] - 1;
    DE_ASSERT(states->states[*number].last == wanted->last);
    return 0;
}

/* How named[i], which has base->length bytes in common with the others of base, goes on after them,
 * compared with added: 0 if it begins with that. */
static int compare_rest(const struct de_kv_states *states, const struct state *base, uint32_t i,
                        struct dengine_slice added)
{
    const struct dengine_slice *named = &states->named[i];
    size_t rest = named->size - base->length;
    DE_ASSERT(named->size >= base->length);
    if (rest == 0) {
        return added.size == 0 ? 0 : -1;
    }
    int order = compare_bytes((const uint8_t *)named->data + base->length, added.data,
                              rest < added.size ? rest : added.size);
    return order == 0 && rest < added.size ? -1 : order;
}

/* The first in base's range whose rest is not below added (or, with past, that is above it). */
static uint32_t bound(const struct de_kv_states *states, const struct state *base,
                      struct dengine_slice added, bool past)
{
    uint32_t low = base->first;
    uint32_t high = base->last + 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_rest(states, base, middle, added);
        if (order < 0 || (past && order == 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* base with added at its end. */
static int extend(struct de_kv_states *states, const struct state *base, struct dengine_slice added,
                  uint32_t *after)
{
    struct state state = {0, 0, base->length + added.size};
    if (states->named_count == 0) {
        *after = added.size == 0 ? DE_KV_STATE_EMPTY : DE_KV_STATE_DEAD;
        return 0;
    }
    state.first = bound(states, base, added, false);
    state.last = bound(states, base, added, true);
    if (state.first == state.last) {
        *after = DE_KV_STATE_DEAD;
        return 0;
    }
    state.last--;
    return intern(states, &state, after);
}

static struct dengine_slice string_of(const struct de_kv_states *states, uint32_t state)
{
    const struct state *found = &states->states[state];
    DE_ASSERT(state < states->count);
    return dengine_bytes(found->length == 0 ? NULL : states->named[found->first].data,
                         found->length);
}

/* Exact: the state that is this string; what was just made belongs to it, unless it is known. */
static int intern_string(struct de_kv_states *states, struct dengine_slice string, uint32_t *number)
{
    struct de_history_value value = de_history_string(string);
    return de_value_table_intern(&states->strings, &value, number);
}

static int extend_exactly(struct de_kv_states *states, uint32_t state, struct dengine_slice added,
                          uint32_t *after)
{
    struct dengine_slice before = de_kv_states_string(states, state);
    size_t size = before.size + added.size;
    uint32_t known = states->strings.count;
    *after = DE_KV_STATE_DEAD;
    if (size > DE_KV_EXACT_BYTES_MAX - states->made_bytes) {
        return 0;
    }
    struct made *made = malloc(sizeof(*made) + size);
    if (made == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    if (before.size > 0) {
        memcpy(made->bytes, before.data, before.size);
    }
    if (added.size > 0) {
        memcpy(made->bytes + before.size, added.data, added.size);
    }
    int err = intern_string(states, dengine_bytes(made->bytes, size), after);
    if (err != 0 || *after < known) {
        free(made);
        return err;
    }
    made->next = states->made;
    states->made = made;
    states->made_bytes += size;
    return 0;
}

struct de_kv_states *de_kv_states_new(const struct dengine_slice *named, size_t count, bool exact)
{
    uint32_t empty;
    struct de_kv_states *states = calloc(1, sizeof(*states));
    DE_ASSERT(count < STATES_MAX);
    if (states == NULL) {
        return NULL;
    }
    states->exact = exact;
    de_value_table_init(&states->strings);
    states->named = malloc((count + 1) * sizeof(*named));
    if (states->named != NULL && count > 0) {
        memcpy(states->named, named, count * sizeof(*named));
        sort_named(states, count);
    }
    struct state all = {0, states->named_count == 0 ? 0 : states->named_count - 1, 0};
    if (states->named == NULL || (exact ? intern_string(states, dengine_bytes(NULL, 0), &empty)
                                        : intern(states, &all, &empty)) != 0) {
        de_kv_states_free(states);
        return NULL;
    }
    DE_ASSERT(empty == DE_KV_STATE_EMPTY);
    return states;
}

void de_kv_states_free(struct de_kv_states *states)
{
    if (states == NULL) {
        return;
    }
    while (states->made != NULL) {
        struct made *next = states->made->next;
        free(states->made);
        states->made = next;
    }
    de_value_table_deinit(&states->strings);
    free(states->named);
    free(states->states);
    free(states->cells);
    free(states->memos);
    free(states);
}

int de_kv_states_find(struct de_kv_states *states, struct dengine_slice string, uint32_t *state)
{
    if (states->exact) {
        return intern_string(states, string, state);
    }
    DE_ASSERT(states->count > 0);
    struct state empty = states->states[DE_KV_STATE_EMPTY];
    return extend(states, &empty, string, state);
}

static struct memo *memo_of(struct memo *memos, uint32_t capacity, uint32_t state, uint32_t added)
{
    uint32_t cell = hash_pair(state, added) & (capacity - 1);
    while (memos[cell].state != DE_MODEL_ANY &&
           (memos[cell].state != state || memos[cell].added != added)) {
        cell = (cell + 1) & (capacity - 1);
    }
    return &memos[cell];
}

/* Keeps the table at most half full. Without memory for more it stays as it is, full or not there:
 * it only saves work. */
static void remember(struct de_kv_states *states, struct memo memo)
{
    if (states->memos_count * 2 >= states->memos_capacity) {
        uint32_t capacity = states->memos_capacity == 0 ? 256 : states->memos_capacity * 2;
        struct memo *memos = capacity > MEMO_MAX ? NULL : malloc(capacity * sizeof(*memos));
        if (memos == NULL) {
            return;
        }
        for (uint32_t i = 0; i < capacity; i++) {
            memos[i].state = DE_MODEL_ANY;
        }
        for (uint32_t i = 0; i < states->memos_capacity; i++) {
            const struct memo *old = &states->memos[i];
            if (old->state != DE_MODEL_ANY) {
                *memo_of(memos, capacity, old->state, old->added) = *old;
            }
        }
        free(states->memos);
        states->memos = memos;
        states->memos_capacity = capacity;
    }
    *memo_of(states->memos, states->memos_capacity, memo.state, memo.added) = memo;
    states->memos_count++;
}

int de_kv_states_append(struct de_kv_states *states, uint32_t state, uint32_t added_number,
                        struct dengine_slice added, uint32_t *after)
{
    if (state == DE_KV_STATE_DEAD) {
        *after = state;
        return 0;
    }
    if (states->memos_capacity > 0) {
        const struct memo *known =
            memo_of(states->memos, states->memos_capacity, state, added_number);
        if (known->state != DE_MODEL_ANY) {
            *after = known->after;
            return 0;
        }
    }
    int err;
    if (states->exact) {
        err = extend_exactly(states, state, added, after);
    } else {
        struct state base = states->states[state];
        err = extend(states, &base, added, after);
    }
    if (err == 0) {
        remember(states, (struct memo){state, added_number, *after});
    }
    return err;
}

struct dengine_slice de_kv_states_string(const struct de_kv_states *states, uint32_t state)
{
    DE_ASSERT(state != DE_KV_STATE_DEAD);
    if (!states->exact) {
        return string_of(states, state);
    }
    DE_ASSERT(state < states->strings.count);
    return states->strings.values[state].string;
}
