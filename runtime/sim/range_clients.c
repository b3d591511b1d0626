#include "runtime/sim/range_clients.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "runtime/sim/dice.h"
#include "runtime/sim/rpc.h"
#include "runtime/sim/workload.h"

#define VALUE_MAX 64
#define BATCH_MAX 5
#define LIST_MAX  500
/* Pages of one scan: more than that begin anew while it goes on. */
#define PAGES_MAX 40

static void client_dice(const struct de_range_clients *ranges, const struct de_range_client *client,
                        struct de_dice *dice, uint64_t purpose)
{
    de_dice_init(dice, ranges->kernel->seed, DE_DICE_RANGE,
                 (uint64_t)client->endpoint << 56 | purpose << 48 | client->operations);
}

/* What was asked for, for people. */
static void describe(const struct de_range_client *client, char *text, size_t size)
{
    const struct de_range_query *query = &client->query;
    char from[DE_RANGE_TEXT_MAX];
    char end[DE_RANGE_TEXT_MAX];

    if (client->kind <= DE_RANGE_WRITE) {
        (void)snprintf(text, size, "a write%s",
                       client->kind == DE_RANGE_WRITE ? "" : " that is no command");
    } else if (query->named) {
        (void)snprintf(text, size, "a read of %" PRIu32 " keys", query->name_count);
    } else {
        (void)snprintf(text, size, "page %" PRIu32 " of a%s%s%s from %s%s to %s, limit %" PRIu32,
                       client->pages + 1, query->reverse ? " backward" : "",
                       query->keys_only ? " keys-only" : "", query->count_only ? " count" : " scan",
                       query->from_excluded ? "behind " : "", de_range_text(query->from, from),
                       query->end.size > 0 ? de_range_text(query->end, end) : "the last",
                       query->limit);
    }
}

static void fail(struct de_range_clients *ranges, const struct de_range_client *client,
                 const char *oracle, const char *what)
{
    static const char *const kinds[] = {"", "", " (linearizable)", " (by lease)", " (eventual)"};
    char asked[120];

    describe(client, asked, sizeof(asked));
    de_verdict_fail(ranges->verdict, DE_VERDICT_CORRECTNESS, ranges->kernel->now_ns, oracle,
                    "client %u: %s%s %s", client->endpoint, asked, kinds[client->kind], what);
}

/* ---- writes ---- */

static struct dengine_slice any_key(struct de_dice *dice)
{
    return de_range_key((uint32_t)de_dice_below(dice, DE_RANGE_KEYS));
}

/* Two keys, the first below the second; *end may be "". */
static void any_range(struct de_dice *dice, struct dengine_slice *from, struct dengine_slice *end)
{
    const uint32_t a = (uint32_t)de_dice_below(dice, DE_RANGE_KEYS);
    const uint32_t b = a + 1 + (uint32_t)de_dice_below(dice, DE_RANGE_KEYS);

    *from = de_range_key(a);
    *end = b < DE_RANGE_KEYS ? de_range_key(b) : dengine_bytes("", 0);
}

/* Unique: no two writes are taken for one another. */
static struct dengine_slice any_value(const struct de_range_client *client, uint64_t number,
                                      char text[VALUE_MAX])
{
    (void)snprintf(text, VALUE_MAX, "%" PRIu32 ".%" PRIu64 ".%" PRIu64, client->endpoint,
                   client->operations, number);
    return dengine_str(text);
}

static void any_op(const struct de_range_client *client, struct de_dice *dice, uint64_t number,
                   bool may_read, struct de_kv_op *op, char text[VALUE_MAX])
{
    const uint64_t point = de_dice_below(dice, may_read ? 100 : 75);

    *op = (struct de_kv_op){.key = any_key(dice), .want_previous = de_dice_chance(dice, 300000)};
    if (point < 50) {
        op->type = DE_KV_PUT;
        op->value = any_value(client, number, text);
    } else if (point < 62) {
        op->type = DE_KV_DELETE;
    } else if (point < 75) {
        op->type = DE_KV_DELETE_RANGE;
        any_range(dice, &op->key, &op->end);
    } else if (point < 85) {
        op->type = DE_KV_GET;
        op->want_previous = false;
    } else {
        op->type = DE_KV_RANGE;
        op->want_previous = false;
        any_range(dice, &op->key, &op->end);
        op->limit = (uint32_t)de_dice_below(dice, 4);
        op->keys_only = de_dice_chance(dice, 300000);
        op->count_only = !op->keys_only && de_dice_chance(dice, 300000);
    }
}

