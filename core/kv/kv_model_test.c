/* Random commands of every kind against the simplest model, on two replicas that group the same log
 * differently, one of which is opened anew again and again: it must then remember the same events
 * that the other one, which never closes, was told of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/kv/kv_test_model.h"
#include "core/kv/kv_test_store.h"
#include "tests/support/test_support.h"

enum {
    ENTRIES = 300,
    COMMAND_BYTES_MAX = 1024,
    MS = 1000000,
    RING_EVENTS = 24,
    RING_BYTES = 4000,
};

struct replica {
    struct test_store store;
    struct de_kv *kv;
    struct dengine_state_machine machine;
    bool open;
    uint64_t index;
};

struct bench {
    struct de_random random;
    struct model model;
    struct model_memory *memory;
    struct replica one;
    struct replica other;
    struct de_kv_event *first_event; /* of one, from the beginning */
    struct de_kv_event *last_event;
    uint64_t told;     /* revision */
    char names[64][2]; /* of the command being drawn */
    char values[64][8];
    size_t texts;
    uint8_t lists[3][COMMAND_BYTES_MAX];
    bool off;          /* the other replica keeps nothing */
    uint64_t on_from;  /* and since when it does keep what happens */
    size_t counts[10]; /* of what was seen, so that the test is known to test it */
};

static void open_replica(struct replica *replica)
{
    assert_int_equal(
        de_kv_new(test_store_table(&replica->store), de_test_allocator(), &replica->kv), 0);
    replica->machine = de_kv_state_machine(replica->kv);
}

static uint64_t below(struct bench *b, uint64_t n)
{
    return de_random_below(&b->random, n);
}

/* ---- events ---- */

static void hear(void *context, struct de_kv_event *first, uint64_t revision)
{
    struct bench *b = context;

    assert_true(revision > b->told);
    b->told = revision;
    if (b->last_event != NULL) {
        b->last_event->next = first;
    } else {
        b->first_event = first;
    }
    for (; first != NULL; first = first->next) {
        b->last_event = first;
    }
}

static void never(void *context, uint64_t revision)
{
    (void)context;
    fail_msg("nothing is restored here, at %llu", (unsigned long long)revision);
}

static void free_events(struct de_kv_event *event)
{
    while (event != NULL) {
        struct de_kv_event *next = event->next;

        de_kv_event_unref(de_test_allocator(), event);
        event = next;
    }
}

static void compare_slice(struct dengine_slice a, struct dengine_slice b)
{
    assert_int_equal(a.size, b.size);
    if (a.size > 0) {
        assert_memory_equal(a.data, b.data, a.size);
    }
}

static void compare_event(const struct de_kv_event *a, const struct de_kv_event *b)
{
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->expired, b->expired);
    assert_int_equal(a->had_previous, b->had_previous);
    assert_int_equal(a->revision, b->revision);
    assert_int_equal(a->create_revision, b->create_revision);
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->lease, b->lease);
    compare_slice(a->key, b->key);
    compare_slice(a->value, b->value);
    compare_slice(a->previous, b->previous);
}

/* The other replica was opened anew, and has applied what the first one has: it remembers the same
 * events, and not fewer than it should. Every so often it was told to keep nothing. */
static void compare_past(struct bench *b)
{
    const struct de_kv_event *expected = b->first_event;
    const struct de_kv_event *event;
    struct de_kv_event *past = NULL;
    const bool off = below(b, 16) == 0;
    uint64_t oldest = 0;
    size_t events = 0;
    size_t bytes = 0;

    assert_int_equal(de_kv_recall(b->other.kv, off ? 0 : RING_EVENTS, RING_BYTES, &past, &oldest),
                     0);
    assert_true(oldest >= 1 && oldest <= b->told + 1);
    while (expected != NULL && expected->revision < oldest) {
        expected = expected->next;
    }
    for (event = past; event != NULL; event = event->next) {
        compare_event(event, expected);
        expected = expected->next;
        events++;
        bytes += de_kv_event_bytes(event);
    }
    assert_null(expected);
    b->counts[8] += events > 0 ? 1 : 0;
    b->counts[9] += off ? 1 : 0;
    if (b->off && !off) {
        b->on_from = b->told + 1;
    }
    b->off = off;
    if (off) {
        assert_int_equal(events, 0);
    } else if (events < RING_EVENTS && bytes < RING_BYTES) {
        assert_true(oldest <= b->on_from); /* no fewer than there are, and than a ring holds */
    }
    free_events(past);
}

