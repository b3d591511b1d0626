#include "engine/txn_command.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/kv/kv.h"

#define NS_PER_MS UINT64_C(1000000)

/* What an item takes beside its key, end and value, at most. */
#define ITEM_BYTES 64

/* ---- there ---- */

static size_t bytes_of_ops(const struct dengine_op *ops, size_t count)
{
    size_t bytes = 0;
    size_t i;

    DE_ASSERT(count <= DENGINE_TXN_ITEMS_MAX);
    for (i = 0; i < count; i++) {
        bytes += ITEM_BYTES + ops[i].key.size + ops[i].end.size + ops[i].value.size;
    }
    return bytes;
}

static size_t bytes_of_compares(const struct dengine_compare *compares, size_t count)
{
    size_t bytes = 0;
    size_t i;

    DE_ASSERT(count <= DENGINE_TXN_ITEMS_MAX);
    for (i = 0; i < count; i++) {
        bytes += ITEM_BYTES + compares[i].key.size + compares[i].value.size;
    }
    return bytes;
}

/* A list of a transaction, while it is encoded. */
struct adding {
    const char *what; /* an item of it */
    size_t value_max;
    struct de_writer *writer;
    char *reason;
};

/* Says what is wrong with item i, which is counted from 1. */
static int refuse(const struct adding *adding, size_t i, int err, size_t value_size)
{
    const char *wrong = err == DENGINE_E_TOO_LARGE
                            ? "is too large"
                            : "makes no sense: unknown kind, empty key, range that ends before "
                              "it begins, or more set than the kind uses";

    DE_ASSERT(err != 0 && err != DENGINE_E_NO_SPACE); /* room was made for all */
    if (err == DENGINE_E_TOO_LARGE && value_size > adding->value_max) {
        (void)snprintf(adding->reason, DE_TXN_REASON_BYTES,
                       "%s %zu: the value has %zu bytes, at most %zu are allowed", adding->what,
                       i + 1, value_size, adding->value_max);
    } else {
        (void)snprintf(adding->reason, DE_TXN_REASON_BYTES, "%s %zu %s", adding->what, i + 1,
                       wrong);
    }
    return err;
}

static int add_compares(const struct adding *adding, const struct dengine_txn *txn,
                        struct de_kv_list *list)
{
    size_t i;

    DE_ASSERT(list->count == 0);
    for (i = 0; i < txn->compare_count; i++) {
        const struct dengine_compare *from = &txn->compares[i];
        const struct de_kv_compare compare = {.target = (uint32_t)from->target,
                                              .relation = (uint32_t)from->relation,
                                              .key = from->key,
                                              .value = from->value,
                                              .number = from->number};
        const int err = de_kv_list_add_compare(list, adding->writer, &compare, adding->value_max);

        if (err != 0) {
            return refuse(adding, i, err, from->value.size);
        }
    }
    return 0;
}

static int add_op(const struct adding *adding, const struct dengine_op *from,
                  struct de_kv_list *list)
{
    const struct de_kv_op op = {.type = (uint32_t)from->type,
                                .key = from->key,
                                .end = from->end,
                                .value = from->value,
                                .lease = from->lease,
                                .ttl_ns = from->ttl_ms * NS_PER_MS,
                                .limit = from->limit,
                                .want_previous = from->previous,
                                .keys_only = from->keys_only,
                                .count_only = from->count_only};

    if (from->ttl_ms > DE_KV_TTL_MAX_NS / NS_PER_MS) {
        return DENGINE_E_INVALID;
    }
    return de_kv_list_add_op(list, adding->writer, &op, adding->value_max);
}

static int add_ops(const struct adding *adding, const struct dengine_op *ops, size_t count,
                   struct de_kv_list *list)
{
    size_t i;

    DE_ASSERT(list->count == 0);
    for (i = 0; i < count; i++) {
        const int err = add_op(adding, &ops[i], list);

        if (err != 0) {
            return refuse(adding, i, err, ops[i].value.size);
        }
    }
    return 0;
}

/* All three lists. */
static int add_lists(const struct dengine_txn *txn, size_t value_max, struct de_writer *writer,
                     struct de_kv_command *command, char *reason)
{
    struct adding adding = {"comparison", value_max, writer, reason};
    int err = add_compares(&adding, txn, &command->compares);

