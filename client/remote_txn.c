#include "client/remote_txn.h"

#include <stdlib.h>
#include <string.h>

#include "client/client_ops.h"
#include "core/base/assert.h"

/* ---- requests ---- */

struct ops {
    DEngine__Client__Txn__Op items[DENGINE_TXN_ITEMS_MAX];
    DEngine__Client__Txn__Op *pointers[DENGINE_TXN_ITEMS_MAX];
};

struct de_txn_message {
    DEngine__Client__Txn txn;
    DEngine__Client__Txn__Compare compares[DENGINE_TXN_ITEMS_MAX];
    DEngine__Client__Txn__Compare *compare_pointers[DENGINE_TXN_ITEMS_MAX];
    struct ops then_ops;
    struct ops else_ops;
};

/* protobuf-c has no const; packing changes nothing. */
static ProtobufCBinaryData binary(struct dengine_slice slice)
{
    ProtobufCBinaryData data = {slice.size, NULL};

    memcpy(&data.data, &slice.data, sizeof data.data);
    return data;
}

static void put_compares(const struct dengine_txn *txn, struct de_txn_message *message)
{
    size_t i;

    DE_ASSERT(txn->compare_count <= DENGINE_TXN_ITEMS_MAX);
    for (i = 0; i < txn->compare_count; i++) {
        const struct dengine_compare *from = &txn->compares[i];
        DEngine__Client__Txn__Compare *item = &message->compares[i];

        d_engine__client__txn__compare__init(item);
        item->target = (DEngine__Client__CompareTarget)from->target;
        item->relation = (DEngine__Client__CompareRelation)from->relation;
        item->key = binary(from->key);
        item->value = binary(from->value);
        item->number = from->number;
        message->compare_pointers[i] = item;
    }
    message->txn.n_compares = txn->compare_count;
    message->txn.compares = message->compare_pointers;
}

static void put_ops(const struct dengine_op *from, size_t count, struct ops *ops)
{
    size_t i;

    DE_ASSERT(count <= DENGINE_TXN_ITEMS_MAX);
    for (i = 0; i < count; i++) {
        DEngine__Client__Txn__Op *item = &ops->items[i];

        d_engine__client__txn__op__init(item);
        item->type = (DEngine__Client__OpType)from[i].type;
        item->key = binary(from[i].key);
        item->end = binary(from[i].end);
        item->value = binary(from[i].value);
        item->ttl_ms = from[i].ttl_ms;
        item->lease = from[i].lease;
        item->limit = from[i].limit;
        item->previous = from[i].previous;
        item->keys_only = from[i].keys_only;
        item->count_only = from[i].count_only;
        ops->pointers[i] = item;
    }
}

int de_txn_message_new(const struct dengine_txn *txn, struct de_txn_message **result)
{
    struct de_txn_message *message = malloc(sizeof *message);

    *result = message;
    if (message == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    d_engine__client__txn__init(&message->txn);
    put_compares(txn, message);
    put_ops(txn->then_ops, txn->then_count, &message->then_ops);
    message->txn.n_then_ops = txn->then_count;
    message->txn.then_ops = message->then_ops.pointers;
    put_ops(txn->else_ops, txn->else_count, &message->else_ops);
    message->txn.n_else_ops = txn->else_count;
    message->txn.else_ops = message->else_ops.pointers;
    return 0;
}

DEngine__Client__Txn *de_txn_message_of(struct de_txn_message *message)
{
    DE_ASSERT(message != NULL);
    return &message->txn;
}

void de_txn_message_free(struct de_txn_message *message)
{
    free(message);
}

/* ---- replies ---- */

static struct dengine_slice slice_of(const ProtobufCBinaryData *data)
{
    return dengine_bytes(data->data, data->len);
}

static void take_pairs(const DEngine__Client__OpResult *op, struct de_client_txn *building)
{
    size_t i;

    for (i = 0; i < op->n_pairs; i++) {
        const DEngine__Client__ClientResult *from = op->pairs[i];
        const struct dengine_pair pair = {.key = slice_of(&from->key),
                                          .value = slice_of(&from->value),
                                          .create_revision = from->create_revision,
                                          .mod_revision = from->mod_revision,
                                          .version = from->version,
                                          .lease = from->lease};

        de_client_txn_add_pair(building, &pair);
    }
}

int de_txn_unpack(const DEngine__Client__WriteResult *from, struct dengine_txn_result *result)
{
    struct de_client_txn building;
    size_t pairs = 0;
    size_t bytes = 0;
    size_t i;
    size_t k;
    int err;

    *result = (struct dengine_txn_result){0};
    if (from->n_ops > DENGINE_TXN_ITEMS_MAX) {
        return DENGINE_E_PROTOCOL;
    }
    for (i = 0; i < from->n_ops; i++) {
        for (k = 0; k < from->ops[i]->n_pairs; k++, pairs++) {
            bytes += from->ops[i]->pairs[k]->key.len + from->ops[i]->pairs[k]->value.len;
        }
    }
    err = de_client_txn_new(&building, result, from->n_ops, pairs, bytes);
    for (i = 0; err == 0 && i < from->n_ops; i++) {
        const DEngine__Client__OpResult *op = from->ops[i];

        de_client_txn_add_op(&building, (enum dengine_op_type)op->type, op->count, op->more != 0);
        take_pairs(op, &building);
    }
    return err;
}
