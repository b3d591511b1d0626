#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/random.h"
#include "core/kv/command.h"
#include "core/kv/record.h"

static uint8_t list_bytes[3][256];

/* A transaction with every kind of comparison and operation. */
static struct de_kv_command whole_txn(void)
{
    static const struct de_kv_compare compares[] = {
        {DE_KV_COMPARE_VALUE, DE_KV_LESS, {"a", 1}, {"x", 1}, 0},
        {DE_KV_COMPARE_ABSENCE, DE_KV_NOT_EQUAL, {"b", 1}, {NULL, 0}, 0},
        {DE_KV_COMPARE_VERSION, DE_KV_GREATER, {"c", 1}, {NULL, 0}, 3},
        {DE_KV_COMPARE_CREATE, DE_KV_EQUAL, {"d", 1}, {NULL, 0}, 0},
        {DE_KV_COMPARE_MOD, DE_KV_NOT_EQUAL, {"e", 1}, {NULL, 0}, 1u << 31},
    };
    static const struct de_kv_op ops[] = {
        {.type = DE_KV_PUT, .key = {"a", 1}, .value = {"1", 1}, .lease = 7},
        {.type = DE_KV_PUT, .key = {"b", 1}, .ttl_ns = DE_KV_TTL_MIN_NS, .want_previous = true},
        {.type = DE_KV_DELETE, .key = {"c", 1}, .want_previous = true},
        {.type = DE_KV_DELETE_RANGE, .key = {"d", 1}, .end = {"e", 1}},
        {.type = DE_KV_GET, .key = {"f", 1}},
        {.type = DE_KV_RANGE, .end = {"z", 1}, .limit = 9, .keys_only = true},
        {.type = DE_KV_RANGE, .key = {"z", 1}, .count_only = true},
    };
    struct de_kv_command command = {.type = DE_KV_TXN};
    struct de_writer writer[3];

    for (size_t i = 0; i < 3; i++) {
        de_writer_init(&writer[i], list_bytes[i], sizeof list_bytes[i]);
    }
    for (size_t i = 0; i < DE_ARRAY_SIZE(compares); i++) {
        assert_int_equal(
            de_kv_list_add_compare(&command.compares, &writer[0], &compares[i], SIZE_MAX), 0);
    }
    for (size_t i = 0; i < DE_ARRAY_SIZE(ops); i++) {
        struct de_kv_list *list = i < 4 ? &command.then_ops : &command.else_ops;

        assert_int_equal(de_kv_list_add_op(list, &writer[i < 4 ? 1 : 2], &ops[i], SIZE_MAX), 0);
    }
    return command;
}

enum {
    SAMPLES = 15,
    SAMPLE_BYTES_MAX = 512,
};

static struct de_kv_command sample(size_t i)
{
    const struct dengine_slice me = dengine_str("me");
    const struct dengine_slice nothing = {NULL, 0};
    struct de_kv_command command = de_kv_put(dengine_str("k"), dengine_str("value"));

    switch (i) {
    case 0:
        return command;
    case 1:
        return de_kv_put(dengine_str("key"), nothing);
    case 2:
        return de_kv_delete(dengine_str("gone"));
    case 3:
        return de_kv_cas(dengine_str("lock"), NULL, me);
    case 4:
        return de_kv_cas(dengine_str("lock"), &me, dengine_str("you"));
    case 5:
        return de_kv_cas(dengine_str("lock"), &nothing, nothing);
    case 6:
        command.session = 9;
        command.sequence = 4;
        command.acknowledged = 3;
        command.op.want_previous = true;
        return command;
    case 7:
        command.op.ttl_ns = DE_KV_TTL_MAX_NS;
        return command;
    case 8:
        command.op.lease = UINT64_MAX;
        return command;
    case 9:
        return (struct de_kv_command){
            .type = DE_KV_LEASE_GRANT, .ttl_ns = DE_KV_TTL_MIN_NS, .with_session = true};
    case 10:
        return (struct de_kv_command){.type = DE_KV_LEASE_KEEP, .lease = 1};
    case 11:
        return (struct de_kv_command){.type = DE_KV_LEASE_REVOKE, .lease = 2};
    case 12:
        return (struct de_kv_command){.type = DE_KV_EXPIRE};
    case 13:
        return (struct de_kv_command){.type = DE_KV_TXN}; /* does nothing, and may */
    default:
        return whole_txn();
    }
}

