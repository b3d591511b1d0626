/* What happens at the bounds: many leases at once, many keys of one lease, large answers, long
 * ranges; and failing stores in the middle of a transaction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kv/kv.h"
#include "core/kv/kv_test_store.h"
#include "tests/support/test_support.h"

#define SECOND UINT64_C(1000000000)

struct fixture {
    struct test_store store;
    struct de_test_heap heap;
    struct de_kv *kv;
    struct dengine_state_machine machine;
    struct dengine_position at;
    uint8_t *bytes; /* for one encoded command */
};

#define BYTES_MAX ((size_t)4 << 20)

static void setup(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    test_store_init(&f->store);
    de_test_heap_init(&f->heap);
    assert_int_equal(de_kv_new(test_store_table(&f->store), &f->heap.allocator, &f->kv), 0);
    f->machine = de_kv_state_machine(f->kv);
    f->at.term = 1;
    f->bytes = malloc(BYTES_MAX);
    assert_non_null(f->bytes);
}

static void teardown(struct fixture *f)
{
    de_kv_free(f->kv);
    test_store_deinit(&f->store);
    assert_int_equal(f->heap.blocks, 0);
    free(f->bytes);
}

static void begin(struct fixture *f)
{
    f->at.index++;
    assert_int_equal(f->machine.ops->begin(f->machine.object), 0);
}

static struct dengine_result apply(struct fixture *f, const struct de_kv_command *command)
{
    struct dengine_result result;
    const size_t size = de_kv_command_encode(command, f->bytes, BYTES_MAX);

    assert_int_equal(
        f->machine.ops->apply(f->machine.object, &f->at, dengine_bytes(f->bytes, size), &result),
        0);
    return result;
}

static void commit(struct fixture *f)
{
    assert_int_equal(f->machine.ops->commit(f->machine.object, f->at.index, f->at.term), 0);
}

static struct dengine_result run(struct fixture *f, const struct de_kv_command *command)
{
    struct dengine_result result;

    begin(f);
    result = apply(f, command);
    commit(f);
    return result;
}

static uint64_t wake_ns(struct fixture *f)
{
    struct dengine_machine_clock clock;

    f->machine.ops->clock(f->machine.object, &clock);
    assert_int_equal(clock.wake_command.size, 4);
    return clock.wake_ns;
}

static uint64_t grant(struct fixture *f, uint64_t ttl_ns, bool session)
{
    const struct de_kv_command command = {
        .type = DE_KV_LEASE_GRANT, .ttl_ns = ttl_ns, .with_session = session};
    const struct dengine_result result = run(f, &command);
    struct de_kv_answer answer;

    assert_int_equal(result.status, 0);
    assert_int_equal(de_kv_answer_decode(result.bytes, &answer), 0);
    assert_int_equal(answer.kind, DE_KV_ANSWER_LEASE);
    assert_int_equal(answer.ttl_ns, ttl_ns);
    return answer.lease;
}

static size_t user_keys(const struct fixture *f)
{
    size_t count = 0;

    for (size_t i = 0; i < f->store.committed.count; i++) {
        count += *(const char *)f->store.committed.pairs[i].key.data == DE_KV_SPACE_USER ? 1 : 0;
    }
    return count;
}

/* Puts count keys, all in one entry, and more of them by each call; ttl_ns or lease or neither. */
static void put_many(struct fixture *f, size_t count, uint64_t ttl_ns, uint64_t lease)
{
    begin(f);
    for (size_t i = 0; i < count; i++) {
        char name[32];
        struct de_kv_command put;

        (void)snprintf(name, sizeof name, "%08zu", i);
        put = de_kv_put(dengine_str(name), dengine_str("v"));
        put.op.ttl_ns = ttl_ns;
        put.op.lease = lease;
        assert_int_equal(apply(f, &put).status, 0);
    }
    commit(f);
}

