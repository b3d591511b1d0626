/* Writes of one key, deletions and ranges. What they leave behind is what later parts read. */
#include <stdlib.h>
#include <string.h>

#include "tests/server/meaning.h"

#define HOUR_MS 3600000

static const struct dengine_slice binary_key = {"\x00\xff", 2};

static void puts_and_deletes(struct de_meaning *m)
{
    static char longest[DE_MEANING_KEY_BYTES_MAX];
    struct dengine_client *c = m->client;
    char *large = malloc(DE_MEANING_VALUE_BYTES_MAX);
    uint64_t revision = 0;

    memset(longest, 'q', sizeof longest);
    memset(large, 'w', DE_MEANING_VALUE_BYTES_MAX);
    de_say(m, dengine_put(c, DENGINE_STR("a"), DENGINE_STR("1"), NULL), "put");
    de_say(m, dengine_put(c, DENGINE_STR("a"), DENGINE_STR("2"), NULL), "put again");
    de_say(m, dengine_put(c, DENGINE_STR("empty"), DENGINE_STR(""), NULL), "put nothing");
    de_say(m, dengine_put(c, binary_key, dengine_bytes("\x00", 1), NULL), "put any bytes");
    de_say(m, dengine_put(c, dengine_bytes(longest, sizeof longest), DENGINE_STR("long"), NULL),
           "put the longest key");
    de_say(m,
           dengine_put_with(c, DENGINE_STR("large"),
                            dengine_bytes(large, DE_MEANING_VALUE_BYTES_MAX), NULL, NULL,
                            &revision),
           "put the longest value");
    de_say_revision(m, "revision", revision);
    de_say(m, dengine_put(c, DENGINE_STR("gone"), DENGINE_STR("x"), NULL), "put what goes");
    de_say(m, dengine_delete(c, DENGINE_STR("gone"), NULL), "delete");
    de_say(m, dengine_delete(c, DENGINE_STR("gone"), NULL), "delete what is not there");
    free(large);
}

static void swap(struct de_meaning *m, const char *what, const char *key,
                 const struct dengine_slice *expected, const char *value)
{
    bool succeeded = true;

    de_say(m,
           dengine_compare_and_swap(m->client, dengine_str(key), expected, dengine_str(value), NULL,
                                    &succeeded),
           "swap %s", what);
    de_say_number(m, "succeeded", succeeded);
}

/* The third form, of a revision, is a transaction. */
static void swap_revision(struct de_meaning *m, const char *what, uint64_t number)
{
    const struct dengine_compare unchanged = {.target = DENGINE_COMPARE_MOD_REVISION,
                                              .relation = DENGINE_EQUAL,
                                              .key = DENGINE_STR("swap"),
                                              .number = number};
    const struct dengine_op put = {
        .type = DENGINE_OP_PUT, .key = DENGINE_STR("swap"), .value = DENGINE_STR("3")};
    const struct dengine_txn txn = {
        .compares = &unchanged, .compare_count = 1, .then_ops = &put, .then_count = 1};
    struct dengine_txn_result result;

    de_say(m, dengine_txn(m->client, &txn, NULL, &result), "swap %s", what);
    de_say_txn(m, &result);
}

static void swaps(struct de_meaning *m)
{
    const struct dengine_slice one = DENGINE_STR("1");
    const struct dengine_slice nothing = DENGINE_STR("");
    uint64_t revision = 0;

    swap(m, "absent, which it is", "swap", NULL, "1");
    swap(m, "absent, which it is not", "swap", NULL, "x");
    swap(m, "of a value it has", "swap", &one, "2");
    swap(m, "of a value it has not", "swap", &one, "x");
    swap(m, "of an empty value it has", "empty", &nothing, "");
    swap(m, "of an empty value for absent", "nowhere", &nothing, "x");
    de_say(
        m,
        dengine_put_with(m->client, DENGINE_STR("swap"), DENGINE_STR("2"), NULL, NULL, &revision),
        "put it again");
    swap_revision(m, "of an old revision", revision - 1);
    swap_revision(m, "of its revision", revision);
}