static void assert_slice_equal(struct dengine_slice a, struct dengine_slice b)
{
    assert_int_equal(a.size, b.size);
    if (a.size > 0) {
        assert_memory_equal(a.data, b.data, a.size);
    }
}

/* Decodes from a block of exactly this size, so that a sanitizer sees any step beyond it. */
static int decode_exact(const uint8_t *bytes, size_t size, struct de_kv_command *command)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);
    int rc;

    assert_non_null(exact);
    memcpy(exact, bytes, size);
    rc = de_kv_command_decode(dengine_bytes(exact, size), command);
    if (rc == 0) {
        /* One encoding only: what decodes encodes to the same bytes. */
        uint8_t again[SAMPLE_BYTES_MAX];

        assert_int_equal(de_kv_command_check(command, SIZE_MAX), 0);
        assert_int_equal(de_kv_command_size(command), size);
        assert_int_equal(de_kv_command_encode(command, again, sizeof again), size);
        assert_memory_equal(again, exact, size);
    } else {
        assert_true(rc == DENGINE_E_PROTOCOL || rc == DENGINE_E_VERSION);
    }
    free(exact);
    return rc;
}

static void test_commands_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct de_kv_command wrote = sample(i);
        uint8_t bytes[SAMPLE_BYTES_MAX];
        struct de_kv_command read;
        const size_t size = de_kv_command_encode(&wrote, bytes, sizeof bytes);

        assert_int_equal(de_kv_command_decode(dengine_bytes(bytes, size), &read), 0);
        assert_int_equal(read.type, wrote.type);
        assert_int_equal(read.session, wrote.session);
        assert_int_equal(read.sequence, wrote.sequence);
        assert_int_equal(read.acknowledged, wrote.acknowledged);
        assert_int_equal(read.op.type, wrote.op.type);
        assert_slice_equal(read.op.key, wrote.op.key);
        assert_slice_equal(read.op.value, wrote.op.value);
        assert_int_equal(read.op.want_previous, wrote.op.want_previous);
        assert_int_equal(read.op.lease, wrote.op.lease);
        assert_int_equal(read.op.ttl_ns, wrote.op.ttl_ns);
        assert_int_equal(read.compare.target, wrote.compare.target);
        assert_slice_equal(read.compare.value, wrote.compare.value);
        assert_int_equal(read.lease, wrote.lease);
        assert_int_equal(read.ttl_ns, wrote.ttl_ns);
        assert_int_equal(read.with_session, wrote.with_session);
        assert_int_equal(read.then_ops.count, wrote.then_ops.count);
        assert_slice_equal(read.then_ops.bytes, wrote.then_ops.bytes);
        assert_slice_equal(read.compares.bytes, wrote.compares.bytes);
        (void)decode_exact(bytes, size, &read);
    }
}

static void test_the_items_of_a_list_come_back(void **state)
{
    const struct de_kv_command command = whole_txn();
    struct de_reader reader;
    struct de_kv_op op;
    struct de_kv_compare compare;

    (void)state;
    de_reader_init(&reader, command.else_ops.bytes.data, command.else_ops.bytes.size);
    assert_true(de_kv_op_read(&reader, &op));
    assert_int_equal(op.type, DE_KV_GET);
    assert_true(de_kv_op_read(&reader, &op));
    assert_int_equal(op.type, DE_KV_RANGE);
    assert_int_equal(op.limit, 9);
    assert_true(op.keys_only);
    assert_slice_equal(op.end, dengine_str("z"));
    assert_true(de_kv_op_read(&reader, &op));
    assert_true(op.count_only);
    assert_false(de_kv_op_read(&reader, &op));
    de_reader_init(&reader, command.compares.bytes.data, command.compares.bytes.size);
    for (int i = 0; i < 5; i++) {
        assert_true(de_kv_compare_read(&reader, &compare));
    }
    assert_int_equal(compare.number, 1u << 31);
    assert_int_equal(compare.relation, DE_KV_NOT_EQUAL);
}