/* ---- replicas ---- */

static void begin(struct replica *replica)
{
    if (!replica->open) {
        assert_int_equal(replica->machine.ops->begin(replica->machine.object), 0);
        replica->open = true;
    }
}

static void commit(struct replica *replica, uint64_t index)
{
    if (replica->open) {
        assert_int_equal(replica->machine.ops->commit(replica->machine.object, index, 1), 0);
        replica->open = false;
    }
}

/* ---- drawing ---- */

static struct dengine_slice some_key(struct bench *b)
{
    char *name = b->names[b->texts++ % 64];

    name[0] = (char)('a' + below(b, MODEL_KEYS));
    return dengine_bytes(name, 1);
}

static struct dengine_slice some_value(struct bench *b)
{
    char *value = b->values[b->texts++ % 64];
    const size_t size = (size_t)below(b, 4);

    memset(value, 'u' + (int)below(b, 3), size);
    return dengine_bytes(value, size);
}

static uint64_t some_lease(struct bench *b)
{
    const uint64_t last = b->model.last_lease;
    const uint64_t back = below(b, 6);

    return last > back ? last - back : 1 + below(b, 3);
}

static struct de_kv_op some_op(struct bench *b, bool reads)
{
    struct de_kv_op op = {.key = some_key(b)};

    switch (below(b, reads ? 8 : 5)) {
    case 0:
    case 1:
    case 2:
        op.type = DE_KV_PUT;
        op.value = some_value(b);
        op.want_previous = below(b, 2) == 0;
        if (below(b, 3) == 0) {
            op.ttl_ns = (1 + below(b, 40)) * MS;
        } else if (below(b, 3) == 0) {
            op.lease = some_lease(b);
        }
        break;
    case 3:
        op.type = DE_KV_DELETE;
        op.want_previous = below(b, 2) == 0;
        break;
    case 4:
        op.type = DE_KV_DELETE_RANGE;
        op.want_previous = below(b, 2) == 0;
        op.end = some_key(b);
        break;
    case 5:
        op.type = DE_KV_GET;
        break;
    default:
        op.type = DE_KV_RANGE;
        op.end = below(b, 2) == 0 ? dengine_str("") : some_key(b);
        op.limit = (uint32_t)below(b, 4);
        op.keys_only = below(b, 3) == 0;
        op.count_only = !op.keys_only && below(b, 3) == 0;
        break;
    }
    return op;
}

static struct de_kv_compare some_compare(struct bench *b)
{
    struct de_kv_compare compare = {
        .target = 1 + (uint32_t)below(b, 5),
        .key = some_key(b),
    };

    compare.relation = 1 + (uint32_t)below(b, compare.target == DE_KV_COMPARE_ABSENCE ? 2 : 4);
    if (compare.target == DE_KV_COMPARE_VALUE) {
        compare.value = some_value(b);
    } else if (compare.target == DE_KV_COMPARE_VERSION) {
        compare.number = below(b, 5);
    } else if (compare.target != DE_KV_COMPARE_ABSENCE) {
        compare.number = below(b, 2) == 0 ? 0 : b->model.keys[below(b, MODEL_KEYS)].mod;
    }
    return compare;
}

static struct de_kv_command some_txn(struct bench *b)
{
    struct de_kv_command command = {.type = DE_KV_TXN};
    struct de_writer writer[3];

    for (size_t i = 0; i < 3; i++) {
        de_writer_init(&writer[i], b->lists[i], sizeof b->lists[i]);
    }
    for (uint64_t n = below(b, 3); n > 0; n--) {
        const struct de_kv_compare compare = some_compare(b);

        assert_int_equal(de_kv_list_add_compare(&command.compares, &writer[0], &compare, 100), 0);
    }
    for (uint64_t n = below(b, 5); n > 0; n--) {
        const struct de_kv_op op = some_op(b, true);
        const bool then = below(b, 2) == 0;

        if (de_kv_op_check(&op, 100) == 0) {
            assert_int_equal(de_kv_list_add_op(then ? &command.then_ops : &command.else_ops,
                                               &writer[then ? 1 : 2], &op, 100),
                             0);
        }
    }
    return command;
}

static void add_session(struct bench *b, struct de_kv_command *command)
{
    command->session = some_lease(b);
    command->sequence = 1 + below(b, below(b, 6) == 0 ? 120 : 12);
    command->acknowledged = below(b, 2) == 0 ? 0 : below(b, command->sequence);
}