static void add_ops(const struct de_range_client *client, struct de_dice *dice, uint64_t first,
                    uint64_t count, struct de_kv_list *ops, struct de_writer *writer)
{
    for (uint64_t i = first; i < first + count; i++) {
        char text[VALUE_MAX];
        struct de_kv_op op;
        int err;

        any_op(client, dice, i, true, &op, text);
        err = de_kv_list_add_op(ops, writer, &op, SIZE_MAX);
        DE_ASSERT(err == 0);
    }
}

/* Of something that this client may have seen, or that never was. */
static void add_compare(const struct de_range_clients *ranges, struct de_dice *dice,
                        struct de_kv_list *compares, struct de_writer *writer)
{
    struct de_kv_compare compare = {
        .target = 1 + (uint32_t)de_dice_below(dice, DE_KV_COMPARE_MOD),
        .relation = 1 + (uint32_t)de_dice_below(dice, DE_KV_GREATER),
        .key = any_key(dice),
    };
    char text[VALUE_MAX];
    int err;

    switch (compare.target) {
    case DE_KV_COMPARE_VALUE:
        (void)snprintf(text, sizeof(text), "%" PRIu64,
                       DE_RANGE_ENDPOINT + de_dice_below(dice, DE_RANGE_CLIENTS_MAX));
        compare.value = dengine_str(text);
        break;
    case DE_KV_COMPARE_ABSENCE:
        compare.relation = 1 + compare.relation % 2;
        break;
    case DE_KV_COMPARE_VERSION:
        compare.number = de_dice_below(dice, 4);
        break;
    default:
        compare.number = de_dice_below(dice, 2) * de_dice_below(dice, ranges->known + 1);
        break;
    }
    err = de_kv_list_add_compare(compares, writer, &compare, SIZE_MAX);
    DE_ASSERT(err == 0);
}

static void make_write(const struct de_range_clients *ranges, struct de_range_client *client,
                       struct de_dice *dice)
{
    struct de_kv_command command = {.type = DE_KV_WRITE};
    uint8_t lists[3][LIST_MAX];
    struct de_writer writers[3];
    char text[VALUE_MAX];

    for (size_t i = 0; i < DE_ARRAY_SIZE(lists); i++) {
        de_writer_init(&writers[i], lists[i], sizeof(lists[i]));
    }
    if (de_dice_chance(dice, 600000)) {
        any_op(client, dice, 0, false, &command.op, text);
    } else {
        command.type = DE_KV_TXN;
        add_ops(client, dice, 0, de_dice_between(dice, 2, BATCH_MAX), &command.then_ops,
                &writers[0]);
        if (de_dice_chance(dice, 400000)) {
            add_ops(client, dice, BATCH_MAX, de_dice_below(dice, 3), &command.else_ops,
                    &writers[1]);
            for (uint64_t count = de_dice_between(dice, 1, 3); count > 0; count--) {
                add_compare(ranges, dice, &command.compares, &writers[2]);
            }
        }
    }
    DE_ASSERT(de_kv_command_check(&command, SIZE_MAX) == 0);
    DE_ASSERT(de_kv_command_size(&command) <= sizeof(client->bytes));
    client->size = de_kv_command_encode(&command, client->bytes, sizeof(client->bytes));
}

/* A command with something wrong in it: each has one encoding, so that it is none any more. */
static void make_nonsense(struct de_range_client *client, struct de_dice *dice)
{
    client->kind = DE_RANGE_NONSENSE;
    switch (de_dice_below(dice, 5)) {
    case 0:
        client->bytes[0] ^= 8; /* the version */
        break;
    case 1:
        client->bytes[1] = 77; /* the type */
        break;
    case 2:
        client->bytes[3] = 1; /* reserved */
        break;
    case 3:
        client->size -= 1 + (size_t)de_dice_below(dice, client->size - 1);
        break;
    default:
        client->bytes[client->size++] = 0;
        break;
    }
    DE_ASSERT(client->size > 0 && client->size <= sizeof(client->bytes));
}

