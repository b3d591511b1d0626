/* What makes no sense, or breaks a limit: the error and the sentence that goes with it. */
#include <string.h>

#include "core/base/assert.h"
#include "tests/server/meaning.h"

static char large[DE_MEANING_VALUE_BYTES_MAX + 1];
static const struct dengine_slice too_large = {large, sizeof large};
static char bytes[600];

static const struct dengine_slice *bad_keys(size_t *count)
{
    static const struct dengine_slice keys[] = {
        {"", 0}, {NULL, 3}, {bytes, 501}, {bytes, DE_MEANING_KEY_BYTES_MAX + 1}};

    memset(bytes, 'k', sizeof bytes);
    *count = DE_ARRAY_SIZE(keys);
    return keys;
}

static void keys(struct de_meaning *m)
{
    struct dengine_client *c = m->client;
    struct dengine_value value;
    struct dengine_page page;
    bool succeeded;
    size_t count;
    const struct dengine_slice *bad = bad_keys(&count);

    for (size_t i = 0; i < count; i++) {
        de_say(m, dengine_put(c, bad[i], DENGINE_STR("1"), NULL), "put a bad key");
        de_say(m, dengine_get(c, bad[i], DENGINE_DEFAULT, NULL, &value), "get a bad key");
        de_say(m, dengine_delete(c, bad[i], NULL), "delete a bad key");
        de_say(m, dengine_compare_and_swap(c, bad[i], NULL, DENGINE_STR("1"), NULL, &succeeded),
               "swap a bad key");
        de_say(m, dengine_get_multi(c, &bad[i], 1, DENGINE_LEASE, NULL, &page),
               "get several bad keys");
        dengine_page_free(&page);
    }
}

static void values(struct de_meaning *m)
{
    const struct dengine_slice no_bytes = {NULL, 3};
    const struct dengine_slice key = DENGINE_STR("k");
    struct dengine_client *c = m->client;
    bool succeeded;

    de_say(m, dengine_put(c, key, too_large, NULL), "put too much");
    de_say(m, dengine_put(c, key, no_bytes, NULL), "put bytes that are nowhere");
    de_say(m, dengine_compare_and_swap(c, key, NULL, too_large, NULL, &succeeded), "swap too much");
    de_say(m, dengine_compare_and_swap(c, key, &too_large, key, NULL, &succeeded),
           "swap from too much");
    de_say(m, dengine_compare_and_swap(c, key, &no_bytes, key, NULL, &succeeded),
           "swap from bytes that are nowhere");
}

static void lives(struct de_meaning *m)
{
    const struct dengine_put_options bad[] = {
        {.ttl_ms = UINT64_MAX}, {.ttl_ms = UINT64_C(288230376001)}, {.ttl_ms = 1, .lease = 1}};
    struct dengine_client *c = m->client;
    struct dengine_lease_info info;
    uint64_t lease = 77;

    for (size_t i = 0; i < DE_ARRAY_SIZE(bad); i++) {
        de_say(m, dengine_put_with(c, DENGINE_STR("k"), DENGINE_STR("v"), &bad[i], NULL, NULL),
               "put for a bad time");
    }
    de_say(m, dengine_lease_grant(c, 0, NULL, &lease), "grant for no time");
    de_say(m, dengine_lease_grant(c, UINT64_C(288230376001), NULL, &lease), "grant for too long");
    de_say_number(m, "lease", lease);
    de_say(m, dengine_lease_keep_alive(c, 0, NULL), "keep no lease alive");
    de_say(m, dengine_lease_revoke(c, 0, NULL), "revoke no lease");
    de_say(m, dengine_lease_look(c, 0, DENGINE_DEFAULT, NULL, &info), "look at no lease");
    de_say(m, dengine_lease_look(c, 1, (enum dengine_consistency)9, NULL, &info),
           "look in no policy");
}

