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

static const struct de_kv_command samples[] = {
    {DE_KV_PUT, {"k", 1}, {"value", 5}, false, {NULL, 0}},
    {DE_KV_PUT, {"key", 3}, {NULL, 0}, false, {NULL, 0}},
    {DE_KV_DELETE, {"gone", 4}, {NULL, 0}, false, {NULL, 0}},
    {DE_KV_CAS, {"lock", 4}, {"me", 2}, true, {NULL, 0}},
    {DE_KV_CAS, {"lock", 4}, {"you", 3}, false, {"me", 2}},
    {DE_KV_CAS, {"lock", 4}, {NULL, 0}, false, {NULL, 0}},
};

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
        uint8_t again[256];

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
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        uint8_t bytes[256];
        struct de_kv_command command;
        const size_t size = de_kv_command_encode(&samples[i], bytes, sizeof bytes);

        assert_int_equal(size, de_kv_command_size(&samples[i]));
        assert_int_equal(de_kv_command_decode(dengine_bytes(bytes, size), &command), 0);
        assert_int_equal(command.type, samples[i].type);
        assert_int_equal(command.expect_absent, samples[i].expect_absent);
        assert_slice_equal(command.key, samples[i].key);
        assert_slice_equal(command.value, samples[i].value);
        assert_slice_equal(command.expected, samples[i].expected);
    }
}

/* The format is on disk: these bytes must never change. */
static void test_bytes_are_fixed(void **state)
{
    static const uint8_t expected[] = {1, 3, 0, 0,   4,   0,   0, 0, 'l', 'o', 'c', 'k', 3,
                                       0, 0, 0, 'y', 'o', 'u', 2, 0, 0,   0,   'm', 'e'};
    uint8_t bytes[64];

    (void)state;
    assert_int_equal(de_kv_command_encode(&samples[4], bytes, sizeof bytes), sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        uint8_t bytes[256];
        struct de_kv_command command;
        const size_t size = de_kv_command_encode(&samples[i], bytes, sizeof bytes);

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
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        uint8_t bytes[256];
        struct de_kv_command command;
        const size_t size = de_kv_command_encode(&samples[i], bytes, sizeof bytes);

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
    const size_t size = de_kv_command_encode(&samples[0], bytes, sizeof bytes);

    (void)state;
    bytes[0] = 2;
    assert_int_equal(decode_exact(bytes, size, &command), DENGINE_E_VERSION);
}

static void test_check_refuses_what_cannot_be_stored(void **state)
{
    static uint8_t long_key[DE_KV_USER_KEY_MAX + 1];
    struct de_kv_command command = samples[4];

    (void)state;
    assert_int_equal(de_kv_command_check(&command, 3), 0);
    assert_int_equal(de_kv_command_check(&command, 2), DENGINE_E_TOO_LARGE);
    command.value.size = 2;
    command.expected = dengine_str("longer");
    assert_int_equal(de_kv_command_check(&command, 3), DENGINE_E_TOO_LARGE);
    command = samples[0];
    command.key.size = 0;
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_INVALID);
    command.key = dengine_bytes(long_key, sizeof long_key);
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_TOO_LARGE);
    command.key.size--;
    assert_int_equal(de_kv_command_check(&command, 100), 0);
    command.value.size = DE_KV_VALUE_MAX + 1;
    assert_int_equal(de_kv_command_check(&command, SIZE_MAX), DENGINE_E_TOO_LARGE);
    command = samples[0];
    command.type = 9;
    assert_int_equal(de_kv_command_check(&command, 100), DENGINE_E_INVALID);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands_come_back),
        cmocka_unit_test(test_bytes_are_fixed),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_every_bit_flip_is_refused_or_a_command),
        cmocka_unit_test(test_noise_is_refused_or_a_command),
        cmocka_unit_test(test_other_versions_are_told_apart),
        cmocka_unit_test(test_check_refuses_what_cannot_be_stored),
        cmocka_unit_test(test_records_come_back),
        cmocka_unit_test(test_bad_records_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
