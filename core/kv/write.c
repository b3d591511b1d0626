/* Operations: put, delete, get, and ranges. */
#include "core/base/assert.h"
#include "core/base/codec.h"
#include "core/kv/kv_state.h"

enum {
    ENOUGH = 1, /* a visitor has seen what it wanted */
};

static int decode(struct de_kv *kv, struct dengine_slice bytes, struct de_kv_record *record)
{
    int rc = de_kv_record_decode(bytes, record);

    DE_ASSERT(kv->batch_open);
    DE_ASSERT(record != NULL);
    return rc == 0 ? 0 : de_kv_break(kv, rc, "a stored record cannot be read");
}

int de_kv_get_record(struct de_kv *kv, struct dengine_slice user_key, struct de_kv_record *record)
{
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct dengine_slice bytes = {NULL, 0};
    int rc = de_kv_get_bytes(kv, de_kv_user_key(user_key, buffer), &bytes);

    DE_ASSERT(user_key.size >= 1);
    DE_ASSERT(kv->batch_open || rc == kv->failed);
    return rc == 0 ? decode(kv, bytes, record) : rc;
}

static int put_record(struct de_kv *kv, struct dengine_slice user_key,
                      const struct de_kv_record *record)
{
    const size_t size = DE_KV_RECORD_HEADER_BYTES + record->value.size;
    uint8_t buffer[DENGINE_KV_KEY_MAX];

    DE_ASSERT(kv->batch_open);
    DE_ASSERT(record->value.size <= DE_KV_VALUE_MAX);
    kv->record.size = 0;
    if (de_kv_buffer_grow(kv, &kv->record, size) != 0) {
        return kv->failed;
    }
    de_kv_record_encode_header(record, kv->record.bytes);
    if (record->value.size > 0) {
        memcpy(kv->record.bytes + DE_KV_RECORD_HEADER_BYTES, record->value.data,
               record->value.size);
    }
    return de_kv_put_bytes(kv, de_kv_user_key(user_key, buffer),
                           dengine_bytes(kv->record.bytes, size));
}

/* Answers what was there; old NULL: nothing was. */
static int answer_previous(struct de_kv *kv, const struct de_kv_op *op,
                           const struct de_kv_record *old)
{
    int rc = de_kv_answer_op_begin(kv, op->type);

    DE_ASSERT(op->key.size >= 1);
    DE_ASSERT(op->type != DE_KV_DELETE_RANGE && op->type != DE_KV_RANGE);
    if (rc == 0 && old != NULL && (op->want_previous || op->type == DE_KV_GET)) {
        rc = de_kv_answer_pair(kv, op->key, old);
    }
    if (rc == 0) {
        de_kv_answer_op_end(kv, old != NULL ? 1 : 0, false);
    }
    return rc;
}

/* Notes a put; old NULL: nothing was there. */
static int note_put(struct de_kv *kv, struct dengine_slice key, const struct de_kv_record *record,
                    const struct de_kv_record *old, struct de_kv_event **event)
{
    struct de_kv_event what = {
        .type = DE_KV_EVENT_PUT,
        .had_previous = old != NULL,
        .revision = record->mod_revision,
        .create_revision = record->create_revision,
        .version = record->version,
        .key = key,
        .value = record->value,
    };

    DE_ASSERT(record->version >= 1);
    DE_ASSERT_IMPLIES(old == NULL, record->version == 1);
    if (old != NULL) {
        what.previous = old->value;
    }
    return de_kv_event_add(kv, &what, event);
}

static int run_put(struct de_kv *kv, const struct de_kv_op *op, bool answer)
{
    struct de_kv_record old = {.lease = 0};
    struct de_kv_record record = {
        .value = op->value,
        .create_revision = kv->open.index,
        .mod_revision = kv->open.index,
        .version = 1,
    };
    struct de_kv_event *event = NULL;
    int rc = de_kv_get_record(kv, op->key, &old);
    const bool had = rc == 0;

    DE_ASSERT(op->type == DE_KV_PUT);
    if (kv->failed != 0) {
        return kv->failed;
    }
    if (had) {
        DE_ASSERT(old.mod_revision <= kv->open.index);
        DE_ASSERT(old.create_revision <= old.mod_revision);
        record.create_revision = old.create_revision;
        record.version = old.version + 1;
    }
    rc = answer ? answer_previous(kv, op, had ? &old : NULL) : 0;
    rc = rc == 0 ? note_put(kv, op->key, &record, had ? &old : NULL, &event) : rc;
    if (rc != 0) {
        return rc;
    }
    /* From here on old.value may be gone. */
    rc = de_kv_lease_attach(kv, op, old.lease, &record.lease);
    if (event != NULL) {
        event->lease = record.lease;
    }
    DE_ASSERT_IMPLIES(rc == 0 && record.lease != 0, op->lease != 0 || op->ttl_ns != 0);
    return rc == 0 ? put_record(kv, op->key, &record) : rc;
}

