/* Damage of finished snapshots: whatever is changed, cut or added is told, with the file and the
 * place, before a wrong byte comes out. And what runs out of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dengine/error.h>

#include "core/base/codec.h"
#include "core/base/crc32c.h"
#include "storage/snapshot/snapshot_format.h"
#include "storage/snapshot/snapshot_kit.h"
#include "tests/support/test_support.h"

/* 150000 bytes in three blocks, a configuration of three bytes. */
#define INDEX 3u
#define NAME  "snapshot-0000000000000003.snap"

enum {
    CONFIGURATION_BYTES = 3,
    FIRST_BLOCK = DE_SNAPSHOT_HEADER_BYTES + CONFIGURATION_BYTES,
    BLOCK_STEP = DE_SNAPSHOT_BLOCK_HEAD_BYTES + DE_SNAPSHOT_BLOCK_BYTES,
};

static void setup(struct de_snapshot_kit *kit)
{
    de_snapshot_kit_init(kit);
    assert_int_equal(de_snapshot_kit_open(kit), 0);
    assert_int_equal(de_snapshot_kit_save(kit, INDEX), 0);
}

static uint8_t *bytes_of(struct de_snapshot_kit *kit, uint64_t *size)
{
    uint8_t *bytes = de_fault_dir_bytes(kit->fault, NAME, size);

    assert_non_null(bytes);
    return bytes;
}

static int check_file(struct de_snapshot_kit *kit, char *message, size_t message_size)
{
    struct de_snapshot_summary summary;

    return de_snapshot_check(de_fault_dir_dir(kit->fault), NAME, &summary, message, message_size);
}

/* The store and the offline check must both refuse it and name the file and the place. */
static void expect_refused(struct de_snapshot_kit *kit, int error, const char *place)
{
    char message[512];
    uint64_t found = 0;

    assert_int_equal(de_snapshot_kit_check(kit, INDEX, &found), error);
    assert_non_null(strstr(kit->store.ops->message(kit->store.object), NAME));
    assert_non_null(strstr(kit->store.ops->message(kit->store.object), place));
    assert_int_equal(check_file(kit, message, sizeof(message)), error);
    assert_non_null(strstr(message, NAME));
    assert_non_null(strstr(message, place));
}

static void a_whole_file_passes(void **state)
{
    struct de_snapshot_kit kit;
    struct de_snapshot_summary summary;
    char message[512];
    uint64_t size = 0;

    (void)state;
    setup(&kit);
    (void)bytes_of(&kit, &size);
    assert_int_equal(
        de_snapshot_check(de_fault_dir_dir(kit.fault), NAME, &summary, message, sizeof(message)),
        0);
    assert_string_equal(message, "");
    assert_int_equal(summary.index, INDEX);
    assert_int_equal(summary.term, 4);
    assert_int_equal(summary.cluster_id, 9);
    assert_int_equal(summary.stream_bytes, 150000);
    assert_int_equal(summary.blocks, 3);
    assert_int_equal(summary.block_bytes, DE_SNAPSHOT_BLOCK_BYTES);
    assert_int_equal(summary.configuration_bytes, CONFIGURATION_BYTES);
    assert_int_equal(summary.image_bytes, size);
    assert_int_equal(size, FIRST_BLOCK + 3 * DE_SNAPSHOT_BLOCK_HEAD_BYTES + 150000 +
                               DE_SNAPSHOT_END_BYTES);
    assert_int_equal(de_snapshot_check(de_fault_dir_dir(kit.fault), "no-such-file", &summary,
                                       message, sizeof(message)),
                     DENGINE_E_NOT_FOUND);
    de_snapshot_kit_deinit(&kit);
}

/* The image, byte for byte: a change of the format must be noticed. */
static void the_image_is_laid_out_as_documented(void **state)
{
    struct de_snapshot_kit kit;
    const uint8_t *bytes;
    uint64_t size = 0;
    uint32_t crc;
    size_t end;

    (void)state;
    setup(&kit);
    bytes = bytes_of(&kit, &size);
    end = (size_t)size - DE_SNAPSHOT_END_BYTES;
    assert_memory_equal(bytes, "DENGSNAP", 8);
    assert_int_equal(de_load_u32(bytes + 8), 1);
    assert_int_equal(de_load_u32(bytes + 12), 65536);
    assert_int_equal(de_load_u64(bytes + 16), 9);
    assert_int_equal(de_load_u64(bytes + 24), INDEX);
    assert_int_equal(de_load_u64(bytes + 32), 4);
    assert_int_equal(de_load_u32(bytes + 40), CONFIGURATION_BYTES);
    crc = de_crc32c(de_crc32c(0, bytes, 44), bytes + 48, CONFIGURATION_BYTES);
    assert_int_equal(de_load_u32(bytes + 44), crc);
    assert_int_equal(de_load_u32(bytes + FIRST_BLOCK), 65536);
    assert_int_equal(de_load_u32(bytes + FIRST_BLOCK + 2 * BLOCK_STEP), 150000 - 2 * 65536);
    assert_int_equal(de_load_u32(bytes + end), 0);
    assert_int_equal(de_load_u64(bytes + end + 8), 150000);
    crc = de_crc32c(0, bytes, FIRST_BLOCK);
    for (size_t i = 0; i < 3; i++) {
        crc = de_crc32c(crc, bytes + FIRST_BLOCK + i * BLOCK_STEP, DE_SNAPSHOT_BLOCK_HEAD_BYTES);
    }
    assert_int_equal(de_load_u32(bytes + end + 16), crc);
    assert_int_equal(de_load_u32(bytes + end + 20), 0);
    de_snapshot_kit_deinit(&kit);
}

