/* Operations and comparisons as bytes; see command.h. */
#include "core/base/assert.h"
#include "core/kv/command.h"
#include "core/kv/record.h"

enum {
    OP_PREVIOUS = 1,
    OP_LEASE = 2,
    OP_TTL = 4,
    OP_KEYS_ONLY = 8,
    OP_COUNT_ONLY = 16,
    ITEM_HEAD_BYTES = 4,
    LENGTH_BYTES = 4,
};

static bool is_range(uint32_t type)
{
    return type == DE_KV_DELETE_RANGE || type == DE_KV_RANGE;
}

static bool changes(uint32_t type)
{
    return type == DE_KV_PUT || type == DE_KV_DELETE || type == DE_KV_DELETE_RANGE;
}

static int check_key(struct dengine_slice key)
{
    DE_ASSERT(key.data != NULL || key.size == 0);
    if (key.size > DE_KV_USER_KEY_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    return key.size > 0 ? 0 : DENGINE_E_INVALID;
}

static int check_value(struct dengine_slice value, size_t value_max)
{
    const size_t most = value_max < DE_KV_VALUE_MAX ? value_max : DE_KV_VALUE_MAX;

    DE_ASSERT(value.data != NULL || value.size == 0);
    return value.size <= most ? 0 : DENGINE_E_TOO_LARGE;
}

static int compare_keys(struct dengine_slice a, struct dengine_slice b)
{
    const size_t size = a.size < b.size ? a.size : b.size;
    const int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

    DE_ASSERT(a.data != NULL || a.size == 0);
    DE_ASSERT(b.data != NULL || b.size == 0);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int check_range(const struct de_kv_op *op)
{
    DE_ASSERT(is_range(op->type));
    DE_ASSERT(op->key.data != NULL || op->key.size == 0);
    if (op->key.size > DE_KV_USER_KEY_MAX || op->end.size > DE_KV_USER_KEY_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    /* An end at or before the start is a mistake of the caller, not a range. */
    return op->end.size == 0 || compare_keys(op->key, op->end) < 0 ? 0 : DENGINE_E_INVALID;
}

int de_kv_op_check(const struct de_kv_op *op, size_t value_max)
{
    const bool put = op->type == DE_KV_PUT;
    const bool range = op->type == DE_KV_RANGE;
    int rc;

    DE_ASSERT(op != NULL);
    DE_ASSERT(op->value.data != NULL || op->value.size == 0);
    if (op->type < DE_KV_PUT || op->type > DE_KV_RANGE) {
        return DENGINE_E_INVALID;
    }
    rc = is_range(op->type) ? check_range(op) : check_key(op->key);
    rc = rc == 0 && put ? check_value(op->value, value_max) : rc;
    if (rc != 0) {
        return rc;
    }
    if ((op->want_previous && !changes(op->type)) ||
        ((op->lease != 0 || op->ttl_ns != 0) && !put) || (op->lease != 0 && op->ttl_ns != 0) ||
        ((op->keys_only || op->count_only) && !range) || (op->keys_only && op->count_only) ||
        (op->limit != 0 && !range)) {
        return DENGINE_E_INVALID;
    }
    if (op->ttl_ns != 0 && op->ttl_ns < DE_KV_TTL_MIN_NS) {
        return DENGINE_E_INVALID;
    }
    return op->ttl_ns <= DE_KV_TTL_MAX_NS ? 0 : DENGINE_E_TOO_LARGE;
}

size_t de_kv_op_size(const struct de_kv_op *op)
{
    size_t size = ITEM_HEAD_BYTES + LENGTH_BYTES + op->key.size;

    DE_ASSERT(op->type >= DE_KV_PUT && op->type <= DE_KV_RANGE);
    DE_ASSERT(op->key.size <= DE_KV_USER_KEY_MAX);
    if (op->type == DE_KV_PUT) {
        size += LENGTH_BYTES + op->value.size;
        size += op->lease != 0 || op->ttl_ns != 0 ? 8 : 0;
    } else if (is_range(op->type)) {
        size += LENGTH_BYTES + op->end.size;
        size += op->type == DE_KV_RANGE ? 4 : 0;
    }
    return size;
}

void de_kv_op_write(struct de_writer *writer, const struct de_kv_op *op)
{
    const unsigned flags = (op->want_previous ? OP_PREVIOUS : 0u) |
                           (op->lease != 0 ? OP_LEASE : 0u) | (op->ttl_ns != 0 ? OP_TTL : 0u) |
                           (op->keys_only ? OP_KEYS_ONLY : 0u) |
                           (op->count_only ? OP_COUNT_ONLY : 0u);

    DE_ASSERT(de_kv_op_check(op, SIZE_MAX) == 0);
    DE_ASSERT(writer->data != NULL);
    de_write_u8(writer, (uint8_t)op->type);
    de_write_u8(writer, (uint8_t)flags);
    de_write_u16(writer, 0);
    de_write_slice(writer, op->key);
    if (op->type == DE_KV_PUT) {
        de_write_slice(writer, op->value);
        if (op->lease != 0 || op->ttl_ns != 0) {
            de_write_u64(writer, op->lease != 0 ? op->lease : op->ttl_ns);
        }
    } else if (is_range(op->type)) {
        de_write_slice(writer, op->end);
        if (op->type == DE_KV_RANGE) {
            de_write_u32(writer, op->limit);
        }
    }
}

bool de_kv_op_read(struct de_reader *reader, struct de_kv_op *op)
{
    unsigned flags;

    DE_ASSERT(op != NULL);
    DE_ASSERT(reader->position <= reader->size);
    memset(op, 0, sizeof *op);
    op->type = de_read_u8(reader);
    flags = de_read_u8(reader);
    if (de_read_u16(reader) != 0 || flags >= OP_COUNT_ONLY * 2) {
        return false;
    }
    op->want_previous = (flags & OP_PREVIOUS) != 0;
    op->keys_only = (flags & OP_KEYS_ONLY) != 0;
    op->count_only = (flags & OP_COUNT_ONLY) != 0;
    op->key = de_read_slice(reader);
    if (op->type == DE_KV_PUT) {
        op->value = de_read_slice(reader);
    } else if (is_range(op->type)) {
        op->end = de_read_slice(reader);
        op->limit = op->type == DE_KV_RANGE ? de_read_u32(reader) : 0;
    }
    if ((flags & OP_LEASE) != 0) {
        op->lease = de_read_u64(reader);
    }
    if ((flags & OP_TTL) != 0) {
        op->ttl_ns = de_read_u64(reader);
    }
    return !reader->failed && ((flags & OP_LEASE) != 0) == (op->lease != 0) &&
           ((flags & OP_TTL) != 0) == (op->ttl_ns != 0) && de_kv_op_check(op, SIZE_MAX) == 0;
}

int de_kv_compare_check(const struct de_kv_compare *compare, size_t value_max)
{
    int rc;

    DE_ASSERT(compare != NULL);
    DE_ASSERT(compare->key.data != NULL || compare->key.size == 0);
    if (compare->target < DE_KV_COMPARE_VALUE || compare->target > DE_KV_COMPARE_MOD ||
        compare->relation < DE_KV_EQUAL || compare->relation > DE_KV_GREATER) {
        return DENGINE_E_INVALID;
    }
    if (compare->target == DE_KV_COMPARE_ABSENCE && compare->relation > DE_KV_NOT_EQUAL) {
        return DENGINE_E_INVALID;
    }
    rc = check_key(compare->key);
    if (rc == 0 && compare->target == DE_KV_COMPARE_VALUE) {
        rc = check_value(compare->value, value_max);
    }
    return rc;
}

size_t de_kv_compare_size(const struct de_kv_compare *compare)
{
    size_t size = ITEM_HEAD_BYTES + LENGTH_BYTES + compare->key.size;

    DE_ASSERT(compare->target >= DE_KV_COMPARE_VALUE && compare->target <= DE_KV_COMPARE_MOD);
    DE_ASSERT(compare->key.size <= DE_KV_USER_KEY_MAX);
    if (compare->target == DE_KV_COMPARE_VALUE) {
        return size + LENGTH_BYTES + compare->value.size;
    }
    return compare->target == DE_KV_COMPARE_ABSENCE ? size : size + 8;
}

void de_kv_compare_write(struct de_writer *writer, const struct de_kv_compare *compare)
{
    DE_ASSERT(de_kv_compare_check(compare, SIZE_MAX) == 0);
    DE_ASSERT(writer->data != NULL);
    de_write_u8(writer, (uint8_t)compare->target);
    de_write_u8(writer, (uint8_t)compare->relation);
    de_write_u16(writer, 0);
    de_write_slice(writer, compare->key);
    if (compare->target == DE_KV_COMPARE_VALUE) {
        de_write_slice(writer, compare->value);
    } else if (compare->target != DE_KV_COMPARE_ABSENCE) {
        de_write_u64(writer, compare->number);
    }
}

bool de_kv_compare_read(struct de_reader *reader, struct de_kv_compare *compare)
{
    DE_ASSERT(compare != NULL);
    DE_ASSERT(reader->position <= reader->size);
    memset(compare, 0, sizeof *compare);
    compare->target = de_read_u8(reader);
    compare->relation = de_read_u8(reader);
    if (de_read_u16(reader) != 0) {
        return false;
    }
    compare->key = de_read_slice(reader);
    if (compare->target == DE_KV_COMPARE_VALUE) {
        compare->value = de_read_slice(reader);
    } else if (compare->target != DE_KV_COMPARE_ABSENCE) {
        compare->number = de_read_u64(reader);
    }
    return !reader->failed && de_kv_compare_check(compare, SIZE_MAX) == 0;
}