static void scans(struct de_meaning *m)
{
    const struct dengine_scan bad[] = {
        {.from = DENGINE_STR("b"), .end = DENGINE_STR("a")},
        {.from = DENGINE_STR("b"), .end = DENGINE_STR("b")},
        {.from = {bytes, 501}},
        {.end = {bytes, 501}},
        {.from = {NULL, 3}},
        {.end = {NULL, 3}},
        {.keys_only = true, .count_only = true},
        {.count_only = true, .limit = 1},
        {.consistency = (enum dengine_consistency)9},
    };
    struct dengine_client *c = m->client;
    struct dengine_page page;
    uint64_t count = 77;

    for (size_t i = 0; i < DE_ARRAY_SIZE(bad); i++) {
        de_say(m, dengine_scan(c, &bad[i], NULL, &page), "a bad scan");
        de_say(m, dengine_scan_in_place(c, &bad[i], NULL, NULL, NULL), "a bad scan in place");
        dengine_page_free(&page);
        de_say(m, dengine_delete_range(c, bad[i].from, bad[i].end, NULL, &count),
               "delete a bad range");
        de_say_number(m, "count", count);
    }
}

static void txn(struct de_meaning *m, const struct dengine_txn *txn)
{
    struct dengine_txn_result result;

    de_say(m, dengine_txn(m->client, txn, NULL, &result), "a bad transaction");
    de_say_txn(m, &result);
}

static void operations(struct de_meaning *m)
{
    const struct dengine_slice k = DENGINE_STR("k");
    const struct dengine_op bad[] = {
        {.type = (enum dengine_op_type)0, .key = k},
        {.type = (enum dengine_op_type)9, .key = k},
        {.type = DENGINE_OP_PUT},
        {.type = DENGINE_OP_PUT, .key = {NULL, 3}},
        {.type = DENGINE_OP_PUT, .key = {bytes, 501}},
        {.type = DENGINE_OP_PUT, .key = {bytes, DE_MEANING_KEY_BYTES_MAX + 1}},
        {.type = DENGINE_OP_PUT, .key = k, .value = too_large},
        {.type = DENGINE_OP_PUT, .key = k, .ttl_ms = UINT64_MAX},
        {.type = DENGINE_OP_PUT, .key = k, .ttl_ms = 1, .lease = 1},
        {.type = DENGINE_OP_PUT, .key = k, .limit = 1},
        {.type = DENGINE_OP_GET, .key = k, .previous = true},
        {.type = DENGINE_OP_GET, .key = k, .lease = 1},
        {.type = DENGINE_OP_GET, .key = k, .keys_only = true},
        {.type = DENGINE_OP_DELETE, .key = k, .ttl_ms = 1},
        {.type = DENGINE_OP_RANGE, .key = k, .end = k},
        {.type = DENGINE_OP_RANGE, .key = k, .end = {bytes, 501}},
        {.type = DENGINE_OP_RANGE, .key = k, .keys_only = true, .count_only = true},
        {.type = DENGINE_OP_DELETE_RANGE, .key = k, .limit = 1},
        {.type = DENGINE_OP_DELETE_RANGE, .key = k, .end = DENGINE_STR("a")},
    };

    for (size_t i = 0; i < DE_ARRAY_SIZE(bad); i++) {
        const struct dengine_txn one = {.then_ops = &bad[i], .then_count = 1};
        const struct dengine_txn other = {.else_ops = &bad[i], .else_count = 1};

        txn(m, &one);
        txn(m, &other);
    }
}

