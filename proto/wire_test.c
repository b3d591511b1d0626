#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "proto/wire.h"

static struct de_wire_reader reader_of(const void *data, size_t size)
{
    struct de_wire_reader reader;

    de_wire_reader_init(&reader, dengine_bytes(data, size));
    return reader;
}

static void test_varint_round_trip(void **state)
{
    struct de_random random;
    int i;

    (void)state;
    de_random_init(&random, 1);
    for (i = 0; i < 10000; i++) {
        const uint64_t value = de_random_next(&random) >> de_random_below(&random, 64);
        uint8_t buffer[16];
        uint8_t *end = de_wire_put_tag(buffer, 1, DE_WIRE_VARINT);
        struct de_wire_reader reader;
        struct de_wire_field field;

        end = de_wire_put_varint(end, value);
        assert_int_equal(end - buffer, 1 + de_wire_varint_size(value));
        reader = reader_of(buffer, (size_t)(end - buffer));
        assert_true(de_wire_next(&reader, &field));
        assert_true(field.value == value);
        assert_false(de_wire_next(&reader, &field));
        assert_false(reader.failed);
    }
}

static void test_reads_every_type(void **state)
{
    /* Numbers 1 varint 300, 2 fixed64, 3 "abc", 4 fixed32; the example 300 is protobuf's own. */
    static const uint8_t bytes[] = {0x08, 0xac, 0x02, 0x11, 1,   0,   0,    0, 0, 0, 0,
                                    0x80, 0x1a, 3,    'a',  'b', 'c', 0x25, 5, 0, 0, 0x10};
    struct de_wire_reader reader = reader_of(bytes, sizeof bytes);
    struct de_wire_field field;

    (void)state;
    assert_true(de_wire_next(&reader, &field));
    assert_int_equal(field.number, 1);
    assert_int_equal(field.value, 300);
    assert_true(de_wire_next(&reader, &field));
    assert_true(field.value == UINT64_C(0x8000000000000001));
    assert_true(de_wire_next(&reader, &field));
    assert_int_equal(field.bytes.size, 3);
    assert_memory_equal(field.bytes.data, "abc", 3);
    assert_true(de_wire_next(&reader, &field));
    assert_int_equal(field.number, 4);
    assert_int_equal(field.value, 0x10000005);
    assert_false(de_wire_next(&reader, &field));
    assert_false(reader.failed);
}

static void assert_broken(const uint8_t *bytes, size_t size)
{
    struct de_wire_reader reader = reader_of(bytes, size);
    struct de_wire_field field;

    while (de_wire_next(&reader, &field)) {
    }
    assert_true(reader.failed);
    assert_false(de_wire_next(&reader, &field));
}

static void test_refuses_what_is_no_field(void **state)
{
    static const uint8_t eleven_bytes[] = {0x08, 0xff, 0xff, 0xff, 0xff, 0xff,
                                           0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    static const uint8_t too_wide[] = {0x08, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0x02};
    static const uint8_t number_zero[] = {0x00, 0x00};
    static const uint8_t group[] = {0x0b, 0x0c};
    static const uint8_t type_seven[] = {0x0f, 0x00};
    static const uint8_t long_bytes[] = {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff,
                                         0xff, 0xff, 0xff, 0xff, 0x01};
    static const uint8_t short_fixed[] = {0x09, 1, 2, 3, 4, 5, 6, 7};

    (void)state;
    assert_broken(eleven_bytes, sizeof eleven_bytes);
    assert_broken(too_wide, sizeof too_wide);
    assert_broken(number_zero, sizeof number_zero);
    assert_broken(group, sizeof group);
    assert_broken(type_seven, sizeof type_seven);
    assert_broken(long_bytes, sizeof long_bytes);
    assert_broken(short_fixed, sizeof short_fixed);
    assert_broken(short_fixed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_varint_round_trip),
        cmocka_unit_test(test_reads_every_type),
        cmocka_unit_test(test_refuses_what_is_no_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