static void test_leases_that_end_together_take_bounded_steps(void **state)
{
    static const struct de_kv_command expire = {.type = DE_KV_EXPIRE};
    const size_t count = 3 * DE_KV_EXPIRE_LEASES_MAX + 10;
    struct fixture f;
    size_t left = count;

    (void)state;
    setup(&f);
    assert_int_equal(wake_ns(&f), UINT64_MAX);
    put_many(&f, count, SECOND, 0);
    assert_int_equal(wake_ns(&f), SECOND);
    f.at.time_ns = SECOND - 1;
    (void)run(&f, &expire);
    assert_int_equal(user_keys(&f), count);
    f.at.time_ns = SECOND;
    while (wake_ns(&f) <= f.at.time_ns) {
        assert_int_equal(run(&f, &expire).status, 0);
        assert_true(user_keys(&f) < left);
        assert_true(left - user_keys(&f) <= DE_KV_EXPIRE_LEASES_MAX);
        left = user_keys(&f);
    }
    assert_int_equal(left, 0);
    assert_int_equal(f.store.committed.count, 1); /* nothing but the state */
    teardown(&f);
}

static void test_a_lease_with_many_keys_ends_in_bounded_steps(void **state)
{
    static const struct de_kv_command expire = {.type = DE_KV_EXPIRE};
    const size_t count = 2 * DE_KV_EXPIRE_KEYS_MAX + 10;
    struct fixture f;
    struct de_kv_command keep = {.type = DE_KV_LEASE_KEEP};
    struct de_kv_command revoke = {.type = DE_KV_LEASE_REVOKE};
    struct de_kv_command put = de_kv_put(dengine_str("late"), dengine_str(""));

    (void)state;
    setup(&f);
    keep.lease = revoke.lease = put.op.lease = grant(&f, SECOND, false);
    put_many(&f, count, 0, keep.lease);
    assert_int_equal(run(&f, &revoke).status, 0);
    assert_int_equal(user_keys(&f), count - DE_KV_EXPIRE_KEYS_MAX);
    /* To everybody it is gone. */
    assert_int_equal(run(&f, &keep).status, DENGINE_E_NO_LEASE);
    assert_int_equal(run(&f, &revoke).status, DENGINE_E_NO_LEASE);
    assert_int_equal(run(&f, &put).status, DENGINE_E_NO_LEASE);
    assert_int_equal(wake_ns(&f), 0);
    assert_int_equal(run(&f, &expire).status, 0);
    assert_int_equal(user_keys(&f), 10);
    assert_int_equal(run(&f, &expire).status, 0);
    assert_int_equal(user_keys(&f), 0);
    assert_int_equal(wake_ns(&f), UINT64_MAX);
    teardown(&f);
}

/* A key of a lease that is ending may still be written: it is then nobody's. */
static void test_keys_of_an_ending_lease_can_be_taken_away(void **state)
{
    static const struct de_kv_command expire = {.type = DE_KV_EXPIRE};
    struct fixture f;
    struct de_kv_command revoke = {.type = DE_KV_LEASE_REVOKE};
    const struct de_kv_command put = de_kv_put(dengine_str("00000600"), dengine_str("mine"));

    (void)state;
    setup(&f);
    revoke.lease = grant(&f, SECOND, false);
    put_many(&f, DE_KV_EXPIRE_KEYS_MAX + 200, 0, revoke.lease);
    assert_int_equal(run(&f, &revoke).status, 0);
    assert_int_equal(run(&f, &put).status, 0);
    assert_int_equal(run(&f, &expire).status, 0);
    assert_int_equal(user_keys(&f), 1);
    assert_int_equal(f.store.committed.count, 2);
    teardown(&f);
}

static struct de_kv_command txn_of(struct de_writer *writer, const struct de_kv_op *ops,
                                   size_t count)
{
    struct de_kv_command command = {.type = DE_KV_TXN};

    for (size_t i = 0; i < count; i++) {
        assert_int_equal(de_kv_list_add_op(&command.then_ops, writer, &ops[i], SIZE_MAX), 0);
    }
    return command;
}

