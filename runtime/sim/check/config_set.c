#include "runtime/sim/check/config_set.h"

#include <stdlib.h>
#include <string.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "core/base/random.h"

#define ROWS_MAX   (UINT32_C(1) << 30)
#define ROWS_LEAST UINT32_C(1024)

void de_config_set_init(struct de_config_set *set, size_t mask_words)
{
    memset(set, 0, sizeof(*set));
    set->row_words = mask_words + 1;
}

void de_config_set_deinit(struct de_config_set *set)
{
    free(set->rows);
    free(set->cells);
    memset(set, 0, sizeof(*set));
}

static uint32_t hash_of(const struct de_config_set *set, const uint64_t *row)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < set->row_words; i++) {
        hash = de_mix64(hash ^ row[i]);
    }
    return (uint32_t)hash;
}

/* The cell that holds row, or the empty one where it belongs. */
static uint32_t cell_of(const struct de_config_set *set, const uint64_t *row)
{
    uint32_t cells_mask = set->cells_count - 1;
    uint32_t cell = hash_of(set, row) & cells_mask;
    DE_ASSERT(set->count < set->cells_count);
    while (set->cells[cell] != 0 &&
           memcmp(set->rows + (size_t)(set->cells[cell] - 1) * set->row_words, row,
                  set->row_words * sizeof(*row)) != 0) {
        cell = (cell + 1) & cells_mask;
    }
    return cell;
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
    if (capacity > SIZE_MAX / sizeof(*set->rows) / set->row_words) {
        return DENGINE_E_NO_MEMORY;
    }
    uint64_t *rows = realloc(set->rows, capacity * set->row_words * sizeof(*rows));
    if (rows == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    set->rows = rows;
    uint32_t *cells = calloc((size_t)capacity * 2, sizeof(*cells));
    if (cells == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    free(set->cells);
    set->cells = cells;
    set->cells_count = capacity * 2;
    set->capacity = capacity;
    for (uint32_t i = 0; i < set->count; i++) {
        set->cells[cell_of(set, set->rows + (size_t)i * set->row_words)] = i + 1;
    }
    return 0;
}

int de_config_set_add(struct de_config_set *set, uint32_t first_return, uint32_t state,
                      const uint64_t *mask, bool *added)
{
    int err = grow(set);
    if (err != 0) {
        return err;
    }
    /* Written where it will stay; it is there once count includes it. */
    uint64_t *row = set->rows + (size_t)set->count * set->row_words;
    row[0] = (uint64_t)first_return << 32 | state;
    memcpy(row + 1, mask, (set->row_words - 1) * sizeof(*mask));
    uint32_t cell = cell_of(set, row);
    *added = set->cells[cell] == 0;
    if (*added) {
        set->cells[cell] = set->count + 1;
        set->count++;
    }
    return 0;
}