struct field {
    size_t offset;
    size_t size;
    int error;
    const char *place;
};

static void flip_field(struct de_snapshot_kit *kit, const struct field *field)
{
    for (size_t i = 0; i < field->size; i++) {
        for (unsigned bit = 0; bit < 8; bit += 7) {
            uint64_t size = 0;
            uint8_t *bytes = bytes_of(kit, &size);

            bytes[field->offset + i] ^= (uint8_t)(1u << bit);
            expect_refused(kit, field->error, field->place);
            bytes = bytes_of(kit, &size);
            bytes[field->offset + i] ^= (uint8_t)(1u << bit);
        }
    }
}

static void each_field_is_guarded(void **state)
{
    struct de_snapshot_kit kit;
    uint64_t size = 0;
    uint64_t found = 0;

    (void)state;
    setup(&kit);
    (void)bytes_of(&kit, &size);
    {
        const size_t end = (size_t)size - DE_SNAPSHOT_END_BYTES;
        const struct field fields[] = {
            {0, 8, DENGINE_E_CORRUPT, "at byte 0"},  /* magic */
            {8, 4, DENGINE_E_CORRUPT, "at byte 0"},  /* version */
            {12, 4, DENGINE_E_CORRUPT, "at byte 0"}, /* block size */
            {16, 8, DENGINE_E_CORRUPT, "at byte 0"}, /* cluster id */
            {24, 8, DENGINE_E_CORRUPT, "at byte 0"}, /* index */
            {32, 8, DENGINE_E_CORRUPT, "at byte 0"}, /* term */
            {40, 4, DENGINE_E_CORRUPT, "at byte "},  /* length of the configuration */
            {44, 4, DENGINE_E_CORRUPT, "at byte 0"}, /* checksum */
            {48, CONFIGURATION_BYTES, DENGINE_E_CORRUPT, "at byte 0"},
            {FIRST_BLOCK + 4, 4, DENGINE_E_CORRUPT, "block 0, at byte 51,"},
            {FIRST_BLOCK + 8, 3, DENGINE_E_CORRUPT, "block 0, at byte 51,"},
            {FIRST_BLOCK + BLOCK_STEP + 4, 4, DENGINE_E_CORRUPT, "block 1, at byte 65595,"},
            {FIRST_BLOCK + BLOCK_STEP + 20000, 2, DENGINE_E_CORRUPT, "block 1, at byte 65595,"},
            {FIRST_BLOCK + 2 * BLOCK_STEP + 8, 2, DENGINE_E_CORRUPT, "block 2, at byte 131139,"},
            {end + 4, 20, DENGINE_E_CORRUPT, "(at byte 150075)"},
        };

        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
            flip_field(&kit, &fields[i]);
        }
        /* A length that changes what the bytes behind it are taken for. */
        for (size_t i = 0; i < 4; i++) {
            const struct field lengths[] = {
                {FIRST_BLOCK + i, 1, DENGINE_E_CORRUPT, "at byte "},
                {FIRST_BLOCK + 2 * BLOCK_STEP + i, 1, DENGINE_E_CORRUPT, "at byte "},
                {end + i, 1, DENGINE_E_CORRUPT, "at byte "},
            };

            flip_field(&kit, &lengths[0]);
            flip_field(&kit, &lengths[1]);
            flip_field(&kit, &lengths[2]);
        }
    }
    assert_int_equal(de_snapshot_kit_check(&kit, INDEX, &found), 0);
    de_snapshot_kit_deinit(&kit);
}