static void test_answers_are_bounded_by_command_and_by_entry(void **state)
{
    static uint8_t value[2 << 20];
    static uint8_t scratch[1024];
    const struct de_kv_op get = {.type = DE_KV_GET, .key = {"big", 3}};
    const struct de_kv_op mark = {.type = DE_KV_PUT, .key = {"mark", 4}};
    const struct de_kv_op ops[] = {mark, get, get, get};
    const struct de_kv_command put = de_kv_put(dengine_str("big"), dengine_bytes(value, 2 << 20));
    struct dengine_result result;
    struct de_kv_command txn;
    struct de_writer writer;
    struct fixture f;

    (void)state;
    setup(&f);
    assert_int_equal(run(&f, &put).status, 0);
    de_writer_init(&writer, scratch, sizeof scratch);
    txn = txn_of(&writer, ops, 4);
    assert_int_equal(run(&f, &txn).status, DENGINE_E_TOO_LARGE);
    assert_int_equal(user_keys(&f), 1); /* the mark was taken back */
    de_writer_init(&writer, scratch, sizeof scratch);
    txn = txn_of(&writer, ops, 2);
    begin(&f);
    for (size_t sum = 0;; sum += result.bytes.size) {
        result = apply(&f, &txn);
        assert_true(sum + result.bytes.size <= DENGINE_RESULTS_BYTES_MAX);
        if (result.status != 0) {
            assert_int_equal(result.status, DENGINE_E_BUSY);
            assert_true(sum > DENGINE_RESULTS_BYTES_MAX - sizeof value - 200);
            break;
        }
    }
    f.at.index++; /* the next entry of the same batch begins anew */
    assert_int_equal(apply(&f, &txn).status, 0);
    commit(&f);
    teardown(&f);
}

static void test_ranges_are_bounded(void **state)
{
    const size_t count = DE_KV_COMMAND_KEYS_MAX + 1;
    struct fixture f;
    struct dengine_result result;
    struct de_kv_answer answer;
    struct de_kv_op_answer op;
    struct de_kv_command command = {.type = DE_KV_WRITE, .op = {.type = DE_KV_DELETE_RANGE}};

    (void)state;
    setup(&f);
    put_many(&f, count, 0, 0);
    assert_int_equal(run(&f, &command).status, DENGINE_E_TOO_LARGE);
    assert_int_equal(user_keys(&f), count);
    command.op.key = dengine_str("00000001");
    result = run(&f, &command);
    assert_int_equal(result.status, 0);
    assert_int_equal(de_kv_answer_decode(result.bytes, &answer), 0);
    assert_true(de_kv_op_answer_read(&answer.reader, &op));
    assert_int_equal(op.count, count - 1);
    assert_int_equal(user_keys(&f), 1);
    teardown(&f);
}

static struct dengine_result in_session(struct fixture *f, uint64_t session, uint64_t sequence,
                                        uint64_t acknowledged)
{
    struct de_kv_command command = de_kv_put(dengine_str("k"), dengine_str("v"));

    command.session = session;
    command.sequence = sequence;
    command.acknowledged = acknowledged;
    command.op.want_previous = true;
    return run(f, &command);
}

static void test_a_session_answers_again_and_forgets(void **state)
{
    static const struct de_kv_command expire = {.type = DE_KV_EXPIRE};
    struct fixture f;
    struct dengine_result first;
    struct dengine_result again;
    uint8_t bytes[64];
    uint64_t session;

    (void)state;
    setup(&f);
    session = grant(&f, SECOND, true);
    first = in_session(&f, session, 1, 0);
    assert_true(first.bytes.size <= sizeof bytes);
    memcpy(bytes, first.bytes.data, first.bytes.size);
    assert_int_equal(in_session(&f, session, 2, 0).status, 0);
    again = in_session(&f, session, 1, 0);
    assert_int_equal(again.revision, first.revision);
    assert_int_equal(again.bytes.size, first.bytes.size);
    assert_memory_equal(again.bytes.data, bytes, first.bytes.size); /* nothing was there, then */
    assert_int_equal(in_session(&f, session, 1 + DE_KV_SESSION_WINDOW, 0).status, DENGINE_E_BUSY);
    assert_int_equal(in_session(&f, session, 1 + DE_KV_SESSION_WINDOW, 1).status, 0);
    assert_int_equal(in_session(&f, session, 1, 0).status, DENGINE_E_STALE);
    f.at.time_ns = SECOND;
    assert_int_equal(run(&f, &expire).status, 0);
    assert_int_equal(in_session(&f, session, 2, 1).status, DENGINE_E_NO_SESSION);
    assert_int_equal(f.store.committed.count, 2);
    teardown(&f);
}

