#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/assert.h"
#include "core/base/crc32c.h"
#include "core/base/crc32c_paths.h"
#include "core/base/random.h"

/* The definition, one bit at a time: what every path is compared with. */
static uint32_t bitwise(uint32_t state, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        state ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            state = (state >> 1) ^ ((state & 1) != 0 ? UINT32_C(0x82f63b78) : 0);
        }
    }
    return state;
}

static void fill(uint8_t *data, size_t size, uint64_t seed)
{
    struct de_random random;

    de_random_init(&random, seed);
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)de_random_next(&random);
    }
}

static void test_check_value(void **state)
{
    (void)state;
    assert_int_equal(de_crc32c(0, "123456789", 9), 0xe3069283);
}

/* RFC 3720 B.4. */
static void test_rfc3720_vectors(void **state)
{
    uint8_t data[32];

    (void)state;
    memset(data, 0, sizeof data);
    assert_int_equal(de_crc32c(0, data, sizeof data), 0x8a9136aa);
    memset(data, 0xff, sizeof data);
    assert_int_equal(de_crc32c(0, data, sizeof data), 0x62a8ab43);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)i;
    }
    assert_int_equal(de_crc32c(0, data, sizeof data), 0x46dd794e);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(31 - i);
    }
    assert_int_equal(de_crc32c(0, data, sizeof data), 0x113fdb5c);
}

static void test_nothing_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(de_crc32c(0, NULL, 0), 0);
    assert_int_equal(de_crc32c(0x12345678, NULL, 0), 0x12345678);
}

static void test_every_table_entry(void **state)
{
    (void)state;
    for (unsigned row = 0; row < 8; row++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint8_t data[8] = {(uint8_t)byte};

            assert_int_equal(de_crc32c_table[row][byte], bitwise(0, data, row + 1));
        }
    }
}

/* Every length around the eight-byte step, at every alignment, from a register in use. */
static void test_paths_agree_with_the_definition(void **state)
{
    uint8_t data[128];

    (void)state;
    fill(data, sizeof data, 1);
    for (size_t start = 0; start < 16; start++) {
        for (size_t size = 0; size <= sizeof data - start; size++) {
            const uint32_t seed = (uint32_t)de_mix64(start * 1000 + size);
            const uint32_t expected = bitwise(seed, data + start, size);

            assert_int_equal(de_crc32c_portable(seed, data + start, size), expected);
            if (de_crc32c_has_hardware()) {
                assert_int_equal(de_crc32c_hardware(seed, data + start, size), expected);
            }
            assert_int_equal(de_crc32c(~seed, data + start, size), ~expected);
        }
    }
}

static void test_parts_give_the_whole(void **state)
{
    uint8_t data[4096];
    uint32_t whole;

    (void)state;
    fill(data, sizeof data, 2);
    whole = de_crc32c(0, data, sizeof data);
    for (size_t cut = 0; cut <= sizeof data; cut += 61) {
        const uint32_t first = de_crc32c(0, data, cut);

        assert_int_equal(de_crc32c(first, data + cut, sizeof data - cut), whole);
    }
}

static void test_sees_every_flipped_bit(void **state)
{
    uint8_t data[64];
    uint32_t good;

    (void)state;
    fill(data, sizeof data, 3);
    good = de_crc32c(0, data, sizeof data);
    for (size_t bit = 0; bit < sizeof data * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_not_equal(de_crc32c(0, data, sizeof data), good);
        data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

static void test_missing_bytes_are_a_bug(void **state)
{
    (void)state;
    expect_assert_failure((void)de_crc32c(0, NULL, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_value),
        cmocka_unit_test(test_rfc3720_vectors),
        cmocka_unit_test(test_nothing_changes_nothing),
        cmocka_unit_test(test_every_table_entry),
        cmocka_unit_test(test_paths_agree_with_the_definition),
        cmocka_unit_test(test_parts_give_the_whole),
        cmocka_unit_test(test_sees_every_flipped_bit),
        cmocka_unit_test(test_missing_bytes_are_a_bug),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
