#include "server/service_txn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "engine/txn_command.h"

/* ---- requests ---- */

static struct dengine_slice slice_of(const ProtobufCBinaryData *data)
{
    return dengine_bytes(data->data, data->len);
}

/* The lists of a request, which they borrow from. */
struct lists {
    struct dengine_compare compares[DENGINE_TXN_ITEMS_MAX];
    struct dengine_op then_ops[DENGINE_TXN_ITEMS_MAX];
    struct dengine_op else_ops[DENGINE_TXN_ITEMS_MAX];
};

static void take_compares(const DEngine__Client__Txn *from, struct dengine_compare *compares)
{
    size_t i;

    DE_ASSERT(from->n_compares <= DENGINE_TXN_ITEMS_MAX);
    for (i = 0; i < from->n_compares; i++) {
        const DEngine__Client__Txn__Compare *item = from->compares[i];

        compares[i].target = (enum dengine_compare_target)item->target;
        compares[i].relation = (enum dengine_relation)item->relation;
        compares[i].key = slice_of(&item->key);
        compares[i].value = slice_of(&item->value);
        compares[i].number = item->number;
    }
}

static void take_ops(DEngine__Client__Txn__Op *const *from, size_t count, struct dengine_op *ops)
{
    size_t i;

    DE_ASSERT(count <= DENGINE_TXN_ITEMS_MAX);
    for (i = 0; i < count; i++) {
        ops[i].type = (enum dengine_op_type)from[i]->type;
        ops[i].key = slice_of(&from[i]->key);
        ops[i].end = slice_of(&from[i]->end);
        ops[i].value = slice_of(&from[i]->value);
        ops[i].ttl_ms = from[i]->ttl_ms;
        ops[i].lease = from[i]->lease;
        ops[i].limit = from[i]->limit;
        ops[i].previous = from[i]->previous != 0;
        ops[i].keys_only = from[i]->keys_only != 0;
        ops[i].count_only = from[i]->count_only != 0;
    }
}