/* A version is another one only when the header's checksum says so as well: rot is no version. */
static void another_version_is_told_from_damage(void **state)
{
    struct de_snapshot_kit kit;
    uint64_t size = 0;
    uint8_t *bytes;

    (void)state;
    setup(&kit);
    for (uint32_t version = 0; version < 3; version += 2) {
        bytes = bytes_of(&kit, &size);
        de_store_u32(bytes + 8, version);
        expect_refused(&kit, DENGINE_E_CORRUPT, "at byte 0");
        bytes = bytes_of(&kit, &size);
        de_store_u32(bytes + 44,
                     de_crc32c(de_crc32c(0, bytes, 44), bytes + 48, CONFIGURATION_BYTES));
        expect_refused(&kit, DENGINE_E_VERSION, "another version of dengine");
    }
    de_snapshot_kit_deinit(&kit);
}

static void two_blocks_cannot_change_places(void **state)
{
    struct de_snapshot_kit kit;
    uint8_t *first = malloc(BLOCK_STEP);
    uint64_t size = 0;
    uint8_t *bytes;

    (void)state;
    assert_non_null(first);
    setup(&kit);
    bytes = bytes_of(&kit, &size);
    memcpy(first, bytes + FIRST_BLOCK, BLOCK_STEP);
    memmove(bytes + FIRST_BLOCK, bytes + FIRST_BLOCK + BLOCK_STEP, BLOCK_STEP);
    memcpy(bytes + FIRST_BLOCK + BLOCK_STEP, first, BLOCK_STEP);
    expect_refused(&kit, DENGINE_E_CORRUPT, "block 0, at byte 51,");
    free(first);
    de_snapshot_kit_deinit(&kit);
}

/* Cut at each length near a boundary. */
static void a_file_that_is_cut_is_told(void **state)
{
    struct de_snapshot_kit kit;
    uint64_t size = 0;

    (void)state;
    setup(&kit);
    (void)bytes_of(&kit, &size);
    while (size > 0) {
        const uint64_t from = FIRST_BLOCK + (size - FIRST_BLOCK) / BLOCK_STEP * BLOCK_STEP;

        if (size > FIRST_BLOCK + 200 && size > from + 20 && size < from + BLOCK_STEP - 20 &&
            size < 150000) {
            size = from + 20; /* the middle of a block is all the same */
        } else {
            size--;
        }
        de_fault_dir_cut(kit.fault, NAME, size);
        expect_refused(&kit, DENGINE_E_CORRUPT, "too early");
    }
    de_snapshot_kit_deinit(&kit);
}

static void a_file_with_something_behind_is_told(void **state)
{
    struct de_snapshot_kit kit;
    struct dengine_dir dir;
    struct dengine_file *file;
    struct dengine_slice more = dengine_bytes("\0", 1);
    uint64_t size = 0;

    (void)state;
    setup(&kit);
    (void)bytes_of(&kit, &size);
    dir = de_fault_dir_dir(kit.fault);
    assert_int_equal(dir.ops->open(dir.object, NAME, DENGINE_FILE_WRITE, &file), 0);
    assert_int_equal(dir.ops->write(dir.object, file, size, &more, 1), 0);
    dir.ops->close(dir.object, file);
    expect_refused(&kit, DENGINE_E_CORRUPT, "follows the end");
    de_snapshot_kit_deinit(&kit);
}

static void a_file_under_another_name_is_told(void **state)
{
    struct de_snapshot_kit kit;
    struct dengine_dir dir;
    struct dengine_snapshot_meta meta;
    uint64_t found = 0;

    (void)state;
    setup(&kit);
    de_snapshot_kit_close(&kit);
    dir = de_fault_dir_dir(kit.fault);
    assert_int_equal(dir.ops->rename(dir.object, NAME, "snapshot-0000000000000007.snap"), 0);
    assert_int_equal(de_snapshot_kit_open(&kit), 0);
    assert_int_equal(de_snapshot_kit_check(&kit, 7, &found), DENGINE_E_CORRUPT);
    assert_int_equal(kit.store.ops->newest(kit.store.object, &meta), DENGINE_E_CORRUPT);
    assert_non_null(strstr(kit.store.ops->message(kit.store.object), "another index"));
    de_snapshot_kit_deinit(&kit);
}

/* A damaged newest one is healed by a transfer of the same, and by a newer one. */
static void a_damaged_one_is_replaced(void **state)
{
    struct de_snapshot_kit kit;
    uint64_t size = 0;
    uint64_t found = 0;
    bool whole = false;

    (void)state;
    setup(&kit);
    bytes_of(&kit, &size)[FIRST_BLOCK + 100] ^= 1;
    assert_int_equal(de_snapshot_kit_check(&kit, 0, &found), DENGINE_E_CORRUPT);
    assert_int_equal(de_snapshot_kit_receive(&kit, INDEX, UINT64_MAX, &whole), 0);
    assert_int_equal(de_snapshot_kit_check(&kit, 0, &found), 0);
    bytes_of(&kit, &size)[FIRST_BLOCK + 100] ^= 1;
    assert_int_equal(de_snapshot_kit_save(&kit, INDEX + 1), 0);
    assert_int_equal(de_snapshot_kit_check(&kit, 0, &found), 0);
    assert_int_equal(found, INDEX + 1);
    de_snapshot_kit_deinit(&kit);
}