static size_t remembered_bytes(const struct fixture *f)
{
    size_t bytes = 0;

    for (size_t i = 0; i < f->store.committed.count; i++) {
        uint64_t session;
        uint64_t sequence;

        if (de_kv_remembered_of(f->store.committed.pairs[i].key, &session, &sequence)) {
            bytes += f->store.committed.pairs[i].value.size - DE_KV_REMEMBERED_HEADER_BYTES;
        }
    }
    return bytes;
}

/* Every command answers with what was there before: 3 MiB, of which two have room in 8 MiB. Short
 * answers have room for as many numbers as are let in. */
static void test_the_answers_of_a_session_take_bounded_memory(void **state)
{
    static uint8_t value[3 << 20];
    struct de_kv_command put = de_kv_put(dengine_str("big"), dengine_bytes(value, sizeof value));
    const size_t most = DE_KV_SESSION_BYTES_MAX + DE_KV_SESSION_WINDOW * DE_KV_SESSION_SMALL_BYTES;
    struct fixture f;
    uint64_t keys;

    (void)state;
    setup(&f);
    assert_int_equal(run(&f, &put).status, 0);
    put.session = grant(&f, SECOND, true);
    put.op.want_previous = true;
    for (put.sequence = 1; put.sequence <= 2; put.sequence++) {
        assert_int_equal(run(&f, &put).status, 0);
    }
    put.sequence = 3;
    assert_int_equal(run(&f, &put).status, DENGINE_E_BUSY);
    keys = user_keys(&f);
    for (uint64_t n = 4; n <= DE_KV_SESSION_WINDOW; n++) {
        assert_int_equal(in_session(&f, put.session, n, 0).status, 0);
    }
    assert_int_equal(user_keys(&f), keys + 1);
    assert_true(remembered_bytes(&f) > 2 * sizeof value);
    assert_true(remembered_bytes(&f) <= most);
    assert_int_equal(run(&f, &put).status, DENGINE_E_BUSY);
    put.acknowledged = 1; /* which makes room for the one that was refused */
    assert_int_equal(run(&f, &put).status, 0);
    assert_true(remembered_bytes(&f) <= most);
    put.sequence = 1 + DE_KV_SESSION_WINDOW;
    assert_int_equal(run(&f, &put).status, DENGINE_E_BUSY);
    put.session = 0; /* what a command answers without one is bounded by its entry only */
    put.sequence = 0;
    put.acknowledged = 0;
    assert_int_equal(run(&f, &put).status, 0);
    teardown(&f);
}

/* How often a put that changes a key asks the store for something. */
static size_t calls_of_a_put(struct fixture *f)
{
    const struct de_kv_command put = de_kv_put(dengine_str("other"), dengine_str("v"));

    (void)run(f, &put);
    f->store.calls = 0;
    (void)run(f, &put);
    return f->store.calls;
}

/* Leases that live, and keys on them, cost a write nothing: it does not even ask for them. */
static void test_leases_that_live_cost_a_write_nothing(void **state)
{
    enum { LEASES = 1000 };
    struct fixture f;
    uint64_t lease = 0;
    size_t calls;

    (void)state;
    setup(&f);
    calls = calls_of_a_put(&f);
    assert_true(calls > 0);
    for (size_t i = 0; i < LEASES; i++) {
        lease = grant(&f, SECOND + i, i % 2 == 0);
    }
    put_many(&f, LEASES, 0, lease);
    assert_int_equal(calls_of_a_put(&f), calls);
    put_many(&f, 1, 2 * SECOND, 0);
    assert_int_equal(calls_of_a_put(&f), calls);
    teardown(&f);
}