int de_service_txn_encode(const DEngine__Client__Txn *from, const struct de_client_session *session,
                          size_t value_max, uint8_t **bytes, size_t *size,
                          char reason[DE_TXN_REASON_BYTES])
{
    struct lists *lists;
    struct dengine_txn txn;
    int err;

    *bytes = NULL;
    if (from->n_compares > DENGINE_TXN_ITEMS_MAX || from->n_then_ops > DENGINE_TXN_ITEMS_MAX ||
        from->n_else_ops > DENGINE_TXN_ITEMS_MAX) {
        (void)snprintf(reason, DE_TXN_REASON_BYTES, "each list of a transaction may have %d items",
                       DENGINE_TXN_ITEMS_MAX);
        return DENGINE_E_TOO_LARGE;
    }
    reason[0] = '\0';
    lists = malloc(sizeof *lists);
    if (lists == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    take_compares(from, lists->compares);
    take_ops(from->then_ops, from->n_then_ops, lists->then_ops);
    take_ops(from->else_ops, from->n_else_ops, lists->else_ops);
    txn = (struct dengine_txn){.compares = lists->compares,
                               .compare_count = from->n_compares,
                               .then_ops = lists->then_ops,
                               .then_count = from->n_then_ops,
                               .else_ops = lists->else_ops,
                               .else_count = from->n_else_ops};
    err = de_txn_encode(&txn, session, value_max, bytes, size, reason);
    free(lists);
    return err;
}

/* ---- replies ---- */

/* protobuf-c has no const; packing changes nothing. */
static ProtobufCBinaryData binary(struct dengine_slice slice)
{
    ProtobufCBinaryData data = {slice.size, NULL};

    memcpy(&data.data, &slice.data, sizeof data.data);
    return data;
}

/* Messages for what a transaction found; they borrow from it. */
struct messages {
    DEngine__Client__OpResult *ops;
    DEngine__Client__OpResult **op_pointers;
    DEngine__Client__ClientResult *pairs;
    DEngine__Client__ClientResult **pair_pointers;
};

static bool messages_new(const struct dengine_txn_result *result, struct messages *messages)
{
    size_t pairs = 0;
    size_t i;

    for (i = 0; i < result->op_count; i++) {
        pairs += result->ops[i].pair_count;
    }
    messages->ops = malloc((result->op_count + 1) * sizeof *messages->ops);
    messages->op_pointers = malloc((result->op_count + 1) * sizeof *messages->op_pointers);
    messages->pairs = malloc((pairs + 1) * sizeof *messages->pairs);
    messages->pair_pointers = malloc((pairs + 1) * sizeof *messages->pair_pointers);
    return messages->ops != NULL && messages->op_pointers != NULL && messages->pairs != NULL &&
           messages->pair_pointers != NULL;
}

static void messages_free(struct messages *messages)
{
    free(messages->ops);
    free(messages->op_pointers);
    free(messages->pairs);
    free(messages->pair_pointers);
}

static void fill_pair(DEngine__Client__ClientResult *to, const struct dengine_pair *pair)
{
    d_engine__client__client_result__init(to);
    to->key = binary(pair->key);
    to->value = binary(pair->value);
    to->mod_revision = pair->mod_revision;
    to->create_revision = pair->create_revision;
    to->version = pair->version;
    to->lease = pair->lease;
}

static void fill(struct messages *messages, const struct dengine_txn_result *result)
{
    size_t pairs = 0;
    size_t i;
    size_t k;

    DE_ASSERT(messages->ops != NULL);
    for (i = 0; i < result->op_count; i++) {
        const struct dengine_op_result *op = &result->ops[i];
        DEngine__Client__OpResult *to = &messages->ops[i];

        d_engine__client__op_result__init(to);
        to->type = (DEngine__Client__OpType)op->type;
        to->count = op->count;
        to->more = op->more;
        to->n_pairs = op->pair_count;
        to->pairs = &messages->pair_pointers[pairs];
        for (k = 0; k < op->pair_count; k++, pairs++) {
            fill_pair(&messages->pairs[pairs], &op->pairs[k]);
            messages->pair_pointers[pairs] = &messages->pairs[pairs];
        }
        messages->op_pointers[i] = to;
    }
}

/* Packs and sends; false for want of memory. */
static bool send(struct de_rpc_call *call, const struct dengine_result *done,
                 const struct dengine_txn_result *result, struct messages *messages)
{
    DEngine__Client__ClientResponse response = D_ENGINE__CLIENT__CLIENT_RESPONSE__INIT;
    DEngine__Client__WriteResult written = D_ENGINE__CLIENT__WRITE_RESULT__INIT;
    uint8_t *bytes;
    size_t size;

    fill(messages, result);
    written.succeeded = done->succeeded;
    written.revision = done->revision;
    written.n_ops = result->op_count;
    written.ops = messages->op_pointers;
    response.success_result_case = D_ENGINE__CLIENT__CLIENT_RESPONSE__SUCCESS_RESULT_WRITE_RESULT;
    response.write_result = &written;
    size = d_engine__client__client_response__get_packed_size(&response);
    bytes = malloc(size + 1);
    if (bytes != NULL) {
        (void)d_engine__client__client_response__pack(&response, bytes);
        de_rpc_reply(call, GRPC_STATUS_OK, NULL, dengine_bytes(bytes, size));
        free(bytes);
    }
    return bytes != NULL;
}

void de_service_txn_reply(struct de_service *service, struct de_rpc_call *call,
                          const struct dengine_result *done)
{
    struct dengine_txn_result result;
    struct messages messages = {NULL, NULL, NULL, NULL};
    bool sent = false;

    DE_ASSERT(done->status == 0);
    if (de_txn_take_answer(done->bytes, &result) == 0) {
        sent = messages_new(&result, &messages) && send(call, done, &result, &messages);
        messages_free(&messages);
        dengine_txn_result_free(&result);
    }
    if (!sent) { /* it was done, but what it found is lost */
        de_service_reply_error(service, call, DENGINE_E_UNKNOWN, true,
                               "the transaction was carried out, but there was no memory for what "
                               "it found");
    }
}