int de_kv_remove_key(struct de_kv *kv, struct dengine_slice key, const struct de_kv_record *old,
                     bool expired)
{
    const struct de_kv_event what = {
        .type = DE_KV_EVENT_DELETE,
        .expired = expired,
        .had_previous = true,
        .revision = kv->open.index,
        .create_revision = old->create_revision,
        .version = old->version,
        .lease = old->lease,
        .key = key,
        .previous = old->value,
    };
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct de_kv_event *event = NULL;
    int rc = de_kv_event_add(kv, &what, &event);

    DE_ASSERT(old->version >= 1);
    DE_ASSERT_IMPLIES(expired, old->lease != 0);
    return rc == 0 ? de_kv_remove_bytes(kv, de_kv_user_key(key, buffer)) : rc;
}

/* Removes a key with its attachment. */
static int remove_whole(struct de_kv *kv, struct dengine_slice key, const struct de_kv_record *old)
{
    const uint64_t lease = old->lease;
    int rc = de_kv_remove_key(kv, key, old, false);

    DE_ASSERT(key.size >= 1);
    DE_ASSERT(old->version >= 1);
    return rc == 0 && lease != 0 ? de_kv_lease_detach(kv, lease, key) : rc;
}

/* Deleting what is not there is no error and changes nothing. */
static int run_delete(struct de_kv *kv, const struct de_kv_op *op, bool answer)
{
    struct de_kv_record old;
    int rc = de_kv_get_record(kv, op->key, &old);
    const bool had = rc == 0;

    DE_ASSERT(op->type == DE_KV_DELETE);
    DE_ASSERT(op->key.size >= 1);
    if (kv->failed != 0) {
        return kv->failed;
    }
    rc = answer ? answer_previous(kv, op, had ? &old : NULL) : 0;
    return rc == 0 && had ? remove_whole(kv, op->key, &old) : rc;
}

static int run_get(struct de_kv *kv, const struct de_kv_op *op)
{
    struct de_kv_record record;
    int rc = de_kv_get_record(kv, op->key, &record);

    DE_ASSERT(op->type == DE_KV_GET);
    DE_ASSERT(op->key.size >= 1);
    if (kv->failed != 0) {
        return kv->failed;
    }
    return answer_previous(kv, op, rc == 0 ? &record : NULL);
}

/* ---- ranges ---- */

struct range {
    struct de_kv *kv;
    const struct de_kv_op *op;
    bool pairs; /* answer them */
    bool keep;  /* keep the keys, to remove them */
    bool more;
    uint64_t count;
};

static bool at_end(const struct de_kv_op *op, struct dengine_slice key)
{
    const size_t size = key.size < op->end.size ? key.size : op->end.size;
    int order;

    if (op->end.size == 0) {
        return false;
    }
    DE_ASSERT(size > 0);
    DE_ASSERT(op->end.size <= DE_KV_USER_KEY_MAX);
    order = memcmp(key.data, op->end.data, size);
    return order > 0 || (order == 0 && key.size >= op->end.size);
}

int de_kv_keep_key(struct de_kv *kv, struct dengine_slice key)
{
    uint8_t *at;

    DE_ASSERT(key.size >= 1 && key.size <= DE_KV_USER_KEY_MAX);
    DE_ASSERT(kv->keys.size <= kv->keys.capacity);
    if (de_kv_buffer_grow(kv, &kv->keys, 2 + key.size) != 0) {
        return kv->failed;
    }
    at = kv->keys.bytes + kv->keys.size;
    at[0] = (uint8_t)key.size;
    at[1] = (uint8_t)(key.size >> 8);
    memcpy(at + 2, key.data, key.size);
    kv->keys.size += 2 + key.size;
    DE_ASSERT(kv->keys.size <= kv->keys.capacity);
    return 0;
}