/* The format is on disk: these bytes must never change. */
static void test_bytes_are_fixed(void **state)
{
    static const uint8_t expected[] = {
        2, 2, 0, 0,                                       /* a CAS */
        1, 1, 0, 0, 4,   0,   0,   0, 'l', 'o', 'c', 'k', /* the value of lock equals */
        2, 0, 0, 0, 'm', 'e',                             /* me */
        1, 0, 0, 0, 4,   0,   0,   0, 'l', 'o', 'c', 'k', /* put lock */
        3, 0, 0, 0, 'y', 'o', 'u',                        /* you */
    };
    static const uint8_t in_session[] = {
        2, 1, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 4, 0,   0, 0, 0, 0, 0,   0,   3,   0,   0,
        0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 'k', 5, 0, 0, 0, 'v', 'a', 'l', 'u', 'e',
    };
    struct de_kv_command command = sample(4);
    uint8_t bytes[64];

    (void)state;
    assert_int_equal(de_kv_command_encode(&command, bytes, sizeof bytes), sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
    command = sample(6);
    assert_int_equal(de_kv_command_encode(&command, bytes, sizeof bytes), sizeof in_session);
    assert_memory_equal(bytes, in_session, sizeof in_session);
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct de_kv_command wrote = sample(i);
        uint8_t bytes[SAMPLE_BYTES_MAX];
        struct de_kv_command command;
        const size_t size = de_kv_command_encode(&wrote, bytes, sizeof bytes);

        for (size_t cut = 0; cut < size; cut++) {
            assert_int_equal(decode_exact(bytes, cut, &command), DENGINE_E_PROTOCOL);
        }
        bytes[size] = 0;
        assert_int_equal(decode_exact(bytes, size + 1, &command), DENGINE_E_PROTOCOL);
    }
}

static void test_every_bit_flip_is_refused_or_a_command(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct de_kv_command wrote = sample(i);
        uint8_t bytes[SAMPLE_BYTES_MAX];
        struct de_kv_command command;
        const size_t size = de_kv_command_encode(&wrote, bytes, sizeof bytes);

        for (size_t bit = 0; bit < size * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            (void)decode_exact(bytes, size, &command);
            bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
    }
}

static void test_noise_is_refused_or_a_command(void **state)
{
    struct de_random random;

    (void)state;
    de_random_init(&random, 1);
    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[48];
        struct de_kv_command command;
        const size_t size = (size_t)de_random_below(&random, sizeof bytes + 1);

        for (size_t j = 0; j < size; j++) {
            /* Mostly small numbers: lengths that may fit. */
            bytes[j] = (uint8_t)de_random_below(&random, de_random_below(&random, 8) ? 6 : 256);
        }
        if (size > 0) {
            bytes[0] = DE_KV_COMMAND_VERSION;
        }
        (void)decode_exact(bytes, size, &command);
    }
}

static void test_other_versions_are_told_apart(void **state)
{
    uint8_t bytes[256];
    struct de_kv_command command;
    const struct de_kv_command wrote = sample(0);
    const size_t size = de_kv_command_encode(&wrote, bytes, sizeof bytes);

    (void)state;
    bytes[0] = 1;
    assert_int_equal(decode_exact(bytes, size, &command), DENGINE_E_VERSION);
}

static void test_check_refuses_what_cannot_be_stored(void **state)
{
    static uint8_t long_key[DE_KV_USER_KEY_MAX + 1];
    struct de_kv_command command = sample(4);

    (void)state;
    assert_int_equal(de_kv_command_check(&command, 3), 0);
    assert_int_equal(de_kv_command_check(&command, 2), DENGINE_E_TOO_LARGE);
    command.op.value.size = 2;
    command.compare.value = dengine_str("longer");
    assert_int_equal(de_kv_command_check(&command, 3), DENGINE_E_TOO_LARGE);
    command = sample(0);
    command.op.key.size = 0;
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_INVALID);
    command.op.key = dengine_bytes(long_key, sizeof long_key);
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_TOO_LARGE);
    command.op.key.size--;
    assert_int_equal(de_kv_command_check(&command, 100), 0);
    command.op.value.size = DE_KV_VALUE_MAX + 1;
    assert_int_equal(de_kv_command_check(&command, SIZE_MAX), DENGINE_E_TOO_LARGE);
    command = sample(0);
    command.type = 99;
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_INVALID);
}

