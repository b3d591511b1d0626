/* runtime/sim/check/value.h - the values that occur in a history, and tables that number them.
 *
 * A value is null (absent), an integer or a string of any bytes. Keys are values too. Strings are
 * borrowed: whoever makes a value keeps the bytes alive for as long as the value is used. */
#ifndef DE_RUNTIME_SIM_CHECK_VALUE_H
#define DE_RUNTIME_SIM_CHECK_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dengine/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum de_history_value_kind { DE_HISTORY_NULL, DE_HISTORY_INTEGER, DE_HISTORY_STRING };

struct de_history_value {
    enum de_history_value_kind kind;
    int64_t integer;             /* DE_HISTORY_INTEGER */
    struct dengine_slice string; /* DE_HISTORY_STRING, borrowed */
};

static inline struct de_history_value de_history_null(void)
{
    struct de_history_value value = {DE_HISTORY_NULL, 0, {NULL, 0}};
    return value;
}

static inline struct de_history_value de_history_integer(int64_t integer)
{
    struct de_history_value value = {DE_HISTORY_INTEGER, integer, {NULL, 0}};
    return value;
}

static inline struct de_history_value de_history_string(struct dengine_slice string)
{
    struct de_history_value value = {DE_HISTORY_STRING, 0, string};
    return value;
}

/* Same kind and same content. The integer 1 and the string "1" differ. */
bool de_history_value_equal(const struct de_history_value *a, const struct de_history_value *b);

/* Numbers distinct values 0, 1, 2... in the order in which they come. Not thread-safe. */
struct de_value_table {
    struct de_history_value *values; /* by number */
    uint32_t count;
    uint32_t capacity;
    uint32_t *cells; /* hash table of number + 1; 0 is empty */
    uint32_t cells_count;
};

void de_value_table_init(struct de_value_table *table);
void de_value_table_deinit(struct de_value_table *table);

/* The number of value, given out now if it is new (then it equals the old count). The table keeps
 * the value and so borrows its string. DENGINE_E_NO_MEMORY, DENGINE_E_TOO_LARGE. */
int de_value_table_intern(struct de_value_table *table, const struct de_history_value *value,
                          uint32_t *number);

/* Whether value has a number already; number may be NULL. */
bool de_value_table_find(const struct de_value_table *table, const struct de_history_value *value,
                         uint32_t *number);

#ifdef __cplusplus
}
#endif

#endif
