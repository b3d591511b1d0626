#include "core/kv/kv_test_model.h"

#include "core/base/assert.h"

static int order(struct dengine_slice a, struct dengine_slice b)
{
    const size_t size = a.size < b.size ? a.size : b.size;
    const int bytes = size > 0 ? memcmp(a.data, b.data, size) : 0;

    return bytes != 0 ? bytes : (a.size > b.size) - (a.size < b.size);
}

static struct model_key *key_of(struct model *model, struct dengine_slice key)
{
    DE_ASSERT(key.size == 1);
    return &model->keys[*(const char *)key.data - 'a'];
}

static void add_pair(struct model_result *result, const struct model *model, size_t k, bool value)
{
    DE_ASSERT(result->pairs < MODEL_PAIRS);
    result->pair_keys[result->pairs] = (char)('a' + k);
    result->pair_values[result->pairs] = model->keys[k];
    if (!value) {
        result->pair_values[result->pairs].value[0] = '\0';
    }
    result->pairs++;
}

static void drop_lease(struct model *model, uint64_t id)
{
    model->leases[id].exists = false;
    for (size_t k = 0; k < MODEL_KEYS; k++) {
        if (model->keys[k].exists && model->keys[k].lease == id) {
            model->keys[k].exists = false;
        }
    }
}

static void detach(struct model *model, struct model_key *key)
{
    if (key->exists && key->lease != 0 && model->leases[key->lease].single) {
        model->leases[key->lease].exists = false;
    }
    key->lease = 0;
}

static int put(struct model *model, const struct de_kv_op *op)
{
    struct model_key *key = key_of(model, op->key);
    uint64_t lease = op->lease;

    if (lease != 0 && (lease > model->last_lease || !model->leases[lease].exists ||
                       model->leases[lease].single)) {
        return DENGINE_E_NO_LEASE;
    }
    if (op->ttl_ns != 0) {
        if (key->exists && key->lease != 0 && model->leases[key->lease].single) {
            lease = key->lease;
        } else {
            detach(model, key);
            lease = ++model->last_lease;
        }
        model->leases[lease] = (struct model_lease){
            .exists = true,
            .single = true,
            .ttl_ns = op->ttl_ns,
            .deadline_ns = model->time_ns + op->ttl_ns,
        };
    } else {
        detach(model, key);
    }
    key->version = key->exists ? key->version + 1 : 1;
    key->create = key->exists ? key->create : model->index;
    key->mod = model->index;
    key->exists = true;
    key->lease = lease;
    memset(key->value, 0, sizeof key->value);
    memcpy(key->value, op->value.data, op->value.size);
    return 0;
}

static bool in_range(const struct de_kv_op *op, size_t k)
{
    const char name = (char)('a' + k);
    const struct dengine_slice key = dengine_bytes(&name, 1);

    return order(key, op->key) >= 0 && (op->end.size == 0 || order(key, op->end) < 0);
}

static int run_op(struct model *model, const struct de_kv_op *op, struct model_result *result)
{
    size_t count = 0;

    for (size_t k = 0; k < MODEL_KEYS; k++) {
        struct model_key *key = &model->keys[k];
        const bool range = op->type == DE_KV_RANGE || op->type == DE_KV_DELETE_RANGE;
        const bool touched = range ? in_range(op, k) : key == key_of(model, op->key);

        if (!touched || !key->exists || (op->limit != 0 && count == op->limit)) {
            continue;
        }
        count++;
        if (op->want_previous || op->type == DE_KV_GET ||
            (op->type == DE_KV_RANGE && !op->count_only)) {
            add_pair(result, model, k, !op->keys_only);
        }
        if (op->type == DE_KV_DELETE || op->type == DE_KV_DELETE_RANGE) {
            detach(model, key);
            key->exists = false;
        }
    }
    return op->type == DE_KV_PUT ? put(model, op) : 0;
}

static bool related(uint32_t relation, int sign)
{
    return relation == DE_KV_EQUAL       ? sign == 0
           : relation == DE_KV_NOT_EQUAL ? sign != 0
           : relation == DE_KV_LESS      ? sign < 0
                                         : sign > 0;
}

static bool holds(struct model *model, const struct de_kv_compare *compare)
{
    const struct model_key *key = key_of(model, compare->key);
    uint64_t number = 0;

    switch (compare->target) {
    case DE_KV_COMPARE_VALUE:
        return key->exists &&
               related(compare->relation, order(dengine_str(key->value), compare->value));
    case DE_KV_COMPARE_ABSENCE:
        return key->exists == (compare->relation == DE_KV_NOT_EQUAL);
    case DE_KV_COMPARE_VERSION:
        number = key->version;
        break;
    case DE_KV_COMPARE_CREATE:
        number = key->create;
        break;
    default:
        number = key->mod;
        break;
    }
    number = key->exists ? number : 0;
    return related(compare->relation, (number > compare->number) - (number < compare->number));
}

