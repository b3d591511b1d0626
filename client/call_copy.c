#include "client/call_copy.h"

#include <string.h>

#include "core/base/assert.h"

/* Copies what slice points to. */
static void copy_slice(struct dengine_slice *slice, uint8_t **at)
{
    if (slice->size > 0) {
        memcpy(*at, slice->data, slice->size);
        slice->data = *at;
        *at += slice->size;
    } else {
        slice->data = NULL;
    }
}

/* A transaction in the room: itself and its lists, then their bytes. */
struct parts {
    struct dengine_txn txn;
    struct dengine_compare compares[DENGINE_TXN_ITEMS_MAX];
    struct dengine_op then_ops[DENGINE_TXN_ITEMS_MAX];
    struct dengine_op else_ops[DENGINE_TXN_ITEMS_MAX];
};

static size_t bytes_of_ops(const struct dengine_op *ops, size_t count)
{
    size_t bytes = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        bytes += ops[i].key.size + ops[i].end.size + ops[i].value.size;
    }
    return bytes;
}

size_t de_call_copy_bytes(const struct de_client_call *call)
{
    const struct dengine_txn *txn = call->txn;
    size_t bytes = call->key.size + call->end.size + call->value.size + call->expected.size;
    size_t i;

    if (txn != NULL) {
        bytes += sizeof(struct parts) + bytes_of_ops(txn->then_ops, txn->then_count) +
                 bytes_of_ops(txn->else_ops, txn->else_count);
        for (i = 0; i < txn->compare_count; i++) {
            bytes += txn->compares[i].key.size + txn->compares[i].value.size;
        }
    }
    return bytes;
}

static void copy_ops(const struct dengine_op *from, size_t count, struct dengine_op *to,
                     uint8_t **at)
{
    size_t i;

    DE_ASSERT(count <= DENGINE_TXN_ITEMS_MAX);
    for (i = 0; i < count; i++) {
        to[i] = from[i];
        copy_slice(&to[i].key, at);
        copy_slice(&to[i].end, at);
        copy_slice(&to[i].value, at);
    }
}

static void copy_txn(const struct dengine_txn *from, struct parts *parts, uint8_t **at)
{
    size_t i;

    DE_ASSERT(from->compare_count <= DENGINE_TXN_ITEMS_MAX);
    for (i = 0; i < from->compare_count; i++) {
        parts->compares[i] = from->compares[i];
        copy_slice(&parts->compares[i].key, at);
        copy_slice(&parts->compares[i].value, at);
    }
    copy_ops(from->then_ops, from->then_count, parts->then_ops, at);
    copy_ops(from->else_ops, from->else_count, parts->else_ops, at);
    parts->txn = *from;
    parts->txn.compares = parts->compares;
    parts->txn.then_ops = parts->then_ops;
    parts->txn.else_ops = parts->else_ops;
}

void de_call_copy(const struct de_client_call *call, struct de_client_call *copy, void *room)
{
    uint8_t *at = room;

    DE_ASSERT(call->scan == NULL);
    *copy = *call;
    if (call->txn != NULL) {
        struct parts *parts = room;

        at += sizeof *parts;
        copy_txn(call->txn, parts, &at);
        copy->txn = &parts->txn;
    }
    copy_slice(&copy->key, &at);
    copy_slice(&copy->end, &at);
    copy_slice(&copy->value, &at);
    copy_slice(&copy->expected, &at);
    DE_ASSERT((size_t)(at - (uint8_t *)room) == de_call_copy_bytes(call));
}