static int see(void *context, struct dengine_slice store_key, struct dengine_slice value)
{
    struct range *range = context;
    struct de_kv *kv = range->kv;
    const struct dengine_slice key =
        dengine_bytes((const uint8_t *)store_key.data + 1, store_key.size - 1);
    struct de_kv_record record;
    int rc;

    DE_ASSERT(*(const uint8_t *)store_key.data == DE_KV_SPACE_USER); /* the last name space */
    if (at_end(range->op, key)) {
        return ENOUGH;
        DE_ASSERT(store_key.size > 1);
    }
    if (range->op->limit != 0 && range->count == range->op->limit) {
        range->more = true;
        return ENOUGH;
    }
    if (kv->command_keys == DE_KV_COMMAND_KEYS_MAX) {
        return DENGINE_E_TOO_LARGE;
    }
    kv->command_keys++;
    range->count++;
    rc = decode(kv, value, &record);
    if (rc == 0 && range->op->keys_only) {
        record.value = dengine_bytes(NULL, 0);
    }
    rc = rc == 0 && range->pairs ? de_kv_answer_pair(kv, key, &record) : rc;
    return rc == 0 && range->keep ? de_kv_keep_key(kv, key) : rc;
}

static int visit_range(struct range *range)
{
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    int rc;

    DE_ASSERT(range->count == 0 && !range->more);
    range->kv->keys.size = 0;
    rc = de_kv_iterate_bytes(range->kv, de_kv_user_key(range->op->key, buffer), see, range);
    DE_ASSERT_IMPLIES(range->more, rc == ENOUGH);
    return rc == ENOUGH ? 0 : rc;
}

static int run_range(struct de_kv *kv, const struct de_kv_op *op)
{
    struct range range = {.kv = kv, .op = op, .pairs = !op->count_only};
    int rc = de_kv_answer_op_begin(kv, DE_KV_RANGE);

    DE_ASSERT(op->type == DE_KV_RANGE);
    DE_ASSERT(!op->want_previous);
    rc = rc == 0 ? visit_range(&range) : rc;
    if (rc == 0) {
        de_kv_answer_op_end(kv, range.count, range.more);
    }
    return rc;
}

int de_kv_next_key(const struct de_kv *kv, size_t *position, struct dengine_slice *key)
{
    const uint8_t *at = kv->keys.bytes + *position;
    size_t size;

    DE_ASSERT(*position <= kv->keys.size);
    if (*position == kv->keys.size) {
        return DENGINE_E_NOT_FOUND;
    }
    size = (size_t)at[0] | (size_t)at[1] << 8;
    *key = dengine_bytes(at + 2, size);
    *position += 2 + size;
    DE_ASSERT(*position <= kv->keys.size);
    return 0;
}

/* Nothing is removed before it is known that all of it may be. */
static int run_delete_range(struct de_kv *kv, const struct de_kv_op *op)
{
    struct range range = {.kv = kv, .op = op, .pairs = op->want_previous, .keep = true};
    struct dengine_slice key;
    size_t position = 0;
    int rc = de_kv_answer_op_begin(kv, DE_KV_DELETE_RANGE);

    DE_ASSERT(op->type == DE_KV_DELETE_RANGE);
    DE_ASSERT(op->limit == 0 && !op->keys_only && !op->count_only);
    rc = rc == 0 ? visit_range(&range) : rc;
    if (rc == 0) {
        de_kv_answer_op_end(kv, range.count, false);
    }
    while (rc == 0 && de_kv_next_key(kv, &position, &key) == 0) {
        struct de_kv_record old;

        rc = de_kv_get_record(kv, key, &old);
        DE_ASSERT(rc != DENGINE_E_NOT_FOUND); /* it was there a moment ago */
        rc = rc == 0 ? remove_whole(kv, key, &old) : rc;
    }
    return rc;
}

int de_kv_run_op(struct de_kv *kv, const struct de_kv_op *op, bool answer)
{
    DE_ASSERT(kv->failed == 0);
    switch (op->type) {
    case DE_KV_PUT:
        return run_put(kv, op, answer);
    case DE_KV_DELETE:
        return run_delete(kv, op, answer);
    case DE_KV_DELETE_RANGE:
        DE_ASSERT(answer);
        return run_delete_range(kv, op);
    case DE_KV_GET:
        return run_get(kv, op);
    default:
        DE_ASSERT(op->type == DE_KV_RANGE); /* the decoder lets no other through */
        return run_range(kv, op);
    }
}