/* What contradicts itself. */
static void test_check_refuses_what_makes_no_sense(void **state)
{
    struct de_kv_command command = sample(0);

    (void)state;
    command.op.lease = 1;
    command.op.ttl_ns = DE_KV_TTL_MIN_NS;
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_INVALID);
    command = sample(7);
    command.op.ttl_ns = DE_KV_TTL_MIN_NS - 1;
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_INVALID);
    command.op.ttl_ns = DE_KV_TTL_MIN_NS;
    assert_int_equal(de_kv_command_check(&command, 100), 0);
    command.op.ttl_ns = DE_KV_TTL_MAX_NS + 1;
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_TOO_LARGE);
    command = sample(9);
    command.ttl_ns = DE_KV_TTL_MIN_NS - 1;
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_INVALID);
    command.ttl_ns = DE_KV_TTL_MAX_NS;
    assert_int_equal(de_kv_command_check(&command, 100), 0);
    command.ttl_ns = DE_KV_TTL_MAX_NS + 1;
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_TOO_LARGE);
    command = sample(6);
    command.acknowledged = command.sequence; /* of itself it cannot have the result */
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_INVALID);
    command.session = 0;
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_INVALID);
    command = sample(0);
    command.op.type = DE_KV_GET; /* nothing to be written down */
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_INVALID);
    command.op = (struct de_kv_op){.type = DE_KV_DELETE_RANGE, .key = {"b", 1}, .end = {"b", 1}};
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_INVALID);
    command.op.end = dengine_str("b\1");
    assert_int_equal(de_kv_command_check(&command, 100), 0);
    command = sample(12);
    command.session = 1;
    command.sequence = 1;
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_INVALID);
}

static void test_lists_are_bounded(void **state)
{
    static uint8_t bytes[DE_KV_LIST_ITEMS_MAX * 16];
    const struct de_kv_op op = {.type = DE_KV_DELETE, .key = {"k", 1}};
    struct de_kv_list list = {{NULL, 0}, 0};
    struct de_writer writer;

    (void)state;
    de_writer_init(&writer, bytes, sizeof bytes);
    for (int i = 0; i < DE_KV_LIST_ITEMS_MAX; i++) {
        assert_int_equal(de_kv_list_add_op(&list, &writer, &op, 100), 0);
    }
    assert_int_equal(de_kv_list_add_op(&list, &writer, &op, 100), DENGINE_E_TOO_LARGE);
    assert_int_equal(list.count, DE_KV_LIST_ITEMS_MAX);
    list = (struct de_kv_list){{NULL, 0}, 0};
    de_writer_init(&writer, bytes, 12);
    assert_int_equal(de_kv_list_add_op(&list, &writer, &op, 100), 0);
    assert_int_equal(de_kv_list_add_op(&list, &writer, &op, 100), DENGINE_E_NO_SPACE);
}

static void test_records_come_back(void **state)
{
    const struct de_kv_record record = {{NULL, 0}, 3, 9, 4, 77};
    struct de_kv_record read;
    uint8_t bytes[DE_KV_RECORD_HEADER_BYTES + 2] = {0};

    (void)state;
    de_kv_record_encode_header(&record, bytes);
    memcpy(bytes + DE_KV_RECORD_HEADER_BYTES, "ab", 2);
    assert_int_equal(de_kv_record_decode(dengine_bytes(bytes, sizeof bytes), &read), 0);
    assert_int_equal(read.create_revision, 3);
    assert_int_equal(read.mod_revision, 9);
    assert_int_equal(read.version, 4);
    assert_int_equal(read.lease, 77);
    assert_slice_equal(read.value, dengine_str("ab"));
}

static void test_bad_records_are_refused(void **state)
{
    const struct de_kv_record record = {{NULL, 0}, 3, 9, 4, 0};
    struct de_kv_record read;
    uint8_t bytes[DE_KV_RECORD_HEADER_BYTES];

    (void)state;
    de_kv_record_encode_header(&record, bytes);
    for (size_t cut = 0; cut < sizeof bytes; cut++) {
        assert_int_equal(de_kv_record_decode(dengine_bytes(bytes, cut), &read), DENGINE_E_CORRUPT);
    }
    bytes[0] = 2;
    assert_int_equal(de_kv_record_decode(dengine_bytes(bytes, sizeof bytes), &read),
                     DENGINE_E_VERSION);
    bytes[0] = 1;
    bytes[5] = 1; /* reserved */
    assert_int_equal(de_kv_record_decode(dengine_bytes(bytes, sizeof bytes), &read),
                     DENGINE_E_CORRUPT);
    bytes[5] = 0;
    bytes[8] = 10; /* created after it was changed */
    assert_int_equal(de_kv_record_decode(dengine_bytes(bytes, sizeof bytes), &read),
                     DENGINE_E_CORRUPT);
    bytes[8] = 3;
    bytes[24] = 0; /* version 0 */
    assert_int_equal(de_kv_record_decode(dengine_bytes(bytes, sizeof bytes), &read),
                     DENGINE_E_CORRUPT);
}