    if (err == 0) {
        adding.what = "operation";
        err = add_ops(&adding, txn->then_ops, txn->then_count, &command->then_ops);
    }
    if (err == 0) {
        adding.what = "else-operation";
        err = add_ops(&adding, txn->else_ops, txn->else_count, &command->else_ops);
    }
    if (err == 0) {
        err = de_kv_command_check(command, value_max);
        if (err != 0) {
            (void)snprintf(reason, DE_TXN_REASON_BYTES, "the transaction %s",
                           err == DENGINE_E_TOO_LARGE ? "is too large" : "makes no sense");
        }
    }
    return err;
}

int de_txn_encode(const struct dengine_txn *txn, const struct de_client_session *session,
                  size_t value_max, uint8_t **bytes, size_t *size, char reason[DE_TXN_REASON_BYTES])
{
    const size_t room = bytes_of_compares(txn->compares, txn->compare_count) +
                        bytes_of_ops(txn->then_ops, txn->then_count) +
                        bytes_of_ops(txn->else_ops, txn->else_count);
    struct de_kv_command command = {.type = DE_KV_TXN,
                                    .session = session->id,
                                    .sequence = session->sequence,
                                    .acknowledged = session->acknowledged};
    uint8_t *items = malloc(room + 1);
    struct de_writer writer;
    int err;

    *bytes = NULL;
    reason[0] = '\0';
    if (items == NULL) {
        return DENGINE_E_NO_MEMORY;
    }
    de_writer_init(&writer, items, room);
    err = add_lists(txn, value_max, &writer, &command, reason);
    if (err == 0) {
        *size = de_kv_command_size(&command);
        *bytes = malloc(*size);
        err = *bytes != NULL ? 0 : DENGINE_E_NO_MEMORY;
    }
    if (err == 0) {
        (void)de_kv_command_encode(&command, *bytes, *size);
    }
    free(items);
    return err;
}

/* ---- and back ---- */

struct tally {
    size_t pairs;
    size_t bytes;
};

static struct tally count_pairs(const struct de_kv_answer *answer)
{
    struct de_reader reader = answer->reader;
    struct de_kv_op_answer op;
    struct de_kv_pair pair;
    struct tally tally = {0, 0};
    uint32_t i;
    uint32_t k;

    for (i = 0; i < answer->ops; i++) {
        const bool read = de_kv_op_answer_read(&reader, &op);

        DE_ASSERT(read); /* checked when the answer was decoded */
        for (k = 0; k < op.pairs && de_kv_pair_read(&reader, &pair); k++) {
            tally.pairs++;
            tally.bytes += pair.key.size + pair.record.value.size;
        }
    }
    return tally;
}

static void take_ops(struct de_kv_answer *answer, struct de_client_txn *building)
{
    struct de_kv_op_answer op;
    struct de_kv_pair pair;
    uint32_t i;
    uint32_t k;

    for (i = 0; i < answer->ops && de_kv_op_answer_read(&answer->reader, &op); i++) {
        de_client_txn_add_op(building, (enum dengine_op_type)op.type, op.count, op.more);
        for (k = 0; k < op.pairs && de_kv_pair_read(&answer->reader, &pair); k++) {
            const struct dengine_pair copy = {.key = pair.key,
                                              .value = pair.record.value,
                                              .create_revision = pair.record.create_revision,
                                              .mod_revision = pair.record.mod_revision,
                                              .version = pair.record.version,
                                              .lease = pair.record.lease};

            de_client_txn_add_pair(building, &copy);
        }
    }
    DE_ASSERT(!answer->reader.failed);
}

int de_txn_take_answer(struct dengine_slice bytes, struct dengine_txn_result *result)
{
    struct de_client_txn building;
    struct de_kv_answer answer;
    struct tally tally;
    int err = de_kv_answer_decode(bytes, &answer);

    *result = (struct dengine_txn_result){0};
    if (err == 0 && answer.kind != DE_KV_ANSWER_OPS) {
        err = DENGINE_E_PROTOCOL;
    }
    if (err != 0) {
        return err;
    }
    tally = count_pairs(&answer);
    err = de_client_txn_new(&building, result, answer.ops, tally.pairs, tally.bytes);
    if (err == 0) {
        take_ops(&answer, &building);
    }
    return err;
}
