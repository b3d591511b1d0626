#include "runtime/sim/queue_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/kv/command.h"
#include "core/node/node.h"
#include "runtime/sim/range.h"

/* Small pages: a look at a queue of some takes several. */
#define PAGE_KEYS 2u
#define LIST_MAX  160
#define TEXT_MAX  24

static struct dengine_slice stem(const struct de_queue_client *client, char text[TEXT_MAX])
{
    (void)snprintf(text, TEXT_MAX, "lockq%" PRIu32 "/", client->queue);
    DE_ASSERT(strlen(text) == DE_QUEUE_STEM_BYTES);
    return dengine_str(text);
}

static struct dengine_slice key_of(const struct de_queue_client *client,
                                   const uint8_t digits[DE_PLACE_DIGITS],
                                   uint8_t key[DE_QUEUE_KEY_BYTES])
{
    char text[TEXT_MAX];

    memcpy(key, stem(client, text).data, DE_QUEUE_STEM_BYTES);
    memcpy(key + DE_QUEUE_STEM_BYTES, digits, DE_PLACE_DIGITS);
    return dengine_bytes(key, DE_QUEUE_KEY_BYTES);
}

static struct dengine_slice own_key(const struct de_queue_client *client,
                                    uint8_t key[DE_QUEUE_KEY_BYTES])
{
    uint8_t digits[DE_PLACE_DIGITS];

    de_place_digits(client->lease, digits);
    return key_of(client, digits, key);
}

static void set_write(struct de_queue_call *call, const struct de_kv_command *command)
{
    DE_ASSERT(de_kv_command_check(command, SIZE_MAX) == 0);
    DE_ASSERT(de_kv_command_size(command) <= sizeof(call->bytes));
    call->type = DE_REQUEST_WRITE;
    call->size = de_kv_command_encode(command, call->bytes, sizeof(call->bytes));
}

static void set_query(struct de_queue_call *call, const struct de_range_query *query)
{
    DE_ASSERT(sizeof(call->bytes) >= DE_RANGE_QUERY_BYTES);
    call->type = DE_RPC_RANGE;
    call->size = de_range_query_encode(query, call->bytes);
}

/* If the comparison holds the first operation, else the second (NULL: none). */
static void set_txn(struct de_queue_call *call, const struct de_kv_compare *compare,
                    const struct de_kv_op *then_op, const struct de_kv_op *else_op)
{
    struct de_kv_command command = {.type = DE_KV_TXN};
    uint8_t lists[3][LIST_MAX];
    struct de_writer writers[3];
    int err;

    for (size_t i = 0; i < DE_ARRAY_SIZE(lists); i++) {
        de_writer_init(&writers[i], lists[i], sizeof(lists[i]));
    }
    err = de_kv_list_add_compare(&command.compares, &writers[0], compare, SIZE_MAX);
    DE_ASSERT(err == 0);
    err = de_kv_list_add_op(&command.then_ops, &writers[1], then_op, SIZE_MAX);
    DE_ASSERT(err == 0);
    if (else_op != NULL) {
        err = de_kv_list_add_op(&command.else_ops, &writers[2], else_op, SIZE_MAX);
        DE_ASSERT(err == 0);
    }
    set_write(call, &command);
}

void de_queue_request_put(struct de_queue_client *client, uint64_t created, const char *word)
{
    uint8_t key[DE_QUEUE_KEY_BYTES];
    char value[DE_QUEUE_VALUE_MAX];
    struct de_kv_compare compare = {.target = DE_KV_COMPARE_ABSENCE, .relation = DE_KV_EQUAL};
    struct de_kv_op put = {.type = DE_KV_PUT, .lease = client->lease};
    struct de_kv_op get = {.type = DE_KV_GET};

    compare.key = own_key(client, key);
    if (created != 0) {
        compare.target = DE_KV_COMPARE_CREATE;
        compare.number = created;
    }
    (void)snprintf(value, sizeof(value), "%s %" PRIu32 ".%" PRIu64, word, client->endpoint,
                   client->call.attempt);
    put.key = compare.key;
    put.value = dengine_str(value);
    get.key = compare.key;
    set_txn(&client->call, &compare, &put, &get);
}

/* The pair in the answer to the first operation; false: there is none. */
static bool first_pair(const struct de_rpc_reply *reply, struct de_kv_pair *pair)
{
    struct de_kv_answer answer;
    struct de_kv_op_answer op;

    return de_kv_answer_decode(reply->value, &answer) == 0 && answer.kind == DE_KV_ANSWER_OPS &&
           answer.ops > 0 && de_kv_op_answer_read(&answer.reader, &op) && op.pairs > 0 &&
           de_kv_pair_read(&answer.reader, pair);
}

void de_queue_put_done(const struct de_rpc_reply *reply, int err, struct de_turn_put *put)
{
    struct de_kv_pair pair;

    *put = (struct de_turn_put){.err = err};
    if (err != 0) {
        return;
    }
    DE_ASSERT(reply->revision != 0);
    put->succeeded = reply->succeeded;
    if (reply->succeeded) {
        put->revision = reply->revision;
    } else if (first_pair(reply, &pair)) {
        put->found = pair.record.create_revision;
    }
}