static struct de_kv_command some_command(struct bench *b)
{
    struct de_kv_command command = {.type = DE_KV_WRITE};

    switch (below(b, 12)) {
    case 0:
        command.type = DE_KV_LEASE_GRANT;
        command.with_session = below(b, 2) == 0;
        command.ttl_ns = (1 + below(b, 60)) * MS;
        break;
    case 1:
        command.type = DE_KV_LEASE_KEEP;
        command.lease = some_lease(b);
        break;
    case 2:
        command.type = below(b, 2) == 0 ? DE_KV_LEASE_REVOKE : DE_KV_EXPIRE;
        command.lease = command.type == DE_KV_EXPIRE ? 0 : some_lease(b);
        break;
    case 3:
    case 4:
        command.type = DE_KV_CAS;
        command.compare = some_compare(b);
        command.op = (struct de_kv_op){.type = DE_KV_PUT,
                                       .key = command.compare.key,
                                       .value = some_value(b),
                                       .want_previous = below(b, 2) == 0};
        break;
    case 5:
    case 6:
    case 7:
        command = some_txn(b);
        break;
    default:
        command.op = some_op(b, false);
        break;
    }
    if (command.type != DE_KV_EXPIRE && below(b, 3) == 0) {
        add_session(b, &command);
    }
    return command;
}

/* ---- comparing ---- */

static void compare_pair(const struct de_kv_pair *pair, char name, const struct model_key *key)
{
    assert_int_equal(pair->key.size, 1);
    assert_int_equal(*(const char *)pair->key.data, name);
    assert_int_equal(pair->record.create_revision, key->create);
    assert_int_equal(pair->record.mod_revision, key->mod);
    assert_int_equal(pair->record.version, key->version);
    assert_int_equal(pair->record.lease, key->lease);
    assert_int_equal(pair->record.value.size, strlen(key->value));
    if (pair->record.value.size > 0) {
        assert_memory_equal(pair->record.value.data, key->value, pair->record.value.size);
    }
}

static void compare_answer(struct dengine_slice bytes, const struct model_result *expected)
{
    struct de_kv_answer answer;
    size_t pairs = 0;

    if (bytes.size == 0) {
        assert_int_equal(expected->pairs, 0);
        assert_int_equal(expected->lease, 0);
        return;
    }
    assert_int_equal(de_kv_answer_decode(bytes, &answer), 0);
    assert_int_equal(answer.lease, expected->lease);
    for (uint32_t i = 0; i < answer.ops; i++) {
        struct de_kv_op_answer op;

        assert_true(de_kv_op_answer_read(&answer.reader, &op));
        for (uint32_t n = 0; n < op.pairs; n++) {
            struct de_kv_pair pair;

            assert_true(de_kv_pair_read(&answer.reader, &pair));
            assert_true(pairs < expected->pairs);
            compare_pair(&pair, expected->pair_keys[pairs], &expected->pair_values[pairs]);
            pairs++;
        }
    }
    assert_int_equal(pairs, expected->pairs);
}

static void compare_state(struct replica *replica, const struct model *model)
{
    uint64_t first = UINT64_MAX;
    uint64_t leases = 0;
    uint64_t sessions = 0;
    struct dengine_machine_clock clock;
    struct de_kv_view view;

    assert_int_equal(de_kv_view_open(replica->kv, &view), 0);
    for (size_t k = 0; k < MODEL_KEYS; k++) {
        const char name = (char)('a' + k);
        struct de_kv_pair pair = {dengine_bytes(&name, 1), {.version = 0}};
        int rc = de_kv_view_get(&view, pair.key, &pair.record);

        assert_int_equal(rc, model->keys[k].exists ? 0 : DENGINE_E_NOT_FOUND);
        if (rc == 0) {
            compare_pair(&pair, name, &model->keys[k]);
        }
    }
    de_kv_view_close(&view);
    for (uint64_t id = 1; id <= model->last_lease; id++) {
        const struct model_lease *lease = &model->leases[id];

        first = lease->exists && lease->deadline_ns < first ? lease->deadline_ns : first;
        leases += lease->exists ? 1 : 0;
        sessions += lease->exists && lease->session ? 1 : 0;
    }
    assert_int_equal(view.leases, leases);
    assert_int_equal(view.sessions, sessions);
    replica->machine.ops->clock(replica->machine.object, &clock);
    assert_int_equal(clock.time_ns, model->time_ns);
    assert_int_equal(clock.wake_ns, first);
}