static void lives(struct de_meaning *m)
{
    const struct dengine_put_options hour = {.ttl_ms = HOUR_MS};
    const struct dengine_put_options none = {0};
    struct dengine_put_options attached = {0};
    const struct dengine_put_options strange = {.lease = 999999};
    struct dengine_client *c = m->client;
    uint64_t revision = 0;

    de_say(m, dengine_lease_grant(c, HOUR_MS, NULL, &attached.lease), "grant");
    de_say_number(m, "lease", attached.lease);
    de_say(m, dengine_put_with(c, DENGINE_STR("life"), DENGINE_STR("1"), &hour, NULL, &revision),
           "put with a time");
    de_say_revision(m, "revision", revision);
    de_say(m, dengine_put_with(c, DENGINE_STR("life2"), DENGINE_STR("2"), &attached, NULL, NULL),
           "put with a lease");
    de_say(m, dengine_put_with(c, DENGINE_STR("life3"), DENGINE_STR("2"), &attached, NULL, NULL),
           "put with a lease");
    de_say(m, dengine_put_with(c, DENGINE_STR("life3"), DENGINE_STR("3"), &none, NULL, &revision),
           "put without takes it away");
    de_say_revision(m, "revision", revision);
    revision = 77;
    de_say(m, dengine_put_with(c, DENGINE_STR("x"), DENGINE_STR("3"), &strange, NULL, &revision),
           "put with a lease that is none");
    de_say_number(m, "revision", revision);
}

/* Puts count keys that begin with prefix, as many as a transaction takes at a time. */
static void put_many(struct de_meaning *m, const char *prefix, uint32_t count)
{
    static char keys[DENGINE_TXN_ITEMS_MAX][32];
    struct dengine_op ops[DENGINE_TXN_ITEMS_MAX];
    struct dengine_txn txn = {.then_ops = ops};
    struct dengine_txn_result result;
    uint32_t at = 0;

    while (at < count) {
        for (txn.then_count = 0; txn.then_count < DENGINE_TXN_ITEMS_MAX && at < count; at++) {
            char *key = keys[txn.then_count];

            (void)snprintf(key, sizeof keys[0], "%s%05u", prefix, (unsigned)at);
            ops[txn.then_count++] = (struct dengine_op){
                .type = DENGINE_OP_PUT, .key = dengine_str(key), .value = DENGINE_STR("many")};
        }
        if (dengine_txn(m->client, &txn, NULL, &result) != 0) {
            de_say(m, DENGINE_E_INTERNAL, "a batch fails");
        }
        dengine_txn_result_free(&result);
    }
}

static void ranges(struct de_meaning *m)
{
    struct dengine_client *c = m->client;
    const struct dengine_slice none = {NULL, 0};
    uint64_t count = 77;

    put_many(m, "few", 3);
    de_say(m, dengine_delete_range(c, DENGINE_STR("few"), DENGINE_STR("few00002"), NULL, &count),
           "delete a range");
    de_say_number(m, "count", count);
    de_say(m, dengine_delete_range(c, DENGINE_STR("nobody"), DENGINE_STR("nobody9"), NULL, &count),
           "delete an empty range");
    de_say_number(m, "count", count);
    put_many(m, "zmany", 10001);
    de_say(m, dengine_delete_range(c, DENGINE_STR("zmany"), none, NULL, &count),
           "delete a range of too many");
    de_say_number(m, "count", count);
    de_say(m, dengine_delete(c, DENGINE_STR("zmany00000"), NULL), "one less");
    de_say(m, dengine_delete_range(c, DENGINE_STR("zmany"), none, NULL, &count),
           "delete a range of just as many as may be");
    de_say_number(m, "count", count);
    put_many(m, "many", 1200);
}

void de_meaning_writes(struct de_meaning *m)
{
    puts_and_deletes(m);
    swaps(m);
    lives(m);
    ranges(m);
}
