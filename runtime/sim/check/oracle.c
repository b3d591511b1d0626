#include "runtime/sim/check/oracle.h"

#include "core/base/assert.h"

/* Applies operation to the register; false if it cannot have gone that way. */
static bool apply(const struct de_history_operation *operation, struct de_history_value *state)
{
    bool matches = de_history_value_equal(state, &operation->expected);
    switch (operation->function) {
    case DE_HISTORY_READ:
        return operation->outcome == DE_HISTORY_INFO ||
               de_history_value_equal(state, &operation->value);
    case DE_HISTORY_WRITE:
        *state = operation->value;
        return true;
    case DE_HISTORY_DELETE:
        *state = de_history_null();
        return true;
    case DE_HISTORY_CAS:
        if (operation->outcome == DE_HISTORY_FAIL) {
            return !matches;
        }
        if (matches) {
            *state = operation->value;
        }
        return matches || operation->outcome == DE_HISTORY_INFO;
    }
    DE_ASSERT(false && "an operation of no function");
}

static bool precedes(const struct de_history_operation *a, const struct de_history_operation *b)
{
    return a->outcome != DE_HISTORY_INFO && a->return_at < b->call_at;
}

/* Whether some order of exactly the members (bits) is legal. Depth first over positions: chosen
 * holds the order so far, states the value before each position. */
static bool some_order(const struct de_history_operation *operations, size_t count,
                       unsigned members)
{
    size_t chosen[DE_ORACLE_OPERATIONS_MAX + 1];
    struct de_history_value states[DE_ORACLE_OPERATIONS_MAX + 1];
    unsigned left = members;
    size_t depth = 0;
    chosen[0] = 0;
    states[0] = de_history_null();
    while (left != 0) {
        size_t candidate = chosen[depth];
        if (candidate == count) { /* nothing more at this position: back to the one before */
            if (depth == 0) {
                return false;
            }
            depth--;
            left |= 1u << chosen[depth];
            chosen[depth]++;
            continue;
        }
        bool possible = (left & 1u << candidate) != 0;
        for (size_t i = 0; i < count && possible; i++) {
            possible = (left & 1u << i) == 0 || !precedes(&operations[i], &operations[candidate]);
        }
        states[depth + 1] = states[depth];
        if (possible && apply(&operations[candidate], &states[depth + 1])) {
            left &= ~(1u << candidate);
            chosen[++depth] = 0;
        } else {
            chosen[depth]++;
        }
    }
    return true;
}

bool de_oracle_linearizable(const struct de_history_operation *operations, size_t count)
{
    unsigned settled = 0;
    unsigned open = 0;
    DE_ASSERT(count <= DE_ORACLE_OPERATIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        bool failed = operations[i].outcome == DE_HISTORY_FAIL;
        if (operations[i].outcome == DE_HISTORY_INFO) {
            open |= 1u << i;
        } else if (!failed || operations[i].function == DE_HISTORY_CAS) {
            settled |= 1u << i;
        }
    }
    for (unsigned subset = open;; subset = (subset - 1) & open) {
        if (some_order(operations, count, settled | subset)) {
            return true;
        }
        if (subset == 0) {
            return false;
        }
    }
}

bool de_oracle_order_is_legal(const struct de_history_operation *operations, const uint32_t *order,
                              size_t length)
{
    struct de_history_value state = de_history_null();
    for (size_t i = 0; i < length; i++) {
        for (size_t k = i + 1; k < length; k++) {
            if (order[i] == order[k] || precedes(&operations[order[k]], &operations[order[i]])) {
                return false;
            }
        }
        if (!apply(&operations[order[i]], &state)) {
            return false;
        }
    }
    return true;
}