/* ---- running ---- */

static void apply(struct replica *replica, const struct dengine_position *at, const uint8_t *bytes,
                  size_t size, const struct model_result *expected)
{
    struct dengine_result result;

    begin(replica);
    assert_int_equal(replica->machine.ops->apply(replica->machine.object, at,
                                                 dengine_bytes(bytes, size), &result),
                     0);
    assert_int_equal(result.status, expected->status);
    assert_int_equal(result.succeeded, expected->succeeded);
    assert_int_equal(result.revision, expected->revision);
    compare_answer(result.bytes, expected);
}

static void count(struct bench *b, const struct de_kv_command *command,
                  const struct model_result *result, uint64_t index)
{
    b->counts[0] += result->status == DENGINE_E_NO_LEASE ? 1 : 0;
    b->counts[1] += result->status == DENGINE_E_NO_SESSION ? 1 : 0;
    b->counts[2] += result->status == DENGINE_E_STALE ? 1 : 0;
    b->counts[3] += result->status == DENGINE_E_BUSY ? 1 : 0;
    b->counts[4] += result->revision != index ? 1 : 0; /* recalled */
    b->counts[5] += command->type == DE_KV_TXN && result->status == DENGINE_E_NO_LEASE ? 1 : 0;
    b->counts[6] += command->type == DE_KV_TXN && result->succeeded ? 1 : 0;
    b->counts[7] += result->pairs > 1 ? 1 : 0;
}

static void one_command(struct bench *b, uint64_t index)
{
    const struct dengine_position at = {index, 1, b->model.time_ns};
    struct de_kv_command command = some_command(b);
    struct model_result result;
    uint8_t bytes[4 * COMMAND_BYTES_MAX];
    size_t size;

    while (de_kv_command_check(&command, 100) != 0 || de_kv_command_size(&command) > sizeof bytes) {
        command = some_command(b);
    }
    size = de_kv_command_encode(&command, bytes, sizeof bytes);
    model_apply(&b->model, b->memory, index, at.time_ns, &command, &result);
    count(b, &command, &result, index);
    apply(&b->one, &at, bytes, size, &result);
    apply(&b->other, &at, bytes, size, &result);
}

static void run_seed(struct bench *b, uint64_t seed)
{
    uint64_t digests[2] = {0, 0};

    memset(&b->model, 0, sizeof b->model);
    memset(b->memory, 0, sizeof *b->memory);
    b->told = 0;
    b->off = true;
    b->on_from = 1;
    de_random_init(&b->random, seed);
    test_store_init(&b->one.store);
    test_store_init(&b->other.store);
    open_replica(&b->one);
    de_kv_set_sink(b->one.kv, (struct de_kv_sink){b, hear, never});
    open_replica(&b->other);
    compare_past(b);
    for (uint64_t index = 1; index <= ENTRIES; index++) {
        b->model.time_ns += below(b, 3) * MS;
        for (uint64_t n = 1 + below(b, 3); n > 0; n--) {
            one_command(b, index);
        }
        commit(&b->one, index);
        compare_state(&b->one, &b->model);
        if (below(b, 4) == 0 || index == ENTRIES) {
            commit(&b->other, index);
            compare_state(&b->other, &b->model);
            de_kv_free(b->other.kv);
            open_replica(&b->other);
            compare_past(b);
        }
    }
    assert_int_equal(b->one.machine.ops->digest(b->one.machine.object, &digests[0]), 0);
    assert_int_equal(b->other.machine.ops->digest(b->other.machine.object, &digests[1]), 0);
    assert_int_equal(digests[0], digests[1]);
    de_kv_free(b->one.kv);
    de_kv_free(b->other.kv);
    free_events(b->first_event);
    b->first_event = NULL;
    b->last_event = NULL;
    test_store_deinit(&b->one.store);
    test_store_deinit(&b->other.store);
}

static void test_random_commands_agree_with_the_model(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    (void)state;
    assert_non_null(b);
    b->memory = calloc(1, sizeof *b->memory);
    assert_non_null(b->memory);
    for (uint64_t seed = 0; seed < 60; seed++) {
        run_seed(b, seed);
    }
    for (size_t i = 0; i < 10; i++) {
        print_message("%zu seen: %zu\n", i, b->counts[i]);
        assert_true(b->counts[i] > 20);
    }
    free(b->memory);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_commands_agree_with_the_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
