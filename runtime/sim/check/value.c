#include "runtime/sim/check/value.h"

#include <stdlib.h>

#include <dengine/error.h>

#include "core/base/assert.h"
#include "core/base/random.h"

/* Values are numbered with 32 bits; a quarter of that keeps the cell arithmetic in range. */
#define VALUES_MAX (UINT32_MAX / 4)

bool de_history_value_equal(const struct de_history_value *a, const struct de_history_value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case DE_HISTORY_NULL:
        return true;
    case DE_HISTORY_INTEGER:
        return a->integer == b->integer;
    case DE_HISTORY_STRING:
        return a->string.size == b->string.size &&
               (a->string.size == 0 || memcmp(a->string.data, b->string.data, a->string.size) == 0);
    }
    DE_ASSERT(false && "a value of no kind");
}

/* FNV-1a over a string, then mixed so that the low bits are good. */
static uint32_t hash_of(const struct de_history_value *value)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)value->kind;
    if (value->kind == DE_HISTORY_INTEGER) {
        hash ^= (uint64_t)value->integer;
    } else if (value->kind == DE_HISTORY_STRING) {
        const uint8_t *bytes = value->string.data;
        for (size_t i = 0; i < value->string.size; i++) {
            hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
        }
    }
    return (uint32_t)de_mix64(hash);
}

void de_value_table_init(struct de_value_table *table)
{
    memset(table, 0, sizeof(*table));
}

void de_value_table_deinit(struct de_value_table *table)
{
    free(table->values);
    free(table->cells);
    memset(table, 0, sizeof(*table));
}

/* The cell that holds value, or the empty one where it belongs. */
static uint32_t cell_of(const struct de_value_table *table, const struct de_history_value *value)
{
    uint32_t mask = table->cells_count - 1;
    uint32_t cell = hash_of(value) & mask;
    DE_ASSERT(table->cells_count > table->count);
    while (table->cells[cell] != 0 &&
           !de_history_value_equal(&table->values[table->cells[cell] - 1], value)) {
        cell = (cell + 1) & mask;
    }
    return cell;
}

/* Room for one more value, with at least half of the cells empty. */
static int grow(struct de_value_table *table)
{
    if (table->count < table->capacity) {
        return 0;
    }
    if (table->capacity >= VALUES_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    uint32_t capacity = table->capacity == 0 ? 16 : table->capacity * 2;
    struct de_history_value *values = realloc(table->values, capacity * sizeof(*values));
    if (values == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    table->values = values;
    uint32_t *cells = calloc((size_t)capacity * 2, sizeof(*cells));
    if (cells == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    free(table->cells);
    table->cells = cells;
    table->cells_count = capacity * 2;
    table->capacity = capacity;
    for (uint32_t i = 0; i < table->count; i++) {
        table->cells[cell_of(table, &table->values[i])] = i + 1;
    }
    return 0;
}

int de_value_table_intern(struct de_value_table *table, const struct de_history_value *value,
                          uint32_t *number)
{
    if (de_value_table_find(table, value, number)) {
        return 0;
    }
    int err = grow(table);
    if (err != 0) {
        return err;
    }
    uint32_t cell = cell_of(table, value);
    DE_ASSERT(table->cells[cell] == 0);
    table->values[table->count] = *value;
    table->cells[cell] = table->count + 1;
    *number = table->count++;
    return 0;
}

bool de_value_table_find(const struct de_value_table *table, const struct de_history_value *value,
                         uint32_t *number)
{
    if (table->count == 0) {
        return false;
    }
    uint32_t cell = cell_of(table, value);
    if (table->cells[cell] == 0) {
        return false;
    }
    if (number != NULL) {
        *number = table->cells[cell] - 1;
    }
    return true;
}