static void transactions(struct de_meaning *m)
{
    static struct dengine_op ops[DENGINE_TXN_ITEMS_MAX + 1];
    const struct dengine_slice k = DENGINE_STR("k");
    const struct dengine_compare bad[] = {
        {.target = (enum dengine_compare_target)0, .relation = DENGINE_EQUAL, .key = k},
        {.target = DENGINE_COMPARE_VALUE, .relation = (enum dengine_relation)9, .key = k},
        {.target = DENGINE_COMPARE_VALUE, .relation = DENGINE_EQUAL},
        {.target = DENGINE_COMPARE_VALUE, .relation = DENGINE_EQUAL, .key = k, .value = too_large},
        {.target = DENGINE_COMPARE_VALUE, .relation = DENGINE_EQUAL, .key = k, .number = 1},
        {.target = DENGINE_COMPARE_VERSION, .relation = DENGINE_EQUAL, .key = k, .value = k},
    };

    for (size_t i = 0; i < DE_ARRAY_SIZE(bad); i++) {
        const struct dengine_txn one = {.compares = &bad[i], .compare_count = 1};

        txn(m, &one);
    }
    txn(m, NULL);
    for (size_t i = 0; i <= DENGINE_TXN_ITEMS_MAX; i++) {
        ops[i] = (struct dengine_op){.type = DENGINE_OP_GET, .key = k};
    }
    txn(m, &(struct dengine_txn){.then_ops = ops, .then_count = DENGINE_TXN_ITEMS_MAX});
    txn(m, &(struct dengine_txn){.then_ops = ops, .then_count = DENGINE_TXN_ITEMS_MAX + 1});
    txn(m, &(struct dengine_txn){.then_count = 1});
    for (size_t i = 0; i < 3; i++) {
        ops[i] = (struct dengine_op){
            .type = DENGINE_OP_PUT, .key = k, .value = {large, DE_MEANING_VALUE_BYTES_MAX}};
    }
    ops[2].value.size = 1 << 20; /* more than an entry of the log may have, not than a message */
    txn(m, &(struct dengine_txn){.then_ops = ops, .then_count = 3});
    ops[0].value = ops[1].value = k;
    ops[2].value = too_large;
    txn(m, &(struct dengine_txn){.then_ops = ops, .then_count = 3});
    txn(m, &(struct dengine_txn){.else_ops = ops, .else_count = 3});
    ops[0] = (struct dengine_op){.type = DENGINE_OP_RANGE, .key = DENGINE_STR("")};
    txn(m, &(struct dengine_txn){.then_ops = ops, .then_count = 1});
}

/* Nobody to tell, nowhere to put it. */
static void nowhere(struct de_meaning *m)
{
    const struct dengine_slice k = DENGINE_STR("k");
    const struct dengine_slice many[1] = {k};
    const struct dengine_txn nothing = {0};
    const struct dengine_scan all = {.limit = 1};
    struct dengine_client *c = m->client;
    struct dengine_value value;
    struct dengine_page page;

    de_say(m, dengine_put(NULL, k, k, NULL), "put nowhere");
    de_say(m, dengine_get(NULL, k, DENGINE_DEFAULT, NULL, &value), "get from nobody");
    de_say(m, dengine_get(c, k, DENGINE_DEFAULT, NULL, NULL), "get to nowhere");
    de_say(m, dengine_get(c, k, (enum dengine_consistency)9, NULL, &value), "get in no policy");
    de_say(m, dengine_get_in_place(c, k, DENGINE_DEFAULT, NULL, NULL, NULL), "show to nobody");
    de_say(m, dengine_compare_and_swap(c, k, NULL, k, NULL, NULL), "swap and say nothing");
    de_say(m, dengine_get_multi(c, many, DENGINE_GET_MULTI_MAX + 1, DENGINE_LEASE, NULL, &page),
           "get too many");
    de_say(m, dengine_get_multi(c, many, 1, DENGINE_LEASE, NULL, NULL), "get several to nowhere");
    de_say(m, dengine_scan(c, NULL, NULL, &page), "scan nothing");
    de_say(m, dengine_scan(c, &all, NULL, NULL), "scan to nowhere");
    de_say(m, dengine_scan_in_place(c, &all, NULL, NULL, NULL), "scan for nobody");
    de_say(m, dengine_txn(c, &nothing, NULL, NULL), "txn to nowhere");
    de_say(m, dengine_lease_grant(c, 1, NULL, NULL), "grant to nowhere");
    de_say(m, dengine_lease_look(c, 1, DENGINE_DEFAULT, NULL, NULL), "look to nowhere");
    de_say(m, dengine_lease_list(c, 1, DENGINE_DEFAULT, NULL, NULL), "list to nowhere");
    de_say(m, dengine_put_async(c, k, k, NULL, NULL, NULL), "put and tell nobody");
    de_say(m, dengine_get_async(c, k, DENGINE_DEFAULT, NULL, NULL, NULL), "get and tell nobody");
}

void de_meaning_bad_calls(struct de_meaning *m)
{
    keys(m);
    values(m);
    lives(m);
    scans(m);
    operations(m);
    transactions(m);
    nowhere(m);
}