static int run_txn(struct model *model, const struct de_kv_command *command,
                   struct model_result *result)
{
    const struct model before = *model;
    const struct de_kv_list *list;
    struct de_reader reader;
    int rc = 0;

    de_reader_init(&reader, command->compares.bytes.data, command->compares.bytes.size);
    for (uint32_t i = 0; i < command->compares.count; i++) {
        struct de_kv_compare compare;

        DE_ASSERT(de_kv_compare_read(&reader, &compare));
        result->succeeded = result->succeeded && holds(model, &compare);
    }
    list = result->succeeded ? &command->then_ops : &command->else_ops;
    de_reader_init(&reader, list->bytes.data, list->bytes.size);
    for (uint32_t i = 0; i < list->count && rc == 0; i++) {
        struct de_kv_op op;

        DE_ASSERT(de_kv_op_read(&reader, &op));
        rc = run_op(model, &op, result);
    }
    if (rc != 0) {
        *model = before;
    }
    return rc;
}

static int run_cas(struct model *model, const struct de_kv_command *command,
                   struct model_result *result)
{
    result->succeeded = holds(model, &command->compare);
    if (result->succeeded) {
        return run_op(model, &command->op, result);
    }
    if (command->op.want_previous && key_of(model, command->op.key)->exists) {
        add_pair(result, model, (size_t)(*(const char *)command->op.key.data - 'a'), true);
    }
    return 0;
}

static int run_lease(struct model *model, const struct de_kv_command *command,
                     struct model_result *result)
{
    struct model_lease *lease = &model->leases[command->lease];

    if (command->type == DE_KV_LEASE_GRANT) {
        result->lease = ++model->last_lease;
        DE_ASSERT(result->lease < MODEL_LEASES);
        model->leases[result->lease] = (struct model_lease){
            .exists = true,
            .session = command->with_session,
            .ttl_ns = command->ttl_ns,
            .deadline_ns = model->time_ns + command->ttl_ns,
        };
        return 0;
    }
    if (command->lease > model->last_lease || !lease->exists) {
        return DENGINE_E_NO_LEASE;
    }
    if (command->type == DE_KV_LEASE_REVOKE) {
        drop_lease(model, command->lease);
    } else {
        lease->deadline_ns = model->time_ns + lease->ttl_ns;
        result->lease = command->lease;
    }
    return 0;
}

static int run(struct model *model, const struct de_kv_command *command,
               struct model_result *result)
{
    switch (command->type) {
    case DE_KV_WRITE:
        return run_op(model, &command->op, result);
    case DE_KV_CAS:
        return run_cas(model, command, result);
    case DE_KV_TXN:
        return run_txn(model, command, result);
    case DE_KV_EXPIRE:
        for (uint64_t id = 1; id <= model->last_lease; id++) {
            if (model->leases[id].exists && model->leases[id].deadline_ns <= model->time_ns) {
                drop_lease(model, id);
            }
        }
        return 0;
    default:
        return run_lease(model, command, result);
    }
}

/* True when that is the result already. */
static bool recall(struct model *model, struct model_memory *memory,
                   const struct de_kv_command *command, struct model_result *result)
{
    struct model_lease *lease = &model->leases[command->session];

    if (command->session > model->last_lease || !lease->exists || !lease->session) {
        result->status = DENGINE_E_NO_SESSION;
        return true;
    }
    if (command->sequence <= lease->acknowledged) {
        result->status = DENGINE_E_STALE;
        return true;
    }
    if (memory->known[command->session][command->sequence]) {
        *result = memory->results[command->session][command->sequence];
        return true;
    }
    if (command->acknowledged > lease->acknowledged) {
        lease->acknowledged = command->acknowledged;
    }
    if (command->sequence > lease->acknowledged + DE_KV_SESSION_WINDOW) {
        result->status = DENGINE_E_BUSY;
        return true;
    }
    return false;
}

void model_apply(struct model *model, struct model_memory *memory, uint64_t index, uint64_t time_ns,
                 const struct de_kv_command *command, struct model_result *result)
{
    *result = (struct model_result){.succeeded = true, .revision = index};
    model->index = index;
    model->time_ns = time_ns;
    if (command->session == 0 || !recall(model, memory, command, result)) {
        result->status = run(model, command, result);
        if (result->status != 0) {
            *result = (struct model_result){.status = result->status, .revision = index};
        }
        if (command->session != 0) {
            memory->known[command->session][command->sequence] = true;
            memory->results[command->session][command->sequence] = *result;
        }
    }
    result->succeeded = result->succeeded && result->status == 0;
}