/* ---- reads ---- */

static void encode_query(struct de_range_client *client)
{
    struct de_range_query sent = client->query;
    uint8_t buffer[DE_KV_USER_KEY_MAX];

    if (client->prefix.size > 0 && !client->bounded) {
        sent.end = de_kv_prefix_end(client->prefix, buffer);
    }
    client->size = de_range_query_encode(&sent, client->bytes);
}

static void make_named(struct de_range_query *query, struct de_dice *dice)
{
    query->named = true;
    query->limit = 0;
    query->name_count = (uint32_t)de_dice_between(dice, 1, DE_RANGE_NAMED_MAX);
    for (uint32_t i = 0; i < query->name_count; i++) {
        query->names[i] = any_key(dice);
    }
}

static void make_read(const struct de_range_clients *ranges, struct de_range_client *client,
                      struct de_dice *dice)
{
    struct de_range_query *query = &client->query;

    *query = (struct de_range_query){.limit = (uint32_t)de_dice_below(dice, 6)};
    client->prefix = dengine_bytes("", 0);
    client->bounded = false;
    client->pages = 0;
    client->kind = de_dice_chance(dice, ranges->options.lease_ppm) ? DE_RANGE_READ_BY_LEASE
                   : de_dice_chance(dice, 200000)                  ? DE_RANGE_READ_EVENTUAL
                                                                   : DE_RANGE_READ;
    if (de_dice_chance(dice, 200000)) {
        make_named(query, dice);
    } else if (de_dice_chance(dice, 400000)) {
        client->prefix = any_key(dice);
        query->from = client->prefix;
    } else {
        any_range(dice, &query->from, &query->end);
        query->from_excluded = de_dice_chance(dice, 200000);
    }
    query->reverse = !query->named && de_dice_chance(dice, 400000);
    query->keys_only = !query->named && de_dice_chance(dice, 200000);
    query->count_only = !query->named && !query->keys_only && de_dice_chance(dice, 250000);
    encode_query(client);
}

/* Behind the last key of the page. False: that was the last page. */
static bool go_on(struct de_range_client *client, const struct de_range_page *page)
{
    const struct dengine_slice last =
        page->more ? de_range_key(de_range_number(page->pairs[page->count - 1].key))
                   : dengine_bytes("", 0);

    if (!page->more || ++client->pages == PAGES_MAX) {
        return false;
    }
    if (client->query.reverse) {
        client->query.end = last;
        client->bounded = true;
    } else {
        client->query.from = last;
        client->query.from_excluded = true;
    }
    encode_query(client);
    return true;
}

/* ---- attempts ---- */

static uint8_t request_type(enum de_range_kind kind)
{
    switch (kind) {
    case DE_RANGE_NONSENSE:
    case DE_RANGE_WRITE:
        return DE_REQUEST_WRITE;
    case DE_RANGE_READ_BY_LEASE:
        return DE_RPC_LEASE_RANGE;
    case DE_RANGE_READ_EVENTUAL:
        return DE_RPC_EVENTUAL_RANGE;
    case DE_RANGE_READ:
        break;
    }
    return DE_RPC_RANGE;
}

static void send_attempt(struct de_range_clients *ranges, struct de_range_client *client)
{
    struct de_rpc_request request = {.type = request_type(client->kind),
                                     .body = {client->bytes, client->size}};
    struct de_dice dice;

    client->attempt++;
    request.attempt = client->attempt;
    if (client->target == 0) {
        client_dice(ranges, client, &dice, 2 + client->attempt % 64);
        client->target = 1 + (uint32_t)de_dice_below(&dice, ranges->nodes);
    }
    (void)de_network_send(ranges->network, client->endpoint, client->target,
                          de_rpc_request_encode(&request));
    de_kernel_post(ranges->kernel, ranges->kernel->now_ns + ranges->attempt_ns, DE_RANGE_TIMEOUT,
                   client->endpoint, client->attempt, NULL);
}

