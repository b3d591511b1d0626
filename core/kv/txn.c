/* Comparisons and transactions. */
#include "core/base/assert.h"
#include "core/kv/kv_state.h"

static bool relation_holds(uint32_t relation, int order)
{
    DE_ASSERT(relation >= DE_KV_EQUAL && relation <= DE_KV_GREATER);
    switch (relation) {
    case DE_KV_EQUAL:
        return order == 0;
    case DE_KV_NOT_EQUAL:
        return order != 0;
    case DE_KV_LESS:
        return order < 0;
    default:
        return order > 0;
    }
}

static int order_of_bytes(struct dengine_slice a, struct dengine_slice b)
{
    const size_t size = a.size < b.size ? a.size : b.size;
    const int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

    DE_ASSERT(a.data != NULL || a.size == 0);
    DE_ASSERT(b.data != NULL || b.size == 0);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

int de_kv_holds(struct de_kv *kv, const struct de_kv_compare *compare, bool *holds)
{
    struct de_kv_record record = {.version = 0};
    int rc = de_kv_get_record(kv, compare->key, &record);
    const bool exists = rc == 0;
    uint64_t number = 0;

    DE_ASSERT(compare->key.size >= 1);
    if (kv->failed != 0) {
        return kv->failed;
    }
    switch (compare->target) {
    case DE_KV_COMPARE_VALUE:
        *holds = exists &&
                 relation_holds(compare->relation, order_of_bytes(record.value, compare->value));
        return 0;
    case DE_KV_COMPARE_ABSENCE:
        *holds = (compare->relation == DE_KV_EQUAL) == !exists;
        return 0;
    case DE_KV_COMPARE_VERSION:
        number = record.version;
        break;
    case DE_KV_COMPARE_CREATE:
        number = record.create_revision;
        break;
    default:
        DE_ASSERT(compare->target == DE_KV_COMPARE_MOD);
        number = record.mod_revision;
        break;
    }
    *holds =
        relation_holds(compare->relation, (number > compare->number) - (number < compare->number));
    return 0;
}

static int all_hold(struct de_kv *kv, const struct de_kv_list *compares, bool *hold)
{
    struct de_reader reader;

    DE_ASSERT(compares->count <= DE_KV_LIST_ITEMS_MAX);
    *hold = true;
    de_reader_init(&reader, compares->bytes.data, compares->bytes.size);
    for (uint32_t i = 0; i < compares->count && *hold; i++) {
        struct de_kv_compare compare;
        const bool read = de_kv_compare_read(&reader, &compare);

        DE_ASSERT(read); /* checked when the command was decoded */
        if (de_kv_holds(kv, &compare, hold) != 0) {
            return kv->failed;
        }
    }
    return 0;
}

static int run_list(struct de_kv *kv, const struct de_kv_list *ops)
{
    struct de_reader reader;
    int rc = de_kv_answer_ops_begin(kv, ops->count);

    DE_ASSERT(kv->undoing);
    de_reader_init(&reader, ops->bytes.data, ops->bytes.size);
    for (uint32_t i = 0; i < ops->count && rc == 0; i++) {
        struct de_kv_op op;
        const bool read = de_kv_op_read(&reader, &op);

        DE_ASSERT(read);
        rc = de_kv_run_op(kv, &op, true);
    }
    return rc;
}

int de_kv_run_txn(struct de_kv *kv, const struct de_kv_command *command, bool *succeeded)
{
    const struct de_kv_mark before = kv->open;
    int undone;
    int rc = all_hold(kv, &command->compares, succeeded);

    DE_ASSERT(command->type == DE_KV_TXN);
    DE_ASSERT(!kv->undoing);
    if (rc != 0) {
        return rc;
    }
    DE_ASSERT(kv->failed == 0);
    de_kv_undo_begin(kv);
    rc = run_list(kv, *succeeded ? &command->then_ops : &command->else_ops);
    if (kv->failed != 0) {
        return kv->failed;
    }
    undone = de_kv_undo_end(kv, rc != 0);
    if (rc != 0) {
        kv->open = before;
    }
    return undone != 0 ? undone : rc;
}