/* How often a step that ends leases asks the store for something when so many are due. */
static size_t calls_of_a_step(size_t due)
{
    static const struct de_kv_command expire = {.type = DE_KV_EXPIRE};
    struct fixture f;
    size_t calls;

    setup(&f);
    put_many(&f, due, SECOND, 0);
    f.at.time_ns = 2 * SECOND;
    f.store.calls = 0;
    (void)run(&f, &expire);
    calls = f.store.calls;
    assert_int_equal(user_keys(&f), due - DE_KV_EXPIRE_LEASES_MAX);
    teardown(&f);
    return calls;
}

/* So many that end together do not stall the writes between the steps. */
static void test_a_step_costs_the_same_however_many_leases_are_due(void **state)
{
    const size_t few = calls_of_a_step(DE_KV_EXPIRE_LEASES_MAX + 1);

    (void)state;
    assert_int_equal(calls_of_a_step(3000), few);
}

/* Whatever call of the store fails, nothing of the entry is left. */
static void test_a_failing_store_leaves_no_half_of_a_transaction(void **state)
{
    const struct de_kv_op ops[] = {
        {.type = DE_KV_PUT, .key = {"a", 1}, .ttl_ns = SECOND},
        {.type = DE_KV_DELETE_RANGE, .key = {"a", 1}},
        {.type = DE_KV_PUT, .key = {"b", 1}, .lease = 77},
    };
    uint8_t scratch[256];
    int rc = -1;

    (void)state;
    for (size_t fail_at = 0; rc != 0; fail_at++) {
        struct fixture f;
        struct de_writer writer;
        struct de_kv_command txn;
        struct dengine_result result;
        size_t size;

        setup(&f);
        put_many(&f, 2, SECOND, 0);
        size = f.store.committed.count;
        de_writer_init(&writer, scratch, sizeof scratch);
        txn = txn_of(&writer, ops, 3);
        f.store.calls = 0;
        f.store.fail_at = fail_at;
        f.at.index++;
        rc = f.machine.ops->begin(f.machine.object);
        if (rc == 0) {
            rc = f.machine.ops->apply(
                f.machine.object, &f.at,
                dengine_bytes(f.bytes, de_kv_command_encode(&txn, f.bytes, BYTES_MAX)), &result);
        }
        if (rc == 0) {
            rc = f.machine.ops->commit(f.machine.object, f.at.index, 1);
        }
        assert_true(rc == 0 || rc == DENGINE_E_IO);
        if (rc == 0) {
            assert_int_equal(result.status, DENGINE_E_NO_LEASE);
            assert_true(fail_at > 20);
        }
        assert_int_equal(f.store.committed.count, size);
        teardown(&f);
    }
}

/* Runs command as an entry of its own; its status is only of interest when 0 is returned. */
static int try_run(struct fixture *f, const struct de_kv_command *command)
{
    const struct dengine_slice bytes =
        dengine_bytes(f->bytes, de_kv_command_encode(command, f->bytes, BYTES_MAX));
    struct dengine_result result;
    int rc;

    f->at.index++;
    rc = f->machine.ops->begin(f->machine.object);
    rc = rc == 0 ? f->machine.ops->apply(f->machine.object, &f->at, bytes, &result) : rc;
    return rc == 0 ? f->machine.ops->commit(f->machine.object, f->at.index, 1) : rc;
}

static void restart(struct fixture *f)
{
    de_kv_free(f->kv);
    assert_int_equal(de_kv_new(test_store_table(&f->store), &f->heap.allocator, &f->kv), 0);
    f->machine = de_kv_state_machine(f->kv);
}

/* The first that is granted; its session has the same number. */
#define FIRST_LEASE 1

/* Runs command again and again, each time on a new state, where one call more of the store, or of
 * the allocator, goes well. */
