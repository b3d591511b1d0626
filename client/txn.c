/* Transactions: the public calls, and their results in one block of memory each: operations, then
 * the pairs they found, then the bytes that those point to. */
#include <stdlib.h>

#include "client/client_ops.h"
#include "core/base/assert.h"

/* ---- results ---- */

int de_client_txn_new(struct de_client_txn *building, struct dengine_txn_result *result, size_t ops,
                      size_t pairs, size_t bytes)
{
    const size_t table = ops * sizeof(struct dengine_op_result);
    struct dengine_page pages;
    int err;

    DE_ASSERT(ops <= DENGINE_TXN_ITEMS_MAX);
    *result = (struct dengine_txn_result){0};
    /* The pairs are laid out as those of a page, which is what each of them was found in. */
    err = de_client_page_new(&pages, pairs, bytes);
    if (err != 0) {
        return err;
    }
    result->owner = malloc(table + 1);
    if (result->owner == NULL) {
        dengine_page_free(&pages);
        return DENGINE_E_NO_MEMORY;
    }
    result->ops = result->owner;
    result->pairs_owner = pages.owner;
    building->result = result;
    building->page = pages;
    building->at = de_client_page_bytes(&pages, pairs);
    return 0;
}

void de_client_txn_add_op(struct de_client_txn *building, enum dengine_op_type type, uint64_t count,
                          bool more)
{
    struct dengine_op_result *ops = building->result->owner;
    struct dengine_op_result *op = &ops[building->result->op_count++];

    DE_ASSERT(building->page.owner != NULL);
    op->type = type;
    op->count = count;
    op->more = more;
    op->pairs = building->page.pairs + building->page.count;
    op->pair_count = 0;
}

void de_client_txn_add_pair(struct de_client_txn *building, const struct dengine_pair *pair)
{
    struct dengine_op_result *ops = building->result->owner;

    DE_ASSERT(building->result->op_count > 0);
    de_client_page_add(&building->page, &building->at, pair);
    ops[building->result->op_count - 1].pair_count++;
}

void dengine_txn_result_free(struct dengine_txn_result *result)
{
    if (result != NULL) {
        free(result->owner);
        free(result->pairs_owner);
        *result = (struct dengine_txn_result){0};
    }
}

/* ---- calls ---- */

static bool sound(struct dengine_slice bytes)
{
    return bytes.data != NULL || bytes.size == 0;
}

static bool sound_ops(const struct dengine_op *ops, size_t count)
{
    size_t i;

    if (count > DENGINE_TXN_ITEMS_MAX || (ops == NULL && count > 0)) {
        return false;
    }
    for (i = 0; i < count; i++) {
        if (!sound(ops[i].key) || !sound(ops[i].end) || !sound(ops[i].value)) {
            return false;
        }
    }
    return true;
}

static bool sound_compares(const struct dengine_compare *compares, size_t count)
{
    size_t i;

    if (count > DENGINE_TXN_ITEMS_MAX || (compares == NULL && count > 0)) {
        return false;
    }
    for (i = 0; i < count; i++) {
        if (!sound(compares[i].key) || !sound(compares[i].value)) {
            return false;
        }
    }
    return true;
}

static int txn_call(const struct dengine_txn *txn, struct de_client_call *call)
{
    *call = (struct de_client_call){.type = DE_CLIENT_TXN, .txn = txn};
    if (txn == NULL || !sound_compares(txn->compares, txn->compare_count) ||
        !sound_ops(txn->then_ops, txn->then_count) || !sound_ops(txn->else_ops, txn->else_count)) {
        de_client_set_last_error("each list of a transaction may have %d items, and bytes have to "
                                 "be where a size says that there are some",
                                 DENGINE_TXN_ITEMS_MAX);
        return DENGINE_E_INVALID;
    }
    return 0;
}

int dengine_txn(struct dengine_client *client, const struct dengine_txn *txn,
                const struct dengine_call_options *options, struct dengine_txn_result *result)
{
    struct de_client_call call;
    struct dengine_reply reply;
    int err = txn_call(txn, &call);

    if (result == NULL) {
        de_client_set_last_error("there is no room for the result");
        return DENGINE_E_INVALID;
    }
    *result = (struct dengine_txn_result){0};
    if (err == 0) {
        err = de_client_run(client, options, &call, &reply);
    }
    if (err == 0) {
        *result = reply.txn;
        result->succeeded = reply.succeeded;
        result->revision = reply.revision;
    }
    return err;
}

int dengine_txn_async(struct dengine_client *client, const struct dengine_txn *txn,
                      const struct dengine_call_options *options, dengine_callback *callback,
                      void *context)
{
    struct de_client_call call;
    const int err = txn_call(txn, &call);

    return err != 0 ? err : de_client_start(client, options, &call, callback, context);
}
