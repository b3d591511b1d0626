/* Carrying out commands. What happens here is a function of the state and the command alone. */
#include "core/base/assert.h"
#include "core/kv/kv_state.h"

int de_kv_op_begin(void *object)
{
    struct de_kv *kv = object;
    int rc;

    DE_ASSERT(!kv->batch_open && kv->restore == NULL);
    if (kv->broken != 0) {
        return kv->broken;
    }
    rc = kv->store.ops->begin(kv->store.object);
    if (rc != 0) {
        return de_kv_break(kv, rc, NULL);
    }
    kv->batch_open = true;
    kv->open = kv->mark;
    DE_ASSERT(kv->broken == 0);
    return 0;
}

static bool equal(struct dengine_slice a, struct dengine_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* The record under key as the open batch sees it, borrowed until the next call on the store.
 * NOT_FOUND; or the state machine is broken. */
static int get_record(struct de_kv *kv, struct dengine_slice key, struct de_kv_record *record)
{
    struct dengine_slice bytes = {NULL, 0};
    int rc;

    DE_ASSERT(kv->batch_open);
    DE_ASSERT(key.size > 1);
    rc = kv->store.ops->get(kv->store.object, key, &bytes);
    if (rc == DENGINE_E_NOT_FOUND) {
        return rc;
    }
    if (rc != 0) {
        return de_kv_break(kv, rc, NULL);
    }
    rc = de_kv_record_decode(bytes, record);
    return rc == 0 ? 0 : de_kv_break(kv, rc, "a stored record cannot be read");
}

static int put_record(struct de_kv *kv, struct dengine_slice key, const struct de_kv_record *record)
{
    const size_t size = DE_KV_RECORD_HEADER_BYTES + record->value.size;
    int rc;

    DE_ASSERT(kv->batch_open);
    DE_ASSERT(record->value.size <= DE_KV_VALUE_MAX);
    if (size > kv->record_capacity) {
        uint8_t *grown = de_reallocate(&kv->allocator, kv->record, size);

        if (grown == NULL) {
            return de_kv_break(kv, DENGINE_E_NO_MEMORY, "no memory for a record");
        }
        kv->record = grown;
        kv->record_capacity = size;
    }
    de_kv_record_encode_header(record, kv->record);
    if (record->value.size > 0) {
        memcpy(kv->record + DE_KV_RECORD_HEADER_BYTES, record->value.data, record->value.size);
    }
    rc = kv->store.ops->put(kv->store.object, key, dengine_bytes(kv->record, size));
    return rc == 0 ? 0 : de_kv_break(kv, rc, NULL);
}

/* Stores value as the next version of what is there; old NULL: nothing is. */
static int put_next(struct de_kv *kv, uint64_t index, struct dengine_slice key,
                    struct dengine_slice value, const struct de_kv_record *old)
{
    struct de_kv_record record = {
        .value = value,
        .create_revision = index,
        .mod_revision = index,
        .version = 1,
    };

    DE_ASSERT(index > 0);
    if (old != NULL) {
        DE_ASSERT(old->mod_revision <= index);
        record.create_revision = old->create_revision;
        record.version = old->version + 1;
    }
    return put_record(kv, key, &record);
}

static int apply_put(struct de_kv *kv, uint64_t index, struct dengine_slice key,
                     const struct de_kv_command *command)
{
    struct de_kv_record old;
    int rc = get_record(kv, key, &old);

    DE_ASSERT(command->type == DE_KV_PUT);
    if (rc != 0 && rc != DENGINE_E_NOT_FOUND) {
        return rc;
    }
    DE_ASSERT(kv->broken == 0);
    return put_next(kv, index, key, command->value, rc == 0 ? &old : NULL);
}

/* Deleting what is not there is no error and changes nothing. */
static int apply_delete(struct de_kv *kv, struct dengine_slice key)
{
    int rc;

    DE_ASSERT(kv->batch_open);
    DE_ASSERT(key.size > 1);
    rc = kv->store.ops->remove(kv->store.object, key);
    if (rc != 0 && rc != DENGINE_E_NOT_FOUND) {
        return de_kv_break(kv, rc, NULL);
    }
    return 0;
}

static int apply_cas(struct de_kv *kv, uint64_t index, struct dengine_slice key,
                     const struct de_kv_command *command, bool *succeeded)
{
    struct de_kv_record old;
    int rc = get_record(kv, key, &old);
    bool exists;

    DE_ASSERT(command->type == DE_KV_CAS);
    if (rc != 0 && rc != DENGINE_E_NOT_FOUND) {
        return rc;
    }
    DE_ASSERT(kv->broken == 0);
    exists = rc == 0;
    *succeeded = command->expect_absent ? !exists : exists && equal(old.value, command->expected);
    if (!*succeeded) {
        return 0;
    }
    return put_next(kv, index, key, command->value, exists ? &old : NULL);
}

int de_kv_op_apply(void *object, const struct dengine_position *at, struct dengine_slice bytes,
                   struct dengine_result *result)
{
    struct de_kv *kv = object;
    struct de_kv_command command;
    uint8_t buffer[DENGINE_KV_KEY_MAX];
    struct dengine_slice key;

    if (kv->broken != 0) {
        return kv->broken;
    }
    DE_ASSERT(kv->batch_open);
    DE_ASSERT(at->index > kv->mark.index && at->index >= kv->open.index);
    kv->open.index = at->index;
    kv->open.term = at->term;
    DE_ASSERT(at->time_ns >= kv->open.time_ns);
    kv->open.time_ns = at->time_ns;
    *result = (struct dengine_result){.succeeded = true, .revision = at->index};
    if (de_kv_command_decode(bytes, &command) != 0) {
        /* Every replica reads the same bytes, so every replica refuses it. */
        result->status = DENGINE_E_INVALID;
        result->succeeded = false;
        return 0;
    }
    key = de_kv_user_key(command.key, buffer);
    switch (command.type) {
    case DE_KV_PUT:
        return apply_put(kv, at->index, key, &command);
    case DE_KV_DELETE:
        return apply_delete(kv, key);
    default:
        DE_ASSERT(command.type == DE_KV_CAS); /* the decoder lets no other through */
        return apply_cas(kv, at->index, key, &command, &result->succeeded);
    }
}

int de_kv_op_commit(void *object, uint64_t index, uint64_t term)
{
    struct de_kv *kv = object;
    uint8_t state[DE_KV_STATE_BYTES];
    int rc;

    if (kv->broken != 0) {
        return kv->broken;
    }
    DE_ASSERT(kv->batch_open);
    DE_ASSERT(index >= kv->open.index && index > kv->mark.index);
    DE_ASSERT(term >= kv->open.term);
    kv->open.index = index;
    kv->open.term = term;
    /* In the transaction of the data: a crash shows both or neither. */
    de_kv_state_encode(&kv->open, state);
    rc =
        kv->store.ops->put(kv->store.object, de_kv_state_key(), dengine_bytes(state, sizeof state));
    if (rc != 0) {
        return de_kv_break(kv, rc, NULL);
    }
    kv->batch_open = false;
    rc = kv->store.ops->commit(kv->store.object);
    if (rc != 0) {
        return de_kv_break(kv, rc, NULL);
    }
    kv->mark = kv->open;
    DE_ASSERT(kv->mark.index == index && kv->mark.term == term);
    return 0;
}