static void test_ours_come_back(void **state)
{
    const struct de_kv_lease lease = {true, false, true, 3, DE_KV_TTL_MIN_NS, 5, 6, 7};
    const struct dengine_result result = {DENGINE_E_TOO_LARGE, false, 12, {NULL, 0}};
    struct de_kv_lease read;
    struct dengine_result remembered;
    uint8_t bytes[DE_KV_LEASE_BYTES];

    (void)state;
    de_kv_lease_encode(&lease, bytes);
    assert_int_equal(de_kv_lease_decode(dengine_bytes(bytes, sizeof bytes), &read), 0);
    assert_true(read.session && read.ending && !read.single);
    assert_int_equal(read.remembered, 3);
    assert_int_equal(read.ttl_ns, DE_KV_TTL_MIN_NS);
    assert_int_equal(read.deadline_ns, 5);
    assert_int_equal(read.keys, 6);
    assert_int_equal(read.acknowledged, 7);
    assert_int_equal(de_kv_lease_decode(dengine_bytes(bytes, sizeof bytes - 1), &read),
                     DENGINE_E_CORRUPT);
    bytes[1] = 8;
    assert_int_equal(de_kv_lease_decode(dengine_bytes(bytes, sizeof bytes), &read),
                     DENGINE_E_CORRUPT);
    bytes[0] = 9;
    assert_int_equal(de_kv_lease_decode(dengine_bytes(bytes, sizeof bytes), &read),
                     DENGINE_E_VERSION);
    de_kv_remembered_encode_header(&result, bytes);
    assert_int_equal(de_kv_remembered_decode(dengine_bytes(bytes, 18), &remembered), 0);
    assert_int_equal(remembered.status, DENGINE_E_TOO_LARGE);
    assert_false(remembered.succeeded);
    assert_int_equal(remembered.revision, 12);
    assert_int_equal(remembered.bytes.size, 2);
    assert_int_equal(de_kv_remembered_decode(dengine_bytes(bytes, 15), &remembered),
                     DENGINE_E_CORRUPT);
}

/* Keys of ours stand in the order of their numbers, before all keys of users. */
static void test_keys_of_ours_stand_in_order(void **state)
{
    uint8_t a[DENGINE_KV_KEY_MAX];
    uint8_t b[DENGINE_KV_KEY_MAX];
    struct dengine_slice key;
    struct dengine_slice user;
    uint64_t one = 0;
    uint64_t two = 0;

    (void)state;
    key = de_kv_deadline_key(255, 9, a);
    assert_true(memcmp(a, de_kv_deadline_key(256, 1, b).data, key.size) < 0);
    assert_true(de_kv_deadline_of(key, &one, &two));
    assert_true(one == 255 && two == 9);
    assert_false(de_kv_remembered_of(key, &one, &two));
    key = de_kv_attachment_key(UINT64_MAX, dengine_str("key"), a);
    assert_true(memcmp(a, de_kv_user_key(dengine_str(""), b).data, 1) < 0);
    assert_true(de_kv_attachment_of(key, &one, &user));
    assert_true(one == UINT64_MAX);
    assert_slice_equal(user, dengine_str("key"));
    assert_true(de_kv_lease_of(de_kv_lease_key(5, a), &one));
    assert_true(one == 5);
    assert_true(de_kv_remembered_of(de_kv_remembered_key(3, 4, a), &one, &two));
    assert_true(one == 3 && two == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands_come_back),
        cmocka_unit_test(test_the_items_of_a_list_come_back),
        cmocka_unit_test(test_check_refuses_what_makes_no_sense),
        cmocka_unit_test(test_lists_are_bounded),
        cmocka_unit_test(test_bytes_are_fixed),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_every_bit_flip_is_refused_or_a_command),
        cmocka_unit_test(test_noise_is_refused_or_a_command),
        cmocka_unit_test(test_other_versions_are_told_apart),
        cmocka_unit_test(test_check_refuses_what_cannot_be_stored),
        cmocka_unit_test(test_records_come_back),
        cmocka_unit_test(test_ours_come_back),
        cmocka_unit_test(test_keys_of_ours_stand_in_order),
        cmocka_unit_test(test_bad_records_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
