#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/assert.h"
#include "core/base/codec.h"

/* One of everything, and the bytes it must become. */
static const uint8_t golden[] = {
    0x01,                                           /* u8 */
    0x03, 0x02,                                     /* u16 */
    0x07, 0x06, 0x05, 0x84,                         /* u32 */
    0x0f, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x88, /* u64 */
    'r',  'a',  'w',                                /* bytes */
    0x02, 0x00, 0x00, 0x00, 'h',  'i',              /* slice */
    0x00, 0x00, 0x00, 0x00,                         /* empty slice */
};

static void write_one_of_everything(struct de_writer *writer)
{
    de_write_u8(writer, 0x01);
    de_write_u16(writer, 0x0203);
    de_write_u32(writer, 0x84050607);
    de_write_u64(writer, UINT64_C(0x88090a0b0c0d0e0f));
    de_write_bytes(writer, "raw", 3);
    de_write_slice(writer, DENGINE_STR("hi"));
    de_write_slice(writer, DENGINE_BYTES(NULL, 0));
}

static void test_writes_the_golden_bytes(void **state)
{
    uint8_t buffer[sizeof golden];
    struct de_writer writer;

    (void)state;
    de_writer_init(&writer, buffer, sizeof buffer);
    write_one_of_everything(&writer);
    assert_false(writer.failed);
    assert_int_equal(writer.size, sizeof golden);
    assert_memory_equal(buffer, golden, sizeof golden);
}

static void test_reads_the_golden_bytes(void **state)
{
    struct de_reader reader;
    struct dengine_slice slice;

    (void)state;
    de_reader_init(&reader, golden, sizeof golden);
    assert_int_equal(de_read_u8(&reader), 0x01);
    assert_int_equal(de_read_u16(&reader), 0x0203);
    assert_int_equal(de_read_u32(&reader), 0x84050607);
    assert_true(de_read_u64(&reader) == UINT64_C(0x88090a0b0c0d0e0f));
    assert_memory_equal(de_read_bytes(&reader, 3), "raw", 3);
    slice = de_read_slice(&reader);
    assert_int_equal(slice.size, 2);
    assert_memory_equal(slice.data, "hi", 2);
    assert_int_equal(de_reader_left(&reader), 4);
    slice = de_read_slice(&reader);
    assert_int_equal(slice.size, 0);
    assert_int_equal(de_reader_left(&reader), 0);
    assert_false(reader.failed);
}

/* Whatever the capacity, the writer stays inside and tells whether all of it fitted. */
static void test_writer_never_passes_its_end(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity <= sizeof golden; capacity++) {
        uint8_t buffer[sizeof golden + 1];
        struct de_writer writer;

        memset(buffer, 0xee, sizeof buffer);
        de_writer_init(&writer, buffer, capacity);
        write_one_of_everything(&writer);
        assert_int_equal(writer.failed, capacity < sizeof golden);
        assert_true(writer.size <= capacity);
        assert_memory_equal(buffer, golden, writer.size);
        for (size_t i = capacity; i < sizeof buffer; i++) {
            assert_int_equal(buffer[i], 0xee);
        }
    }
}

/* A small write that would still fit must not land behind a large one that did not. */
static void test_writer_stays_failed(void **state)
{
    uint8_t buffer[4];
    struct de_writer writer;

    (void)state;
    de_writer_init(&writer, buffer, sizeof buffer);
    de_write_u64(&writer, 1);
    de_write_u8(&writer, 1);
    assert_true(writer.failed);
    assert_int_equal(writer.size, 0);
}

/* Whatever is cut off, the reader stays inside, gives zeros and tells. */
static void test_reader_never_passes_its_end(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof golden; size++) {
        uint8_t copy[sizeof golden];
        struct de_reader reader;

        memcpy(copy, golden, size);
        de_reader_init(&reader, size > 0 ? copy : NULL, size);
        (void)de_read_u8(&reader);
        (void)de_read_u16(&reader);
        (void)de_read_u32(&reader);
        (void)de_read_u64(&reader);
        (void)de_read_bytes(&reader, 3);
        (void)de_read_slice(&reader);
        (void)de_read_slice(&reader);
        assert_true(reader.failed);
        assert_true(reader.position <= size);
        assert_int_equal(de_reader_left(&reader), 0);
    }
}

static void test_reader_stays_failed(void **state)
{
    struct de_reader reader;

    (void)state;
    de_reader_init(&reader, golden, 4);
    assert_true(de_read_u64(&reader) == 0);
    assert_int_equal(de_read_u8(&reader), 0);
    assert_int_equal(de_read_u16(&reader), 0);
    assert_int_equal(de_read_u32(&reader), 0);
    assert_null(de_read_bytes(&reader, 1));
    assert_null(de_read_bytes(&reader, 0));
    assert_true(reader.failed);
}

static void test_slice_longer_than_its_input_is_refused(void **state)
{
    static const uint8_t input[] = {0xff, 0xff, 0xff, 0xff, 'x'};
    struct de_reader reader;
    struct dengine_slice slice;

    (void)state;
    de_reader_init(&reader, input, sizeof input);
    slice = de_read_slice(&reader);
    assert_true(reader.failed);
    assert_null(slice.data);
    assert_int_equal(slice.size, 0);
}

static void test_slice_longer_than_its_length_field_is_refused(void **state)
{
    uint8_t buffer[16];
    struct de_writer writer;

    (void)state;
    de_writer_init(&writer, buffer, sizeof buffer);
    de_write_slice(&writer, DENGINE_BYTES(buffer, (size_t)UINT32_MAX + 1));
    assert_true(writer.failed);
    assert_int_equal(writer.size, 0);
}

static void test_empty_bytes_are_not_a_failure(void **state)
{
    struct de_reader reader;

    (void)state;
    de_reader_init(&reader, NULL, 0);
    assert_non_null(de_read_bytes(&reader, 0));
    assert_false(reader.failed);
}

static void test_load_and_store_are_little_endian(void **state)
{
    uint8_t at[8];

    (void)state;
    de_store_u64(at, UINT64_C(0x8877665544332211));
    assert_memory_equal(at, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
    assert_true(de_load_u64(at) == UINT64_C(0x8877665544332211));
    de_store_u32(at, 0xddccbbaa);
    assert_memory_equal(at, "\xaa\xbb\xcc\xdd\x55\x66\x77\x88", 8);
    assert_true(de_load_u32(at) == 0xddccbbaa);
}

static void test_missing_buffer_is_a_bug(void **state)
{
    struct de_writer writer;
    struct de_reader reader;

    (void)state;
    expect_assert_failure(de_writer_init(&writer, NULL, 1));
    expect_assert_failure(de_reader_init(&reader, NULL, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_the_golden_bytes),
        cmocka_unit_test(test_reads_the_golden_bytes),
        cmocka_unit_test(test_writer_never_passes_its_end),
        cmocka_unit_test(test_writer_stays_failed),
        cmocka_unit_test(test_reader_never_passes_its_end),
        cmocka_unit_test(test_reader_stays_failed),
        cmocka_unit_test(test_slice_longer_than_its_input_is_refused),
        cmocka_unit_test(test_slice_longer_than_its_length_field_is_refused),
        cmocka_unit_test(test_empty_bytes_are_not_a_failure),
        cmocka_unit_test(test_load_and_store_are_little_endian),
        cmocka_unit_test(test_missing_buffer_is_a_bug),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