static void rest(struct de_range_clients *ranges, struct de_range_client *client)
{
    struct de_dice dice;
    uint64_t think_ns;

    client->busy = false;
    client_dice(ranges, client, &dice, 0);
    think_ns = de_dice_exponential(&dice, ranges->options.think_ns);
    de_kernel_post(ranges->kernel,
                   de_load_next_ns(ranges->load, client->endpoint,
                                   ranges->kernel->now_ns + think_ns, think_ns),
                   DE_RANGE_NEXT, client->endpoint, client->operations, NULL);
}

/* The last attempt surely did nothing. */
static void try_elsewhere(struct de_range_clients *ranges, struct de_range_client *client,
                          uint64_t hint)
{
    struct de_dice dice;

    client->target = hint <= ranges->nodes ? (uint32_t)hint : 0;
    if (ranges->kernel->now_ns >= client->deadline_ns) {
        rest(ranges, client);
        return;
    }
    client->attempt++; /* late answers are ignored */
    client_dice(ranges, client, &dice, 100 + client->attempt % 64);
    de_kernel_post(ranges->kernel,
                   ranges->kernel->now_ns + DE_NS_PER_MS +
                       de_dice_below(&dice, ranges->attempt_ns / 8),
                   DE_RANGE_RETRY, client->endpoint, client->attempt, NULL);
}

static void note_known(struct de_range_clients *ranges, uint64_t revision)
{
    ranges->known = revision > ranges->known ? revision : ranges->known;
}

/* ---- answers ---- */

static void got_page(struct de_range_clients *ranges, struct de_range_client *client,
                     const struct de_rpc_reply *reply)
{
    const struct de_range_expectation expected = {.query = &client->query,
                                                  .prefix = client->prefix,
                                                  .bounded = client->bounded,
                                                  .short_pages = ranges->options.short_pages};
    char wrong[DE_RANGE_WRONG_MAX];
    struct de_range_page page;
    const char *error;

    if (!de_range_page_decode(reply->value, &page)) {
        fail(ranges, client, "range", "has more keys than there are");
        return;
    }
    error = de_range_model_check(&ranges->model, &expected, &page, wrong);
    if (error != NULL) {
        fail(ranges, client, "range", error);
        return;
    }
    if (client->kind != DE_RANGE_READ_EVENTUAL && page.revision < client->floor) {
        (void)snprintf(wrong, sizeof(wrong),
                       "is of revision %" PRIu64 ", when %" PRIu64 " was done before it began",
                       page.revision, client->floor);
        fail(ranges, client, "range-stale", wrong);
        return;
    }
    ranges->pages++;
    note_known(ranges, page.revision);
    if (go_on(client, &page)) {
        client->floor = ranges->known;
        send_attempt(ranges, client);
        return;
    }
    ranges->ok++;
    rest(ranges, client);
}

static void was_written(struct de_range_clients *ranges, struct de_range_client *client,
                        const struct de_rpc_reply *reply)
{
    char wrong[DE_RANGE_WRONG_MAX];
    const char *error = de_range_model_answer(&ranges->model, reply->revision,
                                              dengine_bytes(client->bytes, client->size),
                                              reply->succeeded, reply->value, wrong);

    if (error != NULL) {
        fail(ranges, client, "batch", error);
        return;
    }
    note_known(ranges, reply->revision);
    ranges->ok++;
    rest(ranges, client);
}

static struct de_range_client *client_of(struct de_range_clients *ranges, uint32_t endpoint)
{
    DE_ASSERT(endpoint >= DE_RANGE_ENDPOINT);
    DE_ASSERT(endpoint - DE_RANGE_ENDPOINT < ranges->options.clients);
    return &ranges->clients[endpoint - DE_RANGE_ENDPOINT];
}

void de_range_clients_receive(struct de_range_clients *ranges, uint32_t endpoint,
                              struct dengine_slice bytes)
{
    struct de_range_client *client = client_of(ranges, endpoint);
    const bool reads = client->kind > DE_RANGE_WRITE;
    struct de_rpc_reply reply;