void de_queue_request_use(struct de_queue_client *client)
{
    uint8_t key[DE_QUEUE_KEY_BYTES];
    char name[TEXT_MAX];
    char token[TEXT_MAX];
    const struct de_kv_compare guard = {.target = DE_KV_COMPARE_CREATE,
                                        .relation = DE_KV_EQUAL,
                                        .key = own_key(client, key),
                                        .number = de_turn_guard(&client->turn)};
    struct de_kv_op put = {.type = DE_KV_PUT, .want_previous = true};

    (void)snprintf(name, sizeof(name), "guarded%" PRIu32, client->queue);
    (void)snprintf(token, sizeof(token), "%" PRIu64, client->turn.token);
    put.key = dengine_str(name);
    put.value = dengine_str(token);
    set_txn(&client->call, &guard, &put, NULL);
}

bool de_queue_use_done(const struct de_rpc_reply *reply, uint64_t *before)
{
    char text[TEXT_MAX] = "";
    struct de_kv_pair pair;

    *before = 0;
    if (reply->succeeded && first_pair(reply, &pair)) {
        DE_ASSERT(pair.record.value.size < sizeof(text));
        memcpy(text, pair.record.value.data, pair.record.value.size);
        *before = strtoull(text, NULL, 10);
    }
    return reply->succeeded;
}

void de_queue_request_grant(struct de_queue_client *client, uint64_t ttl_ns)
{
    const struct de_kv_command command = {.type = DE_KV_LEASE_GRANT, .ttl_ns = ttl_ns};

    DE_ASSERT(client->lease == 0);
    set_write(&client->call, &command);
}

uint64_t de_queue_grant_done(const struct de_rpc_reply *reply)
{
    uint64_t lease;
    uint64_t count;

    de_kv_answer_outcome(reply->value, &lease, &count);
    DE_ASSERT(count == 0);
    return lease;
}

void de_queue_request_lease(struct de_queue_call *call, uint32_t type, uint64_t lease)
{
    const struct de_kv_command command = {.type = type, .lease = lease};

    DE_ASSERT(type == DE_KV_LEASE_KEEP || type == DE_KV_LEASE_REVOKE);
    set_write(call, &command);
}

void de_queue_request_delete(struct de_queue_client *client)
{
    uint8_t key[DE_QUEUE_KEY_BYTES];
    const struct de_kv_command command = de_kv_delete(own_key(client, key));

    DE_ASSERT(client->lease != 0);
    set_write(&client->call, &command);
}

/* ---- looking ---- */

void de_queue_request_before(struct de_queue_client *client)
{
    uint8_t key[DE_QUEUE_KEY_BYTES];
    const struct de_range_query query = {
        .from = key_of(client, client->turn.before.digits, key), .keys_only = true, .limit = 1};

    DE_ASSERT(client->turn.before.joined != 0);
    set_query(&client->call, &query);
}

bool de_queue_before_done(const struct de_queue_client *client, const struct de_rpc_reply *reply)
{
    const struct de_place *before = &client->turn.before;
    uint8_t key[DE_QUEUE_KEY_BYTES];
    struct de_range_page page;
    const bool good = de_range_page_decode(reply->value, &page);

    DE_ASSERT(good && page.count <= 1);
    return page.count == 1 &&
           de_range_order(page.pairs[0].key, key_of(client, before->digits, key)) == 0 &&
           page.pairs[0].record.create_revision == before->joined;
}

void de_queue_request_page(struct de_queue_client *client)
{
    char text[TEXT_MAX];
    char end[TEXT_MAX];
    struct de_range_query query = {.limit = PAGE_KEYS};

    query.from = stem(client, text);
    (void)snprintf(end, sizeof(end), "lockq%" PRIu32 "0", client->queue); /* behind the '/' */
    query.end = dengine_str(end);
    if (client->page_from_size > 0) {
        query.from = dengine_bytes(client->page_from, client->page_from_size);
        query.from_excluded = true;
    }
    set_query(&client->call, &query);
}

static void take_pair(struct de_queue_client *client, const struct de_kv_pair *pair)
{
    const struct dengine_slice value = pair->record.value;
    struct de_place_key key = {.place = {.joined = pair->record.create_revision},
                               .version = pair->record.version,
                               .revision = pair->record.mod_revision,
                               .lease = pair->record.lease};

    DE_ASSERT(pair->key.size == DE_QUEUE_KEY_BYTES && value.size < sizeof(client->value));
    memcpy(key.place.digits, (const uint8_t *)pair->key.data + DE_QUEUE_STEM_BYTES,
           DE_PLACE_DIGITS);
    if (de_look_key(&client->look, &key)) {
        memset(client->value, 0, sizeof(client->value));
        memcpy(client->value, value.data, value.size);
    }
}

int de_queue_page_done(struct de_queue_client *client, const struct de_rpc_reply *reply, bool *more)
{
    struct de_range_page page;
    const bool good = de_range_page_decode(reply->value, &page);
    const int err = good ? de_look_page(&client->look, page.revision) : 0;

    DE_ASSERT(good);
    *more = err == 0 && page.more && page.count > 0;
    for (uint32_t i = 0; err == 0 && i < page.count; i++) {
        take_pair(client, &page.pairs[i]);
        memcpy(client->page_from, page.pairs[i].key.data, DE_QUEUE_KEY_BYTES);
        client->page_from_size = DE_QUEUE_KEY_BYTES;
    }
    return err;
}