static void fail_everywhere(struct de_kv_command command, bool memory)
{
    int rc = -1;

    for (size_t fail_at = 0; rc != 0; fail_at++) {
        struct fixture f;
        size_t count;

        setup(&f);
        assert_int_equal(grant(&f, SECOND, true), FIRST_LEASE);
        put_many(&f, 2, SECOND, 0);
        restart(&f); /* so that it has no memory left over from before */
        count = f.store.committed.count;
        f.store.calls = 0;
        f.store.fail_at = memory ? SIZE_MAX : fail_at;
        f.heap.resizes_max = memory ? f.heap.resizes + fail_at : SIZE_MAX;
        rc = try_run(&f, &command);
        if (rc != 0) {
            assert_int_equal(rc, memory ? DENGINE_E_NO_MEMORY : DENGINE_E_IO);
            assert_int_equal(f.store.committed.count, count);
            assert_true(f.machine.ops->message(f.machine.object)[0] != '\0');
            assert_int_equal(try_run(&f, &command), rc); /* and it stays stopped */
        }
        teardown(&f);
    }
}

/* Every kind of command, wherever the store or the memory fails it. */
static void test_any_command_that_fails_stops_the_machine_without_effect(void **state)
{
    const struct de_kv_op get = {.type = DE_KV_GET, .key = {"00000000", 8}};
    const struct de_kv_op put = {
        .type = DE_KV_PUT, .key = {"00000000", 8}, .value = {"v", 1}, .want_previous = true};
    const struct de_kv_op clear = {.type = DE_KV_DELETE_RANGE, .key = {"0", 1}};
    const struct de_kv_op list[] = {put, get, clear};
    const struct de_kv_compare absent = {
        .target = DE_KV_COMPARE_ABSENCE, .relation = DE_KV_EQUAL, .key = {"00000000", 8}};
    const struct de_kv_compare same = {.target = DE_KV_COMPARE_VERSION,
                                       .relation = DE_KV_NOT_EQUAL,
                                       .key = {"00000000", 8},
                                       .number = 77};
    uint8_t scratch[256];
    struct de_writer writer;
    struct de_kv_command commands[] = {
        {.type = DE_KV_WRITE, .op = put},
        {.type = DE_KV_WRITE, .op = clear},
        {.type = DE_KV_CAS, .op = put, .compare = absent},
        {.type = DE_KV_CAS, .op = put, .compare = same},
        {.type = DE_KV_LEASE_GRANT, .ttl_ns = SECOND, .with_session = true},
        {.type = DE_KV_LEASE_KEEP, .lease = FIRST_LEASE},
        {.type = DE_KV_LEASE_REVOKE, .lease = FIRST_LEASE},
        {.type = DE_KV_EXPIRE},
        {.type = DE_KV_TXN},
    };
    const size_t count = sizeof commands / sizeof commands[0];

    (void)state;
    de_writer_init(&writer, scratch, sizeof scratch);
    commands[count - 1] = txn_of(&writer, list, 3);
    for (size_t i = 0; i < count; i++) {
        struct de_kv_command in_session = commands[i];

        fail_everywhere(commands[i], true);
        fail_everywhere(commands[i], false);
        if (commands[i].type <= DE_KV_TXN) {
            in_session.session = FIRST_LEASE;
            in_session.sequence = 1;
            fail_everywhere(in_session, true);
            fail_everywhere(in_session, false);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leases_that_end_together_take_bounded_steps),
        cmocka_unit_test(test_a_lease_with_many_keys_ends_in_bounded_steps),
        cmocka_unit_test(test_keys_of_an_ending_lease_can_be_taken_away),
        cmocka_unit_test(test_answers_are_bounded_by_command_and_by_entry),
        cmocka_unit_test(test_ranges_are_bounded),
        cmocka_unit_test(test_a_session_answers_again_and_forgets),
        cmocka_unit_test(test_the_answers_of_a_session_take_bounded_memory),
        cmocka_unit_test(test_leases_that_live_cost_a_write_nothing),
        cmocka_unit_test(test_a_step_costs_the_same_however_many_leases_are_due),
        cmocka_unit_test(test_a_failing_store_leaves_no_half_of_a_transaction),
        cmocka_unit_test(test_any_command_that_fails_stops_the_machine_without_effect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
