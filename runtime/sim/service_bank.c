#include "runtime/sim/service_bank.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/kv/answer.h"

#define TEXT_MAX 24
/* No grant gives it: ids of leases are revisions. */
#define NO_SUCH_LEASE (UINT64_C(1) << 60)

static struct dengine_slice name_of(char text[TEXT_MAX], uint64_t account)
{
    (void)snprintf(text, TEXT_MAX, "account%" PRIu64, account);
    return dengine_str(text);
}

static struct dengine_slice amount_of(char text[TEXT_MAX], uint64_t amount)
{
    (void)snprintf(text, TEXT_MAX, "%" PRIu64, amount);
    return dengine_str(text);
}

static void add_op(struct de_kv_list *list, struct de_writer *writer, const struct de_kv_op *op)
{
    int err = de_kv_list_add_op(list, writer, op, SIZE_MAX);

    DE_ASSERT(err == 0);
}

static void add_look(struct de_kv_list *list, uint8_t *bytes, size_t size)
{
    const struct de_kv_op op = {
        .type = DE_KV_RANGE, .key = DENGINE_STR("account"), .end = DENGINE_STR("accounu")};
    struct de_writer writer;

    de_writer_init(&writer, bytes, size);
    add_op(list, &writer, &op);
}

static void add_compare(const struct de_bank_view *view, uint64_t account, struct de_kv_list *list,
                        struct de_writer *writer)
{
    char name[TEXT_MAX];
    const struct de_kv_compare compare = {.target = DE_KV_COMPARE_MOD,
                                          .relation = DE_KV_EQUAL,
                                          .key = name_of(name, account),
                                          .number = view->revisions[account]};
    int err = de_kv_list_add_compare(list, writer, &compare, SIZE_MAX);

    DE_ASSERT(err == 0);
}

static void add_put(struct de_kv_list *list, struct de_writer *writer, uint64_t account,
                    uint64_t balance)
{
    char name[TEXT_MAX];
    char amount[TEXT_MAX];
    const struct de_kv_op op = {
        .type = DE_KV_PUT, .key = name_of(name, account), .value = amount_of(amount, balance)};

    add_op(list, writer, &op);
}

void de_bank_transfer(const struct de_bank_view *view, struct de_dice *dice, bool doomed,
                      struct de_kv_command *command, struct de_bank_lists *lists)
{
    const uint64_t from = de_dice_below(dice, DE_BANK_ACCOUNTS);
    const uint64_t to = (from + de_dice_between(dice, 1, DE_BANK_ACCOUNTS - 1)) % DE_BANK_ACCOUNTS;
    const uint64_t amount = de_dice_below(dice, view->balances[from] + 1);
    const struct de_kv_op note = {.type = DE_KV_PUT,
                                  .key = DENGINE_STR("note"),
                                  .value = DENGINE_STR("x"),
                                  .lease = doomed ? NO_SUCH_LEASE : 0};
    struct de_writer writer;

    DE_ASSERT(view->known && from != to);
    command->type = DE_KV_TXN;
    de_writer_init(&writer, lists->compares, sizeof(lists->compares));
    add_compare(view, from, &command->compares, &writer);
    add_compare(view, to, &command->compares, &writer);
    de_writer_init(&writer, lists->then_ops, sizeof(lists->then_ops));
    add_put(&command->then_ops, &writer, from, view->balances[from] - amount);
    add_op(&command->then_ops, &writer, &note);
    add_put(&command->then_ops, &writer, to, view->balances[to] + amount);
    add_look(&command->else_ops, lists->else_ops, sizeof(lists->else_ops));
}

void de_bank_audit(struct de_kv_command *command, struct de_bank_lists *lists)
{
    command->type = DE_KV_TXN;
    add_look(&command->then_ops, lists->then_ops, sizeof(lists->then_ops));
    DE_ASSERT(command->then_ops.count == 1);
}

/* An account in an answer. */
static bool take_account(struct de_bank_view *view, const struct de_kv_pair *pair)
{
    char text[TEXT_MAX];
    uint64_t account;

    (void)snprintf(text, sizeof(text), "%.*s", (int)pair->key.size, (const char *)pair->key.data);
    account = strtoull(text + sizeof("account") - 1, NULL, 10);
    if (account >= DE_BANK_ACCOUNTS) {
        return false;
    }
    (void)snprintf(text, sizeof(text), "%.*s", (int)pair->record.value.size,
                   (const char *)pair->record.value.data);
    view->balances[account] = strtoull(text, NULL, 10);
    view->revisions[account] = pair->record.mod_revision;
    return true;
}

const char *de_bank_look(struct de_bank_view *view, struct dengine_slice bytes)
{
    struct de_kv_answer answer;
    struct de_kv_op_answer op;
    struct de_kv_pair pair;
    uint64_t sum = 0;
    bool good = de_kv_answer_decode(bytes, &answer) == 0 && answer.ops == 1 &&
                de_kv_op_answer_read(&answer.reader, &op) && op.type == DE_KV_RANGE;

    for (uint32_t i = 0; i < DE_BANK_ACCOUNTS; i++) {
        view->balances[i] = DE_BANK_INITIAL;
        view->revisions[i] = 0;
    }
    for (uint32_t i = 0; good && i < op.pairs; i++) {
        good = de_kv_pair_read(&answer.reader, &pair) && take_account(view, &pair);
    }
    if (!good) {
        return "finds something else than accounts";
    }
    for (uint32_t i = 0; i < DE_BANK_ACCOUNTS; i++) {
        sum += view->balances[i];
    }
    view->known = true;
    return sum == (uint64_t)DE_BANK_ACCOUNTS * DE_BANK_INITIAL
               ? NULL
               : "finds another sum of the accounts than there always was";
}