    if (!de_rpc_reply_decode(bytes, &reply) || !client->busy || reply.attempt != client->attempt) {
        return;
    }
    if (reply.status == 0) {
        if (reads) {
            got_page(ranges, client, &reply);
        } else {
            was_written(ranges, client, &reply);
        }
    } else if (client->kind == DE_RANGE_NONSENSE && reply.status == DENGINE_E_INVALID) {
        ranges->ok++;
        rest(ranges, client);
    } else if (reply.status == DENGINE_E_INVALID) {
        fail(ranges, client, "batch", "is refused as if it made no sense");
    } else if (reads || dengine_outcome(reply.status) == DENGINE_NOT_DONE) {
        try_elsewhere(ranges, client, reply.leader);
    } else {
        client->target = 0;
        rest(ranges, client);
    }
}

/* ---- events ---- */

static void run_next(void *context, const struct de_sim_event *event)
{
    struct de_range_clients *ranges = context;
    struct de_range_client *client = client_of(ranges, event->entity);
    struct de_dice dice;

    if (ranges->stopped || client->busy) {
        return;
    }
    client->operations++;
    ranges->load->begun++;
    client_dice(ranges, client, &dice, 1);
    client->busy = true;
    client->deadline_ns = ranges->kernel->now_ns + ranges->operation_ns;
    client->floor = ranges->known;
    if (de_dice_chance(&dice, 500000)) {
        client->kind = DE_RANGE_WRITE;
        make_write(ranges, client, &dice);
        if (de_dice_chance(&dice, 50000)) {
            make_nonsense(client, &dice);
        }
    } else {
        make_read(ranges, client, &dice);
    }
    if (de_dice_chance(&dice, 300000)) {
        client->target = 0; /* anybody */
    }
    send_attempt(ranges, client);
}

static void run_timeout(void *context, const struct de_sim_event *event)
{
    struct de_range_clients *ranges = context;
    struct de_range_client *client = client_of(ranges, event->entity);

    if (!client->busy || client->attempt != event->content) {
        return;
    }
    if (client->kind <= DE_RANGE_WRITE) {
        client->target = 0;
        rest(ranges, client);
    } else {
        try_elsewhere(ranges, client, 0);
    }
}

static void run_retry(void *context, const struct de_sim_event *event)
{
    struct de_range_clients *ranges = context;
    struct de_range_client *client = client_of(ranges, event->entity);

    if (client->busy && client->attempt == event->content) {
        send_attempt(ranges, client);
    }
}

void de_range_clients_init(struct de_range_clients *ranges, struct de_kernel *kernel,
                           struct de_network *network, struct de_verdict *verdict,
                           const struct de_range_options *options,
                           const struct de_workload_options *workload, struct de_load *load,
                           const struct de_oracle *oracle)
{
    const struct de_kernel_handler next = {"range-next", ranges, run_next, NULL};
    const struct de_kernel_handler timeout = {"range-timeout", ranges, run_timeout, NULL};
    const struct de_kernel_handler retry = {"range-retry", ranges, run_retry, NULL};

    DE_ASSERT(options->clients <= DE_RANGE_CLIENTS_MAX);
    memset(ranges, 0, sizeof(*ranges));
    ranges->kernel = kernel;
    ranges->network = network;
    ranges->verdict = verdict;
    ranges->options = *options;
    ranges->load = load;
    ranges->nodes = workload->nodes;
    ranges->attempt_ns = workload->attempt_ns;
    ranges->operation_ns = workload->operation_ns;
    de_range_model_init(&ranges->model, oracle);
    de_kernel_set_handler(kernel, DE_RANGE_NEXT, &next);
    de_kernel_set_handler(kernel, DE_RANGE_TIMEOUT, &timeout);
    de_kernel_set_handler(kernel, DE_RANGE_RETRY, &retry);
    for (uint32_t i = 0; i < options->clients; i++) {
        ranges->clients[i].endpoint = DE_RANGE_ENDPOINT + i;
        rest(ranges, &ranges->clients[i]);
    }
}

void de_range_clients_deinit(struct de_range_clients *ranges)
{
    de_range_model_deinit(&ranges->model);
}

void de_range_clients_stop(struct de_range_clients *ranges)
{
    ranges->stopped = true;
}

bool de_range_clients_idle(const struct de_range_clients *ranges)
{
    for (uint32_t i = 0; i < ranges->options.clients; i++) {
        if (ranges->clients[i].busy) {
            return false;
        }
    }
    return true;
}
