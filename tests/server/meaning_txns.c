/* Transactions: every comparison, every operation with its options. */
#include "core/base/assert.h"
#include "tests/server/meaning.h"

static void run(struct de_meaning *m, const char *what, const struct dengine_txn *txn)
{
    struct dengine_txn_result result;

    de_say(m, dengine_txn(m->client, txn, NULL, &result), "txn %s", what);
    de_say_txn(m, &result);
}

static void compare(struct de_meaning *m, const char *what, const struct dengine_compare *compare)
{
    const struct dengine_txn txn = {.compares = compare, .compare_count = 1};

    run(m, what, &txn);
}

/* Each target in each relation to a key that is there and to one that is not. */
static void compares(struct de_meaning *m)
{
    for (int target = DENGINE_COMPARE_VALUE; target <= DENGINE_COMPARE_MOD_REVISION; target++) {
        for (int relation = DENGINE_EQUAL; relation <= DENGINE_GREATER; relation++) {
            struct dengine_compare one = {.target = (enum dengine_compare_target)target,
                                          .relation = (enum dengine_relation)relation,
                                          .key = DENGINE_STR("a")};

            one.value = target == DENGINE_COMPARE_VALUE ? DENGINE_STR("2") : DENGINE_STR("");
            one.number = target == DENGINE_COMPARE_VERSION ? 2 : 0;
            compare(m, "comparing", &one);
            one.key = DENGINE_STR("nowhere");
            compare(m, "comparing nothing", &one);
        }
    }
}

static void operations(struct de_meaning *m)
{
    const struct dengine_op ops[] = {
        {.type = DENGINE_OP_PUT, .key = DENGINE_STR("t1"), .value = DENGINE_STR("1")},
        {.type = DENGINE_OP_PUT,
         .key = DENGINE_STR("t1"),
         .value = DENGINE_STR("2"),
         .previous = true},
        {.type = DENGINE_OP_PUT,
         .key = DENGINE_STR("t2"),
         .value = DENGINE_STR("2"),
         .ttl_ms = 3600000},
        {.type = DENGINE_OP_PUT, .key = DENGINE_STR("t3"), .value = DENGINE_STR("3"), .lease = 1},
        {.type = DENGINE_OP_GET, .key = DENGINE_STR("t1")},
        {.type = DENGINE_OP_GET, .key = DENGINE_STR("nowhere")},
        {.type = DENGINE_OP_RANGE, .key = DENGINE_STR("t"), .end = DENGINE_STR("u")},
        {.type = DENGINE_OP_RANGE, .key = DENGINE_STR("t"), .end = DENGINE_STR("u"), .limit = 1},
        {.type = DENGINE_OP_RANGE,
         .key = DENGINE_STR("t"),
         .end = DENGINE_STR("u"),
         .keys_only = true},
        {.type = DENGINE_OP_RANGE, .key = DENGINE_STR("many"), .count_only = true},
        {.type = DENGINE_OP_DELETE, .key = DENGINE_STR("t1"), .previous = true},
        {.type = DENGINE_OP_DELETE, .key = DENGINE_STR("nowhere"), .previous = true},
        {.type = DENGINE_OP_DELETE_RANGE,
         .key = DENGINE_STR("t"),
         .end = DENGINE_STR("u"),
         .previous = true},
    };
    const struct dengine_compare no = {
        .target = DENGINE_COMPARE_ABSENCE, .relation = DENGINE_EQUAL, .key = DENGINE_STR("a")};
    const struct dengine_txn all = {.then_ops = ops, .then_count = DE_ARRAY_SIZE(ops)};
    const struct dengine_txn otherwise = {.compares = &no,
                                          .compare_count = 1,
                                          .then_ops = ops,
                                          .then_count = DE_ARRAY_SIZE(ops),
                                          .else_ops = ops + 4,
                                          .else_count = 2};
    const struct dengine_txn nothing = {0};

    run(m, "of all operations", &all);
    run(m, "the other way", &otherwise);
    run(m, "of nothing", &nothing);
}

/* What the state machine refuses: none of it is done. */
static void refusals(struct de_meaning *m)
{
    const struct dengine_op no_lease[] = {
        {.type = DENGINE_OP_PUT, .key = DENGINE_STR("never"), .value = DENGINE_STR("1")},
        {.type = DENGINE_OP_PUT,
         .key = DENGINE_STR("never"),
         .value = DENGINE_STR("2"),
         .lease = 999999},
    };
    const struct dengine_op too_long_answer[] = {
        {.type = DENGINE_OP_PUT, .key = DENGINE_STR("never"), .value = DENGINE_STR("1")},
        {.type = DENGINE_OP_GET, .key = DENGINE_STR("large")},
    };
    const struct dengine_op get = {.type = DENGINE_OP_GET, .key = DENGINE_STR("never")};
    const struct dengine_txn first = {.then_ops = no_lease, .then_count = 2};
    const struct dengine_txn second = {.then_ops = too_long_answer, .then_count = 2};
    const struct dengine_txn third = {.then_ops = &get, .then_count = 1};

    run(m, "with a lease that is none", &first);
    run(m, "that finds too much", &second);
    run(m, "that looks what was done", &third);
}

void de_meaning_txns(struct de_meaning *m)
{
    compares(m);
    operations(m);
    refusals(m);
}
