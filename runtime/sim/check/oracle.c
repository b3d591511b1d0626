#include "runtime/sim/check/oracle.h"

#include <string.h>

#include "core/base/assert.h"

/* The object. A value, and where it is a string its bytes, in a place of their own. */
struct object {
    enum de_history_value_kind kind;
    int64_t integer;
    size_t size;
    uint8_t bytes[DE_ORACLE_BYTES_MAX];
};

static void add_bytes(struct object *object, struct dengine_slice string)
{
    DE_ASSERT(string.size <= sizeof(object->bytes) - object->size);
    if (string.size > 0) {
        memcpy(object->bytes + object->size, string.data, string.size);
    }
    object->size += string.size;
}

static void set(struct object *object, const struct de_history_value *value)
{
    object->kind = value->kind;
    object->integer = value->integer;
    object->size = 0;
    if (value->kind == DE_HISTORY_STRING) {
        add_bytes(object, value->string);
    }
}

static void set_null(struct object *object)
{
    object->kind = DE_HISTORY_NULL;
    object->size = 0;
}

static bool is(const struct object *object, const struct de_history_value *value)
{
    struct de_history_value content = {object->kind, object->integer,
                                       dengine_bytes(object->bytes, object->size)};
    return de_history_value_equal(&content, value);
}

/* The same for a string, where "" and null mean the same. */
static bool is_string(const struct object *object, const struct de_history_value *value)
{
    bool empty = value->kind == DE_HISTORY_NULL || value->string.size == 0;
    return empty ? object->size == 0 : is(object, value);
}

/* cas-register; false if the operation cannot have gone that way. */
static bool apply_to_register(const struct de_history_operation *operation, struct object *object)
{
    bool unknown = operation->outcome == DE_HISTORY_INFO;
    if (operation->function == DE_HISTORY_READ) {
        return unknown || is(object, &operation->value);
    }
    if (operation->function == DE_HISTORY_WRITE) {
        set(object, &operation->value);
        return true;
    }
    if (operation->function == DE_HISTORY_DELETE) {
        set_null(object);
        return true;
    }
    if (operation->function == DE_HISTORY_EXPIRE) {
        bool there = is(object, &operation->value);
        if (there) {
            set_null(object);
        }
        return there || unknown;
    }
    DE_ASSERT(operation->function == DE_HISTORY_CAS);
    bool matches = is(object, &operation->expected);
    if (operation->outcome == DE_HISTORY_FAIL) {
        return !matches;
    }
    if (matches) {
        set(object, &operation->value);
    }
    return matches || unknown;
}

static bool apply_to_kv(const struct de_history_operation *operation, struct object *object)
{
    bool unknown = operation->outcome == DE_HISTORY_INFO;
    if (operation->function == DE_HISTORY_GET) {
        return unknown || is_string(object, &operation->value);
    }
    if (operation->function == DE_HISTORY_EXPIRE) {
        bool there =
            operation->value.kind == DE_HISTORY_STRING && is_string(object, &operation->value);
        if (there) {
            set_null(object);
        }
        return there || unknown;
    }
    if (operation->function != DE_HISTORY_APPEND) {
        DE_ASSERT(operation->function == DE_HISTORY_PUT ||
                  operation->function == DE_HISTORY_DELETE);
        set_null(object);
    }
    if (operation->function != DE_HISTORY_DELETE) {
        object->kind = DE_HISTORY_STRING;
        add_bytes(object, operation->value.string);
    }
    return true;
}

static bool apply_to_lock(const struct de_history_operation *operation, struct object *object)
{
    bool unknown = operation->outcome == DE_HISTORY_INFO;
    struct de_history_value holder = operation->value.kind != DE_HISTORY_NULL
                                         ? operation->value
                                         : de_history_integer(operation->process);
    if (operation->function == DE_HISTORY_ACQUIRE) {
        bool is_free = object->kind == DE_HISTORY_NULL;
        if (is_free) {
            set(object, &holder);
        }
        return is_free || unknown;
    }
    bool held = is(object, &holder);
    if (held) {
        set_null(object);
    }
    return held || unknown;
}

typedef bool apply_function(const struct de_history_operation *operation, struct object *object);

static apply_function *apply_of(const struct de_model *model)
{
    if (strcmp(model->name, "kv") == 0) {
        return apply_to_kv;
    }
    return strcmp(model->name, "lock") == 0 ? apply_to_lock : apply_to_register;
}

static bool precedes(const struct de_history_operation *a, const struct de_history_operation *b)
{
    return a->outcome != DE_HISTORY_INFO && a->return_at < b->call_at;
}

/* Whether some order of exactly the members (bits) is legal. Depth first over positions: chosen
 * holds the order so far, states the value before each position. */
static bool some_order(apply_function *apply, const struct de_history_operation *operations,
                       size_t count, unsigned members)
{
    size_t chosen[DE_ORACLE_OPERATIONS_MAX + 1];
    struct object states[DE_ORACLE_OPERATIONS_MAX + 1];
    unsigned left = members;
    size_t depth = 0;
    chosen[0] = 0;
    set_null(&states[0]);
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
        if (possible) {
            states[depth + 1] = states[depth];
            possible = apply(&operations[candidate], &states[depth + 1]);
        }
        if (possible) {
            left &= ~(1u << candidate);
            chosen[++depth] = 0;
        } else {
            chosen[depth]++;
        }
    }
    return true;
}

bool de_oracle_happened(const struct de_history_operation *operation)
{
    bool compared = operation->function == DE_HISTORY_CAS && !operation->untold;
    return operation->outcome == DE_HISTORY_OK ||
           (operation->outcome == DE_HISTORY_FAIL && compared);
}

bool de_oracle_linearizable(const struct de_model *model,
                            const struct de_history_operation *operations, size_t count)
{
    unsigned settled = 0;
    unsigned open = 0;
    DE_ASSERT(count <= DE_ORACLE_OPERATIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (operations[i].outcome == DE_HISTORY_INFO) {
            open |= 1u << i;
        } else if (de_oracle_happened(&operations[i])) {
            settled |= 1u << i;
        }
    }
    for (unsigned subset = open;; subset = (subset - 1) & open) {
        if (some_order(apply_of(model), operations, count, settled | subset)) {
            return true;
        }
        if (subset == 0) {
            return false;
        }
    }
}

bool de_oracle_order_is_legal(const struct de_model *model,
                              const struct de_history_operation *operations, const uint32_t *order,
                              size_t length)
{
    apply_function *apply = apply_of(model);
    struct object state;
    set_null(&state);
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
