#include "runtime/sim/check/config_set.h"

#include <stdlib.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "core/base/random.h"

#define ROWS_MAX   (UINT32_C(1) << 30)
#define ROWS_LEAST UINT32_C(1024)

void de_config_set_init(struct de_config_set *set, size_t settled_words, size_t indeterminate_words)
{
    memset(set, 0, sizeof(*set));
    set->key_words = settled_words + 1;
    set->subset_words = indeterminate_words;
}

void de_config_set_deinit(struct de_config_set *set)
{
    free(set->rows);
    free(set->next);
    free(set->cells);
    memset(set, 0, sizeof(*set));
}

static uint64_t *row_of(const struct de_config_set *set, uint32_t number)
{
    return set->rows + (size_t)number * (set->key_words + set->subset_words);
}

/* The cell that holds the key of row, or the empty one where it belongs. */
static uint32_t cell_of(const struct de_config_set *set, const uint64_t *row)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < set->key_words; i++) {
        hash = de_mix64(hash ^ row[i]);
    }
    uint32_t cells_mask = set->cells_count - 1;
    uint32_t cell = (uint32_t)hash & cells_mask;
    DE_ASSERT(set->count < set->cells_count);
    while (set->cells[cell] != 0 &&
           memcmp(row_of(set, set->cells[cell] - 1), row, set->key_words * sizeof(*row)) != 0) {
        cell = (cell + 1) & cells_mask;
    }
    return cell;
}

static int resize_rows(struct de_config_set *set, uint32_t capacity)
{
    size_t words = set->key_words + set->subset_words;
    if (capacity > SIZE_MAX / sizeof(*set->rows) / words) {
        return DENGINE_E_NO_MEMORY;
    }
    uint64_t *rows = realloc(set->rows, capacity * words * sizeof(*rows));
    if (rows == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    set->rows = rows;
    uint32_t *next = realloc(set->next, capacity * sizeof(*next));
    if (next == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    set->next = next;
    return 0;
}

/* Room for one more row, with at least half of the cells empty. */
static int grow(struct de_config_set *set)
{
    if (set->count < set->capacity) {
        return 0;
    }
    if (set->capacity >= ROWS_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    uint32_t capacity = set->capacity == 0 ? ROWS_LEAST : set->capacity * 2;
    int err = resize_rows(set, capacity);
    uint32_t *cells = err == 0 ? calloc((size_t)capacity * 2, sizeof(*cells)) : NULL;
    if (cells == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    free(set->cells);
    set->cells = cells;
    set->cells_count = capacity * 2;
    set->capacity = capacity;
    /* The first row of a key is the one with the lowest number: the others hang on it already. */
    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t cell = cell_of(set, row_of(set, i));
        if (set->cells[cell] == 0) {
            set->cells[cell] = i + 1;
        }
    }
    return 0;
}

static bool is_subset(const uint64_t *part, const uint64_t *whole, size_t words)
{
    for (size_t i = 0; i < words; i++) {
        if ((part[i] & ~whole[i]) != 0) {
            return false;
        }
    }
    return true;
}

int de_config_set_add(struct de_config_set *set, uint32_t first_return, uint32_t state,
                      const uint64_t *mask, uint32_t *compared, bool *added)
{
    *compared = 0;
    *added = false;
    int err = grow(set);
    if (err != 0) {
        return err;
    }
    /* Written where it will stay; it is there once count includes it. */
    uint64_t *row = row_of(set, set->count);
    row[0] = (uint64_t)first_return << 32 | state;
    memcpy(row + 1, mask, (set->key_words - 1 + set->subset_words) * sizeof(*mask));
    uint32_t cell = cell_of(set, row);
    uint32_t first = set->cells[cell];
    for (uint32_t known = first; known != 0; known = set->next[known - 1]) {
        *compared += 1;
        if (is_subset(row_of(set, known - 1) + set->key_words, row + set->key_words,
                      set->subset_words)) {
            return 0;
        }
    }
    /* Right behind the first of its key, which has few operations placed and serves most often. */
    set->next[set->count] = first == 0 ? 0 : set->next[first - 1];
    set->count++;
    if (first == 0) {
        set->cells[cell] = set->count;
    } else {
        set->next[first - 1] = set->count;
    }
    *added = true;
    return 0;
}