static void a_disk_that_cannot_be_read_is_reported(void **state)
{
    struct de_snapshot_kit kit;
    uint64_t found = 0;

    (void)state;
    setup(&kit);
    de_fault_dir_fail_reads(kit.fault, DENGINE_E_IO);
    assert_int_equal(de_snapshot_kit_check(&kit, 0, &found), DENGINE_E_IO);
    assert_non_null(strstr(kit.store.ops->message(kit.store.object), NAME));
    de_fault_dir_fail_reads(kit.fault, 0);
    assert_int_equal(de_snapshot_kit_check(&kit, 0, &found), 0);
    de_snapshot_kit_deinit(&kit);
}

static void other_files_are_left_alone(void **state)
{
    static const char *const names[] = {
        "wal-0000000000000001.seg", "snapshot-000000000000000G.snap",
        "snapshot-0000000000000000.snap", "snapshot-000000000000000A.snap",
        "snapshot-0000000000000001.snap~"};
    struct de_snapshot_kit kit;
    struct dengine_dir dir;
    uint64_t found = 0;

    (void)state;
    setup(&kit);
    de_snapshot_kit_close(&kit);
    dir = de_fault_dir_dir(kit.fault);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct dengine_file *file;

        assert_int_equal(dir.ops->open(dir.object, names[i], DENGINE_FILE_CREATE, &file), 0);
        dir.ops->close(dir.object, file);
    }
    assert_int_equal(de_snapshot_kit_open(&kit), 0);
    for (uint64_t index = INDEX + 1; index < INDEX + 5; index++) {
        assert_int_equal(de_snapshot_kit_save(&kit, index), 0);
    }
    assert_int_equal(de_snapshot_kit_check(&kit, 0, &found), 0);
    assert_int_equal(found, INDEX + 4);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(dir.ops->remove(dir.object, names[i]), 0);
    }
    de_snapshot_kit_deinit(&kit);
}

static int save_receive_and_check(struct de_snapshot_kit *kit)
{
    uint64_t found = 0;
    bool whole = false;
    int error = de_snapshot_kit_open(kit);

    if (error == 0) {
        error = de_snapshot_kit_save(kit, 3);
    }
    if (error == 0) {
        error = de_snapshot_kit_receive(kit, 4, UINT64_MAX, &whole);
    }
    if (error == 0) {
        error = de_snapshot_kit_check(kit, 0, &found);
    }
    return error;
}

static void without_memory_nothing_is_left_open(void **state)
{
    int error = DENGINE_E_NO_MEMORY;
    size_t failures = 0;

    (void)state;
    for (size_t at = 0; error != 0; at++) {
        struct de_snapshot_kit kit;
        struct de_test_heap heap;
        uint64_t found = 0;

        de_snapshot_kit_init(&kit);
        de_test_heap_init(&heap);
        kit.allocator = &heap.allocator;
        heap.resizes_max = at;
        error = save_receive_and_check(&kit);
        assert_true(error == 0 || error == DENGINE_E_NO_MEMORY);
        failures += error != 0;
        heap.resizes_max = SIZE_MAX;
        de_snapshot_kit_close(&kit);
        assert_int_equal(heap.blocks, 0);
        assert_int_equal(de_snapshot_kit_open(&kit), 0);
        assert_int_equal(de_snapshot_kit_save(&kit, 5), 0);
        assert_int_equal(de_snapshot_kit_check(&kit, 0, &found), 0);
        de_snapshot_kit_deinit(&kit);
        assert_int_equal(heap.blocks, 0);
    }
    assert_true(failures >= 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_passes),
        cmocka_unit_test(the_image_is_laid_out_as_documented),
        cmocka_unit_test(each_field_is_guarded),
        cmocka_unit_test(another_version_is_told_from_damage),
        cmocka_unit_test(two_blocks_cannot_change_places),
        cmocka_unit_test(a_file_that_is_cut_is_told),
        cmocka_unit_test(a_file_with_something_behind_is_told),
        cmocka_unit_test(a_file_under_another_name_is_told),
        cmocka_unit_test(a_damaged_one_is_replaced),
        cmocka_unit_test(a_disk_that_cannot_be_read_is_reported),
        cmocka_unit_test(other_files_are_left_alone),
        cmocka_unit_test(without_memory_nothing_is_left_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
